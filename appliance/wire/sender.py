"""The sending half of a link, for one peer: what to send next, and what an acknowledgement means.

Pure: no clock, no I/O, no random. The shell tells it what the journal holds (``offer``), gives it a fresh nonce for every
greeting, hands over what it read, and stores the progress it returns. It forgets everything at a crash: the journal and the
peer's answer to the next hello bring it back.

::

    SILENT ──greet──▶ GREETING ──first ack of this greeting──▶ STREAMING ──greet──▶ GREETING
                          │                                        │
                          └────────── hashes differ ──▶ REFUSED ◀──┘      (until the answer to a later greeting agrees)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from appliance.domain.failure import Failure, failure
from appliance.wire.envelope import Ack, Batch, Entry, LaneKey, Position

ENTRY_OVERHEAD = 8
"""Bytes of CBOR heads around a body and its content, at most, counted into the window."""


class SenderState(StrEnum):
    """Where a sender stands."""

    SILENT = "silent"
    GREETING = "greeting"
    STREAMING = "streaming"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Window:
    """Limits on what is sent and not yet acknowledged; one batch of every lane's limit is kept for the urgent lane."""

    batches: int = 4
    size: int = 64 * 1024
    batch_size: int = 4 * 1024
    """Bytes of a batch at first; between ``smallest`` and ``largest`` as the measured answers allow."""
    smallest: int = 2 * 1024
    largest: int = 16 * 1024
    batch_entries: int = 200


class Wanted(NamedTuple):
    """What the shell should read from the journal next."""

    lane: LaneKey
    after: int
    max_entries: int
    max_bytes: int


class Progress(NamedTuple):
    """What the peer has committed of a lane; the shell stores it."""

    lane: LaneKey
    applied: int
    stable: int


class _Flight(NamedTuple):
    last: int
    size: int


@dataclass(slots=True)
class _Lane:
    highest: int
    acked: int
    stable: int
    sent: int
    number: int = 0
    repeated_at: int = -1
    flights: deque[_Flight] = field(default_factory=deque)


def size_of(entry: Entry) -> int:
    """About how many bytes an entry takes on the wire."""
    content = 0 if entry.content is None else len(entry.content[0]) + len(entry.content[1].encode())
    return len(entry.body) + content + ENTRY_OVERHEAD


