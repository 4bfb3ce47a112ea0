"""One process per service, restarted within a second, for ever; all of them end with the supervisor.

Children are started through ``tether``: the kernel ends them when the supervisor dies, however it dies. Where
even that was not enough, ``processes.json`` in the data folder lets the next start find and end them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from appliance.runtime.deadline import Deadline
from appliance.runtime.processes import mark, write_marks

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from appliance.runtime.clock import Clock

log = logging.getLogger(__name__)

TICK_S = 0.05
FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 0.4
"""With the tick and the start of the process itself a restart stays within a second."""
LOG_BYTES = 4_000_000
FOUNDATION_S = 10.0
CALM_S = 10.0
"""A child that lived this long starts again with the first wait."""


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep alive."""

    name: str
    command: tuple[str, ...]
    foundation: bool = False
    """Others stand on it (broker, village): started first, ended last."""
    ready: Callable[[], bool] | None = None
    """Of a foundation: whether the others may start now; they start after ``FOUNDATION_S`` in any case."""
    log: Path | None = None
    """File its stdout and stderr are appended to; the supervisor's own where None."""


@dataclass(slots=True)
class _Running:
    child: Child
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    wait_s: float = FIRST_WAIT_S
    starts: int = 0


class Supervisor:
    """Keeps ``children`` alive until told to stop.

    ``changed`` is called with the process ids by name after all have started and after every restart.
    ``run`` must be called from a thread that lives as long as the children: the kernel's death signal is tied
    to the thread that started them (prctl(2)).
    """

    def __init__(
        self,
        children: tuple[Child, ...],
        clock: Clock,
        *,
        marks_file: Path,
        changed: Callable[[Mapping[str, int]], None] = lambda _pids: None,
        patience_s: float = 6.0,
    ) -> None:
        self._running = [_Running(child) for child in children]
        self._clock = clock
        self._marks_file = marks_file
        self._changed = changed
        self._patience_s = patience_s

    def run(self, stop: threading.Event) -> None:
        """Starts all children, keeps them alive until ``stop``, ends them; raises OSError when a program is missing."""
        try:
            self._lay_foundations(stop)
            for one in self._running:
                if not one.child.foundation:
                    self._start(one)
            self._tell()
            while not stop.wait(TICK_S):
                self._look_after(self._running)
        finally:
            self._end()

    def pids(self) -> dict[str, int]:
        """The ids of the processes that run now, by the names of the children."""
        return {r.child.name: r.process.pid for r in self._running if r.process is not None}

    def _lay_foundations(self, stop: threading.Event) -> None:
        foundations = [one for one in self._running if one.child.foundation]
        for one in foundations:
            self._start(one)
        deadline = Deadline(self._clock, FOUNDATION_S)
        while not deadline.passed() and not all(one.child.ready() for one in foundations if one.child.ready):
            if stop.wait(TICK_S):
                return
            self._look_after(foundations)

    def _look_after(self, some: list[_Running]) -> None:
        revived = [one for one in some if self._revive(one)]
        if revived:
            self._tell()

    def _start(self, one: _Running) -> None:
        tether = str(Path(__file__).with_name("tether.py"))
        command = [sys.executable, "-I", "-S", tether, str(os.getpid()), *one.child.command]
        # A session of its own: Ctrl-C in a terminal reaches the supervisor alone, which then ends all in order.
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(_open_log(one.child.log)) if one.child.log else None
            one.process = subprocess.Popen(  # noqa: S603 - our own command lines, no shell
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        one.started_at = self._clock.monotonic()
        one.starts += 1

    def _revive(self, one: _Running) -> bool:
        """Looks after one child; True when it was started again."""
        now = self._clock.monotonic()
        if one.process is not None and one.process.poll() is not None:
            if now - one.started_at > CALM_S:
                one.wait_s = FIRST_WAIT_S
            log.warning("= %s ended (%s), starts again", one.child.name, _cause(one.process.returncode))
            one.process = None
            one.restart_at = now + one.wait_s
            one.wait_s = min(one.wait_s * 2, LONGEST_WAIT_S)
        if one.process is None and now >= one.restart_at:
            try:
                self._start(one)
            except OSError as error:
                # No memory, no process or no room for its log just now: its companions go on.
                log.error("= %s cannot be started (%s), tried again", one.child.name, error.strerror)
                one.restart_at = now + one.wait_s
                return False
            return True
        return False

    def _tell(self) -> None:
        pids = self.pids()
        try:
            write_marks(self._marks_file, [m for pid in (os.getpid(), *pids.values()) if (m := mark(pid)) is not None])
            self._changed(pids)
        except OSError as error:
            # A full disk ends nothing; the kernel ends the children even where nobody finds their marks.
            log.error("= the list of processes is not written: %s", error.strerror)

    def _end(self) -> None:
        """Ends the services, then the foundations: at most ``patience_s`` seconds and a moment each."""
        for foundation in (False, True):
            ending = [r.process for r in self._running if r.child.foundation is foundation and r.process is not None]
            for process in reversed(ending):
                process.send_signal(signal.SIGTERM)
            deadline = Deadline(self._clock, self._patience_s)
            for process in ending:
                _end_one(process, deadline)
        for one in self._running:
            one.process = None
        with contextlib.suppress(FileNotFoundError):
            self._marks_file.unlink()


def _end_one(process: subprocess.Popen[bytes], deadline: Deadline) -> None:
    try:
        process.wait(deadline.remaining())
    except subprocess.TimeoutExpired:
        log.warning("= process %d did not end in time and is killed", process.pid)
        process.kill()
        process.wait()


def _open_log(path: Path) -> IO[bytes]:
    """The log to append to; a long one is put aside as ``.1`` first."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES:
            path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
