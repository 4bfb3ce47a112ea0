"""The ``at`` driver: a modem on a serial port, spoken to in AT commands in PDU mode."""

from __future__ import annotations

import contextlib
import logging
from collections import deque

from appliance.domain.failure import failure
from appliance.modem import reading
from appliance.modem.at import commands
from appliance.modem.at.causes import cause
from appliance.modem.at.commands import Command
from appliance.modem.at.engine import AtFailure, Engine, Reply, Result, Unsolicited
from appliance.modem.at.profiles import Profile, choose
from appliance.modem.driver import (
    Accepted,
    Air,
    CommandRefusedError,
    Identity,
    ModemEvent,
    NotSent,
    Place,
    PortError,
    Registration,
    Restarted,
    SendAnswer,
    SilentError,
    SimState,
    StoredMessage,
    Subscriber,
    Unknown,
)
from appliance.modem.serial_port import SerialPort
from appliance.runtime.clock import Clock
from appliance.runtime.settings import ModemSettings

log = logging.getLogger(__name__)

_ATTENTION_TRIES = 5
_QUIET_S = 0.05
"""So long a silence ends what a modem was still saying when its port was opened."""
_HUSH_S = 0.3
"""So long a silence tells that no late answer is on its way."""
_KEPT_EVENTS = 1000
_SIM_STATES = {"READY": SimState.READY, "SIM PIN": SimState.PIN, "SIM PUK": SimState.PUK}
_CME_SIM = {10: SimState.MISSING, 11: SimState.PIN, 12: SimState.PUK, 13: SimState.MISSING, 14: SimState.BUSY}
_REGISTRATIONS = {1: Registration.REGISTERED, 5: Registration.REGISTERED, 3: Registration.DENIED}
_EMPTY_PLACE = 321


def make(settings: ModemSettings, clock: Clock) -> SerialModem:
    """The modem of these settings, not opened yet."""
    return SerialModem(SerialPort(settings.port), clock, profile=settings.profile)


