"""Messages and conversations as pages and the API show them, read from one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from appliance.domain.address import Line, Scheme
from appliance.domain.failure import CATALOGUE, Failure, failure
from appliance.domain.lifecycle import Incoming, Outgoing, SpanState
from appliance.domain.records import (
    ClockQuality,
    ConversationView,
    Direction,
    HistoryStep,
    MessageView,
    PartView,
    Priority,
)
from appliance.domain.text import Encoding
from appliance.messaging.records import FROM_PEER
from appliance.store import Tx
from appliance.store import tables as t
from appliance.store.database import Row


def known_failure(code: str) -> Failure | None:
    """The failure stored as ``code``; None for none."""
    if not code:
        return None
    return failure(code) if code in CATALOGUE else failure("sms.rejected", code)


def state_of(direction: Direction, state: str) -> Outgoing | Incoming:
    """The typed state of a message."""
    return Incoming(state) if direction is Direction.IN else Outgoing(state)


def message(tx: Tx, record: UUID) -> MessageView:
    """One message with its history; raises LookupError."""
    row = tx.one(message_rows().where(t.Messages.id == record))
    if row is None:
        raise LookupError(f"no message {record}")
    return messages(tx, [row], history=True)[0]


def message_rows() -> Any:
    """The query behind every list of messages; add where, order and limit."""
    return (
        t.Messages.select(t.Messages, t.Content.text, t.Lines.scheme, t.Lines.address)
        .join(t.Content, "LEFT OUTER JOIN", on=(t.Messages.content == t.Content.id))
        .switch(t.Messages)
        .join(t.Lines, on=(t.Messages.line == t.Lines.id))
    )


def messages(tx: Tx, rows: Sequence[Row], *, history: bool = False) -> list[MessageView]:
    """The views of these rows, in their order."""
    ids = [row["id"] for row in rows]
    parts: dict[UUID, list[Row]] = {}
    steps: dict[UUID, list[Row]] = {}
    for chunk in (ids[i : i + 500] for i in range(0, len(ids), 500)):
        for part in tx.all(t.Parts.select().where(t.Parts.message.in_(chunk)).order_by(t.Parts.number)):
            parts.setdefault(part["message"], []).append(part)
        if history:
            for step in tx.all(t.History.select().where(t.History.message.in_(chunk)).order_by(t.History.cursor)):
                steps.setdefault(step["message"], []).append(step)
    acked = {
        (row["peer"], row["lane"]): row["acked"]
        for row in tx.all(t.JournalHeads.select().where(t.JournalHeads.epoch == int(tx.node.incarnation)))
    }
    return [_view(row, parts.get(row["id"], []), steps.get(row["id"], []), acked) for row in rows]


def _view(row: Row, parts: list[Row], steps: list[Row], acked: dict[tuple[str, int], int]) -> MessageView:
    direction = Direction(row["direction"])
    return MessageView(
        id=row["id"],
        conversation=row["conversation"],
        contact=row["contact"],
        line=Line(Scheme(row["scheme"]), row["address"]),
        direction=direction,
        channel=row["channel"],
        carrier=row["carrier"],
        state=state_of(direction, row["state"]),
        text=row["text"],
        encoding=Encoding(row["encoding"]),
        parts=_parts(row, parts),
        at=row["at"],
        clock=ClockQuality(row["clock"]),
        synced=_synced(row, acked),
        author=row["author"],
        priority=Priority(row["priority"]),
        failure=known_failure(row["failure"]),
        next_try_at=row["next_try_at"],
        expires_at=row["expires_at"],
        in_reply_to=row["in_reply_to"],
        missing_parts=tuple(json.loads(row["missing"])),
        history=tuple(HistoryStep(step["at"], step["state"], step["why"], step["actor"]) for step in steps),
        cursor=row["cursor"],
    )


def _synced(row: Row, acked: dict[tuple[str, int], int]) -> bool:
    if row["seq"] == FROM_PEER:
        return True
    return bool(row["peer"]) and 0 < row["seq"] <= acked.get((row["peer"], row["lane"]), 0)


def _parts(row: Row, parts: list[Row]) -> tuple[PartView, ...]:
    if parts:
        return tuple(PartView(p["number"], p["of"], p["state"], p["tp_mr"], p["attempts"]) for p in parts)
    told = json.loads(row["told_parts"])
    if told:
        return tuple(PartView(n, row["parts"], state, None if mr < 0 else mr, tries) for n, state, mr, tries in told)
    missing = set(json.loads(row["missing"]))
    return tuple(PartView(n, row["parts"], row["state"]) for n in range(1, row["parts"] + 1) if n not in missing)


def conversation_rows() -> Any:
    """The query behind every list of conversations; add where, order and limit."""
    last = t.Messages.alias("last")
    query = t.Conversations.select(
        t.Conversations, t.Contacts.name, t.Lines.scheme, t.Lines.address, last.direction.alias("last_direction"),
        last.state.alias("last_state"), t.Content.text.alias("last_text"), t.Consent.state.alias("consent"),
    )  # fmt: skip
    return (
        query.join(t.Contacts, on=(t.Conversations.contact == t.Contacts.id))
        .switch(t.Conversations)
        .join(t.Lines, on=(t.Conversations.line == t.Lines.id))
        .switch(t.Conversations)
        .join(last, "LEFT OUTER JOIN", on=(t.Conversations.last_message == last.id))
        .join(t.Content, "LEFT OUTER JOIN", on=(last.content == t.Content.id))
        .switch(t.Conversations)
        .join(
            t.Consent,
            "LEFT OUTER JOIN",
            on=((t.Consent.line == t.Conversations.line) & (t.Consent.purpose == "messages")),
        )
        .where(t.Conversations.alias_of.is_null())
    )


def conversation(row: Row) -> ConversationView:
    """The view of one such row."""
    direction = Direction(row["last_direction"]) if row["last_direction"] else None
    return ConversationView(
        id=row["id"],
        contact=row["contact"],
        name=row["name"],
        line=Line(Scheme(row["scheme"]), row["address"]),
        box=row["box"],
        state=SpanState(row["state"]),
        unread=row["unread"],
        last_text=row["last_text"],
        last_direction=direction,
        last_state=state_of(direction, row["last_state"]) if direction else None,
        last_at=row["last_at"],
        waiting_since=row["waiting_since"],
        opted_out=row["consent"] == "out",
        cursor=row["cursor"],
    )
