"""Two sessions over two real stores, on SQLite and PostgreSQL, with a carrier that loses, repeats and reorders."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from link.ends import BOX, HUB, STAFF, text_in

from appliance.domain.lifecycle import LinkState
from appliance.link.session import Facts, Pace, Session
from appliance.messaging import compose, inbox, outbox, replica, status
from appliance.runtime.clock import FakeClock
from appliance.store import Store, journal
from appliance.wire import envelope
from appliance.wire.envelope import Ack, Batch, Bye, Hello, LaneKey, Position, Rewind

MODEM = "356938035643809"


@dataclass
class Ends:
    """A box's and a hub's session, and the bytes on their way."""

    stores: dict[str, Store]
    clock: FakeClock
    rng: random.Random
    sessions: dict[str, Session] = field(default_factory=dict)
    on_the_way: dict[str, list[bytes]] = field(default_factory=lambda: {BOX: [], HUB: []})
    sent: list[bytes] = field(default_factory=list)

    def begin(self, node: str) -> None:
        """A new session, as after a crash: nothing but the store is remembered."""
        peer = HUB if node == BOX else BOX
        self.sessions[node] = Session(
            self.stores[node], peer, clock=self.clock, facts=Facts(1, b"print"), pace=Pace(), send=self._sends_to(peer)
        )
        if node == BOX:
            self.sessions[node].greet()

    def _sends_to(self, peer: str) -> Callable[[bytes], bool]:
        def send(payload: bytes) -> bool:
            self.on_the_way[peer].append(payload)
            self.sent.append(payload)
            return True

        return send

    def arrive(self, node: str, payload: bytes) -> None:
        """One message reaches a node; the hub greets back, as its service does."""
        message = envelope.decode(payload)
        if self.sessions[node].receive(message) and isinstance(message, Hello) and node == HUB:
            self.sessions[node].greet()

    def deliver(self, *, faults: bool) -> None:
        for node, queue in self.on_the_way.items():
            if not queue:
                continue
            at = self.rng.randrange(len(queue)) if faults else 0
            payload = queue[at]
            if not faults or self.rng.random() < 0.7:
                del queue[at]
            if not faults or self.rng.random() < 0.85:
                self.arrive(node, payload)

    def turn(self) -> None:
        for session in self.sessions.values():
            session.turn()

    def settle(self) -> None:
        """Runs without faults until nothing moves and nothing waits; fails when that does not happen."""
        for _ in range(400):
            while any(self.on_the_way.values()):
                self.deliver(faults=False)
            self.turn()
            if not any(self.on_the_way.values()) and self.waiting() == 0:
                return
            self.clock.advance(1.0)
        pytest.fail("did not settle")

    def waiting(self) -> int:
        total = 0
        for node, peer in ((BOX, HUB), (HUB, BOX)):
            with self.stores[node].read() as tx:
                total += journal.waiting(tx, peer)[0]
        return total

    def messages_of_type(self, kind: type) -> list[object]:
        return [m for m in map(envelope.decode, self.sent) if isinstance(m, kind)]

    def rows(self, node: str) -> list[tuple[object, ...]]:
        """What both ends must agree on (I7)."""
        return sorted(
            (str(m.id), str(m.contact), str(m.conversation), str(m.line), m.direction, m.text, m.at, m.carrier, m.state)
            for m in inbox.messages_since(self.stores[node], 0, 10_000)
        )


@pytest.fixture
def ends(make_store: Callable[..., Store], clock: FakeClock) -> Ends:
    clock.advance(1000)
    made = Ends({BOX: make_store(BOX, "box"), HUB: make_store(HUB, "hub")}, clock, random.Random(1))
    status.link_state(made.stores[HUB], BOX, LinkState.OFFLINE)
    for node in (BOX, HUB):
        made.begin(node)
    return made


def _something_happens(ends: Ends, number: int) -> None:
    conversations = inbox.conversations(ends.stores[HUB])
    match ends.rng.choice(["text", "text", "reply", "sent"]):
        case "reply" if conversations:
            compose.reply(ends.stores[HUB], ends.rng.choice(conversations).id, f"reply {number}", STAFF)
        case "sent":
            if (claim := outbox.claim(ends.stores[BOX], MODEM)) is not None:
                outbox.accepted(ends.stores[BOX], claim.attempt, number % 256)
        case _:
            text_in(ends.stores[BOX], f"text {number}", number=ends.rng.randrange(4))


@pytest.mark.parametrize("seed", range(4))
def test_any_faults_on_the_way_leave_both_ends_with_the_same_records(ends: Ends, seed: int) -> None:
    """I5, I6, I7: loss, repetition, reordering and crashes of either end, on real stores."""
    ends.rng.seed(seed)
    for step in range(150):
        dice = ends.rng.random()
        if dice < 0.2:
            _something_happens(ends, step)
        elif dice < 0.4:
            ends.turn()
        elif dice < 0.95:
            ends.deliver(faults=True)
        elif dice < 0.97:
            ends.begin(BOX)
        elif dice < 0.985:
            ends.begin(HUB)
        else:
            ends.clock.advance(ends.rng.random() * 5)
    ends.settle()
    # What the hub wrote begins its life anew on the box; its states follow when the modem moves.
    while (claim := outbox.claim(ends.stores[BOX], MODEM)) is not None:
        outbox.accepted(ends.stores[BOX], claim.attempt, 1)
    ends.settle()
    assert ends.rows(BOX) == ends.rows(HUB)
    assert ends.rows(BOX)


def test_every_message_repeated_from_the_first_day_changes_nothing(ends: Ends) -> None:
    """Brokers redeliver: all that was ever sent comes again, in order and in reverse."""
    text_in(ends.stores[BOX], "one")
    ends.settle()
    [conversation] = inbox.conversations(ends.stores[HUB])
    compose.reply(ends.stores[HUB], conversation.id, "two", STAFF)
    text_in(ends.stores[BOX], "three")
    ends.settle()
    before = ends.rows(BOX), ends.rows(HUB)
    assert len(before[0]) == 3
    history = list(ends.sent)
    for payload in history + history[::-1]:
        for node in (BOX, HUB):
            message = envelope.decode(payload)
            if not isinstance(message, Batch) or _is_from_peer(ends, node, message):
                ends.arrive(node, payload)
    ends.settle()
    assert (ends.rows(BOX), ends.rows(HUB)) == before


def _is_from_peer(ends: Ends, node: str, batch: Batch) -> bool:
    peer = HUB if node == BOX else BOX
    return batch.lane.epoch == int(ends.stores[peer].node.incarnation)


def test_nothing_is_acknowledged_that_is_not_committed(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fails in the middle of the hub's transaction: no row, no ack; the batch comes again and is taken (I5)."""
    text_in(ends.stores[BOX], "one")
    ends.settle()
    text_in(ends.stores[BOX], "two")
    ends.sessions[BOX].turn()
    ends.clock.advance(1)
    ends.sessions[BOX].turn()
    [payload] = ends.on_the_way[HUB]
    before = len(ends.messages_of_type(Ack))

    def fails_after_applying(*args: object, **options: object) -> bool:
        real_apply(*args, **options)
        raise OSError("disk full")

    real_apply = replica.apply
    monkeypatch.setattr(replica, "apply", fails_after_applying)
    with pytest.raises(OSError, match="disk full"):
        ends.arrive(HUB, payload)
    monkeypatch.undo()
    ends.sessions[HUB].turn()
    assert len(ends.messages_of_type(Ack)) == before
    assert len(ends.rows(HUB)) == 1
    ends.on_the_way[HUB].clear()
    ends.settle()
    assert len(ends.rows(HUB)) == 2


