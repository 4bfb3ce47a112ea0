"""The one module that knows paho: a single MQTT 3.1.1 connection, from connecting to its end.

A Connection lives once: a lost one is thrown away together with everything paho held in memory, and the owner makes a new
one when its back-off says so. paho turns on a thread of ours; its callbacks only put events into a bounded queue. All
decisions are the owner's. A PUBACK proves nothing here and is only used to see that the broker still answers.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from appliance.runtime.clock import Clock
from appliance.runtime.settings import SettingsError

log = logging.getLogger(__name__)

INFLIGHT = 20
"""Messages without PUBACK; more makes paho slower."""
QUEUED = 1000
"""Messages paho may hold beyond INFLIGHT; what comes after is refused, and sent again by the link's own rules."""
EVENTS = 2000
"""Bound of the queue between paho's thread and the owner; what does not fit is dropped like any loss on the way."""
EVENT_BYTES = 16 * 1024 * 1024
"""And bound of what their payloads take together: a broker may let through messages of any size."""
TURN_S = 0.5
_REFUSALS = frozenset({"Bad user name or password", "Not authorized", "Client identifier not valid"})


class BrokerUrlError(SettingsError):
    """The address of the broker cannot be used; its message is a sentence for staff."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is and who we are to it."""

    host: str
    port: int
    user: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of a connection, in seconds."""

    connect_s: float = 60.0
    keepalive_s: int = 10
    user_timeout_s: float = 20.0
    """TCP_USER_TIMEOUT (RFC 5482): how long sent bytes may stay unacknowledged by the other end's kernel."""
    stuck_s: float = 30.0
    """Without a turn of paho's loop for so long, the connection is given up."""


@dataclass(frozen=True, slots=True)
class Will:
    """A retained message: said by the broker when the connection breaks."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Login:
    """What a connection says when it connects: who it is, what it wants to hear, what is said when it breaks."""

    client_id: str
    subscribe: tuple[str, ...]
    will: Will


@dataclass(frozen=True, slots=True)
class Up:
    """The broker accepted us and granted every subscription."""


@dataclass(frozen=True, slots=True)
class Down:
    """The connection is over; ``refused`` when the broker will not have us at all."""

    reason: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message; ``retained`` when it is the broker's memory of an earlier one."""

    topic: str
    payload: bytes
    retained: bool = False


Event: TypeAlias = Up | Down | Arrived


def parse_url(url: str, *, user: str = "", password: str = "") -> Broker:
    """The broker at ``mqtt://host:port``; raises BrokerUrlError with a sentence."""
    try:
        parts = urlsplit(url)
        port = parts.port or 1883
    except ValueError as error:
        raise BrokerUrlError(f"{url[:60]!r} is no broker's address; write it like mqtt://127.0.0.1:8110.") from error
    if parts.scheme != "mqtt" or not parts.hostname or parts.path not in {"", "/"}:
        raise BrokerUrlError(f"{url[:60]!r} is no broker's address; write it like mqtt://127.0.0.1:8110.")
    return Broker(parts.hostname, port, user or parts.username or "", password or parts.password or "")


class Mailbox:
    """A bounded queue that an owner can poll together with other descriptors."""

    def __init__(self, limit: int = EVENTS, limit_bytes: int = EVENT_BYTES) -> None:
        self._events: deque[tuple[object, Event]] = deque()
        self._limit, self._limit_bytes = limit, limit_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self.dropped = 0

    def put(self, source: object, event: Event) -> None:
        """Adds an event; drops a message (counted), never anything else, when the owner is too far behind."""
        with self._lock:
            size = len(event.payload) if isinstance(event, Arrived) else 0
            full = len(self._events) >= self._limit or self._bytes + size > self._limit_bytes
            if full and isinstance(event, Arrived):
                self.dropped += 1
                return
            self._events.append((source, event))
            self._bytes += size
        with contextlib.suppress(BlockingIOError, OSError):
            self._write.send(b"!")

    def wait(self, timeout: float, others: Iterable[int] = ()) -> None:
        """Returns when there is an event, one of the descriptors ``others`` is readable, or ``timeout`` s passed."""
        poll = select.poll()
        for descriptor in (self._read.fileno(), *others):
            poll.register(descriptor, select.POLLIN)
        poll.poll(max(0, round(timeout * 1000)))

    def take(self, source: object, limit: int = 100) -> list[Event]:
        """Events of ``source``, oldest first, at most ``limit``; those of other sources (ended connections) vanish."""
        with contextlib.suppress(BlockingIOError):
            self._read.recv(4096)
        found: list[Event] = []
        with self._lock:
            while self._events and len(found) < limit:
                origin, event = self._events.popleft()
                self._bytes -= len(event.payload) if isinstance(event, Arrived) else 0
                if origin is source:
                    found.append(event)
            more = bool(self._events)
        if more:
            with contextlib.suppress(BlockingIOError, OSError):
                self._write.send(b"!")
        return found

    def close(self) -> None:
        """Frees the descriptors."""
        self._read.close()
        self._write.close()


