"""One villager, one box, one hub: what is received, answered, told and decided."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests_support import AMINA, IMEI, YUSUF, sms, sync, tell

from appliance.domain.address import Line, Scheme
from appliance.domain.failure import Refused, failure
from appliance.domain.ids import Incarnation, make_id
from appliance.domain.lifecycle import Incoming, ModemState, Outgoing, PartEvent
from appliance.domain.records import Actor, DeliveryReport, Direction, ModemStatus, Role
from appliance.domain.text import Encoding
from appliance.messaging import accounts, compose, inbox, modems, outbox, receipts, receive, replica, status
from appliance.store import Store, journal
from appliance.store import tables as t
from appliance.wire import chain
from appliance.wire.kinds import LineEntry, MessageEntry, digest_of, encode_body

STAFF = Actor("Fatima", None, Role.RESPONDER)


def only_conversation(store: Store):
    (row,) = inbox.conversations(store)
    return row


def only_message(store: Store, direction: Direction):
    (row,) = inbox.messages_since(store, 0, 100, direction)
    return row


def report(box: Store, tp_mr: int, status_: int = 0, line: Line = AMINA) -> bool:
    return receipts.accept_report(box, DeliveryReport(line, tp_mr, status_, IMEI, b"report"))


def send(box: Store, tp_mr: int = 1) -> None:
    modems.report(box, ModemStatus(IMEI, ModemState.READY))
    claim = outbox.claim(box, IMEI)
    assert claim is not None
    outbox.accepted(box, claim.attempt, tp_mr)


def test_same_part_read_twice_is_one_message(box: Store) -> None:
    """I2: reading again after a crash adds nothing."""
    first = receive.accept(box, sms("water is dirty"))
    again = receive.accept(box, sms("water is dirty"))
    assert (first.duplicate, again.duplicate, first.message) == (False, True, again.message)
    assert only_conversation(box).unread == 1


def test_same_part_through_another_service_centre_is_one_message(box: Store) -> None:
    """A second delivery may differ in its first octet or its SMSC, never in what the sender's network stamped."""
    receive.accept(box, sms("water is dirty", raw=b"one"))
    assert receive.accept(box, sms("water is dirty", raw=b"two")).duplicate


def test_same_words_without_a_readable_time_are_told_apart_by_the_octets(box: Store) -> None:
    """Where the service centre's time cannot be read, the PDU still says what is one message and what is two."""
    one = receive.accept(box, sms("help", sent_at=None, raw=b"stamp 1"))
    assert receive.accept(box, sms("help", sent_at=None, raw=b"stamp 1")).duplicate
    assert receive.accept(box, sms("help", sent_at=None, raw=b"stamp 2")).message != one.message


def test_same_words_at_another_time_are_two_messages(box: Store) -> None:
    """Never recognised by text alone."""
    receive.accept(box, sms("help"))
    receive.accept(box, sms("help", sent_at=1_700_000_009_000))
    assert len(inbox.thread(box, only_conversation(box).id)) == 2


def test_parts_in_any_order_become_one_text(box: Store) -> None:
    """A missing part is told, and filled in place when it comes."""
    parts = ["The well ", "is dry since ", "Tuesday"]
    for number in (3, 1):
        receive.accept(box, sms(parts[number - 1], reference=9, part=number, of=3))
    message = only_message(box, Direction.IN)
    assert (message.state, message.missing_parts) == (Incoming.INCOMPLETE, (2,))
    assert message.text == "The well  […] Tuesday"
    receive.accept(box, sms(parts[1], reference=9, part=2, of=3))
    message = only_message(box, Direction.IN)
    assert (message.state, message.text, message.missing_parts) == (Incoming.RECEIVED, "".join(parts), ())
    assert only_conversation(box).unread == 1


