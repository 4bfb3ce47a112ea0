"""A modem that keeps the promises of ``driver.Modem`` in memory, for what no simulator can be made to do on time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from appliance.domain.failure import failure
from appliance.modem.driver import (
    Accepted,
    Air,
    CommandRefusedError,
    Identity,
    Modem,
    ModemEvent,
    Place,
    PortError,
    Registration,
    SendAnswer,
    SimState,
    StoredMessage,
    Subscriber,
)
from appliance.runtime.clock import FakeClock

LOST = PortError(failure("sms.modem-lost", "test"))


class FakeModem:
    """Everything is an attribute. ``script`` runs at each ``wait``, then the time passes; when it ends the test does."""

    def __init__(self, clock: FakeClock, stop: threading.Event) -> None:
        self._clock = clock
        self._stop = stop
        self.script: deque[Callable[[], None]] = deque()
        self.identity = Identity("350000000000017", "Test")
        self.sim_states: deque[SimState] = deque()
        self.sim_state = SimState.READY
        self.tries: int | None = 3
        self.pins: list[str] = []
        self.network = Registration.REGISTERED
        self.slots: dict[Place, StoredMessage] = {}
        self.undeletable: set[Place] = set()
        self.deleted: list[Place] = []
        self.answers: deque[SendAnswer] = deque()
        self.sent: list[tuple[str, int]] = []
        self.happened: list[ModemEvent] = []
        self.errors: dict[str, deque[Exception]] = {}
        self.calls: list[str] = []

    def fails(self, method: str, *errors: Exception) -> None:
        """The next calls of ``method`` raise these."""
        self.errors.setdefault(method, deque()).extend(errors)

    def stores(self, index: int, pdu: str, *, received: bool = True) -> Place:
        """Lays a message into the SIM."""
        place = Place("SM", index)
        self.slots[place] = StoredMessage(place, pdu, None, received)
        return place

    def _call(self, method: str) -> None:
        self.calls.append(method)
        errors = self.errors.get(method)
        if errors:
            raise errors.popleft()

    def open(self) -> None:
        self._call("open")

    def close(self) -> None:
        self._call("close")

    def release(self) -> None:
        self._call("release")

    def set_up(self) -> Identity:
        self._call("set_up")
        return self.identity

    def sim(self) -> SimState:
        self._call("sim")
        return self.sim_states.popleft() if self.sim_states else self.sim_state

    def pin_tries(self) -> int | None:
        self._call("pin_tries")
        return self.tries

    def unlock(self, pin: str) -> None:
        self.pins.append(pin)
        self._call("unlock")

    def set_up_messages(self) -> Subscriber:
        self._call("set_up_messages")
        return Subscriber("001010000000001", "+252615550100")

    def registration(self) -> Registration:
        self._call("registration")
        return self.network

    def air(self) -> Air:
        self._call("air")
        return Air(4, "Village Mobile")

    def stored(self) -> list[StoredMessage]:
        self._call("stored")
        return list(self.slots.values())

    def read(self, place: Place) -> StoredMessage | None:
        self._call("read")
        return self.slots.get(place)

    def delete(self, place: Place) -> None:
        self._call("delete")
        if place in self.undeletable:
            raise CommandRefusedError(failure("sms.temporary"), family="CMS", code=500)
        self.deleted.append(place)
        self.slots.pop(place, None)

    def send(self, pdu: str, length: int) -> SendAnswer:
        self.sent.append((pdu, length))
        return self.answers.popleft() if self.answers else Accepted(len(self.sent) - 1)

    def restart(self) -> None:
        self._call("restart")

    def wait(self, seconds: float) -> None:
        self._clock.advance(max(seconds, 0.001))
        if not self.script:
            self._stop.set()
            return
        self.script.popleft()()
        self._call("wait")

    def wake(self) -> None:
        self._call("wake")

    def hurry(self, seconds: float) -> None:
        self._call("hurry")

    def events(self) -> list[ModemEvent]:
        happened, self.happened = self.happened, []
        return happened


def keeps_the_promises(modem: FakeModem) -> Modem:
    """For the type checker."""
    return modem
