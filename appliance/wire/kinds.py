"""Entry kinds: what nodes tell each other, each kind and field a small integer listed here once.

The body of an entry is canonical CBOR (RFC 8949 §4.2) of ``[kind, subject, delta_ms, fields]``, stored and sent
as the same bytes. An id is its bare counter when it was born in the sender's own incarnation (the lane's epoch), else
16 bytes. Personal data (texts, names, addresses) never stands in a body: it is the entry's content and travels beside
it, bound by a salted digest, so that it can be erased without breaking the chain.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeGuard
from uuid import UUID

from appliance.domain.ids import IdError, Incarnation, make_id, split_id
from appliance.wire import cbor
from appliance.wire.cbor import CborError


class EntryError(ValueError):
    """Bytes are no entry this version can read; its message says why."""


class Kind(IntEnum):
    """What an entry is about. Numbers are never used again for something else."""

    LINE = 1
    CONTACT = 2
    MESSAGE = 3
    STATE = 4
    CONSENT = 5
    ERASE = 6


@dataclass(frozen=True, slots=True)
class LineEntry:
    """Introduces a line of this lane; later entries name it by ``number``. Content: the address."""

    number: int
    scheme: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class ContactEntry:
    """A person, whole as the sender knows it. Content: the name (none when nobody gave one)."""

    contact: UUID
    lines: tuple[int, ...]
    name_hlc: int = 0
    digest: bytes = b""
    alias_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class MessageEntry:
    """A message, whole as its sender knows it. Content: the text."""

    message: UUID
    conversation: UUID
    contact: UUID
    line: int
    direction: str
    carrier: str
    state: str
    encoding: str
    parts: int
    at: int
    clock: str
    content: UUID
    digest: bytes
    channel: str = "sms"
    author: str = ""
    priority: str = "normal"
    expires_at: int | None = None
    in_reply_to: UUID | None = None
    missing: tuple[int, ...] = ()
    attempt: int = 0
    automatic: int = 0
    """1 for what no person wrote: it answers nobody's question."""


@dataclass(frozen=True, slots=True)
class StateEntry:
    """The carrier's word on a message: ordered by (attempt, rank of the state)."""

    message: UUID
    state: str
    attempt: int
    failure: str = ""
    parts: tuple[tuple[int, str, int, int], ...] = ()
    """Number, state, TP-MR (-1 unknown) and attempts of each part."""
    next_try_at: int | None = None


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """A line opted out of a purpose, or in again, by a message of its own."""

    event: UUID
    line: int
    purpose: str
    state: str
    hlc: int
    message: UUID | None = None


@dataclass(frozen=True, slots=True)
class EraseEntry:
    """A content was erased for good."""

    content: UUID


Entry = LineEntry | ContactEntry | MessageEntry | StateEntry | ConsentEntry | EraseEntry

