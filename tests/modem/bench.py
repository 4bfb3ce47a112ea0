"""A box's modem service on a real SQLite store, a village's modem on a pseudo-terminal, and patience."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.domain.address import parse_phone
from appliance.domain.lifecycle import ModemState, Outgoing
from appliance.domain.records import Actor, ClockQuality, Direction, MessageView, ModemStatus, Role
from appliance.messaging import compose, inbox, status
from appliance.modem.service import ModemService
from appliance.modem.simulator import faults
from appliance.modem.simulator.modem import Modem
from appliance.modem.simulator.network import Times
from appliance.modem.simulator.village import ModemOptions, VillageOptions, VillageService
from appliance.runtime.bell import Bell
from appliance.runtime.clock import SystemClock
from appliance.runtime.settings import ModemSettings
from appliance.store import Store, open_store

AMINA = "+252615550143"
BOX = "+252615550100"
STAFF = Actor("Test", role=Role.RESPONDER)
PATIENCE_S = 15.0


def until(condition: Callable[[], object], what: str, *, seconds: float = PATIENCE_S) -> None:
    """Returns as soon as ``condition`` holds; fails when it does not within ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(f"never: {what}")


@dataclass
class Box:
    """What a test does with the box and looks at."""

    store: Store
    village: VillageService
    stop: threading.Event
    thread: threading.Thread
    settings: ModemSettings
    bell: Bell

    @property
    def modem(self) -> Modem:
        """The simulated modem."""
        return next(iter(self.village.modems.values()))

    def weather(self, **asked: object) -> None:
        """Sets the faults in force; none without arguments."""
        with self.village.schedule.lock:
            self.village.network.set_weather(faults.parse(asked))

    def phone_texts(self, text: str, sender: str = AMINA) -> None:
        """Somebody in the village texts the box."""
        with self.village.schedule.lock:
            self.village.network.text(sender, BOX, text)

    def phone_got(self, number: str = AMINA) -> list[str]:
        """What a phone of the village received."""
        with self.village.schedule.lock:
            return [line.text for line in self.village.network.handset(number).lines if line.incoming]

    def accepted(self) -> list[str]:
        """Parts the network took from the modem: the judge."""
        with self.village.schedule.lock:
            return [str(piece["text"]) for piece in self.village.network.ledger._pieces]

    def write(self, text: str, to: str = AMINA) -> MessageView:
        """Somebody at the box writes."""
        return compose.accept(self.store, compose.Draft(parse_phone(to), text), STAFF)

    def incoming(self) -> list[MessageView]:
        """What came in, in order."""
        return inbox.messages_since(self.store, 0, 1000, Direction.IN)

    def outgoing(self) -> list[MessageView]:
        """What went out, in order."""
        return inbox.messages_since(self.store, 0, 1000, Direction.OUT)

    def states(self) -> list[Outgoing]:
        """States of what went out."""
        return [Outgoing(view.state) for view in self.outgoing()]

    def status(self) -> ModemStatus | None:
        """What the status page tells of the modem."""
        told = status.snapshot(self.store).modems
        return told[0] if told else None

    def until_ready(self) -> None:
        """Waits until the modem is ready."""
        self.until_state(ModemState.READY)

    def until_state(self, state: ModemState) -> None:
        """Waits until the status page says so."""
        until(lambda: (told := self.status()) is not None and told.state is state, f"modem {state}")

    def end(self) -> None:
        """Ends the service as systemd does."""
        self.stop.set()
        self.thread.join(6)
        assert not self.thread.is_alive(), "the service does not end"

    def start(self) -> None:
        """Starts the service again."""
        self.stop = threading.Event()
        service = ModemService(self.store, [self.settings], SystemClock(ClockQuality.NTP), self.bell)
        self.thread = threading.Thread(target=service.run, args=(self.stop,), name="modem-service", daemon=True)
        self.thread.start()


@contextmanager
def running(
    folder: Path, *, profile: str = "ideal", pin: str = "", sim_pin: str = "", transit_s: float = 0.01
) -> Iterator[Box]:
    """A village and a box, running; both ended after."""
    times = Times(transit_s=transit_s, report_s=0.02, retry_s=0.5)
    modem = ModemOptions(folder / "modem", profile, number=BOX, pin=sim_pin)
    village = VillageService(VillageOptions(modems=(modem,), http=("127.0.0.1", 0), quiet=True, times=times))
    village.open()
    bell = Bell(folder / "bells", "modem")
    store = open_store(f"sqlite:///{folder / 'box.db'}", node="baidoa", kind="box", clock=SystemClock(), bell=bell)
    settings = ModemSettings(name="sim1", port=str(folder / "modem"), pin=pin)
    box = Box(store, village, threading.Event(), threading.Thread(), settings, bell)
    try:
        box.start()
        yield box
    finally:
        box.end()
        store.close()
        village.close()
