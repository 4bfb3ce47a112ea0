"""The whole link between two real stores, over real brokers that are killed and a line that is cut."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from link.ends import (
    BOX,
    CLOCK,
    HUB,
    PASSWORDS,
    QUICK,
    STAFF,
    MakePair,
    Pair,
    Wire,
    eventually,
    nats,
    text_in,
    villager,
)

from appliance.domain.lifecycle import LinkState
from appliance.domain.records import ClockQuality
from appliance.link.broker import BrokerProcess
from appliance.link.client import Arrived, Connection, Login, Mailbox, Timing, Up, Will, parse_url
from appliance.link.owner import Options
from appliance.link.session import Session
from appliance.messaging import compose, inbox, outbox, status
from appliance.wire import envelope, topics
from appliance.wire.envelope import Bye, Hello, Presence

MODEM = "356938035643809"


def _send_by_modem(pair: Pair) -> None:
    """The box's modem takes what is due and the network accepts it."""
    claim = outbox.claim(pair.box.store, MODEM)
    assert claim is not None
    outbox.accepted(pair.box.store, claim.attempt, 7)


def test_a_conversation_goes_up_down_and_its_states_come_back(any_broker: BrokerProcess, make_pair: MakePair) -> None:
    """A villager's text reaches the hub, staff's reply the box's queue, and its state the hub's page."""
    pair = make_pair(any_broker.url)
    text_in(pair.box.store, "biyo ma jiraan")
    pair.start()
    eventually(lambda: pair.hub.texts() == ["biyo ma jiraan"])
    [conversation] = inbox.conversations(pair.hub.store)
    assert conversation.box == BOX
    reply = compose.reply(pair.hub.store, conversation.id, "waan imanaynaa", STAFF)
    eventually(lambda: pair.box.texts() == ["biyo ma jiraan", "waan imanaynaa"])
    _send_by_modem(pair)
    eventually(lambda: (inbox.message(pair.hub.store, reply.id) or reply).state == "sent")
    eventually(pair.is_settled)
    eventually(pair.both_online)
    assert all(message.synced for message in pair.box.messages())


def test_online_means_that_the_hub_itself_answers(any_broker: BrokerProcess, make_pair: MakePair) -> None:
    """With a broker and no hub the box says so; when the hub comes, both say online; when it leaves, offline again."""
    pair = make_pair(any_broker.url)
    pair.box.start()
    eventually(
        lambda: (pair.box.link(HUB).failure or STAFF) != STAFF and pair.box.link(HUB).failure.code == "link.no-hub"
    )
    pair.hub.start()
    eventually(pair.both_online)
    pair.hub.end()
    eventually(lambda: pair.box.link(HUB).state is LinkState.OFFLINE)
    assert pair.box.link(HUB).failure.code == "link.no-hub"
    pair.hub.start()
    eventually(pair.both_online)
    pair.box.end()
    eventually(lambda: pair.hub.link(BOX).state is LinkState.OFFLINE)
    assert pair.hub.link(BOX).failure.code == "link.no-box"


def test_without_a_broker_the_box_says_so_and_keeps_all(any_broker: BrokerProcess, make_pair: MakePair) -> None:
    """No broker: offline with the reason, everything waits; when it starts, everything goes."""
    any_broker.stop()
    pair = make_pair(any_broker.url)
    pair.start()
    text_in(pair.box.store, "salaan")
    eventually(lambda: pair.box.link(HUB).failure is not None)
    assert pair.box.link(HUB).failure.code == "link.no-broker"
    assert pair.box.link(HUB).waiting > 0
    any_broker.start()
    eventually(lambda: pair.hub.texts() == ["salaan"])
    eventually(pair.is_settled)


def test_a_broker_killed_in_mid_flight_loses_nothing(any_broker: BrokerProcess, make_pair: MakePair) -> None:
    """SIGKILL of the broker, twice, while messages go both ways: each arrives once (I5, I6)."""
    pair = make_pair(any_broker.url)
    pair.start()
    text_in(pair.box.store, "0")
    eventually(lambda: pair.hub.texts() == ["0"])
    [conversation] = inbox.conversations(pair.hub.store)
    for n in range(1, 61):
        text_in(pair.box.store, str(n))
        compose.reply(pair.hub.store, conversation.id, f"reply {n}", STAFF)
        if n in {20, 40}:
            any_broker.kill()
            any_broker.start()
    expected = sorted([str(n) for n in range(61)] + [f"reply {n}" for n in range(1, 61)])
    eventually(lambda: sorted(map(str, pair.hub.texts())) == expected, within_s=30)
    eventually(lambda: sorted(map(str, pair.box.texts())) == expected, within_s=30)
    eventually(pair.is_settled)


