"""What the inbox and the API ask: lists by cursor, one conversation, one message, and the small changes people make to them."""

from __future__ import annotations

from uuid import UUID

from appliance.domain.address import Line, Scheme
from appliance.domain.failure import Refused, failure
from appliance.domain.records import Actor, ContactView, ConversationView, Direction, MessageView
from appliance.domain.text import clean
from appliance.messaging import identity, telling, views
from appliance.store import Store, Tx, audit
from appliance.store import tables as t
from appliance.store.database import Row
from appliance.store.sql import fn

LONGEST_NAME = 80


def conversations(
    store: Store, *, before: int | None = None, before_id: UUID | None = None, limit: int = 50, waiting: bool = False
) -> list[ConversationView]:
    """Conversations, latest activity first; ``before`` and ``before_id`` are ``last_at`` and ``id`` of the last row shown.

    With ``waiting`` those who wait longest come first, and there are no pages.
    """
    query = views.conversation_rows()
    if before is not None and not waiting:
        earlier = t.Conversations.last_at < before
        tied = (t.Conversations.last_at == before) & (t.Conversations.id < before_id) if before_id else None
        query = query.where(earlier if tied is None else earlier | tied)
    if waiting:
        query = query.where(t.Conversations.waiting_since.is_null(False)).order_by(
            t.Conversations.waiting_since, t.Conversations.id
        )
    else:
        query = query.order_by(t.Conversations.last_at.desc(), t.Conversations.id.desc())
    return _conversations(store, query.limit(limit))


def conversations_since(store: Store, since: int, limit: int) -> list[ConversationView]:
    """Conversations in the order of their creation here, after the cursor ``since``."""
    query = views.conversation_rows()
    return _conversations(
        store, query.where(t.Conversations.cursor > since).order_by(t.Conversations.cursor).limit(limit)
    )


def conversation(store: Store, record: UUID) -> ConversationView | None:
    """One conversation (the leading one, where two were joined)."""
    with store.read() as tx:
        query = views.conversation_rows()
        row = tx.one(query.where(t.Conversations.id == identity.leading_conversation(tx, record)))
        return views.conversation(row) if row else None


def waiting_count(store: Store) -> int:
    """How many people wait for an answer."""
    with store.read() as tx:
        where = t.Conversations.waiting_since.is_null(False) & t.Conversations.alias_of.is_null()
        return int(tx.value(t.Conversations.select(fn.COUNT(t.Conversations.id)).where(where)) or 0)


def thread(store: Store, conversation: UUID, *, before: int | None = None, limit: int = 200) -> list[MessageView]:
    """The newest messages of a conversation (those before the cursor ``before``), oldest first."""
    with store.read() as tx:
        query = views.message_rows()
        query = query.where(t.Messages.conversation == identity.leading_conversation(tx, conversation))
        if before is not None:
            query = query.where(t.Messages.cursor < before)
        rows = tx.all(query.order_by(t.Messages.cursor.desc()).limit(limit))
        return views.messages(tx, rows[::-1])


def messages_since(store: Store, since: int, limit: int, direction: Direction | None = None) -> list[MessageView]:
    """Messages in the order of their creation here, after the cursor ``since``, with their history."""
    with store.read() as tx:
        query = views.message_rows()
        query = query.where(t.Messages.cursor > since)
        if direction is not None:
            query = query.where(t.Messages.direction == direction.value)
        return views.messages(tx, tx.all(query.order_by(t.Messages.cursor).limit(limit)), history=True)


def message(store: Store, record: UUID) -> MessageView | None:
    """One message with its history."""
    with store.read() as tx:
        try:
            return views.message(tx, record)
        except LookupError:
            return None


def contacts_since(store: Store, since: int, limit: int) -> list[ContactView]:
    """Persons in the order of their creation here, after the cursor ``since``."""
    with store.read() as tx:
        where = (t.Contacts.cursor > since) & t.Contacts.alias_of.is_null()
        rows = tx.all(t.Contacts.select().where(where).order_by(t.Contacts.cursor).limit(limit))
        return [_contact(tx, row) for row in rows]


def contact(store: Store, record: UUID) -> ContactView | None:
    """One person."""
    with store.read() as tx:
        row = tx.one(t.Contacts.select().where(t.Contacts.id == identity.leader(tx, record)))
        return _contact(tx, row) if row else None


def mark_seen(store: Store, conversation: UUID, actor: Actor) -> None:
    """Notes that somebody has read a conversation."""
    with store.read() as look:
        leading = identity.leading_conversation(look, conversation)
        if not look.value(t.Conversations.select(t.Conversations.unread).where(t.Conversations.id == leading)):
            return
    with store.write() as tx:
        tx.run(t.Conversations.update(unread=0).where(t.Conversations.id == leading))
        audit.note(tx, actor.name, "conversation.read", leading)
        tx.event("conversation", leading, leading)


def name_contact(store: Store, contact: UUID, name: str, actor: Actor) -> None:
    """Gives a person a name (an empty one takes it away); raises Refused."""
    plain = " ".join(clean(name).split())[:LONGEST_NAME]
    with store.write() as tx:
        leading = identity.leader(tx, contact)
        before = tx.value(t.Contacts.select(t.Contacts.name_hlc).where(t.Contacts.id == leading))
        if before is None:
            raise Refused(failure("input.not-found"))
        # Whoever names a person has seen the name before, even where the clock that stamped it ran ahead of ours.
        values = {"name": plain, "name_hlc": max(tx.stamp(), before + 1)}
        tx.run(t.Contacts.update(**values).where(t.Contacts.id == leading))
        audit.note(tx, actor.name, "contact.name", leading)
        conversation = identity.conversation_of(tx, leading)
        box = (
            tx.value(t.Conversations.select(t.Conversations.box).where(t.Conversations.id == conversation))
            if conversation
            else ""
        )
        peer = telling.audience(tx, str(box or ""))
        if peer is not None:
            telling.contact(tx, leading, peer)
        tx.event("contact", leading, conversation)


def _conversations(store: Store, query: object) -> list[ConversationView]:
    with store.read() as tx:
        return [views.conversation(row) for row in tx.all(query)]


def _contact(tx: Tx, row: Row) -> ContactView:
    query = (
        t.Lines.select()
        .join(t.ContactLines, on=(t.ContactLines.line == t.Lines.id))
        .where(t.ContactLines.contact == row["id"])
    )
    lines = tuple(Line(Scheme(r["scheme"]), r["address"]) for r in tx.all(query.order_by(t.Lines.id)))
    return ContactView(row["id"], row["name"], lines, row["created_at"], row["cursor"])
