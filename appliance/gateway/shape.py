"""The JSON shapes of what the inbox shows (contracts.md §3). Their schemas stand in ``schemas.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.domain.lifecycle import LinkState
from appliance.domain.records import Direction
from appliance.gateway.respond import Json, maybe_rfc3339, rfc3339

if TYPE_CHECKING:
    from uuid import UUID

    from appliance.domain.address import Line
    from appliance.domain.failure import Failure
    from appliance.domain.records import (
        ContactView,
        ConversationView,
        LinkView,
        MessageView,
        ModemStatus,
        PartView,
        StatusView,
    )


def message(view: MessageView) -> Json:
    """A message; ``to`` or ``from`` is the other person's line, ``text`` null when erased or sealed."""
    out = view.direction is Direction.OUT
    return {
        "id": str(view.id),
        "direction": view.direction,
        "from": None if out else view.line.address,
        "to": view.line.address if out else None,
        "text": view.text,
        "state": view.state,
        "encoding": view.encoding,
        "parts": [_part(each) for each in view.parts],
        "missing_parts": list(view.missing_parts),
        "history": [
            {"at": rfc3339(step.at), "state": step.state, "why": step.why, "actor": step.actor} for step in view.history
        ],
        "at": rfc3339(view.at),
        "clock": view.clock,
        "contact": str(view.contact),
        "conversation": str(view.conversation),
        "channel": view.channel,
        "carrier": view.carrier,
        "synced": view.synced,
        "author": view.author,
        "priority": view.priority,
        "failure": _failure(view.failure),
        "next_try_at": maybe_rfc3339(view.next_try_at),
        "expires_at": maybe_rfc3339(view.expires_at),
        "in_reply_to": _maybe_id(view.in_reply_to),
        "cursor": view.cursor,
    }


def conversation(view: ConversationView) -> Json:
    """A conversation as a row of the inbox."""
    return {
        "id": str(view.id),
        "contact": str(view.contact),
        "name": view.name,
        "line": _line(view.line),
        "box": view.box,
        "state": view.state,
        "unread": view.unread,
        "last_text": view.last_text,
        "last_direction": view.last_direction,
        "last_state": view.last_state,
        "last_at": rfc3339(view.last_at),
        "waiting_since": maybe_rfc3339(view.waiting_since),
        "opted_out": view.opted_out,
        "cursor": view.cursor,
    }


def contact(view: ContactView) -> Json:
    """A person."""
    return {
        "id": str(view.id),
        "name": view.name,
        "lines": [_line(each) for each in view.lines],
        "created_at": rfc3339(view.created_at),
        "cursor": view.cursor,
    }


def status(view: StatusView) -> Json:
    """What ``/api/v1/status`` tells; a hub lists its boxes' links too."""
    shape: Json = {
        "modems": [_modem(each) for each in view.modems],
        "queue": {
            "queued": view.queue.queued,
            "sending": view.queue.sending,
            "uncertain": view.queue.uncertain,
            "failed": view.queue.failed,
        },
        "link": _summary(view.links),
        "clock": {"quality": view.clock},
    }
    if view.kind == "hub":
        shape["links"] = [_link(each) for each in view.links]
    return shape


def _part(view: PartView) -> Json:
    return {
        "number": view.number,
        "of": view.of,
        "state": view.state,
        "tp_mr": view.tp_mr,
        "attempts": view.attempts,
    }


def _modem(modem: ModemStatus) -> Json:
    return {
        "imei": modem.imei,
        "state": modem.state,
        "signal": modem.signal,
        "operator": modem.operator or None,
        "sim": modem.imsi or None,
        "balance": modem.balance or None,
    }


def _summary(links: tuple[LinkView, ...]) -> Json:
    # A summary is never more certain than its parts: online when every link is, as old as the oldest.
    is_online = bool(links) and all(each.state is LinkState.ONLINE for each in links)
    acknowledged = [each.last_acknowledged_at for each in links]
    known = [each for each in acknowledged if each is not None]
    return {
        "state": LinkState.ONLINE if is_online else LinkState.OFFLINE,
        "waiting": sum(each.waiting for each in links),
        "oldest_s": max((each.oldest_s for each in links), default=0),
        "last_acknowledged_at": maybe_rfc3339(max(known, default=None)),
    }


def _link(view: LinkView) -> Json:
    return {
        "peer": view.peer,
        "state": view.state,
        "waiting": view.waiting,
        "oldest_s": view.oldest_s,
        "last_acknowledged_at": maybe_rfc3339(view.last_acknowledged_at),
        "since": maybe_rfc3339(view.since),
        "failure": _failure(view.failure),
    }


def _line(line: Line) -> Json:
    return {"scheme": line.scheme, "address": line.address}


def _failure(failure: Failure | None) -> Json | None:
    if failure is None:
        return None
    return {
        "code": failure.code,
        "sentence": failure.sentence,
        "fault": failure.fault,
        "retryable": failure.retryable,
    }


def _maybe_id(record: UUID | None) -> str | None:
    return None if record is None else str(record)