def test_after_a_cut_both_ends_catch_up(cuttable: Wire, any_broker: BrokerProcess, make_pair: MakePair) -> None:
    """A silent cut: the box notices, both go on working, and after the return each has what the other wrote, in about 2 s."""
    pair = make_pair(cuttable.url, hub_url=any_broker.url)
    pair.start()
    text_in(pair.box.store, "before")
    eventually(lambda: pair.hub.texts() == ["before"])
    eventually(pair.both_online)
    cuttable.cut()
    text_in(pair.box.store, "during")
    [conversation] = inbox.conversations(pair.hub.store)
    compose.reply(pair.hub.store, conversation.id, "from the hub", STAFF)
    eventually(lambda: pair.box.link(HUB).state is LinkState.OFFLINE)
    eventually(lambda: pair.hub.link(BOX).state is LinkState.OFFLINE)
    assert "during" not in pair.hub.texts()
    cuttable.restore()
    eventually(pair.both_online, within_s=10)
    eventually(lambda: sorted(map(str, pair.hub.texts())) == ["before", "during", "from the hub"])
    eventually(lambda: sorted(map(str, pair.box.texts())) == ["before", "during", "from the hub"])
    eventually(pair.is_settled)


def test_a_backlog_goes_up_in_batches(any_broker: BrokerProcess, make_pair: MakePair) -> None:
    """300 messages of a long outage arrive whole and in order."""
    pair = make_pair(any_broker.url)
    with pair.box.store.read():
        pass
    for n in range(300):
        text_in(pair.box.store, f"message {n}", number=n % 7)
    pair.start()
    eventually(lambda: len(pair.hub.texts()) == 300, within_s=30)
    eventually(pair.is_settled)
    by_person: dict[object, list[int]] = {}
    for message in pair.hub.messages():
        by_person.setdefault(message.contact, []).append(int(str(message.text).split()[1]))
    assert len(by_person) == 7
    assert all(numbers == sorted(numbers) for numbers in by_person.values())


def test_ends_that_restart_repeat_nothing(any_broker: BrokerProcess, make_pair: MakePair) -> None:
    """Either end's service is ended and started again between messages: nothing is lost, nothing twice."""
    pair = make_pair(any_broker.url)
    pair.start()
    expected = []
    for n in range(4):
        text_in(pair.box.store, f"text {n}", number=n)
        expected.append(f"text {n}")
        eventually(lambda: sorted(map(str, pair.hub.texts())) == expected)
        node = pair.hub if n % 2 else pair.box
        node.end()
        node.start()
    eventually(pair.both_online)
    eventually(pair.is_settled)
    assert sorted(map(str, pair.hub.texts())) == expected


def test_a_box_the_hub_does_not_know_is_refused_and_told(nats_broker: BrokerProcess, make_pair: MakePair) -> None:
    """Nothing of it is applied, and the box's page says whom to ask."""
    pair = make_pair(nats_broker.url, boxes=())
    text_in(pair.box.store, "salaan")
    pair.start()
    eventually(lambda: pair.box.link(HUB).state is LinkState.REFUSED)
    assert pair.box.link(HUB).failure.code == "link.refused"
    assert pair.hub.texts() == []


def test_a_wrong_password_is_refused_and_said(any_broker: BrokerProcess, make_pair: MakePair) -> None:
    """The broker does not let the box in: not offline, but refused."""
    pair = make_pair(any_broker.url)
    object.__setattr__(pair.box.settings, "password", "wrong")
    pair.box.start()
    eventually(lambda: pair.box.link(HUB).state is LinkState.REFUSED)
    assert pair.box.link(HUB).failure.code == "link.refused"


@pytest.mark.parametrize("pending", [0, 3])
def test_another_history_is_refused_said_and_not_repaired_by_guessing(
    nats_broker: BrokerProcess, make_pair: MakePair, pending: int
) -> None:
    """The hub's memory of the box was altered: both say refused with link.mismatch, and the box keeps everything."""
    pair = make_pair(nats_broker.url)
    text_in(pair.box.store, "one")
    pair.start()
    eventually(lambda: pair.hub.texts() == ["one"])
    eventually(pair.is_settled)
    pair.hub.end()
    with sqlite3.connect(pair.hub.folder / "hub.db") as raw:
        raw.execute("UPDATE cursors SET hash = x'0123456789abcdef'")
    for n in range(pending):
        text_in(pair.box.store, f"later {n}")
    waiting = pair.box.link(HUB).waiting
    pair.hub.start()
    for node, peer in ((pair.box, HUB), (pair.hub, BOX)):
        eventually(lambda node=node, peer=peer: node.link(peer).state is LinkState.REFUSED)
        assert node.link(peer).failure.code == "link.mismatch"
    assert pair.box.link(HUB).waiting == waiting
    assert pair.hub.texts() == ["one"]
    assert villager(143) == pair.hub.messages()[0].line


