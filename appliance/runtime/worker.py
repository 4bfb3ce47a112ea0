"""A named thread that repeats one step until it is told to stop, and survives the step's crashes."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


class Worker:
    """Calls ``step(stop)`` again and again in a thread named ``name`` until ``stop`` is set.

    A step that raises is logged and called again after ``first_wait_s``, doubled each time up to
    ``longest_wait_s``. After ``limit`` crashes in a row the worker gives up and sets ``stop``: the whole service
    ends and its supervisor starts it afresh. A step that returns has done its work and counts as success.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[threading.Event], None],
        stop: threading.Event,
        *,
        first_wait_s: float = 0.5,
        longest_wait_s: float = 30.0,
        limit: int = 10,
    ) -> None:
        self.name = name
        self._step = step
        self._stop = stop
        self._first_wait_s = first_wait_s
        self._longest_wait_s = longest_wait_s
        self._limit = limit
        self._thread: threading.Thread | None = None
        self.crashes = 0
        """Crashes since the last step that returned."""
        self.last_error: Exception | None = None

    def start(self) -> None:
        """Starts the thread; raises RuntimeError when it was started before."""
        if self._thread is not None:
            raise RuntimeError(f"the worker {self.name} was started before")
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Whether the thread has ended within ``timeout`` seconds; the stop event is the caller's to set."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.is_alive()

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def gave_up(self) -> bool:
        """Whether the limit of crashes in a row was reached."""
        return self.crashes >= self._limit

    def _run(self) -> None:
        try:
            self._repeat()
        finally:
            # Whatever ended the thread: a service never goes on without one of its threads.
            self._stop.set()

    def _repeat(self) -> None:
        while not self._stop.is_set():
            try:
                self._step(self._stop)
            except Exception as error:
                self.last_error = error
                self.crashes += 1
                log.exception("= worker %s crashed (%d in a row)", self.name, self.crashes)
                if self.gave_up:
                    log.error("= worker %s gave up; its service ends", self.name)
                    self._stop.set()
                else:
                    self._stop.wait(min(self._first_wait_s * 2 ** (self.crashes - 1), self._longest_wait_s))
            else:
                self.crashes = 0
