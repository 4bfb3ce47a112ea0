"""What happens later in the village: one heap of due actions and the one lock of everything simulated."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

from appliance.runtime.clock import Clock


class Timer:
    """One action that is due later; ``cancel`` makes it never happen."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Forget the action; harmless when it already happened."""
        self.action = None


class Schedule:
    """Actions by due time on a monotonic clock. Every action runs under ``lock``, in order of due time, then of birth."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._heap: list[tuple[float, int, Timer]] = []
        self._births = itertools.count()

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Run ``action`` when ``seconds`` have passed, never before this call returns."""
        timer = Timer(action)
        with self._changed:
            heapq.heappush(self._heap, (self.clock.monotonic() + max(0.0, seconds), next(self._births), timer))
            self._changed.notify_all()
        return timer

    def next_in(self) -> float | None:
        """Seconds until the next action is due (0 when one is overdue); None when nothing is planned."""
        with self.lock:
            while self._heap and self._heap[0][2].action is None:
                heapq.heappop(self._heap)
            return max(0.0, self._heap[0][0] - self.clock.monotonic()) if self._heap else None

    def run_due(self) -> int:
        """Run everything due now, also what that makes due; returns how many actions ran."""
        ran = 0
        with self.lock:
            while self.next_in() == 0.0:
                _, _, timer = heapq.heappop(self._heap)
                action, timer.action = timer.action, None
                if action:
                    action()
                    ran += 1
        return ran

    def step(self, stop: threading.Event) -> None:
        """Run what is due, then wait for the next action; returns at least twice a second to look at ``stop``."""
        self.run_due()
        with self._changed:
            wait = self.next_in()
            if not stop.is_set() and wait != 0.0:
                self._changed.wait(0.5 if wait is None else min(0.5, wait))
