"""What the lines of a modem mean, as values of the driver. Pure."""

from __future__ import annotations

from appliance.modem.at import commands
from appliance.modem.at.engine import BOOT_LINES, Reply, Unsolicited
from appliance.modem.driver import (
    DirectMessage,
    LateAnswer,
    MessagesReady,
    ModemEvent,
    NewMessage,
    Place,
    RegistrationChanged,
    Report,
    Restarted,
    Ring,
    SimChanged,
    StoredMessage,
)

_STATUS_STORED_TO_SEND = frozenset({2, 3})
"""STO UNSENT and STO SENT (TS 27.005 §3.1 <stat>)."""


def event(happened: Unsolicited) -> ModemEvent | None:
    """What an unsolicited result tells, None when nothing we act on."""
    values = commands.fields(":" + happened.text)
    length = commands.number_at(values, len(values) - 1)
    if happened.name in {"+CMTI", "+CDSI"}:
        # A report that was stored is read like a message, and told apart by what it is.
        # An announcement without a place ("+CMTI: ,-1") says only that there is something to look for.
        known = len(values) > 1 and values[1].isdecimal()
        return NewMessage(Place(values[0], int(values[1]))) if known else MessagesReady()
    if happened.name == "+CDS":
        return Report(happened.body, length)
    if happened.name == "+CMT":
        return DirectMessage(happened.body, length)
    if happened.name == "+CMGS":
        told = commands.number_at(values, 0)
        return None if told is None else LateAnswer(told % 256)
    if happened.name in {"RING", "+CRING"}:
        return Ring()
    if happened.name == "+CLIP":
        return Ring(values[0])
    if happened.name in {"+CREG", "+CGREG", "+CEREG"}:
        return RegistrationChanged()
    if happened.name == "+CPIN":
        return None if happened.text == "READY" else SimChanged()
    if happened.name in {"SMS Ready", "SMS DONE"}:
        return MessagesReady()
    return Restarted() if happened.name in BOOT_LINES else None


def message(storage: str, slot: commands.Slot) -> StoredMessage:
    """A message of a list or a read."""
    received = slot.status not in _STATUS_STORED_TO_SEND
    return StoredMessage(Place(storage, slot.index), slot.pdu, slot.length, received)


def reference(reply: Reply) -> int | None:
    """The TP-MR of ``+CMGS: <mr>``, None when the modem did not tell."""
    values = [commands.number_at(commands.fields(line), 0) for line in reply.lines]
    told = [value for value in values if value is not None]
    return told[-1] % 256 if told else None


def storages(offered: Reply | None, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The storages of the profile that the modem can read from; all of them where it does not tell."""
    if offered is None or not offered.lines:
        return wanted[:1]
    first_group = offered.lines[-1].partition(")")[0]
    return tuple(name for name in wanted if f'"{name}"' in first_group) or wanted[:1]


def own_number(reply: Reply | None) -> str:
    """The SIM's own number as ``+CNUM`` tells it; most SIMs do not."""
    if reply is None or not reply.lines:
        return ""
    values = commands.fields(reply.lines[-1])
    if len(values) < 2 or not values[1]:
        return ""
    international = len(values) > 2 and values[2] == "145" and not values[1].startswith("+")
    return f"+{values[1]}" if international else values[1]
