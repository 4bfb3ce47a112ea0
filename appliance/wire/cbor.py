"""The part of CBOR (RFC 8949) that the link uses, read strictly: bytes from outside raise CborError or give plain values.

Only integers, byte strings, text, arrays and null exist here, in their shortest form and definite length
(§4.2.1). No tags, no floats, no maps: nothing in a message can make a reader build a foreign object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Value: TypeAlias = int | bytes | str | Sequence["Value"] | None

MAX_DEPTH = 6
"""Deeper than any message of the link; refuses nesting that would exhaust the stack."""

_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY = range(5)
_NULL = b"\xf6"
_SIZES = {24: 1, 25: 2, 26: 4, 27: 8}


class CborError(ValueError):
    """Bytes that are not exactly one value of the subset."""


def encode(value: Value) -> bytes:
    """``value`` in the shortest form; raises CborError for what the subset cannot say."""
    out = bytearray()
    _write(out, value)
    return bytes(out)


def decode(data: bytes) -> Value:
    """The one value that ``data`` is, arrays as tuples; raises CborError for anything else, trailing bytes included."""
    value, end = _read(data, 0, 0)
    if end != len(data):
        raise CborError("bytes after the value")
    return value


def _write(out: bytearray, value: Value) -> None:
    if value is None:
        out += _NULL
    elif isinstance(value, bool):
        raise CborError("no booleans: say 0 or 1")
    elif isinstance(value, int):
        out += _head(_UINT, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    elif isinstance(value, bytes):
        out += _head(_BYTES, len(value))
        out += value
    elif isinstance(value, str):
        raw = _utf8(value)
        out += _head(_TEXT, len(raw))
        out += raw
    else:
        out += _head(_ARRAY, len(value))
        for item in value:
            _write(out, item)


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise CborError("text with a lone surrogate") from error


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for info, size in _SIZES.items():
        if number < 1 << 8 * size:
            return bytes([major << 5 | info]) + number.to_bytes(size, "big")
    raise CborError("integer beyond 64 bits")


def _read(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    if data[at : at + 1] == _NULL:
        return None, at + 1
    major, number, at = _read_head(data, at)
    if major == _UINT:
        return number, at
    if major == _NEGATIVE:
        return -1 - number, at
    if major == _ARRAY:
        return _read_array(data, at, number, depth)
    if major in {_BYTES, _TEXT}:
        raw = data[at : at + number]
        if len(raw) != number:
            raise CborError("cut short")
        return (raw if major == _BYTES else _text(raw)), at + number
    raise CborError(f"type {major} is not used on the link")


def _read_head(data: bytes, at: int) -> tuple[int, int, int]:
    if at >= len(data):
        raise CborError("cut short")
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if info < 24:
        return major, info, at
    size = _SIZES.get(info)
    if size is None:
        raise CborError("reserved or indefinite length")
    raw = data[at : at + size]
    if len(raw) != size:
        raise CborError("cut short")
    number = int.from_bytes(raw, "big")
    if number < 24 or (size > 1 and number < 1 << 4 * size):
        raise CborError("not the shortest form")
    return major, number, at + size


def _read_array(data: bytes, at: int, count: int, depth: int) -> tuple[Value, int]:
    if depth >= MAX_DEPTH:
        raise CborError("nested too deep")
    if count > len(data) - at:
        raise CborError("cut short")
    items: list[Value] = []
    for _ in range(count):
        item, at = _read(data, at, depth + 1)
        items.append(item)
    return tuple(items), at


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CborError("text that is not UTF-8") from error
