"""The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038 §6.2.1), and septet packing.

Written apart from the codec of the box on purpose: the village judges that codec, so it shares nothing with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

ESCAPE = 0x1B

_DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
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
_SEPTETS: dict[str, tuple[int, ...]] = {
    **{char: (code,) for code, char in enumerate(_DEFAULT) if code != ESCAPE},
    **{char: (ESCAPE, code) for code, char in _EXTENSION.items()},
}


def septets_of(char: str) -> tuple[int, ...] | None:
    """The one or two septets that write this character; None when the alphabet lacks it."""
    return _SEPTETS.get(char)


def can_write(text: str) -> bool:
    """Whether every character of the text is in the default alphabet or its extension table."""
    return all(char in _SEPTETS for char in text)


def text_of(septets: Iterable[int]) -> str:
    """The text these septets write.

    An escape with a code the extension table lacks shows the default character, a lone or double escape a space
    (§6.2.1.1).
    """
    out: list[str] = []
    escaped = False
    for code in septets:
        if escaped:
            escaped = False
            out.append(" " if code == ESCAPE else _EXTENSION.get(code, _DEFAULT[code]))
        elif code == ESCAPE:
            escaped = True
        else:
            out.append(_DEFAULT[code])
    if escaped:
        out.append(" ")
    return "".join(out)


def pack(septets: Sequence[int], *, skip_bits: int = 0) -> bytes:
    """Septets as octets, lowest bit first (§6.1.2.1), after ``skip_bits`` fill bits that are zero."""
    value = 0
    for place, code in enumerate(septets):
        value |= code << (skip_bits + 7 * place)
    return value.to_bytes((skip_bits + 7 * len(septets) + 7) // 8, "little")


def unpack(octets: bytes, count: int, *, skip_bits: int = 0) -> list[int]:
    """The first ``count`` septets of packed octets after ``skip_bits`` fill bits; missing bits read as zero."""
    value = int.from_bytes(octets, "little") >> skip_bits
    return [(value >> (7 * place)) & 0x7F for place in range(count)]
