"""Requests read into typed values; every wrong or unknown field is named in words, nothing is guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NoReturn, TypeVar
from uuid import UUID

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from appliance.domain.address import AddressError, Line, parse_phone
from appliance.domain.failure import Refused, failure
from appliance.domain.ids import IdError, parse_id
from appliance.domain.text import clean
from appliance.gateway.problem import FieldError, Invalid

BODY_LIMIT: Final = 256 * 1024
"""Octets; a text of 20,000 characters fits, written in the longest way JSON knows."""

MAX_CURSOR: Final = (1 << 63) - 1

_LONGEST_ADDRESS: Final = 64
_WHOLE = re.compile(r"[0-9]{1,19}")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


@dataclass(slots=True)
class Reader:
    """Takes the fields of one part of a request by name and type; ``finish`` tells what was wrong with any."""

    place: str
    values: Mapping[str, object]
    known: set[str] = field(default_factory=set)
    errors: list[FieldError] = field(default_factory=list)

    def text(self, name: str) -> str | None:
        """The string ``name`` as the store keeps it (NUL and lone surrogates replaced); None when absent or null."""
        value = self._take(name)
        if isinstance(value, str):
            return clean(value)
        if value is not None:
            self._wrong(name, "This must be text, in quotes.")
        return None

    def required(self, name: str) -> str:
        """Like text, but its absence is wrong; the value is then empty."""
        value = self.text(name)
        if value is None and not self._is_wrong(name):
            self._wrong(name, "This is missing.")
        return value or ""

    def phone(self, name: str, country: str) -> Line | None:
        """The line ``name`` names, normalised; ``country`` as of parse_phone."""
        text = self.required(name)
        if self._is_wrong(name):
            return None
        try:
            if len(text) > _LONGEST_ADDRESS:
                raise AddressError(failure("input.number").sentence)
            return parse_phone(text, country=country)
        except AddressError as error:
            self._wrong(name, str(error), code="input.number")
        return None

    def choice(self, name: str, kind: type[E]) -> E | None:
        """The word ``name`` of ``kind``; None when absent."""
        word = self.text(name)
        if word is None:
            return None
        try:
            return kind(word)
        except ValueError:
            self._wrong(name, f"This must be one of {', '.join(kind)}.")
        return None

    def moment(self, name: str) -> int | None:
        """The RFC 3339 time ``name`` in ms of Unix time; None when absent."""
        text = self.text(name)
        if text is None:
            return None
        try:
            if not _MOMENT.fullmatch(text):
                raise ValueError(text)
            moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            self._wrong(name, "This must be a time of RFC 3339, like 2026-11-22T16:10:00Z.")
            return None
        return int(moment.timestamp() * 1000)

    def record(self, name: str) -> UUID | None:
        """The record id ``name``; None when absent."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return parse_id(text)
        except IdError:
            self._wrong(name, "This is not an id of this system.")
        return None

    def whole(self, name: str, *, default: int, low: int, high: int) -> int:
        """The whole number ``name`` of a query, in ``low`` … ``high``."""
        text = self.text(name)
        if text is None:
            return default
        if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
            self._wrong(name, f"This must be a whole number from {low} to {high}.")
            return default
        return int(text)

    def finished(self, value: T | None) -> T:
        """``value``, which every right request has; raises Invalid as finish."""
        self.finish()
        if value is None:
            raise Refused(failure("input.request"))
        return value

    def finish(self) -> None:
        """Raise Invalid when a field was wrong or is one that nobody asked for."""
        allowed = ", ".join(sorted(self.known)) or "none"
        unknown = [name for name in self.values if name not in self.known]
        for name in unknown[:10]:
            self._wrong(clean(name)[:40], f"There is no such field. Known are: {allowed}.")
        if self.errors:
            raise Invalid(tuple(self.errors))

    def _take(self, name: str) -> object:
        self.known.add(name)
        return self.values.get(name)

    def _is_wrong(self, name: str) -> bool:
        return any(error.name == name for error in self.errors)

    def _wrong(self, name: str, reason: str, code: str = "input.field") -> None:
        self.errors.append(FieldError(self.place, name, reason, code))


def body() -> Reader:
    """A reader of the JSON object this request carries.

    Raises Refused: ``input.media-type``, ``input.too-large`` (more than BODY_LIMIT octets), ``input.json``.
    """
    if request.mimetype != "application/json":
        raise Refused(failure("input.media-type"))
    request.max_content_length = BODY_LIMIT
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise Refused(failure("input.too-large", f"At most {BODY_LIMIT} bytes are read.")) from None
    try:
        value = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Refused(failure("input.json")) from None
    if not isinstance(value, dict):
        raise Refused(failure("input.json"))
    return Reader("body", value)


def query() -> Reader:
    """A reader of this request's query parameters; raises Invalid when one is given twice."""
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        raise Invalid((FieldError("query", clean(repeated[0])[:40], "This is given more than once."),))
    return Reader("query", dict(request.args.items()))


def idempotency_key() -> str | None:
    """The Idempotency-Key of this request; raises Invalid for one that is not 1–255 visible ASCII characters."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise Invalid((FieldError("header", "Idempotency-Key", "This must be 1 to 255 visible ASCII characters."),))
    return key


def record_of_path(text: str) -> UUID:
    """The record id in a path; raises Refused (``input.not-found``) for what can be no record of ours."""
    try:
        return parse_id(text)
    except IdError:
        raise Refused(failure("input.not-found")) from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
