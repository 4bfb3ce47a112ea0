"""Lines: the addresses people are reached at. A line is a value, not a record."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class Scheme(StrEnum):
    """What kind of address a line is."""

    TEL = "tel"
    """E.164 with its plus sign."""
    SHORT = "short"
    """A short code or national service number, digits only: can be answered in its network only."""
    ALNUM = "alnum"
    """An alphanumeric sender (3GPP TS 23.040 §9.1.2.5): cannot be answered."""
    EMAIL = "mailto"


class AddressError(ValueError):
    """The text is no address; its message is a sentence for staff."""


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """A normalised address, unique in a store."""

    scheme: Scheme
    address: str

    def __str__(self) -> str:
        return self.address

    @property
    def can_be_answered(self) -> bool:
        """Whether a message can be sent back to this line."""
        return self.scheme is not Scheme.ALNUM


_SEPARATORS = re.compile(r"[\s().\-/‐-―\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SHORT = re.compile(r"\d{2,8}")


def parse_phone(text: str, *, country: str = "") -> Line:
    """The line written as ``text``, in any digits Unicode knows, with the usual separators.

    ``country`` is the country calling code without plus (``"252"``) used for national numbers that begin with
    a zero. Raises AddressError with a sentence for staff.
    """
    digits = _SEPARATORS.sub("", "".join(_ascii_digit(c) for c in text.strip()))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    elif digits.startswith("0") and country:
        digits = f"+{country}{digits[1:]}"
    if _E164.fullmatch(digits):
        return Line(Scheme.TEL, digits)
    if _SHORT.fullmatch(digits):
        return Line(Scheme.SHORT, digits)
    raise AddressError("This is not a phone number. Write it with the country code, like +252 61 555 0100.")


def sender_line(address: str, *, alphanumeric: bool, international: bool) -> Line:
    """The line of a sender as the network names it (never refused: what the network says is kept)."""
    if alphanumeric:
        return Line(Scheme.ALNUM, address)
    if international:
        return Line(Scheme.TEL, "+" + address.lstrip("+"))
    if address.startswith("+"):
        return Line(Scheme.TEL, address)
    return Line(Scheme.SHORT, address)


def mask(address: str) -> str:
    """An address as logs and support reports may show it: ``+252…143``, ``HO…``, ``…`` when short."""
    if len(address) > 8:
        return f"{address[:4]}…{address[-3:]}"
    return f"{address[:2]}…" if len(address) > 4 else "…"


def _ascii_digit(char: str) -> str:
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)
