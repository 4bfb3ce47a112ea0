"""Telling other nodes: which peer hears of a record, on which lane, and what stands in the entry."""

from __future__ import annotations

import json
from uuid import UUID

from appliance.store import Tx, content, journal
from appliance.store import tables as t
from appliance.store.database import Row
from appliance.wire.kinds import ConsentEntry, ContactEntry, MessageEntry, StateEntry

HUB = "hub"
"""How a box calls its one peer."""


def audience(tx: Tx, box: str) -> str | None:
    """The peer that shares the conversations of ``box``; None where that is this node alone."""
    node = tx.node
    if node.kind == "box":
        return HUB
    return box if box and box != node.name else None


def contact(tx: Tx, record: UUID, peer: str, *, lane: int = journal.CONVERSATIONS) -> None:
    """Tells ``peer`` of a person, whole."""
    row = tx.one(t.Contacts.select().where(t.Contacts.id == record))
    if row is None:
        return
    lines = [
        r["line"] for r in tx.all(t.ContactLines.select(t.ContactLines.line).where(t.ContactLines.contact == record))
    ]
    numbers = tuple(sorted(journal.line_number(tx, peer, lane, line) for line in lines))
    kept = content.keep(tx, row["name"]) if row["name"] else None
    entry = ContactEntry(record, numbers, row["name_hlc"], kept.digest if kept else b"", row["alias_of"])
    journal.append(tx, peer, lane, entry, content_id=kept.id if kept else None)


def message(tx: Tx, record: UUID) -> None:
    """Tells the peer of a message, whole, and notes where in the journal it stands."""
    row = tx.one(t.Messages.select().where(t.Messages.id == record))
    peer = audience(tx, row["carrier"]) if row else None
    if row is None or peer is None:
        return
    lane = journal.URGENT if row["carrier"] == peer else journal.CONVERSATIONS
    entry = MessageEntry(
        message=record,
        conversation=row["conversation"],
        contact=row["contact"],
        line=journal.line_number(tx, peer, lane, row["line"]),
        direction=row["direction"],
        carrier=row["carrier"],
        state=row["state"],
        encoding=row["encoding"],
        parts=row["parts"],
        at=row["at"],
        clock=row["clock"],
        content=row["content"],
        digest=bytes(tx.value(t.Content.select(t.Content.digest).where(t.Content.id == row["content"]))),
        channel=row["channel"],
        author=row["author"],
        priority=row["priority"],
        expires_at=row["expires_at"],
        in_reply_to=row["in_reply_to"],
        missing=tuple(json.loads(row["missing"])),
        attempt=row["attempt"],
        automatic=row["automatic"],
    )
    seq = journal.append(tx, peer, lane, entry, content_id=row["content"])
    tx.run(t.Messages.update(peer=peer, lane=lane, seq=seq).where(t.Messages.id == record))


def state(tx: Tx, row: Row) -> None:
    """Tells the peer the state of a message that this node carries. ``row`` is the message as it now stands."""
    peer = audience(tx, row["carrier"])
    if peer is None:
        return
    parts = tx.all(t.Parts.select().where(t.Parts.message == row["id"]).order_by(t.Parts.number))
    told = tuple((p["number"], p["state"], -1 if p["tp_mr"] is None else p["tp_mr"], p["attempts"]) for p in parts)
    entry = StateEntry(row["id"], row["state"], row["attempt"], row["failure"], told, row["next_try_at"])
    # What the hub's staff wrote is waited for there: its delivery goes first.
    lane = journal.URGENT if row["lane"] == journal.URGENT else journal.CONVERSATIONS
    journal.append(tx, peer, lane, entry)


def consent(tx: Tx, event: UUID, peer: str) -> None:
    """Tells ``peer`` that a line opted out or in."""
    row = tx.one(t.ConsentEvents.select().where(t.ConsentEvents.id == event))
    if row is None:
        return
    number = journal.line_number(tx, peer, journal.URGENT, row["line"])
    entry = ConsentEntry(event, number, row["purpose"], row["state"], row["hlc"], row["message"])
    journal.append(tx, peer, journal.URGENT, entry)
