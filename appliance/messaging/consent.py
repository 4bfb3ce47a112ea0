"""Opt-out, per line and purpose (I8)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from appliance.domain.optout import PURPOSE, Wish
from appliance.messaging import telling
from appliance.store import Tx
from appliance.store import tables as t


@dataclass(frozen=True, slots=True)
class OptOut:
    """A line that wants no messages, since when."""

    at: int
    cursor: int


def opted_out(tx: Tx, line: int, purpose: str = PURPOSE) -> OptOut | None:
    """The opt-out that holds for a line, or None."""
    row = tx.one(t.Consent.select().where((t.Consent.line == line) & (t.Consent.purpose == purpose)))
    return OptOut(row["at"], row["cursor"]) if row and row["state"] == "out" else None


def hear(tx: Tx, line: int, message: UUID, wish: Wish) -> bool:
    """Notes the wish of a person; True when it changes where the line stands."""
    if (wish is Wish.STOP) == (opted_out(tx, line) is not None):
        return False
    event = tx.new_id()
    at = tx.now.ms
    put(tx, event, line=line, purpose=PURPOSE, state="out" if wish is Wish.STOP else "in", at=at, message=message)
    box = tx.value(
        t.Conversations.select(t.Conversations.box).join(t.Messages, on=(t.Messages.conversation == t.Conversations.id)).where(
            t.Messages.id == message
        )
    )
    peer = telling.audience(tx, str(box or ""))
    if peer is not None:
        telling.consent(tx, event, peer)
    return True


def put(tx: Tx, event: UUID, *, line: int, purpose: str, state: str, at: int, message: UUID | None) -> None:  # noqa: PLR0913 - the columns of one event
    """Adds a consent event once and sets where the line stands: the later event counts, and out wins a tie."""
    if tx.one(t.ConsentEvents.select().where(t.ConsentEvents.id == event)) is not None:
        return
    tx.insert(t.ConsentEvents, id=event, line=line, purpose=purpose, state=state, at=at, message=message)
    now = tx.one(t.Consent.select().where((t.Consent.line == line) & (t.Consent.purpose == purpose)))
    if now is not None and (now["at"], now["state"] == "out") >= (at, state == "out"):
        return
    tx.upsert(t.Consent, {"line": line, "purpose": purpose}, {"state": state, "at": at, "cursor": tx.counter()})
