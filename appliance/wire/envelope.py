"""The messages of the link as bytes: positional CBOR, every field present, decoded strictly.

::

    batch    [version, 1, dictionary id, epoch, lane, nonce, first, hash before first, entries, ack or null]
             entry = [body, null or [salt, text]]
    hello    [version, 2, nonce, boot counter, clock quality, fingerprint, versions, [[epoch, lane, highest]…],
             [[epoch, lane, applied, hash, stable]…]]           the last: cursors of the other direction
    ack      [version, 3, receiver's epoch, nonce, number, credit, time, [[epoch, lane, applied, hash, stable]…]]
    bye      [version, 4, nonce, reason]                        reason: empty, or a code of the failure catalogue
    rewind   [version, 5, nonce]                                nobody said hello with this nonce: say it again
    presence [version, 6, 0 or 1, connection]                   retained; an older connection's last will is ignored

``nonce`` names one greeting of a sender; batches and acks of another greeting are not of this conversation. A piggy-backed ack
is an ack without version and type. Dictionary id 0 means that the entries are not compressed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, TypeAlias, TypeGuard, assert_never

from appliance.domain.failure import Failure, failure
from appliance.domain.records import ClockQuality
from appliance.wire import cbor
from appliance.wire.cbor import Value
from appliance.wire.chain import HASH_BYTES

VERSION = 1
NO_DICTIONARY = 0
LANES = 3
MAX_MESSAGE = 256 * 1024
"""Bytes; far above what a sender makes (a batch is 2 to 16 KiB, one entry may be larger), far below a broker's limit."""

_BEYOND = 1 << 63
"""Numbers stand in columns of 64 bits with a sign."""
_QUALITIES = tuple(ClockQuality)


class Type(IntEnum):
    """What a message is."""

    BATCH = 1
    HELLO = 2
    ACK = 3
    BYE = 4
    REWIND = 5
    PRESENCE = 6


class WireError(ValueError):
    """A message that is refused; ``failure`` says what to tell (link.garbled or link.version)."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.failure: Failure = failure(code, detail)


class LaneKey(NamedTuple):
    """One log of a sender: the incarnation that wrote it, and its urgency (0 urgent, 1 conversations, 2 bulk)."""

    epoch: int
    lane: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it travels; ``content`` is salt and text, or None where there is none or it was erased."""

    body: bytes
    content: tuple[bytes, str] | None


@dataclass(frozen=True, slots=True)
class Position:
    """How far a receiver has committed one lane: ``hash`` is of the chain at ``applied``; up to ``stable`` a backup holds it."""

    lane: LaneKey
    applied: int
    hash: bytes
    stable: int


@dataclass(frozen=True, slots=True)
class Ack:
    """What a receiver has committed; ``credit`` is how many bytes it will take unacknowledged, ``time`` its clock in ms."""

    receiver: int
    nonce: int
    number: int
    credit: int
    time: int
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries ``first``, ``first + 1``, … of a lane, and the chain's hash before them."""

    lane: LaneKey
    nonce: int
    first: int
    before: bytes
    entries: tuple[Entry, ...]
    ack: Ack | None = None

    @property
    def last(self) -> int:
        """Sequence number of the last entry; ``first - 1`` when there is none."""
        return self.first + len(self.entries) - 1


