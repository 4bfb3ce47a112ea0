"""Brokers and nodes of the link's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from link.ends import BOX, HUB, PASSWORDS, MakePair, Node, Pair, Wire, mosquitto, nats

from appliance.link.broker import BrokerProcess
from appliance.runtime.settings import LinkSettings


@pytest.fixture(params=[nats, mosquitto], ids=["nats", "mosquitto"])
def any_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerProcess]:
    """Each broker in turn: nothing may depend on one of them."""
    process = request.param(tmp_path)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def nats_broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    process = nats(tmp_path)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def make_pair(tmp_path: Path) -> Iterator[MakePair]:
    """Builds a box and a hub on a broker's address; everything is ended after the test."""
    nodes: list[Node] = []

    def make(url: str, *, hub_url: str = "", boxes: tuple[str, ...] = (BOX,)) -> Pair:
        def settings(at: str, user: str) -> LinkSettings:
            return LinkSettings(
                broker=at, user=user, password=PASSWORDS[user], batch_wait_s=0.05, reconnect_max_s=1.0, boxes=boxes
            )

        pair = Pair(
            Node(BOX, "box", tmp_path / "box", settings(url, BOX)),
            Node(HUB, "hub", tmp_path / "hub", settings(hub_url or url, HUB)),
        )
        nodes.extend((pair.box, pair.hub))
        return pair

    yield make
    for node in nodes:
        node.end()
        node.store.close()


@pytest.fixture
def cuttable(any_broker: BrokerProcess) -> Iterator[Wire]:
    line = Wire(("127.0.0.1", int(any_broker.url.rpartition(":")[2])))
    yield line
    line.close()
