"""A whole demo as real processes, driven over its public contracts alone (contracts.md §1, §3, §4)."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

OFFSETS = (0, 10, 20, 30, 31)
START_S = 60.0


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    body: Any


def free_base_port() -> int:
    """A base from which all ports of a demo are free just now."""
    for _ in range(200):
        base = random.SystemRandom().randrange(20_000, 30_000, 2)
        if all(_is_free(base + offset) for offset in OFFSETS):
            return base
    raise RuntimeError("no free ports for a demo")


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def request(
    method: str, url: str, body: object = None, *, token: str = "", headers: dict[str, str] | None = None
) -> Answer:
    """One HTTP request; raises OSError when nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    sent = {
        "Content-Type": "application/json",
        **({"Authorization": f"Bearer {token}"} if token else {}),
        **(headers or {}),
    }
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, sent, method=method), timeout=10) as answer:
            return Answer(answer.status, _parse(answer.read()))
    except urllib.error.HTTPError as error:
        return Answer(error.code, _parse(error.read()))
    except http.client.HTTPException as error:
        raise ConnectionError(f"{url}: {type(error).__name__}") from error


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")


def wait_for(what: Callable[[], Any], seconds: float = 30.0, *, every: float = 0.1) -> Any:
    """The first true value of ``what``; fails with its last value or error when ``seconds`` are over."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = what()
            if last:
                return last
        except (OSError, ValueError, KeyError, IndexError) as error:
            last = error
        time.sleep(every)
    raise AssertionError(f"not within {seconds:.0f} s; last seen: {str(last)[:2000]}")


@dataclass
class Demo:
    """One running demo."""

    data: Path
    base: int = field(default_factory=free_base_port)
    arguments: Sequence[str] = ("--quiet-village",)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Starts it and waits until it is ready; how many seconds that took."""
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "demo.json").unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "appliance.cli",
            "demo",
            "--base-port",
            str(self.base),
            "--data",
            str(self.data),
            "--no-browser",
        ]
        begun = time.monotonic()
        with (self.data / "out.txt").open("ab") as out:
            self.process = subprocess.Popen(
                [*command, *self.arguments],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self.data,
            )
        wait_for(self._ready, START_S)
        return time.monotonic() - begun

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the demo ended: {(self.data / 'out.txt').read_text()[-2000:]}")
        return (self.data / "demo.json").exists()

    def stop(self) -> int:
        """Ends it as Ctrl-C does; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    @property
    def info(self) -> dict[str, Any]:
        """``demo.json`` as it stands."""
        return json.loads((self.data / "demo.json").read_text())

    def pid(self, name: str) -> int:
        """Process id by name: ``broker``, ``box modem``, ``hub ingest`` and so on."""
        node, _, service = name.partition(" ")
        info = self.info[node]
        return int(info["pids"][service] if service else info["pid"])

    def kill(self, name: str) -> None:
        """SIGKILL, as the out-of-memory killer does."""
        with suppress(ProcessLookupError):
            os.kill(self.pid(name), signal.SIGKILL)

    def api(self, node: str, method: str, path: str, body: object = None, *, key: str = "") -> Answer:
        """One call of the REST interface of ``box`` or ``hub``."""
        info = self.info[node]
        headers = {"Idempotency-Key": key} if key else None
        return request(method, info["url"] + path, body, token=info["token"], headers=headers)

    def village(self, method: str, path: str, body: object = None) -> Answer:
        """One call of the village."""
        return request(method, self.info["village"]["url"] + path, body)

    def text(self, number: str, text: str) -> None:
        """A villager texts the box."""
        answer = self.village("POST", f"/handsets/{quote(number)}/sms", {"to": self.number, "text": text})
        assert answer.status == 202, answer

    @property
    def number(self) -> str:
        """The box's number."""
        return str(self.info["box"]["number"])

    def inbox(self, number: str) -> list[dict[str, Any]]:
        """What a handset received."""
        return list(self.village("GET", f"/handsets/{quote(number)}/inbox").body)

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """What the network truly did."""
        return dict(self.village("GET", "/ledger").body)

    def send(self, node: str, to: str, text: str, *, key: str) -> str:
        """Writes a message through the API, trying again as a careful client does; its id."""

        def once() -> str | None:
            answer = self.api(node, "POST", "/api/v1/messages", {"to": to, "text": text}, key=key)
            assert answer.status == 201 or answer.status >= 500, answer
            return str(answer.body["id"]) if answer.status == 201 else None

        return str(wait_for(once, 60, every=0.2))

    def messages(self, node: str, **query: str) -> list[dict[str, Any]]:
        """All messages of a node, page by page."""
        return list(self._pages(node, "/api/v1/messages", query))

    def _pages(self, node: str, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        since: object = 0
        while since is not None:
            extra = "".join(f"&{name}={value}" for name, value in query.items())
            answer = self.api(node, "GET", f"{path}?limit=100&since={since}{extra}")
            if answer.status != 200:
                raise OSError(f"{answer.status} {answer.body}")
            yield from answer.body["items"]
            since = answer.body["next"]

    def message(self, node: str, record: str) -> dict[str, Any]:
        """One message."""
        return dict(self.api(node, "GET", f"/api/v1/messages/{record}").body)
