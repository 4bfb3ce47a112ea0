"""Deadlines: one point in time for a whole operation, however many waits it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from appliance.runtime.clock import Clock


class Deadline:
    """The instant ``seconds`` from now on the monotonic clock."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._at = clock.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, never below zero: fit to be handed to any wait."""
        return max(0.0, self._at - self._clock.monotonic())

    def passed(self) -> bool:
        """Whether nothing is left."""
        return self.remaining() <= 0.0
