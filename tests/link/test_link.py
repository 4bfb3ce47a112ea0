"""The whole link between two real stores, over real brokers that are killed and a line that is cut."""

from __future__ import annotations

import sqlite3

import pytest
from link.ends import BOX, HUB, STAFF, MakePair, Pair, Wire, eventually, text_in, villager

from appliance.domain.lifecycle import LinkState
from appliance.link.broker import BrokerProcess
from appliance.messaging import compose, inbox, outbox

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
    eventually(pair.both_online, within_s=5)
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