def test_reference_used_again_begins_another_message(box: Store) -> None:
    """A second message with the same reference is not mixed into the first."""
    receive.accept(box, sms("one/", reference=5, part=1, of=2))
    receive.accept(box, sms("uno/", reference=5, part=1, of=2, sent_at=1_700_000_500_000))
    assert len(inbox.messages_since(box, 0, 10)) == 2


@pytest.mark.parametrize("text", ["", "<script>alert(1)</script>", "\u202eevil", "a\x00b", "😀", "\ud800", "x" * 2000])
def test_any_text_is_kept_and_shown(box: Store, text: str) -> None:
    """Hostile or unlucky text is normalised on entry, never refused."""
    receive.accept(box, sms(text))
    shown = only_message(box, Direction.IN).text
    assert shown == text.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")


def test_bytes_nobody_can_read_are_kept_as_they_came(box: Store) -> None:
    """IN3: visible, raw bytes kept, and once only."""
    one = receive.keep_undecodable(box, b"\xff\xff", IMEI, "not a PDU")
    assert receive.keep_undecodable(box, b"\xff\xff", IMEI, "not a PDU") == one
    message = inbox.message(box, one)
    assert message is not None
    assert message.failure == failure("sms.undecodable")
    with box.read() as tx:
        assert [bytes(r["pdu"]) for r in tx.all(t.Content.select().where(t.Content.pdu.is_null(False)))] == [
            b"\xff\xff"
        ]


def test_reply_is_sent_and_delivered_by_its_report(box: Store) -> None:
    """The ticks follow the network's words."""
    receive.accept(box, sms("hello"))
    message = compose.reply(box, only_conversation(box).id, "We come", STAFF)
    assert message.state is Outgoing.QUEUED
    send(box, 7)
    assert inbox.message(box, message.id).state is Outgoing.SENT
    assert report(box, 7)
    done = inbox.message(box, message.id)
    assert done.state is Outgoing.DELIVERED
    assert [step.state for step in done.history] == ["queued", "sending", "sent", "delivered"]


def test_report_for_another_phone_or_number_changes_nothing(box: Store) -> None:
    """TP-MR alone proves nothing."""
    receive.accept(box, sms("hello"))
    message = compose.reply(box, only_conversation(box).id, "We come", STAFF)
    send(box, 7)
    assert not report(box, 7, line=YUSUF)
    assert not report(box, 8)
    assert inbox.message(box, message.id).state is Outgoing.SENT


def test_report_in_national_form_is_matched(box: Store) -> None:
    """An operator may write the number in its own form."""
    receive.accept(box, sms("hello"))
    message = compose.reply(box, only_conversation(box).id, "We come", STAFF)
    send(box, 7)
    assert report(box, 7, line=Line(Scheme.SHORT, "0615550143"))
    assert inbox.message(box, message.id).state is Outgoing.DELIVERED


@pytest.mark.parametrize(
    ("code", "state"), [(0x20, Outgoing.SENT), (0x01, Outgoing.SENT), (0x45, Outgoing.FAILED), (0x63, Outgoing.FAILED)]
)
def test_status_of_a_report_decides(box: Store, code: int, state: Outgoing) -> None:
    """Still trying changes nothing; given up is failed (3GPP TS 23.040 §9.2.3.15)."""
    receive.accept(box, sms("hello"))
    message = compose.reply(box, only_conversation(box).id, "We come", STAFF)
    send(box, 7)
    report(box, 7, code)
    assert inbox.message(box, message.id).state is state


def test_attempt_left_open_is_uncertain_and_not_claimed_again(box: Store) -> None:
    """I3: after a crash nobody sends blindly again."""
    receive.accept(box, sms("hello"))
    message = compose.reply(box, only_conversation(box).id, "We come", STAFF)
    outbox.claim(box, IMEI)
    assert outbox.recover(box) == 1
    assert inbox.message(box, message.id).state is Outgoing.UNCERTAIN
    assert outbox.claim(box, IMEI) is None
    assert status.snapshot(box).queue.uncertain == 1


