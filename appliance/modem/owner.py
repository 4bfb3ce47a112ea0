"""The owner of one modem: the only thread that speaks to it, from opening its port to losing it, again and again."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from appliance.domain.address import mask
from appliance.domain.failure import Failure, failure
from appliance.domain.records import ModemStatus
from appliance.messaging import modems
from appliance.modem.driver import (
    CommandRefusedError,
    DirectMessage,
    Identity,
    LateAnswer,
    MessagesReady,
    Modem,
    ModemEvent,
    NewMessage,
    PortError,
    Registration,
    RegistrationChanged,
    Report,
    Restarted,
    SilentError,
    SimChanged,
    SimState,
)
from appliance.modem.receiver import Receiver
from appliance.modem.sender import Sender
from appliance.modem.session import SHOWN, Event, Stage, next_stage
from appliance.modem.timers import Backoff, Every
from appliance.modem.trouble import kept
from appliance.runtime.clock import Clock
from appliance.runtime.settings import ModemSettings
from appliance.store import Store

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""A bell that was missed costs no more than this."""
SIM_EVERY_S = 5.0
SEARCH_EVERY_S = 3.0
AIR_EVERY_S = 30.0
SWEEP_EVERY_S = 60.0
NOT_READY_EVERY_S = 1.0
RESTARTS_AN_HOUR = 3
SILENCES_BEFORE_RESTART = 3
EVENTS_KEPT = 5000
PIN_TRIES_LEFT = 3
"""The PIN of the settings is typed only while the SIM has all its tries: it is never the one that locks it."""

_SIM_EVENTS = {
    SimState.READY: Event.SIM_READY,
    SimState.MISSING: Event.SIM_MISSING,
    SimState.PIN: Event.PIN_ASKED,
    SimState.PUK: Event.PUK_ASKED,
}
_NETWORK_EVENTS = {
    Registration.REGISTERED: Event.REGISTERED,
    Registration.SEARCHING: Event.SEARCHING,
    Registration.DENIED: Event.DENIED,
}
_FAILED_SIM = frozenset({Stage.NO_SIM, Stage.PIN, Stage.PUK})
_ON_AIR = frozenset({Stage.REGISTERING, Stage.DENIED, Stage.READY})


