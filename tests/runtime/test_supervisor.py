from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from appliance.runtime.clock import SystemClock
from appliance.runtime.deadline import Deadline
from appliance.runtime.processes import ProcessMark, end_all, mark, read_marks, write_marks, write_private
from appliance.runtime.supervisor import Child, Supervisor

CLOCK = SystemClock()
SLEEP = (sys.executable, "-S", "-c", "import time; time.sleep(60)")
STUBBORN = (
    sys.executable,
    "-S",
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
)


def until(condition, seconds=10.0):
    deadline, pause = Deadline(CLOCK, seconds), threading.Event()
    while not condition():
        assert not deadline.passed(), "waited too long"
        pause.wait(0.01)


@pytest.fixture
def running(tmp_path):
    """Starts supervisors in threads and ends them."""
    stop, threads = threading.Event(), []

    def start(*children, **options):
        told = []
        supervisor = Supervisor(
            children, CLOCK, marks_file=tmp_path / "marks", changed=lambda p: told.append(dict(p)), **options
        )
        thread = threading.Thread(target=supervisor.run, args=(stop,))
        thread.start()
        threads.append(thread)
        until(lambda: told)
        return supervisor, told, stop, thread

    yield start
    stop.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_killed_child_is_back_within_a_second(running, tmp_path):
    """Each of five kills is answered by a new process, told with its id, within a second."""
    _, told, _, _ = running(Child("one", SLEEP))
    for n in range(1, 6):
        before = CLOCK.monotonic()
        os.kill(told[-1]["one"], signal.SIGKILL)
        until(lambda n=n: len(told) > n)
        assert CLOCK.monotonic() - before < 1.0
    assert len({t["one"] for t in told}) == 6
    assert told[-1]["one"] in {m.pid for m in read_marks(tmp_path / "marks")}


def test_child_that_always_ends_is_started_for_ever(running):
    """A child that ends at once never makes the supervisor give up."""
    supervisor, told, _, _ = running(Child("brief", (sys.executable, "-S", "-c", "")), Child("steady", SLEEP))
    steady = supervisor.pids()["steady"]
    until(lambda: len(told) > 4)
    assert supervisor.pids()["steady"] == steady


def test_stop_ends_all_even_the_stubborn(running, tmp_path):
    """Stop ends every child within the budget; who does not listen is killed."""
    supervisor, _, stop, thread = running(
        Child("stubborn", STUBBORN), Child("base", SLEEP, foundation=True), patience_s=0.3
    )
    pids = list(supervisor.pids().values())
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert all(mark(pid) is None for pid in pids)
    assert not (tmp_path / "marks").exists()


def test_children_die_with_a_killed_supervisor(tmp_path):
    """SIGKILL of the supervisor leaves no child behind."""
    program = (
        "import threading, sys; from pathlib import Path; from appliance.runtime.supervisor import *; "
        "from appliance.runtime.clock import SystemClock; "
        f"Supervisor((Child('one', {SLEEP!r}),), SystemClock(), marks_file=Path({str(tmp_path / 'marks')!r}), "
        "changed=lambda p: print(p['one'], flush=True)).run(threading.Event())"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as supervisor:
        child = int(supervisor.stdout.readline())
        until(lambda: mark(child) is not None)
        supervisor.kill()
    until(lambda: mark(child) is None)


def test_orphans_are_ended_and_strangers_left_alone(tmp_path):
    """Only the very process of the mark is ended, never another that has its id now."""
    with subprocess.Popen(SLEEP) as orphan, subprocess.Popen(SLEEP) as stranger:
        known, other = mark(orphan.pid), mark(stranger.pid)
        write_marks(tmp_path / "marks", [known, ProcessMark(other.pid, other.started - 1, other.boot)])
        ended = end_all(read_marks(tmp_path / "marks"), CLOCK, threading.Event())
        assert ended == [orphan.pid]
        assert stranger.poll() is None
        stranger.kill()


def test_others_wait_for_their_foundation(running):
    """A service starts only when what it stands on says it is ready."""
    looks = []

    def ready():
        looks.append(1)
        return len(looks) > 3

    supervisor, told, _, _ = running(Child("house", SLEEP), Child("base", SLEEP, foundation=True, ready=ready))
    assert set(told[0]) == {"house", "base"}
    assert len(looks) == 4
    assert set(supervisor.pids()) == {"house", "base"}


def test_damaged_marks_are_no_marks(tmp_path):
    """A torn file never stops a start."""
    (tmp_path / "marks").write_text("[[1, 2")
    assert read_marks(tmp_path / "marks") == []
    assert read_marks(tmp_path / "none") == []


def test_private_file_is_private_and_whole(tmp_path):
    """Mode 0600 whatever the umask, replaced without a trace of the old."""
    path = tmp_path / "demo.json"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_ends_no_child(running, tmp_path):
    """Where the list of processes cannot be written, a killed child still comes back, and its companions stay."""
    supervisor, _, _, thread = running(Child("one", SLEEP), Child("two", SLEEP))
    (tmp_path / "marks").unlink()
    (tmp_path / "marks" / "in-the-way").mkdir(parents=True)
    before = last = supervisor.pids()
    for _ in range(2):
        os.kill(last["one"], signal.SIGKILL)
        until(lambda killed=last: supervisor.pids().get("one") not in {None, killed["one"]})
        last = supervisor.pids()
    assert thread.is_alive()
    assert supervisor.pids()["two"] == before["two"]
    (tmp_path / "marks" / "in-the-way").rmdir()
    (tmp_path / "marks").rmdir()


def test_child_that_cannot_be_started_again_is_tried_again(running, monkeypatch):
    """No process or no memory for a moment: the others go on, and it comes back."""
    supervisor, _, _, thread = running(Child("one", SLEEP), Child("two", SLEEP))
    before, start, failures = supervisor.pids(), supervisor._start, [1, 1]

    def starting(one):
        if failures:
            failures.pop()
            raise BlockingIOError(11, "no process")
        start(one)

    monkeypatch.setattr(supervisor, "_start", starting)
    os.kill(before["one"], signal.SIGKILL)
    until(lambda: supervisor.pids().get("one") not in {None, before["one"]})
    assert thread.is_alive()
    assert supervisor.pids()["two"] == before["two"]