def _plain_client(process: BrokerProcess, user: str, *hears: str) -> tuple[Connection, Mailbox]:
    mailbox = Mailbox()
    login = Login(user, hears, Will(topics.presence(user), envelope.encode(Presence(online=False, connection=1))))
    where = parse_url(process.url, user=user, password=PASSWORDS[user])
    connection = Connection(where, login, mailbox=mailbox, clock=CLOCK, timing=Timing(connect_s=5))
    connection.open()
    eventually(lambda: Up() in mailbox.take(connection))
    return connection, mailbox


@pytest.mark.parametrize(
    ("raw", "code"), [(b"\x82\x02\x01", "link.version"), (b"", "link.garbled"), (b"\xff" * 50, "link.garbled")]
)
def test_a_message_that_cannot_be_read_is_refused_and_said_at_both_ends(
    nats_broker: BrokerProcess, make_pair: MakePair, raw: bytes, code: str
) -> None:
    """Hostile or newer bytes from a box: its link is refused at the hub with the reason, and the box is told."""
    pair = make_pair(nats_broker.url)
    pair.hub.start()
    eventually(lambda: status.snapshot(pair.hub.store).links)
    connection, mailbox = _plain_client(nats_broker, BOX, topics.down(BOX))
    heard: list[object] = []

    def told() -> bool:
        connection.publish(topics.up(BOX), raw)
        heard.extend(mailbox.take(connection))
        return Arrived(topics.down(BOX), envelope.encode(Bye(0, code))) in heard

    eventually(told)
    eventually(lambda: pair.hub.link(BOX).state is LinkState.REFUSED)
    assert pair.hub.link(BOX).failure.code == code
    connection.close()
    mailbox.close()
    pair.box.start()
    eventually(pair.both_online)


def test_a_box_in_a_foreign_shard_is_refused(
    nats_broker: BrokerProcess, make_pair: MakePair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker without rights lets a box write anywhere; ingest looks again, and answers nothing."""
    (tmp_path / "open").mkdir()
    process = nats(tmp_path / "open", open_to_all=True)
    process.start()
    pair = make_pair(process.url)
    pair.hub.start()
    connection, mailbox = _plain_client(process, BOX, topics.down(BOX))
    wrong = (topics.shard(BOX) + 1) % topics.SHARDS
    hello = envelope.encode(Hello(1, 1, ClockQuality.NONE, b"", (1,), (), ()))

    def refused() -> bool:
        connection.publish(f"fieldbox/1/u/{wrong}/{BOX}", hello)
        return "not its own" in caplog.text

    eventually(refused)
    assert not any(isinstance(event, Arrived) for event in mailbox.take(connection))
    connection.publish(topics.up(BOX), hello)
    eventually(lambda: any(isinstance(event, Arrived) for event in mailbox.take(connection)))
    connection.close()
    mailbox.close()
    pair.hub.end()
    process.stop()


def test_a_hub_that_comes_later_is_greeted_at_once(any_broker: BrokerProcess, make_pair: MakePair) -> None:
    """Its birth wakes a box that had given up asking often."""
    pair = make_pair(any_broker.url)
    pair.box.options = Options(QUICK.timing, answer_min_s=300, answer_max_s=300)
    pair.box.start()
    eventually(lambda: pair.box.link(HUB).failure is not None and pair.box.link(HUB).failure.code == "link.no-hub")
    pair.hub.start()
    eventually(pair.both_online, within_s=10)


def test_a_hub_that_cannot_be_read_is_said_on_the_box(nats_broker: BrokerProcess, make_pair: MakePair) -> None:
    """A newer hub: the box says refused with link.version and tells the hub; it never ignores."""
    pair = make_pair(nats_broker.url)
    connection, mailbox = _plain_client(nats_broker, HUB, topics.ALL_UP)
    pair.box.start()
    eventually(lambda: pair.box.link(HUB).failure is not None and pair.box.link(HUB).failure.code == "link.no-hub")
    connection.publish(topics.down(BOX), b"\x82\x02\x01")
    eventually(lambda: pair.box.link(HUB).state is LinkState.REFUSED)
    assert pair.box.link(HUB).failure.code == "link.version"
    bye = Arrived(topics.up(BOX), envelope.encode(Bye(0, "link.version")))
    eventually(lambda: bye in mailbox.take(connection))
    connection.close()
    mailbox.close()


def test_a_greeting_that_fails_half_way_is_said_again(
    nats_broker: BrokerProcess, make_pair: MakePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at the moment of the first hello, at each end: the owner thread recovers by itself."""
    failing = {BOX, HUB}
    real_greet = Session.greet

    def greet(session: Session) -> None:
        if session.peer in failing:
            failing.discard(session.peer)
            raise OSError("disk full")
        real_greet(session)

    monkeypatch.setattr(Session, "greet", greet)
    pair = make_pair(nats_broker.url)
    pair.start()
    text_in(pair.box.store, "salaan")
    eventually(pair.both_online, within_s=80)
    eventually(lambda: pair.hub.texts() == ["salaan"], within_s=80)
    assert failing == set()
