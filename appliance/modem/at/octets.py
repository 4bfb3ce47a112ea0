"""Octets of a TPDU read in order, and the one error they may raise."""

from __future__ import annotations


class PduError(ValueError):
    """The octets are no TPDU this codec can read, or the values cannot be written as one."""


class Reader:
    """Takes octets from the front of a PDU; raises PduError at its end."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def octet(self, what: str) -> int:
        """The next octet."""
        at = self._at
        if at >= len(self._data):
            raise PduError(f"the PDU ends in its {what}")
        self._at = at + 1
        return self._data[at]

    def take(self, count: int, what: str) -> bytes:
        """The next ``count`` octets."""
        end = self._at + count
        if end > len(self._data):
            raise PduError(f"the PDU ends in its {what}")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def rest(self) -> bytes:
        """All octets not taken yet."""
        taken = self._data[self._at :]
        self._at = len(self._data)
        return taken

    @property
    def left(self) -> int:
        """How many octets are not taken yet."""
        return len(self._data) - self._at


def from_hex(text: str) -> bytes:
    """The octets written as hexadecimal ``text``, blanks ignored; raises PduError."""
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise PduError("not hexadecimal") from error
