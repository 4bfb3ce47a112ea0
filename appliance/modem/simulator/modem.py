"""A modem: SIM, memories, registration, and what the network does to it. The AT commands are in ``commands*.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from appliance.modem.simulator.chance import seeded
from appliance.modem.simulator.dialogue import AtError, Command, Dialogue, Mode, Outcome, Reply
from appliance.modem.simulator.faults import REGISTRATIONS, Fault
from appliance.modem.simulator.network import Delivery, Network
from appliance.modem.simulator.profiles import Profile
from appliance.modem.simulator.schedule import Timer
from appliance.modem.simulator.sim import Memory, SimCard, Stat, Stored
from appliance.modem.simulator.tpdu import smsc_octets

ACK_S = 20.0
"""Seconds the computer has to acknowledge a direct delivery; real modems wait about that long."""

_NOISE = ("+CREG: 1", "^RSSI: 15", "+CTZV: 12", "^BOOT:12345678,0,0,0,6", '+ZDONR: "Village",1,1,"CS_PS"')


@dataclass(slots=True)
class Settings:
    """What commands set and a reset forgets."""

    cnmi: list[int] = field(default_factory=lambda: [0, 0, 0, 0, 0])
    mem: list[str] = field(default_factory=lambda: ["SM", "SM", "SM"])
    csms: int = 0
    cfun: int = 1
    unlocked: bool = False
    numbers: dict[str, int] = field(default_factory=dict)
    """Plain numeric settings by command name."""
    charset: str = "IRA"
    operator_format: int = 0

    def number(self, name: str) -> int:
        """A plain numeric setting; 0 when never set."""
        return self.numbers.get(name, 0)


class Port(Protocol):
    """The cable between modem and computer."""

    def write(self, data: bytes) -> None:
        """Bytes to the computer."""
        ...

    def vanish(self, seconds: float | None) -> None:
        """The port is gone, for so many seconds or (None) until ``appear``."""
        ...

    def appear(self) -> None:
        """The port is there again; harmless when it is."""
        ...


class Modem:
    """One modem on a network. Every call must hold the network's lock; constructing only stores."""

    def __init__(self, *, imei: str, sim: SimCard, profile: Profile, network: Network, port: Port) -> None:
        self.imei = imei
        self.sim = sim
        self.profile = profile
        self.network = network
        self.port = port
        self.number = sim.number
        self.rng = seeded(network.seed, imei)
        self.settings = Settings()
        self.memories: dict[str, Memory] = {}
        self.powered = False
        self.sms_ready = False
        self.on_air = False
        self.dialogue = Dialogue(self, network.schedule, port.write)
        self.ringing_from = ""
        self.waiting_ack = False
        self.last_mr = sim.last_mr
        self._commands: dict[str, Callable[[Modem, Command], Outcome]] = {}
        self._told_registration = -1
        self._unplugged = False
        self._power_back: Timer | None = None

    def install(self, commands: dict[str, Callable[[Modem, Command], Outcome]]) -> None:
        """Give it its commands."""
        self._commands = commands

    # --- power ---

    def power_on(self, *, warm: bool = False) -> None:
        """Switch on; ``warm`` skips the start-up: it has long been on."""
        self.powered = True
        self.settings = Settings()
        self.last_mr = self.sim.last_mr if self.profile.keeps_smss else 255
        self.memories = {"SM": self.sim.memory, "ME": Memory(100), "SR": Memory(50)}
        self.dialogue.reset()
        self.sms_ready = self.on_air = False
        self.waiting_ack = False
        self._told_registration = -1
        if warm:
            self._sms_ready()
            self._registered()
            return
        boot = self.profile.boot
        for seconds, line in boot.lines:
            self.dialogue.later(seconds, lambda line=line: self.dialogue.urc(line))  # type: ignore[misc]
        self.dialogue.later(boot.sms_ready_s, self._sms_ready)
        self.dialogue.later(boot.registered_s, self._registered)

    def power_off(self) -> None:
        """Lose power: everything but the SIM is forgotten."""
        self.powered = self.sms_ready = self.on_air = False
        self.ringing_from = ""
        self._drop_ack()
        self.dialogue.die()

    def restart(self) -> None:
        """``AT+CFUN=1,1``: start afresh; on USB the port vanishes for a moment."""
        if not self.powered:
            return
        self.power_off()
        if self.profile.usb:
            self.port.vanish(1.0)
            self._power_back = self.network.schedule.after(1.0, self.power_on)
        else:
            self.power_on()

    def power_cycle(self, off_s: float) -> None:
        """Lose power for ``off_s`` seconds from now; the port is gone as long."""
        if self._power_back is not None:
            self._power_back.cancel()
        self.power_off()
        self.port.vanish(None)

        def back() -> None:
            self._power_back = None
            if self.network.weather.unplug_s != 0:
                self.port.appear()
            self.power_on()

        self._power_back = self.network.schedule.after(off_s, back)

    def next_mr(self) -> int:
        """The TP-MR of the next submission, noted on the SIM before it is transmitted, where the modem does that."""
        self.last_mr = (self.last_mr + 1) % 256
        if self.profile.keeps_smss:
            self.sim.last_mr = self.last_mr
        return self.last_mr

    def _sms_ready(self) -> None:
        self.sms_ready = True
        self.network.alert(self.number)

    def _registered(self) -> None:
        self.on_air = True
        self._tell_registration()
        self.network.alert(self.number)

    # --- registration ---

    def locked(self) -> bool:
        """Whether the SIM still asks for its PIN or PUK."""
        return bool(self.sim.pin) and not self.settings.unlocked

    def registration(self) -> int:
        """The +CREG state (3GPP TS 27.007 §7.2)."""
        if not self.on_air or self.settings.cfun != 1 or self.locked():
            return 0
        return REGISTRATIONS[self.network.weather.registration]

    def registered(self) -> bool:
        """Whether it is on the network, at home or roaming."""
        return self.registration() in {1, 5}

    def attached(self) -> bool:
        """Whether the network reaches it."""
        return self.powered and self.sms_ready and self.registered() and self.dialogue.mode is not Mode.DEAD

    def weather_changed(self) -> None:
        """Notice new faults: registration, unplugged ports, a hang that ended."""
        weather = self.network.weather
        self._tell_registration()
        if weather.unplug_s is not None:
            self._unplugged = True
            self.port.vanish(weather.unplug_s or None)
        elif self._unplugged:
            self._unplugged = False
            if self.powered:
                self.port.appear()
        self.network.alert(self.number)

    def refresh_registration(self) -> None:
        """Tell the computer and the network what a command changed."""
        self._tell_registration()
        self.network.alert(self.number)

    def _tell_registration(self) -> None:
        state = self.registration()
        if self.powered and self._told_registration not in {-1, state}:
            for name in ("+CREG", "+CGREG", "+CEREG"):
                level = self.settings.number(name)
                if level:
                    cell = ',"00C3","7A12"' if level >= 2 and state in {1, 5} else ""
                    self.dialogue.urc(f"{name}: {state}{cell}")
        self._told_registration = state

    # --- what the network brings ---

    def spacing_s(self) -> float:
        """Seconds the air takes between two messages to this modem."""
        return self.profile.spacing.draw(self.rng)

    def room(self, name: str) -> tuple[int, int]:
        """Places used and places there are in a memory."""
        memory = self.memories[name]
        full = name == "SM" and self.network.weather.sim_full
        return (memory.capacity if full else len(memory.slots)), memory.capacity

    def take(self, data: bytes, *, report: bool) -> Delivery:
        """Store or show a message or a status report, as +CNMI and +CSMS say (3GPP TS 27.005 §3.4.1)."""
        if report:
            return self._take_report(data)
        if self.settings.cnmi[1] == 2:
            return self._show(f"+CMT: ,{len(data)}", data)
        name = self.settings.mem[2]
        index = self._store(name, data)
        if index is None:
            self.sim.memory_exceeded = True
            return Delivery.REFUSED
        if self.settings.cnmi[1] == 1:
            self.dialogue.urc(f'+CMTI: "{name}",{index}')
        return Delivery.TAKEN

    def _take_report(self, data: bytes) -> Delivery:
        ds = self.settings.cnmi[3]
        if ds == 1:
            return self._show(f"+CDS: {len(data)}", data)
        if ds == 2:
            index = self._store("SR", data)
            if index is not None:
                self.dialogue.urc(f'+CDSI: "SR",{index}')
        return Delivery.TAKEN

    def _store(self, name: str, data: bytes) -> int | None:
        used, capacity = self.room(name)
        if used >= capacity:
            return None
        return self.memories[name].store(Stored(Stat.UNREAD, smsc_octets(self.sim.smsc), data))

    def _show(self, head: str, data: bytes) -> Delivery:
        self.dialogue.urc(f"{head}\r\n{(smsc_octets(self.sim.smsc) + data).hex().upper()}")
        if self.settings.csms != 1:
            return Delivery.TAKEN
        self.waiting_ack = True
        self.dialogue.later(ACK_S, self._drop_ack)
        return Delivery.PENDING

    def _drop_ack(self) -> None:
        if self.waiting_ack:
            self.waiting_ack = False
            self.network.acknowledge(self.number, taken=False)

    # --- calls ---

    def ring(self, caller: str, seconds: float) -> None:
        """Ring until the caller gives up or the computer hangs up."""
        self.ringing_from = caller
        rings = max(1, int(seconds / self.profile.ring_s))
        for place in range(rings):
            self.dialogue.later(place * self.profile.ring_s, lambda: self._ring_once(caller))
        self.dialogue.later(rings * self.profile.ring_s, lambda: self._end_call(caller))

    def _ring_once(self, caller: str) -> None:
        if self.ringing_from == caller:
            self.dialogue.urc("RING")
            if self.settings.number("+CLIP"):
                kind = 145 if caller.startswith("+") else 129
                self.dialogue.urc(f'+CLIP: "{caller}",{kind},"",,"",0')

    def _end_call(self, caller: str) -> None:
        if self.ringing_from == caller:
            self.ringing_from = ""
            self.dialogue.urc("NO CARRIER")

    # --- what the dialogue asks (see dialogue.Host) ---

    def delay(self, command: Command) -> float:
        """Seconds it thinks before it runs a command."""
        return self.profile.delay(command.name, self.rng)

    def run(self, command: Command) -> Outcome:
        """Run one command; raises AtError for one it lacks."""
        handler = self._commands.get(command.name)
        if handler is None:
            raise AtError
        return handler(self, command)

    def alive(self) -> bool:
        """Whether it still answers: the fault hang_after counts down here."""
        weather = self.network.weather
        if weather.hang_after is None:
            return True
        if weather.hang_after == 0:
            weather.hang_after = None
            return False
        weather.hang_after -= 1
        return True

    def noise(self) -> Iterable[bytes]:
        """What the faults urc_noise and garbage put into an answer."""
        weather, rng = self.network.weather, self.rng
        if weather.strikes(Fault.URC_NOISE, rng):
            yield f"\r\n{rng.choice(_NOISE)}\r\n".encode()
        if weather.strikes(Fault.GARBAGE, rng):
            yield b"\r\n" + bytes(rng.choice(b"\x00\xff\x7f~#@") for _ in range(rng.randint(1, 8))) + b"\r\n"

    def rude(self) -> bool:
        """Whether the fault urc_noise makes it speak into an open command or prompt."""
        return self.network.weather.strikes(Fault.URC_NOISE, self.rng)


def plain_ok(_modem: Modem, _command: Command) -> Outcome:
    """A command that is taken and changes nothing here."""
    return Reply()
