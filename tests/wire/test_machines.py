"""Sender and receiver together, over a carrier that loses, repeats, reorders, and ends that crash (I5, I6 at machine level)."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.domain.records import ClockQuality
from appliance.wire import chain, envelope
from appliance.wire.envelope import Ack, Batch, Entry, Hello, LaneKey, Message, Position, Rewind
from appliance.wire.receiver import Answer, Receiver
from appliance.wire.sender import Sender, SenderState, Window

SMALL = Window(batches=4, size=400, batch_size=100, batch_entries=3)
LANES = (LaneKey(7, 0), LaneKey(7, 1), LaneKey(3, 1))


@dataclass
class Log:
    """A journal lane: the entries, the hashes (h[0] = genesis), and how far the peer acknowledged."""

    entries: list[Entry] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=lambda: [chain.GENESIS])
    acked: int = 0

    def append(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.hashes.append(chain.extend(self.hashes[-1], entry.body))


@dataclass
class Ends:
    """Two ends and everything between them; ``logs`` and ``rows`` are durable, the machines are not."""

    rng: random.Random
    logs: dict[LaneKey, Log] = field(default_factory=lambda: {lane: Log() for lane in LANES})
    rows: dict[LaneKey, Log] = field(default_factory=lambda: {lane: Log() for lane in LANES})
    sender: Sender = field(default_factory=lambda: Sender(SMALL))
    receiver: Receiver = field(default_factory=lambda: Receiver(99))
    up: list[bytes] = field(default_factory=list)
    back: list[bytes] = field(default_factory=list)

    def write(self) -> None:
        lane = self.rng.choice(LANES)
        log = self.logs[lane]
        log.append(Entry(f"{lane}{len(log.entries)}".encode(), None))

    def offer(self) -> None:
        for lane, log in self.logs.items():
            self.sender.offer(lane, highest=len(log.entries), acked=log.acked)

    def greet(self) -> None:
        self.offer()
        self.sender.greet(self.rng.getrandbits(60))
        self.say_hello()

    def say_hello(self) -> None:
        hello = Hello(self.sender.nonce, 1, ClockQuality.NONE, b"", (1,), self.sender.highest(), ())
        self.up.append(envelope.encode(hello))

    def timeout(self) -> None:
        if self.sender.state is SenderState.GREETING:
            self.say_hello()
        else:
            self.greet()

    def send(self) -> None:
        self.offer()
        for wanted in self.sender.wanted():
            log = self.logs[wanted.lane]
            entries = log.entries[wanted.after : wanted.after + wanted.max_entries]
            batch = self.sender.batch(wanted.lane, log.hashes[wanted.after], entries)
            if batch is not None:
                self.up.append(envelope.encode(batch))
            assert self.sender.in_flight <= SMALL.batches
            assert self.sender.in_flight_bytes <= SMALL.size

    def arrive_up(self, message: Message) -> None:
        match message:
            case Hello():
                self.receiver.on_hello(message)
                self.answer(message.nonce, [lane for lane, _ in message.highest])
            case Batch():
                rows = self.rows[message.lane]
                own = rows.hashes[message.last] if message.last <= len(rows.entries) else None
                verdict = self.receiver.judge(message, applied=len(rows.entries), hash_at=rows.hashes[-1], own_last=own)
                assert verdict.answer is not Answer.MISMATCH
                for accepted in verdict.accepted:
                    assert accepted.seq == len(rows.entries) + 1
                    rows.append(accepted.entry)
                    assert rows.hashes[-1] == accepted.hash
                if verdict.answer is Answer.STRANGER:
                    self.back.append(envelope.encode(Rewind(message.nonce)))
                else:
                    self.answer(message.nonce, [message.lane])

    def answer(self, nonce: int, lanes: list[LaneKey]) -> None:
        at = [(lane, len(self.rows[lane].entries)) for lane in lanes]
        positions = [Position(lane, n, self.rows[lane].hashes[n], n) for lane, n in at]
        self.back.append(envelope.encode(self.receiver.ack(nonce, positions, time=0)))

    def arrive_back(self, message: Message) -> None:
        match message:
            case Ack():
                self.offer()
                own = {p.lane: dict(enumerate(self.logs[p.lane].hashes)).get(p.applied) for p in message.positions}
                for progress in self.sender.on_ack(message, own):
                    assert progress.applied <= len(self.rows[progress.lane].entries), "I5: acknowledged, not committed"
                    self.logs[progress.lane].acked = progress.applied
            case Rewind() if self.sender.on_rewind(message.nonce):
                self.greet()
        assert self.sender.failure is None

    def deliver(self, *, perfect: bool = False) -> None:
        for queue, arrive in ((self.up, self.arrive_up), (self.back, self.arrive_back)):
            if not queue:
                continue
            at = 0 if perfect else self.rng.randrange(len(queue))
            raw = queue[at]
            if perfect or self.rng.random() < 0.7:
                queue.pop(at)
            if perfect or self.rng.random() < 0.85:
                arrive(envelope.decode(raw))


FAULTS = ("write", "write", "send", "send", "deliver", "deliver", "deliver", "timeout", "crash", "restart")


def _happen(ends: Ends, fault: str) -> None:
    match fault:
        case "write":
            ends.write()
        case "send":
            ends.send()
        case "deliver":
            ends.deliver()
        case "timeout":
            ends.timeout()
        case "crash" if ends.rng.random() < 0.1:
            ends.sender = Sender(SMALL)
        case "restart" if ends.rng.random() < 0.1:
            ends.receiver = Receiver(99)


def _agreed(ends: Ends) -> bool:
    return all(
        ends.rows[lane].entries == log.entries and log.acked == len(log.entries) for lane, log in ends.logs.items()
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_any_history_of_faults_ends_with_everything_once_and_in_order(seed: int) -> None:
    """Loss, repetition, reordering and crashes of either end: all arrives, once, in order, and only that is acknowledged."""
    ends = Ends(random.Random(seed))
    for _ in range(300):
        _happen(ends, ends.rng.choice(FAULTS))
        for lane, rows in ends.rows.items():
            assert rows.entries == ends.logs[lane].entries[: len(rows.entries)]
    for _ in range(3000):
        ends.deliver(perfect=True)
        ends.send()
        if not ends.up and not ends.back:
            if _agreed(ends):
                return
            ends.timeout()
    pytest.fail("did not converge")


def _streaming(entries: int = 3, *, applied: int = 0) -> tuple[Sender, Log]:
    log = Log()
    for n in range(entries):
        log.append(Entry(b"%d" % n, None))
    sender = Sender()
    sender.offer(LANES[1], highest=entries, acked=0)
    sender.greet(5)
    sender.on_ack(_ack(log, applied, number=1), {LANES[1]: log.hashes[applied]})
    assert sender.state is SenderState.STREAMING
    return sender, log


def _ack(log: Log, applied: int, *, number: int, nonce: int = 5, credit: int = 65536) -> Ack:
    position = Position(LANES[1], applied, log.hashes[applied], applied)
    return Ack(99, nonce, number, credit, 0, (position,))


def test_nothing_is_sent_before_the_peer_answered_a_hello() -> None:
    """A broker that takes messages is not a hub."""
    sender = Sender()
    sender.offer(LANES[1], highest=3, acked=0)
    assert sender.wanted() == []
    sender.greet(5)
    assert sender.wanted() == []
    assert sender.unanswered


def test_the_answer_to_hello_says_where_to_go_on() -> None:
    """Sends from applied + 1, whatever was thought before."""
    sender, _ = _streaming(applied=2)
    assert [(w.lane, w.after) for w in sender.wanted()] == [(LANES[1], 2)]


def test_acks_of_another_greeting_or_an_older_number_change_nothing() -> None:
    """A late ack never rewinds or advances."""
    sender, log = _streaming(applied=2)
    assert sender.on_ack(_ack(log, 3, number=9, nonce=4), {LANES[1]: log.hashes[3]}) == ()
    assert sender.on_ack(_ack(log, 0, number=1), {LANES[1]: log.hashes[0]}) == ()
    assert sender.wanted()[0].after == 2


def test_another_hash_at_applied_is_refused_and_nothing_is_progressed() -> None:
    """Two histories: the sender stops, says link.mismatch, and acknowledges nothing."""
    sender, log = _streaming()
    assert sender.on_ack(_ack(log, 1, number=2), {LANES[1]: b"another!"}) == ()
    assert sender.state is SenderState.REFUSED
    assert sender.failure is not None
    assert sender.failure.code == "link.mismatch"
    assert sender.wanted() == []


def test_more_applied_than_ever_written_is_refused() -> None:
    """A restored box meets a hub that knows its future."""
    sender, log = _streaming()
    position = Position(LANES[1], 9, log.hashes[3], 9)
    assert sender.on_ack(Ack(99, 5, 2, 65536, 0, (position,)), {LANES[1]: None}) == ()
    assert sender.state is SenderState.REFUSED


def test_applied_below_what_is_kept_is_refused() -> None:
    """What was pruned cannot be proven common."""
    sender, log = _streaming()
    sender.on_ack(_ack(log, 1, number=2), {LANES[1]: None})
    assert sender.state is SenderState.REFUSED


def test_a_refusal_ends_when_a_later_greeting_is_answered_in_agreement() -> None:
    """Refused is said until it is mended, and not longer."""
    sender, log = _streaming()
    sender.on_ack(_ack(log, 1, number=2), {LANES[1]: b"another!"})
    assert sender.on_ack(_ack(log, 1, number=3), {LANES[1]: log.hashes[1]}) == ()
    sender.greet(6)
    assert sender.failure is not None
    progress = sender.on_ack(_ack(log, 1, number=1, nonce=6), {LANES[1]: log.hashes[1]})
    assert [p.applied for p in progress] == [1]
    assert (sender.state, sender.failure) == (SenderState.STREAMING, None)


def test_an_ack_without_progress_asks_once_for_the_missing() -> None:
    """A gap is answered by going back; the echoes of the same gap are not."""
    sender, log = _streaming(6)
    for after in (0, 2, 4):
        assert sender.batch(LANES[1], log.hashes[after], log.entries[after : after + 2]) is not None
    sender.on_ack(_ack(log, 0, number=2), {LANES[1]: log.hashes[0]})
    assert sender.wanted()[0].after == 0
    assert sender.batch(LANES[1], log.hashes[0], log.entries[:2]) is not None
    sender.on_ack(_ack(log, 0, number=3), {LANES[1]: log.hashes[0]})
    assert sender.wanted()[0].after == 2


def test_the_urgent_lane_keeps_a_place_in_a_full_window() -> None:
    """Bulk never makes an urgent entry wait for an acknowledgement."""
    sender = Sender(SMALL)
    for lane in LANES:
        sender.offer(lane, highest=50, acked=0)
    sender.greet(5)
    sender.on_ack(Ack(99, 5, 1, 65536, 0, ()), {})
    while sender.batch(LANES[1], bytes(8), [Entry(b"x" * 20, None)]):
        pass
    assert [w.lane for w in sender.wanted()] == [LANES[0]]


def test_no_credit_stops_sending() -> None:
    """A receiver that says it takes nothing gets nothing."""
    sender, log = _streaming()
    sender.on_ack(_ack(log, 1, number=2, credit=0), {LANES[1]: log.hashes[1]})
    assert sender.wanted() == []


def test_an_entry_larger_than_the_window_goes_alone() -> None:
    """Size limits never block a lane for ever."""
    sender = Sender(SMALL)
    sender.offer(LANES[1], highest=2, acked=0)
    sender.greet(5)
    sender.on_ack(Ack(99, 5, 1, 65536, 0, ()), {})
    assert sender.batch(LANES[1], bytes(8), [Entry(b"x" * 5000, None)]) is not None
    assert sender.batch(LANES[1], bytes(8), [Entry(b"x" * 5000, None)]) is None


def _receiver() -> Receiver:
    receiver = Receiver(99)
    receiver.on_hello(Hello(5, 1, ClockQuality.NONE, b"", (1,), (), ()))
    return receiver


@pytest.mark.parametrize(
    ("first", "count", "answer", "taken"),
    [
        (3, 2, Answer.APPLY, [3, 4]),
        (1, 2, Answer.OLD, []),
        (1, 1, Answer.OLD, []),
        (2, 3, Answer.APPLY, [3, 4]),
        (4, 1, Answer.GAP, []),
    ],
)
def test_a_batch_is_taken_skipped_or_asked_for_again(first: int, count: int, answer: Answer, taken: list[int]) -> None:
    """At cursor 2: what follows is applied, what is held is skipped, a gap is not jumped."""
    log = Log()
    for n in range(6):
        log.append(Entry(b"%d" % n, None))
    batch = Batch(LANES[1], 5, first, log.hashes[first - 1], tuple(log.entries[first - 1 : first - 1 + count]))
    verdict = _receiver().judge(batch, applied=2, hash_at=log.hashes[2], own_last=log.hashes[batch.last])
    assert (verdict.answer, [a.seq for a in verdict.accepted]) == (answer, taken)


@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_batch_of_another_history_is_refused_whole(first: int) -> None:
    """Below, across or right after the cursor: nothing of it is taken."""
    ours, theirs = Log(), Log()
    for n in range(6):
        ours.append(Entry(b"%d" % n, None))
        theirs.append(Entry(b"x%d" % n, None))
    count = 1 if first == 1 else 3
    batch = Batch(LANES[1], 5, first, theirs.hashes[first - 1], tuple(theirs.entries[first - 1 : first - 1 + count]))
    verdict = _receiver().judge(batch, applied=2, hash_at=ours.hashes[2], own_last=ours.hashes[batch.last])
    assert verdict == (Answer.MISMATCH, ())


def test_a_batch_of_an_unheard_greeting_is_a_strangers() -> None:
    """A receiver that restarted asks for a hello before it acknowledges, as its ack numbers began anew."""
    batch = Batch(LANES[1], 6, 1, bytes(8), (Entry(b"", None),))
    assert _receiver().judge(batch, applied=0, hash_at=bytes(8), own_last=None).answer is Answer.STRANGER


def test_greetings_are_remembered_in_bounds() -> None:
    """A peer that greets for ever costs no memory."""
    receiver = _receiver()
    for nonce in range(100, 120):
        receiver.on_hello(Hello(nonce, 1, ClockQuality.NONE, b"", (1,), (), ()))
        receiver.on_hello(Hello(nonce, 1, ClockQuality.NONE, b"", (1,), (), ()))
    assert (receiver.knows(5), receiver.knows(112), receiver.nonce) == (False, True, 119)


def test_silence_stops_sending_until_the_next_greeting() -> None:
    """Without a carrier nothing is in flight and no timeout counts."""
    sender, log = _streaming()
    assert sender.batch(LANES[1], log.hashes[0], log.entries[:1]) is not None
    sender.silence()
    assert (sender.state, sender.wanted(), sender.unanswered) == (SenderState.SILENT, [], False)
    assert not sender.on_rewind(5)


def test_a_lane_that_was_never_written_here_is_refused_unless_empty() -> None:
    """A peer that claims entries of an unknown epoch remembers another history."""
    sender, _ = _streaming()
    foreign = LaneKey(1234, 0)
    empty = Ack(99, 5, 2, 65536, 0, (Position(foreign, 0, bytes(8), 0),))
    assert sender.on_ack(empty, {foreign: None}) == ()
    assert sender.state is SenderState.STREAMING
    sender.on_ack(Ack(99, 5, 3, 65536, 0, (Position(foreign, 4, bytes(8), 4),)), {foreign: None})
    assert sender.state is SenderState.REFUSED


def test_a_refused_sender_stays_refused_without_a_carrier() -> None:
    """Losing the connection is no agreement."""
    sender, log = _streaming()
    sender.on_ack(_ack(log, 1, number=2), {LANES[1]: b"another!"})
    sender.silence()
    assert sender.state is SenderState.REFUSED


def test_batches_shrink_on_a_slow_line_and_grow_on_a_fast_one() -> None:
    """Between 2 and 16 KiB, so that a batch takes no more than 2 to 3 s of the line."""
    sender, _ = _streaming()

    def limit() -> int:
        return sender.wanted()[0].max_bytes

    for _ in range(5):
        sender.size_batches(8.0)
    assert limit() == 2048
    sender.size_batches(2.0)
    assert limit() == 2048
    for _ in range(5):
        sender.size_batches(0.1)
    assert limit() == 16384
