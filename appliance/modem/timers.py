"""When the owner of a modem does something again."""

from __future__ import annotations

from appliance.runtime.clock import Clock


class Every:
    """Something to be done every ``seconds``; due at once at first."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._due: float | None = None

    def left(self) -> float:
        """Seconds until it is due."""
        return 0.0 if self._due is None else max(0.0, self._due - self._clock.monotonic())

    def is_due(self) -> bool:
        """Whether it is to be done now."""
        return self.left() <= 0.0

    def done(self) -> None:
        """It was done; it is due again after its time."""
        self._due = self._clock.monotonic() + self._seconds

    def now(self) -> None:
        """Makes it due."""
        self._due = None


class Backoff:
    """Waits that double from ``first_s`` to ``longest_s`` until something went well."""

    def __init__(self, clock: Clock, *, first_s: float = 0.5, longest_s: float = 5.0) -> None:
        self._clock = clock
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s
        self._until = 0.0

    def next_s(self) -> float:
        """Seconds to wait this time."""
        wait, self._next_s = self._next_s, min(self._next_s * 2, self._longest_s)
        self._until = self._clock.monotonic() + wait
        return wait

    def is_due(self) -> bool:
        """Whether the last wait is over."""
        return self._clock.monotonic() >= self._until

    def reset(self) -> None:
        """It went well."""
        self._next_s = self._first_s
