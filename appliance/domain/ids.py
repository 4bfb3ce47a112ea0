"""Record ids born without a clock: UUIDv8 (RFC 9562 §5.8) made of an incarnation and a counter.

``custom_a`` (48 bits) and ``custom_b`` (12 bits) hold the 60-bit *incarnation* of the store that made the
record; ``custom_c`` (62 bits) holds its counter. Ids sort by birth within an incarnation.
"""

from __future__ import annotations

from typing import NewType
from uuid import UUID

Incarnation = NewType("Incarnation", int)

INCARNATION_BITS = 60
COUNTER_BITS = 62


class IdError(ValueError):
    """A value is no record id of ours."""


def make_id(incarnation: Incarnation, counter: int) -> UUID:
    """The id of record number ``counter`` (≥ 1) of ``incarnation``; raises IdError out of range."""
    if not 0 < incarnation < 1 << INCARNATION_BITS:
        raise IdError(f"incarnation out of range: {incarnation}")
    if not 0 < counter < 1 << COUNTER_BITS:
        raise IdError(f"counter out of range: {counter}")
    custom_a, custom_b = incarnation >> 12, incarnation & 0xFFF
    return UUID(int=custom_a << 80 | 8 << 76 | custom_b << 64 | 0b10 << 62 | counter)


def split_id(record: UUID) -> tuple[Incarnation, int]:
    """The incarnation and counter inside ``record``; raises IdError when it is no UUIDv8 of ours."""
    value = record.int
    if (value >> 76) & 0xF != 8 or (value >> 62) & 0b11 != 0b10:
        raise IdError(f"not a Fieldbox id: {record}")
    incarnation = (value >> 80) << 12 | (value >> 64) & 0xFFF
    return Incarnation(incarnation), value & ((1 << COUNTER_BITS) - 1)


def parse_id(text: str) -> UUID:
    """The id written as ``text``; raises IdError for anything else, so that a URL can be refused in one place."""
    try:
        record = UUID(text)
    except ValueError as error:
        raise IdError(f"not an id: {text[:40]!r}") from error
    split_id(record)
    return record
