"""The journal: what this node tells each peer, by lane, append-only and chained; and what each peer told us.

``seq`` and chain head stand in one row that the writing transaction locks, so that no number commits before a lower one.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from peewee import fn

from appliance.store import content
from appliance.store import tables as t
from appliance.store.database import Row, Tx
from appliance.wire import chain
from appliance.wire.kinds import Entry, LineEntry, encode_body

URGENT, CONVERSATIONS, BULK = 0, 1, 2
"""Lanes (link.md §3)."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One sequence between this node and a peer."""

    peer: str
    epoch: int
    lane: int


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """An entry as stored, with what travels beside it."""

    seq: int
    body: bytes
    content: tuple[bytes, str] | None
    hash: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a peer's lane is applied here."""

    applied: int
    hash: bytes
    stable: int
    at: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One of our lanes and how far the peer has it."""

    lane: Lane
    highest: int
    acked: int
    stable: int


def append(tx: Tx, peer: str, lane: int, entry: Entry, *, content_id: UUID | None = None) -> int:
    """Adds ``entry`` to the lane and gives its sequence number."""
    epoch = int(tx.node.incarnation)
    head = _head(tx, peer, epoch, lane)
    at = max(tx.now.ms, 0)
    body = encode_body(entry, epoch=epoch, delta_ms=at - head["at"])
    seq, digest = head["seq"] + 1, chain.extend(bytes(head["hash"]), body)
    tx.insert(t.Journal, peer=peer, epoch=epoch, lane=lane, seq=seq, body=body, hash=digest, content=content_id, at=at)
    where = (t.JournalHeads.peer == peer) & (t.JournalHeads.epoch == epoch) & (t.JournalHeads.lane == lane)
    tx.run(t.JournalHeads.update(seq=seq, hash=digest, at=at).where(where))
    return int(seq)


def line_number(tx: Tx, peer: str, lane: int, line: int) -> int:
    """The number ``line`` has on this lane, introducing it first where needed."""
    epoch = int(tx.node.incarnation)
    keys = {"peer": peer, "epoch": epoch, "lane": lane, "line": line}
    known = tx.one(t.Introduced.select().where(_match(t.Introduced, keys)))
    if known is None:
        row = tx.one(t.Lines.select().where(t.Lines.id == line))
        if row is None:
            raise LookupError(f"no line {line}")
        kept = content.keep(tx, row["address"])
        append(tx, peer, lane, LineEntry(line, row["scheme"], kept.digest), content_id=kept.id)
        tx.insert(t.Introduced, **keys)
    return line


def outgoing(tx: Tx, peer: str) -> list[Outgoing]:
    """All our lanes towards ``peer``."""
    rows = tx.all(
        t.JournalHeads.select().where(t.JournalHeads.peer == peer).order_by(t.JournalHeads.epoch, t.JournalHeads.lane)
    )
    return [Outgoing(Lane(peer, r["epoch"], r["lane"]), r["seq"], r["acked"], r["stable"]) for r in rows]


def read(tx: Tx, lane: Lane, after: int, *, max_entries: int, max_bytes: int) -> list[JournalEntry]:
    """The entries after ``after``, at least one if there is any, else within both limits."""
    query = (
        t.Journal.select(t.Journal, t.Content.salt, t.Content.text)
        .join(t.Content, "LEFT OUTER JOIN", on=(t.Journal.content == t.Content.id))
        .where(_of(t.Journal, lane) & (t.Journal.seq > after))
        .order_by(t.Journal.seq)
        .limit(max_entries)
    )
    entries: list[JournalEntry] = []
    size = 0
    for row in tx.all(query):
        beside = (bytes(row["salt"]), row["text"]) if row["text"] is not None else None
        size += len(row["body"]) + (len(beside[1].encode("utf-8", "surrogatepass")) + len(beside[0]) if beside else 0)
        if entries and size > max_bytes:
            break
        entries.append(JournalEntry(row["seq"], bytes(row["body"]), beside, bytes(row["hash"]), row["at"]))
    return entries


def hash_at(tx: Tx, lane: Lane, seq: int) -> bytes | None:
    """The chain hash of our lane at ``seq``; None where we hold no such entry (any more)."""
    return chain.GENESIS if seq == 0 else _hash(tx, t.Journal, lane, seq)


def acknowledge(tx: Tx, lane: Lane, *, applied: int, stable: int) -> None:
    """Notes that the peer has committed our entries up to ``applied``, and holds them safely up to ``stable``.

    Never goes back and never beyond what exists.
    """
    where = _of(t.JournalHeads, lane)
    row = tx.lock(t.JournalHeads.select().where(where))
    if row is None:
        return
    applied = min(applied, row["seq"])
    values = {"acked": max(row["acked"], applied), "stable": max(row["stable"], min(stable, applied))}
    tx.run(t.JournalHeads.update(**values).where(where))
    _note_acknowledged(tx, lane.peer)
    if values["acked"] > row["acked"]:
        tx.event("link", lane.peer)


def waiting(tx: Tx, peer: str) -> tuple[int, int | None]:
    """How many entries the peer has not acknowledged, and when the oldest of them was written."""
    total, oldest = 0, None
    for lane in outgoing(tx, peer):
        missing = lane.highest - lane.acked
        if missing > 0:
            total += missing
            at = tx.value(
                t.Journal.select(fn.MIN(t.Journal.at)).where(
                    _of(t.Journal, lane.lane) & (t.Journal.seq == lane.acked + 1)
                )
            )
            oldest = at if oldest is None else min(oldest, at or oldest)
    return total, oldest


def cursor(tx: Tx, lane: Lane) -> Cursor:
    """How far the peer's lane is applied here; a writing transaction holds the row until commit."""
    row = tx.lock(t.Cursors.select().where(_of(t.Cursors, lane)))
    if row is None:
        return Cursor(0, chain.GENESIS, 0, 0)
    return Cursor(row["applied"], bytes(row["hash"]), row["stable"], row["at"])


