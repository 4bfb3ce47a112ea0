"""Sending: an attempt is committed before the PDU leaves, and its truth is recorded as it becomes known (I3, I4)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from appliance.domain import retry
from appliance.domain.address import Line
from appliance.domain.failure import Failure, failure
from appliance.domain.lifecycle import Outgoing, PartEvent
from appliance.domain.records import Claim, ClockQuality, Priority
from appliance.domain.text import Encoding
from appliance.messaging import consent, identity, records
from appliance.store import Store, Tx
from appliance.store import tables as t
from appliance.store.database import Row
from appliance.store.sql import Case

_DUE = (Outgoing.QUEUED.value, Outgoing.WAITING.value)


def claim(store: Store, modem: str) -> Claim | None:
    """The next part this modem (IMEI) shall send, or None. Its attempt is committed when this returns."""
    with store.read() as look:
        if look.one(_due(look)) is None:
            return None
    with store.write() as tx:
        urgency = Case(t.Messages.priority, ((Priority.URGENT.value, 0), (Priority.NORMAL.value, 1)), 2)
        query = _due(tx).order_by(urgency, t.Messages.cursor, t.Parts.number)
        while (part := tx.one(query)) is not None:
            if _expired(tx, part):
                records.move_part(tx, part, PartEvent.EXPIRE)
            elif _silenced(tx, part):
                records.move_part(tx, part, PartEvent.REFUSE, failure=failure("consent.opted-out"))
            else:
                return _begin(tx, part, modem)
            records.settle(tx, part["message"])
    return None


def _due(tx: Tx) -> Any:
    """What may be sent now, in no order. A try that is further away than any pause lasts was set by a clock gone back."""
    farthest = tx.now.ms + retry.LONGEST_S * 1000
    return (
        t.Parts.select(
            t.Parts, t.Messages.line, t.Messages.content.alias("text_id"), t.Messages.encoding, t.Messages.expires_at,
            t.Messages.reference, t.Messages.automatic, t.Messages.in_reply_to,
        )
        .join(t.Messages, on=(t.Parts.message == t.Messages.id))
        .where(
            t.Parts.state.in_(_DUE)
            & (t.Messages.carrier == tx.node.name)
            & (t.Parts.next_try_at.is_null() | (t.Parts.next_try_at <= tx.now.ms) | (t.Parts.next_try_at > farthest))
        )
    )  # fmt: skip


def _silenced(tx: Tx, part: Row) -> bool:
    """Whether the line opted out after this was written (I8); the confirmation of that goes."""
    if consent.may_write(tx, part["line"], part["in_reply_to"]):
        return False
    return not (part["automatic"] and consent.was_stop(tx, part["line"], part["in_reply_to"]))


def _expired(tx: Tx, part: Row) -> bool:
    """Whether the part's time is over; an untrusted clock expires nothing (TM2)."""
    return (
        part["expires_at"] is not None and tx.now.quality is not ClockQuality.NONE and tx.now.ms >= part["expires_at"]
    )


def _begin(tx: Tx, part: Row, modem: str) -> Claim:
    last_mr = tx.value(t.Modems.select(t.Modems.last_mr).where(t.Modems.imei == modem))
    attempt = tx.new_id()
    tx.insert(
        t.Attempts, id=attempt, part=part["id"], message=part["message"], line=part["line"], number=part["attempts"] + 1,
        modem=modem, state="open", started_at=tx.now.ms, boot=tx.now.boot, mono_ms=tx.now.mono_ms,
        expected_mr=None if last_mr is None else (last_mr + 1) % 256, failure="",
    )  # fmt: skip
    records.move_part(tx, part, PartEvent.BEGIN, attempts=part["attempts"] + 1, modem=modem, tp_mr=None)
    reference = part["reference"]
    if part["of"] > 1 and reference is None:
        reference = tx.entropy(1)[0]
        tx.run(t.Messages.update(reference=reference).where(t.Messages.id == part["message"]))
    records.settle(tx, part["message"], more_attempts=1)
    text = tx.value(t.Content.select(t.Content.text).where(t.Content.id == part["text_id"])) or ""
    return Claim(
        attempt=attempt,
        part=part["id"],
        message=part["message"],
        recipient=identity.line_of(tx, part["line"]),
        text=text[part["start"] : part["stop"]],
        encoding=Encoding(part["encoding"]),
        number=part["number"],
        of=part["of"],
        reference=reference if part["of"] > 1 else None,
        report=True,
        validity_s=_validity_s(tx, part["expires_at"]),
    )


