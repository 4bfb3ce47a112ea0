"""Knowing a process again: its id together with its start time, because ids come back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading

    from appliance.runtime.clock import Clock

from appliance.runtime.deadline import Deadline

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """One process, for good: a later process with the same id has another start time or boot."""

    pid: int
    started: int
    """Clock ticks since boot, field 22 of /proc/[pid]/stat (proc(5))."""
    boot: str

    def is_alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return mark(self.pid) == self


def mark(pid: int) -> ProcessMark | None:
    """The mark of the process that has ``pid`` now; None when none has, or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        boot = _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return None if state in {"Z", "X"} else ProcessMark(pid, int(rest[18]), boot)


def write_marks(path: Path, marks: list[ProcessMark]) -> None:
    """Keeps ``marks`` in ``path``, whole or not at all."""
    write_private(path, json.dumps([[m.pid, m.started, m.boot] for m in marks]))


def read_marks(path: Path) -> list[ProcessMark]:
    """The marks kept in ``path``; none when there is no such file or it is damaged."""
    try:
        rows = json.loads(path.read_text("utf-8"))
        return [ProcessMark(int(pid), int(started), str(boot)) for pid, started, boot in rows]
    except (OSError, ValueError, TypeError):
        return []


def end_all(marks: list[ProcessMark], clock: Clock, stop: threading.Event, *, patience_s: float = 5.0) -> list[int]:
    """Ends these very processes: SIGTERM, SIGKILL after ``patience_s`` seconds. The ids of those that were alive."""
    alive = [m for m in marks if m.is_alive()]
    for number, patience in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 2.0)):
        for one in alive:
            if one.is_alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one.pid, number)
        deadline = Deadline(clock, patience)
        while not deadline.passed() and any(one.is_alive() for one in alive):
            stop.wait(0.02)
    return [one.pid for one in alive]


def write_private(path: Path, text: str) -> None:
    """Writes ``path`` with mode 0600, replaced atomically and safe on disk when this returns; raises OSError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