class ModemOwner:
    """Serves one modem until it is told to stop. ``step`` is one life of the port."""

    def __init__(
        self,
        store: Store,
        modem: Modem,
        settings: ModemSettings,
        clock: Clock,
        *,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """``alive`` is called whenever the modem answered, or its port was tried in vain: never while a driver hangs."""
        self._store = store
        self._alive = alive
        self._modem = modem
        self._settings = settings
        self._clock = clock
        self._receiver = Receiver(store, modem)
        self._sender = Sender(store, modem, clock)
        self._stage = Stage.ABSENT
        self._status = ModemStatus(settings.name, SHOWN[Stage.ABSENT], number=settings.number, port=settings.port)
        self._told: ModemStatus | None = None
        self._events: deque[ModemEvent] = deque(maxlen=EVENTS_KEPT)
        self._backoff = Backoff(clock)
        self._restarts = Backoff(clock, first_s=3600 / RESTARTS_AN_HOUR, longest_s=3600.0)
        self._silences = 0
        self._pin_typed = False
        self._messages_ready = False
        self._setting_up = Every(clock, NOT_READY_EVERY_S)
        self._asking = Every(clock, SIM_EVERY_S)
        self._searching = Every(clock, SEARCH_EVERY_S)
        self._listening = Every(clock, AIR_EVERY_S)
        self._sweeping = Every(clock, SWEEP_EVERY_S)

    def recall(self, last: ModemStatus) -> None:
        """Takes over what an earlier run knew about the modem at this port, until the modem speaks for itself."""
        self._status = replace(
            last, number=self._settings.number or last.number, signal=None, operator="", failure=None
        )
        self._receiver.imei = last.imei

    def wake(self) -> None:
        """There may be something to send. Any thread may call it."""
        self._modem.wake()

    def hurry(self, seconds: float) -> None:
        """The service ends: no answer is awaited longer than this. Any thread may call it."""
        self._modem.hurry(seconds)

    def release(self) -> None:
        """Gives everything back."""
        self._modem.release()

    # --- a life of the port ---

    def step(self, stop: threading.Event) -> None:
        """Opens the port, serves the modem until it is lost or ``stop`` is set, and gives the port back."""
        try:
            self._modem.open()
            self._move(Event.FOUND)
            while not stop.is_set():
                self._serve()
        except PortError as lost:
            self._lost(lost.failure)
        except SilentError as silent:
            self._silent(silent.failure)
        except CommandRefusedError as refused:
            # Something a modem never refuses was refused: it is not in its right mind.
            self._silent(refused.failure)
        finally:
            self._keep_facts()
            self._modem.close()
            self._stage = Stage.ABSENT
        self._alive()
        if not stop.is_set():
            stop.wait(self._backoff.next_s())
        else:
            self._tell(failed=None)
        self._store.release()

    def _lost(self, why: Failure) -> None:
        if self._told is None or self._told.state is not SHOWN[Stage.ABSENT]:
            log.warning("= %s port lost: %s", self._shown, why.detail)
        self._move(Event.LOST, failed=why)

    def _silent(self, why: Failure) -> None:
        """The ladder: open the port afresh; after some silences, make the modem restart; never give up."""
        self._silences += 1
        log.warning("= %s is silent (%d): %s", self._shown, self._silences, why.detail)
        self._move(Event.SILENT, failed=why)
        if self._silences >= SILENCES_BEFORE_RESTART and self._restarts.is_due():
            self._restarts.next_s()
            log.warning("= %s is told to restart", self._shown)
            with contextlib.suppress(PortError):
                self._modem.restart()

    # --- one round ---

    def _serve(self) -> None:
        if self._stage is Stage.OPENING:
            self._greet()
        self._collect()
        if self._handle_events():
            return
        if self._stage not in _ON_AIR:
            if self._asking.is_due():
                self._ask_sim()
        elif self._messages_ready or self._prepare():
            self._look_around()
            if self._stage is Stage.READY and self._sender.send_one(self._status.imei):
                if self._sender.awaits_late:
                    # In step again before anything else is sent: the answer that is missing comes now or never.
                    self._ask_network()
                self._alive()
                return
        self._modem.wait(min(LOOK_S, self._patience()))

    def _patience(self) -> float:
        if self._stage not in _ON_AIR:
            return self._asking.left()
        if not self._messages_ready:
            return self._setting_up.left()
        searching = [] if self._stage is Stage.READY else [self._searching.left()]
        return min([self._listening.left(), self._sweeping.left(), *searching])

    def _greet(self) -> None:
        """The modem speaks for the first time: its attempts left open are settled before anything is claimed."""
        identity = self._modem.set_up()
        self._identified(identity)
        self._sender.begin(identity.imei)
        self._silences = 0
        self._backoff.reset()
        self._messages_ready = False
        self._move(Event.ANSWERED)
        self._ask_sim()

    def _identified(self, identity: Identity) -> None:
        if identity.imei != self._status.imei:
            before = replace(self._status, state=SHOWN[Stage.ABSENT], signal=None, operator="")
            if before.imei == self._settings.name:
                kept("a modem is not forgotten", lambda: modems.forget(self._store, before.imei))
            else:
                kept("a modem is not told", lambda: modems.report(self._store, before))
            self._pin_typed = False
            self._status = replace(self._status, imsi="", number=self._settings.number)
        self._status = replace(self._status, imei=identity.imei, model=identity.model)
        self._receiver.imei = identity.imei

    def _ask_sim(self) -> None:
        self._asking.done()
        state = self._modem.sim()
        self._alive()
        if state is SimState.PIN and self._may_unlock():
            self._pin_typed = True
            with contextlib.suppress(CommandRefusedError):
                self._modem.unlock(self._settings.pin)
            state = self._modem.sim()
        if state in {SimState.READY, SimState.MISSING}:
            kept("a PIN is not forgotten", lambda: modems.forget_pin(self._store, self._status.imei))
        if state in _SIM_EVENTS:
            self._move(_SIM_EVENTS[state], failed=None if state is SimState.READY else failure("sms.sim", state.value))
        if state is SimState.READY:
            self._setting_up.now()

    def _may_unlock(self) -> bool:
        """Whether the PIN may be typed: while the SIM forgives as often as it can, and the same one once, restarts included."""
        pin = self._settings.pin
        if not pin or self._pin_typed:
            return False
        left = self._modem.pin_tries()
        if left is not None and left < PIN_TRIES_LEFT:
            return False
        noted: list[bool] = []
        kept("a PIN is not noted", lambda: noted.append(modems.note_pin(self._store, self._status.imei, pin)))
        return noted == [True]

    def _prepare(self) -> bool:
        """Makes the modem ready for messages; False while it refuses, as some do for seconds after their SIM is ready."""
        if not self._setting_up.is_due():
            return False
        self._setting_up.done()
        try:
            subscriber = self._modem.set_up_messages()
        except CommandRefusedError as refused:
            log.info("= %s is not ready for messages: %s", self._shown, refused)
            self._alive()
            return False
        number = self._settings.number or subscriber.number or self._status.number
        self._status = replace(self._status, imsi=subscriber.imsi, number=number)
        self._messages_ready = True
        for timer in (self._searching, self._listening, self._sweeping):
            timer.now()
        return True

    def _look_around(self) -> None:
        if self._stage is not Stage.READY and self._searching.is_due():
            self._ask_network()
        if self._listening.is_due():
            self._listening.done()
            self._ask_network()
            air = self._modem.air()
            self._status = replace(self._status, signal=air.bars, operator=air.operator)
            self._tell(failed=self._status.failure)
        if self._sweeping.is_due():
            self._sweeping.done()
            self._receiver.sweep()

    def _ask_network(self) -> None:
        self._searching.done()
        state = self._modem.registration()
        self._alive()
        if state is Registration.REGISTERED and self._stage is not Stage.READY:
            self._sender.resume()
            self._listening.now()
        self._move(
            _NETWORK_EVENTS[state], failed=None if state is Registration.REGISTERED else failure("sms.no-network")
        )

    # --- what happened by itself ---

    def _collect(self) -> None:
        self._events.extend(self._modem.events())

    def _keep_facts(self) -> None:
        """What the modem told once and lies nowhere else outlives the port; about all else it is asked anew."""
        self._collect()
        facts = [event for event in self._events if isinstance(event, DirectMessage | Report | LateAnswer)]
        self._events.clear()
        self._events.extend(facts)

    def _handle_events(self) -> bool:
        """Handles what happened, in order; whether anything did."""
        handled = False
        while self._events:
            self._handle(self._events.popleft())
            self._alive()
            handled = True
            self._collect()
        return handled

    def _handle(self, event: ModemEvent) -> None:
        if isinstance(event, NewMessage):
            if self._messages_ready:
                self._receiver.take(event.place)
        elif isinstance(event, DirectMessage | Report):
            self._receiver.direct(event.pdu, event.length)
        elif isinstance(event, LateAnswer):
            self._sender.late(event.tp_mr)
        elif isinstance(event, RegistrationChanged):
            if self._messages_ready:
                self._ask_network()
        elif isinstance(event, Restarted):
            self._restarted()
        elif isinstance(event, SimChanged):
            self._sim_changed()
        elif isinstance(event, MessagesReady):
            self._messages_ready = False
            self._setting_up.now()

    def _sim_changed(self) -> None:
        if self._stage is not Stage.OPENING:
            self._messages_ready = False
            self._move(Event.SIM_CHANGED)
            self._asking.now()

    def _restarted(self) -> None:
        log.warning("= %s started afresh", self._shown)
        self._sender.forget()
        self._messages_ready = False
        self._move(Event.RESTARTED)

    # --- status ---

    @property
    def _shown(self) -> str:
        return f"{self._settings.name} {mask(self._status.imei)}"

    def _move(self, event: Event, *, failed: Failure | None = None) -> None:
        before, self._stage = self._stage, next_stage(self._stage, event)
        if before is not self._stage:
            log.info("= %s %s", self._shown, self._stage)
        self._tell(failed=failed)

    def _tell(self, *, failed: Failure | None) -> None:
        heard = self._stage is Stage.READY
        status = replace(
            self._status,
            state=SHOWN[self._stage],
            signal=self._status.signal if heard else None,
            operator=self._status.operator if heard else "",
            failure=failed or (self._sender.failure if heard else None),
            changed_at=self._clock.now().ms,
        )
        self._status = replace(status, failure=failed)
        told = replace(status, changed_at=0)
        if told != self._told and kept("a modem is not told", lambda: modems.report(self._store, status)):
            self._told = told
