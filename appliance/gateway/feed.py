"""The change feed: one thread reads what changed, and hands it to every open stream of this process."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from appliance.domain.failure import Refused, failure
from appliance.messaging import status
from appliance.runtime.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.domain.records import Change
    from appliance.runtime.bell import Bell
    from appliance.store import Store

STREAMS: Final = 20
"""Open streams per process: each holds a thread of the web server, which has 32."""

QUEUE: Final = 1000
"""Changes that wait for one slow client before its stream is ended; it comes back and reads on where it was."""

POLL_S: Final = 1.0
"""A missed ring of the bell costs this much."""

_PAGE: Final = 500
_END_S: Final = 3.0


class Subscription:
    """The bounded queue between the feed and one stream."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: deque[Change] = deque()
        self._ended = False
        self._changed = threading.Condition()

    def offer(self, changes: Sequence[Change]) -> None:
        """Queue ``changes`` without waiting; a client that is too far behind is ended instead."""
        with self._changed:
            if len(self._waiting) + len(changes) > self._size:
                self._waiting.clear()
                self._ended = True
            elif not self._ended:
                self._waiting.extend(changes)
            self._changed.notify()

    def take(self, timeout: float) -> list[Change] | None:
        """All that waits, at the latest after ``timeout`` seconds an empty list; None when the stream is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended, timeout)
            if self._ended:
                return None
            taken = list(self._waiting)
            self._waiting.clear()
            return taken

    def end(self) -> None:
        """Let the stream end at once."""
        with self._changed:
            self._ended = True
            self._changed.notify()


class ChangeFeed:
    """Reads the store's changes when the bell rings, at the latest each second, while anybody listens.

    ``bell`` is opened, waited on and closed by the feed. ``stop`` is the service's: when it is set the feed and
    all streams end within POLL_S; when the feed cannot read the store for long it sets ``stop`` itself.
    """

    def __init__(
        self,
        store: Store,
        *,
        bell: Bell | None = None,
        stop: threading.Event | None = None,
        streams: int = STREAMS,
        queue: int = QUEUE,
    ) -> None:
        self._store = store
        self._bell = bell
        self._stop = stop or threading.Event()
        self._streams = streams
        self._queue = queue
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._last = 0
        self._worker = Worker("change-feed", self._step, self._stop)

    def open(self) -> None:
        """Start the thread; raises OSError when the bell cannot be opened, RuntimeError the second time."""
        if self._bell is not None:
            self._bell.open()
        self._worker.start()

    def close(self) -> None:
        """End every stream and the thread; returns when both have ended or after three seconds. Idempotent."""
        self._stop.set()
        self._end_streams()
        if self._bell is not None:
            self._bell.ring()
        self._worker.join(_END_S)
        if self._bell is not None:
            self._bell.close()

    def is_alive(self) -> bool:
        """Whether changes are being handed out."""
        return self._worker.is_alive() and not self._stop.is_set()

    def streams(self) -> int:
        """How many streams are open."""
        with self._lock:
            return len(self._subscriptions)

    def join(self) -> Subscription:
        """A new subscription: it gets every change committed from now on, each once.

        Raises Refused: ``api.too-many-streams``, or ``api.not-ready`` when the feed does not run.
        """
        newest = status.last_change(self._store)
        with self._lock:
            if not self.is_alive():
                raise Refused(failure("api.not-ready"))
            if len(self._subscriptions) >= self._streams:
                raise Refused(failure("api.too-many-streams"))
            if not self._subscriptions:
                # Nobody listened, so nothing was read: what came meanwhile is for the streams to catch up with.
                self._last = max(self._last, newest)
            subscription = Subscription(self._queue)
            self._subscriptions.add(subscription)
            return subscription

    def leave(self, subscription: Subscription) -> None:
        """Give the place of ``subscription`` free; repeating it changes nothing."""
        with self._lock:
            self._subscriptions.discard(subscription)

    def _step(self, stop: threading.Event) -> None:
        if self._bell is None:
            stop.wait(POLL_S)
        else:
            self._bell.wait(POLL_S)
        if stop.is_set():
            self._end_streams()
            self._store.release()
            return
        while self._hand_out() == _PAGE:
            pass

    def _hand_out(self) -> int:
        with self._lock:
            if not self._subscriptions:
                return 0
            after = self._last
        changes = status.changes(self._store, after, _PAGE)
        with self._lock:
            fresh = [change for change in changes if change.seq > self._last]
            if fresh:
                self._last = fresh[-1].seq
                for subscription in self._subscriptions:
                    subscription.offer(fresh)
        return len(changes)

    def _end_streams(self) -> None:
        with self._lock:
            for subscription in self._subscriptions:
                subscription.end()