@dataclass(frozen=True, slots=True)
class Hello:
    """A sender's greeting: what it has (``highest``), who and when it is, and what it received (``cursors``)."""

    nonce: int
    boot: int
    quality: ClockQuality
    fingerprint: bytes
    versions: tuple[int, ...]
    highest: tuple[tuple[LaneKey, int], ...]
    cursors: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class Bye:
    """The end of a conversation; ``reason`` is empty for an orderly end, else a code of the failure catalogue."""

    nonce: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rewind:
    """The receiver does not know this greeting (it restarted): the sender has to say hello again."""

    nonce: int


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a node is there; ``connection`` tells one connection's birth from another's last will."""

    online: bool
    connection: int


Message: TypeAlias = Batch | Hello | Ack | Bye | Rewind | Presence


def encode(message: Message) -> bytes:
    """The message as bytes; raises CborError for values that do not fit (64-bit integers, UTF-8 text)."""
    match message:
        case Batch():
            kind, fields = Type.BATCH, _batch_fields(message)
        case Hello():
            kind, fields = Type.HELLO, _hello_fields(message)
        case Ack():
            kind, fields = Type.ACK, _ack_fields(message)
        case Bye():
            kind, fields = Type.BYE, [message.nonce, message.reason]
        case Rewind():
            kind, fields = Type.REWIND, [message.nonce]
        case Presence():
            kind, fields = Type.PRESENCE, [int(message.online), message.connection]
        case _:
            assert_never(message)
    return cbor.encode([VERSION, int(kind), *fields])


def decode(data: bytes) -> Message:
    """The message that ``data`` is; raises WireError for anything else and never another error."""
    if len(data) > MAX_MESSAGE:
        raise WireError("link.garbled", "message too long")
    try:
        value = cbor.decode(data)
    except cbor.CborError as error:
        raise WireError("link.garbled", str(error)) from error
    if not _is_array(value) or len(value) < 2:
        raise WireError("link.garbled", "not a message")
    version, kind, *fields = value
    if version != VERSION:
        raise WireError("link.version", f"version {_brief(version)}")
    if not isinstance(kind, int) or kind not in _READERS:
        raise WireError("link.version", f"message type {_brief(kind)}")
    count, reader = _READERS[kind]
    if len(fields) != count:
        raise WireError("link.garbled", f"type {kind} has {len(fields)} fields, not {count}")
    return reader(fields)


def _positions(positions: tuple[Position, ...]) -> Value:
    return [[*p.lane, p.applied, p.hash, p.stable] for p in positions]


def _batch_fields(batch: Batch) -> list[Value]:
    entries: list[Value] = [[e.body, e.content] for e in batch.entries]
    ack = None if batch.ack is None else _ack_fields(batch.ack)
    return [NO_DICTIONARY, *batch.lane, batch.nonce, batch.first, batch.before, entries, ack]


def _hello_fields(hello: Hello) -> list[Value]:
    highest: list[Value] = [[*lane, number] for lane, number in hello.highest]
    quality = _QUALITIES.index(hello.quality)
    cursors = _positions(hello.cursors)
    return [hello.nonce, hello.boot, quality, hello.fingerprint, hello.versions, highest, cursors]


def _ack_fields(ack: Ack) -> list[Value]:
    return [ack.receiver, ack.nonce, ack.number, ack.credit, ack.time, _positions(ack.positions)]


def _read_batch(fields: list[Value]) -> Batch:
    if _uint(fields[0]) != NO_DICTIONARY:
        raise WireError("link.version", f"dictionary {_brief(fields[0])}")
    lane, nonce, first = _lane(fields[1], fields[2]), _uint(fields[3]), _uint(fields[4])
    entries = tuple(_entry(e) for e in _array(fields[6]))
    if first < 1 or first + len(entries) >= _BEYOND or not entries:
        raise WireError("link.garbled", "a batch begins at 1 or later and holds an entry")
    ack = None if fields[7] is None else _read_ack(_array(fields[7], 6))
    return Batch(lane, nonce, first, _hash(fields[5]), entries, ack)


def _read_hello(fields: list[Value]) -> Hello:
    quality = _uint(fields[2])
    if quality >= len(_QUALITIES):
        raise WireError("link.version", f"clock quality {quality}")
    highest = []
    for row in _array(fields[5]):
        epoch, lane, number = _array(row, 3)
        highest.append((_lane(epoch, lane), _uint(number)))
    return Hello(
        nonce=_uint(fields[0]),
        boot=_uint(fields[1]),
        quality=_QUALITIES[quality],
        fingerprint=_bytes(fields[3]),
        versions=tuple(_uint(v) for v in _array(fields[4])),
        highest=tuple(highest),
        cursors=_read_positions(fields[6]),
    )


def _read_ack(fields: list[Value]) -> Ack:
    receiver, nonce, number, credit, time = (_uint(f) for f in fields[:5])
    return Ack(receiver, nonce, number, credit, time, _read_positions(fields[5]))


def _read_bye(fields: list[Value]) -> Bye:
    if not isinstance(fields[1], str):
        raise WireError("link.garbled", "no text where one belongs")
    return Bye(_uint(fields[0]), fields[1])


def _read_rewind(fields: list[Value]) -> Rewind:
    return Rewind(_uint(fields[0]))


def _read_presence(fields: list[Value]) -> Presence:
    online = _uint(fields[0])
    if online > 1:
        raise WireError("link.garbled", "presence is 0 or 1")
    return Presence(bool(online), _uint(fields[1]))


_READERS: dict[int, tuple[int, Callable[[list[Value]], Message]]] = {
    int(Type.BATCH): (8, _read_batch),
    int(Type.HELLO): (7, _read_hello),
    int(Type.ACK): (6, _read_ack),
    int(Type.BYE): (2, _read_bye),
    int(Type.REWIND): (1, _read_rewind),
    int(Type.PRESENCE): (2, _read_presence),
}


def _read_positions(value: Value) -> tuple[Position, ...]:
    rows = [_array(row, 5) for row in _array(value)]
    return tuple(Position(_lane(r[0], r[1]), _uint(r[2]), _hash(r[3]), _uint(r[4])) for r in rows)


def _entry(value: Value) -> Entry:
    body, content = _array(value, 2)
    if content is None:
        return Entry(_bytes(body), None)
    salt, text = _array(content, 2)
    if not isinstance(text, str):
        raise WireError("link.garbled", "no text where one belongs")
    return Entry(_bytes(body), (_bytes(salt), text))


def _lane(epoch: Value, lane: Value) -> LaneKey:
    key = LaneKey(_uint(epoch), _uint(lane))
    if key.lane >= LANES:
        raise WireError("link.version", f"lane {key.lane}")
    return key


def _uint(value: Value) -> int:
    if not isinstance(value, int) or not 0 <= value < _BEYOND:
        raise WireError("link.garbled", "no number where one belongs")
    return value


def _bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise WireError("link.garbled", "no bytes where some belong")
    return value


def _hash(value: Value) -> bytes:
    if len(_bytes(value)) != HASH_BYTES:
        raise WireError("link.garbled", "a chain hash of another length")
    return _bytes(value)


def _is_array(value: Value) -> TypeGuard[tuple[Value, ...]]:
    return isinstance(value, tuple)


def _array(value: Value, count: int | None = None) -> list[Value]:
    if not _is_array(value) or (count is not None and len(value) != count):
        raise WireError("link.garbled", "no array where one belongs")
    return list(value)


def _brief(value: Value) -> str:
    return repr(value)[:20]
