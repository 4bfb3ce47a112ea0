"""Services, broker and modem die while messages go both ways; the village's ledger is the judge (I1–I6)."""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from demo_support import Demo, wait_for

log = logging.getLogger(__name__)

VILLAGERS = [f"+2526155502{n:02d}" for n in range(10)]
SERVICES = (
    "box modem",
    "box link",
    "box modem",
    "hub ingest",
    "broker",
    "box modem",
    "box web",
    "hub web",
    "box jobs",
    "hub jobs",
)
PENDING = {"queued", "sending", "waiting"}
EACH_WAY = 60


@dataclass(frozen=True)
class Evidence:
    """What everybody says when all is quiet again."""

    ledger: dict[str, list[dict[str, Any]]]
    box: list[dict[str, Any]]
    hub: list[dict[str, Any]]
    number: str
    kills: Counter[str]
    told: dict[str, str]
    """Text of each message we were given an id for, by id."""

    def accepted(self, text: str) -> int:
        """How often the network took a text from the modem."""
        return sum(1 for row in self.ledger["accepted"] if row["text"] == text)

    def outgoing(self) -> list[dict[str, Any]]:
        """Outgoing messages as the box tells them."""
        return [m for m in self.box if m["direction"] == "out"]


def converse(
    pool: ThreadPoolExecutor, demo: Demo, count: int, told: dict[str, str], *, seed: int
) -> list[Future[None]]:
    """``count`` texts from the village and as many replies, half of them written at the hub; what runs."""

    def from_village() -> None:
        for n in range(count):
            demo.text(VILLAGERS[n % len(VILLAGERS)], f"in-{seed}-{n}")
            time.sleep(0.4)

    def to_village() -> None:
        nodes = itertools.cycle(["box", "hub"])
        for n in range(count):
            text = f"out-{seed}-{n}"
            told[demo.send(next(nodes), VILLAGERS[n % len(VILLAGERS)], text, key=text)] = text
            time.sleep(0.3)

    return [pool.submit(from_village), pool.submit(to_village)]


def settled(demo: Demo) -> bool:
    """Whether nothing moves any more: nothing pending, nothing waiting to sync, both nodes hold as many messages."""
    status = demo.api("box", "GET", "/api/v1/status").body
    box, hub = demo.messages("box"), demo.messages("hub")
    pending = [m for m in box if m["state"] in PENDING | {"incomplete"}]
    same = {(m["id"], m["state"]) for m in box} == {(m["id"], m["state"]) for m in hub}
    quiet = not pending and status["link"]["waiting"] == 0 and same
    return quiet and len(demo.ledger()["submitted"]) <= sum(m["direction"] == "in" for m in box)


def gather(demo: Demo, kills: Counter[str], told: dict[str, str]) -> Evidence:
    """Waits until all is quiet and asks everybody."""
    wait_for(lambda: settled(demo), 150, every=1.0)
    return Evidence(demo.ledger(), demo.messages("box"), demo.messages("hub"), demo.number, kills, told)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """Each service and the broker are killed in turn, again and again, while 60 messages go each way."""
    demo = Demo(Path(tmp_path_factory.mktemp("kill")))
    demo.start()
    try:
        kills: Counter[str] = Counter()
        told: dict[str, str] = {}
        # A reply from the hub needs a box that the hub has met.
        wait_for(lambda: demo.api("hub", "GET", "/api/v1/status").body.get("links"), 30)
        with ThreadPoolExecutor(2, "people") as pool:
            running = converse(pool, demo, EACH_WAY, told, seed=1)
            for name in itertools.cycle(SERVICES):
                if all(each.done() for each in running):
                    break
                demo.kill(name)
                kills[name] += 1
                time.sleep(0.9)
            for each in running:
                each.result(90)
        yield gather(demo, kills, told)
    finally:
        demo.stop()


