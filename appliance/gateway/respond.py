"""Answers: JSON, times as RFC 3339, and ETags."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Final

from flask import Response, request

Json = dict[str, object]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def encode(value: object) -> bytes:
    """``value`` as compact JSON in UTF-8; a lone surrogate becomes a question mark rather than an error."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def rfc3339(ms: int) -> str:
    """Milliseconds of Unix time as ``2026-11-22T16:10:00.123Z``; the nearest time that can be written, outside years 1–9999."""
    try:
        moment = _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        moment = datetime.max.replace(tzinfo=UTC) if ms > 0 else datetime.min.replace(tzinfo=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.").zfill(20) + f"{moment.microsecond // 1000:03d}Z"


def maybe_rfc3339(ms: int | None) -> str | None:
    """Like rfc3339; None for no time."""
    return None if ms is None else rfc3339(ms)


def answer(value: object, status: int = 200) -> Response:
    """``value`` as JSON, never kept by a cache."""
    response = Response(encode(value), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def tagged(value: object) -> Response:
    """``value`` as JSON with an ETag; 304 without a body when the client holds the same (RFC 9110 §13.1.2)."""
    body = encode(value)
    response = Response(body, mimetype="application/json")
    response.set_etag(hashlib.blake2b(body, digest_size=16).hexdigest())
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Authorization, Cookie"
    response.make_conditional(request)
    return response