def test_entries_wait_for_company_and_urgent_ones_do_not(ends: Ends) -> None:
    """A text waits for batch_wait_s; ten entries, or anything urgent, go at once."""
    ends.settle()
    ends.sent.clear()
    text_in(ends.stores[BOX], "alone")
    ends.turn()
    assert ends.messages_of_type(Batch) == []
    ends.clock.advance(1.0)
    ends.turn()
    assert len(ends.messages_of_type(Batch)) == 1
    ends.settle()
    ends.sent.clear()
    [conversation] = inbox.conversations(ends.stores[HUB])
    compose.reply(ends.stores[HUB], conversation.id, "urgent", STAFF)
    ends.turn()
    assert [m.lane.lane for m in ends.messages_of_type(Batch)] == [journal.URGENT]
    ends.settle()
    ends.sent.clear()
    for n in range(10):
        text_in(ends.stores[BOX], f"text {n}")
    ends.turn()
    assert len(ends.messages_of_type(Batch)) == 1


def test_a_receiver_that_restarted_asks_for_a_hello(ends: Ends) -> None:
    """Its ack numbers begin anew, so it takes nothing from a greeting it did not hear."""
    text_in(ends.stores[BOX], "one")
    ends.settle()
    ends.begin(HUB)
    ends.sent.clear()
    text_in(ends.stores[BOX], "two")
    ends.settle()
    assert len(ends.messages_of_type(Rewind)) == 1
    assert len(ends.rows(HUB)) == 2


