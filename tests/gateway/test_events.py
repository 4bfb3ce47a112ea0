"""Server-sent events over a real waitress on loopback: live, resumable, bounded, and ended promptly."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import waitress
from gateway.node_site import Site, make_site
from tests_support import AMINA, YUSUF, sms
from waitress import wasyncore

from appliance.gateway import ChangeFeed, events
from appliance.messaging import receive, status
from appliance.runtime.bell import Bell
from appliance.runtime.clock import SystemClock
from appliance.store import Store, open_store

PATIENCE_S = 10.0


@dataclass
class Stream:
    """One open stream, read block by block."""

    response: http.client.HTTPResponse
    connection: http.client.HTTPConnection
    last_id: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)

    def block(self) -> dict[str, str]:
        """The next block as its fields; a comment stands under ``""``. Raises EOFError at the end."""
        fields: dict[str, str] = {}
        while True:
            line = self.response.readline().decode()
            if not line:
                raise EOFError
            if line == "\n":
                self.last_id = fields.get("id", self.last_id)
                return fields
            name, _, value = line.rstrip("\n").partition(":")
            fields[name] = value.removeprefix(" ")

    def event(self) -> dict[str, str]:
        """The next block that is an event."""
        while True:
            fields = self.block()
            if "data" in fields:
                return fields

    def until(self, subject: object) -> list[str]:
        """The subjects of the events up to the one about ``subject``."""
        subjects = []
        while True:
            subjects.append(json.loads(self.event()["data"])["id"])
            if subjects[-1] == str(subject):
                return subjects

    def close(self) -> None:
        """Go away without a word."""
        self.response.close()
        self.connection.close()


class Server:
    """The site behind waitress, as the web service runs it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._sockets: dict[int, Any] = {}
        self._server = waitress.create_server(
            site.app, map=self._sockets, host="127.0.0.1", port=0, threads=26, channel_request_lookahead=1
        )
        self.port = self._server.effective_port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="waitress")
        self._streams: list[Stream] = []

    def open(self) -> None:
        """Serve, with the change feed."""
        self.site.feed.open()
        self._thread.start()

    def close(self) -> None:
        """End everything in order."""
        for stream in self._streams:
            stream.close()
        self.site.feed.close()
        self._stop.set()
        self._thread.join(PATIENCE_S)
        self._server.task_dispatcher.shutdown(timeout=PATIENCE_S)
        self._server.close()
        wasyncore.close_all(self._sockets)

    def listen(self, path: str = "/api/v1/events", **headers: str) -> Stream:
        """Open a stream; the first block has been read, so that nothing committed from now on is missed."""
        stream = self.request(path, **headers)
        assert stream.response.status == 200
        stream.block()
        return stream

    def request(self, path: str = "/api/v1/events", **headers: str) -> Stream:
        """Send a GET and read the head of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        sent = self.site.bearer | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers=sent)
        stream = Stream(connection.getresponse(), connection)
        self._streams.append(stream)
        return stream

    def _run(self) -> None:
        while not self._stop.is_set():
            wasyncore.loop(timeout=0.05, map=self._sockets, use_poll=True, count=1)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Store]:
    """A box's store with a bell, as the services open it, on the real clock."""
    store = open_store(
        f"sqlite:///{tmp_path}/box.db",
        node="baidoa",
        kind="box",
        clock=SystemClock(),
        bell=Bell(tmp_path / "bells", "modem"),
    )
    yield store
    store.close()


@pytest.fixture
def server(node: Store, tmp_path: Path) -> Iterator[Server]:
    """The whole web service over it."""
    site = make_site(node, bell=Bell(tmp_path / "bells", "feed"))
    running = Server(site)
    running.open()
    yield running
    running.close()


def _wait_for(condition) -> bool:
    end = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while time.monotonic() < end:
        if condition():
            return True
        pause.wait(0.02)
    return False


