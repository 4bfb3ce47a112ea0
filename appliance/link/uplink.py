"""The box's end of the link: one session with the hub."""

from __future__ import annotations

import logging

from appliance.domain.failure import Failure, failure
from appliance.domain.lifecycle import LinkState
from appliance.link.carrier import Station
from appliance.link.client import Arrived, Down
from appliance.link.owner import Options, Owner
from appliance.link.session import Session
from appliance.messaging import status
from appliance.runtime.bell import Bell
from appliance.runtime.clock import Clock
from appliance.runtime.settings import LinkSettings
from appliance.store import Store
from appliance.wire import envelope, topics
from appliance.wire.envelope import Presence, WireError
from appliance.wire.topics import Flow, TopicError

log = logging.getLogger(__name__)


class Uplink(Owner):
    """Keeps a box and its hub the same, whenever there is a way; says honestly how the link is."""

    name = "link"

    def __init__(
        self, store: Store, settings: LinkSettings, *, node: str, clock: Clock, bell: Bell | None, options: Options | None = None
    ) -> None:  # fmt: skip
        super().__init__(store, settings, clock=clock, bell=bell, options=options)
        self._node = node
        self._hub: Session | None = None
        self._up = False
        self._refused = False
        self._presence: Presence | None = None
        self._said: tuple[LinkState, str] | None = None

    def _station(self) -> Station:
        return Station(self._node, (topics.down(self._node), topics.HUB), topics.presence(self._node))

    def _begin(self) -> None:
        if self._hub is None:
            self._hub = self._session(self._settings.peer, topics.up(self._node))
        self._tell()

    def _on_up(self) -> None:
        self._up, self._refused = True, False
        self._greet()

    def _on_down(self, down: Down) -> None:
        self._up, self._refused, self._presence = False, down.refused, None
        if self._hub is not None:
            self._hub.silence()

    def _on_arrived(self, arrived: Arrived) -> None:
        try:
            topic = topics.parse(arrived.topic)
            message = envelope.decode(arrived.payload)
        except TopicError as error:
            log.warning("< a message on a foreign topic: %s", error)
            return
        except WireError as error:
            if self._hub is not None:
                self._hub.refuse(error.failure)
            return
        if topic.flow is Flow.HUB and isinstance(message, Presence):
            self._on_presence(message, retained=arrived.retained)
        elif topic.flow is Flow.DOWN and self._hub is not None and not isinstance(message, Presence):
            self._hub.receive(message)

    def _on_presence(self, presence: Presence, *, retained: bool) -> None:
        """The hub's consumer came or went. What the broker remembers of it may be old, and we greet at connecting anyway."""
        known, self._presence = self._presence, presence
        if retained and known is None:
            return
        if presence.online and presence != known:
            self._greet()
        elif (
            not presence.online and self._hub is not None and (known is None or known.connection == presence.connection)
        ):
            self._hub.await_return()

    def _greet(self) -> None:
        if self._hub is not None:
            self._hub.greet()

    def _turn(self) -> float:
        pause = 1.0
        if self._hub is not None and self._up:
            if self._hub.is_silent:
                # The greeting of this connection failed half-way (a full disk, a locked database).
                self._hub.greet()
            pause = self._hub.turn()
        self._tell()
        return pause

    def _tell(self) -> None:
        state, reason = self._standing()
        code = reason.code if reason else ""
        if (state, code) != self._said:
            status.link_state(self._store, self._settings.peer, state, reason)
            log.info("= link is %s %s", state, code)
            self._said = state, code

    def _standing(self) -> tuple[LinkState, Failure | None]:
        if self._refused:
            return LinkState.REFUSED, failure("link.refused")
        state, reason = self._hub.standing() if self._hub is not None else (LinkState.OFFLINE, None)
        if state is LinkState.REFUSED and reason is not None and (self._up or not reason.retryable):
            return state, reason
        if not self._up:
            return LinkState.OFFLINE, failure("link.no-broker")
        return (state, None) if state is LinkState.ONLINE else (LinkState.OFFLINE, failure("link.no-hub"))

    def _leave(self) -> None:
        if self._hub is not None and self._up:
            self._hub.leave()
        self._up = False
        self._tell()
