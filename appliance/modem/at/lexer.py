"""Bytes of a serial line cut into tokens (ITU-T V.250 §5.7, 3GPP TS 27.005 §4.3). Pure: no I/O, no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_LINE = 4096
"""A PDU takes 352 characters; a line longer than this is noise and is dropped."""

_LINE_END = re.compile(rb"[\r\n]+")
_TRIMMED = b" \x1a\x1b\x7f"


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not empty, without its end; octets above 127 are read as Latin-1."""

    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The modem asks for data (``>`` with no end of line)."""


Token = Line | Prompt


class Lexer:
    """Cuts whatever pieces the port gives, one byte or a thousand, into the same tokens.

    A ``>`` is a prompt only while ``prompt_awaited`` is set: elsewhere it is text. The first prompt clears it.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self.prompt_awaited = False

    def feed(self, data: bytes) -> list[Token]:
        """The tokens that end in ``data``; the rest waits for more. NULs are dropped: some modems spew them."""
        *ended, self._buffer = _LINE_END.split(self._buffer + data.replace(b"\0", b""))
        tokens: list[Token] = []
        for piece in ended:
            self._take(piece, tokens)
        if self.prompt_awaited and self._buffer.lstrip(_TRIMMED).startswith(b">"):
            piece, self._buffer = self._buffer, b""
            self._take(piece, tokens)
        if len(self._buffer) > LONGEST_LINE:
            self._buffer = b""
        return tokens

    def clear(self) -> None:
        """Forgets a line begun, as when the port was reopened."""
        self._buffer = b""
        self.prompt_awaited = False

    def _take(self, piece: bytes, tokens: list[Token]) -> None:
        text = piece.strip(_TRIMMED)
        if self.prompt_awaited and text.startswith(b">"):
            self.prompt_awaited = False
            tokens.append(Prompt())
            text = text[1:].strip(_TRIMMED)
        if text and len(text) <= LONGEST_LINE:
            tokens.append(Line(text.decode("latin-1")))
