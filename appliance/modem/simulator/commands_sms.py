"""The commands about messages, in PDU mode (3GPP TS 27.005 §3 and §4)."""

from __future__ import annotations

from appliance.modem.simulator.commands import GENERAL, Handler, whole
from appliance.modem.simulator.dialogue import AtError, Command, Mode, Outcome, Prompt, Reply, Silent, Wait, cms
from appliance.modem.simulator.faults import Fault
from appliance.modem.simulator.modem import Modem
from appliance.modem.simulator.sim import Memory, Stat, Stored
from appliance.modem.simulator.tpdu import TpduError

CMS_NOT_ALLOWED, CMS_PDU, CMS_PIN, CMS_PUK = 302, 304, 311, 316
CMS_INDEX, CMS_FULL, CMS_NO_NETWORK, CMS_NO_ACK, CMS_UNKNOWN = 321, 322, 331, 340, 500
_ALL = 4
_ACCEPTED_AFTER = 0.7
"""Share of the sending time after which the network has the message; the rest is the answer's way back."""


def ready(handler: Handler) -> Handler:
    """Refuse until the SIM is unlocked and its messages are loaded (the modem said ``SMS Ready``)."""

    def checked(modem: Modem, command: Command) -> Outcome:
        if command.op != "=?":
            if modem.locked():
                raise cms(CMS_PIN if modem.sim.tries else CMS_PUK)
            if not modem.sms_ready:
                raise cms(CMS_NOT_ALLOWED)
        return handler(modem, command)

    return checked


# --- settings ---


