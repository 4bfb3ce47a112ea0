"""The part of CBOR (RFC 8949) that nodes speak, read strictly: bytes from outside raise CborError or give plain values.

Only integers of 64 bits, byte strings, text, arrays, maps with integers as keys, and null exist here, in their one
canonical form (§4.2.1). Whatever else the library could read (tags, floats, shared references, other lengths) is
refused: nothing in a message can make a reader build a foreign object, and equal values are equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import cbor2

Value: TypeAlias = int | bytes | str | Sequence["Value"] | Mapping[int, "Value"] | None

MAX_DEPTH = 8
"""Deeper than any message; refuses nesting that would exhaust the stack."""


class CborError(ValueError):
    """Bytes that are not exactly one value of the subset."""


def encode(value: Value) -> bytes:
    """``value`` in its canonical form; raises CborError for what the subset cannot say."""
    plain = _plain(value, 0)
    try:
        return cbor2.dumps(plain, canonical=True)
    except (cbor2.CBOREncodeError, UnicodeEncodeError, ValueError) as error:
        raise CborError("a value that CBOR cannot say") from error


def decode(data: bytes) -> Value:
    """The one value that ``data`` is, arrays as tuples; raises CborError for anything else, trailing bytes included."""
    try:
        value = _plain(cbor2.loads(data), 0)
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise CborError(str(error) or type(error).__name__) from error
    if encode(value) != data:
        raise CborError("not the canonical form, or bytes after the value")
    return value


def _plain(value: Any, depth: int) -> Value:
    if depth > MAX_DEPTH:
        raise CborError("nested too deep")
    if value is None or type(value) in {bytes, str}:
        return value  # type: ignore[no-any-return]  # narrowed by the line above
    if type(value) is int:
        if not -(1 << 64) <= value < 1 << 64:
            raise CborError("integer beyond 64 bits")
        return value
    if isinstance(value, list | tuple):
        return tuple(_plain(item, depth + 1) for item in value)
    if isinstance(value, Mapping) and all(type(key) is int for key in value):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    raise CborError(f"{type(value).__name__} is not used between nodes")
