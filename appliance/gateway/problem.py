"""Errors as other software reads them: problem+json (RFC 9457) with the stable code of a failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, g, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, default_exceptions

from appliance.domain.failure import Failure, Fault, Refused, failure
from appliance.gateway.respond import encode

MIMETYPE: Final = "application/problem+json"

REALM: Final = 'Bearer realm="fieldbox"'

_STATUS: Final[Mapping[str, int]] = {
    "input.json": 400,
    "input.request": 400,
    "auth.missing": 401,
    "auth.wrong": 401,
    "auth.csrf": 403,
    "auth.forbidden": 403,
    "auth.scope": 403,
    "auth.local": 403,
    "input.not-found": 404,
    "input.method": 405,
    "input.key-reused": 409,
    "input.state": 409,
    "input.too-large": 413,
    "input.media-type": 415,
    "auth.throttled": 429,
    "api.failed": 500,
    "api.too-many-streams": 503,
    "api.not-ready": 503,
}

_CODE_OF_STATUS: Final[Mapping[int, str]] = {
    401: "auth.missing",
    403: "auth.forbidden",
    404: "input.not-found",
    405: "input.method",
    413: "input.too-large",
    415: "input.media-type",
    429: "auth.throttled",
    503: "api.not-ready",
}

_RETRY_AFTER_S: Final[Mapping[str, int]] = {"api.too-many-streams": 5, "api.not-ready": 5, "auth.throttled": 60}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong in a request: where, under which name, and why, in words."""

    place: str
    """``body``, ``query`` or ``header``."""
    name: str
    reason: str
    code: str = "input.field"


class Invalid(Refused):
    """A request with at least one wrong field; all of them are named, so that one answer is enough."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        codes = {error.code for error in errors}
        super().__init__(failure(codes.pop() if len(codes) == 1 else "input.field"))
        self.errors = errors


def status_of(reason: Failure) -> int:
    """The HTTP status that tells of ``reason``: 422 for what a person asked for and cannot have."""
    known = _STATUS.get(reason.code)
    if known is not None:
        return known
    if reason.fault in {Fault.INPUT, Fault.RECIPIENT}:
        return 422
    return 503 if reason.retryable else 500


def problem(reason: Failure, *, errors: tuple[FieldError, ...] = ()) -> Response:
    """The answer for ``reason``; ``errors`` are listed and make up its sentence when there are any."""
    status = status_of(reason)
    words = " ".join(f"{error.name}: {error.reason}" for error in errors) or _sentence(reason)
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": words,
        "code": reason.code,
        "retryable": reason.retryable,
    }
    if errors:
        document["errors"] = [{"in": e.place, "name": e.name, "reason": e.reason} for e in errors]
    response = Response(encode(document), status, mimetype=MIMETYPE)
    response.headers["Cache-Control"] = "no-store"
    if status == HTTPStatus.UNAUTHORIZED:
        invalid = ', error="invalid_token"' if "Authorization" in request.headers else ""
        response.headers["WWW-Authenticate"] = REALM + invalid
    elif reason.code == "auth.scope":
        response.headers["WWW-Authenticate"] = f'{REALM}, error="insufficient_scope", scope="{reason.detail}"'
    if reason.code in _RETRY_AFTER_S:
        response.headers["Retry-After"] = str(_RETRY_AFTER_S[reason.code])
    return response


def handle(blueprint: Blueprint) -> None:
    """Let ``blueprint`` answer each error of its routes as a problem.

    Handlers are set for every status by itself: Flask asks the application's handlers of a status before a
    blueprint's handlers of all errors.
    """
    blueprint.register_error_handler(Refused, _refused)
    for status in default_exceptions:
        blueprint.register_error_handler(status, _http)


def _sentence(reason: Failure) -> str:
    # The detail of our own failures is for support; that of a request's failure names what to choose from.
    shown = reason.detail if reason.fault in {Fault.INPUT, Fault.RECIPIENT} else ""
    return f"{reason.sentence} {shown}".strip()


def _refused(error: Refused) -> Response:
    return problem(error.failure, errors=error.errors if isinstance(error, Invalid) else ())


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    fallback = "api.failed" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "input.request"
    reason = failure(_CODE_OF_STATUS.get(status, fallback))
    if status == HTTPStatus.BAD_REQUEST and error.description:
        reason = failure(reason.code, error.description)
    if isinstance(error, CSRFError):
        reason = failure("auth.csrf" if g.get("actor") else "auth.missing")
    response = problem(reason)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response