class Connection:
    """One MQTT connection; ``open`` once, then events arrive in the mailbox until Down."""

    def __init__(self, broker: Broker, login: Login, *, mailbox: Mailbox, clock: Clock, timing: Timing) -> None:
        self._broker = broker
        self._login = login
        self._mailbox = mailbox
        self._clock = clock
        self._timing = timing
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._turned = 0.0
        self._refusal: Down | None = None
        self._client: Client | None = None

    def open(self) -> None:
        """Begins to connect, on a thread of its own; returns at once."""
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._login.client_id,
            clean_session=True,
            protocol=MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = self._timing.connect_s
        client.max_inflight_messages_set(INFLIGHT)
        client.max_queued_messages_set(QUEUED)
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password)
        client.will_set(self._login.will.topic, self._login.will.payload, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_socket_open = self._on_socket_open
        # Having this callback tells paho that another thread does the writing: publish() then only queues and wakes it.
        client.on_socket_register_write = _leave_writing_to_the_loop
        self._client = client
        self._turned = self._clock.monotonic()
        self._thread = threading.Thread(
            target=self._run, args=(client,), name=f"mqtt-{self._login.client_id}", daemon=True
        )
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hands a message to paho (QoS 1); False when it cannot take it, and the message is then lost."""
        if self._client is None or self._ending.is_set():
            return False
        return self._client.publish(topic, payload, qos=1, retain=retain).rc == MQTT_ERR_SUCCESS

    def stuck(self) -> bool:
        """The watchdog's question: whether paho's thread is gone or has not turned for too long.

        Connecting may take its own time-out and is not stuck before that.
        """
        patience = self._timing.stuck_s + self._timing.connect_s
        thread = self._thread
        return thread is None or not thread.is_alive() or self._clock.monotonic() - self._turned > patience

    def close(self, *, wait_s: float = 2.0) -> None:
        """Ends the connection in order: what was published goes out within ``wait_s``, no last will is said."""
        self._ending.set()
        thread, client = self._thread, self._client
        if thread is None or client is None:
            return
        thread.join(wait_s)
        if thread.is_alive():
            log.warning("mqtt thread of %s did not end in time", self._login.client_id)

    def abandon(self) -> None:
        """Gives the connection up at once, without waiting for its thread; the broker says the last will."""
        self._ending.set()
        sock = self._client.socket() if self._client is not None else None
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    # --- on paho's thread ------------------------------------------------------------------------------------

    def _run(self, client: Client) -> None:
        reason = "ended"
        try:
            client.connect(self._broker.host, self._broker.port, keepalive=self._timing.keepalive_s)
            reason = self._turn_until_end(client)
        except OSError as error:
            reason = error.strerror or type(error).__name__
        finally:
            self._mailbox.put(self, self._refusal or Down(reason))

    def _turn_until_end(self, client: Client) -> str:
        while not self._ending.is_set():
            self._turned = self._clock.monotonic()
            code = client.loop(TURN_S)
            if code != MQTT_ERR_SUCCESS:
                return str(code.name)
        while client.want_write() and client.loop(TURN_S) == MQTT_ERR_SUCCESS:
            pass
        client.disconnect()
        client.loop(TURN_S)
        return "ended"

    def _on_connect(
        self, client: Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self._refusal = Down(str(reason), refused=str(reason) in _REFUSALS)
            return
        client.subscribe([(topic, 1) for topic in self._login.subscribe])

    def _on_subscribe(
        self, _client: Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = Down("subscription refused", refused=True)
            self._ending.set()
            return
        self._mailbox.put(self, Up())

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        self._mailbox.put(self, Arrived(topic, bytes(message.payload), retained=message.retain))

    def _on_publish(self, _client: Client, _data: object, _mid: int, reason: ReasonCode, _properties: object) -> None:
        if reason.is_failure:
            log.warning("the broker refused a message: %s", reason)

    def _on_socket_open(self, _client: Client, _data: object, sock: Any) -> None:
        milliseconds = round(self._timing.user_timeout_s * 1000)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _leave_writing_to_the_loop(_client: Client, _data: object, _sock: object) -> None:
    """See Connection.open."""
