"""JSON schemas (2020-12) of what the gateway takes and gives, with an example each."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from appliance.domain.failure import Fault
from appliance.domain.lifecycle import Incoming, LinkState, ModemState, Outgoing, SpanState
from appliance.domain.records import ClockQuality, Direction, Priority
from appliance.domain.text import Encoding
from appliance.gateway.respond import Json

_MESSAGE_ID: Final = "0a1b2c3d-4e5f-8123-8000-00000000002a"
_CONVERSATION_ID: Final = "0a1b2c3d-4e5f-8123-8000-000000000007"
_CONTACT_ID: Final = "0a1b2c3d-4e5f-8123-8000-000000000006"


def schemas() -> Json:
    """Every schema by name, as ``components.schemas`` of the document."""
    return {
        "NewMessage": _new_message(),
        "Message": _message(),
        "MessageList": _list_of("Message"),
        "Conversation": _conversation(),
        "ConversationList": _list_of("Conversation"),
        "ConversationWithMessages": _with_messages(),
        "Contact": _contact(),
        "ContactList": _list_of("Contact"),
        "Line": _line(),
        "Status": _status(),
        "Link": _link(),
        "LinkSummary": _link_summary(),
        "Failure": _failure(),
        "Problem": _problem(),
        "Health": _object({"status": {"const": "ok"}}, example={"status": "ok"}),
        "Readiness": _object({"status": {"const": "ready"}}, example={"status": "ready"}),
        "Description": {"type": "object", "required": ["openapi", "info", "paths"]},
    }


def ref(name: str) -> Json:
    """A reference to the schema ``name``."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Json, *, optional: tuple[str, ...] = (), example: Json | None = None) -> Json:
    shape: Json = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }
    if example is not None:
        shape["examples"] = [example]
    return shape


def _text(about: str = "") -> Json:
    return {"type": "string", "description": about} if about else {"type": "string"}


def _maybe(shape: Json) -> Json:
    return {"anyOf": [shape, {"type": "null"}]}


def _word(*kinds: type[StrEnum]) -> Json:
    return {"type": "string", "enum": list(dict.fromkeys(str(word) for kind in kinds for word in kind))}


def _time() -> Json:
    return {"type": "string", "format": "date-time", "pattern": "Z$"}


def _id() -> Json:
    return {"type": "string", "format": "uuid"}


def _count() -> Json:
    return {"type": "integer", "minimum": 0}


def _items(shape: Json) -> Json:
    return {"type": "array", "items": shape}


def _list_of(name: str) -> Json:
    following = _maybe(_count()) | {"description": "What `since` takes to read on; null when there is nothing more."}
    return _object({"items": _items(ref(name)), "next": following}, example={"items": [], "next": None})


def _new_message() -> Json:
    properties: Json = {
        "to": {
            "type": "string",
            "maxLength": 64,
            "description": "A phone number, in any usual writing; with the country code, or as the node's country dials it.",
        },
        "text": _text("At most 10 SMS parts. NUL and lone surrogates are replaced by U+FFFD."),
        "priority": _maybe(_word(Priority)) | {"default": "normal"},
        "expires_at": _maybe({"type": "string", "format": "date-time"}) | {"description": "Not sent after this time."},
        "channel": _maybe({"type": "string", "enum": ["sms"]}) | {"default": "sms"},
        "box": _maybe(_text()) | {"description": "Which box sends it; on a hub with several, when the line is new."},
        "in_reply_to": _maybe(_id()) | {"description": "The message this answers."},
    }
    optional = ("priority", "expires_at", "channel", "box", "in_reply_to")
    return _object(properties, optional=optional, example={"to": "+252 61 555 0143", "text": "The well is open again."})


def _message() -> Json:
    part = _object(
        {
            "number": _count(),
            "of": _count(),
            "state": _word(Outgoing, Incoming),
            "tp_mr": _maybe({"type": "integer", "minimum": 0, "maximum": 255}),
            "attempts": _count(),
        }
    )
    step = _object({"at": _time(), "state": _text(), "why": _text(), "actor": _text()})
    properties: Json = {
        "id": _id(),
        "direction": _word(Direction),
        "from": _maybe(_text()) | {"description": "Who wrote; null for what went out."},
        "to": _maybe(_text()) | {"description": "To whom it went; null for what came in."},
        "text": _maybe(_text()) | {"description": "Null when it was erased or is sealed."},
        "state": _word(Outgoing, Incoming),
        "encoding": _word(Encoding),
        "parts": _items(part),
        "missing_parts": _items(_count()),
        "history": _items(step),
        "at": _time(),
        "clock": _word(ClockQuality),
        "contact": _id(),
        "conversation": _id(),
        "channel": _text(),
        "carrier": _text("The node whose channel carries it."),
        "synced": {"type": "boolean", "description": "Whether the other end holds it."},
        "author": _text(),
        "priority": _word(Priority),
        "failure": _maybe(ref("Failure")),
        "next_try_at": _maybe(_time()),
        "expires_at": _maybe(_time()),
        "in_reply_to": _maybe(_id()),
        "cursor": _count(),
    }
    return _object(properties, example=_message_example())


