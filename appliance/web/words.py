"""What a state looks like on a page: an icon, the translation of its name, a tone. Never a tone alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from appliance.domain.failure import CATALOGUE, Failure
from appliance.domain.lifecycle import Incoming, LinkState, ModemState, Outgoing
from appliance.domain.records import ClockQuality
from appliance.web.i18n import gettext


class Tone(StrEnum):
    """How much a state asks for attention."""

    QUIET = "quiet"
    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Word:
    """A state as a page shows it. ``name`` is the English source of the translation."""

    icon: str
    name: str
    tone: Tone

    @property
    def text(self) -> str:
        """The name in the reader's language."""
        return gettext(self.name)


def N_(name: str) -> str:  # noqa: N802 - the mark that gettext tools look for
    """Marks a source text for the catalogues; it is translated where it is shown."""
    return name


STATES: Mapping[Outgoing | Incoming, Word] = {
    Outgoing.DRAFT: Word("pencil", N_("Draft"), Tone.BAD),
    Outgoing.HELD: Word("hand", N_("Held"), Tone.WARN),
    Outgoing.QUEUED: Word("clock", N_("Queued"), Tone.QUIET),
    Outgoing.SENDING: Word("arrow", N_("Sending"), Tone.QUIET),
    Outgoing.SENT: Word("tick", N_("Sent"), Tone.QUIET),
    Outgoing.DELIVERED: Word("ticks", N_("Delivered"), Tone.OK),
    Outgoing.WAITING: Word("clock", N_("Waiting"), Tone.WARN),
    Outgoing.UNCERTAIN: Word("question", N_("Uncertain"), Tone.WARN),
    Outgoing.FAILED: Word("warn", N_("Failed"), Tone.BAD),
    Outgoing.EXPIRED: Word("clockoff", N_("Expired"), Tone.BAD),
    Outgoing.CANCELLED: Word("cross", N_("Cancelled"), Tone.QUIET),
    Outgoing.REFUSED: Word("stop", N_("Refused"), Tone.BAD),
    Incoming.RECEIVED: Word("inbox", N_("Received"), Tone.QUIET),
    Incoming.INCOMPLETE: Word("puzzle", N_("Incomplete"), Tone.WARN),
}

MODEMS: Mapping[ModemState, Word] = {
    ModemState.ABSENT: Word("plug", N_("No modem"), Tone.BAD),
    ModemState.OPENING: Word("clock", N_("Opening"), Tone.WARN),
    ModemState.NO_SIM: Word("sim", N_("No SIM"), Tone.BAD),
    ModemState.PIN: Word("lock", N_("PIN needed"), Tone.BAD),
    ModemState.PUK: Word("lock", N_("PUK needed"), Tone.BAD),
    ModemState.SEARCHING: Word("search", N_("Searching"), Tone.WARN),
    ModemState.DENIED: Word("stop", N_("Denied"), Tone.BAD),
    ModemState.READY: Word("tick", N_("Ready"), Tone.OK),
    ModemState.RESETTING: Word("clock", N_("Resetting"), Tone.WARN),
    ModemState.FAILED: Word("warn", N_("Failed"), Tone.BAD),
}

LINKS: Mapping[LinkState, Word] = {
    LinkState.ONLINE: Word("cloud", N_("Online"), Tone.OK),
    LinkState.OFFLINE: Word("cloudoff", N_("Offline"), Tone.WARN),
    LinkState.REFUSED: Word("stop", N_("Refused"), Tone.BAD),
}

CLOCKS: Mapping[ClockQuality, Word] = {
    ClockQuality.NONE: Word("question", N_("The time is a guess"), Tone.WARN),
    ClockQuality.SMSC: Word("clock", N_("Set from a message's stamp"), Tone.OK),
    ClockQuality.NITZ: Word("clock", N_("Set by the mobile network"), Tone.OK),
    ClockQuality.BROWSER: Word("clock", N_("Set from an administrator's browser"), Tone.OK),
    ClockQuality.HUB: Word("clock", N_("Set by the hub"), Tone.OK),
    ClockQuality.RTC: Word("clock", N_("Kept by the battery clock"), Tone.OK),
    ClockQuality.NTP: Word("clock", N_("Set from the internet"), Tone.OK),
}


_ON_HUB: Mapping[str, str] = {
    "link.no-broker": N_("The line to the boxes is down. They go on working; what waits is sent when it returns."),
}
"""What a hub says in other words than the catalogue, which speaks as a box."""


def sentence(failure: Failure, kind: str = "") -> str:
    """The failure's sentence in the reader's language, as this version of the catalogue words it for that kind of node."""
    if kind == "hub" and failure.code in _ON_HUB:
        return gettext(_ON_HUB[failure.code])
    row = CATALOGUE.get(failure.code)
    return gettext(row[2] if row else failure.sentence)


# --- text written by strangers -------------------------------------------------------------------------------

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_FSI, _PDI = "\u2068", "\u2069"


def shown(text: str) -> str:
    """A message's text as a page may show it: control characters that no reader can see become U+FFFD."""
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n"))


def inline(text: str) -> str:
    """A name or a text within a line: one line, no direction controls that could leave their own element."""
    return " ".join(_BIDI.sub("", shown(text)).split())


def isolated(text: str) -> str:
    """As ``inline``, for places without elements (titles, attributes): isolated by U+2068 and U+2069."""
    return f"{_FSI}{inline(text)}{_PDI}"


def initial(name: str) -> str:
    """The first letter of a name, ``#`` when it begins with none."""
    first = inline(name)[:1]
    return first.upper() if first.isalpha() else "#"


def groups(address: str) -> list[str]:
    """A telephone number in groups that can be read aloud; anything else in one piece, fit for a line."""
    if not re.fullmatch(r"\+\d{8,15}", address):
        return [inline(address)]
    head, rest = address[:4], address[4:]
    cut = len(rest) - 4
    middle = [rest[max(0, end - 3) : end] for end in range(cut, 0, -3)][::-1]
    return [head, *middle, rest[cut:]]
