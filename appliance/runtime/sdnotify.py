"""The notification protocol of systemd (sd_notify(3)), without a library; silent where there is no systemd."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appliance.runtime.clock import Clock


def notify(state: str, *, environ: Mapping[str, str] = os.environ) -> bool:
    """Tells the service manager ``state`` (``"READY=1"``); False where none listens. Never raises."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as manager,
    ):
        manager.sendto(state.encode(), address)
        return True
    return False


class Watchdog:
    """Feeds systemd's watchdog, only ever from useful work: who calls ``feed`` has just done some.

    At most four times per interval, so that a busy loop costs nothing.
    """

    def __init__(self, clock: Clock, *, environ: Mapping[str, str] = os.environ) -> None:
        self._clock = clock
        self._environ = environ
        self._last = float("-inf")

    @property
    def interval_s(self) -> float | None:
        """Seconds after which systemd ends a silent service; None when no watchdog is set for this process."""
        usec = self._environ.get("WATCHDOG_USEC", "")
        pid = self._environ.get("WATCHDOG_PID", str(os.getpid()))
        return int(usec) / 1_000_000 if usec.isdecimal() and pid == str(os.getpid()) else None

    def feed(self) -> None:
        """Says that useful work was done just now."""
        interval = self.interval_s
        now = self._clock.monotonic()
        if interval is not None and now - self._last >= interval / 4:
            self._last = now
            notify("WATCHDOG=1", environ=self._environ)
