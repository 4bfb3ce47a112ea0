"""The embedded broker's settings, and what they let each node do, seen with real clients."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from link.ends import BOX, CLOCK, HUB, OTHER, PASSWORDS, eventually

from appliance.link import broker
from appliance.link.broker import BrokerError, BrokerProcess
from appliance.link.client import Arrived, Connection, Down, Event, Login, Mailbox, Timing, Up, Will, parse_url
from appliance.wire import topics


class Client:
    """One plain connection as a node."""

    def __init__(self, process: BrokerProcess, user: str, *hears: str, password: str = "", client_id: str = "") -> None:
        self._mailbox = Mailbox()
        self.events: list[Event] = []
        login = Login(client_id or user, hears, Will(topics.presence(user), b"gone"))
        where = parse_url(process.url, user=user, password=password or PASSWORDS[user])
        self.connection = Connection(where, login, mailbox=self._mailbox, clock=CLOCK, timing=Timing(connect_s=5))
        self.connection.open()

    def collect(self) -> list[Event]:
        self.events += self._mailbox.take(self.connection)
        return self.events

    def is_up(self) -> bool:
        return Up() in self.collect()

    def is_refused(self) -> bool:
        return any(isinstance(event, Down) and event.refused for event in self.collect())

    def heard(self) -> list[tuple[str, bytes]]:
        return [(event.topic, event.payload) for event in self.collect() if isinstance(event, Arrived)]

    def close(self) -> None:
        self.connection.close()
        self._mailbox.close()


@pytest.fixture
def connect(any_broker: BrokerProcess) -> Iterator[object]:
    clients: list[Client] = []

    def make(user: str, *hears: str, **options: str) -> Client:
        client = Client(any_broker, user, *hears, **options)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def test_a_box_cannot_write_another_boxs_topic(connect) -> None:
    """What a box writes in another's name never reaches the hub, although the broker says PUBACK."""
    hub = connect(HUB, topics.ALL_UP, topics.ALL_PRESENCE)
    box = connect(BOX, topics.down(BOX), topics.HUB)
    eventually(lambda: hub.is_up() and box.is_up())
    foreign = (topics.up(OTHER), topics.presence(OTHER), topics.HUB, topics.down(OTHER), topics.down(BOX))
    for topic in (*foreign, topics.presence(BOX), topics.up(BOX)):
        assert box.connection.publish(topic, b"mine", retain=topic.endswith("hub"))
    eventually(lambda: len(hub.heard()) >= 2)
    assert sorted(hub.heard()) == sorted([(topics.up(BOX), b"mine"), (topics.presence(BOX), b"mine")])
    late = connect(OTHER, topics.HUB, topics.down(OTHER))
    eventually(late.is_up)
    assert late.heard() == []


@pytest.mark.parametrize(
    "topic",
    [topics.down(OTHER), topics.up(BOX), topics.ALL_UP, topics.ALL_PRESENCE, "fieldbox/1/d/+/+", "#", "fieldbox/#"],
)
def test_a_box_does_not_hear_what_is_for_others(connect, topic: str) -> None:
    """A foreign subscription is refused, or granted and silent; the downlink of another box is never heard."""
    box, hub = connect(BOX, topic), connect(HUB, topics.ALL_UP)
    eventually(lambda: hub.is_up() and (box.is_up() or box.is_refused()))
    own = connect(OTHER, topics.down(OTHER))
    eventually(own.is_up)
    assert hub.connection.publish(topics.down(OTHER), b"for the other")
    eventually(lambda: own.heard() == [(topics.down(OTHER), b"for the other")])
    assert box.heard() == []


def test_the_last_will_is_said_when_a_connection_breaks(connect) -> None:
    """The hub hears of a box whose process is gone."""
    hub, box = connect(HUB, topics.ALL_PRESENCE), connect(BOX, topics.down(BOX))
    eventually(lambda: hub.is_up() and box.is_up())
    box.connection.abandon()
    eventually(lambda: (topics.presence(BOX), b"gone") in hub.heard())


def test_an_orderly_end_says_no_last_will_and_sends_what_was_published(connect) -> None:
    """What was handed over before closing arrives."""
    hub, box = connect(HUB, topics.ALL_PRESENCE, topics.ALL_UP), connect(BOX, topics.down(BOX))
    eventually(lambda: hub.is_up() and box.is_up())
    assert box.connection.publish(topics.up(BOX), b"last words")
    box.connection.close()
    eventually(lambda: hub.heard() == [(topics.up(BOX), b"last words")])
    assert not box.connection.publish(topics.up(BOX), b"too late")


def test_wrong_passwords_and_strangers_are_refused(connect) -> None:
    """Refused, not merely unreachable: a person has to do something."""
    wrong = connect(BOX, topics.down(BOX), password="wrong")
    nobody = connect("nobody", topics.down("nobody"), password="x")
    eventually(lambda: wrong.is_refused() and nobody.is_refused())


def test_the_config_is_private_and_survives_rewriting(tmp_path: Path) -> None:
    """It holds passwords: mode 0600 even when a looser file was there."""
    path = tmp_path / "broker.conf"
    path.write_text("")
    path.chmod(0o644)
    broker.write_config(path, listen="127.0.0.1:8110", store_dir=tmp_path / "js", users={BOX: "secret"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert "sync_interval: always" in text
    assert '"fieldbox.1.u.28.baidoa"' in text
    assert [p.name for p in tmp_path.iterdir()] == ["broker.conf"]


@pytest.mark.parametrize(
    ("listen", "users"),
    [
        ("8110", {BOX: "x"}),
        ("127.0.0.1:port", {BOX: "x"}),
        ("127.0.0.1:8110", {BOX: ""}),
        ("127.0.0.1:8110", {BOX: 'x" } }'}),
        ("127.0.0.1:8110", {BOX: "x\ny"}),
        ("127.0.0.1:8110", {"a.b": "x"}),
    ],
)
def test_what_could_change_the_configs_meaning_is_refused(tmp_path: Path, listen: str, users: dict[str, str]) -> None:
    """Names and passwords never end their quotes."""
    with pytest.raises((BrokerError, topics.TopicError)):
        broker.write_config(tmp_path / "c", listen=listen, store_dir=tmp_path, users=users)
    assert not (tmp_path / "c").exists()


def test_a_broker_that_cannot_start_is_an_error_with_the_log_to_read(tmp_path: Path) -> None:
    """A taken port or a bad file is said at once."""
    config = tmp_path / "broker.conf"
    config.write_text("port: nonsense")
    process = BrokerProcess(broker.command(config), host="127.0.0.1", port=1, log=tmp_path / "log")
    with pytest.raises(BrokerError, match="ended at once"):
        process.start()
    process.stop()


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8110", "http://x:1", "mqtt://", "mqtt://h:x", "mqtt://h:70000", "mqtt://h/p"]
)
def test_an_address_that_is_none_is_said(url: str) -> None:
    """One sentence with an example."""
    with pytest.raises(ValueError, match="write it like"):
        parse_url(url)


def test_an_address_may_leave_out_the_port() -> None:
    """1883 is MQTT's."""
    where = parse_url("mqtt://hub.example", user="baidoa", password="x")
    assert (where.host, where.port, where.user) == ("hub.example", 1883, "baidoa")
