"""Opt-out, per line and purpose (I8)."""

from __future__ import annotations

from uuid import UUID

from appliance.domain.ids import split_id
from appliance.domain.optout import PURPOSE, Wish
from appliance.domain.records import Direction
from appliance.messaging import telling
from appliance.store import Tx
from appliance.store import tables as t


def opted_out(tx: Tx, line: int, purpose: str = PURPOSE) -> UUID | None:
    """The event by which a line opted out, or None where it did not."""
    row = tx.one(t.Consent.select().where((t.Consent.line == line) & (t.Consent.purpose == purpose)))
    return UUID(str(row["event"])) if row and row["state"] == "out" else None


def may_write(tx: Tx, line: int, in_reply_to: UUID | None) -> bool:
    """Whether a person may write to a line now: it did not opt out, or this answers what it wrote after that."""
    out = opted_out(tx, line)
    if out is None:
        return True
    asked = tx.one(t.Messages.select().where(t.Messages.id == in_reply_to)) if in_reply_to else None
    if asked is None or asked["line"] != line or asked["direction"] != Direction.IN.value:
        return False
    # Ids sort by birth within an incarnation, whatever the clocks said and in whatever order entries came.
    return split_id(asked["id"])[0] == split_id(out)[0] and asked["id"] > out


def was_stop(tx: Tx, line: int, message: UUID | None) -> bool:
    """Whether the line opted out by this very message."""
    events = t.ConsentEvents
    where = (events.line == line) & (events.message == message) & (events.state == "out")
    return message is not None and tx.one(events.select(events.id).where(where)) is not None


def hear(tx: Tx, line: int, message: UUID, wish: Wish, *, box: str) -> bool:
    """Notes the wish of a person; True when it changes where the line stands.

    A repeated STOP changes nothing but the moment after which the person may be answered.
    """
    before = opted_out(tx, line)
    if wish is Wish.START and before is None:
        return False
    event = tx.new_id()
    put(tx, event, line=line, state="out" if wish is Wish.STOP else "in", hlc=tx.stamp(), message=message)
    peer = telling.audience(tx, box)
    if peer is not None:
        telling.consent(tx, event, peer)
    return (wish is Wish.STOP) == (before is None)


def put(tx: Tx, event: UUID, *, line: int, state: str, hlc: int, message: UUID | None, purpose: str = PURPOSE) -> None:  # noqa: PLR0913 - the columns of one event
    """Adds a consent event once and sets where the line stands: the later event counts, and out wins a tie."""
    if tx.one(t.ConsentEvents.select().where(t.ConsentEvents.id == event)) is not None:
        return
    tx.insert(t.ConsentEvents, id=event, line=line, purpose=purpose, state=state, hlc=hlc, message=message)
    now = tx.one(t.Consent.select().where((t.Consent.line == line) & (t.Consent.purpose == purpose)))
    if now is not None and (now["hlc"], now["state"] == "out") > (hlc, state == "out"):
        return
    tx.upsert(t.Consent, {"line": line, "purpose": purpose}, {"state": state, "hlc": hlc, "event": event})
