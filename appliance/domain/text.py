"""Text of an SMS: alphabets (3GPP TS 23.038), the choice of encoding, and exact splitting into parts.

A *unit* is what a part is measured in: a septet in GSM-7, a UTF-16 code unit in UCS-2. National language
tables live beside this module when they come; here is what every phone reads.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Encoding(StrEnum):
    """How the user data of an SMS is coded."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"
    BINARY = "8bit"


ESCAPE = 0x1B
"""Septet that announces a character of the extension table (TS 23.038 §6.2.1)."""

GSM7_DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""TS 23.038 §6.2.1, indexed by septet; the place of the escape holds U+001B, which is no character."""

GSM7_EXTENSION: Mapping[int, str] = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
"""TS 23.038 §6.2.1.1, by the septet that follows the escape."""

_SEPTETS: Mapping[str, bytes] = {
    **{char: bytes([code]) for code, char in enumerate(GSM7_DEFAULT) if code != ESCAPE},
    **{char: bytes([ESCAPE, code]) for code, char in GSM7_EXTENSION.items()},
}
_GSM7_CHARS = frozenset(_SEPTETS)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many units fit (TS 23.040 §9.2.3.24.1): alone, and in each part of a joined message (8-bit reference)."""

    single: int
    part: int


LIMITS: Mapping[Encoding, Limits] = {
    Encoding.GSM7: Limits(160, 153),
    Encoding.UCS2: Limits(70, 67),
}


class TextError(ValueError):
    """The text cannot be written in the encoding asked for."""


# --- cleaning ------------------------------------------------------------------------------------------------

_UNSTORABLE = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff\0]")


def clean(text: str) -> str:
    """The text as it can be stored everywhere: NUL and lone surrogates become U+FFFD, nothing else changes.

    Two surrogates that make a pair are no lone ones: they become the character they stand for.
    """
    return _UNSTORABLE.sub(_storable, text)


def _storable(match: re.Match[str]) -> str:
    found = match.group()
    if len(found) == 1:
        return "\ufffd"
    return found.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


# --- alphabets -----------------------------------------------------------------------------------------------


def fits_gsm7(text: str) -> bool:
    """Whether every character is in the GSM 7-bit default alphabet or its extension table."""
    return _GSM7_CHARS.issuperset(text)


def encode_gsm7(text: str) -> bytes:
    """The septets of ``text``, one in each byte, not packed; raises TextError for a character outside the alphabet."""
    try:
        return b"".join([_SEPTETS[char] for char in text])
    except KeyError as error:
        raise TextError(f"not in the GSM alphabet: U+{ord(error.args[0]):04X}") from None


def decode_gsm7(septets: bytes) -> str:
    """The text of unpacked septets; never fails for values below 128.

    TS 23.038 §6.2.1: an escape at the end, or doubled, shows as a space; §6.2.1.1: a code missing from the
    extension table shows as the character of the default table.
    """
    head, *rest = septets.split(b"\x1b")
    text = codecs.charmap_decode(head, "strict", GSM7_DEFAULT)[0]
    if not rest:
        return text
    pieces = [text]
    doubled = False
    for index, piece in enumerate(rest):
        if doubled:
            doubled = False
            pieces.append(codecs.charmap_decode(piece, "strict", GSM7_DEFAULT)[0])
        elif piece:
            shown = GSM7_EXTENSION.get(piece[0]) or GSM7_DEFAULT[piece[0]]
            pieces.append(shown + codecs.charmap_decode(piece[1:], "strict", GSM7_DEFAULT)[0])
        else:
            pieces.append(" ")
            doubled = index + 1 < len(rest)
    return "".join(pieces)


