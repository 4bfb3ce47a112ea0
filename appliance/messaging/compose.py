"""Writing a message, and deciding what becomes of one: accepted only when it can be kept, refused in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from appliance.domain.address import Line
from appliance.domain.failure import Refused, failure
from appliance.domain.lifecycle import Outgoing, PartEvent, UnknownTransition
from appliance.domain.records import Actor, Direction, MessageView, Priority
from appliance.domain.text import Split, clean, split
from appliance.messaging import consent, idempotency, identity, records, telling, views
from appliance.store import Store, Tx, audit, content
from appliance.store import tables as t
from appliance.store.database import Row

MOST_PARTS = 10

_DECISIONS = {
    PartEvent.RESEND: frozenset({Outgoing.UNCERTAIN, Outgoing.FAILED, Outgoing.EXPIRED, Outgoing.WAITING}),
    PartEvent.ARRIVED: frozenset({Outgoing.UNCERTAIN}),
    PartEvent.GIVE_UP: frozenset({Outgoing.UNCERTAIN}),
    PartEvent.CANCEL: frozenset({Outgoing.QUEUED, Outgoing.WAITING, Outgoing.HELD, Outgoing.DRAFT}),
}
"""What a person may decide, and about parts in which states."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to send."""

    to: Line
    text: str
    priority: Priority = Priority.NORMAL
    expires_at: int | None = None
    box: str = ""
    in_reply_to: UUID | None = None
    channel: str = "sms"


@dataclass(frozen=True, slots=True)
class Once:
    """The key under which one request is carried out once only, and the digest of what it asks."""

    key: str
    digest: bytes


def accept(store: Store, draft: Draft, actor: Actor, *, once: Once | None = None) -> MessageView:
    """Queues a message and gives it as it stands; raises Refused with the reason in words.

    With ``once`` the same request again gives the same message, and another one under the key is refused.
    """
    text, parts = _checked(draft.text)
    with store.write() as tx:
        if once is not None and (known := idempotency.recall(tx, actor, once.key, once.digest)) is not None:
            return views.message(tx, known)
        if not draft.to.can_be_answered:
            raise Refused(failure("input.no-reply"))
        carrier = _carrier(tx, draft)
        line = identity.line_number(tx, draft.to)
        _may_write(tx, line, draft.in_reply_to)
        who = identity.known(tx, draft.to, box=carrier)
        message = _add(tx, who, replace(draft, text=text, box=carrier), parts, actor)
        if once is not None:
            idempotency.remember(tx, actor, once.key, once.digest, message)
        return views.message(tx, message)


def reply(store: Store, conversation: UUID, text: str, actor: Actor, *, once: Once | None = None) -> MessageView:
    """Answers the person of a conversation on the line they last used; raises Refused."""
    with store.read() as tx:
        row = tx.one(
            t.Conversations.select().where(t.Conversations.id == identity.leading_conversation(tx, conversation))
        )
        if row is None:
            raise Refused(failure("input.not-found"))
        to = identity.line_of(tx, row["line"])
        asked = tx.value(
            t.Messages.select(t.Messages.id)
            .where(
                (t.Messages.conversation == row["id"])
                & (t.Messages.line == row["line"])
                & (t.Messages.direction == Direction.IN.value)
            )
            .order_by(t.Messages.cursor.desc())
        )
        box = row["box"] if row["box"] != tx.node.name else ""
    return accept(store, Draft(to, text, box=box, in_reply_to=asked), actor, once=once)


