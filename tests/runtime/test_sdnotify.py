from __future__ import annotations

import os
import socket

import pytest

from appliance.runtime.clock import FakeClock
from appliance.runtime.sdnotify import Watchdog, notify


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener, str(tmp_path / "notify")


def test_notify_reaches_the_manager(manager):
    """The state arrives as it was said."""
    listener, path = manager
    assert notify("READY=1", environ={"NOTIFY_SOCKET": path})
    assert listener.recv(100) == b"READY=1"


def test_notify_without_manager_is_silent(tmp_path):
    """Without systemd, or with a dead socket, nothing happens."""
    assert not notify("READY=1", environ={})
    assert not notify("READY=1", environ={"NOTIFY_SOCKET": str(tmp_path / "none")})


def test_watchdog_speaks_only_when_fed_and_not_too_often(manager):
    """Silence is the default; feeding repeats at most four times an interval."""
    listener, path = manager
    clock = FakeClock()
    dog = Watchdog(clock, environ={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "8000000", "WATCHDOG_PID": str(os.getpid())})
    assert dog.interval_s == 8
    dog.feed(), dog.feed()
    assert listener.recv(100) == b"WATCHDOG=1"
    with pytest.raises(BlockingIOError):
        listener.recv(100)
    clock.advance(2)
    dog.feed()
    assert listener.recv(100) == b"WATCHDOG=1"


def test_watchdog_of_another_process_is_not_ours():
    """A child does not feed its parent's watchdog."""
    assert Watchdog(FakeClock(), environ={"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "1"}).interval_s is None
