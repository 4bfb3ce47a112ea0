"""Keeping a connection to the broker: one at a time, a new one after a jittered back-off, presence said on each."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Iterable
from dataclasses import dataclass

from appliance.link.client import Broker, Connection, Down, Event, Login, Mailbox, Timing, Up, Will
from appliance.runtime.clock import Clock
from appliance.wire import envelope
from appliance.wire.envelope import Presence

log = logging.getLogger(__name__)

CALM_S = 30.0
"""A connection that held so long was a good one: the next loss begins with the shortest wait again."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before connecting again: up to ``first_s``, doubled after each failure, up to ``cap_s``.

    The wait is drawn from the upper two thirds of that, so that a thousand boxes do not return in one instant.
    """

    first_s: float = 1.0
    cap_s: float = 60.0

    def wait(self, failures: int, dice: float) -> float:
        """Seconds to wait after so many failures in a row; ``dice`` is random in 0…1."""
        longest = min(self.cap_s, self.first_s * 2.0 ** min(failures, 16))
        return longest * (1 + 2 * dice) / 3


@dataclass(frozen=True, slots=True)
class Station:
    """A node as the broker sees it: its client id, what it hears, and where it says that it is there."""

    client_id: str
    hears: tuple[str, ...]
    presence: str


class Carrier:
    """The owner's side of the connection. All methods belong to one thread."""

    def __init__(
        self, broker: Broker, station: Station, *, clock: Clock, backoff: Backoff, timing: Timing | None = None
    ) -> None:
        self._broker = broker
        self._station = station
        self._clock = clock
        self._backoff = backoff
        self._timing = timing or Timing()
        self._mailbox = Mailbox()
        self._connection: Connection | None = None
        self._number = 0
        self._failures = 0
        self._next_try = 0.0
        self._up_since = 0.0
        self.up = False
        """Whether the broker accepted us and granted what we want to hear."""

    def wait(self, timeout: float, others: Iterable[int] = ()) -> None:
        """Returns when there is an event, a descriptor of ``others`` is readable, or after ``timeout`` s at most."""
        if self._connection is None:
            timeout = min(timeout, max(0.0, self._next_try - self._clock.monotonic()))
        self._mailbox.wait(timeout, others)

    def turn(self) -> list[Event]:
        """Connects when it is time, watches paho's thread, and gives what happened, in order."""
        if self._connection is None:
            if self._clock.monotonic() < self._next_try:
                return []
            self._connect()
        connection = self._connection
        if connection is None:
            return []
        stuck = connection.stuck()
        # Asked before the events are taken: a thread that ended in order has said Down by then.
        events = self._mailbox.take(connection)
        if stuck and not any(isinstance(event, Down) for event in events):
            connection.abandon()
            events.append(Down("its thread was stuck"))
        for event in events:
            match event:
                case Up():
                    self.up, self._up_since = True, self._clock.monotonic()
                    connection.publish(self._station.presence, self._presence(online=True), retain=True)
                case Down():
                    self._lost(event.reason)
        return events

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hands a message to the broker; False when there is none or it cannot take it now."""
        return self._connection is not None and self.up and self._connection.publish(topic, payload)

    def close(self) -> None:
        """Says that this node leaves, and ends the connection; within about 3 s."""
        if self._connection is not None:
            if self.up:
                self._connection.publish(self._station.presence, self._presence(online=False), retain=True)
            self._connection.close()
            self._connection = None
        self.up = False
        self._mailbox.close()

    def _connect(self) -> None:
        # Random, not counted: after a power cut nothing is left to count from.
        self._number = int.from_bytes(os.urandom(4), "big")
        will = Will(self._station.presence, self._presence(online=False))
        login = Login(self._station.client_id, self._station.hears, will)
        self._connection = Connection(
            self._broker, login, mailbox=self._mailbox, clock=self._clock, timing=self._timing
        )
        self._connection.open()

    def _lost(self, reason: str) -> None:
        # Being accepted is no success yet: two nodes of one name throw each other out as soon as they are.
        if self.up and self._clock.monotonic() - self._up_since >= CALM_S:
            self._failures = 0
        wait = self._backoff.wait(self._failures, random.random())  # noqa: S311 - spreads load, guards nothing
        log.info("= %s has no broker (%s), next try in %.1f s", self._station.client_id, reason, wait)
        self._failures += 1
        self._next_try = self._clock.monotonic() + wait
        self._connection = None
        self.up = False

    def _presence(self, *, online: bool) -> bytes:
        return envelope.encode(Presence(online, self._number))
