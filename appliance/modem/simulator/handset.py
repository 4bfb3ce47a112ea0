"""A phone of the village: what it received (long messages joined) and what it sent."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from appliance.modem.simulator.tpdu import Piece, Submit


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a phone's screen."""

    place: int
    """Grows by one with every line of this phone."""
    incoming: bool
    peer: str
    text: str
    parts: int
    at: int
    """Milliseconds of Unix time."""
    message: str = ""
    """Id of a message this phone sent."""


@dataclass(slots=True)
class _Joining:
    of: int
    texts: dict[int, str] = field(default_factory=dict)


class Handset:
    """Subscriber without AT commands. Not thread-safe by itself: the network's lock guards it."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.name = ""
        self.language = ""
        self.reachable = True
        self.lines: list[Line] = []
        self.delivered: set[str] = set()
        """Ids of sent messages of which every part arrived."""
        self._joining: dict[tuple[str, int, int, bool], _Joining] = {}
        self._references = itertools.count(1)
        self._mr = 255
        self._places = itertools.count(1)

    @property
    def wide_references(self) -> bool:
        """Half of the village, the odd numbers, counts long messages with 16 bits (3GPP TS 23.040 §9.2.3.24.8)."""
        return self.number[-1:] in set("13579")

    def next_reference(self) -> int:
        """The concatenation reference of the next long message."""
        return next(self._references) % (65536 if self.wide_references else 256)

    def next_mr(self) -> int:
        """The TP-MR of the next part this phone sends."""
        self._mr = (self._mr + 1) % 256
        return self._mr

    def receive(self, sender: str, part: Submit | Piece, at: int) -> Line | None:
        """Take one part; returns the new line of the inbox when a message is whole with it."""
        place = part.concat
        if place is None:
            return self._add(sender, part.text, 1, at)
        key = (sender, place.reference, place.of, place.wide)
        joining = self._joining.setdefault(key, _Joining(place.of))
        joining.texts[place.part] = part.text
        if len(joining.texts) < joining.of:
            return None
        del self._joining[key]
        return self._add(sender, "".join(joining.texts[n] for n in sorted(joining.texts)), place.of, at)

    def _add(self, sender: str, text: str, parts: int, at: int) -> Line:
        line = Line(next(self._places), True, sender, text, parts, at)
        self.lines.append(line)
        return line

    def note_sent(self, message: str, to: str, *, text: str, parts: int, at: int) -> None:
        """Show a message of this phone on its own screen."""
        self.lines.append(Line(next(self._places), False, to, text, parts, at, message))

    def inbox(self) -> list[Line]:
        """What it received, oldest first."""
        return [line for line in self.lines if line.incoming]