def test_uncertain_is_settled_by_its_report(box: Store) -> None:
    """Evidence: the expected reference to the same phone."""
    receive.accept(box, sms("hello"))
    first = only_conversation(box).id
    compose.reply(box, first, "one", STAFF)
    send(box, 41)
    message = compose.reply(box, first, "two", STAFF)
    outbox.claim(box, IMEI)
    outbox.recover(box)
    assert report(box, 42)
    assert inbox.message(box, message.id).state is Outgoing.DELIVERED


@pytest.mark.parametrize(
    ("event", "state"),
    [(PartEvent.RESEND, Outgoing.QUEUED), (PartEvent.ARRIVED, Outgoing.SENT), (PartEvent.GIVE_UP, Outgoing.FAILED)],
)
def test_person_decides_about_an_uncertain_message(box: Store, event: PartEvent, state: Outgoing) -> None:
    """Send again, It arrived, Leave it."""
    receive.accept(box, sms("hello"))
    message = compose.reply(box, only_conversation(box).id, "We come", STAFF)
    outbox.claim(box, IMEI)
    outbox.recover(box)
    assert compose.decide(box, message.id, event, STAFF).state is state
    with pytest.raises(Refused):
        compose.decide(box, message.id, PartEvent.ARRIVED, STAFF)


def test_refusal_by_the_network_waits_and_gives_up_in_the_end(box: Store, clock) -> None:
    """Retry with back-off and a limit; a final refusal fails at once."""
    receive.accept(box, sms("hello"))
    message = compose.reply(box, only_conversation(box).id, "We come", STAFF)
    claim = outbox.claim(box, IMEI)
    outbox.deferred(box, claim.attempt, failure("sms.busy"))
    waiting = inbox.message(box, message.id)
    assert (waiting.state, waiting.failure) == (Outgoing.WAITING, failure("sms.busy"))
    assert outbox.claim(box, IMEI) is None
    assert outbox.next_due(box) == 15
    clock.advance(16)
    claim = outbox.claim(box, IMEI)
    outbox.deferred(box, claim.attempt, failure("sms.number"))
    assert inbox.message(box, message.id).state is Outgoing.FAILED


def test_expired_message_is_never_sent(box: Store, clock) -> None:
    """OUT6: what passed its time is told, not sent."""
    draft = compose.Draft(AMINA, "meeting at nine", expires_at=clock.now().ms + 60_000)
    message = compose.accept(box, draft, STAFF)
    clock.advance(61)
    assert outbox.claim(box, IMEI) is None
    assert inbox.message(box, message.id).state is Outgoing.EXPIRED


@pytest.mark.parametrize(
    ("text", "code"), [("", "input.empty"), (" \n", "input.empty"), ("x" * 1531, "input.too-long")]
)
def test_text_that_cannot_go_is_refused_in_words(box: Store, text: str, code: str) -> None:
    """Empty, and more than ten parts."""
    with pytest.raises(Refused) as refused:
        compose.accept(box, compose.Draft(AMINA, text), STAFF)
    assert refused.value.failure.code == code
    assert inbox.messages_since(box, 0, 10) == []


def test_long_text_goes_out_in_parts_under_one_reference(box: Store) -> None:
    """Each part is claimed in order and sent only when all are."""
    text = "علم " * 40
    message = compose.accept(box, compose.Draft(AMINA, text), STAFF)
    claims = []
    for number in range(len(message.parts)):
        claim = outbox.claim(box, IMEI)
        claims.append(claim)
        outbox.accepted(box, claim.attempt, number)
        expected = Outgoing.SENT if number == len(message.parts) - 1 else Outgoing.SENDING
        assert inbox.message(box, message.id).state is expected
    assert "".join(claim.text for claim in claims) == text
    assert len({claim.reference for claim in claims}) == 1
    assert claims[0].encoding is Encoding.UCS2


