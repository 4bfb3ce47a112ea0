"""The carrier's patience: no storm of connections, whatever a broker does."""

from __future__ import annotations

import pytest

from appliance.link import carrier
from appliance.link.carrier import CALM_S, Backoff, Carrier, Station
from appliance.link.client import Arrived, Broker, Down, Event, Mailbox, Up
from appliance.runtime.clock import FakeClock


class Line:
    """Stands for the connections a carrier makes."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.opened: list[float] = []
        self.mailbox: Mailbox | None = None

    def __call__(self, _broker: object, _login: object, *, mailbox: Mailbox, **_: object) -> Line:
        self.mailbox = mailbox
        return self

    def open(self) -> None:
        self.opened.append(self.clock.monotonic())

    def stuck(self) -> bool:
        return False

    def publish(self, *_: object, **__: object) -> bool:
        return True

    def close(self) -> None:
        """Nothing to end."""

    def says(self, event: Event) -> None:
        assert self.mailbox is not None
        self.mailbox.put(self, event)


@pytest.fixture
def line(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Line:
    made = Line(clock)
    monkeypatch.setattr(carrier, "Connection", made)
    return made


def make(clock: FakeClock) -> Carrier:
    return Carrier(Broker("h", 1), Station("box", (), "s"), clock=clock, backoff=Backoff(1.0, 60.0))


def test_accepted_and_thrown_out_again_waits_longer_each_time(line: Line, clock: FakeClock) -> None:
    """Two nodes of one name throw each other out: neither comes back every second for ever."""
    one = make(clock)
    for _ in range(600):
        connections = len(line.opened)
        one.turn()
        if len(line.opened) > connections:
            line.says(Up())
            line.says(Down("taken over"))
            one.turn()
        clock.advance(1.0)
    assert 10 < len(line.opened) < 35
    one.close()


def test_connection_that_held_for_a_while_is_renewed_at_once(line: Line, clock: FakeClock) -> None:
    """One loss after a long time is no storm."""
    one = make(clock)
    for _ in range(5):
        one.turn()
        line.says(Up())
        one.turn()
        clock.advance(CALM_S + 1)
        line.says(Down("cut"))
        one.turn()
        before = clock.monotonic()
        while one.turn() or len(line.opened) == 0 or line.opened[-1] < before:
            clock.advance(0.1)
        assert line.opened[-1] - before <= 1.2
    one.close()


def test_mailbox_is_bounded_in_bytes_and_loses_no_end() -> None:
    """Huge messages take no more memory than a bound; that a connection came or went is always heard."""
    box, source = Mailbox(limit=3, limit_bytes=100), object()
    for size in (60, 60, 40, 0):
        box.put(source, Arrived("t", bytes(size)))
    box.put(source, Arrived("t", b""))
    box.put(source, Down("gone"))
    assert [len(event.payload) if isinstance(event, Arrived) else event for event in box.take(source)] == [
        60,
        40,
        0,
        Down("gone"),
    ]
    assert box.dropped == 2
    box.put(source, Arrived("t", bytes(100)))
    assert len(box.take(source)) == 1
    box.close()