def test_change_arrives_at_once_and_without_the_text(server):
    """A committed message is told within well under a second, by id and conversation alone."""
    stream = server.listen()
    began = time.monotonic()
    record = receive.accept(server.site.store, sms("the secret text")).message
    found = None
    while found is None:
        fields = stream.event()
        assert "secret" not in str(fields)
        assert "252615" not in str(fields)
        data = json.loads(fields["data"])
        found = data if data["id"] == str(record) else None
    took = time.monotonic() - began

    assert fields["event"] == found["topic"] == "message"
    assert int(fields["id"]) > 0
    assert set(found) == {"topic", "id", "conversation"}
    assert found["conversation"] == server.site.get(f"/api/v1/messages/{record}").json["conversation"]
    assert took < 0.9  # less than the fallback poll: it was the bell


def test_head_of_the_stream_is_that_of_server_sent_events(server):
    """The media type, and nothing that would let a proxy hold it back."""
    head = server.request().response

    assert head.getheader("Content-Type").startswith("text/event-stream")
    assert head.getheader("Cache-Control") == "no-store"
    assert head.getheader("X-Accel-Buffering") == "no"


@pytest.mark.parametrize("by", ["header", "query"])
def test_stream_resumes_after_the_event_seen_last(server, by):
    """What was committed while nobody listened is told first, each change once and in order."""
    first = server.listen()
    one = receive.accept(server.site.store, sms("one")).message
    first.until(one)
    first.close()
    missed = [receive.accept(server.site.store, sms(f"missed {n}", YUSUF)).message for n in range(5)]

    if by == "header":
        second = server.listen(Last_Event_ID=first.last_id)
    else:
        second = server.listen(f"/api/v1/events?last_event_id={first.last_id}")
    live = receive.accept(server.site.store, sms("live")).message
    told = second.until(live)

    assert [each for each in told if each in {str(m) for m in (one, *missed, live)}] == [
        *map(str, missed),
        str(live),
    ]


def test_header_counts_more_than_the_query(server):
    """A browser comes back to the address it was first given, with the newer id in the header."""
    for number in range(3):
        receive.accept(server.site.store, sms(f"old {number}"))
    newest = status.last_change(server.site.store)
    stream = server.listen("/api/v1/events?last_event_id=1", Last_Event_ID=str(newest))
    record = receive.accept(server.site.store, sms("new")).message

    assert int(stream.event()["id"]) > newest
    stream.until(record)


def test_stream_without_an_id_can_be_resumed_before_its_first_event(server):
    """The first block carries the place, so that a break before any event loses nothing."""
    stream = server.listen()
    stream.close()
    record = receive.accept(server.site.store, sms("in the gap")).message

    assert str(record) in server.listen(Last_Event_ID=stream.last_id).until(record)


def test_id_of_another_store_is_answered_by_a_reset(server):
    """A client that knows more than there is must read all again."""
    stream = server.request(Last_Event_ID="999999999")
    fields = stream.block()

    assert fields["event"] == "reset"
    assert json.loads(fields["data"])["topic"] == "reset"
    assert int(fields["id"]) == status.last_change(server.site.store)


def test_forgotten_changes_are_answered_by_a_reset(server):
    """A client that was away for longer than changes are kept must read all again."""
    for number in range(5):
        receive.accept(server.site.store, sms(f"number {number}"))
    seen = status.changes(server.site.store, 0, 1)[0].seq
    status.prune_changes(server.site.store, keep=2)

    assert server.request(Last_Event_ID=str(seen)).block()["event"] == "reset"


def test_twenty_first_stream_is_refused_and_pages_still_answer(server):
    """503 with Retry-After; when one goes away there is room again, soon."""
    streams = [server.listen() for _ in range(20)]
    refused = server.request().response
    problem = json.loads(refused.read())
    assert (refused.status, problem["code"]) == (503, "api.too-many-streams")
    assert refused.getheader("Content-Type") == "application/problem+json"
    assert int(refused.getheader("Retry-After")) > 0
    assert server.request("/api/v1/status").response.status == 200

    for stream in streams[:2]:
        stream.close()
    assert _wait_for(lambda: server.site.feed.streams() == 18)

    assert server.request().response.status == 200