def test_stop_is_confirmed_once_and_silences_what_waits(box: Store) -> None:
    """I8: one confirmation; nothing else goes until the person writes again."""
    receive.accept(box, sms("hello"))
    conversation = only_conversation(box).id
    waiting = compose.reply(box, conversation, "soon", STAFF)
    for n in range(3):
        receive.accept(box, sms("STOP", sent_at=1_700_000_100_000 + n * 1000))
    automatic = [m for m in inbox.messages_since(box, 0, 50, Direction.OUT) if m.author == "Fieldbox"]
    assert len(automatic) == 1
    assert inbox.message(box, waiting.id).state is Outgoing.REFUSED
    assert only_conversation(box).opted_out
    with pytest.raises(Refused, match="opted-out"):
        compose.reply(box, conversation, "but listen", STAFF)
    receive.accept(box, sms("Is the clinic open?", sent_at=1_700_000_200_000))
    assert compose.reply(box, conversation, "Yes", STAFF).state is Outgoing.QUEUED
    with pytest.raises(Refused, match="opted-out"):
        compose.accept(box, compose.Draft(AMINA, "News"), STAFF)
    receive.accept(box, sms("START", sent_at=1_700_000_300_000))
    assert compose.accept(box, compose.Draft(AMINA, "News"), STAFF).state is Outgoing.QUEUED


def test_sender_without_number_cannot_be_answered(box: Store) -> None:
    """An alphanumeric sender is shown and said."""
    receive.accept(box, sms("Top up now", Line(Scheme.ALNUM, "HORMUUD")))
    with pytest.raises(Refused, match="no-reply"):
        compose.reply(box, only_conversation(box).id, "Thanks", STAFF)


def test_same_request_twice_sends_once(box: Store) -> None:
    """A repeated key gives the same message; another request under it is refused."""
    once = compose.Once("k1", b"digest")
    one = compose.accept(box, compose.Draft(AMINA, "hi"), STAFF, once=once)
    assert compose.accept(box, compose.Draft(AMINA, "hi"), STAFF, once=once).id == one.id
    with pytest.raises(Refused, match="key-reused"):
        compose.accept(box, compose.Draft(AMINA, "ho"), STAFF, once=compose.Once("k1", b"other"))


def test_box_and_hub_hold_the_same_after_talking(box: Store, hub: Store) -> None:
    """I7: texts, reply from the hub, its states and STOP are the same on both sides."""
    receive.accept(box, sms("ماء غير نظيف"))
    receive.accept(box, sms("one ", reference=3, part=1, of=2))
    status.link_state(hub, "baidoa", status.LinkState.ONLINE)
    sync(box, hub)
    receive.accept(box, sms("two", reference=3, part=2, of=2))
    reply = compose.reply(hub, only_conversation(hub).id, "From the hub", STAFF)
    assert (reply.carrier, reply.state) == ("baidoa", Outgoing.QUEUED)
    sync(box, hub)
    send(box, 7)
    report(box, 7)
    receive.accept(box, sms("STOP", sent_at=1_700_000_100_000))
    sync(box, hub)
    seen = [{(m.id, m.text, m.state, m.direction) for m in inbox.messages_since(s, 0, 100)} for s in (box, hub)]
    assert seen[0] == seen[1]
    assert inbox.message(hub, reply.id).state is Outgoing.DELIVERED
    assert all(m.synced for s in (box, hub) for m in inbox.messages_since(s, 0, 100))
    assert only_conversation(hub).box == "baidoa"
    assert only_conversation(hub).opted_out
    with pytest.raises(Refused, match="opted-out"):
        compose.accept(hub, compose.Draft(AMINA, "News"), STAFF)


