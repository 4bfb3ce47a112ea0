"""One conversation with one peer over its store: both machines, commit THEN acknowledge. Box and hub use the same.

It owns no thread and no socket: the owner hands over decoded messages, calls ``turn`` whenever something may have changed,
and is told when to come back. All methods belong to the owner's thread.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from appliance.domain.failure import CATALOGUE, Failure, failure
from appliance.domain.lifecycle import LinkState
from appliance.link.patience import Patience
from appliance.messaging import replica
from appliance.runtime.clock import Clock
from appliance.store import Store, journal
from appliance.store.journal import JournalEntry, Lane
from appliance.wire import envelope
from appliance.wire.envelope import Ack, Batch, Bye, Entry, Hello, LaneKey, Message, Position, Rewind
from appliance.wire.receiver import Answer, Receiver
from appliance.wire.sender import Progress, Sender, SenderState, Wanted

log = logging.getLogger(__name__)

IDLE_S = 1.0
"""The journal is looked at this often even when no bell rings."""
COMPANY = 10
"""Entries that are enough for a batch: it already has 90 % of the gain of a large one."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a node says of itself in every hello."""

    boot: int
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Pace:
    """Waiting times of a session, in seconds."""

    batch_wait_s: float = 1.0
    answer_min_s: float = 3.0
    answer_max_s: float = 60.0


