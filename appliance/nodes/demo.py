"""``fieldbox demo``: a whole deployment on one machine, every part of it real except the mobile network."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import socket
import sys
import threading
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.nodes.demo_files import (
    BOX_NAME,
    BOX_NUMBER,
    BOX_USER,
    HOST,
    HUB_NAME,
    HUB_USER,
    Folder,
    Ports,
    Secrets,
    prepare,
)
from appliance.nodes.demo_ready import Announcer, Entrance, listens
from appliance.runtime.clock import SystemClock
from appliance.runtime.processes import end_all, read_marks
from appliance.runtime.supervisor import Child, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from appliance.runtime.clock import Clock

SPREAD = 31
"""From the base port to the highest one used."""


class DemoError(RuntimeError):
    """The demo cannot start; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What ``fieldbox demo`` can be told."""

    base_port: int = 8080
    data: Path = Path("var/demo")
    seed: int = 1
    browser: bool = True
    quiet_village: bool = False
    real: str | None = None
    """Port of a real modem for the box, instead of the simulated one."""
    fresh: bool = False


class Demo:
    """Starts everything, keeps it alive, says where it is, ends everything."""

    def __init__(self, options: DemoOptions, *, say: Callable[[str], None], clock: Clock | None = None) -> None:
        self._options = options
        self._say = say
        self._clock = clock or SystemClock()
        self._folder = Folder(options.data.absolute())
        self._ports = Ports(options.base_port)

    def run(self, stop: threading.Event) -> None:
        """Runs until ``stop`` is set. Raises DemoError, OSError, StoreError, Refused before anything was started."""
        self._folder.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _only_one(self._folder):
            keys = self._prepare(stop)
            announcer = Announcer(self._entrance(keys), self._folder, self._ports, self._clock, say=self._say)
            supervisor = Supervisor(
                self._children(), self._clock, marks_file=self._folder.marks, changed=announcer.processes_changed
            )
            self._say("Starting the village, the broker, the box and the hub …")
            announcer.start(stop, opened=self._open_browser)
            try:
                supervisor.run(stop)
            finally:
                stop.set()
                announcer.join()
                self._folder.demo_json.unlink(missing_ok=True)

    def _prepare(self, stop: threading.Event) -> Secrets:
        folder = self._folder
        folder.demo_json.unlink(missing_ok=True)
        if ended := end_all(read_marks(folder.marks), self._clock, stop):
            self._say(f"Ended {len(ended)} processes that a crashed demo had left behind.")
        folder.marks.unlink(missing_ok=True)
        _check_ports(self._ports)
        if self._options.fresh:
            folder.forget()
        folder.make()
        if not folder.secrets.exists():
            self._say(f"Making a new box and a new hub in {folder.data} …")
        keys = prepare(folder, self._ports, self._clock, real_port=self._options.real)
        self._write_broker(keys)
        return keys

    def _write_broker(self, keys: Secrets) -> None:
        from appliance.link import broker

        try:
            broker.write_config(
                self._folder.broker,
                listen=f"{HOST}:{self._ports.broker}",
                store_dir=self._folder.data / "broker",
                users={BOX_NAME: keys.box_link, HUB_NAME: keys.hub_link},
            )
            broker.command(self._folder.broker)
        except broker.BrokerError as error:
            raise DemoError(str(error)) from error

    def _entrance(self, keys: Secrets) -> Entrance:
        ports = self._ports
        return Entrance(
            box={
                "url": f"http://{HOST}:{ports.box}",
                "user": BOX_USER,
                "password": keys.box_password,
                "token": keys.box_token,
                "number": "" if self._options.real else BOX_NUMBER,
            },
            hub={
                "url": f"http://{HOST}:{ports.hub}",
                "user": HUB_USER,
                "password": keys.hub_password,
                "token": keys.hub_token,
            },
            village=f"http://{HOST}:{ports.village}",
            broker=f"mqtt://{HOST}:{ports.broker}",
        )

    def _children(self) -> tuple[Child, ...]:
        from appliance.link import broker

        folder = self._folder
        fieldbox = (sys.executable, "-m", "appliance.cli")
        children = [
            Child(
                "village",
                (*fieldbox, *self._village()),
                foundation=True,
                ready=self._village_stands,
                log=folder.log("village"),
            ),
            Child(
                "broker",
                tuple(broker.command(folder.broker)),
                foundation=True,
                ready=self._broker_stands,
                log=folder.log("broker"),
            ),
        ]
        for node, names, config in (
            ("box", ("modem", "link", "web", "jobs"), folder.box),
            ("hub", ("ingest", "web", "jobs"), folder.hub),
        ):
            for name in names:
                command = (*fieldbox, "run", node, name, "--config", str(config))
                children.append(Child(f"{node} {name}", command, log=folder.log(f"{node}-{name}")))
        return tuple(children)

    def _village_stands(self) -> bool:
        # The pages come last, when the modem's port is there.
        return listens(self._ports.village)

    def _broker_stands(self) -> bool:
        return listens(self._ports.broker)

    def _village(self) -> list[str]:
        ports, options = self._ports, self._options
        words = ["village", "--seed", str(options.seed), "--http", f"{HOST}:{ports.village}"]
        words += ["--proxy", f"{HOST}:{ports.proxy}={HOST}:{ports.broker}", "--links", str(self._folder.start_page)]
        if not options.real:
            words += ["--modem", f"{self._folder.modem},profile=ideal,number={BOX_NUMBER}"]
        if options.quiet_village:
            words.append("--quiet")
        return words

    def _open_browser(self, address: str) -> None:
        if self._options.browser:
            webbrowser.open(address)


@contextlib.contextmanager
def _only_one(folder: Folder) -> Iterator[None]:
    """Holds the folder for this demo alone; raises DemoError."""
    with folder.lock.open("a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                f"A demo already runs on {folder.data}. End it with Ctrl-C where it runs, or give this one --data elsewhere "
                "and another --base-port."
            ) from None
        yield


def _check_ports(ports: Ports) -> None:
    if not 1024 <= ports.base <= 65535 - SPREAD:
        raise DemoError(f"--base-port must be between 1024 and {65535 - SPREAD}, not {ports.base}.")
    for name, port in ports.all().items():
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the servers do: a connection that just ended does not count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                    raise
                raise DemoError(
                    f"Port {port} (for the {name}) is taken by another program. End that program, or choose other ports "
                    f"with --base-port {_another(ports.base)}."
                ) from error


def _another(base: int) -> int:
    return base + 100 if base + 100 + SPREAD <= 65535 else 8080
