"""Finding out that a demo is ready, and saying so: to people in words, to programs in ``demo.json``."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from appliance.runtime.deadline import Deadline
from appliance.runtime.processes import write_private
from appliance.runtime.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appliance.nodes.demo_files import Folder, Ports
    from appliance.runtime.clock import Clock

log = logging.getLogger(__name__)

PATIENCE_S: Final = 30.0
"""After this long without being ready the demo says what it waits for, and goes on waiting."""
SETTLE_S: Final = 8.0
"""So long it waits for the modem and the link once the pages answer; they may well be absent for ever."""
_LOOK_S: Final = 0.1
_ANSWER_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Entrance:
    """How to get in, as ``demo.json`` tells it (contracts.md §1), without the process ids."""

    box: Mapping[str, str]
    hub: Mapping[str, str]
    village: str
    broker: str

    def tree(self, pids: Mapping[str, int], handsets: list[str]) -> dict[str, Any]:
        """The whole of ``demo.json``; ``pids`` by the supervisor's names (``"box web"``)."""
        return {
            "box": {**self.box, "pids": _of("box", pids)},
            "hub": {**self.hub, "pids": _of("hub", pids)},
            "village": {"url": self.village, "handsets": handsets},
            "broker": {"url": self.broker, "pid": pids.get("broker", 0)},
        }


def _of(node: str, pids: Mapping[str, int]) -> dict[str, int]:
    return {name.partition(" ")[2]: pid for name, pid in pids.items() if name.startswith(node + " ")}


class Announcer:
    """Waits until all answers, then writes ``demo.json`` and says where to go; rewrites it at every restart."""

    def __init__(
        self, entrance: Entrance, folder: Folder, ports: Ports, clock: Clock, *, say: Callable[[str], None]
    ) -> None:
        self._entrance = entrance
        self._folder = folder
        self._ports = ports
        self._clock = clock
        self._say = say
        self._lock = threading.Lock()
        self._pids: Mapping[str, int] = {}
        self._handsets: list[str] | None = None
        self._worker: Worker | None = None

    def processes_changed(self, pids: Mapping[str, int]) -> None:
        """Takes the process ids; rewrites ``demo.json`` when it was written before."""
        with self._lock:
            self._pids = dict(pids)
            if self._handsets is not None:
                self._write()

    def start(self, stop: threading.Event, *, opened: Callable[[str], None]) -> None:
        """Begins to look; ``opened`` is called once with the start page's address. Raises OSError."""
        tree = self._entrance.tree({}, [])
        write_private(self._folder.start_page, json.dumps({name: _login(tree[name]) for name in ("box", "hub")}))

        def step(stop: threading.Event) -> None:
            self._announce(stop, opened)
            stop.wait()

        self._worker = Worker("announcer", step, stop)
        self._worker.start()

    def join(self) -> None:
        """Waits for the end of the looking, the stop event being set."""
        if self._worker is not None:
            self._worker.join(_ANSWER_S + 1)

    def _announce(self, stop: threading.Event, opened: Callable[[str], None]) -> None:
        begun = self._clock.monotonic()
        self._await(stop, self._silent, PATIENCE_S, patient=True)
        self._await(stop, self._unsettled, SETTLE_S, patient=False)
        if stop.is_set():
            return
        handsets = _numbers(self._ask("village", "/handsets"))
        with self._lock:
            self._handsets = handsets
            self._write()
        self._say(self._welcome(self._clock.monotonic() - begun))
        opened(self._entrance.village + "/")

    def _await(self, stop: threading.Event, missing: Callable[[], list[str]], seconds: float, *, patient: bool) -> None:
        """Waits until nothing is missing; when ``patient``, beyond ``seconds`` too, saying what for."""
        deadline = Deadline(self._clock, seconds)
        while not stop.is_set() and (what := missing()):
            if deadline.passed():
                how = "Still waiting for" if patient else "All but this is ready"
                self._say(f"{how}: {', '.join(what)}. The reason stands in {self._folder.log('*').parent}.")
                if not patient:
                    return
                deadline = Deadline(self._clock, seconds)
            stop.wait(_LOOK_S)

    def _silent(self) -> list[str]:
        silent = [
            name
            for name, path in (("village", "/"), ("box", "/healthz"), ("hub", "/healthz"))
            if self._ask(name, path) is None
        ]
        return silent if listens(self._ports.broker) else [*silent, "broker"]

    def _unsettled(self) -> list[str]:
        status = _json(self._ask("box", "/api/v1/status"))
        modems, link = status.get("modems") or [], status.get("link") or {}
        unsettled = [] if any(modem.get("state") == "ready" for modem in modems) else ["the modem"]
        return unsettled if link.get("state") == "online" else [*unsettled, "the link"]

    def _ask(self, name: str, path: str) -> bytes | None:
        """What that part answers with success, else None."""
        port = self._ports.all()[name]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_S)
        token = {"box": self._entrance.box, "hub": self._entrance.hub}.get(name, {}).get("token")
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return body if answer.status == 200 else None

    def _write(self) -> None:
        tree = self._entrance.tree(self._pids, self._handsets or [])
        write_private(self._folder.demo_json, json.dumps(tree, indent=1) + "\n")

    def _welcome(self, seconds: float) -> str:
        box, hub = self._entrance.box, self._entrance.hub
        number = f"   number {box['number']}" if box["number"] else ""
        return "\n".join(
            (
                f"Ready after {seconds:.1f} s. Start here:  {self._entrance.village}/",
                f"  box   {box['url']}   log in as {box['user']}   password {box['password']}{number}",
                f"  hub   {hub['url']}   log in as {hub['user']}   password {hub['password']}",
                f"Ctrl-C ends all; what was said is kept in {self._folder.data}.",
            )
        )


def _login(part: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(part[key]) for key in ("url", "user", "password", "number") if part.get(key)}


def listens(port: int) -> bool:
    """Whether something on this machine accepts connections at ``port``."""
    try:
        socket.create_connection(("127.0.0.1", port), _ANSWER_S).close()
    except OSError:
        return False
    return True


def _json(body: bytes | None) -> dict[str, Any]:
    try:
        tree = json.loads(body or b"{}")
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _numbers(body: bytes | None) -> list[str]:
    """The numbers in the village's list of handsets."""
    try:
        rows = json.loads(body or b"[]")
    except ValueError:
        return []
    return [str(row["number"]) for row in rows if isinstance(row, dict) and "number" in row]
