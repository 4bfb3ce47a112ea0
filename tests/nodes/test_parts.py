from __future__ import annotations

import contextlib
import socket
import threading
import urllib.error
import urllib.request

import pytest

from appliance.nodes import box, hub
from appliance.nodes.demo_files import Folder, Ports, prepare
from appliance.nodes.parts import Parts, Together, build, web_key
from appliance.runtime.clock import SystemClock
from appliance.runtime.settings import SettingsError, load

CLOCK = SystemClock()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def box_settings(tmp_path, port=0):
    config = tmp_path / "box.toml"
    config.write_text(
        f'[node]\nname = "one"\nkind = "box"\ndata = "data"\n\n[web]\nlisten = "127.0.0.1:{port}"\n', "utf-8"
    )
    return load(config)


def test_web_key_is_made_once_and_private(tmp_path):
    """Sessions outlive restarts because the key does; nobody else can read it."""
    path = tmp_path / "data" / "web.key"
    key = web_key(path)
    assert len(key) == 32
    assert web_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("zz")
    with pytest.raises(ValueError, match="hex"):
        web_key(path)


def test_web_and_jobs_run_together_and_end_in_order(tmp_path):
    """Several services run as threads of one process, answer, and end when told to."""
    port, stop = free_port(), threading.Event()
    with contextlib.ExitStack() as stack:
        parts = Parts(box_settings(tmp_path, port), stop, stack)
        service = build(["web", "jobs"], box.SERVICES, parts)
        assert isinstance(service, Together)
        thread = threading.Thread(target=service.run, args=(stop,))
        thread.start()
        try:
            assert _get(f"http://127.0.0.1:{port}/healthz") == 200
            assert _get(f"http://127.0.0.1:{port}/api/v1/status") == 401
        finally:
            stop.set()
            thread.join(10)
        assert not thread.is_alive()


def test_watchdog_of_the_web_is_fed_by_pages_really_served(tmp_path, monkeypatch):
    """The service manager hears of life only from a page that was answered."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        stop = threading.Event()
        with contextlib.ExitStack() as stack:
            service = box.SERVICES["web"](Parts(box_settings(tmp_path, free_port()), stop, stack))
            thread = threading.Thread(target=service.run, args=(stop,))
            thread.start()
            try:
                assert [manager.recv(50) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            finally:
                stop.set()
                thread.join(10)
            assert not thread.is_alive()


def _get(url: str) -> int:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            threading.Event().wait(0.02)
    raise AssertionError(f"{url} never answered")


def test_one_failing_service_ends_all_together(tmp_path):
    """A service that fails ends its companions, so that the supervisor starts all afresh."""

    class Failing:
        name = "failing"

        def run(self, stop):
            raise ValueError("broken")

    class Steady:
        name = "steady"

        def run(self, stop):
            stop.wait()

    stop = threading.Event()
    thread = threading.Thread(target=Together([Steady(), Failing()]).run, args=(stop,))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert stop.is_set()


def test_link_without_broker_says_what_to_set(tmp_path):
    """A box without a hub works; only its link service has nothing to do, and says so."""
    with contextlib.ExitStack() as stack, pytest.raises(SettingsError, match=r"link\.broker"):
        box.SERVICES["link"](Parts(box_settings(tmp_path), threading.Event(), stack))


def test_lists_of_services_are_those_of_the_contract():
    """demo.json names them, units are called after them."""
    assert tuple(box.SERVICES) == ("modem", "link", "web", "jobs")
    assert tuple(hub.SERVICES) == ("ingest", "web", "jobs")


def test_lost_secrets_make_a_new_password_for_the_same_account(tmp_path):
    """Whoever deletes the secrets of a demo gets new ones and keeps the conversations."""
    folder = Folder(tmp_path)
    folder.make()
    first = prepare(folder, Ports(8080), CLOCK)
    folder.secrets.unlink()
    second = prepare(folder, Ports(8180), CLOCK)
    assert second.box_password != first.box_password
    assert second.box_token != first.box_token
    assert load(folder.box).web.listen == "127.0.0.1:8180"
    assert prepare(folder, Ports(8180), CLOCK) == second
    assert all(file.stat().st_mode & 0o077 == 0 for file in (folder.secrets, folder.box, folder.hub))


def test_port_left_by_a_crashed_village_is_not_followed(tmp_path):
    """The link to the modem's port may lead nowhere at the start; the settings name the link, not where it led."""
    folder = Folder(tmp_path)
    folder.make()
    folder.modem.symlink_to("/dev/pts/99999")
    prepare(folder, Ports(8080), CLOCK)
    assert load(folder.box).modems[0].port == str(folder.modem)


def test_fresh_forgets_only_what_a_demo_made(tmp_path):
    """A file of somebody else in the folder stays."""
    folder = Folder(tmp_path)
    folder.make()
    prepare(folder, Ports(8080), CLOCK)
    (tmp_path / "thesis.txt").write_text("mine")
    folder.forget()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
