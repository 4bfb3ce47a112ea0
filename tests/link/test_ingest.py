"""The hub's worker serves many boxes: what one of them sends stops no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from link.ends import BOX, HUB, OTHER

from appliance.domain.records import ClockQuality
from appliance.link.client import Arrived
from appliance.link.ingest import Ingest
from appliance.link.session import Session
from appliance.runtime.clock import FakeClock
from appliance.runtime.settings import LinkSettings
from appliance.store import Store
from appliance.wire import envelope, topics
from appliance.wire.envelope import Hello, LaneKey, Message


def test_message_that_cannot_be_taken_stops_no_other_box(
    make_store: Callable[..., Store],
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A fault of ours with one box's message: the next box is heard, and the log quotes nothing of it."""
    hub = Ingest(
        make_store(HUB, "hub"), LinkSettings(broker="mqtt://h", boxes=(BOX, OTHER)), node=HUB, clock=clock, bell=None
    )
    hub._begin()
    receive, heard = Session.receive, []

    def receiving(session: Session, message: Message) -> bool:
        heard.append(session.peer)
        if session.peer == BOX:
            raise OverflowError("secret text")
        return receive(session, message)

    monkeypatch.setattr(Session, "receive", receiving)
    hello = envelope.encode(Hello(1, 1, ClockQuality.NTP, b"", (1,), ((LaneKey(9, 0), 1),), ()))
    for box in (BOX, OTHER):
        hub._on_arrived(Arrived(topics.up(box), hello))
    assert heard == [BOX, OTHER]
    assert "OverflowError" in caplog.text
    assert "secret" not in caplog.text
