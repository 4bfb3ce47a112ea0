"""What the link services of box and hub share: the owner thread, its waiting, its end."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from appliance.link.carrier import Backoff, Carrier, Station
from appliance.link.client import Arrived, Down, Event, Timing, Up, parse_url
from appliance.link.session import Facts, Pace, Session
from appliance.runtime.bell import Bell
from appliance.runtime.clock import Clock
from appliance.runtime.settings import LinkSettings
from appliance.runtime.worker import Worker
from appliance.store import Store

log = logging.getLogger(__name__)

STOP_S = 4.0
WELL_S = 60.0
ANSWER_WITHIN_S = 0.2
_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True)
class Options:
    """Times that tests and slow lines change, and ``alive``, called after every whole turn of the owner thread."""

    timing: Timing = field(default_factory=Timing)
    answer_min_s: float = 3.0
    answer_max_s: float = 60.0
    alive: Callable[[], None] = lambda: None


class Owner(ABC):
    """A service with one owner thread for carrier and sessions; ends in order within STOP_S."""

    def __init__(
        self, store: Store, settings: LinkSettings, *, clock: Clock, bell: Bell | None, options: Options | None = None
    ) -> None:  # fmt: skip
        self._store = store
        self._settings = settings
        self._clock = clock
        self._bell = bell
        self._options = options or Options()
        self._carrier: Carrier | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the service."""

    @abstractmethod
    def _station(self) -> Station: ...

    @abstractmethod
    def _begin(self) -> None:
        """Says how the link is before anything is known."""

    @abstractmethod
    def _on_up(self) -> None: ...

    @abstractmethod
    def _on_down(self, down: Down) -> None: ...

    @abstractmethod
    def _on_arrived(self, arrived: Arrived) -> None: ...

    @abstractmethod
    def _turn(self) -> float:
        """Does what is due; seconds until the next call."""

    @abstractmethod
    def _leave(self) -> None:
        """Says good-bye."""

    def run(self, stop: threading.Event) -> None:
        """Blocks until ``stop`` is set. Raises BrokerUrlError when the settings name no broker."""
        backoff = Backoff(cap_s=self._settings.reconnect_max_s)
        broker = parse_url(self._settings.broker, user=self._settings.user, password=self._settings.password)
        carrier = Carrier(broker, self._station(), clock=self._clock, backoff=backoff, timing=self._options.timing)
        self._carrier = carrier
        worker = Worker(self.name, self._step, stop)
        worker.start()
        stop.wait()
        if worker.join(STOP_S):
            carrier.close()

    def _step(self, stop: threading.Event) -> None:
        """Works until stopped or something breaks; returns now and then, which tells the worker that all is well."""
        carrier = self._carrier
        if carrier is None:
            return
        until = self._clock.monotonic() + WELL_S
        try:
            self._begin()
            while not stop.is_set() and self._clock.monotonic() < until:
                self._work(carrier)
            if stop.is_set():
                self._leave()
        finally:
            self._store.release()

    def _work(self, carrier: Carrier) -> None:
        since = self._clock.monotonic()
        for event in carrier.turn():
            self._handle(event)
            # What is committed is acknowledged soon, also while many batches wait: else the sender repeats them.
            if self._clock.monotonic() - since > ANSWER_WITHIN_S:
                self._turn()
                since = self._clock.monotonic()
        pause = self._turn()
        self._options.alive()
        # At most half a second, so that the stop event is seen.
        carrier.wait(min(pause, 0.5), () if self._bell is None else (self._bell.fileno(),))
        if self._bell is not None:
            self._bell.drain()

    def _handle(self, event: Event) -> None:
        match event:
            case Up():
                self._on_up()
            case Down():
                self._on_down(event)
            case Arrived():
                self._on_arrived(event)

    def _publish(self, topic: str) -> Callable[[bytes], bool]:
        def publish(payload: bytes) -> bool:
            return self._carrier is not None and self._carrier.publish(topic, payload)

        return publish

    def _session(self, peer: str, topic: str) -> Session:
        pace = Pace(self._settings.batch_wait_s, self._options.answer_min_s, self._options.answer_max_s)
        facts = Facts(boot=boot_number(self._clock), fingerprint=fingerprint())
        return Session(self._store, peer, clock=self._clock, facts=facts, pace=pace, send=self._publish(topic))


def fingerprint() -> bytes:
    """What tells this machine from another, hashed; empty where the system has no machine id."""
    try:
        return blake2b(_MACHINE_ID.read_bytes().strip(), digest_size=8, person=b"fieldbox").digest()
    except OSError:
        return b""


def boot_number(clock: Clock) -> int:
    """A number that differs between boots (the store keeps no counter of them)."""
    return int.from_bytes(blake2b(clock.now().boot.encode(), digest_size=4).digest(), "big")
