"""What the network truly accepted, took from handsets, and delivered: the judge of every test (contracts.md §4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from appliance.modem.simulator.tpdu import Concat


def rfc3339(ms: int) -> str:
    """Milliseconds of Unix time as RFC 3339 in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Entry:
    """One message of one or more parts on its way from ``sender`` to ``to``."""

    sender: str
    to: str
    of: int = 1
    texts: dict[int, str] = field(default_factory=dict)
    mrs: dict[int, int] = field(default_factory=dict)
    arrived: set[int] = field(default_factory=set)
    row: dict[str, object] | None = None
    """Its row among the delivered, once all parts arrived."""

    def whole(self) -> bool:
        """Whether every part was taken."""
        return len(self.texts) == self.of


class Ledger:
    """Grows only. One row per message; a message of several parts is one row from its last part on."""

    def __init__(self) -> None:
        self._accepted: list[dict[str, object]] = []
        self._submitted: list[dict[str, object]] = []
        self._delivered: list[dict[str, object]] = []
        self._pieces: list[dict[str, object]] = []
        self._open: dict[tuple[str, str, Concat | None], Entry] = {}

    def accept(self, entry: Entry, concat: Concat | None, *, text: str, mr: int, at: int) -> Entry:
        """Note one part the network took from a modem; returns the entry of the message it belongs to."""
        part = concat.part if concat else 1
        key = (entry.sender, entry.to, concat and Concat(concat.reference, concat.of, 0, concat.wide))
        if concat:
            entry = self._open.setdefault(key, entry)
            entry.of = concat.of
        entry.texts[part], entry.mrs[part] = text, mr
        self._pieces.append(
            {
                "from": entry.sender,
                "to": entry.to,
                "text": text,
                "at": rfc3339(at),
                "tp_mr": mr,
                "part": part,
                "of": entry.of,
                "reference": concat.reference if concat else None,
            }
        )
        if entry.whole():
            self._open.pop(key, None)
            self._accepted.append(_row(entry, at))
        return entry

    def submit(self, entry: Entry, at: int) -> None:
        """Note a whole message a handset sent."""
        self._submitted.append(_row(entry, at))

    def deliver(self, entry: Entry, part: int, at: int) -> None:
        """Note one part that arrived; the same message arriving again only raises its ``copies``."""
        if entry.row is not None:
            copies = entry.row["copies"]
            assert isinstance(copies, int)
            entry.row["copies"] = copies + (part == entry.of)
            return
        entry.arrived.add(part)
        if entry.whole() and len(entry.arrived) == entry.of:
            entry.row = {**_row(entry, at), "copies": 1}
            self._delivered.append(entry.row)

    def rows(self) -> dict[str, list[dict[str, object]]]:
        """The ledger as ``GET /ledger`` answers."""
        return {
            "accepted": [dict(row) for row in self._accepted],
            "submitted": [dict(row) for row in self._submitted],
            "delivered": [dict(row) for row in self._delivered],
        }

    def pieces(self) -> list[dict[str, object]]:
        """Every single part the network took from a modem, repeats included."""
        return [dict(row) for row in self._pieces]


def _row(entry: Entry, at: int) -> dict[str, object]:
    places = sorted(entry.texts)
    return {
        "from": entry.sender,
        "to": entry.to,
        "text": "".join(entry.texts[place] for place in places),
        "at": rfc3339(at),
        "tp_mr": entry.mrs[places[-1]],
        "tp_mrs": [entry.mrs[place] for place in places],
        "parts": entry.of,
    }
