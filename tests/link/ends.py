"""Two nodes with real stores, real brokers between them, and a line that can be cut."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.domain.address import Line, Scheme
from appliance.domain.records import Actor, IncomingSms, LinkView, MessageView, Role
from appliance.domain.text import Encoding
from appliance.link import broker
from appliance.link.broker import BrokerProcess
from appliance.link.client import Timing
from appliance.link.ingest import Ingest
from appliance.link.owner import Options
from appliance.link.uplink import Uplink
from appliance.messaging import inbox, receive, status
from appliance.runtime.bell import Bell
from appliance.runtime.clock import SystemClock
from appliance.runtime.deadline import Deadline
from appliance.runtime.settings import LinkSettings
from appliance.store import Store, open_store

BOX, OTHER, HUB = "baidoa", "dhusamar", "hub"
PASSWORDS = {BOX: "box-pw", OTHER: "other-pw", HUB: "hub-pw"}
QUICK = Options(Timing(connect_s=5, keepalive_s=2, stuck_s=10), answer_min_s=0.5, answer_max_s=4)
STAFF = Actor("amina", role=Role.RESPONDER)
CLOCK = SystemClock()


def eventually(what: Callable[[], object], *, within_s: float = 30.0) -> None:
    """Waits until ``what`` holds; fails with its name otherwise."""
    deadline = Deadline(CLOCK, within_s)
    nap = threading.Event()
    while not what():
        if deadline.passed():
            pytest.fail(f"not within {within_s:g} s: {what}")
        nap.wait(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nats(folder: Path, *, open_to_all: bool = False) -> BrokerProcess:
    """The embedded broker, as the demo runs it; or without any rights, as a careless administrator would."""
    port = free_port()
    config = folder / "broker.conf"
    broker.write_config(config, listen=f"127.0.0.1:{port}", store_dir=folder / "jetstream", users=PASSWORDS)
    if open_to_all:
        config.write_text(re.sub("permissions: {.*} }", "}", config.read_text()))
    return BrokerProcess(broker.command(config), host="127.0.0.1", port=port, log=folder / "broker.log")


def mosquitto(folder: Path) -> BrokerProcess:
    """Debian's mosquitto with the same users and rights, forgetting everything at its end."""
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if binary is None:
        message = "mosquitto is not installed: apt-get install mosquitto"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    port = free_port()
    passwords, rights, config = folder / "passwords", folder / "rights", folder / "mosquitto.conf"
    passwords.write_text("".join(f"{name}:{password}\n" for name, password in PASSWORDS.items()))
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
    lines = []
    for name in PASSWORDS:
        publish, subscribe = broker.permissions(name, is_hub=name == HUB)
        lines.append(f"user {name}")
        lines += [f"topic write {s.replace('.', '/').replace('*', '+')}" for s in publish]
        lines += [f"topic read {s.replace('.', '/').replace('*', '+')}" for s in subscribe if not s.startswith("$")]
    rights.write_text("\n".join(lines) + "\n")
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nacl_file {rights}\n"
        f"persistence false\n{'user root' if os.geteuid() == 0 else ''}\n"
    )
    return BrokerProcess([binary, "-c", str(config)], host="127.0.0.1", port=port, log=folder / "broker.log")


class Wire:
    """A line to the broker that can be cut: silent while cut, every connection of that time reset when it returns."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = threading.Event()
        self._open.set()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, name="line", daemon=True).start()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        self._open.clear()

    def restore(self) -> None:
        self._reset()
        self._open.set()

    def close(self) -> None:
        # A thread in accept() is woken by shutdown, not by close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._reset()

    def _reset(self) -> None:
        sockets, self._sockets = self._sockets, []
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._sockets.append(near)
                if not self._open.is_set():
                    continue
                far = socket.create_connection(self._target)
                self._sockets.append(far)
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, sink), name="line", daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self._open.is_set():
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)


@dataclass
class Node:
    """One node: its store as the test sees it, and its link service, which can be ended and started again."""

    name: str
    kind: str
    folder: Path
    settings: LinkSettings
    store: Store = field(init=False)
    options: Options = QUICK
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self.store = self._open(Bell(self.folder / "bells", "visitor"))

    def _open(self, bell: Bell) -> Store:
        url = f"sqlite:///{self.folder / self.name}.db"
        return open_store(url, node=self.name, kind=self.kind, clock=CLOCK, bell=bell)

    def start(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name=f"service-{self.name}", daemon=True)
        self._thread.start()

    def _run(self, stop: threading.Event) -> None:
        bell = Bell(self.folder / "bells", "link")
        bell.open()
        store = self._open(bell)
        service = Uplink if self.kind == "box" else Ingest
        try:
            service(store, self.settings, node=self.name, clock=CLOCK, bell=bell, options=self.options).run(stop)
        finally:
            store.close()
            bell.close()

    def end(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)
            assert not self._thread.is_alive(), "the service did not end in time"
            self._thread = None

    def link(self, peer: str) -> LinkView:
        links = {view.peer: view for view in status.snapshot(self.store).links}
        return links[peer]

    def is_online(self, peer: str) -> bool:
        links = {view.peer: view.state for view in status.snapshot(self.store).links}
        return links.get(peer) == "online"

    def messages(self) -> list[MessageView]:
        return inbox.messages_since(self.store, 0, 10_000)

    def texts(self) -> list[str | None]:
        return [message.text for message in self.messages()]


@dataclass
class Pair:
    """A box and a hub."""

    box: Node
    hub: Node

    def start(self) -> None:
        self.hub.start()
        self.box.start()

    def both_online(self) -> bool:
        return self.box.is_online(HUB) and self.hub.is_online(BOX)

    def is_settled(self) -> bool:
        """Whether neither end has anything the other did not acknowledge."""
        return self.box.link(HUB).waiting == 0 and self.hub.link(BOX).waiting == 0


MakePair = Callable[..., Pair]


def villager(number: int) -> Line:
    return Line(Scheme.TEL, f"+25261555{number:04d}")


def text_in(store: Store, text: str, *, number: int = 143) -> None:
    """A villager's SMS arrives at the box."""
    raw = os.urandom(12)
    receive.accept(
        store,
        IncomingSms(
            sender=villager(number), text=text, encoding=Encoding.GSM7, raw=raw, modem="356938035643809",
            sent_at=CLOCK.now().ms,
        ),
    )  # fmt: skip
