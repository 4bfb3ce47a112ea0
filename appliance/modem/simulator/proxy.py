"""The weather of the link: a TCP relay between box and broker that can be cut, or made slow (contracts.md §4)."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from appliance.runtime.clock import Clock

Address = tuple[str, int]

SLOW_DELAY_S = 0.3
"""One way: a round trip of 600 ms, as GPRS has it."""
SLOW_RATE = 4_000.0
"""Octets a second each way: 32 kbit/s, a middling GPRS link."""
_CHUNK = 4096
_QUEUE = 1 << 16
_SLOW_QUEUE = 1 << 13
"""Octets under way on a slow link: two seconds, so that it is slow and not late by minutes."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: close() sends RST."""


class LinkState(StrEnum):
    """The weather of the link."""

    OK = "ok"
    CUT = "cut"
    SLOW = "2g"


@dataclass(slots=True, eq=False)
class _Pipe:
    """One direction of one connection."""

    source: socket.socket
    sink: socket.socket
    queue: deque[tuple[float, bytes]] = field(default_factory=deque)
    size: int = 0
    free_at: float = 0.0
    ended: bool = False
    """The source will send no more."""


@dataclass(slots=True, eq=False)
class _Connection:
    client: socket.socket
    server: socket.socket
    up: _Pipe
    down: _Pipe
    connected: bool = False


class LinkProxy:
    """Relays ``listen`` to ``target``. One thread owns all sockets; ``set_state`` holds it still and is then in force."""

    def __init__(self, listen: Address, target: Address, clock: Clock) -> None:
        self.listen = listen
        self.target = target
        self.state = LinkState.OK
        self._clock = clock
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._wake: tuple[int, int] | None = None
        self._connections: list[_Connection] = []

    def open(self) -> None:
        """Start to listen; raises OSError when the address is taken."""
        try:
            listener = socket.create_server(self.listen, backlog=128)
        except OSError as error:
            host, port = self.listen
            raise OSError(error.errno, f"the link cannot listen on {host}:{port}: {error.strerror}") from error
        listener.setblocking(False)
        self.listen = listener.getsockname()[:2]
        self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._listener = listener

    def close(self) -> None:
        """End every connection; harmless when it is closed."""
        with self._lock:
            self._reset_all()
            listener, self._listener = self._listener, None
            wake, self._wake = self._wake, None
            if listener:
                listener.close()
            for end in wake or ():
                os.close(end)

    def set_state(self, state: LinkState) -> None:
        """Change the weather; in force when this returns. Connections that hung in a cut are reset when it ends."""
        with self._lock:
            if self.state is LinkState.CUT and state is not LinkState.CUT and self._listener is not None:
                self._take_in(self._listener, reset=True)
                self._reset_all()
            self.state = state
            self._nudge()

    def connections(self) -> int:
        """How many connections there are now."""
        with self._lock:
            return len(self._connections)

    # --- the thread ---

    def step(self, _stop: threading.Event) -> None:
        """Wait up to half a second for something to relay, and relay it; the owner thread calls this repeatedly."""
        with self._lock:
            if self._wake is None or self._listener is None:
                return
            selector, timeout = self._selector(), self._timeout()
        ready = selector.select(timeout)
        with self._lock:
            selector.close()
            if not self._hear():
                return
            if self.state is LinkState.CUT:
                return
            self._take_in(self._listener, reset=False)
            signalled: set[object] = {key.fileobj for key, _ in ready}
            for connection in list(self._connections):
                self._serve(connection, signalled)

    def _hear(self) -> bool:
        """Take the wake-ups; False when it was closed meanwhile."""
        if self._wake is None:
            return False
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake[0], _CHUNK)
        return True

    def _selector(self) -> selectors.DefaultSelector:
        assert self._wake is not None
        assert self._listener is not None
        selector = selectors.DefaultSelector()
        selector.register(self._wake[0], selectors.EVENT_READ)
        if self.state is LinkState.CUT:
            return selector
        selector.register(self._listener, selectors.EVENT_READ)
        room = _SLOW_QUEUE if self.state is LinkState.SLOW else _QUEUE
        now = self._clock.monotonic()
        for connection in self._connections:
            for end, inward, outward in (
                (connection.client, connection.up, connection.down),
                (connection.server, connection.down, connection.up),
            ):
                events = 0
                if connection.connected and not inward.ended and inward.size < room:
                    events |= selectors.EVENT_READ
                if (outward.queue and outward.queue[0][0] <= now) or (
                    end is connection.server and not connection.connected
                ):
                    events |= selectors.EVENT_WRITE
                if events:
                    selector.register(end, events)
        return selector

    def _timeout(self) -> float:
        now = self._clock.monotonic()
        dues = [
            pipe.queue[0][0] - now
            for connection in self._connections
            for pipe in (connection.up, connection.down)
            if pipe.queue and pipe.queue[0][0] > now
        ]
        return min(0.5, *dues) if dues else 0.5

    def _take_in(self, listener: socket.socket, *, reset: bool) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.setblocking(False)
            if reset:
                _reset(client)
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = socket.socket(socket.AF_INET6 if ":" in self.target[0] else socket.AF_INET)
            server.setblocking(False)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if server.connect_ex(self.target) not in {0, errno.EINPROGRESS}:
                _reset(server)
                _reset(client)
                continue
            self._connections.append(_Connection(client, server, _Pipe(client, server), _Pipe(server, client)))

    def _serve(self, connection: _Connection, signalled: set[object]) -> None:
        try:
            if not connection.connected:
                if connection.server not in signalled:
                    return
                problem = connection.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if problem:
                    raise OSError(problem, os.strerror(problem))
                connection.connected = True
            for pipe in (connection.up, connection.down):
                if pipe.source in signalled:
                    self._read(pipe)
                self._write(pipe)
        except OSError:
            self._drop(connection)
            return
        if connection.up.ended and connection.down.ended and not connection.up.queue and not connection.down.queue:
            self._drop(connection)

    def _read(self, pipe: _Pipe) -> None:
        if pipe.ended:
            return
        try:
            data = pipe.source.recv(_CHUNK)
        except BlockingIOError:
            return
        now = self._clock.monotonic()
        due = now
        if self.state is LinkState.SLOW:
            pipe.free_at = max(now, pipe.free_at) + len(data) / SLOW_RATE
            due = pipe.free_at + SLOW_DELAY_S
        pipe.ended = not data
        pipe.queue.append((due, data))
        pipe.size += len(data)

    def _write(self, pipe: _Pipe) -> None:
        now = self._clock.monotonic()
        while pipe.queue and pipe.queue[0][0] <= now:
            due, data = pipe.queue.popleft()
            if not data:
                pipe.sink.shutdown(socket.SHUT_WR)
                continue
            try:
                sent = pipe.sink.send(data)
            except BlockingIOError:
                sent = 0
            pipe.size -= sent
            if sent < len(data):
                pipe.queue.appendleft((due, data[sent:]))
                return

    def _drop(self, connection: _Connection) -> None:
        self._connections.remove(connection)
        _reset(connection.client)
        _reset(connection.server)

    def _reset_all(self) -> None:
        for connection in list(self._connections):
            self._drop(connection)

    def _nudge(self) -> None:
        if self._wake is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake[1], b"!")


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.close()