def _message_example() -> Json:
    at = "2026-11-22T16:10:00.123Z"
    return {
        "id": _MESSAGE_ID,
        "direction": "out",
        "from": None,
        "to": "+252615550143",
        "text": "The well is open again.",
        "state": "sent",
        "encoding": "gsm7",
        "parts": [{"number": 1, "of": 1, "state": "sent", "tp_mr": 17, "attempts": 1}],
        "missing_parts": [],
        "history": [{"at": at, "state": "queued", "why": "", "actor": "Amina"}],
        "at": at,
        "clock": "ntp",
        "contact": _CONTACT_ID,
        "conversation": _CONVERSATION_ID,
        "channel": "sms",
        "carrier": "baidoa",
        "synced": False,
        "author": "Amina",
        "priority": "normal",
        "failure": None,
        "next_try_at": None,
        "expires_at": None,
        "in_reply_to": None,
        "cursor": 42,
    }


def _conversation_properties() -> Json:
    return {
        "id": _id(),
        "contact": _id(),
        "name": _text("Empty until someone gave one."),
        "line": ref("Line"),
        "box": _text("The node whose channel reaches this person."),
        "state": _word(SpanState),
        "unread": _count(),
        "last_text": _maybe(_text()),
        "last_direction": _maybe(_word(Direction)),
        "last_state": _maybe(_word(Outgoing, Incoming)),
        "last_at": _time(),
        "waiting_since": _maybe(_time()) | {"description": "When the oldest message nobody answered came."},
        "opted_out": {"type": "boolean"},
        "cursor": _count(),
    }


def _conversation_example() -> Json:
    at = "2026-11-22T16:10:00.123Z"
    return {
        "id": _CONVERSATION_ID,
        "contact": _CONTACT_ID,
        "name": "",
        "line": {"scheme": "tel", "address": "+252615550143"},
        "box": "baidoa",
        "state": "open",
        "unread": 1,
        "last_text": "Is the well open?",
        "last_direction": "in",
        "last_state": "received",
        "last_at": at,
        "waiting_since": at,
        "opted_out": False,
        "cursor": 7,
    }


def _conversation() -> Json:
    return _object(_conversation_properties(), example=_conversation_example())


def _with_messages() -> Json:
    earlier = _maybe(_count()) | {
        "description": "What `before` takes to read older messages; null when there are none."
    }
    properties = {**_conversation_properties(), "messages": _items(ref("Message")), "earlier": earlier}
    return _object(properties, example={**_conversation_example(), "messages": [_message_example()], "earlier": None})


def _contact() -> Json:
    properties: Json = {
        "id": _id(),
        "name": _text(),
        "lines": _items(ref("Line")),
        "created_at": _time(),
        "cursor": _count(),
    }
    example: Json = {
        "id": _CONTACT_ID,
        "name": "",
        "lines": [{"scheme": "tel", "address": "+252615550143"}],
        "created_at": "2026-11-22T16:10:00.123Z",
        "cursor": 6,
    }
    return _object(properties, example=example)


def _line() -> Json:
    return _object({"scheme": {"type": "string", "enum": ["tel", "short", "alnum", "mailto"]}, "address": _text()})


def _status() -> Json:
    modem = _object(
        {
            "imei": _text(),
            "state": _word(ModemState),
            "signal": _maybe({"type": "integer", "minimum": 0, "maximum": 5, "description": "Bars."}),
            "operator": _maybe(_text()),
            "sim": _maybe(_text()) | {"description": "The SIM's identity (IMSI)."},
            "balance": _maybe(_text()),
        }
    )
    queue = _object({name: _count() for name in ("queued", "sending", "uncertain", "failed")})
    properties: Json = {
        "modems": _items(modem),
        "queue": queue,
        "link": ref("LinkSummary"),
        "links": _items(ref("Link")) | {"description": "On a hub: the link to each box."},
        "clock": _object({"quality": _word(ClockQuality)}),
    }
    link: Json = {
        "state": "offline",
        "waiting": 14,
        "oldest_s": 3600,
        "last_acknowledged_at": "2026-11-22T16:10:00.123Z",
    }
    example: Json = {
        "modems": [
            {
                "imei": "356938035643809",
                "state": "ready",
                "signal": 4,
                "operator": "Hormuud",
                "sim": None,
                "balance": None,
            }
        ],
        "queue": {"queued": 0, "sending": 0, "uncertain": 0, "failed": 0},
        "link": link,
        "clock": {"quality": "ntp"},
    }
    return _object(properties, optional=("links",), example=example)


def _link_numbers() -> Json:
    return {"waiting": _count(), "oldest_s": _count(), "last_acknowledged_at": _maybe(_time())}


def _link_summary() -> Json:
    return _object({"state": {"type": "string", "enum": ["online", "offline"]}, **_link_numbers()})


def _link() -> Json:
    properties = {"peer": _text(), "state": _word(LinkState), **_link_numbers(), "since": _maybe(_time())}
    return _object({**properties, "failure": _maybe(ref("Failure"))})


def _failure() -> Json:
    properties: Json = {
        "code": _text("Stable."),
        "sentence": _text("What a person can do."),
        "fault": _word(Fault),
        "retryable": {"type": "boolean"},
    }
    return _object(properties)


def _problem() -> Json:
    wrong = _object({"in": {"type": "string", "enum": ["body", "query", "header"]}, "name": _text(), "reason": _text()})
    properties: Json = {
        "type": _text(),
        "title": _text(),
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _text("What is wrong, in words."),
        "code": _text("Stable; the same codes as in `failure`."),
        "retryable": {"type": "boolean"},
        "errors": _items(wrong) | {"description": "Each wrong field."},
    }
    example: Json = {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "Write something first. An empty message is not sent.",
        "code": "input.empty",
        "retryable": False,
    }
    return _object(properties, optional=("errors",), example=example)
