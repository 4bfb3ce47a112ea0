"""Receiving: what a modem read is committed before the modem may delete it (I1), and shown (I2)."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from uuid import UUID

from appliance.domain.address import Line, Scheme
from appliance.domain.failure import failure
from appliance.domain.lifecycle import Incoming, Outgoing
from appliance.domain.optout import Wish, confirmation, wish
from appliance.domain.records import ClockQuality, Direction, IncomingSms
from appliance.domain.text import Encoding, clean, split
from appliance.messaging import consent, identity, outbox, records, telling
from appliance.store import Store, Tx, audit, content
from appliance.store import tables as t
from appliance.store.database import Row

MISSING_MARK = " […] "
UNKNOWN_SENDER = Line(Scheme.ALNUM, "?")
JOIN_WITHIN_MS = 7 * 24 * 3600 * 1000
"""A reference number comes back; a part older than this begins a new message."""


@dataclass(frozen=True, slots=True)
class Received:
    """Where an incoming part went."""

    message: UUID
    duplicate: bool


def network_key(sms: IncomingSms) -> bytes:
    """What makes a part the same to the network: sender, service centre time, reference, part and payload; never text alone."""
    facts = struct.pack(
        ">qiHH",
        sms.sent_at if sms.sent_at is not None else -1,
        -1 if sms.reference is None else sms.reference,
        sms.part,
        sms.of,
    )
    # Not the whole PDU: a second delivery may differ in TP-MMS or come through another service centre.
    # Where the time stamp could not be read, its octets in the PDU tell one message from the next.
    told_apart = bool(sms.text) and sms.sent_at is not None
    payload = sms.text.encode("utf-8", "surrogatepass") if told_apart else sms.raw
    return hashlib.blake2b(facts + str(sms.sender).encode() + b"\0" + payload, digest_size=16).digest()


def accept(store: Store, sms: IncomingSms) -> Received:
    """Commits one part as read; when this returns, the modem may delete it.

    A part the network already gave us (read again after a crash, or delivered twice) adds nothing.
    """
    key = network_key(sms)
    with store.write() as tx:
        known = tx.one(t.Parts.select(t.Parts.message).where(t.Parts.network_key == key))
        if known is not None:
            return Received(known["message"], duplicate=True)
        return Received(_add(tx, sms, key), duplicate=False)


def keep_undecodable(store: Store, raw: bytes, modem: str, reason: str) -> UUID:
    """Keeps a PDU nobody could read, visible as a message without text (IN3)."""
    sms = IncomingSms(UNKNOWN_SENDER, "", Encoding.BINARY, raw, modem)
    key = network_key(sms)
    with store.write() as tx:
        known = tx.one(t.Parts.select(t.Parts.message).where(t.Parts.network_key == key))
        if known is not None:
            return UUID(str(known["message"]))
        message = _add(tx, sms, key)
        tx.run(t.Messages.update(failure="sms.undecodable").where(t.Messages.id == message))
        records.step(tx, message, Incoming.RECEIVED.value, why="sms.undecodable")
        audit.note(tx, "modem", "undecodable", message, reason=reason)
        return message


def _add(tx: Tx, sms: IncomingSms, key: bytes) -> UUID:
    kept = content.keep(tx, clean(sms.text), pdu=sms.raw)
    who = identity.known(tx, sms.sender, box=tx.node.name)
    open_message = _open_message(tx, sms, who.line) if sms.of > 1 else None
    if open_message is None:
        message = _begin(tx, sms, who, kept)
        _add_part(tx, message, sms, key, kept)
    else:
        message = open_message["id"]
        _add_part(tx, message, sms, key, kept)
        _join(tx, open_message, sms.of)
    telling.message(tx, message)
    tx.event("message", message, who.conversation)
    state = tx.value(t.Messages.select(t.Messages.state).where(t.Messages.id == message))
    if state == Incoming.RECEIVED.value:
        _obey(tx, message, who)
    return message


def _begin(tx: Tx, sms: IncomingSms, who: identity.Known, kept: content.Kept) -> UUID:
    whole = sms.of == 1
    text = clean(sms.text)
    if not whole:
        before, after = MISSING_MARK if sms.part > 1 else "", MISSING_MARK if sms.part < sms.of else ""
        kept = content.keep(tx, before + text + after)
    new = records.NewMessage(
        conversation=who.conversation,
        contact=who.contact,
        line=who.line,
        direction=Direction.IN,
        carrier=tx.node.name,
        state=Incoming.RECEIVED if whole else Incoming.INCOMPLETE,
        encoding=sms.encoding,
        parts=sms.of,
        content=kept,
        reference=sms.reference,
        missing="[]" if whole else json.dumps([n for n in range(1, sms.of + 1) if n != sms.part]),
    )
    message = records.add(tx, new)
    records.arrived(tx, message, conversation=who.conversation, at=tx.now.ms, box=tx.node.name)
    return message


def _add_part(tx: Tx, message: UUID, sms: IncomingSms, key: bytes, kept: content.Kept) -> None:
    tx.insert(
        t.Parts, id=tx.new_id(), message=message, number=sms.part, of=sms.of, state=Incoming.RECEIVED.value, start=0, stop=0,
        attempts=0, failure="", modem=sms.modem, network_key=key, content=kept.id,
    )  # fmt: skip


def _open_message(tx: Tx, sms: IncomingSms, line: int) -> Row | None:
    """The message still waiting for this part: same sender, reference and count, and this part not there yet."""
    query = (
        t.Messages.select()
        .where(
            (t.Messages.line == line)
            & (t.Messages.reference == sms.reference)
            & (t.Messages.state == Incoming.INCOMPLETE.value)
            & (t.Messages.parts == sms.of)
            & (
                (t.Messages.at > tx.now.ms - JOIN_WITHIN_MS)
                | (t.Messages.boot == tx.now.boot)  # the clock may have been set since
                | (t.Messages.clock == ClockQuality.NONE.value)
            )
        )
        .order_by(t.Messages.cursor)
    )
    for row in tx.all(query):
        if sms.part in json.loads(row["missing"]):
            return row
    return None


def _join(tx: Tx, message: Row, of: int) -> None:
    """Writes the text anew from the parts that are there, with a mark where one is missing."""
    query = t.Parts.select(t.Parts.number, t.Content.text).join(t.Content, on=(t.Parts.content == t.Content.id))
    texts = {row["number"]: row["text"] for row in tx.all(query.where(t.Parts.message == message["id"]))}
    missing = [number for number in range(1, of + 1) if number not in texts]
    text = (
        "".join(texts.get(number) or MISSING_MARK for number in range(1, of + 1))
        if missing
        else "".join(texts[n] or "" for n in range(1, of + 1))
    )
    kept = content.keep(tx, text)
    old = message["content"]
    state = Incoming.INCOMPLETE if missing else Incoming.RECEIVED
    values = {"content": kept.id, "missing": json.dumps(missing), "state": state.value}
    tx.run(t.Messages.update(**values).where(t.Messages.id == message["id"]))
    content.erase(tx, old)
    if not missing:
        records.step(tx, message["id"], state.value)


def _obey(tx: Tx, message: UUID, who: identity.Known) -> None:
    """STOP and START: one confirmation of a STOP, and what still waits for that line is refused."""
    row = tx.one(
        t.Messages.select(t.Messages.encoding, t.Content.text)
        .join(t.Content, on=(t.Messages.content == t.Content.id))
        .where(t.Messages.id == message)
    )
    heard = wish(row["text"] or "") if row and row["encoding"] != Encoding.BINARY.value else None
    if heard is None or not consent.hear(tx, who.line, message, heard, box=tx.node.name):
        return
    audit.note(tx, "sender", f"consent.{heard.value}", message)
    if heard is Wish.START:
        return
    outbox.refuse_waiting(tx, who.line, failure("consent.opted-out"))
    if identity.line_of(tx, who.line).can_be_answered:
        _confirm(tx, message, who, confirmation(row["text"] if row else ""))


def _confirm(tx: Tx, message: UUID, who: identity.Known, text: str) -> None:
    parts = split(text)
    new = records.NewMessage(
        conversation=who.conversation,
        contact=who.contact,
        line=who.line,
        direction=Direction.OUT,
        carrier=tx.node.name,
        state=Outgoing.QUEUED,
        encoding=parts.encoding,
        parts=len(parts.segments),
        content=content.keep(tx, text),
        author="Fieldbox",
        automatic=True,
        in_reply_to=message,
    )
    sent = records.add(tx, new, why="consent.confirmation")
    records.add_parts(tx, sent, parts)
    records.answered(tx, sent, conversation=who.conversation, at=tx.now.ms, automatic=True)
    telling.message(tx, sent)
    tx.event("message", sent, who.conversation)