class SerialModem:
    """Keeps the promises of ``driver.Modem`` over a serial port."""

    def __init__(self, port: SerialPort, clock: Clock, *, profile: str = "auto") -> None:
        self._port = port
        self._clock = clock
        self._wanted = profile
        self._profile: Profile = choose(profile, "")
        self._engine = Engine()
        self._events: deque[ModemEvent] = deque(maxlen=_KEPT_EVENTS)
        self._storages: tuple[str, ...] = ()
        self._looking_into = ""
        self._in_step = False
        self._typed = False
        """Whether the last command's payload went to the port."""
        self._end_at: float | None = None

    # --- port ---

    def open(self) -> None:
        """Takes the port for itself; raises PortError."""
        self._engine.reset()
        self._events.clear()
        self._in_step = False
        self._port.open()

    def close(self) -> None:
        """Gives the port back."""
        self._port.close()

    def release(self) -> None:
        """Gives back everything: the driver is not used again."""
        self._port.release()

    def wake(self) -> None:
        """Ends a ``wait``, also the next one."""
        self._port.wake()

    def wait(self, seconds: float) -> None:
        """Waits until something happens, ``wake`` is called or the time is over; raises PortError."""
        if self._port.take_wake() or self._events:
            seconds = 0.0
        self._feed(self._port.read(seconds))
        self._port.take_wake()

    def hurry(self, seconds: float) -> None:
        """No command is waited for longer than ``seconds`` from now on: the service ends."""
        self._end_at = self._clock.monotonic() + seconds
        self._port.wake()

    def events(self) -> list[ModemEvent]:
        """What happened by itself since the last call."""
        happened = list(self._events)
        self._events.clear()
        return happened

    # --- start-up ---

    def set_up(self) -> Identity:
        """Brings both sides in step, whatever the modem was doing; raises SilentError, CommandRefusedError."""
        self._attention()
        self._try(commands.ECHO_OFF)
        self._try(commands.NUMERIC_ERRORS)
        self._synchronise()
        imei = self._ask(commands.IMEI)
        maker, model = self._try(commands.MAKER), self._try(commands.MODEL)
        words = " ".join(line for reply in (maker, model) if reply for line in reply.lines)
        self._profile = choose(self._wanted, words)
        for text in self._profile.init:
            self._try(Command(text))
        if not imei.lines:
            raise SilentError(failure("sms.modem-lost", "no IMEI"))
        return Identity(imei.lines[-1], words[:64])

    def sim(self) -> SimState:
        """What stands between the modem and its SIM."""
        try:
            reply = self._ask(commands.PIN_STATE)
        except CommandRefusedError as refused:
            # A plain ERROR is what modems without +CMEE say when no SIM is in.
            return _CME_SIM.get(refused.code or 0, SimState.MISSING)
        return (
            _SIM_STATES.get(reply.lines[-1].partition(":")[2].strip(), SimState.BUSY) if reply.lines else SimState.BUSY
        )

    def pin_tries(self) -> int | None:
        """How many wrong PINs the SIM still forgives (TS 27.007 §8.65); None when the modem cannot tell."""
        reply = self._try(commands.PIN_TRIES)
        return commands.number_at(commands.fields(reply.lines[-1]), 1) if reply and reply.lines else None

    def unlock(self, pin: str) -> None:
        """Enters the PIN once; raises CommandRefusedError when it is wrong."""
        self._ask(commands.enter_pin(pin))

    def set_up_messages(self) -> Subscriber:
        """Makes the modem store and announce messages and reports; raises CommandRefusedError while it is not ready."""
        self._ask(commands.PDU_MODE)
        offered = self._try(commands.STORAGES)
        self._storages = reading.storages(offered, self._profile.storages)
        self._looking_into = ""
        self._ask(commands.use_storage(self._storages[0]))
        self._looking_into = self._storages[0]
        self._announce()
        self._try(commands.REGISTRATION_EVENTS)
        self._try(commands.OPERATOR_NAME)
        imsi, number = self._try(commands.IMSI), self._try(commands.NUMBER)
        return Subscriber(imsi.lines[-1] if imsi and imsi.lines else "", reading.own_number(number))

    def _announce(self) -> None:
        *others, last = self._profile.announcements
        for settings in others:
            if self._try(commands.announce(settings)):
                return
        self._ask(commands.announce(last))

    # --- network ---

    def registration(self) -> Registration:
        """Where the modem stands with the network."""
        reply = self._ask(commands.REGISTRATION)
        stat = commands.number_at(commands.fields(reply.lines[-1]), 1) if reply.lines else None
        return _REGISTRATIONS.get(stat if stat is not None else 0, Registration.SEARCHING)

    def air(self) -> Air:
        """How it hears the network; what it does not tell is unknown."""
        signal, operator = self._try(commands.SIGNAL), self._try(commands.OPERATOR)
        csq = commands.number_at(commands.fields(signal.lines[-1]), 0) if signal and signal.lines else None
        names = commands.fields(operator.lines[-1]) if operator and operator.lines else []
        return Air(commands.bars(csq), names[2] if len(names) > 2 else "")

    # --- messages ---

    def stored(self) -> list[StoredMessage]:
        """Every message in every storage."""
        found: list[StoredMessage] = []
        refusals: list[CommandRefusedError] = []
        for storage in self._storages:
            try:
                self._look_into(storage)
                lines = self._ask(commands.LIST_ALL).lines
            except CommandRefusedError as refused:
                log.warning("= storage %s not listed: %s", storage, refused)
                refusals.append(refused)
            else:
                found += [reading.message(storage, slot) for slot in commands.slots(lines)]
        if refusals and len(refusals) == len(self._storages):
            raise refusals[0]
        return found

    def read(self, place: Place) -> StoredMessage | None:
        """The message at a place, None when nothing is there."""
        self._look_into(place.storage)
        try:
            reply = self._ask(commands.read(place.index))
        except CommandRefusedError as refused:
            if refused.code == _EMPTY_PLACE:
                return None
            raise
        slots = commands.slots(reply.lines, index=place.index)
        return reading.message(place.storage, slots[0]) if slots else None

    def delete(self, place: Place) -> None:
        """Empties a place; raises CommandRefusedError when the modem will not."""
        self._look_into(place.storage)
        self._ask(commands.delete(place.index))

    def send(self, pdu: str, length: int) -> SendAnswer:
        """Hands one PDU to the network and waits for the one answer. Raises nothing."""
        command = commands.send(pdu, length, limit_s=self._profile.send_s, prompt_s=self._profile.prompt_s)
        try:
            if not self._in_step:
                self._synchronise()
        except (PortError, SilentError, CommandRefusedError) as error:
            return NotSent(error.failure)
        try:
            reply = self._run(command)
        except PortError as error:
            # The payload's last octet is what sends it: a port lost before the prompt sent nothing.
            return Unknown(failure("sms.power", error.failure.detail)) if self._typed else NotSent(error.failure)
        return self._sent(reply)

    def restart(self) -> None:
        """Makes the modem start afresh; its port may go and come back."""
        with contextlib.suppress(SilentError, CommandRefusedError):
            self._ask(commands.RESTART)
        self._in_step = False

    def _sent(self, reply: Reply) -> SendAnswer:
        if reply.result is Result.OK:
            return Accepted(reading.reference(reply))
        if reply.result is Result.ERROR:
            refused = reply.failure or AtFailure()
            ambiguous = refused.family == "CMS" and refused.code in self._profile.ambiguous_cms
            why = cause(refused)
            return Unknown(failure("sms.no-answer", why.detail)) if ambiguous and reply.payload_typed else NotSent(why)
        if not reply.payload_typed:
            return NotSent(failure("sms.temporary", str(reply.result)))
        code = "sms.power" if reply.result is Result.RESTARTED else "sms.no-answer"
        return Unknown(failure(code, str(reply.result)))

    def _look_into(self, storage: str) -> None:
        if storage != self._looking_into:
            self._looking_into = ""
            self._ask(commands.look_into(storage))
            self._looking_into = storage

    # --- dialogue ---

    def _ask(self, command: Command) -> Reply:
        """The reply of a command that succeeded; raises SilentError, CommandRefusedError, PortError."""
        if not self._in_step and command not in _OUT_OF_STEP:
            self._synchronise()
        reply = self._run(command)
        if reply.result is Result.ERROR:
            refused = reply.failure or AtFailure()
            raise CommandRefusedError(cause(refused), family=refused.family, code=refused.code)
        if reply.result is not Result.OK:
            raise SilentError(failure("sms.modem-lost", f"{command}: {reply.result}"))
        return reply

    def _try(self, command: Command) -> Reply | None:
        """The reply, or None when the modem refuses; raises SilentError, PortError."""
        try:
            return self._ask(command)
        except CommandRefusedError:
            return None

    def _attention(self) -> None:
        """Gets any answer: leaves a prompt left open, and lets an automatic baud rate find itself."""
        self._engine.reset()
        self._port.write(b"\x1b\r")
        end = self._clock.monotonic() + commands.ATTENTION.limit_s
        while self._clock.monotonic() < end and (data := self._port.read(_QUIET_S)):
            self._feed(data)
        for _ in range(_ATTENTION_TRIES):
            if self._run(commands.ATTENTION).result in {Result.OK, Result.ERROR}:
                return
        raise SilentError(failure("sms.modem-lost", "no answer to AT"))

    def _synchronise(self) -> None:
        """Gets an answer that belongs to its question. An error may be the late answer to an earlier one."""
        refused = False
        for command in commands.IN_STEP:
            result = self._run(command).result
            if result is Result.OK:
                self._in_step = True
                return
            refused = result is Result.ERROR
            self._hush()
        if not refused:
            raise SilentError(failure("sms.modem-lost", "not in step"))
        self._in_step = True

    def _hush(self) -> None:
        """Lets the modem say what it still has to say."""
        end = self._clock.monotonic() + commands.ATTENTION.limit_s
        while self._clock.monotonic() < end and (data := self._port.read(_HUSH_S)):
            self._feed(data)

    def _run(self, command: Command) -> Reply:
        log.debug("> %s", command)
        engine = self._engine
        self._typed = False
        engine.start(command, self._clock.monotonic())
        try:
            while True:
                reply = self._turn()
                if reply is not None:
                    break
        except PortError:
            engine.reset()
            raise
        log.debug("< %s %s", command, reply.result)
        if reply.result not in {Result.OK, Result.ERROR}:
            self._in_step = False
        return reply

    def _turn(self) -> Reply | None:
        """One exchange with the port: write what is due, read what came, notice the time."""
        engine = self._engine
        out = engine.take_output()
        if out:
            self._typed = self._typed or out.endswith(b"\x1a")
            self._port.write(out)
        reply = self._feed(self._port.read(self._patience()))
        if reply is None:
            late = engine.tick(self._clock.monotonic())
            reply = next((event for event in late if isinstance(event, Reply)), None)
        if reply is not None:
            rest = engine.take_output()
            if rest:
                self._port.write(rest)
        return reply

    def _patience(self) -> float:
        """Seconds left for the answer; raises PortError when the service ends before it."""
        now = self._clock.monotonic()
        if self._end_at is not None and now >= self._end_at:
            raise PortError(failure("sms.modem-lost", "the service ends"))
        ends = [end for end in (self._engine.deadline, self._end_at) if end is not None]
        return min(ends) - now if ends else 0.0

    def _feed(self, data: bytes) -> Reply | None:
        found: Reply | None = None
        if data:
            for event in self._engine.feed(data, self._clock.monotonic()):
                if isinstance(event, Reply):
                    found = event
                else:
                    self._notice(event)
        return found

    def _notice(self, happened: Unsolicited) -> None:
        event = reading.event(happened)
        if isinstance(event, Restarted):
            self._in_step = False
        if event is not None:
            self._events.append(event)


_OUT_OF_STEP = frozenset(
    {commands.ATTENTION, commands.ECHO_OFF, commands.NUMERIC_ERRORS, *commands.IN_STEP, commands.RESTART}
)
"""Commands for a modem that may still be answering something else."""
