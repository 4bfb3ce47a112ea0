"""``/api/v1``: the views of messages, conversations, contacts and the node's status."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from flask import Response, g

from appliance.domain.failure import Refused, failure
from appliance.domain.records import Actor, Direction, MessageView, Priority
from appliance.gateway import shape
from appliance.gateway.operations import API
from appliance.gateway.parse import MAX_CURSOR, Reader, body, idempotency_key, query, record_of_path
from appliance.gateway.respond import Json, answer, tagged
from appliance.messaging import compose, inbox
from appliance.messaging import status as node_status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from appliance.store import Store

LIMIT: Final = 100
MAX_LIMIT: Final = 500


class Channel(StrEnum):
    """Channels a message can be sent by."""

    SMS = "sms"


class _Row(Protocol):
    @property
    def cursor(self) -> int: ...


Row = TypeVar("Row", bound=_Row)


@dataclass(frozen=True, slots=True)
class Rest:
    """The views over one store. ``country`` is the calling code for numbers written without one."""

    store: Store
    country: str = ""

    def create_message(self) -> Response:
        """201 with the message; the same key and fields again: the same message as it now is, and nothing more is sent."""
        actor: Actor = g.actor
        key = idempotency_key()
        draft = self._draft()
        once = None if key is None else compose.Once(key, _digest(draft))
        view = compose.accept(self.store, draft, actor, once=once)
        response = answer(shape.message(view), status=201)
        response.headers["Location"] = f"{API}/messages/{view.id}"
        return response

    def list_messages(self) -> Response:
        """Messages in order of creation."""
        reader = query()
        direction = reader.choice("direction", Direction)
        since, limit = _since_and_limit(reader)
        rows = inbox.messages_since(self.store, since, limit + 1, direction)
        return _page(rows, limit, shape.message)

    def get_message(self, record: str) -> Response:
        """One message."""
        query().finish()
        return tagged(shape.message(self._message(record_of_path(record))))

    def list_conversations(self) -> Response:
        """Conversations in order of creation."""
        since, limit = _since_and_limit(query())
        return _page(inbox.conversations_since(self.store, since, limit + 1), limit, shape.conversation)

    def get_conversation(self, record: str) -> Response:
        """One conversation with its latest messages, oldest first; ``earlier`` goes into ``before``."""
        reader = query()
        before = reader.whole("before", default=MAX_CURSOR, low=1, high=MAX_CURSOR)
        limit = reader.whole("limit", default=LIMIT, low=1, high=MAX_LIMIT)
        reader.finish()
        wanted = record_of_path(record)
        view = inbox.conversation(self.store, wanted)
        if view is None:
            raise Refused(failure("input.not-found"))
        rows = inbox.thread(self.store, wanted, before=None if before == MAX_CURSOR else before, limit=limit + 1)
        shown = rows[-limit:]
        messages = [shape.message(each) for each in shown]
        earlier = shown[0].cursor if len(rows) > limit else None
        return tagged({**shape.conversation(view), "messages": messages, "earlier": earlier})

    def list_contacts(self) -> Response:
        """People in order of creation."""
        since, limit = _since_and_limit(query())
        return _page(inbox.contacts_since(self.store, since, limit + 1), limit, shape.contact)

    def get_status(self) -> Response:
        """Modems, queue, link and clock."""
        query().finish()
        return tagged(shape.status(node_status.snapshot(self.store)))

    def _draft(self) -> compose.Draft:
        reader = body()
        to = reader.phone("to", self.country)
        text = reader.required("text")
        priority = reader.choice("priority", Priority) or Priority.NORMAL
        expires_at = reader.moment("expires_at")
        channel = reader.choice("channel", Channel) or Channel.SMS
        box = reader.text("box") or ""
        in_reply_to = reader.record("in_reply_to")
        to = reader.finished(to)
        return compose.Draft(
            to=to,
            text=text,
            priority=priority,
            expires_at=expires_at,
            box=box,
            in_reply_to=in_reply_to,
            channel=channel,
        )

    def _message(self, record: UUID) -> MessageView:
        view = inbox.message(self.store, record)
        if view is None:
            raise Refused(failure("input.not-found"))
        return view


def _since_and_limit(reader: Reader) -> tuple[int, int]:
    since = reader.whole("since", default=0, low=0, high=MAX_CURSOR)
    limit = reader.whole("limit", default=LIMIT, low=1, high=MAX_LIMIT)
    reader.finish()
    return since, limit


def _page(rows: Sequence[Row], limit: int, show: Callable[[Row], Json]) -> Response:
    shown = rows[:limit]
    following = shown[-1].cursor if len(rows) > limit else None
    return tagged({"items": [show(each) for each in shown], "next": following})


def _digest(draft: compose.Draft) -> bytes:
    # Of what was asked for, not of its bytes: the same fields in another order are the same request.
    fields = [
        str(draft.to.scheme),
        draft.to.address,
        draft.text,
        str(draft.priority),
        draft.expires_at,
        draft.box,
        str(draft.in_reply_to or ""),
        draft.channel,
    ]
    return hashlib.sha256(json.dumps(fields).encode()).digest()
