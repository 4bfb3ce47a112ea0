"""Delivery reports: matched to the attempt they speak of, never by the message reference alone."""

from __future__ import annotations

from appliance.domain.failure import failure
from appliance.domain.lifecycle import Outgoing, PartEvent
from appliance.domain.records import DeliveryReport
from appliance.messaging import identity, records
from appliance.messaging.outbox import same_line
from appliance.store import Store, Tx, content
from appliance.store import tables as t
from appliance.store.database import Row

WINDOW_MS = 7 * 24 * 3600 * 1000
"""Longer than the validity any operator grants (TP-VP's default is usually three days)."""
DELIVERED = 0x00
STILL_TRYING = range(0x20, 0x40)
GAVE_UP_FROM = 0x40
"""TP-Status, 3GPP TS 23.040 §9.2.3.15."""


def accept_report(store: Store, report: DeliveryReport) -> bool:
    """Keeps a report and applies it to the attempt it speaks of; False when it speaks of none we know."""
    with store.write() as tx:
        attempt = _match(tx, report)
        kept = content.keep(tx, "", pdu=report.raw)
        tx.insert(
            t.Reports, id=tx.new_id(), modem=report.modem, tp_mr=report.tp_mr, status=report.status, content=kept.id,
            attempt=attempt["id"] if attempt else None, at=tx.now.ms,
        )  # fmt: skip
        if attempt is None:
            return False
        _apply(tx, attempt, report)
        return True


def _match(tx: Tx, report: DeliveryReport) -> Row | None:
    """The newest attempt with this reference to this phone; else the lost one that must have had it."""
    # Of this boot the clock that never jumps tells the age; the other may have been set since.
    this_boot = (t.Attempts.boot == tx.now.boot) & (t.Attempts.mono_ms > tx.now.mono_ms - WINDOW_MS)
    mine = (t.Attempts.modem == report.modem) & (this_boot | (t.Attempts.started_at > tx.now.ms - WINDOW_MS))
    accepted = mine & (t.Attempts.state == "accepted") & (t.Attempts.tp_mr == report.tp_mr)
    for row in tx.all(t.Attempts.select().where(accepted).order_by(t.Attempts.id.desc()).limit(50)):
        if same_line(identity.line_of(tx, row["line"]), report.recipient):
            return row
    lost = mine & (t.Attempts.state == "lost")
    candidates = [
        row
        for row in tx.all(t.Attempts.select().where(lost).order_by(t.Attempts.id.desc()).limit(200))
        if same_line(identity.line_of(tx, row["line"]), report.recipient) and _is_uncertain(tx, row)
    ]
    expected = [row for row in candidates if row["expected_mr"] == report.tp_mr]
    if expected:
        return expected[0]
    unknown = [row for row in candidates if row["expected_mr"] is None]
    return unknown[0] if len(unknown) == 1 == len(candidates) else None


def _is_uncertain(tx: Tx, attempt: Row) -> bool:
    state = tx.value(t.Parts.select(t.Parts.state).where(t.Parts.id == attempt["part"]))
    return bool(state == Outgoing.UNCERTAIN.value)


def _apply(tx: Tx, attempt: Row, report: DeliveryReport) -> None:
    part = tx.one(t.Parts.select().where(t.Parts.id == attempt["part"]))
    if part is None:
        return
    state = Outgoing(part["state"])
    why = failure("sms.recipient-rejected", f"status {report.status:#04x}")
    if state is Outgoing.UNCERTAIN and (
        report.status == DELIVERED or report.status >= GAVE_UP_FROM or report.status in STILL_TRYING
    ):
        # Any report proves that the network took it.
        tx.run(t.Attempts.update(state="accepted", tp_mr=report.tp_mr).where(t.Attempts.id == attempt["id"]))
        later = t.Attempts.select(t.Attempts.id).where(
            (t.Attempts.modem == report.modem) & (t.Attempts.id > attempt["id"])
        )
        if tx.one(later) is None:
            tx.run(t.Modems.update(last_mr=report.tp_mr).where(t.Modems.imei == report.modem))
        state = records.move_part(tx, part, PartEvent.ACCEPT, tp_mr=report.tp_mr)
        part["state"] = state.value
    if report.status == DELIVERED and state in {Outgoing.SENT, Outgoing.FAILED}:
        records.move_part(tx, part, PartEvent.DELIVER, tp_mr=report.tp_mr)
    elif report.status >= GAVE_UP_FROM and state is Outgoing.SENT and attempt["number"] == part["attempts"]:
        records.move_part(tx, part, PartEvent.UNDELIVERABLE, failure=why, tp_mr=report.tp_mr)
    records.settle(tx, attempt["message"], why="report")