def test_all_streams_end_promptly_when_the_service_stops(server):
    """Readers see the end at once, and the threads are free."""
    streams = [server.listen() for _ in range(3)]
    began = time.monotonic()
    server.site.feed.close()
    for stream in streams:
        with pytest.raises(EOFError):
            stream.event()

    assert time.monotonic() - began < 2
    assert _wait_for(lambda: server.site.feed.streams() == 0)
    late = server.request().response
    assert (late.status, json.loads(late.read())["code"]) == (503, "api.not-ready")


def test_head_request_opens_no_stream(server):
    """HEAD answers and holds no place."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    connection.request("HEAD", "/api/v1/events", headers=server.site.bearer)
    answer = connection.getresponse()
    connection.close()

    assert answer.status == 200
    assert server.site.feed.streams() == 0


def test_many_writers_lose_nothing(server):
    """Four threads commit 80 messages while two streams listen, one of which breaks off again and again."""
    steady, broken = server.listen(), server.listen()
    records: list[str] = []

    def write(number: int) -> None:
        texts = [f"{number}.{turn}" for turn in range(20)]
        records.extend(str(receive.accept(server.site.store, sms(text)).message) for text in texts)
        server.site.store.release()

    writers = [threading.Thread(target=write, args=(number,), name=f"writer-{number}") for number in range(4)]
    for writer in writers:
        writer.start()
    seen: set[str] = set()
    while len(seen) < 40:
        seen.add(json.loads(broken.event()["data"])["id"])
        if len(seen) % 7 == 0:
            broken.close()
            broken = server.listen(Last_Event_ID=broken.last_id)
    for writer in writers:
        writer.join(PATIENCE_S)
    end = receive.accept(server.site.store, sms("the end", AMINA)).message
    seen |= set(broken.until(end))

    assert set(records) <= set(steady.until(end))
    assert set(records) <= seen


# --- without a server ----------------------------------------------------------------------------------------


def test_quiet_stream_beats_and_ends_after_its_life(node, tmp_path):
    """A comment when nothing happens for the time of a heartbeat; the end when its life is over."""
    feed = ChangeFeed(node)
    feed.open()
    view = events.Events(node, feed, SystemClock(), heartbeat_s=0.05, life_s=0.4)
    site = make_site(node)
    with site.app.test_request_context("/api/v1/events"):
        blocks = b"".join(view().response)
    feed.close()

    assert blocks.startswith(b"retry: ")
    assert 2 <= blocks.count(b": still here\n\n") <= 8


def test_slow_client_is_ended_and_not_waited_for(node, tmp_path):
    """A stream whose reader does not read is dropped; another gets everything."""
    feed = ChangeFeed(node, queue=10, bell=Bell(tmp_path / "bells", "feed"))
    feed.open()
    slow, quick = feed.join(), feed.join()
    got = []
    for number in range(15):
        receive.accept(node, sms(f"number {number}"))
        before = len(got)
        while len(got) == before:
            got += quick.take(PATIENCE_S) or []
    feed.close()

    assert slow.take(0) is None
    assert len(got) >= 15


def test_feed_reads_nothing_while_nobody_listens(node, monkeypatch):
    """An idle box does no work for pages that are not open."""
    asked = threading.Event()
    monkeypatch.setattr(status, "changes", lambda *_: asked.set() or [])
    feed = ChangeFeed(node)
    feed.open()
    rang = asked.wait(1.3)
    feed.close()

    assert not rang


def test_feed_ends_with_the_service(node):
    """The stop event of the service alone ends thread and streams."""
    stop = threading.Event()
    feed = ChangeFeed(node, stop=stop)
    feed.open()
    subscription = feed.join()
    stop.set()

    assert subscription.take(PATIENCE_S) is None
    feed.close()
    assert not feed.is_alive()


def test_event_of_a_change_is_one_block(node):
    """A subject that is no id is written as JSON, so that no line end breaks the block."""
    with node.write() as tx:
        tx.event("modem", "x\n\ndata: forged")
    block = events.event(status.changes(node, 0)[-1])

    assert block.count(b"\n\n") == 1
    assert json.loads(block.split(b"data: ", 1)[1])["id"] == "x\n\ndata: forged"
