"""A request sent twice is carried out once (``Idempotency-Key``, and the one-time key of a form)."""

from __future__ import annotations

from uuid import UUID

from appliance.domain.failure import Refused, failure
from appliance.domain.records import Actor
from appliance.store import Tx
from appliance.store import tables as t


def recall(tx: Tx, actor: Actor, key: str, digest: bytes) -> UUID | None:
    """The message this request made before, or None; raises Refused when the key came with another request."""
    row = tx.one(t.Idempotency.select().where((t.Idempotency.actor == _who(actor)) & (t.Idempotency.key == key)))
    if row is None:
        return None
    if bytes(row["digest"]) != digest:
        raise Refused(failure("input.key-reused"))
    return UUID(str(row["message"]))


def remember(tx: Tx, actor: Actor, key: str, digest: bytes, message: UUID) -> None:
    """Notes what this request made."""
    tx.insert(t.Idempotency, actor=_who(actor), key=key, digest=digest, message=message, at=tx.now.ms)


def _who(actor: Actor) -> str:
    return str(actor.user) if actor.user else actor.name