def pack_septets(septets: bytes, fill: int = 0) -> bytes:
    """Septets packed into octets (TS 23.038 §6.1.2.1), after ``fill`` zero bits (0–6)."""
    value = 0
    for septet in reversed(septets):
        value = value << 7 | septet
    return (value << fill).to_bytes((len(septets) * 7 + fill + 7) // 8, "little")


def unpack_septets(octets: bytes, count: int, fill: int = 0) -> bytes:
    """The first ``count`` septets after ``fill`` bits; fewer when the octets end before."""
    count = max(0, min(count, (len(octets) * 8 - fill) // 7))
    unpacked: list[int] = []
    aligned = (int.from_bytes(octets, "little") >> fill).to_bytes(len(octets), "little") if fill else octets
    # Eight septets are 56 bits: cut the number into sevens of octets, and each of these by shifts.
    for start in range(0, len(octets), 7):
        group = int.from_bytes(aligned[start : start + 7], "little")
        unpacked += (
            group & 0x7F,
            group >> 7 & 0x7F,
            group >> 14 & 0x7F,
            group >> 21 & 0x7F,
            group >> 28 & 0x7F,
            group >> 35 & 0x7F,
            group >> 42 & 0x7F,
            group >> 49,
        )
    return bytes(unpacked[:count])


# --- splitting -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Segment:
    """One part: ``text`` is the whole text from ``start`` up to ``end``, ``units`` long."""

    text: str
    start: int
    end: int
    units: int


@dataclass(frozen=True, slots=True)
class Split:
    """A text in parts; ``left`` units are still free in the last one before the number of parts may grow."""

    encoding: Encoding
    segments: tuple[Segment, ...]
    left: int


def split(text: str, encoding: Encoding | None = None) -> Split:
    """The text in as many parts as the network needs; the empty text is one empty part.

    GSM-7 is chosen when it can write all of it, else UCS-2. An escape pair or a surrogate pair is never
    divided; a grapheme (combining marks, joined emoji) only when it is longer than a part. Raises TextError
    when ``encoding`` cannot write the text.
    """
    chosen = encoding or (Encoding.GSM7 if fits_gsm7(text) else Encoding.UCS2)
    widths = _widths(text, chosen)
    total = sum(widths)
    limits = LIMITS[chosen]
    if total <= limits.single:
        return Split(chosen, (Segment(text, 0, len(text), total),), limits.single - total)
    segments: list[Segment] = []
    start = 0
    while start < len(text):
        end = _part_end(text, widths, start, limits.part)
        segments.append(Segment(text[start:end], start, end, sum(widths[start:end])))
        start = end
    return Split(chosen, tuple(segments), limits.part - segments[-1].units)


def _widths(text: str, encoding: Encoding) -> list[int]:
    if encoding is Encoding.UCS2:
        return [2 if char > "\uffff" else 1 for char in text]
    if encoding is not Encoding.GSM7:
        raise TextError(f"text is not written as {encoding}")
    try:
        return [len(_SEPTETS[char]) for char in text]
    except KeyError as error:
        raise TextError(f"not in the GSM alphabet: U+{ord(error.args[0]):04X}") from None


def _part_end(text: str, widths: list[int], start: int, limit: int) -> int:
    end, room = start, limit
    while end < len(text) and widths[end] <= room:
        room -= widths[end]
        end += 1
    whole = end
    while start < whole < len(text) and _joined(text, whole):
        whole -= 1
    return whole if whole > start else end


ZERO_WIDTH_JOINER = "\u200d"
_VIRAMA_CLASS = 9
_EXTENDING = re.compile(
    "[\u200c\u200d\uff9e\uff9f"  # joiners, half-width Japanese voice marks
    "\u1160-\u11ff"  # Hangul vowels and finals written apart
    "\U0001f3fb-\U0001f3ff"  # skin tones
    "\U000e0020-\U000e007f]"  # tags of flags
)


def _joined(text: str, at: int) -> bool:
    """Whether the character at ``at`` belongs to the one before it (Unicode Annex 29, in what text messages hold)."""
    before, char = text[at - 1], text[at]
    if char < "\u0300":
        return before == "\r" and char == "\n"
    if _is_regional(char) and _is_regional(before):
        return _regionals_before(text, at) % 2 == 1
    return (
        unicodedata.category(char) in {"Mn", "Me", "Mc"}
        or _EXTENDING.match(char) is not None
        or before == ZERO_WIDTH_JOINER
        or unicodedata.combining(before) == _VIRAMA_CLASS
    )


def _is_regional(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _regionals_before(text: str, at: int) -> int:
    count = 0
    while count < at and _is_regional(text[at - count - 1]):
        count += 1
    return count
