"""What the village's HTTP takes and refuses: cleaned texts, problem answers (RFC 9457), same-origin forms only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus

from flask import Request, Response

_TEXT_LIMIT = 20_000
_BODY_LIMIT = 256 * 1024
_LONE_OR_NUL = re.compile("[\x00\ud800-\udfff]")
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"


class Problem(Exception):  # noqa: N818 - named after the "problem" of RFC 9457
    """A refusal with its HTTP status and one sentence for the caller."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def problem_response(status: int, detail: str) -> Response:
    """An application/problem+json answer."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(json.dumps(body, ensure_ascii=False), status, content_type="application/problem+json")


def json_object(request: Request) -> Mapping[str, object]:
    """The request's JSON object; raises Problem 400, 413 or 415."""
    if request.mimetype != "application/json":
        raise Problem(415, "Send the body as application/json.")
    if (request.content_length or 0) > _BODY_LIMIT:
        raise Problem(413, "The body is too long.")
    try:
        value = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise Problem(400, "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise Problem(422, "The body must be a JSON object.")
    return value


def clean_text(value: object) -> str:
    """A text as a phone could hold it: NUL and lone surrogates become U+FFFD; raises Problem 422 when empty."""
    if not isinstance(value, str):
        raise Problem(422, "“text” must be a text.")
    paired = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = _LONE_OR_NUL.sub("\ufffd", paired)
    if not text.strip():
        raise Problem(422, "Write something first. An empty message is not sent.")
    if len(text) > _TEXT_LIMIT:
        raise Problem(422, f"The text is longer than {_TEXT_LIMIT} characters.")
    return text


def text_field(body: Mapping[str, object], name: str) -> str:
    """A field that must be a text; raises Problem 422."""
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Problem(422, f"“{name}” is missing.")
    return value


def seconds_field(body: Mapping[str, object], name: str, default: float, *, high: float) -> float:
    """A field of seconds from 0 to ``high``; raises Problem 422."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= high:
        raise Problem(422, f"“{name}” must be seconds from 0 to {high:g}.")
    return float(value)


def refuse_foreign(request: Request) -> None:
    """Only this machine's own pages and programs: raises Problem 403 for a foreign Host, or a foreign page's form."""
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    if host not in {"127.0.0.1", "localhost", "[::1]"}:
        raise Problem(403, "Open the village under 127.0.0.1.")
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    origin = request.headers.get("Origin")
    if origin is not None and origin != request.host_url.rstrip("/"):
        raise Problem(403, "This form was sent by another page.")


def harden(response: Response) -> Response:
    """The headers every answer carries."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
