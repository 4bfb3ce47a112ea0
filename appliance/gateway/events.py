"""Server-sent events (WHATWG HTML §9.2): what changed, never what was said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import Response, request

from appliance.domain.records import Change
from appliance.gateway.parse import MAX_CURSOR, query
from appliance.gateway.problem import FieldError, Invalid
from appliance.gateway.respond import encode
from appliance.messaging import status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from appliance.gateway.feed import ChangeFeed, Subscription
    from appliance.runtime.clock import Clock
    from appliance.store import Store

HEARTBEAT_S: Final = 15.0
LIFE_S: Final = 15 * 60.0
"""A stream ends after this long; the client comes back at once, and its right to listen is looked at again."""

_SLICE_S: Final = 2.0
"""How soon a stream notices that its client went away, where the server can tell."""

_PAGE: Final = 500
_NUMBER = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Events:
    """The view of ``/api/v1/events``."""

    store: Store
    feed: ChangeFeed
    clock: Clock
    heartbeat_s: float = HEARTBEAT_S
    life_s: float = LIFE_S

    def __call__(self) -> Response:
        """A stream that begins after the event the client saw last, or now when it names none.

        A client whose last event is no longer known, or not of this store, is told ``reset``: it reads all again.

        Raises Refused as ChangeFeed.join, and Invalid for an event id that never was one.
        """
        after = _last_event_id()
        if request.method == "HEAD":
            return _stream_response(iter(()))
        subscription = self.feed.join()
        response = _stream_response(self._lines(subscription, after, _gone()))
        # Not in the generator: one that was never begun runs no clean-up.
        response.call_on_close(lambda: self.feed.leave(subscription))
        return response

    def _lines(self, subscription: Subscription, after: int | None, gone: Callable[[], bool]) -> Iterator[bytes]:
        begun = self.clock.monotonic()
        newest = status.last_change(self.store)
        seen = newest if after is None else after
        if seen > newest or self._is_forgotten(seen):
            seen = newest
            yield event(Change(seen, "reset", ""))
        yield b"retry: 2000\nid: %d\n\n" % seen
        while backlog := status.changes(self.store, seen, _PAGE):
            seen = backlog[-1].seq
            yield b"".join(map(event, backlog))
        spoke = self.clock.monotonic()
        while (batch := subscription.take(min(_SLICE_S, self.heartbeat_s))) is not None:
            now = self.clock.monotonic()
            if gone() or now - begun > self.life_s:
                return
            fresh = [change for change in batch if change.seq > seen]
            if fresh:
                seen, spoke = fresh[-1].seq, now
                yield b"".join(map(event, fresh))
            elif now - spoke >= self.heartbeat_s:
                spoke = now
                yield b": still here\n\n"

    def _is_forgotten(self, seen: int) -> bool:
        # Old changes are pruned: a client that missed some of them must read all again.
        oldest = status.changes(self.store, 0, 1)
        return bool(oldest) and 0 < seen < oldest[0].seq


def event(change: Change) -> bytes:
    """One change as it goes over the wire."""
    conversation = None if change.conversation is None else str(change.conversation)
    data = encode({"topic": change.topic, "id": change.subject, "conversation": conversation})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (change.seq, change.topic.encode("ascii", "replace"), data)


def _last_event_id() -> int | None:
    reader = query()
    given = reader.text("last_event_id")
    reader.finish()
    # The header is the newer one: a browser keeps the address it was given and sends the header when it comes back.
    header = request.headers.get("Last-Event-ID")
    value = given if header is None else header
    if not value:
        return None
    if not _NUMBER.fullmatch(value) or int(value) > MAX_CURSOR:
        place, name = ("query", "last_event_id") if header is None else ("header", "Last-Event-ID")
        raise Invalid((FieldError(place, name, "This is no id of an event of this stream."),))
    return int(value)


def _gone() -> Callable[[], bool]:
    check = request.environ.get("waitress.client_disconnected")
    return check if callable(check) else lambda: False


def _stream_response(lines: Iterator[bytes]) -> Response:
    response = Response(lines, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response
