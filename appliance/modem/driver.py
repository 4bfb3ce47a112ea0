"""What a modem driver promises the modem service. One owner thread calls it; nothing here is shared.

Errors::

    ModemError
    ├── PortError            the port is missing, taken by another program, or gone (unplugged, power lost)
    ├── SilentError          the modem does not answer, or restarted before it did
    └── CommandRefusedError  the modem answered with an error; ``code`` is its number

``send`` raises none of these: what became of a part is a value, because the answer decides what may be done
with it. A driver that raises elsewhere leaves the port closable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from appliance.domain.failure import Failure

_HEX = frozenset("0123456789abcdefABCDEF")


class ModemError(Exception):
    """Something about a modem; carries the failure to show."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.code} {failure.detail}".strip())
        self.failure = failure


class PortError(ModemError):
    """The port is missing, taken by another program, or was lost. Example: the USB cable was pulled."""


class SilentError(ModemError):
    """The modem did not answer in time. Example: its firmware hangs after a day."""


class CommandRefusedError(ModemError):
    """The modem refused a command. Example: messages before the SIM is ready (``+CMS ERROR: 302``)."""

    def __init__(self, failure: Failure, *, family: str = "", code: int | None = None) -> None:
        super().__init__(failure)
        self.family = family
        self.code = code


# --- values --------------------------------------------------------------------------------------------------


class SimState(StrEnum):
    """What stands between the modem and its SIM (3GPP TS 27.007 §8.3)."""

    READY = "ready"
    MISSING = "missing"
    PIN = "pin"
    PUK = "puk"
    BUSY = "busy"


class Registration(StrEnum):
    """Where the modem stands with the network (TS 27.007 §7.2)."""

    REGISTERED = "registered"
    SEARCHING = "searching"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which modem this is."""

    imei: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Whose SIM is in it, as far as the SIM tells."""

    imsi: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class Air:
    """How the modem hears the network."""

    bars: int | None = None
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message lies in the modem."""

    storage: str
    index: int


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message lying in the modem. ``pdu`` is its hexadecimal as written; empty when it could not be read."""

    place: Place
    pdu: str
    length: int | None = None
    """Octets of the TPDU without the service centre's."""
    is_received: bool = True
    """False for what was written to the SIM to be sent: it is none of ours."""

    @property
    def is_whole(self) -> bool:
        """Whether the PDU has as many octets as its header tells, with or without the service centre's."""
        if self.length is None or not self.pdu:
            return True
        octets = len(self.pdu) / 2
        smsc = int(self.pdu[:2], 16) + 1 if set(self.pdu[:2]) <= _HEX else 0
        return octets in {self.length, self.length + smsc}


@dataclass(frozen=True, slots=True)
class Accepted:
    """The network took the part. ``tp_mr`` names it in delivery reports; None when the modem did not tell."""

    tp_mr: int | None


@dataclass(frozen=True, slots=True)
class NotSent:
    """The part definitely did not reach the network."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Unknown:
    """The part was handed over and its answer never came: nobody knows."""

    failure: Failure


SendAnswer = Accepted | NotSent | Unknown


# --- what happens by itself ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message was stored (``+CMTI``)."""

    place: Place


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """A message shown without being stored (``+CMT``: class 0)."""

    pdu: str
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery report (``+CDS``)."""

    pdu: str
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Ring:
    """Somebody calls; ``caller`` is empty until the network tells."""

    caller: str = ""


@dataclass(frozen=True, slots=True)
class Restarted:
    """The modem started afresh and forgot what it was told."""


@dataclass(frozen=True, slots=True)
class MessagesReady:
    """The modem has read its SIM's messages: it may have refused them before."""


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """The modem found or lost the network."""


@dataclass(frozen=True, slots=True)
class SimChanged:
    """The SIM was taken out, put in or locked."""


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """The network took a part whose answer nobody waits for any more (``+CMGS`` by itself)."""

    tp_mr: int


ModemEvent = (
    NewMessage
    | DirectMessage
    | Report
    | LateAnswer
    | Ring
    | Restarted
    | MessagesReady
    | RegistrationChanged
    | SimChanged
)


# --- the driver ----------------------------------------------------------------------------------------------


class Modem(Protocol):
    """One modem. All methods but ``close`` and ``events`` may raise ModemError."""

    def open(self) -> None:
        """Takes the port for itself; raises PortError."""
        ...

    def close(self) -> None:
        """Gives the port back. Never raises; repeating it changes nothing."""
        ...

    def set_up(self) -> Identity:
        """Brings both sides in step, after opening and after a restart; says which modem this is."""
        ...

    def sim(self) -> SimState:
        """What stands between the modem and its SIM."""
        ...

    def pin_tries(self) -> int | None:
        """How many wrong PINs the SIM still forgives; None when the modem cannot tell."""
        ...

    def unlock(self, pin: str) -> None:
        """Enters the PIN once; raises CommandRefusedError when it is wrong."""
        ...

    def set_up_messages(self) -> Subscriber:
        """Makes the modem store and announce messages and reports; raises CommandRefusedError while it is not ready."""
        ...

    def registration(self) -> Registration:
        """Where the modem stands with the network."""
        ...

    def air(self) -> Air:
        """How it hears the network."""
        ...

    def stored(self) -> list[StoredMessage]:
        """Every message in every storage."""
        ...

    def read(self, place: Place) -> StoredMessage | None:
        """The message at a place, None when nothing is there."""
        ...

    def delete(self, place: Place) -> None:
        """Empties a place; raises CommandRefusedError when the modem will not."""
        ...

    def send(self, pdu: str, length: int) -> SendAnswer:
        """Hands one PDU to the network and waits for the one answer. Raises nothing."""
        ...

    def restart(self) -> None:
        """Makes the modem start afresh; its port may go and come back."""
        ...

    def wait(self, seconds: float) -> None:
        """Waits until something happens, ``wake`` is called or the time is over; raises PortError."""
        ...

    def wake(self) -> None:
        """Ends a ``wait``, also the next one. Any thread may call it."""
        ...

    def hurry(self, seconds: float) -> None:
        """No answer is waited for longer than ``seconds`` from now: the service ends. Any thread may call it."""
        ...

    def release(self) -> None:
        """Gives everything back: the driver is not used again. Never raises."""
        ...

    def events(self) -> list[ModemEvent]:
        """What happened by itself since the last call, in order."""
        ...
