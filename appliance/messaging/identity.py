"""Who is behind a line: lines, contacts, and the one conversation of each contact."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from appliance.domain.address import Line, Scheme
from appliance.domain.lifecycle import SpanState
from appliance.store import Tx
from appliance.store import tables as t
from appliance.store.sql import fn


@dataclass(frozen=True, slots=True)
class Known:
    """A line with the person and the conversation it leads to."""

    line: int
    contact: UUID
    conversation: UUID


def line_number(tx: Tx, line: Line) -> int:
    """The local number of ``line``, new where it was never seen."""
    row = tx.one(
        t.Lines.select(t.Lines.id).where((t.Lines.address == line.address) & (t.Lines.scheme == line.scheme.value))
    )
    if row is not None:
        return int(row["id"])
    number = int(tx.value(t.Lines.select(fn.MAX(t.Lines.id))) or 0) + 1
    tx.insert(t.Lines, id=number, scheme=line.scheme.value, address=line.address)
    return number


def line_of(tx: Tx, number: int) -> Line:
    """The line with this local number; raises LookupError."""
    row = tx.one(t.Lines.select().where(t.Lines.id == number))
    if row is None:
        raise LookupError(f"no line {number}")
    return Line(Scheme(row["scheme"]), row["address"])


def contact_of_line(tx: Tx, line: int) -> UUID | None:
    """The leading contact of a line."""
    query = (
        t.Contacts.select(t.Contacts.id)
        .join(t.ContactLines, on=(t.ContactLines.contact == t.Contacts.id))
        .where((t.ContactLines.line == line) & t.Contacts.alias_of.is_null())
        .order_by(t.Contacts.id)
    )
    row = tx.one(query)
    return row["id"] if row else None


def leader(tx: Tx, contact: UUID) -> UUID:
    """The contact that leads ``contact`` (itself, unless it became an alias)."""
    row = tx.one(t.Contacts.select(t.Contacts.alias_of).where(t.Contacts.id == contact))
    return row["alias_of"] if row and row["alias_of"] else contact


def conversation_of(tx: Tx, contact: UUID) -> UUID | None:
    """The leading conversation of a contact."""
    where = (t.Conversations.contact == contact) & t.Conversations.alias_of.is_null()
    row = tx.one(t.Conversations.select(t.Conversations.id).where(where).order_by(t.Conversations.id))
    return row["id"] if row else None


def leading_conversation(tx: Tx, conversation: UUID) -> UUID:
    """The conversation that leads ``conversation``."""
    row = tx.one(t.Conversations.select(t.Conversations.alias_of).where(t.Conversations.id == conversation))
    return row["alias_of"] if row and row["alias_of"] else conversation


def known(tx: Tx, line: Line, *, box: str) -> Known:
    """The person and conversation of ``line``, created where nobody wrote from it before."""
    number = line_number(tx, line)
    contact = contact_of_line(tx, number)
    if contact is None:
        contact = tx.new_id()
        add_contact(tx, contact, lines=(number,))
    conversation = conversation_of(tx, contact)
    if conversation is None:
        conversation = tx.new_id()
        add_conversation(tx, conversation, contact=contact, line=number, box=box)
    return Known(number, contact, conversation)


def add_contact(tx: Tx, contact: UUID, *, lines: tuple[int, ...]) -> None:
    """Adds a person without a name."""
    tx.insert(t.Contacts, id=contact, name="", name_hlc=0, created_at=tx.now.ms, cursor=tx.counter())
    for line in lines:
        tx.insert(t.ContactLines, contact=contact, line=line)
    tx.event("contact", contact)


def add_conversation(tx: Tx, conversation: UUID, *, contact: UUID, line: int, box: str) -> None:
    """Adds the conversation of a contact."""
    tx.insert(
        t.Conversations, id=conversation, contact=contact, line=line, box=box, state=SpanState.OPEN.value, unread=0,
        last_at=tx.now.ms, cursor=tx.counter(),
    )  # fmt: skip


def join_people(tx: Tx, line: int) -> None:
    """Two contacts on one line: the smaller id leads, the others and their conversations become aliases of it."""
    query = (
        t.Contacts.select(t.Contacts.id, t.Contacts.name, t.Contacts.name_hlc)
        .join(t.ContactLines, on=(t.ContactLines.contact == t.Contacts.id))
        .where((t.ContactLines.line == line) & t.Contacts.alias_of.is_null())
        .order_by(t.Contacts.id)
    )
    people = tx.all(query)
    for other in people[1:]:
        _alias(tx, people[0]["id"], other["id"])
        if (other["name_hlc"], other["name"]) > (people[0]["name_hlc"], people[0]["name"]):
            tx.run(
                t.Contacts.update(name=other["name"], name_hlc=other["name_hlc"]).where(
                    t.Contacts.id == people[0]["id"]
                )
            )


def _alias(tx: Tx, lead: UUID, other: UUID) -> None:
    tx.run(t.Contacts.update(alias_of=lead).where((t.Contacts.id == other) | (t.Contacts.alias_of == other)))
    for row in tx.all(t.ContactLines.select(t.ContactLines.line).where(t.ContactLines.contact == other)):
        tx.upsert(t.ContactLines, {"contact": lead, "line": row["line"]}, {})
    tx.run(t.Messages.update(contact=lead).where(t.Messages.contact == other))
    source, target = conversation_of(tx, other), conversation_of(tx, lead)
    if source is not None and target is None:
        tx.run(t.Conversations.update(contact=lead).where(t.Conversations.id == source))
    elif source is not None and target is not None:
        join_conversations(tx, lead, source, target)


def join_conversations(tx: Tx, contact: UUID, one: UUID, other: UUID) -> None:
    """Two conversations of one person become one: the smaller id leads, so that all nodes come to the same answer."""
    target, source = min(one, other), max(one, other)
    moved = tx.one(t.Conversations.select().where(t.Conversations.id == source)) or {}
    kept = tx.one(t.Conversations.select().where(t.Conversations.id == target)) or {}
    tx.run(
        t.Conversations.update(alias_of=target).where(
            (t.Conversations.id == source) | (t.Conversations.alias_of == source)
        )
    )
    tx.run(t.Messages.update(conversation=target).where(t.Messages.conversation == source))
    newest = max((kept, moved), key=lambda row: int(row["last_at"]))
    waits = [row["waiting_since"] for row in (kept, moved) if row["waiting_since"] is not None]
    tx.run(
        t.Conversations.update(
            contact=contact, unread=kept["unread"] + moved["unread"], last_at=newest["last_at"], last_message=newest["last_message"],
            line=newest["line"], box=newest["box"], waiting_since=min(waits) if waits else None,
        ).where(t.Conversations.id == target)
    )  # fmt: skip
    tx.event("conversation", target, target)