def cursors(tx: Tx, peer: str) -> list[tuple[Lane, Cursor]]:
    """All lanes received from ``peer``."""
    rows = tx.all(t.Cursors.select().where(t.Cursors.peer == peer).order_by(t.Cursors.epoch, t.Cursors.lane))
    return [
        (Lane(peer, r["epoch"], r["lane"]), Cursor(r["applied"], bytes(r["hash"]), r["stable"], r["at"])) for r in rows
    ]


def received_hash(tx: Tx, lane: Lane, seq: int) -> bytes | None:
    """The chain hash of the peer's lane at ``seq`` as we received it."""
    return chain.GENESIS if seq == 0 else _hash(tx, t.Received, lane, seq)


def keep_received(tx: Tx, lane: Lane, entry: JournalEntry, *, content_id: UUID | None, parked: str | None) -> None:
    """Keeps a peer's entry as its lane and moves the cursor, which becomes stable at once (no backup is configured)."""
    values = {"body": entry.body, "hash": entry.hash, "content": content_id, "at": entry.at, "parked": parked}
    tx.insert(t.Received, peer=lane.peer, epoch=lane.epoch, lane=lane.lane, seq=entry.seq, **values)
    tx.upsert(
        t.Cursors,
        {"peer": lane.peer, "epoch": lane.epoch, "lane": lane.lane},
        {"applied": entry.seq, "hash": entry.hash, "stable": entry.seq, "at": entry.at},
    )


def _note_acknowledged(tx: Tx, peer: str) -> None:
    where = t.Links.peer == peer
    if tx.one(t.Links.select().where(where)) is None:
        tx.insert(t.Links, peer=peer, state="online", failure="", since=tx.now.ms)
    tx.run(t.Links.update(last_acknowledged_at=tx.now.ms).where(where))


def _head(tx: Tx, peer: str, epoch: int, lane: int) -> Row:
    where = _match(t.JournalHeads, {"peer": peer, "epoch": epoch, "lane": lane})
    row = tx.lock(t.JournalHeads.select().where(where))
    if row is not None:
        return row
    new = {
        "peer": peer,
        "epoch": epoch,
        "lane": lane,
        "seq": 0,
        "hash": chain.GENESIS,
        "at": 0,
        "acked": 0,
        "stable": 0,
    }
    tx.insert(t.JournalHeads, **new)
    return new


def _hash(tx: Tx, table: type[t.Journal | t.Received], lane: Lane, seq: int) -> bytes | None:
    value = tx.value(table.select(table.hash).where(_of(table, lane) & (table.seq == seq)))
    return None if value is None else bytes(value)


def _of(table: type[t.Table], lane: Lane) -> object:
    return _match(table, {"peer": lane.peer, "epoch": lane.epoch, "lane": lane.lane})


def _match(table: type[t.Table], keys: Row) -> object:
    condition = None
    for name, value in keys.items():
        term = getattr(table, name) == value
        condition = term if condition is None else condition & term
    return condition
