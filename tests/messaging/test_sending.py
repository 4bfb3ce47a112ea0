"""Sending on days when the clock jumps, people change their minds and reports come late."""

from __future__ import annotations

import pytest
from tests_support import AMINA, IMEI, sms

from appliance.domain.failure import failure
from appliance.domain.lifecycle import Incoming, Outgoing, PartEvent
from appliance.domain.records import Actor, ClockQuality, DeliveryReport, Direction, Role
from appliance.messaging import compose, inbox, outbox, receipts, receive
from appliance.store import Store

STAFF = Actor("Fatima", None, Role.RESPONDER)
LONG_AGO = 1_000_000_000_000


def write(box: Store, text: str = "We come") -> inbox.MessageView:
    return compose.accept(box, compose.Draft(AMINA, text), STAFF)


def report(box: Store, tp_mr: int, code: int = 0) -> bool:
    return receipts.accept_report(box, DeliveryReport(AMINA, tp_mr, code, IMEI, b"report"))


def test_what_was_being_sent_when_stop_came_is_not_tried_again(box: Store, clock) -> None:
    """I8: a try that failed after the STOP is the last; the one confirmation still goes, however often it must be tried."""
    message = write(box)
    claim = outbox.claim(box, IMEI)
    receive.accept(box, sms("STOP"))
    outbox.deferred(box, claim.attempt, failure("sms.busy"))
    for _ in range(2):
        clock.advance(3600)
        confirmation = outbox.claim(box, IMEI)
        assert "START" in confirmation.text
        assert outbox.claim(box, IMEI) is None
        outbox.deferred(box, confirmation.attempt, failure("sms.busy"))
    assert inbox.message(box, message.id).state is Outgoing.REFUSED


def test_second_stop_holds_back_what_was_answered_before_it(box: Store) -> None:
    """I8: a person answers only what was written after the last STOP."""
    receive.accept(box, sms("STOP"))
    outbox.accepted(box, outbox.claim(box, IMEI).attempt, 1)
    receive.accept(box, sms("Is the clinic open?", sent_at=1_700_000_100_000))
    (conversation,) = inbox.conversations(box)
    answer = compose.reply(box, conversation.id, "Yes", STAFF)
    receive.accept(box, sms("STOP", sent_at=1_700_000_200_000))
    assert outbox.claim(box, IMEI) is None
    assert inbox.message(box, answer.id).state is Outgoing.REFUSED


@pytest.mark.parametrize("text", ["\u200fتوقف", "\u2068STOP\u2069", "\ufeffstop"])
def test_stop_with_marks_nobody_sees_is_heard(box: Store, text: str) -> None:
    """I8: phones set marks of writing direction around a word."""
    receive.accept(box, sms(text))
    assert inbox.conversations(box)[0].opted_out


def test_expired_message_is_sent_when_a_person_says_so(box: Store, clock) -> None:
    """Send anyway means it goes."""
    draft = compose.Draft(AMINA, "meeting at nine", expires_at=clock.now().ms + 60_000)
    message = compose.accept(box, draft, STAFF)
    clock.advance(61)
    assert outbox.claim(box, IMEI) is None
    compose.decide(box, message.id, PartEvent.RESEND, STAFF)
    claim = outbox.claim(box, IMEI)
    assert claim is not None
    assert claim.message == message.id


def test_clock_that_went_back_keeps_no_message_waiting_for_years(box: Store, clock) -> None:
    """TM1: a try that is due later than any pause lasts is due now."""
    write(box)
    outbox.deferred(box, outbox.claim(box, IMEI).attempt, failure("sms.busy"))
    clock.set_wall(LONG_AGO)
    assert outbox.next_due(box) == 0
    assert outbox.claim(box, IMEI) is not None


def test_report_after_the_clock_was_set_finds_its_attempt(box: Store, clock) -> None:
    """TM1: sent in 2001 as the clock had it, reported today, minutes later."""
    clock.set_wall(LONG_AGO)
    message = write(box)
    outbox.accepted(box, outbox.claim(box, IMEI).attempt, 7)
    clock.set_wall(1_700_000_000_000)
    assert report(box, 7)
    assert inbox.message(box, message.id).state is Outgoing.DELIVERED


def test_parts_read_before_and_after_the_clock_was_set_are_joined(box: Store, clock) -> None:
    """TM1: the age of a part is not told by a clock that was never set."""
    clock.set_wall(LONG_AGO)
    clock.quality = ClockQuality.NONE
    receive.accept(box, sms("one ", reference=5, part=1, of=2))
    clock.set_wall(1_700_000_000_000)
    clock.quality = ClockQuality.NTP
    receive.accept(box, sms("two", reference=5, part=2, of=2))
    (message,) = inbox.messages_since(box, 0, 9)
    assert (message.state, message.text) == (Incoming.RECEIVED, "one two")


def test_message_read_with_a_clock_gone_back_is_the_latest(box: Store, clock) -> None:
    """TM1: what came last stands last, and its conversation above the others."""
    receive.accept(box, sms("before"))
    clock.set_wall(LONG_AGO)
    clock.quality = ClockQuality.NONE
    receive.accept(box, sms("after", sent_at=1_700_000_100_000))
    (conversation,) = inbox.conversations(box)
    assert conversation.last_text == "after"


def test_failure_of_an_earlier_try_does_not_spoil_a_later_one(box: Store) -> None:
    """A report speaks of its own attempt: what was sent again is not failed by the first report told twice."""
    message = write(box)
    outbox.accepted(box, outbox.claim(box, IMEI).attempt, 1)
    report(box, 1, 0x45)
    compose.decide(box, message.id, PartEvent.RESEND, STAFF)
    outbox.accepted(box, outbox.claim(box, IMEI).attempt, 2)
    report(box, 1, 0x45)
    assert inbox.message(box, message.id).state is Outgoing.SENT
    report(box, 2)
    assert inbox.message(box, message.id).state is Outgoing.DELIVERED


def test_old_report_does_not_turn_back_the_count_of_references(box: Store, clock) -> None:
    """What a lost try had says nothing about the next one after another was accepted."""
    from appliance.domain.lifecycle import ModemState
    from appliance.domain.records import ModemStatus
    from appliance.messaging import modems
    from appliance.store import tables as t

    modems.report(box, ModemStatus(IMEI, ModemState.READY))
    for text in ("one", "two", "three"):
        write(box, text)
    outbox.accepted(box, outbox.claim(box, IMEI).attempt, 41)
    outbox.claim(box, IMEI)
    outbox.recover(box)
    outbox.accepted(box, outbox.claim(box, IMEI).attempt, 43)
    assert report(box, 42)
    with box.read() as tx:
        assert tx.value(t.Modems.select(t.Modems.last_mr)) == 43


def test_waiting_are_all_listed_whatever_page_was_asked(box: Store, clock) -> None:
    """The order by need has no pages by date."""
    receive.accept(box, sms("help"))
    assert len(inbox.conversations(box, waiting=True, before=1)) == 1
    assert inbox.messages_since(box, 0, 9, Direction.OUT) == []


def test_conversations_of_one_instant_are_all_reached_page_by_page(box: Store) -> None:
    """Equal times are told apart by the id."""
    from appliance.domain.address import Line, Scheme

    for n in range(5):
        receive.accept(box, sms("hello", Line(Scheme.TEL, f"+25261555014{n}")))
    seen = []
    page = inbox.conversations(box, limit=2)
    while page:
        seen += [row.id for row in page]
        page = inbox.conversations(box, before=page[-1].last_at, before_id=page[-1].id, limit=2)
    assert len(seen) == len(set(seen)) == 5
