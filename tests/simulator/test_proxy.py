"""The weather of the link, on real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from appliance.modem.simulator.proxy import LinkProxy, LinkState
from appliance.runtime.clock import SystemClock
from appliance.runtime.worker import Worker


class Echo:
    """A server that sends back what it gets."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()[:2]
        self.ends: list[socket.socket] = []
        self.threads = [threading.Thread(target=self.accept, name="echo", daemon=True)]
        self.threads[0].start()

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                end, _ = self.listener.accept()
                self.ends.append(end)
                thread = threading.Thread(target=self.answer, args=(end,), name="echo", daemon=True)
                self.threads.append(thread)
                thread.start()

    def answer(self, end: socket.socket) -> None:
        with suppress(OSError), end:
            while data := end.recv(4096):
                end.sendall(data)

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in self.ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(2)


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[LinkProxy]:
    stop = threading.Event()
    made = LinkProxy(("127.0.0.1", 0), echo.address, SystemClock())
    made.open()
    worker = Worker("proxy", made.step, stop)
    worker.start()
    yield made
    stop.set()
    made.close()
    worker.join(2)


def connect(proxy: LinkProxy) -> socket.socket:
    return socket.create_connection(proxy.listen, timeout=5)


def test_fair_weather_relays_both_ways_and_the_end(proxy: LinkProxy) -> None:
    """A megabyte comes back whole, and a closed half closes the other."""
    data = bytes(range(256)) * 4096
    with connect(proxy) as end:
        sender = threading.Thread(target=lambda: (end.sendall(data), end.shutdown(socket.SHUT_WR)), name="sender")
        sender.start()
        back = bytearray()
        while chunk := end.recv(65536):
            back += chunk
        sender.join()
    assert bytes(back) == data


def test_cut_is_silent_and_ends_with_a_reset(proxy: LinkProxy) -> None:
    """Old and new connections hang without a word; when the link is back they are reset, and new ones work."""
    with connect(proxy) as old:
        old.sendall(b"before")
        assert old.recv(100) == b"before"
        proxy.set_state(LinkState.CUT)
        with connect(proxy) as new:
            for end in (old, new):
                end.sendall(b"lost")
                end.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    end.recv(100)
                end.settimeout(5)
            proxy.set_state(LinkState.OK)
            for end in (old, new):
                with pytest.raises(ConnectionResetError):
                    end.recv(100)
    with connect(proxy) as fresh:
        fresh.sendall(b"again")
        assert fresh.recv(100) == b"again"


def test_slow_link_delays_and_limits(proxy: LinkProxy) -> None:
    """A round trip takes at least 600 ms, and 4,000 octets one second more."""
    proxy.set_state(LinkState.SLOW)
    with connect(proxy) as end:
        start = time.monotonic()
        end.sendall(b"x")
        assert end.recv(1) == b"x"
        assert 0.6 <= time.monotonic() - start < 2
        start = time.monotonic()
        end.sendall(b"y" * 2000)
        left = 2000
        while left:
            left -= len(end.recv(left))
        assert time.monotonic() - start >= 1.1


def test_no_broker_resets_the_client(proxy: LinkProxy, echo: Echo) -> None:
    """When nobody listens behind the proxy the client hears so."""
    echo.close()
    with pytest.raises(ConnectionResetError), connect(proxy) as end:
        end.recv(1)
