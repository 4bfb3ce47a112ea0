"""The SIM card and the memories messages are stored in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Stat(IntEnum):
    """State of a stored message in PDU mode (3GPP TS 27.005 §3.1 <stat>)."""

    UNREAD = 0
    READ = 1
    UNSENT = 2
    SENT = 3


@dataclass(slots=True)
class Stored:
    """One message in a memory: SMSC octets and TPDU as the modem shows them."""

    stat: Stat
    smsc: bytes
    data: bytes

    def hex(self) -> str:
        """The whole PDU in hexadecimal."""
        return (self.smsc + self.data).hex().upper()


@dataclass(slots=True)
class Memory:
    """Numbered places for messages."""

    capacity: int
    first: int = 1
    slots: dict[int, Stored] = field(default_factory=dict)

    def store(self, message: Stored) -> int | None:
        """Keep a message in the lowest free place; None when all are taken."""
        for index in range(self.first, self.first + self.capacity):
            if index not in self.slots:
                self.slots[index] = message
                return index
        return None

    def knows(self, index: int) -> bool:
        """Whether this memory has a place of this number."""
        return self.first <= index < self.first + self.capacity


@dataclass(slots=True)
class SimCard:
    """What survives the loss of power: messages, identity, EF_SMSS and the service centre's number."""

    number: str
    imsi: str
    iccid: str
    smsc: str = "+252615550001"
    memory: Memory = field(default_factory=lambda: Memory(50))
    last_mr: int = 255
    """Last used TP-MR of EF_SMSS (3GPP TS 31.102 §4.2.9)."""
    memory_exceeded: bool = False
    pin: str = ""
    """Empty: no PIN is asked."""
    tries: int = 3