def test_a_silent_peer_is_asked_with_growing_patience(ends: Ends) -> None:
    """Without answers the hello is repeated, less and less often; nothing else is sent; the state is offline."""
    text_in(ends.stores[BOX], "one")
    ends.settle()
    assert ends.sessions[BOX].standing() == (LinkState.ONLINE, None)
    text_in(ends.stores[BOX], "two")
    ends.sent.clear()
    for _ in range(600):
        ends.clock.advance(1)
        ends.sessions[BOX].turn()
        ends.on_the_way[HUB].clear()
    assert ends.sessions[BOX].standing() == (LinkState.OFFLINE, None)
    assert len(ends.messages_of_type(Batch)) == 1
    assert 8 < len(ends.messages_of_type(Hello)) < 20
    ends.settle()
    assert ends.sessions[BOX].standing() == (LinkState.ONLINE, None)
    assert len(ends.rows(HUB)) == 2


def test_a_message_of_another_version_is_refused_and_told(ends: Ends) -> None:
    """The other end hears why; its page says it; the next hello that fits ends it."""
    ends.settle()
    with pytest.raises(envelope.WireError) as caught:
        envelope.decode(b"\x82\x02\x01")
    ends.sessions[HUB].refuse(caught.value.failure)
    assert ends.sessions[HUB].standing()[0] is LinkState.REFUSED
    assert ends.messages_of_type(Bye) == [Bye(ends.messages_of_type(Bye)[0].nonce, "link.version")]
    ends.settle()
    state, reason = ends.sessions[BOX].standing()
    assert (state, reason.code) == (LinkState.REFUSED, "link.version")
    ends.sessions[BOX].greet()
    ends.settle()
    assert ends.sessions[BOX].standing() == ends.sessions[HUB].standing() == (LinkState.ONLINE, None)


def test_an_orderly_leave_is_heard(ends: Ends) -> None:
    """The other end is offline at once, and asks again only now and then."""
    ends.settle()
    ends.sessions[HUB].leave()
    ends.settle()
    assert ends.sessions[BOX].standing() == (LinkState.OFFLINE, None)
    ends.sent.clear()
    for _ in range(50):
        ends.clock.advance(1)
        ends.sessions[BOX].turn()
    assert ends.messages_of_type(Hello) == []


def test_a_batch_of_another_history_is_refused_at_the_receiver(ends: Ends) -> None:
    """Nothing of it is applied, the truth is acknowledged, and the page says link.mismatch until a batch fits again."""
    text_in(ends.stores[BOX], "one")
    ends.settle()
    rows = ends.rows(HUB)
    genuine = ends.messages_of_type(Batch)[-1]
    assert isinstance(genuine, Batch)
    forged = replace(genuine, first=genuine.last + 1, before=b"another!")
    ends.arrive(HUB, envelope.encode(forged))
    state, reason = ends.sessions[HUB].standing()
    assert (state, reason.code) == (LinkState.REFUSED, "link.mismatch")
    assert ends.rows(HUB) == rows
    ends.sessions[HUB].turn()
    ack = ends.messages_of_type(Ack)[-1]
    assert [p.applied for p in ack.positions] == [genuine.last]
    ends.arrive(HUB, envelope.encode(genuine))
    assert ends.sessions[HUB].standing() == (LinkState.ONLINE, None)


def test_a_senders_mismatch_is_told_to_the_receiver(ends: Ends) -> None:
    """Both pages say refused; the other direction goes on; nothing is marked as held by the hub."""
    text_in(ends.stores[BOX], "one")
    ends.settle()
    text_in(ends.stores[BOX], "two")
    waiting = ends.waiting()
    ends.sessions[BOX].greet()
    nonce = ends.messages_of_type(Hello)[-1].nonce
    ends.on_the_way[HUB].clear()
    lane = LaneKey(int(ends.stores[BOX].node.incarnation), journal.CONVERSATIONS)
    ends.arrive(BOX, envelope.encode(Ack(5, nonce, 99, 65536, 0, (Position(lane, 1, b"another!", 1),))))
    assert ends.sessions[BOX].standing()[1].code == "link.mismatch"
    ends.deliver(faults=False)
    assert ends.sessions[HUB].standing()[1].code == "link.mismatch"
    assert ends.waiting() == waiting
    [conversation] = inbox.conversations(ends.stores[HUB])
    compose.reply(ends.stores[HUB], conversation.id, "down it goes", STAFF)
    for _ in range(20):
        ends.turn()
        ends.deliver(faults=False)
    assert any(row[5] == "down it goes" for row in ends.rows(BOX))
