"""Waiting times: of answers, and between tries to connect."""

from __future__ import annotations

import contextlib
import socket

import pytest

from appliance.link.carrier import Backoff, Carrier, Station
from appliance.link.client import Arrived, Broker, Down, Mailbox, Timing
from appliance.link.patience import Patience
from appliance.runtime.clock import FakeClock


def test_the_wait_follows_what_was_measured() -> None:
    """A satellite's answers take long; one that takes longer is not overdue at once."""
    patience = Patience(3, 60)
    now = 0.0
    for _ in range(20):
        patience.asked(now)
        now += 5.0
        patience.answered(now)
    assert 5.0 < patience.wait_s < 10.0
    assert patience.last_s == 5.0


def test_silence_doubles_the_wait_up_to_the_limit() -> None:
    """The first repetition comes as soon as the first; from then on half as often each time."""
    patience = Patience(3, 60)
    waits = []
    for _ in range(8):
        waits.append(patience.wait_s)
        patience.asked(0)
        patience.overdue()
    assert waits == [3, 3, 6, 12, 24, 48, 60, 60]
    patience.answered(1000)
    assert patience.wait_s == 3


def test_a_question_asked_twice_measures_nothing() -> None:
    """Nobody knows which of the two was answered (RFC 6298 §3)."""
    patience = Patience(3, 60)
    patience.asked(0)
    patience.overdue()
    patience.asked(10)
    patience.answered(11)
    assert patience.last_s == 0


def test_due_counts_from_the_question() -> None:
    """Nothing is due before anything was asked."""
    patience = Patience(3, 60)
    assert patience.due_in(100) == 3
    patience.asked(100)
    patience.asked(102)
    assert patience.due_in(102) == 1
    assert patience.due_in(200) == 0


@pytest.mark.parametrize(("failures", "low", "high"), [(0, 1 / 3, 1), (3, 8 / 3, 8), (50, 20, 60)])
def test_boxes_do_not_return_in_one_instant(failures: int, low: float, high: float) -> None:
    """Jitter over two thirds of a doubling wait with a cap."""
    backoff = Backoff(first_s=1, cap_s=60)
    assert (backoff.wait(failures, 0.0), backoff.wait(failures, 1.0)) == (pytest.approx(low), pytest.approx(high))


def test_a_full_mailbox_drops_and_counts() -> None:
    """Memory is bounded; the link sends again what was lost."""
    mailbox = Mailbox(limit=2)
    for n in range(3):
        mailbox.put(mailbox, Arrived("t", bytes([n])))
    assert mailbox.dropped == 1
    assert mailbox.take("another connection") == []
    mailbox.put(mailbox, Arrived("t", b"x"))
    mailbox.wait(5)
    assert mailbox.take(mailbox) == [Arrived("t", b"x")]
    mailbox.close()


def test_a_connection_whose_thread_is_stuck_is_given_up_and_made_anew() -> None:
    """The watchdog: a try to connect that never ends does not hold the link for ever."""
    clock = FakeClock()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        # The kernel answers no more connections than the queue holds, so the next one hangs.
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        carrier = Carrier(
            Broker(*full.getsockname()),
            Station("baidoa", ("x",), "y"),
            clock=clock,
            backoff=Backoff(),
            timing=Timing(connect_s=1.0, stuck_s=30),
        )
        assert carrier.turn() == []
        clock.advance(32)
        assert [type(event) for event in carrier.turn()] == [Down]
        assert not carrier.publish("t", b"x")
        assert carrier.turn() == []
        clock.advance(2)
        carrier.turn()
        carrier.close()
