"""Hostile and unlucky input on the real processes: a clear answer each, and nothing lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from demo_support import Demo, request, wait_for

pytestmark = pytest.mark.xdist_group("unlucky")

VILLAGER = "+252615550601"
TEXTS = {
    "script": "<script>alert(document.cookie)</script><img src=x onerror=alert(1)>",
    "bidi": "pay \u202e001\u202c to \u2066us\u2069 \u200fnow",
    "emoji": "👩‍👩‍👧‍👦 no water 🚱🏽",
    "nul": "before\x00after",
    "surrogate": "half \ud83d of a face",
    "formula": '=HYPERLINK("http://example.invalid")',
    "long": "علم " * 500,
    "combining": "a" + "\u0301" * 300,
    "newlines": "one\r\ntwo\nthree\rfour",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for the whole module."""
    running = Demo(Path(tmp_path_factory.mktemp("unlucky")))
    running.start()
    yield running
    running.stop()


def shown(text: str) -> str:
    """What is kept of a text: NUL and lone surrogates become U+FFFD, all else stays."""
    return "".join("\ufffd" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in text)


def page(demo: Demo, path: str) -> str:
    """A page of the box as a logged-in person gets it."""
    info = demo.info["box"]
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    form = opener.open(f"{info['url']}/login", timeout=10).read().decode()
    secret = form.split('name="csrf_token" value="')[1].split('"')[0]
    data = urllib.parse.urlencode({"name": info["user"], "password": info["password"], "csrf_token": secret}).encode()
    opener.open(f"{info['url']}/login", data, timeout=10).read()
    return opener.open(info["url"] + path, timeout=10).read().decode()


@pytest.mark.parametrize("name", TEXTS)
def test_text_from_a_villager_is_kept_and_shown_harmlessly(demo: Demo, name: str) -> None:
    """Whatever a phone sends arrives whole on the box and the hub, and never as markup."""
    villager = f"+2526155506{20 + list(TEXTS).index(name)}"
    demo.text(villager, TEXTS[name])
    message = wait_for(lambda: [m for m in demo.messages("box") if m["from"] == villager and m["state"] == "received"])[
        0
    ]
    assert message["text"] == shown(TEXTS[name])
    assert (
        wait_for(lambda: [m for m in demo.messages("hub") if m["id"] == message["id"] and m["state"] == "received"])[0][
            "text"
        ]
        == message["text"]
    )
    html = page(demo, f"/c/{message['conversation']}")
    assert "<script>alert" not in html
    assert "<img src=x" not in html


@pytest.mark.parametrize("name", sorted(set(TEXTS) - {"long"}))
def test_text_from_staff_reaches_the_handset(demo: Demo, name: str) -> None:
    """What the box accepts is what the phone shows."""
    villager = f"+2526155507{20 + list(TEXTS).index(name)}"
    record = demo.send("box", villager, TEXTS[name], key=f"unlucky-{name}")
    wait_for(lambda: demo.message("box", record)["state"] == "delivered")
    assert [m["text"] for m in demo.inbox(villager)] == [shown(TEXTS[name])]


@pytest.mark.parametrize(
    ("text", "code"), [("", "input.empty"), ("  \n ", "input.empty"), ("x" * 2000, "input.too-long")]
)
def test_text_that_cannot_go_is_refused_in_words(demo: Demo, text: str, code: str) -> None:
    """Empty and too long: 422 with the reason, and nothing is kept."""
    nobody = "+252615550699"
    answer = demo.api("box", "POST", "/api/v1/messages", {"to": nobody, "text": text})
    assert (answer.status, answer.body["code"]) == (422, code)
    assert answer.body["detail"]
    assert not [m for m in demo.messages("box") if m["to"] == nobody]


def test_wrong_password_and_no_token_open_nothing(demo: Demo) -> None:
    """The answer says what is wrong and gives nothing away."""
    url = demo.info["box"]["url"]
    assert request("GET", f"{url}/api/v1/messages").status == 401
    assert request("GET", f"{url}/api/v1/messages", token="fb_wrong").status == 401
    html = urllib.request.urlopen(f"{url}/", timeout=10).read().decode()
    assert 'name="password"' in html
    assert "+252" not in html