def test_same_person_met_on_both_nodes_becomes_one(box: Store, hub: Store) -> None:
    """Two contacts on one line: the smaller id leads on both nodes, and there is one conversation."""
    status.link_state(hub, "baidoa", status.LinkState.OFFLINE)
    receive.accept(box, sms("from the village"))
    compose.accept(hub, compose.Draft(AMINA, "from the hub"), STAFF)
    sync(box, hub)
    assert only_conversation(box).id == only_conversation(hub).id
    assert only_conversation(box).contact == only_conversation(hub).contact
    assert len(inbox.thread(hub, only_conversation(hub).id)) == 2
    assert {m.contact for s in (box, hub) for m in inbox.messages_since(s, 0, 9)} == {only_conversation(hub).contact}


def test_name_given_later_wins_on_both(box: Store, hub: Store, clock) -> None:
    """Per field, the later hybrid time."""
    receive.accept(box, sms("hello"))
    sync(box, hub)
    inbox.name_contact(box, only_conversation(box).contact, "Amina", STAFF)
    clock.advance(1)
    inbox.name_contact(hub, only_conversation(hub).contact, "Amina Hassan", STAFF)
    sync(box, hub)
    assert only_conversation(box).name == only_conversation(hub).name == "Amina Hassan"


def test_entry_that_cannot_be_applied_is_parked_and_blocks_nothing(box: Store, hub: Store) -> None:
    """Unknown kinds and rubbish are kept with their reason."""
    lane = journal.Lane("baidoa", int(box.node.incarnation), 1)
    with hub.write() as tx:
        digest = chain.GENESIS
        for seq, body in enumerate([b"\xff", b"\x84\x18\x63\x01\x00\xa0", b"\x84\x03\x01\x00\xa0"], start=1):
            digest = chain.extend(digest, body)
            assert not replica.apply(tx, lane, journal.JournalEntry(seq, body, None, digest, 0))
        assert journal.cursor(tx, lane).applied == 3
    with hub.read() as tx:
        assert all(row["parked"] for row in tx.all(t.Received.select()))


def test_wrong_password_is_braked_and_right_one_forgets(box: Store, clock) -> None:
    """Guessing gets slower; the brake runs on the clock that never jumps."""
    accounts.create_user(box, "amina", "long-enough", display="Amina", role=Role.ADMINISTRATOR)
    for _ in range(accounts.FREE_TRIES):
        with pytest.raises(Refused, match=r"auth\.wrong"):
            accounts.authenticate(box, "amina", "guess")
    with pytest.raises(Refused, match="throttled"):
        accounts.authenticate(box, "amina", "long-enough")
    clock.advance(3)
    assert accounts.authenticate(box, " Amina ", "long-enough").name == "Amina"


def test_token_opens_for_its_scopes_and_is_kept_as_digest(box: Store) -> None:
    """A token is shown once; the store cannot give it back."""
    user = accounts.create_user(box, "amina", "long-enough", display="Amina", role=Role.ADMINISTRATOR)
    token = accounts.create_token(box, user.user, {"messages:read"}, "test")
    assert accounts.actor_of_token(box, token).scopes == {"messages:read"}
    assert accounts.actor_of_token(box, token + "x") is None
    with box.read() as tx:
        assert token.encode() not in bytes(tx.one(t.Tokens.select())["digest"])


def test_telling_twice_changes_nothing(box: Store, hub: Store) -> None:
    """I6: an entry applied again (under another epoch) gives the same store."""
    receive.accept(box, sms("hello"))
    tell(box, hub)
    before = [(m.id, m.text, m.state) for m in inbox.messages_since(hub, 0, 10)]
    conversation = only_conversation(hub)
    with box.read() as tx:
        (lane,) = journal.outgoing(tx, "hub")
        entries = journal.read(tx, lane.lane, 0, max_entries=100, max_bytes=1 << 20)
    with hub.write() as tx:
        tx.run(t.Received.delete())
        for entry in entries:
            replica.apply(tx, journal.Lane("baidoa", lane.lane.epoch, 1), entry)
    assert [(m.id, m.text, m.state) for m in inbox.messages_since(hub, 0, 10)] == before
    assert only_conversation(hub) == conversation


