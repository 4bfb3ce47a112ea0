"""The watchdog of a link service is fed by whole turns of its owner thread alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from link.ends import BOX

from appliance.link.client import Event
from appliance.link.owner import Options
from appliance.link.uplink import Uplink
from appliance.runtime.clock import FakeClock
from appliance.runtime.settings import LinkSettings
from appliance.store import Store


class Nothing:
    """A carrier on which nothing happens."""

    def turn(self) -> list[Event]:
        return []

    def wait(self, *_: object) -> None:
        """No time passes."""


def test_turn_feeds_and_a_turn_that_fails_does_not(
    make_store: Callable[..., Store], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that hangs or fails in the turn is no life."""
    fed: list[int] = []
    options = Options(alive=lambda: fed.append(1))
    link = Uplink(
        make_store(BOX, "box"), LinkSettings(broker="mqtt://h"), node=BOX, clock=clock, bell=None, options=options
    )
    link._begin()
    link._work(Nothing())  # type: ignore[arg-type]
    assert len(fed) == 1

    def fail() -> None:
        raise OSError("disk")

    monkeypatch.setattr(link, "_tell", fail)
    with pytest.raises(OSError, match="disk"):
        link._work(Nothing())  # type: ignore[arg-type]
    assert len(fed) == 1