def decide(store: Store, message: UUID, event: PartEvent, actor: Actor) -> MessageView:
    """Carries out a person's decision (RESEND, ARRIVED, GIVE_UP or CANCEL) on the parts it fits; raises Refused."""
    with store.write() as tx:
        row = tx.one(t.Messages.select().where(t.Messages.id == message))
        if row is None or row["carrier"] != tx.node.name or event not in _DECISIONS:
            raise Refused(failure("input.not-found" if row is None else "input.state"))
        parts = tx.all(t.Parts.select().where(t.Parts.message == message))
        fitting = [
            part
            for part in parts
            if row["direction"] == Direction.OUT.value and Outgoing(part["state"]) in _DECISIONS[event]
        ]
        if not fitting:
            raise Refused(failure("input.state"))
        if event is PartEvent.RESEND:
            _may_write(tx, row["line"], row["in_reply_to"])
            if any(part["state"] == Outgoing.EXPIRED.value for part in fitting):
                # Whoever sends it anyway has lifted its time.
                tx.run(t.Messages.update(expires_at=None).where(t.Messages.id == message))
        for part in fitting:
            _decide_part(tx, part, event)
        records.settle(tx, message, more_attempts=1, why=event.value, actor=actor.name)
        audit.note(tx, actor.name, f"message.{event.value}", message)
        return views.message(tx, message)


def _decide_part(tx: Tx, part: Row, event: PartEvent) -> None:
    try:
        records.move_part(tx, part, event, failure=failure("sms.power") if event is PartEvent.GIVE_UP else None)
    except UnknownTransition as error:
        raise Refused(failure("input.state")) from error


def _checked(text: str) -> tuple[str, Split]:
    cleaned = clean(text)
    if not cleaned.strip():
        raise Refused(failure("input.empty"))
    parts = split(cleaned)
    if len(parts.segments) > MOST_PARTS:
        raise Refused(failure("input.too-long"))
    return cleaned, parts


def _carrier(tx: Tx, draft: Draft) -> str:
    """The node whose modem sends: this box, or on the hub the box named, last written to, or the only one."""
    if tx.node.kind == "box":
        if draft.box not in {"", tx.node.name}:
            raise Refused(failure("input.unknown-box"))
        return tx.node.name
    boxes = [row["peer"] for row in tx.all(t.Links.select(t.Links.peer).order_by(t.Links.peer))]
    if draft.box:
        if draft.box not in boxes:
            raise Refused(failure("input.unknown-box"))
        return draft.box
    last = _box_of_line(tx, draft.to)
    if last in boxes:
        return last
    if len(boxes) == 1:
        return str(boxes[0])
    raise Refused(failure("input.which-box", ", ".join(boxes)))


def _box_of_line(tx: Tx, line: Line) -> str:
    contact = identity.contact_of_line(tx, identity.line_number(tx, line))
    conversation = identity.conversation_of(tx, contact) if contact else None
    if conversation is None:
        return ""
    return str(tx.value(t.Conversations.select(t.Conversations.box).where(t.Conversations.id == conversation)) or "")


def _may_write(tx: Tx, line: int, in_reply_to: UUID | None) -> None:
    """A line that opted out is answered only where it wrote after that (I8)."""
    if not consent.may_write(tx, line, in_reply_to):
        raise Refused(failure("consent.opted-out"))


def _add(tx: Tx, who: identity.Known, draft: Draft, parts: Split, actor: Actor) -> UUID:
    new = records.NewMessage(
        conversation=who.conversation,
        contact=who.contact,
        line=who.line,
        direction=Direction.OUT,
        carrier=draft.box,
        state=Outgoing.QUEUED,
        encoding=parts.encoding,
        parts=len(parts.segments),
        content=content.keep(tx, draft.text),
        channel=draft.channel,
        author=actor.name,
        priority=draft.priority,
        expires_at=draft.expires_at,
        in_reply_to=draft.in_reply_to,
    )
    message = records.add(tx, new, actor=actor.name)
    if draft.box == tx.node.name:
        records.add_parts(tx, message, parts)
    tx.run(t.Conversations.update(box=draft.box).where(t.Conversations.id == who.conversation))
    records.answered(tx, message, conversation=who.conversation, at=tx.now.ms)
    telling.message(tx, message)
    audit.note(tx, actor.name, "message.write", message)
    tx.event("message", message, who.conversation)
    return message