def test_taken_port_is_named_before_anything_starts(demo: Demo, tmp_path: Path) -> None:
    """A second demo on the same ports says which, ends with 1, and leaves the first alone."""
    command = [
        sys.executable,
        "-m",
        "appliance.cli",
        "demo",
        "--base-port",
        str(demo.base),
        "--data",
        str(tmp_path),
        "--no-browser",
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30, cwd=tmp_path)
    assert done.returncode == 1
    assert str(demo.base) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert demo.api("box", "GET", "/api/v1/status").status == 200


def test_broker_down_is_said_and_sms_goes_on(demo: Demo) -> None:
    """Without a broker the box works; what it could not tell waits."""
    os.kill(demo.pid("broker"), signal.SIGSTOP)
    try:
        record = demo.send("box", VILLAGER, "SMS works", key="broker-down")
        wait_for(lambda: demo.message("box", record)["state"] == "delivered")
        wait_for(lambda: demo.api("box", "GET", "/api/v1/status").body["link"]["state"] == "offline", 60)
        assert demo.api("box", "GET", "/api/v1/status").body["link"]["waiting"] > 0
    finally:
        demo.kill("broker")
    wait_for(lambda: demo.api("box", "GET", "/api/v1/status").body["link"]["waiting"] == 0, 60)
    assert demo.message("hub", record)["state"] == "delivered"


def test_missing_modem_is_said_and_what_is_written_waits(tmp_path: Path) -> None:
    """No modem at all: the box serves, says so, keeps what is written, and sends it when a modem comes."""
    demo = Demo(tmp_path)
    demo.start()
    try:
        imei = demo.api("box", "GET", "/api/v1/status").body["modems"][0]["imei"]
        demo.village("POST", f"/modems/{imei}/power", {"off_s": 8})
        wait_for(lambda: demo.api("box", "GET", "/api/v1/status").body["modems"][0]["state"] != "ready")
        record = demo.send("box", VILLAGER, "later", key="later")
        assert demo.message("box", record)["state"] in {"queued", "waiting"}
        wait_for(lambda: demo.message("box", record)["state"] == "delivered", 60)
        assert [m["text"] for m in demo.inbox(VILLAGER)] == ["later"]
    finally:
        assert demo.stop() == 0


def test_crashed_demo_leaves_nothing_that_stops_the_next(tmp_path: Path) -> None:
    """SIGKILL of the supervisor: its children die with it, and the next start keeps the data."""
    demo = Demo(tmp_path)
    demo.start()
    demo.text(VILLAGER, "before the crash")
    wait_for(lambda: [m for m in demo.messages("box") if m["from"] == VILLAGER])
    pids = [demo.pid(name) for name in ("broker", "box modem", "box web", "hub ingest")]
    assert demo.process is not None
    demo.process.kill()
    demo.process.wait(10)
    wait_for(lambda: not any(Path(f"/proc/{pid}/stat").exists() for pid in pids), 10)
    seconds = demo.start()
    try:
        assert [m["text"] for m in demo.messages("box") if m["from"] == VILLAGER] == ["before the crash"]
        assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600
        assert seconds < 30
    finally:
        assert demo.stop() == 0


def test_logs_of_a_whole_run_hold_no_text_and_no_full_number(demo: Demo) -> None:
    """I13: after all of the above, no log line carries a message text or a phone number in full."""
    demo.text("+252615550688", "canary in the coal mine")
    wait_for(lambda: [m for m in demo.messages("hub") if m["from"] == "+252615550688"])
    for log in (demo.data / "log").glob("*.log"):
        said = log.read_text("utf-8", "replace")
        assert "canary" not in said, log
        assert "615550688" not in said, log
        assert demo.info["box"]["token"] not in said, log


def test_servers_listen_on_loopback_alone(demo: Demo) -> None:
    """Nothing of a demo can be reached from another machine."""
    listening = {
        line.split()[1]
        for path in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(path).read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    }
    for offset in (0, 10, 20, 30, 31):
        port = f"{demo.base + offset:04X}"
        hosts = {address.rpartition(":")[0] for address in listening if address.endswith(f":{port}")}
        assert hosts == {f"{int.from_bytes(socket.inet_aton('127.0.0.1'), 'little'):08X}"}, offset
