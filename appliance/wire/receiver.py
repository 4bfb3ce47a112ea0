"""The receiving half of a link, for one peer: which entries of a batch are new, and what to acknowledge.

Pure: no clock, no I/O. The shell locks the lane's cursor in a write transaction, asks ``judge``, applies what it answers in
that same transaction, commits, and only then sends ``ack`` with the cursor it committed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from appliance.wire import chain
from appliance.wire.envelope import Ack, Batch, Entry, Hello, Position

CREDIT = 64 * 1024
"""Bytes a sender may have unacknowledged."""


class Answer(StrEnum):
    """What a batch is to the receiver."""

    APPLY = "apply"
    OLD = "old"
    """Held already, and proven the same as far as its hashes are kept."""
    GAP = "gap"
    """Entries before it are missing: the acknowledged cursor asks for them."""
    MISMATCH = "mismatch"
    """Of another history: nothing of it is taken; the acknowledged cursor tells the truth."""
    STRANGER = "stranger"
    """Of a greeting nobody here heard: the sender has to say hello again."""


class Accepted(NamedTuple):
    """An entry to apply, with its sequence number and the chain's hash after it."""

    seq: int
    entry: Entry
    hash: bytes


class Verdict(NamedTuple):
    """What to do with a batch."""

    answer: Answer
    accepted: tuple[Accepted, ...] = ()


class Receiver:
    """Takes every entry once and in order; numbers its acknowledgements so that late ones are recognised."""

    def __init__(self, epoch: int, *, credit: int = CREDIT, remembered: int = 8) -> None:
        self._epoch = epoch
        self._credit = credit
        self._number = 0
        self._nonces: deque[int] = deque(maxlen=remembered)

    @property
    def nonce(self) -> int | None:
        """The newest greeting heard; None before the first."""
        return self._nonces[-1] if self._nonces else None

    def on_hello(self, hello: Hello) -> None:
        """Remembers a greeting; the shell answers with an ack that names every lane of it, even when there is none."""
        if hello.nonce in self._nonces:
            return
        self._nonces.append(hello.nonce)

    def knows(self, nonce: int) -> bool:
        """Whether a greeting with this nonce was heard since this receiver started."""
        return nonce in self._nonces

    def judge(self, batch: Batch, *, applied: int, hash_at: bytes, own_last: bytes | None) -> Verdict:
        """What a batch is, seen from the cursor (``applied``, ``hash_at``).

        ``own_last`` is the hash kept at ``batch.last`` (None when pruned); it is needed only where that is below the cursor.
        """
        if not self.knows(batch.nonce):
            return Verdict(Answer.STRANGER)
        if batch.first > applied + 1:
            return Verdict(Answer.GAP)
        hashes = tuple(chain.run(batch.before, (entry.body for entry in batch.entries)))
        skip = applied - batch.first + 1
        if skip == 0:
            same = batch.before == hash_at
        elif skip <= len(hashes):
            same = hashes[skip - 1] == hash_at
        else:
            same = own_last is None or own_last == hashes[-1]
        if not same:
            return Verdict(Answer.MISMATCH)
        rows = zip(range(batch.first, batch.last + 1), batch.entries, hashes, strict=True)
        accepted = tuple(Accepted(*row) for row in rows if row[0] > applied)
        return Verdict(Answer.APPLY if accepted else Answer.OLD, accepted)

    def ack(self, nonce: int, positions: Iterable[Position], *, time: int) -> Ack:
        """The next acknowledgement; ``positions`` are committed cursors, ``time`` the clock here in ms."""
        self._number += 1
        return Ack(self._epoch, nonce, self._number, self._credit, time, tuple(positions))
