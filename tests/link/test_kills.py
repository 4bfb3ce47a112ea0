"""The services as real processes, killed while messages go both ways (I5, I6, I12)."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from link.ends import BOX, CLOCK, HUB, PASSWORDS, STAFF, eventually, text_in

from appliance.link.broker import BrokerProcess
from appliance.messaging import compose, inbox, status
from appliance.runtime.bell import Bell
from appliance.store import Store, open_store

SERVICE = {"box": "link", "hub": "ingest"}


@dataclass
class Process:
    """A node whose link service is a process of its own."""

    name: str
    kind: str
    folder: Path
    broker: str
    store: Store = field(init=False)
    _child: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        data = self.folder / self.kind
        self.store = open_store(
            f"sqlite:///{data / f'{self.kind}.db'}",
            node=self.name,
            kind=self.kind,
            clock=CLOCK,
            bell=Bell(data / "bells", "visitor"),
        )
        (self.folder / f"{self.kind}.toml").write_text(
            f'[node]\nname = "{self.name}"\nkind = "{self.kind}"\ndata = "{self.kind}"\n'
            f'[link]\nbroker = "{self.broker}"\nuser = "{self.name}"\npassword = "{PASSWORDS[self.name]}"\n'
            f'batch_wait_s = 0.05\nreconnect_max_s = 1.0\nboxes = ["{BOX}"]\n'
        )

    def start(self) -> None:
        words = [sys.executable, "-m", "appliance.cli", "run", self.kind, SERVICE[self.kind]]
        with (self.folder / f"{self.kind}.log").open("ab") as log:
            self._child = subprocess.Popen(
                [*words, "--config", str(self.folder / f"{self.kind}.toml")], stdout=log, stderr=log
            )

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        child, self._child = self._child, None
        if child is None:
            return 0
        child.send_signal(number)
        return child.wait(10)

    def texts(self) -> list[str]:
        return sorted(str(message.text) for message in inbox.messages_since(self.store, 0, 10_000))


@pytest.fixture
def nodes(nats_broker: BrokerProcess, tmp_path: Path) -> Iterator[dict[str, Process]]:
    made = {kind: Process(name, kind, tmp_path, nats_broker.url) for name, kind in ((BOX, "box"), (HUB, "hub"))}
    for node in made.values():
        node.start()
    yield made
    for node in made.values():
        node.end()
        node.store.close()


def test_killing_everything_in_a_loop_loses_and_doubles_nothing(
    nodes: dict[str, Process], nats_broker: BrokerProcess
) -> None:
    """60 messages go both ways while box link, hub ingest and broker are killed at random, ten times."""
    box, hub = nodes["box"], nodes["hub"]
    rng = random.Random(7)
    text_in(box.store, "text 0")
    eventually(lambda: hub.texts() == ["text 0"], within_s=30)
    [conversation] = inbox.conversations(hub.store)
    for n in range(1, 31):
        text_in(box.store, f"text {n}")
        compose.reply(hub.store, conversation.id, f"reply {n}", STAFF)
        if n % 3 == 0:
            victim = rng.choice(["box", "hub", "broker"])
            if victim == "broker":
                nats_broker.kill()
                nats_broker.start()
            else:
                nodes[victim].end()
                nodes[victim].start()
            # The next kill meets a link that works, with new messages on their way.
            eventually(lambda n=n: f"text {n - 1}" in hub.texts(), within_s=30)
    expected = sorted([f"text {n}" for n in range(31)] + [f"reply {n}" for n in range(1, 31)])
    eventually(lambda: hub.texts() == expected, within_s=60)
    eventually(lambda: box.texts() == expected, within_s=60)
    for node in (box, hub):
        eventually(lambda node=node: [link.waiting for link in status.snapshot(node.store).links] == [0], within_s=30)


def test_services_end_in_order_when_asked(nodes: dict[str, Process]) -> None:
    """SIGTERM: exit 0 within the time systemd gives, and the other end knows at once."""
    box, hub = nodes["box"], nodes["hub"]
    eventually(lambda: [link.state for link in status.snapshot(hub.store).links] == ["online"], within_s=30)
    assert box.end(signal.SIGTERM) == 0
    eventually(lambda: [link.state for link in status.snapshot(hub.store).links] == ["offline"])
    assert hub.end(signal.SIGTERM) == 0
