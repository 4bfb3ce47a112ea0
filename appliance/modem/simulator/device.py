"""A pseudo-terminal behind a symbolic link: the cable between a simulated modem and whoever opens it."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import tty
from collections.abc import Callable
from pathlib import Path

from appliance.modem.simulator.schedule import Schedule, Timer

_CHUNK = 4096
_BACKLOG = 1 << 18
"""Octets kept for a computer that does not read; what comes after that is lost, as on a real line."""


class Device:
    """One serial port. ``open`` makes it; ``step`` moves the bytes typed to ``receive``, under the schedule's lock.

    The slave side stays open here and raw, so that a client may close and open the port again.
    """

    def __init__(self, link: Path, schedule: Schedule) -> None:
        self.link = link
        self._schedule = schedule
        self._receive: Callable[[bytes], None] | None = None
        self._ends: tuple[int, int] | None = None
        self._wake: tuple[int, int] | None = None
        self._backlog = bytearray()
        self._back: Timer | None = None

    def open(self, receive: Callable[[bytes], None]) -> None:
        """Make the port; raises FileExistsError when the link's path is something other than a link."""
        with self._schedule.lock:
            if self.link.exists() and not self.link.is_symlink():
                raise FileExistsError(f"{self.link} exists and is not a link; name another path for the modem")
            self._receive = receive
            self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            self.appear()

    def close(self) -> None:
        """Take the port and its link away; harmless when it is closed."""
        with self._schedule.lock:
            self.vanish(None)
            wake, self._wake = self._wake, None
        for end in wake or ():
            os.close(end)

    @property
    def present(self) -> bool:
        """Whether the port exists now."""
        return self._ends is not None

    # --- the modem's side (Port of modem.py) ---

    def write(self, data: bytes) -> None:
        """Bytes to the computer; lost when the port is gone."""
        if self._ends is None:
            return
        if self._backlog or not self._try_write(data):
            self._backlog += data[: max(0, _BACKLOG - len(self._backlog))]
            self._nudge()

    def vanish(self, seconds: float | None) -> None:
        """The port goes, as when a cable is pulled; it comes back after ``seconds``, or with ``appear``."""
        if self._back is not None:
            self._back.cancel()
            self._back = None
        ends, self._ends = self._ends, None
        self._backlog.clear()
        if ends is not None:
            with contextlib.suppress(FileNotFoundError):
                self.link.unlink()
            for end in ends:
                os.close(end)
            self._nudge()
        if seconds is not None:
            self._back = self._schedule.after(seconds, self.appear)

    def appear(self) -> None:
        """The port is there, under the same link and most likely another number."""
        if self._ends is not None or self._wake is None:
            return
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._ends = (master, slave)
        self.link.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.link.with_name(f".{self.link.name}.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        fresh.symlink_to(os.ttyname(slave))
        fresh.replace(self.link)
        self._nudge()

    # --- the thread's side ---

    def step(self, _stop: threading.Event) -> None:
        """Wait up to half a second for bytes and move them; the owner thread calls this again and again."""
        with self._schedule.lock:
            ends, wake = self._ends, self._wake
            if wake is None:
                return
            waiting = select.poll()
            waiting.register(wake[0], select.POLLIN)
            if ends is not None:
                waiting.register(ends[0], select.POLLIN | (select.POLLOUT if self._backlog else 0))
        waiting.poll(500)
        with self._schedule.lock:
            if self._wake is not None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake[0], _CHUNK)
            if ends is not None and self._ends is ends:
                self._move(ends[0])

    def _move(self, master: int) -> None:
        if self._backlog:
            data = bytes(self._backlog)
            self._backlog.clear()
            self.write(data)
        try:
            typed = os.read(master, _CHUNK)
        except BlockingIOError:
            return
        if self._receive is not None:
            self._receive(typed)

    def _try_write(self, data: bytes) -> bool:
        assert self._ends is not None
        try:
            sent = os.write(self._ends[0], data)
        except BlockingIOError:
            return False
        if sent < len(data):
            self._backlog += data[sent:]
            self._nudge()
        return True

    def _nudge(self) -> None:
        if self._wake is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake[1], b"!")
