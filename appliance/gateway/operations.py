"""The list of everything the gateway answers: one row makes the route, its guard and its place in the document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from appliance.gateway.guard import Scope

API: Final = "/api/v1"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query, path or header, with its JSON schema."""

    name: str
    place: str
    schema: dict[str, object]
    about: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    name: str
    """The operation's id in the document, and the name of its view."""
    method: str
    path: str
    """In Flask's writing: ``/messages/<record>``."""
    summary: str
    answer: str
    """Name of the schema of the success answer; ``""`` when it is not JSON."""
    scope: Scope | None = None
    """What a token needs; None for what is open or guards itself."""
    status: int = 200
    media: str = "application/json"
    body: str = ""
    """Name of the schema of the request body."""
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[int, ...] = ()
    """Statuses of problem answers beyond those of the guard."""


_WHOLE: Final[dict[str, object]] = {"type": "integer", "minimum": 0}
_ID: Final[dict[str, object]] = {"type": "string", "format": "uuid"}

SINCE: Final = Parameter("since", "query", _WHOLE, "The `cursor` of the last row seen; rows after it are listed.")
LIMIT: Final = Parameter(
    "limit", "query", {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}, "Rows in one answer."
)
RECORD: Final = Parameter("record", "path", _ID, "The id of the record.")
KNOWN: Final = Parameter(
    "If-None-Match", "header", {"type": "string"}, "An ETag; the same content is answered by 304 without a body."
)
KEY: Final = Parameter(
    "Idempotency-Key",
    "header",
    {"type": "string", "minLength": 1, "maxLength": 255},
    "Makes a repetition safe: the same key with the same body answers with the first message, and sends nothing.",
)
DIRECTION: Final = Parameter(
    "direction", "query", {"type": "string", "enum": ["in", "out"]}, "Only messages that came in, or went out."
)
BEFORE: Final = Parameter("before", "query", _WHOLE, "The `earlier` of the answer before: older messages are listed.")
EVENT: Final = Parameter("Last-Event-ID", "header", {"type": "string"}, "Resume after this event.")
EVENT_QUERY: Final = Parameter("last_event_id", "query", _WHOLE, "The same for clients that set no headers.")

MESSAGE_FIELDS: Final = ("to", "text", "priority", "expires_at", "channel", "box", "in_reply_to")

OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        "createMessage", "POST", f"{API}/messages", "Send a message", "Message", Scope.MESSAGES_WRITE,
        status=201, body="NewMessage", parameters=(KEY,), problems=(400, 409, 413, 415, 422),
    ),
    Operation(
        "listMessages", "GET", f"{API}/messages", "List messages in order of creation", "MessageList",
        Scope.MESSAGES_READ, parameters=(DIRECTION, SINCE, LIMIT, KNOWN), problems=(422,),
    ),
    Operation(
        "getMessage", "GET", f"{API}/messages/<record>", "One message", "Message",
        Scope.MESSAGES_READ, parameters=(RECORD, KNOWN), problems=(404, 422),
    ),
    Operation(
        "listConversations", "GET", f"{API}/conversations", "List conversations in order of creation",
        "ConversationList", Scope.MESSAGES_READ, parameters=(SINCE, LIMIT, KNOWN), problems=(422,),
    ),
    Operation(
        "getConversation", "GET", f"{API}/conversations/<record>", "One conversation with its latest messages",
        "ConversationWithMessages", Scope.MESSAGES_READ, parameters=(RECORD, BEFORE, LIMIT, KNOWN),
        problems=(404, 422),
    ),
    Operation(
        "listContacts", "GET", f"{API}/contacts", "List people in order of creation", "ContactList",
        Scope.MESSAGES_READ, parameters=(SINCE, LIMIT, KNOWN), problems=(422,),
    ),
    Operation(
        "getStatus", "GET", f"{API}/status", "Modems, queue, link and clock", "Status", Scope.STATUS_READ,
        parameters=(KNOWN,), problems=(422,),
    ),
    Operation(
        "listenToEvents", "GET", f"{API}/events", "Server-sent events of what changed", "", Scope.MESSAGES_READ,
        media="text/event-stream", parameters=(EVENT, EVENT_QUERY), problems=(422, 503),
    ),
    Operation("getHealth", "GET", "/healthz", "Whether the process is alive", "Health"),
    Operation(
        "getReadiness", "GET", "/readyz", "Whether the store can be read and changes are handed out", "Readiness",
        problems=(401, 403, 500, 503),
    ),
    Operation(
        "getMetrics", "GET", "/metrics", "Measurements for Prometheus", "", media="text/plain", problems=(401, 403, 500),
    ),
    Operation("getDescription", "GET", "/openapi.json", "This document", "Description", parameters=(KNOWN,)),
)  # fmt: skip
