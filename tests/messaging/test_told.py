"""What two nodes tell each other ends in the same records, whatever was told twice, late or by a faulty peer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests_support import AMINA, IMEI, YUSUF, sms, sync, tell

from appliance.domain.failure import failure
from appliance.domain.ids import Incarnation, make_id
from appliance.domain.lifecycle import LinkState, Outgoing
from appliance.domain.records import Actor, DeliveryReport, Direction, Role
from appliance.messaging import accounts, compose, identity, inbox, outbox, receipts, receive, replica, status
from appliance.store import Store, content, journal
from appliance.store import tables as t
from appliance.wire import chain
from appliance.wire.kinds import ContactEntry, LineEntry, MessageEntry, digest_of, encode_body

STAFF = Actor("Fatima", None, Role.RESPONDER)
EPOCH = 77
LANE = journal.Lane("baidoa", EPOCH, 1)


def told(store: Store, seq: int, entry: object, beside: tuple[bytes, str] | None = None) -> bool:
    body = encode_body(entry, epoch=EPOCH, delta_ms=0)
    with store.write() as tx:
        return replica.apply(tx, LANE, journal.JournalEntry(seq, body, beside, chain.GENESIS, 0))


def tell_line(store: Store, seq: int, number: int, address: str, scheme: str = "tel") -> bool:
    beside = (b"saltsalt", address)
    return told(store, seq, LineEntry(number, scheme, digest_of(*beside)), beside)


def message_entry(text: str = "hello", first: int = 1, **changes: object) -> tuple[MessageEntry, tuple[bytes, str]]:
    ids = [make_id(Incarnation(EPOCH), n) for n in range(first, first + 4)]
    beside = (b"saltsalt", text)
    entry = MessageEntry(
        message=ids[0], conversation=ids[1], contact=ids[2], line=1, direction="in", carrier="baidoa", state="received",
        encoding="gsm7", parts=1, at=1, clock="ntp", content=ids[3], digest=digest_of(*beside),
    )  # fmt: skip
    return replace(entry, **changes), beside


def both(box: Store, hub: Store) -> tuple[inbox.ConversationView, inbox.ConversationView]:
    (one,), (other,) = inbox.conversations(box), inbox.conversations(hub)
    return one, other


def test_writer_with_any_name_reaches_the_other_node(box: Store, hub: Store) -> None:
    """Names hold joiners and fixed spaces in many scripts; a message is never parked because of them."""
    status.link_state(hub, "baidoa", LinkState.ONLINE)
    writer = Actor("Mona\u00a0نمی\u200cدانم", None, Role.RESPONDER)
    sent = compose.accept(hub, compose.Draft(AMINA, "We come"), writer)
    sync(box, hub)
    assert inbox.message(box, sent.id).author == writer.name


def test_displayed_name_of_an_account_is_one_clean_line(box: Store) -> None:
    """What stands beside every message is written once, without line breaks or control characters."""
    made = accounts.create_user(box, "mona", "long-enough", display=" Mona\nAli\x00 ", role=Role.RESPONDER)
    assert made.name == "Mona Ali\ufffd"


def test_every_word_of_the_carrier_is_newer_than_the_one_before(box: Store, hub: Store) -> None:
    """I7: a report that takes a failure back, or a part lost after another failed, reaches the hub as well."""
    sent = compose.accept(box, compose.Draft(AMINA, "word " * 50), STAFF)
    first = outbox.claim(box, IMEI)
    outbox.accepted(box, first.attempt, 1)
    second = outbox.claim(box, IMEI)
    receipts.accept_report(box, DeliveryReport(AMINA, 1, 0x45, IMEI, b"failed"))
    sync(box, hub)
    outbox.lost(box, second.attempt, failure("sms.power"))
    sync(box, hub)
    assert inbox.message(box, sent.id).state is inbox.message(hub, sent.id).state is Outgoing.UNCERTAIN
    receipts.accept_report(box, DeliveryReport(AMINA, 2, 0x00, IMEI, b"arrived"))
    sync(box, hub)
    assert inbox.message(box, sent.id).state is inbox.message(hub, sent.id).state is Outgoing.FAILED
    receipts.accept_report(box, DeliveryReport(AMINA, 1, 0x00, IMEI, b"arrived after all"))
    sync(box, hub)
    assert inbox.message(box, sent.id).state is inbox.message(hub, sent.id).state is Outgoing.DELIVERED


def test_failure_taken_back_is_sent_on_both_nodes(box: Store, hub: Store) -> None:
    """I7: failed, then sent again by its report, is not failed for ever at the hub."""
    sent = compose.accept(box, compose.Draft(AMINA, "word " * 50), STAFF)
    for tp_mr in (1, 2):
        outbox.accepted(box, outbox.claim(box, IMEI).attempt, tp_mr)
    for code in (0x45, 0x00):
        receipts.accept_report(box, DeliveryReport(AMINA, 1, code, IMEI, bytes([code])))
        sync(box, hub)
    assert inbox.message(box, sent.id).state is inbox.message(hub, sent.id).state is Outgoing.SENT


def test_joined_text_told_again_from_its_first_part_is_not_lost(box: Store, hub: Store) -> None:
    """I6: an older telling of the same message takes nothing away."""
    for number in (1, 2):
        receive.accept(box, sms(f"part {number} ", reference=9, part=number, of=3))
    tell(box, hub)
    before = [(m.text, m.missing_parts) for m in inbox.messages_since(hub, 0, 9)]
    with box.read() as tx:
        (lane,) = journal.outgoing(tx, "hub")
        entries = journal.read(tx, lane.lane, 0, max_entries=100, max_bytes=1 << 20)
    with hub.write() as tx:
        tx.run(t.Received.delete())
        for entry in entries:
            replica.apply(tx, lane.lane.__class__("baidoa", lane.lane.epoch, 1), entry)
    assert [(m.text, m.missing_parts) for m in inbox.messages_since(hub, 0, 9)] == before
    assert before == [("part 1 part 2  […] ", (3,))]


def test_content_is_never_overwritten_by_another(hub: Store) -> None:
    """SY2: the same id with another digest is refused, and what was there stays."""
    with hub.write() as tx:
        kept = content.keep(tx, "truth")
        lie = (b"saltsalt", "lie")
        assert not content.keep_received(tx, kept.id, digest=digest_of(*lie), content=lie)
        found = content.read(tx, kept.id)
    assert found is not None
    assert found[1] == "truth"


def test_names_given_at_one_instant_end_the_same(box: Store, hub: Store) -> None:
    """I7: equal hybrid times are decided by the name itself."""
    receive.accept(box, sms("hello"))
    sync(box, hub)
    with hub.read() as tx:
        (row,) = tx.all(t.Contacts.select())
    for store, name in ((box, "Amina"), (hub, "Zahra")):
        with store.write() as tx:
            tx.run(t.Node.update(hlc=tx.now.ms << 17))
        inbox.name_contact(store, row["id"], name, STAFF)
    sync(box, hub)
    assert [c.name for c in both(box, hub)] == ["Zahra", "Zahra"]


def test_name_given_with_a_clock_far_behind_still_counts(box: Store, hub: Store, clock) -> None:
    """I7: who corrects a name has seen the one before, whatever the clock says."""
    receive.accept(box, sms("hello"))
    sync(box, hub)
    clock.advance(3600)
    inbox.name_contact(hub, both(box, hub)[1].contact, "Amina", STAFF)
    clock.set_wall(1_000_000_000_000)
    sync(box, hub)
    inbox.name_contact(box, both(box, hub)[0].contact, "Amina Hassan", STAFF)
    sync(box, hub)
    assert [c.name for c in both(box, hub)] == ["Amina Hassan", "Amina Hassan"]


def test_all_lines_of_a_joined_person_lead_to_one(hub: Store) -> None:
    """A person told with two lines, the first of which joins it to another, is found by the second as well."""
    with hub.write() as tx:
        lead = identity.known(tx, AMINA, box="baidoa").contact
    tell_line(hub, 1, 1, AMINA.address)
    tell_line(hub, 2, 2, YUSUF.address)
    other = make_id(Incarnation((1 << 60) - 1), 5)
    assert told(hub, 3, ContactEntry(other, (1, 2)))
    with hub.write() as tx:
        assert identity.known(tx, YUSUF, box="baidoa").contact == lead


def test_automatic_answer_leaves_the_person_waiting_on_both_nodes(box: Store, hub: Store) -> None:
    """I7: the confirmation of a STOP answers nobody's question."""
    receive.accept(box, sms("the pump is broken"))
    receive.accept(box, sms("STOP", sent_at=1_700_000_100_000))
    sync(box, hub)
    one, other = both(box, hub)
    assert one.waiting_since == other.waiting_since is not None