class Sender:
    """Sends every entry of every lane in order, at most ``Window`` ahead of what the peer has committed."""

    def __init__(self, window: Window | None = None) -> None:
        self._window = window or Window()
        self._credit = self._window.size
        self._batch_size = self._window.batch_size
        self._nonce = 0
        self._number = 0
        self._lanes: dict[LaneKey, _Lane] = {}
        self.state = SenderState.SILENT
        self.failure: Failure | None = None
        """Why the peer's history is refused; kept until the peer's answer to a later greeting agrees."""

    @property
    def nonce(self) -> int:
        """The nonce of the present greeting."""
        return self._nonce

    @property
    def unanswered(self) -> bool:
        """Whether something was said that the peer has not answered: only then does a timeout mean anything."""
        return self.state in {SenderState.GREETING, SenderState.REFUSED} or self.in_flight > 0

    @property
    def in_flight(self) -> int:
        """Batches sent and not acknowledged."""
        return sum(len(lane.flights) for lane in self._lanes.values())

    @property
    def in_flight_bytes(self) -> int:
        """Bytes sent and not acknowledged."""
        return sum(f.size for lane in self._lanes.values() for f in lane.flights)

    def offer(self, lane: LaneKey, *, highest: int, acked: int, stable: int = 0) -> None:
        """Tells what the journal holds of a lane; ``acked`` and ``stable`` count only the first time."""
        known = self._lanes.setdefault(lane, _Lane(highest, acked, stable, sent=acked))
        known.highest = max(known.highest, highest)

    def highest(self) -> tuple[tuple[LaneKey, int], ...]:
        """Every lane and its highest sequence number, as a hello says it."""
        return tuple((key, lane.highest) for key, lane in self._lanes.items())

    def pending(self, lane: LaneKey) -> int:
        """Entries of a lane that wait to be sent."""
        return self._lanes[lane].highest - self._lanes[lane].sent

    def greet(self, nonce: int) -> None:
        """Begins a new conversation: what was in flight counts as unsent until the peer says where it stands."""
        self._nonce = nonce
        self._number = 0
        self._credit = self._window.size
        self.state = SenderState.GREETING
        for lane in self._lanes.values():
            lane.flights.clear()
            lane.number, lane.repeated_at = 0, -1

    def size_batches(self, answer_s: float) -> None:
        """Takes how long the last answer took: a batch should never occupy the line for more than 2 to 3 seconds."""
        if answer_s > 3:
            self._batch_size = max(self._window.smallest, self._batch_size // 2)
        elif answer_s < 1:
            self._batch_size = min(self._window.largest, self._batch_size * 2)

    def silence(self) -> None:
        """The carrier is gone: nothing is sent before the next greeting."""
        if self.state is not SenderState.REFUSED:
            self.state = SenderState.SILENT
        for lane in self._lanes.values():
            lane.flights.clear()

    def on_rewind(self, nonce: int) -> bool:
        """Whether the shell must greet again: the peer does not know the present greeting (it restarted)."""
        return nonce == self._nonce and self.state is not SenderState.SILENT

    def refuse(self, reason: Failure) -> None:
        """The peer will not take anything from here; nothing is sent until it answers a later greeting."""
        self.state, self.failure = SenderState.REFUSED, reason

    def wanted(self) -> list[Wanted]:
        """What could be sent now, most urgent lane first; empty while the window is full or the peer has not answered."""
        if self.state is not SenderState.STREAMING:
            return []
        found = []
        for key, lane in sorted(self._lanes.items(), key=lambda item: item[0].lane):
            room = self._room(key)
            if lane.sent < lane.highest and room > 0:
                count = min(self._window.batch_entries, lane.highest - lane.sent)
                found.append(Wanted(key, lane.sent, count, min(room, self._batch_size)))
        return found

    def batch(self, key: LaneKey, before: bytes, entries: Sequence[Entry]) -> Batch | None:
        """The next batch of a lane from entries read after ``wanted``; None when the window cannot take it now.

        A single entry larger than the window goes alone.
        """
        lane = self._lanes[key]
        size = sum(size_of(entry) for entry in entries)
        room = self._room(key)
        if not entries or room <= 0 or (size > room and self.in_flight > 0):
            return None
        batch = Batch(key, self._nonce, lane.sent + 1, before, tuple(entries))
        lane.sent = batch.last
        lane.flights.append(_Flight(batch.last, size))
        return batch

    def on_ack(self, ack: Ack, own: Mapping[LaneKey, bytes | None]) -> tuple[Progress, ...]:
        """Takes an acknowledgement; returns what to store. ``own`` is this end's hash at each position's ``applied``.

        An ack of another greeting, or older than one already taken, changes nothing. Where the histories differ, or the peer
        claims more than was ever written, the state becomes REFUSED with link.mismatch and nothing is progressed.
        """
        if ack.nonce != self._nonce or self.state not in {SenderState.GREETING, SenderState.STREAMING}:
            return ()
        fresh = [p for p in ack.positions if p.lane not in self._lanes or ack.number > self._lanes[p.lane].number]
        for position in fresh:
            if (reason := self._mismatch(position, own.get(position.lane))) is not None:
                self.refuse(failure("link.mismatch", reason))
                return ()
        answered = self.state is SenderState.GREETING
        self.state, self.failure = SenderState.STREAMING, None
        if ack.number > self._number:
            self._number, self._credit = ack.number, ack.credit
        progress = [self._take(p, ack.number, rewind=answered) for p in fresh if p.lane in self._lanes]
        return tuple(p for p in progress if p is not None)

    def _mismatch(self, position: Position, own: bytes | None) -> str | None:
        lane = self._lanes.get(position.lane)
        where = f"epoch {position.lane.epoch:x} lane {position.lane.lane} at {position.applied}"
        if lane is None:
            return None if position.applied == 0 else f"{where}: never written here"
        if position.applied > lane.highest:
            return f"{where}: beyond {lane.highest}, the highest here"
        if own is None:
            return f"{where}: no longer kept here"
        return None if own == position.hash else f"{where}: another hash"

    def _take(self, position: Position, number: int, *, rewind: bool) -> Progress | None:
        lane = self._lanes[position.lane]
        before = lane.acked, lane.stable
        stalled = position.applied == lane.acked and lane.repeated_at != position.applied and bool(lane.flights)
        lane.number = number
        lane.acked = position.applied
        lane.stable = max(lane.stable, min(position.stable, position.applied))
        while lane.flights and lane.flights[0].last <= position.applied:
            lane.flights.popleft()
        # The first answer to a greeting says where to go on. Later, an ack without progress is the request of a receiver
        # that saw a gap; it is answered once for each place, so that its echoes do not multiply what is sent.
        if rewind or position.applied < before[0] or stalled:
            lane.sent = position.applied
            lane.flights.clear()
            lane.repeated_at = position.applied if stalled else -1
        lane.sent = max(lane.sent, position.applied)
        return Progress(position.lane, lane.acked, lane.stable) if (lane.acked, lane.stable) != before else None

    def _room(self, key: LaneKey) -> int:
        """Bytes that may still be sent in this lane; the last batch of the window is the urgent lane's."""
        shared = 0 if key.lane == 0 else 1
        batches = self._window.batches - shared
        size = min(self._window.size, self._credit)
        if shared:
            size -= min(self._batch_size, size // 4)
        return size - self.in_flight_bytes if self.in_flight < batches else 0