@pytest.fixture(scope="module")
def powerless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """The modem loses its power at seeded moments while messages go both ways."""
    demo = Demo(Path(tmp_path_factory.mktemp("power")))
    demo.start()
    try:
        kills: Counter[str] = Counter()
        told: dict[str, str] = {}
        wait_for(lambda: demo.api("hub", "GET", "/api/v1/status").body.get("links"), 30)
        imei = demo.api("box", "GET", "/api/v1/status").body["modems"][0]["imei"]
        assert demo.village("PUT", "/faults", {"answer_then_die": 0.1, "duplicate": 0.1, "reorder": 0.2}).status == 200
        chance = random.Random(7)
        with ThreadPoolExecutor(2, "people") as pool:
            running = converse(pool, demo, EACH_WAY, told, seed=2)
            while not all(each.done() for each in running):
                demo.village("POST", f"/modems/{imei}/power", {"off_s": 0.5})
                kills["modem power"] += 1
                time.sleep(chance.uniform(0.8, 2.5))
            for each in running:
                each.result(90)
        yield gather(demo, kills, told)
    finally:
        demo.stop()


@pytest.fixture(params=["killed", "powerless"])
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """The evidence of each campaign."""
    return request.getfixturevalue(request.param)


@pytest.mark.xdist_group("kill")
class TestAfterKills:
    def test_something_was_killed_and_something_was_sent(self, evidence: Evidence) -> None:
        """The campaign did what it says; what it did is told with --log-cli-level=INFO."""
        states = Counter(m["state"] for m in evidence.outgoing())
        log.info("kills %s; %d texts each way; outgoing %s", dict(evidence.kills), EACH_WAY, dict(states))
        assert sum(evidence.kills.values()) >= 8
        assert len(evidence.told) == EACH_WAY
        assert len(evidence.ledger["submitted"]) == EACH_WAY

    def test_i1_every_text_the_modem_gave_up_is_committed(self, evidence: Evidence) -> None:
        """I1: what villagers sent is in the box, each once."""
        submitted = Counter((row["from"], row["text"]) for row in evidence.ledger["submitted"])
        incoming = Counter((m["from"], m["text"]) for m in evidence.box if m["direction"] == "in")
        assert incoming == submitted

    def test_i2_every_committed_text_is_in_a_conversation(self, evidence: Evidence) -> None:
        """I2: no incoming message stands outside a conversation or hides its state."""
        for message in evidence.box:
            if message["direction"] == "in":
                assert message["conversation"]
                assert message["state"] == "received"

    def test_i3_no_text_was_handed_to_the_network_twice(self, evidence: Evidence) -> None:
        """I3: nobody decided to send again, so nothing went twice."""
        assert {text: evidence.accepted(text) for text in evidence.told.values() if evidence.accepted(text) > 1} == {}

    def test_i4_no_tick_is_false(self, evidence: Evidence) -> None:
        """I4: sent means the network took it, delivered that the handset has it; what is unknown says so."""
        delivered = Counter((row["to"], row["text"]) for row in evidence.ledger["delivered"])
        for message in evidence.outgoing():
            taken = evidence.accepted(message["text"])
            if message["state"] in {"sent", "delivered"}:
                assert taken == 1, message
            if message["state"] == "delivered":
                assert delivered[message["to"], message["text"]] == 1, message
            if taken:
                assert message["state"] in {"sent", "delivered", "uncertain"}, message

    def test_every_message_we_were_promised_is_there(self, evidence: Evidence) -> None:
        """OUT1: an accepted message never vanishes, and is in exactly one state."""
        held = {m["id"]: m["text"] for m in evidence.outgoing()}
        assert held.items() >= evidence.told.items()
        assert len(held) == len(evidence.told)

    def test_i5_i6_hub_holds_what_the_box_holds_each_once(self, evidence: Evidence) -> None:
        """I5, I6: acknowledged entries are there, and applying them again added nothing."""
        facts = ("id", "text", "direction", "state", "conversation", "contact", "from", "to")
        box = sorted(tuple(m[name] for name in facts) for m in evidence.box)
        hub = sorted(tuple(m[name] for name in facts) for m in evidence.hub)
        assert box == hub
        assert all(m["synced"] for m in evidence.box)