class Session:
    """Sends everything the journal holds for ``peer`` and applies everything it sends, each once and in order."""

    def __init__(
        self, store: Store, peer: str, *, clock: Clock, facts: Facts, pace: Pace, send: Callable[[bytes], bool]
    ) -> None:  # fmt: skip
        self.peer = peer
        self._store = store
        self._clock = clock
        self._facts = facts
        self._pace = pace
        self._send = send
        self._sender = Sender()
        self._receiver = Receiver(int(store.node.incarnation))
        self._patience = Patience(pace.answer_min_s, pace.answer_max_s)
        self._heard = False
        self._refusal: Failure | None = None
        self._progress: dict[LaneKey, Progress] = {}
        self._owed: dict[int, dict[LaneKey, None]] = {}
        self._company_since: dict[LaneKey, float] = {}

    # --- what the owner says ---------------------------------------------------------------------------------

    def standing(self) -> tuple[LinkState, Failure | None]:
        """How this conversation is: online only while the peer's consumer answers. The owner knows why when offline."""
        refused = self._sender.failure or self._refusal
        if refused is not None:
            return LinkState.REFUSED, refused
        return (LinkState.ONLINE if self._heard else LinkState.OFFLINE), None

    @property
    def is_silent(self) -> bool:
        """Whether nothing was said to the peer since the way to it was lost."""
        return self._sender.state is SenderState.SILENT

    def greet(self) -> None:
        """Says hello under a fresh nonce; what follows is decided by the answer."""
        self._offer()
        self._sender.greet(_nonce())
        self._say_hello()

    def silence(self) -> None:
        """The peer or the way to it is gone: nothing is sent before the next greeting."""
        self._sender.silence()
        self._patience.nothing_asked()
        self._heard = False
        self._owed.clear()

    def await_return(self) -> None:
        """The peer left while the way to it is there: it will call; in case that gets lost, it is asked now and then."""
        self.silence()
        self._sender.greet(_nonce())
        self._patience.expect_nothing_soon(self._clock.monotonic())

    def leave(self) -> None:
        """Tells the peer that this node leaves in order."""
        self._send(envelope.encode(Bye(self._sender.nonce)))
        self.silence()

    def refuse(self, reason: Failure) -> None:
        """Refuses what the peer sent (not ours, another version), and tells it so."""
        if self._refusal is None or self._refusal.code != reason.code:
            log.warning("= link to %s refused: %s (%s)", self.peer, reason.code, reason.detail)
        self._refusal = reason
        self._send(envelope.encode(Bye(self._receiver.nonce or 0, reason.code)))

    # --- what comes in ---------------------------------------------------------------------------------------

    def receive(self, message: Message) -> bool:
        """Takes one message of the peer; whether it was a greeting not heard before."""
        match message:
            case Hello():
                return self._on_hello(message)
            case Batch():
                self._on_batch(message)
                if message.ack is not None:
                    self._on_ack(message.ack)
            case Ack():
                self._on_ack(message)
            case Rewind() if self._sender.on_rewind(message.nonce):
                self.greet()
            case Bye():
                self._on_bye(message)
        return False

    def _on_hello(self, hello: Hello) -> bool:
        fresh = not self._receiver.knows(hello.nonce)
        self._receiver.on_hello(hello)
        self._owe(hello.nonce, *(lane for lane, _ in hello.highest))
        # Another history is not mended by a greeting; it ends when a batch fits again.
        if self._refusal is not None and self._refusal.code != "link.mismatch":
            self._refusal = None
        return fresh

    def _on_batch(self, batch: Batch) -> None:
        if not self._receiver.knows(batch.nonce):
            self._send(envelope.encode(Rewind(batch.nonce)))
            return
        lane = self._lane(batch.lane)
        with self._store.write() as tx:
            cursor = journal.cursor(tx, lane)
            own = journal.received_hash(tx, lane, batch.last) if batch.last < cursor.applied else None
            verdict = self._receiver.judge(batch, applied=cursor.applied, hash_at=cursor.hash, own_last=own)
            for seq, entry, digest in verdict.accepted:
                replica.apply(tx, lane, JournalEntry(seq, entry.body, entry.content, digest, tx.now.ms))
        self._owe(batch.nonce, batch.lane)
        if verdict.answer is Answer.MISMATCH:
            where = f"epoch {batch.lane.epoch:x} lane {batch.lane.lane} at {batch.first}"
            log.error("= link to %s: a batch of another history, %s", self.peer, where)
            self._refusal = failure("link.mismatch", where)
        elif verdict.answer is not Answer.GAP:
            self._refusal = None

    def _on_ack(self, ack: Ack) -> None:
        self._offer()
        with self._store.read() as tx:
            own = {p.lane: journal.hash_at(tx, self._lane(p.lane), p.applied) for p in ack.positions}
        before = self._sender.state
        for progress in self._sender.on_ack(ack, own):
            self._progress[progress.lane] = progress
        if ack.nonce != self._sender.nonce:
            return
        if self._sender.state is SenderState.STREAMING:
            self._heard = True
            self._patience.answered(self._clock.monotonic())
            self._sender.size_batches(self._patience.last_s)
            if before is SenderState.GREETING:
                log.info("= link to %s streams, %d lanes", self.peer, len(self._sender.highest()))
        elif before is not SenderState.REFUSED and self._sender.failure is not None:
            log.error("= link to %s refused: %s", self.peer, self._sender.failure.detail)
            self._send(envelope.encode(Bye(self._sender.nonce, self._sender.failure.code)))

    def _on_bye(self, bye: Bye) -> None:
        if not bye.reason:
            self.await_return()
            return
        code = bye.reason if bye.reason in CATALOGUE else "link.refused"
        log.warning("= link: %s refuses us: %s", self.peer, code)
        if code == "link.mismatch":
            # The peer's sender stopped; what this end has to send is not touched by that.
            self._refusal = failure(code)
        else:
            self._sender.refuse(failure(code))

    # --- what goes out ---------------------------------------------------------------------------------------

    def turn(self) -> float:
        """Stores progress, sends what is due, asks again where no answer came; seconds until it should be called again."""
        self._store_progress()
        self._offer()
        self._send_batches()
        return min(IDLE_S, self._ask_again(), self._company_due())

    def _store_progress(self) -> None:
        if not self._progress:
            return
        with self._store.write() as tx:
            for lane, applied, stable in self._progress.values():
                journal.acknowledge(tx, self._lane(lane), applied=applied, stable=stable)
        self._progress.clear()

    def _offer(self) -> None:
        with self._store.read() as tx:
            lanes = journal.outgoing(tx, self.peer)
        now = self._clock.monotonic()
        for row in lanes:
            key = LaneKey(row.lane.epoch, row.lane.lane)
            self._sender.offer(key, highest=row.highest, acked=row.acked, stable=row.stable)
            if self._sender.pending(key) > 0:
                self._company_since.setdefault(key, now)

    def _send_batches(self) -> None:
        acks = self._acks()
        progressed = True
        while progressed:
            progressed = False
            for wanted in self._sender.wanted():
                if self._due_in(wanted.lane) > 0:
                    continue
                batch = self._read(wanted)
                if batch is None:
                    continue
                ack = acks.pop(0) if acks else None
                self._send(envelope.encode(replace(batch, ack=ack)))
                self._patience.asked(self._clock.monotonic())
                self._company_since.pop(wanted.lane, None)
                progressed = True
        for ack in acks:
            self._send(envelope.encode(ack))

    def _read(self, wanted: Wanted) -> Batch | None:
        lane = self._lane(wanted.lane)
        with self._store.read() as tx:
            before = journal.hash_at(tx, lane, wanted.after)
            rows = journal.read(tx, lane, wanted.after, max_entries=wanted.max_entries, max_bytes=wanted.max_bytes)
        if before is None or not rows or rows[0].seq != wanted.after + 1:
            return None
        return self._sender.batch(wanted.lane, before, [Entry(row.body, row.content) for row in rows])

    def _due_in(self, key: LaneKey) -> float:
        """Seconds that a lane's entries still wait for company; 0 when they go now."""
        if key.lane == journal.URGENT or self._sender.pending(key) >= COMPANY:
            return 0.0
        since = self._company_since.get(key, self._clock.monotonic())
        return max(0.0, since + self._pace.batch_wait_s - self._clock.monotonic())

    def _company_due(self) -> float:
        return min((self._due_in(wanted.lane) for wanted in self._sender.wanted()), default=IDLE_S) or 0.05

    def _ask_again(self) -> float:
        """Says hello again when an answer is overdue; seconds until the next time it may be."""
        now = self._clock.monotonic()
        if not self._sender.unanswered:
            self._patience.nothing_asked()
            return IDLE_S
        due = self._patience.due_in(now)
        if due > 0:
            return due
        self._patience.overdue()
        if self._sender.state is SenderState.GREETING:
            self._heard = False
            self._say_hello()
        else:
            self.greet()
        return self._patience.due_in(now)

    def _say_hello(self) -> None:
        with self._store.read() as tx:
            cursors = journal.cursors(tx, self.peer)
            quality = tx.now.quality
        positions = tuple(Position(LaneKey(lane.epoch, lane.lane), c.applied, c.hash, c.stable) for lane, c in cursors)
        hello = Hello(
            self._sender.nonce, self._facts.boot, quality, self._facts.fingerprint, (envelope.VERSION,),
            self._sender.highest(), positions,
        )  # fmt: skip
        self._patience.asked(self._clock.monotonic())
        self._send(envelope.encode(hello))

    def _owe(self, nonce: int, *lanes: LaneKey) -> None:
        self._owed.setdefault(nonce, {}).update(dict.fromkeys(lanes))

    def _acks(self) -> list[Ack]:
        """Acknowledgements of all that was received since the last time, as committed now."""
        owed, self._owed = self._owed, {}
        acks = []
        for nonce, lanes in owed.items():
            with self._store.read() as tx:
                cursors = {key: journal.cursor(tx, self._lane(key)) for key in lanes}
                now = tx.now.ms
            positions = [Position(key, c.applied, c.hash, c.stable) for key, c in cursors.items()]
            acks.append(self._receiver.ack(nonce, positions, time=max(0, now)))
        return acks

    def _lane(self, key: LaneKey) -> Lane:
        return Lane(self.peer, key.epoch, key.lane)


def _nonce() -> int:
    # At 32 bits two greetings that one peer remembers (8 of them) never meet in practice; every batch and ack carries it.
    return int.from_bytes(os.urandom(4), "big")