def _validity_s(tx: Tx, expires_at: int | None) -> int | None:
    return (
        None
        if expires_at is None or tx.now.quality is ClockQuality.NONE
        else max(300, (expires_at - tx.now.ms) // 1000)
    )


def accepted(store: Store, attempt: UUID, tp_mr: int | None) -> None:
    """The network took the part and named it ``tp_mr`` (0–255); None where the modem did not tell."""
    with store.write() as tx:
        row, part = _open_attempt(tx, attempt)
        _close(tx, row, "accepted", tp_mr=tp_mr)
        tx.run(t.Modems.update(last_mr=tp_mr).where(t.Modems.imei == row["modem"]))
        records.move_part(tx, part, PartEvent.ACCEPT, tp_mr=tp_mr)
        records.settle(tx, row["message"])


def deferred(store: Store, attempt: UUID, why: Failure) -> None:
    """The part was definitely not sent: it waits for another try, or has failed when trying again is of no use."""
    with store.write() as tx:
        row, part = _open_attempt(tx, attempt)
        _close(tx, row, "not-sent", failure=why.code)
        if not why.retryable:
            records.move_part(tx, part, PartEvent.REJECT, failure=why)
        elif retry.is_last(part["attempts"]):
            records.move_part(tx, part, PartEvent.REJECT, failure=failure("sms.gave-up", why.code))
        else:
            next_try = tx.now.ms + retry.delay_s(part["attempts"]) * 1000
            records.move_part(tx, part, PartEvent.DEFER, failure=why, next_try_at=next_try)
        records.settle(tx, row["message"])


def lost(store: Store, attempt: UUID, why: Failure) -> None:
    """Nobody knows whether the part was sent."""
    with store.write() as tx:
        row, _part = _open_attempt(tx, attempt)
        _lose(tx, row, why)


def accepted_late(store: Store, attempt: UUID, tp_mr: int) -> bool:
    """Evidence that a lost attempt reached the network as ``tp_mr``; False where its part has moved on since."""
    with store.write() as tx:
        row = tx.one(t.Attempts.select().where((t.Attempts.id == attempt) & (t.Attempts.state == "lost")))
        part = tx.one(t.Parts.select().where(t.Parts.id == row["part"])) if row else None
        if row is None or part is None:
            return False
        _close(tx, row, "accepted", tp_mr=tp_mr)
        if part["state"] != Outgoing.UNCERTAIN.value or part["attempts"] != row["number"]:
            return False
        tx.run(t.Modems.update(last_mr=tp_mr).where(t.Modems.imei == row["modem"]))
        records.move_part(tx, part, PartEvent.ACCEPT, tp_mr=tp_mr)
        records.settle(tx, row["message"], why="late-answer")
        return True


def recover(store: Store, modem: str = "") -> int:
    """Called before the first claim of a service: every attempt left open (of ``modem``, or of all) is uncertain; how many."""
    with store.write() as tx:
        where = t.Attempts.state == "open"
        rows = tx.all(t.Attempts.select().where(where & (t.Attempts.modem == modem) if modem else where))
        for row in rows:
            _lose(tx, row, failure("sms.power"))
        return len(rows)


def refuse_waiting(tx: Tx, line: int, why: Failure) -> None:
    """Refuses whatever has not been sent yet to a line."""
    held = (*_DUE, Outgoing.HELD.value)
    query = t.Parts.select(t.Parts).join(t.Messages, on=(t.Parts.message == t.Messages.id))
    rows = tx.all(query.where((t.Messages.line == line) & t.Parts.state.in_(held)))
    for part in rows:
        records.move_part(tx, part, PartEvent.REFUSE, failure=why)
    for message in {part["message"] for part in rows}:
        records.settle(tx, message)


def next_due(store: Store) -> float | None:
    """Seconds until a waiting part is due again; None when none waits."""
    with store.read() as tx:
        query = (
            t.Parts.select(t.Parts.next_try_at)
            .where(t.Parts.state == Outgoing.WAITING.value)
            .order_by(t.Parts.next_try_at)
        )
        at = tx.value(query)
        wait_s = 0.0 if at is None else max(0.0, (at - tx.now.ms) / 1000)
        return None if at is None else wait_s if wait_s <= retry.LONGEST_S else 0.0


def _open_attempt(tx: Tx, attempt: UUID) -> tuple[Row, Row]:
    row = tx.one(t.Attempts.select().where((t.Attempts.id == attempt) & (t.Attempts.state == "open")))
    part = tx.one(t.Parts.select().where(t.Parts.id == row["part"])) if row else None
    if row is None or part is None:
        raise LookupError(f"no open attempt {attempt}")
    return row, part


def _lose(tx: Tx, row: Row, why: Failure) -> None:
    part = tx.one(t.Parts.select().where(t.Parts.id == row["part"])) or {}
    _close(tx, row, "lost", failure=why.code)
    # Whether the modem counted this one is unknown, so the reference of the next cannot be foretold.
    tx.run(t.Modems.update(last_mr=None).where(t.Modems.imei == row["modem"]))
    records.move_part(tx, part, PartEvent.LOSE, failure=why)
    records.settle(tx, row["message"])


def _close(tx: Tx, row: Row, state: str, *, tp_mr: int | None = None, failure: str = "") -> None:
    values = {"state": state, "ended_at": tx.now.ms, "failure": failure, "tp_mr": tp_mr}
    tx.run(t.Attempts.update(**values).where(t.Attempts.id == row["id"]))


def same_line(one: Line, other: Line) -> bool:
    """Whether two lines are one phone written in national and international form (their last seven digits agree)."""
    digits = [line.address.lstrip("+").lstrip("0") for line in (one, other)]
    shortest = min(len(d) for d in digits)
    return digits[0] == digits[1] or (shortest >= 7 and digits[0][-shortest:] == digits[1][-shortest:])