def _cmgf(_modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply(("+CMGF: (0)",))
    if command.op == "?":
        return Reply(("+CMGF: 0",))
    if command.args[:1] != ("0",):
        raise AtError
    return Reply()


def _csms(modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply(("+CSMS: (0,1)",))
    if command.op == "?":
        return Reply((f"+CSMS: {modem.settings.csms},1,1,1",))
    modem.settings.csms = whole(command.args[0], high=1)
    return Reply(("+CSMS: 1,1,1",))


def _csca(modem: Modem, command: Command) -> Outcome:
    if command.op == "?":
        kind = 145 if modem.sim.smsc.startswith("+") else 129
        return Reply((f'+CSCA: "{modem.sim.smsc}",{kind}',))
    if command.op == "=":
        number = command.args[0]
        if not number.removeprefix("+").isdecimal():
            raise cms(CMS_NOT_ALLOWED)
        international = command.args[1:2] == ("145",) and not number.startswith("+")
        modem.sim.smsc = f"+{number}" if international else number
    return Reply()


def _cpms(modem: Modem, command: Command) -> Outcome:
    settings = modem.settings
    if command.op == "=?":
        names = ",".join(f'"{name}"' for name in modem.profile.storages)
        return Reply((f'+CPMS: ({names}),("SM","ME"),("SM","ME")',))
    if command.op == "?":
        shown = ",".join(f'"{name}",{_used(modem, name)}' for name in settings.mem)
        return Reply((f"+CPMS: {shown}",))
    wanted = [name.upper() for name in command.args if name]
    if not 1 <= len(wanted) <= 3 or any(name not in modem.profile.storages for name in wanted):
        raise cms(CMS_NOT_ALLOWED)
    if "SR" in wanted[1:]:
        raise cms(CMS_NOT_ALLOWED)
    settings.mem[: len(wanted)] = wanted
    return Reply((f"+CPMS: {','.join(_used(modem, name) for name in settings.mem)}",))


def _used(modem: Modem, name: str) -> str:
    used, capacity = modem.room(name)
    return f"{used},{capacity}"


def _cnmi(modem: Modem, command: Command) -> Outcome:
    offered = modem.profile.cnmi_ds
    if command.op == "=?":
        ds = ",".join(str(value) for value in offered)
        return Reply((f"+CNMI: (0-2),(0-3),(0,2),({ds}),(0,1)",))
    current = modem.settings.cnmi
    if command.op == "?":
        return Reply((f"+CNMI: {','.join(str(value) for value in current)}",))
    wanted = [whole(text, high=3) if text else current[n] for n, text in enumerate(command.args[:5])]
    allowed = ((0, 1, 2), (0, 1, 2, 3), (0, 2), offered, (0, 1))
    if any(value not in allowed[n] for n, value in enumerate(wanted)):
        raise cms(CMS_NOT_ALLOWED)
    current[: len(wanted)] = wanted
    return Reply()


# --- reading ---


def _line(index: int, message: Stored, head: str) -> str:
    prefix = f"{head} {index}," if index >= 0 else f"{head} "
    return f"{prefix}{int(message.stat)},,{len(message.data)}\r\n{message.hex()}"


def _read(message: Stored) -> None:
    if message.stat is Stat.UNREAD:
        message.stat = Stat.READ


def _cmgl(modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply(("+CMGL: (0-4)",))
    wanted = whole(command.args[0] if command.args else "0", high=_ALL)
    memory = modem.memories[modem.settings.mem[0]]
    lines = []
    for index, message in sorted(memory.slots.items()):
        if wanted in (_ALL, message.stat):
            lines.append(_line(index, message, "+CMGL:"))
            _read(message)
    return Reply(tuple(lines))


def _place(modem: Modem, text: str) -> tuple[Memory, int]:
    memory = modem.memories[modem.settings.mem[0]]
    index = whole(text)
    if not memory.knows(index):
        raise cms(CMS_INDEX)
    return memory, index


def _cmgr(modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply()
    memory, index = _place(modem, command.args[0] if command.args else "")
    message = memory.slots.get(index)
    if message is None:
        return Reply()
    line = _line(-1, message, "+CMGR:")
    _read(message)
    return Reply((line,))


def _cmgd(modem: Modem, command: Command) -> Outcome:
    memory = modem.memories[modem.settings.mem[0]]
    if command.op == "=?":
        return Reply((f"+CMGD: ({','.join(str(index) for index in sorted(memory.slots))}),(0-4)",))
    flag = whole(command.args[1], high=_ALL) if len(command.args) > 1 and command.args[1] else 0
    if flag:
        gone = {1: {Stat.READ}, 2: {Stat.READ, Stat.SENT}, 3: {Stat.READ, Stat.SENT, Stat.UNSENT}}.get(flag, set(Stat))
        for index in [index for index, message in memory.slots.items() if message.stat in gone]:
            del memory.slots[index]
    else:
        _, index = _place(modem, command.args[0] if command.args else "")
        memory.slots.pop(index, None)
    modem.sim.memory_exceeded = False
    modem.network.alert(modem.number)
    return Reply()


def _cnma(modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply(("+CNMA: (0-2)",))
    if modem.settings.csms != 1 or not modem.waiting_ack:
        raise cms(CMS_NO_ACK)
    modem.waiting_ack = False
    refused = command.args[:1] == ("2",)
    modem.network.acknowledge(modem.number, taken=not refused)
    return Reply()


# --- writing ---


def _pdu(typed: str, length: int) -> tuple[bytes, bytes]:
    """SMSC octets and TPDU as typed; raises CMS 304 unless it is hexadecimal of the length the command named."""
    try:
        data = bytes.fromhex(typed)
    except ValueError:
        raise cms(CMS_PDU) from None
    smsc = 1 + data[0] if data else 0
    if not data or len(data) - smsc != length or length < 1:
        raise cms(CMS_PDU)
    return data[:smsc], data[smsc:]


def _cmgs(modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply()
    length = whole(command.args[0] if command.args else "", low=1, high=255)
    return Prompt(lambda typed: _send(modem, _pdu(typed, length)[1], "+CMGS"))


def _cmgw(modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply()
    length = whole(command.args[0] if command.args else "", low=1, high=255)
    stat = Stat(whole(command.args[1], high=3)) if len(command.args) > 1 and command.args[1] else Stat.UNSENT

    def store(typed: str) -> Outcome:
        smsc, data = _pdu(typed, length)
        name = modem.settings.mem[1]
        used, capacity = modem.room(name)
        index = modem.memories[name].store(Stored(stat, smsc, data)) if used < capacity else None
        if index is None:
            raise cms(CMS_FULL)
        return Reply((f"+CMGW: {index}",))

    return Prompt(store)


def _cmss(modem: Modem, command: Command) -> Outcome:
    if command.op == "=?":
        return Reply()
    memory = modem.memories[modem.settings.mem[1]]
    message = memory.slots.get(whole(command.args[0] if command.args else ""))
    if message is None or message.stat not in {Stat.UNSENT, Stat.SENT}:
        raise cms(CMS_INDEX)
    return _send(modem, message.data, "+CMSS", message)


def _send(modem: Modem, data: bytes, head: str, stored: Stored | None = None) -> Outcome:
    """Hand a TPDU to the network. The modem chooses TP-MR itself, and notes it on the SIM before it transmits."""
    if not modem.registered():
        raise cms(CMS_NO_NETWORK)
    if len(data) < 2:
        raise cms(CMS_PDU)
    if modem.network.weather.strikes(Fault.HANG_DURING_CMGS, modem.rng):
        modem.dialogue.die()
        return Silent()
    sending = _Sending(modem, bytes([data[0], modem.next_mr()]) + data[2:], head, stored)
    seconds = modem.profile.send.draw(modem.rng)
    if seconds <= 0:
        sending.submit()
        return sending.outcome()
    modem.dialogue.later(seconds * _ACCEPTED_AFTER, sending.submit)
    modem.dialogue.later(seconds, sending.finish)
    return Wait(sending.abort)


class _Sending:
    """One message between Ctrl-Z and its answer."""

    def __init__(self, modem: Modem, data: bytes, head: str, stored: Stored | None) -> None:
        self._modem = modem
        self._data = data
        self._head = head
        self._stored = stored
        self._error = 0
        self._submitted = self._aborted = False

    def submit(self) -> None:
        """The network decides now, unless the sending was aborted before."""
        if self._aborted:
            return
        self._submitted = True
        try:
            self._error = self._modem.network.submit(self._modem.number, self._data) or 0
        except TpduError:
            self._error = CMS_PDU
        if not self._error and self._stored:
            self._stored.stat = Stat.SENT

    def abort(self) -> None:
        """Something was typed too early. A message the network has is still reported (27.005 §3.5.1)."""
        self._aborted = True
        if not self._submitted:
            self._modem.dialogue.fail(cms(CMS_UNKNOWN))

    def outcome(self) -> Outcome:
        """The answer, as the faults leave it; raises the +CMS ERROR of a refusal."""
        modem, weather = self._modem, self._modem.network.weather
        if self._error:
            raise cms(self._error)
        if weather.strikes(Fault.DROP_ANSWER, modem.rng):
            return Silent()
        if weather.strikes(Fault.ANSWER_THEN_DIE, modem.rng):
            modem.network.schedule.after(0, lambda: modem.power_cycle(3.0))
        return Reply((f"{self._head}: {self._data[1]}",))

    def finish(self) -> None:
        """Give the answer after the time sending took."""
        if self._aborted and not self._submitted:
            return
        dialogue = self._modem.dialogue
        if dialogue.mode not in {Mode.SENDING, Mode.COMMAND}:
            return
        dialogue.conclude(self.outcome)


MESSAGES: dict[str, Handler] = {
    "+CMGF": _cmgf,
    "+CSMS": _csms,
    "+CSCA": ready(_csca),
    "+CPMS": ready(_cpms),
    "+CNMI": ready(_cnmi),
    "+CMGL": ready(_cmgl),
    "+CMGR": ready(_cmgr),
    "+CMGD": ready(_cmgd),
    "+CNMA": ready(_cnma),
    "+CMGS": ready(_cmgs),
    "+CMGW": ready(_cmgw),
    "+CMSS": ready(_cmss),
}
"""The commands about messages."""

COMMANDS: dict[str, Handler] = {**GENERAL, **MESSAGES}
"""Everything a modem of the village understands."""
