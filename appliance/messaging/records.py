"""Rows of messages: adding them, moving them through their lifecycle, and keeping the conversation up to date."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from appliance.domain.failure import Failure
from appliance.domain.lifecycle import FINAL, RANK, Incoming, Outgoing, PartEvent, message_state, next_part
from appliance.domain.records import ClockQuality, Direction, Priority
from appliance.domain.text import Encoding, Split
from appliance.messaging import telling
from appliance.store import Tx
from appliance.store import tables as t
from appliance.store.content import Kept
from appliance.store.database import Row

FROM_PEER = -1
"""``seq`` of a message that a peer told us: it holds it by nature."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What is needed to add a message."""

    conversation: UUID
    contact: UUID
    line: int
    direction: Direction
    carrier: str
    state: Outgoing | Incoming
    encoding: Encoding
    parts: int
    content: Kept
    channel: str = "sms"
    author: str = ""
    automatic: bool = False
    priority: Priority = Priority.NORMAL
    expires_at: int | None = None
    in_reply_to: UUID | None = None
    reference: int | None = None
    missing: str = "[]"


def add(tx: Tx, new: NewMessage, *, why: str = "", actor: str = "") -> UUID:
    """Adds a message of this node with its first step of history."""
    record = tx.new_id()
    tx.insert(
        t.Messages, id=record, cursor=tx.counter(), conversation=new.conversation, contact=new.contact, line=new.line,
        direction=new.direction.value, channel=new.channel, carrier=new.carrier, state=new.state.value,
        encoding=new.encoding.value, parts=new.parts, content=new.content.id, at=tx.now.ms, clock=tx.now.quality.value,
        boot=tx.now.boot, hlc=tx.stamp(), author=new.author, automatic=int(new.automatic), priority=new.priority.value,
        expires_at=new.expires_at, in_reply_to=new.in_reply_to, attempt=0, failure="", reference=new.reference,
        missing=new.missing, told_parts="[]", peer="", lane=0, seq=0,
    )  # fmt: skip
    step(tx, record, new.state.value, why=why, actor=actor)
    return record


def add_parts(tx: Tx, message: UUID, split: Split) -> None:
    """Adds the parts of an outgoing message that this node carries; they are queued."""
    for number, segment in enumerate(split.segments, start=1):
        tx.insert(
            t.Parts, id=tx.new_id(), message=message, number=number, of=len(split.segments), state=Outgoing.QUEUED.value,
            start=segment.start, stop=segment.end, attempts=0, failure="", modem="",
        )  # fmt: skip


def step(tx: Tx, message: UUID, state: str, *, why: str = "", actor: str = "") -> None:
    """Adds a step to a message's history."""
    tx.insert(t.History, cursor=tx.counter(), message=message, at=tx.now.ms, state=state, why=why, actor=actor)


def move_part(tx: Tx, part: Row, event: PartEvent, *, failure: Failure | None = None, **values: object) -> Outgoing:
    """Applies ``event`` to a part; raises UnknownTransition, or LookupError when another transaction moved it first."""
    before = Outgoing(part["state"])
    after = next_part(before, event)
    changes = {"state": after.value, "failure": failure.code if failure else "", "next_try_at": None, **values}
    if tx.run(t.Parts.update(**changes).where((t.Parts.id == part["id"]) & (t.Parts.state == before.value))) != 1:
        raise LookupError("the part moved meanwhile")
    return after


def settle(tx: Tx, message: UUID, *, more_attempts: int = 0, why: str = "", actor: str = "") -> Row:
    """Brings a message's state in line with its parts, with history, journal and event; gives the row as it now stands."""
    row = tx.one(t.Messages.select().where(t.Messages.id == message))
    if row is None:
        raise LookupError(f"no message {message}")
    parts = tx.all(t.Parts.select().where(t.Parts.message == message).order_by(t.Parts.number))
    state = message_state(Outgoing(part["state"]) for part in parts)
    failures = [part["failure"] for part in parts if part["state"] == state.value and part["failure"]]
    tries = [part["next_try_at"] for part in parts if part["next_try_at"] is not None]
    values: Row = {
        "state": state.value,
        "attempt": row["attempt"] + more_attempts,
        "failure": failures[0] if failures else "",
        "next_try_at": min(tries) if tries and state not in FINAL else None,
    }
    if all(row[name] == value for name, value in values.items()):
        return row
    changed = state.value != row["state"] or values["failure"] != row["failure"]
    if changed and not more_attempts and RANK[state] <= RANK[Outgoing(row["state"])]:
        values["attempt"] += 1  # what the carrier says now must be newer than what it said before
    tx.run(t.Messages.update(**values).where(t.Messages.id == message))
    row.update(values)
    if changed:
        step(tx, message, state.value, why=why or values["failure"], actor=actor)
        telling.state(tx, row)
        tx.event("message", message, row["conversation"])
    return row


def newer(told: tuple[int, Outgoing], held: tuple[int, Outgoing]) -> bool:
    """Whether the carrier's word ``told`` comes after ``held``: by attempt, then by rank."""
    return (told[0], RANK[told[1]]) > (held[0], RANK[held[1]])


def arrived(tx: Tx, message: UUID, *, conversation: UUID, at: int, box: str) -> None:
    """Brings a conversation up to date with an incoming message."""
    row = tx.one(t.Conversations.select().where(t.Conversations.id == conversation)) or {}
    values: Row = {"unread": row["unread"] + 1, "box": box}
    if row["waiting_since"] is None:
        values["waiting_since"] = at
    _touch(tx, row, message, at, values)


def answered(tx: Tx, message: UUID, *, conversation: UUID, at: int, automatic: bool = False) -> None:
    """Brings a conversation up to date with an outgoing message."""
    row = tx.one(t.Conversations.select().where(t.Conversations.id == conversation)) or {}
    _touch(tx, row, message, at, {} if automatic else _left_waiting(tx, row, message))


def _left_waiting(tx: Tx, row: Row, answer: UUID) -> Row:
    """What is left unanswered: only what came after the message that ``answer`` replies to."""
    question = t.Messages.alias()
    seen = tx.value(
        t.Messages.select(question.cursor)
        .join(question, on=(t.Messages.in_reply_to == question.id))
        .where(t.Messages.id == answer)
    )
    if seen is None or row["waiting_since"] is None:
        return {"waiting_since": None, "unread": 0}
    later = tx.all(
        t.Messages.select(t.Messages.at)
        .where(
            (t.Messages.conversation == row["id"])
            & (t.Messages.direction == Direction.IN.value)
            & (t.Messages.cursor > seen)
            & (t.Messages.at >= row["waiting_since"])
        )
        .order_by(t.Messages.cursor)
        .limit(100)
    )
    return {"waiting_since": later[0]["at"] if later else None, "unread": min(row["unread"], len(later))}


def _touch(tx: Tx, row: Row, message: UUID, at: int, values: Row) -> None:
    columns = (t.Messages.line, t.Messages.clock, t.Messages.hlc, t.Messages.seq)
    said = tx.one(t.Messages.select(*columns).where(t.Messages.id == message)) or {}
    unset = said["clock"] == ClockQuality.NONE.value
    # Only a peer's message can be older than the last one: what happens here happens now, whatever the clock says.
    if said["seq"] != FROM_PEER or unset or at >= row["last_at"] or row["last_message"] is None:
        last_at = max(said["hlc"] >> 16 if unset else at, row["last_at"])
        values |= {"last_message": message, "last_at": last_at, "line": said["line"]}
    if values:
        tx.run(t.Conversations.update(**values).where(t.Conversations.id == row["id"]))
    tx.event("conversation", row["id"], row["id"])
