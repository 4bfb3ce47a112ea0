"""The audit trail: who did what, chained, never pruned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

from appliance.store import tables as t
from appliance.store.database import Row, Tx

START = bytes(16)
AT_ONCE = 1000


def note(tx: Tx, actor: str, action: str, subject: object, **detail: object) -> None:
    """Adds one line. ``detail`` holds facts, never message text or full numbers."""
    last = tx.lock(t.Audit.select().order_by(t.Audit.seq.desc()))
    row: Row = {
        "seq": (last["seq"] if last else 0) + 1,
        "at": tx.now.ms,
        "actor": actor,
        "action": action,
        "subject": str(subject),
        "detail": json.dumps(detail, sort_keys=True, ensure_ascii=False),
    }
    tx.insert(t.Audit, **row, hash=_hash(bytes(last["hash"]) if last else START, row))


def verify(tx: Tx) -> int | None:
    """The number of the first line whose chain does not hold, or None when all is whole."""
    before, expected = START, 1
    for row in _rows(tx):
        if row["seq"] != expected or bytes(row["hash"]) != _hash(before, row):
            return expected
        before, expected = bytes(row["hash"]), expected + 1
    return None


def _rows(tx: Tx) -> Iterator[Row]:
    seq = 0
    while rows := tx.all(t.Audit.select().where(t.Audit.seq > seq).order_by(t.Audit.seq).limit(AT_ONCE)):
        yield from rows
        seq = rows[-1]["seq"]


def _hash(before: bytes, row: Mapping[str, object]) -> bytes:
    facts = json.dumps(
        [row[name] for name in ("seq", "at", "actor", "action", "subject", "detail")], ensure_ascii=False
    )
    return hashlib.blake2b(before + facts.encode("utf-8", "surrogatepass"), digest_size=16).digest()
