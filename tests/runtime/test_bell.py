from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

from appliance.runtime.bell import Bell, BellClosedError


@pytest.fixture
def folder(tmp_path):
    # Longer than a socket address may be, on purpose.
    return tmp_path / ("long" * 30) / "bells"


def test_ring_wakes_others_and_itself(folder):
    """Every listener of the directory wakes, the ringer too; several rings count as one."""
    one, two = Bell(folder, "web"), Bell(folder, "modem")
    one.open(), two.open()
    one.ring(), two.ring()
    assert one.wait(1)
    assert two.wait(1)
    assert not one.wait(0)
    one.close(), two.close()
    assert list(folder.iterdir()) == []


def test_ring_from_another_process_wakes_a_waiting_thread(folder):
    """A process that never listens can ring."""
    bell = Bell(folder, "web")
    bell.open()
    rang = []
    waiter = threading.Thread(target=lambda: rang.append(bell.wait(20)))
    waiter.start()
    program = (
        f"from pathlib import Path; from appliance.runtime.bell import Bell; Bell(Path({str(folder)!r}), 'x').ring()"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=20)
    waiter.join(20)
    assert rang == [True]
    bell.close()


def test_stale_socket_is_removed(folder):
    """The socket of a killed process is taken away by the next ring, and disturbs nobody."""
    folder.mkdir(parents=True)
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    short = folder.parent.parent / "s"
    dead.bind(str(short))
    dead.close()
    short.rename(folder / "dead.bell")
    bell = Bell(folder, "web")
    bell.open()
    bell.ring()
    assert bell.wait(1)
    assert not (folder / "dead.bell").exists()
    bell.close()


def test_full_listener_never_blocks_the_ringer(folder):
    """Ringing someone who never listens returns at once, for ever."""
    bell = Bell(folder, "deaf")
    bell.open()
    for _ in range(2_000):
        bell.ring()
    assert bell.wait(1)
    assert not bell.wait(0)
    bell.close()


def test_ring_without_directory_says_nothing(tmp_path):
    """A hint is never an error."""
    Bell(tmp_path / "nowhere", "x").ring()


def test_open_and_close_may_be_repeated(folder):
    """Both are idempotent; a closed bell says so when it is asked to wait."""
    bell = Bell(folder, "web")
    bell.close()
    bell.open(), bell.open()
    assert len(list(folder.iterdir())) == 1
    bell.close(), bell.close()
    with pytest.raises(BellClosedError):
        bell.wait(0)
