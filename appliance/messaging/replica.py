"""Applying what another node told: a prefix, a repetition or an interleaving of batches gives one and the same store (I6)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from appliance.domain.address import Line, Scheme
from appliance.domain.failure import failure
from appliance.domain.lifecycle import Incoming, Outgoing, PartEvent, SpanState
from appliance.domain.records import ClockQuality, Direction, Priority
from appliance.domain.text import Encoding, clean, split
from appliance.messaging import consent, identity, outbox, records, telling
from appliance.store import Tx, content, journal
from appliance.store import tables as t
from appliance.store.database import Row
from appliance.store.journal import JournalEntry, Lane
from appliance.wire.kinds import (
    ConsentEntry,
    ContactEntry,
    EntryError,
    EraseEntry,
    LineEntry,
    MessageEntry,
    StateEntry,
    decode_body,
)

log = logging.getLogger(__name__)

Beside = tuple[bytes, str] | None

LONGEST_ADDRESS = 320


class _Parked(Exception):  # noqa: N818 - what happens to the entry, not an error of ours
    """The entry cannot be applied; its message is the reason."""


def apply(tx: Tx, lane: Lane, entry: JournalEntry) -> bool:
    """Keeps a peer's entry as its lane, moves the cursor and carries the entry out.

    What cannot be applied is kept and parked with its reason (False); bad data never raises.
    """
    content_id: UUID | None = None
    parked: str | None = None
    try:
        body = decode_body(entry.body, epoch=lane.epoch)
        if body.entry is None:
            raise _Parked(f"unknown kind {body.kind}")
        if entry.content is not None and clean(entry.content[1]) != entry.content[1]:
            raise _Parked("a text with characters no store keeps")
        with tx.savepoint():
            content_id = _APPLY[type(body.entry)](tx, lane, body.entry, entry.content)
    except (EntryError, _Parked, ValueError, LookupError) as error:
        parked = str(error)
        log.warning("entry %s/%d/%d parked: %s", lane.peer, lane.lane, entry.seq, parked)
    journal.keep_received(tx, lane, entry, content_id=content_id, parked=parked)
    if parked is not None:
        tx.event("link", lane.peer)
    return parked is None


def _line(tx: Tx, lane: Lane, entry: LineEntry, beside: Beside) -> None:
    if beside is None or not content.fits(beside, entry.digest):
        raise _Parked("a line without its address")
    if len(beside[1]) > LONGEST_ADDRESS:
        raise _Parked("an address longer than any")
    number = identity.line_number(tx, Line(Scheme(entry.scheme), beside[1]))
    tx.upsert(
        t.LineRefs,
        {"peer": lane.peer, "epoch": lane.epoch, "lane": lane.lane, "number": entry.number},
        {"line": number},
    )


def _contact(tx: Tx, lane: Lane, entry: ContactEntry, beside: Beside) -> None:
    if beside is not None and not content.fits(beside, entry.digest):
        raise _Parked("a name that does not fit its digest")
    lines = [_ref(tx, lane, number) for number in entry.lines]
    _ensure_contact(tx, entry.contact, lines)
    leading = identity.leader(tx, entry.contact)
    held = tx.one(t.Contacts.select().where(t.Contacts.id == leading))
    tx.saw(entry.name_hlc)
    name = beside[1][:200] if beside else ""
    # The name itself decides between two of one instant, so that all nodes decide alike.
    if held is not None and (entry.name_hlc, name) > (held["name_hlc"], held["name"]):
        tx.run(t.Contacts.update(name=name, name_hlc=entry.name_hlc).where(t.Contacts.id == leading))
        tx.event("contact", leading, identity.conversation_of(tx, leading))


def _message(tx: Tx, lane: Lane, entry: MessageEntry, beside: Beside) -> UUID:
    line = _ref(tx, lane, entry.line)
    # A hub mirrors what the box itself carries; a box takes from the hub only what it is asked to send.
    if entry.carrier != (lane.peer if tx.node.kind == "hub" else tx.node.name):
        raise _Parked("a message of another carrier")
    if entry.carrier == tx.node.name and entry.direction != Direction.OUT.value:
        raise _Parked("an incoming message that this node did not receive")
    if not content.keep_received(tx, entry.content, digest=entry.digest, content=beside):
        raise _Parked("a text that does not fit its digest")
    _ensure_contact(tx, entry.contact, [line])
    conversation = _ensure_conversation(tx, entry, line)
    held = tx.one(t.Messages.select().where(t.Messages.id == entry.message))
    if held is None:
        _add_message(tx, entry, conversation, line, beside)
    elif entry.carrier == lane.peer:
        _update_message(tx, held, entry)
    return entry.content


def _add_message(tx: Tx, entry: MessageEntry, conversation: UUID, line: int, beside: Beside) -> None:
    direction = Direction(entry.direction)
    mine = entry.carrier == tx.node.name
    # Our own carrying starts anew here whatever state the other end believes.
    state = Outgoing.QUEUED.value if mine else _state(direction, entry.state)
    encoding, parts = Encoding(entry.encoding), split(beside[1] if beside else "")
    tx.insert(
        t.Messages, id=entry.message, cursor=tx.counter(), conversation=conversation,
        contact=identity.leader(tx, entry.contact), line=line, direction=direction.value, channel=entry.channel, carrier=entry.carrier,
        state=state, encoding=(parts.encoding if mine else encoding).value, parts=len(parts.segments) if mine else entry.parts,
        content=entry.content, at=entry.at, clock=ClockQuality(entry.clock).value, boot="", hlc=tx.stamp(), author=entry.author,
        automatic=int(entry.automatic > 0), priority=Priority(entry.priority).value, expires_at=entry.expires_at, in_reply_to=entry.in_reply_to,
        attempt=0 if mine else entry.attempt, failure="", missing=json.dumps(list(entry.missing)), told_parts="[]",
        peer="", lane=journal.URGENT if mine else journal.CONVERSATIONS, seq=records.FROM_PEER,
    )  # fmt: skip
    records.step(tx, entry.message, state, actor=entry.author)
    if direction is Direction.IN:
        records.arrived(tx, entry.message, conversation=conversation, at=entry.at, box=entry.carrier)
    else:
        records.answered(tx, entry.message, conversation=conversation, at=entry.at, automatic=entry.automatic > 0)
    if mine:
        _carry(tx, entry, line, bool(beside))
    tx.event("message", entry.message, conversation)


def _carry(tx: Tx, entry: MessageEntry, line: int, has_text: bool) -> None:  # noqa: FBT001 - one caller
    """A message another node asks this one to send."""
    text = content.read(tx, entry.content) if has_text else None
    records.add_parts(tx, entry.message, split(text[1] if text else ""))
    why = "consent.opted-out" if not consent.may_write(tx, line, entry.in_reply_to) else "" if text else "input.empty"
    for part in tx.all(t.Parts.select().where(t.Parts.message == entry.message)) if why else []:
        records.move_part(tx, part, PartEvent.REFUSE, failure=failure(why))
    records.settle(tx, entry.message)
    row = tx.one(t.Messages.select().where(t.Messages.id == entry.message))
    if row is not None and not why:
        telling.state(tx, row)


def _update_message(tx: Tx, held: Row, entry: MessageEntry) -> None:
    """The carrier told a message again: a part came that was missing."""
    if held["direction"] != Direction.IN.value or held["state"] != Incoming.INCOMPLETE.value:
        return
    if not set(entry.missing) < set(json.loads(held["missing"])):
        return  # told before: what came since is not taken back
    state = Incoming(entry.state).value
    values = {"state": state, "content": entry.content, "missing": json.dumps(list(entry.missing))}
    tx.run(t.Messages.update(**values).where(t.Messages.id == entry.message))
    if held["content"] != entry.content:
        content.erase(tx, held["content"])
    if state != held["state"]:
        records.step(tx, entry.message, state)
    tx.event("message", entry.message, held["conversation"])


def _told_state(tx: Tx, lane: Lane, entry: StateEntry, _beside: Beside) -> None:
    held = tx.one(t.Messages.select().where(t.Messages.id == entry.message))
    if held is None:
        raise _Parked("the state of a message nobody told")
    if held["carrier"] != lane.peer or held["direction"] != Direction.OUT.value:
        raise _Parked("a state from another than the carrier")
    state = Outgoing(entry.state)
    if not records.newer((entry.attempt, state), (held["attempt"], Outgoing(held["state"]))):
        return
    values = {
        "state": state.value,
        "attempt": entry.attempt,
        "failure": entry.failure[:80],
        "next_try_at": entry.next_try_at,
        "told_parts": json.dumps([list(row) for row in entry.parts]),
    }
    tx.run(t.Messages.update(**values).where(t.Messages.id == entry.message))
    if state.value != held["state"]:
        records.step(tx, entry.message, state.value, why=entry.failure[:80], actor=lane.peer)
    tx.event("message", entry.message, held["conversation"])


def _consent(tx: Tx, lane: Lane, entry: ConsentEntry, _beside: Beside) -> None:
    if entry.state not in {"in", "out"}:
        raise _Parked("an unknown state of consent")
    line = _ref(tx, lane, entry.line)
    tx.saw(entry.hlc)
    consent.put(
        tx, entry.event, line=line, purpose=entry.purpose[:40], state=entry.state, hlc=entry.hlc, message=entry.message
    )
    if entry.state == "out":
        outbox.refuse_waiting(tx, line, failure("consent.opted-out"))
    contact = identity.contact_of_line(tx, line)
    tx.event("conversation", line, identity.conversation_of(tx, contact) if contact else None)


def _erase(tx: Tx, _lane: Lane, entry: EraseEntry, _beside: Beside) -> None:
    content.erase(tx, entry.content)


_APPLY: dict[type[Any], Callable[[Tx, Lane, Any, Beside], UUID | None]] = {
    LineEntry: _line,
    ContactEntry: _contact,
    MessageEntry: _message,
    StateEntry: _told_state,
    ConsentEntry: _consent,
    EraseEntry: _erase,
}


def _ref(tx: Tx, lane: Lane, number: int) -> int:
    keys = (t.LineRefs.peer == lane.peer) & (t.LineRefs.epoch == lane.epoch) & (t.LineRefs.lane == lane.lane)
    row = tx.one(t.LineRefs.select().where(keys & (t.LineRefs.number == number)))
    if row is None:
        raise _Parked("a line that was never introduced")
    return int(row["line"])


def _state(direction: Direction, state: str) -> str:
    return Incoming(state).value if direction is Direction.IN else Outgoing(state).value


def _ensure_contact(tx: Tx, contact: UUID, lines: list[int]) -> None:
    """The contact, as a stub where it was never told, on all these lines."""
    if tx.one(t.Contacts.select(t.Contacts.id).where(t.Contacts.id == contact)) is None:
        identity.add_contact(tx, contact, lines=())
    for line in lines:
        # Anew for each line: the one before may have made an alias of it.
        tx.upsert(t.ContactLines, {"contact": identity.leader(tx, contact), "line": line}, {})
        identity.join_people(tx, line)


def _ensure_conversation(tx: Tx, entry: MessageEntry, line: int) -> UUID:
    contact = identity.leader(tx, entry.contact)
    if tx.one(t.Conversations.select(t.Conversations.id).where(t.Conversations.id == entry.conversation)) is None:
        tx.insert(
            t.Conversations, id=entry.conversation, contact=contact, line=line, box=entry.carrier, state=SpanState.OPEN.value,
            unread=0, last_at=0, cursor=tx.counter(),
        )  # fmt: skip
        other = tx.one(
            t.Conversations.select(t.Conversations.id).where(
                (t.Conversations.contact == contact)
                & t.Conversations.alias_of.is_null()
                & (t.Conversations.id != entry.conversation)
            )
        )
        if other is not None:
            identity.join_conversations(tx, contact, other["id"], entry.conversation)
    return identity.leading_conversation(tx, entry.conversation)