# Field numbers of each kind after the subject, in the order of the dataclass; a new field gets a new number at the end.
_MESSAGE_FIELDS: tuple[str, ...] = (
    "conversation", "contact", "line", "direction", "carrier", "state", "encoding", "parts", "at", "clock", "content",
    "digest", "channel", "author", "priority", "expires_at", "in_reply_to", "missing", "attempt",
    "automatic",
)  # fmt: skip
_FIELDS: Mapping[Kind, tuple[type[Any], str, tuple[str, ...]]] = {
    Kind.LINE: (LineEntry, "number", ("scheme", "digest")),
    Kind.CONTACT: (ContactEntry, "contact", ("lines", "name_hlc", "digest", "alias_of")),
    Kind.MESSAGE: (MessageEntry, "message", _MESSAGE_FIELDS),
    Kind.STATE: (StateEntry, "message", ("state", "attempt", "failure", "parts", "next_try_at")),
    Kind.CONSENT: (ConsentEntry, "event", ("line", "purpose", "state", "hlc", "message")),
    Kind.ERASE: (EraseEntry, "content", ()),
}
_KIND_OF: Mapping[type[Any], Kind] = {row[0]: kind for kind, row in _FIELDS.items()}
_IDS = frozenset({"conversation", "contact", "message", "content", "in_reply_to", "alias_of", "event"})
_TIMES = frozenset({"at", "expires_at", "next_try_at"})
LAST_MS = 253_402_000_000_000
"""The end of the year 9999, after which no calendar can write a time."""
_TYPES: Mapping[str, type[Any] | tuple[type[Any], ...]] = {
    "number": int, "line": int, "parts_count": int, "name_hlc": int, "hlc": int, "at": int, "attempt": int, "automatic": int, "scheme": str, "direction": str,
    "carrier": str, "state": str, "encoding": str, "clock": str, "channel": str, "author": str, "priority": str,
    "failure": str, "purpose": str, "digest": bytes, "lines": (list, tuple), "missing": (list, tuple),
    "expires_at": (int, type(None)), "next_try_at": (int, type(None)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """A decoded body. ``entry`` is None for a kind this version does not know; ``extra`` keeps unknown fields."""

    kind: int
    delta_ms: int
    entry: Entry | None
    extra: Mapping[int, Any] = field(default_factory=dict)


def digest_of(salt: bytes, text: str) -> bytes:
    """The salted digest that binds a content to its body."""
    return hashlib.blake2b(salt + text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def encode_body(entry: Entry, *, epoch: int, delta_ms: int) -> bytes:
    """The bytes of ``entry`` in a lane of ``epoch``, ``delta_ms`` after the lane's previous entry."""
    kind = _KIND_OF[type(entry)]
    cls, subject, names = _FIELDS[kind]
    defaults = {name: item.default for name, item in cls.__dataclass_fields__.items()}
    fields: dict[int, Any] = {}
    for number, name in enumerate(names, start=1):
        value = getattr(entry, name)
        if value is None or value == defaults[name]:
            continue
        fields[number] = _pack(value, epoch) if name in _IDS else value
    head = getattr(entry, subject)
    return cbor.encode([int(kind), _pack(head, epoch) if subject in _IDS else head, delta_ms, fields])


def decode_body(raw: bytes, *, epoch: int) -> Body:
    """The entry written as ``raw`` in a lane of ``epoch``; raises EntryError for anything malformed."""
    try:
        value = cbor.decode(raw)
    except CborError as error:
        raise EntryError(f"no entry: {error}") from error
    if not isinstance(value, tuple) or len(value) != 4:
        raise EntryError("a body has four fields")
    kind, subject, delta, fields = value
    if not _is_int(kind) or not _is_int(delta) or not isinstance(fields, dict):
        raise EntryError("kind, time or fields have the wrong type")
    if kind not in _FIELDS:
        return Body(kind, delta, None, fields)
    return Body(kind, delta, *_build(Kind(kind), subject, fields, epoch))


def _build(kind: Kind, subject: object, fields: dict[Any, Any], epoch: int) -> tuple[Entry, Mapping[int, Any]]:
    cls, head, names = _FIELDS[kind]
    values: dict[str, Any] = {head: _value(kind, head, subject, epoch)}
    extra: dict[int, Any] = {}
    for number, value in fields.items():
        if not _is_int(number):
            raise EntryError("a field number is a whole number")
        if 1 <= number <= len(names):
            name = names[number - 1]
            values[name] = _value(kind, name, value, epoch)
        else:
            extra[number] = value
    try:
        entry: Entry = cls(**values)
    except TypeError as error:
        raise EntryError(f"{kind.name} lacks a field") from error
    return entry, extra


def _value(kind: Kind, name: str, value: object, epoch: int) -> Any:
    if name in _IDS:
        return _unpack(value, epoch)
    if name == "parts":
        return _parts(kind, value)
    wanted = _TYPES[name]
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise EntryError(f"{kind.name}.{name} has the wrong type")
    if isinstance(value, list | tuple):
        if not all(_is_int(item) and abs(item) < 1 << 63 for item in value):
            raise EntryError(f"{kind.name}.{name} holds something else than numbers, or one out of range")
        return tuple(value)
    if isinstance(value, str) and not _is_word(name, value):
        raise EntryError(f"{kind.name}.{name} holds characters no name has")
    if isinstance(value, int) and (abs(value) >= 1 << 63 or (name in _TIMES and not 0 <= value < LAST_MS)):
        raise EntryError(f"{kind.name}.{name} is out of range")
    return value


def _is_word(name: str, value: str) -> bool:
    """A person's name may hold joiners and fixed spaces, as many scripts need; all else is printed as it stands."""
    if name == "author":
        return not any(unicodedata.category(char) in {"Cc", "Cs"} for char in value)
    return value.isprintable()


def _parts(kind: Kind, value: object) -> Any:
    if kind is Kind.MESSAGE:
        if not _is_int(value) or not 0 <= value <= 255:
            raise EntryError("MESSAGE.parts is out of range")
        return value
    if not isinstance(value, list | tuple):
        raise EntryError("STATE.parts is no table")
    rows = []
    for row in value:
        if not isinstance(row, list | tuple) or len(row) != 4:
            raise EntryError("STATE.parts has a malformed row")
        number, state, tp_mr, attempts = row
        if not (_is_int(number) and isinstance(state, str) and _is_int(tp_mr) and _is_int(attempts)):
            raise EntryError("STATE.parts has a malformed row")
        rows.append((number, state, tp_mr, attempts))
    return tuple(rows)


def _pack(record: UUID, epoch: int) -> int | bytes:
    incarnation, counter = split_id(record)
    return counter if incarnation == epoch else record.bytes


def _unpack(value: object, epoch: int) -> UUID:
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return make_id(Incarnation(epoch), value)
        if isinstance(value, bytes) and len(value) == 16:
            record = UUID(bytes=value)
            split_id(record)
            return record
    except IdError as error:
        raise EntryError("a reference is no id") from error
    raise EntryError("a reference is no id")


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