def entry_of(body_entry, *, content=None, epoch=77):

    body = encode_body(body_entry, epoch=epoch, delta_ms=0)
    return journal.JournalEntry(1, body, content, chain.extend(chain.GENESIS, body), 0)


def told_message(hub: Store, **changes: object):
    """A message entry as a box would tell it, with one thing wrong."""
    ids = [make_id(Incarnation(77), n) for n in range(1, 5)]
    content = (b"saltsalt", str(changes.pop("text", "hello")))
    values = {
        "message": ids[0], "conversation": ids[1], "contact": ids[2], "line": 1, "direction": "in", "carrier": "baidoa", "state": "received",
        "encoding": "gsm7", "parts": 1, "at": 1, "clock": "ntp", "content": ids[3], "digest": digest_of(*content),
    }  # fmt: skip
    return entry_of(MessageEntry(**{**values, **changes}), content=content)


@pytest.mark.parametrize(
    "changes",
    [
        {"line": 99},
        {"carrier": "hub"},
        {"carrier": "garowe"},
        {"state": "nonsense"},
        {"direction": "sideways"},
        {"encoding": "morse"},
        {"digest": b"0" * 16},
        {"text": "a\x00b"},
        {"clock": "sundial"},
    ],
    ids=str,
)
def test_record_that_makes_no_sense_is_parked_and_leaves_nothing_behind(box: Store, hub: Store, changes) -> None:
    """A faulty box blocks nothing, and half of a record is never kept."""
    lane = journal.Lane("baidoa", 77, 1)
    address = (b"saltsalt", "+252615550143")
    with hub.write() as tx:
        assert replica.apply(tx, lane, entry_of(LineEntry(1, "tel", digest_of(*address)), content=address))
    with hub.write() as tx:
        entry = told_message(hub, **changes)
        assert not replica.apply(tx, lane, replace(entry, seq=2))
    assert inbox.messages_since(hub, 0, 10) == []
    assert inbox.conversations(hub) == []
    assert inbox.contacts_since(hub, 0, 10) == []
    with hub.read() as tx:
        assert journal.cursor(tx, lane).applied == 2


def test_box_takes_no_foreign_incoming_message_from_the_hub(box: Store) -> None:
    """What a box received is what its own modem read; nobody can invent it from outside."""
    lane = journal.Lane("hub", 77, 0)
    address = (b"saltsalt", "+252615550143")
    with box.write() as tx:
        assert replica.apply(tx, lane, entry_of(LineEntry(1, "tel", digest_of(*address)), content=address))
        assert not replica.apply(tx, lane, replace(told_message(box, direction="in"), seq=2))
    assert inbox.messages_since(box, 0, 10) == []


def test_token_without_scopes_is_refused(box: Store) -> None:
    """No scope would mean every right."""
    user = accounts.create_user(box, "amina", "long-enough", display="Amina", role=Role.ADMINISTRATOR)
    with pytest.raises(Refused):
        accounts.create_token(box, user.user, set(), "none")


def test_second_uncertain_part_does_not_take_the_report_of_the_first(box: Store) -> None:
    """After a lost part the next reference cannot be foretold: a report settles the one it certainly speaks of, or none."""
    receive.accept(box, sms("hello"))
    conversation = only_conversation(box).id
    compose.reply(box, conversation, "zero", STAFF)
    send(box, 10)
    first, second = (compose.reply(box, conversation, text, STAFF) for text in ("one", "two"))
    for _ in range(2):
        outbox.claim(box, IMEI)
        outbox.recover(box)
    assert report(box, 11)
    assert inbox.message(box, first.id).state is Outgoing.DELIVERED
    assert inbox.message(box, second.id).state is Outgoing.UNCERTAIN
    assert report(box, 12)
    assert inbox.message(box, second.id).state is Outgoing.DELIVERED
