"""What a service is, and how one becomes a process: signals, readiness, orderly end."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING, Protocol

from appliance.runtime import sdnotify

if TYPE_CHECKING:
    import threading
    from types import FrameType

log = logging.getLogger(__name__)


class Service(Protocol):
    """A part that owns its thread or process."""

    @property
    def name(self) -> str:
        """The short name of ``fieldbox run box NAME``."""
        ...

    def run(self, stop: threading.Event) -> None:
        """Blocks until ``stop`` is set, and returns after an orderly end (≤ 5 s)."""
        ...


class Signals:
    """SIGTERM and SIGINT set ``stop``; remembers that they did. To be installed from the main thread."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.received: int | None = None

    def install(self) -> None:
        """Takes over both signals for the rest of the process."""
        signal.signal(signal.SIGTERM, self._handle)
        signal.signal(signal.SIGINT, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        self._stop.set()


def run_as_process(service: Service, stop: threading.Event) -> int:
    """Runs ``service`` in this process until a signal; the exit code: 0 when asked to end, 1 when it ended by itself."""
    signals = Signals(stop)
    signals.install()
    log.info("= %s starts", service.name)
    sdnotify.notify("READY=1")
    service.run(stop)
    sdnotify.notify("STOPPING=1")
    if signals.received is None:
        log.error("= %s ended by itself", service.name)
        return 1
    log.info("= %s ended", service.name)
    return 0
