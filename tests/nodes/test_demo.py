from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from appliance.messaging import accounts
from appliance.nodes.demo import Demo, DemoError, DemoOptions
from appliance.nodes.demo_files import BOX_USER, Folder, Ports, prepare
from appliance.nodes.parts import open_node_store
from appliance.runtime.clock import SystemClock
from appliance.runtime.deadline import Deadline
from appliance.runtime.processes import mark
from appliance.runtime.settings import load

CLOCK = SystemClock()


def until(look, seconds, what):
    """The first true answer of ``look``."""
    deadline, pause = Deadline(CLOCK, seconds), threading.Event()
    while not (found := look()):
        assert not deadline.passed(), f"waited {seconds} s for {what}"
        pause.wait(0.02)
    return found


@pytest.fixture
def base_port():
    """A base whose five ports are free now, below the range the kernel hands out by itself."""
    chance = random.SystemRandom()
    for _ in range(50):
        base = chance.randrange(20_000, 32_000)
        with_sockets = [socket.socket() for _ in Ports(base).all()]
        try:
            for probe, port in zip(with_sockets, Ports(base).all().values(), strict=True):
                probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for probe in with_sockets:
                probe.close()
        return base
    pytest.fail("no five free ports")


class Running:
    """A demo as its own process."""

    def __init__(self, data: Path, base_port: int) -> None:
        self.data = data
        self.base_port = base_port
        self.process: subprocess.Popen[str] | None = None

    def start(self, *words: str) -> float:
        """Seconds until demo.json stands there."""
        begun, old = CLOCK.monotonic(), self.written()
        command = [sys.executable, "-m", "appliance.cli", "demo", "--no-browser"]
        command += ["--base-port", str(self.base_port), "--data", str(self.data), *words]
        with (self.data.parent / "out").open("a") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, text=True)
        until(lambda: self.written() not in (None, old) or self.process.poll() is not None, 40, "demo.json")
        assert self.process.poll() is None, (self.data.parent / "out").read_text()
        return CLOCK.monotonic() - begun

    def written(self) -> tuple[int, int] | None:
        """Which demo.json stands there: that of a crashed demo is not ours."""
        try:
            found = (self.data / "demo.json").stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def told(self) -> dict:
        return json.loads((self.data / "demo.json").read_text())

    def pids(self) -> dict[str, int]:
        told = self.told()
        named = {f"{node} {name}": pid for node in ("box", "hub") for name, pid in told[node]["pids"].items()}
        return named | {"broker": told["broker"]["pid"]}

    def ask(self, node: str, path: str):
        told = self.told()[node]
        request = urllib.request.Request(told["url"] + path, headers={"Authorization": f"Bearer {told['token']}"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def demo(tmp_path, base_port):
    running = Running(tmp_path / "demo", base_port)
    yield running
    if running.process is not None and running.process.poll() is None:
        running.end(signal.SIGTERM)


def test_first_start_tells_all_and_the_hub_hears_the_first_villager(demo):
    """demo.json is as the contract says, private, and the first text reaches box and hub within seconds."""
    demo.start()
    ready = CLOCK.monotonic()
    told = demo.told()
    assert (demo.data / "demo.json").stat().st_mode & 0o777 == 0o600
    assert set(told) == {"box", "hub", "village", "broker"}
    assert set(told["box"]) == {"url", "user", "password", "token", "number", "pids"}
    assert set(told["hub"]) == {"url", "user", "password", "token", "pids"}
    assert set(told["box"]["pids"]) == {"modem", "link", "web", "jobs"}
    assert set(told["hub"]["pids"]) == {"ingest", "web", "jobs"}
    assert told["village"]["handsets"]
    until(lambda: demo.ask("box", "/api/v1/messages")["items"], 5, "the first villager")
    assert CLOCK.monotonic() - ready < 5
    until(lambda: demo.ask("hub", "/api/v1/messages")["items"], 10, "the hub to have it")
    assert demo.end() == 0
    assert not (demo.data / "demo.json").exists()


def test_killed_services_come_back_and_a_crashed_demo_leaves_nothing(demo):
    """Every killed process is replaced and told; after SIGKILL of all of it the next start is quick and keeps the data."""
    demo.start("--quiet-village")
    password, before = demo.told()["box"]["password"], demo.pids()
    took = []
    for name, pid in before.items():
        killed = CLOCK.monotonic()
        os.kill(pid, signal.SIGKILL)
        until(lambda name=name, pid=pid: demo.pids()[name] != pid, 5, f"{name} to be restarted")
        took.append(CLOCK.monotonic() - killed)
    assert sorted(took)[len(took) // 2] < 1  # the median: a machine busy with other tests may be late now and then
    until(lambda: _answers(demo, "box") and _answers(demo, "hub"), 10, "the pages to answer again")
    last = demo.pids()
    demo.process.kill()
    demo.process.wait(5)
    until(lambda: all(mark(pid) is None for pid in last.values()), 5, "the children to die with their supervisor")
    again = demo.start("--quiet-village")
    assert demo.end() == 0
    assert min(again, demo.start("--quiet-village")) < 5  # one of two may meet a busy machine
    assert demo.told()["box"]["password"] == password
    demo.ask("box", "/api/v1/status")  # the old token still opens
    assert demo.ask("box", "/api/v1/messages")["items"] == []  # nobody texts in a quiet village
    assert demo.end(signal.SIGTERM) == 0


def _answers(demo, node) -> bool:
    try:
        demo.ask(node, "/api/v1/status")
    except OSError:
        return False
    return True


def test_accounts_read_in_the_language_of_the_browser(tmp_path):
    """Whoever meets an Arabic login page goes on in Arabic: a demo cannot know its visitors."""
    folder = Folder(tmp_path)
    folder.make()
    keys = prepare(folder, Ports(8080), CLOCK)
    store = open_node_store(load(folder.box), clock=CLOCK)
    try:
        assert accounts.authenticate(store, BOX_USER, keys.box_password).language == ""
    finally:
        store.close()


def test_taken_port_is_named_with_the_cure(tmp_path, base_port):
    """The port and what to type instead stand in the sentence; nothing was started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", Ports(base_port).hub))
        other.listen()
        options = DemoOptions(base_port=base_port, data=tmp_path, browser=False)
        with pytest.raises(DemoError, match=rf"Port {base_port + 10} .*hub.*--base-port {base_port + 100}"):
            Demo(options, say=lambda _: None).run(threading.Event())
    assert not (tmp_path / "demo.json").exists()


def test_second_demo_on_one_folder_is_refused(demo):
    """Two supervisors never share a folder."""
    demo.start("--quiet-village")
    other = DemoOptions(base_port=demo.base_port, data=demo.data, browser=False)
    with pytest.raises(DemoError, match="already runs"):
        Demo(other, say=lambda _: None).run(threading.Event())
    assert (demo.data / "demo.json").exists()


@pytest.mark.parametrize("base", [80, 65535])
def test_impossible_base_port_is_refused(tmp_path, base):
    """A base port must leave room for all five."""
    with pytest.raises(DemoError, match="between 1024 and 65504"):
        Demo(DemoOptions(base_port=base, data=tmp_path), say=lambda _: None).run(threading.Event())