def test_answer_that_crossed_a_newer_question_leaves_it_waiting(box: Store, hub: Store, clock) -> None:
    """I7: what the hub answered before it saw the second question does not answer it."""
    status.link_state(hub, "baidoa", LinkState.ONLINE)
    receive.accept(box, sms("first"))
    sync(box, hub)
    clock.advance(10)
    compose.reply(hub, both(box, hub)[1].id, "To the first", STAFF)
    clock.advance(10)
    receive.accept(box, sms("second", sent_at=1_700_000_100_000))
    asked_at = clock.now().ms
    sync(box, hub)
    assert [c.waiting_since for c in both(box, hub)] == [asked_at, asked_at]


@pytest.mark.parametrize("changes", [{"at": 1 << 60}, {"at": -1}, {"expires_at": 1 << 60}], ids=str)
def test_time_no_calendar_holds_is_parked(hub: Store, changes: dict[str, object]) -> None:
    """One senseless time must not spoil the list it would stand in."""
    assert tell_line(hub, 1, 1, AMINA.address)
    entry, beside = message_entry(**changes)
    assert not told(hub, 2, entry, beside)
    assert inbox.messages_since(hub, 0, 9, Direction.IN) == []


def test_address_longer_than_any_is_parked(hub: Store) -> None:
    """A line no index takes is kept with its reason, and blocks nothing."""
    rare = "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(9000))
    assert not tell_line(hub, 1, 1, rare)
    assert tell_line(hub, 2, 1, AMINA.address)
