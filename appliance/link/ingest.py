"""The hub's end of the link: a session with every box, all shards on one worker."""

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
from appliance.wire.envelope import Bye, Hello, Message, Presence, WireError
from appliance.wire.topics import Flow, TopicError

log = logging.getLogger(__name__)


class Ingest(Owner):
    """Takes what every accepted box sends and sends what waits for it; a box it was not told of is refused."""

    name = "ingest"

    def __init__(
        self, store: Store, settings: LinkSettings, *, node: str, clock: Clock, bell: Bell | None, options: Options | None = None
    ) -> None:  # fmt: skip
        super().__init__(store, settings, clock=clock, bell=bell, options=options)
        self._node = node
        self._boxes: dict[str, Session] = {}
        self._presence: dict[str, Presence] = {}
        self._said: dict[str, tuple[LinkState, str]] = {}
        self._to_greet: set[str] = set()
        self._up = False

    def _station(self) -> Station:
        return Station(self._node, (topics.ALL_UP, topics.ALL_PRESENCE), topics.HUB)

    def _begin(self) -> None:
        for box in self._settings.boxes:
            if box not in self._boxes:
                self._boxes[topics.check_name(box)] = self._session(box, topics.down(box))
        self._tell()

    def _on_up(self) -> None:
        # Every box hears of our presence and says hello; until then nothing is sent.
        self._up = True

    def _on_down(self, down: Down) -> None:
        self._up = False
        log.warning("= every box is out of reach: %s", down.reason)
        self._presence.clear()
        self._to_greet.clear()
        for session in self._boxes.values():
            session.silence()

    def _on_arrived(self, arrived: Arrived) -> None:
        try:
            topic = topics.parse(arrived.topic)
        except TopicError as error:
            log.warning("< refused: %s", error)
            return
        session = self._boxes.get(topic.box)
        if session is None:
            self._refuse_stranger(topic.box, topic.flow)
            return
        try:
            message = envelope.decode(arrived.payload)
        except WireError as error:
            session.refuse(error.failure)
            return
        if topic.flow is Flow.PRESENCE and isinstance(message, Presence):
            self._on_presence(session, message)
        elif topic.flow is Flow.UP:
            try:
                self._on_message(session, message)
            except Exception as error:  # noqa: BLE001 - one box's message never stops the others
                # Nothing of it was committed or acknowledged, so the box sends it again. Its words may quote a record.
                log.error("< a message of %s is not taken: %s", session.peer, type(error).__name__)

    def _refuse_stranger(self, box: str, flow: Flow) -> None:
        if flow is Flow.UP:
            log.warning("< refused: %s is not a box of this hub", box)
            self._publish(topics.down(box))(envelope.encode(Bye(0, "link.refused")))

    def _on_message(self, session: Session, message: Message) -> None:
        # A box that greets has a new connection or has forgotten: the way down begins anew as well.
        if session.receive(message) and isinstance(message, Hello):
            self._to_greet.add(session.peer)

    def _on_presence(self, session: Session, presence: Presence) -> None:
        """A box came or went; the last will of an earlier connection of it says nothing about this one."""
        known = self._presence.get(session.peer)
        if presence.online:
            self._presence[session.peer] = presence
        elif known is not None and known.connection == presence.connection:
            self._presence.pop(session.peer, None)
            session.silence()

    def _turn(self) -> float:
        pause = 1.0
        if self._up:
            for box in sorted(self._to_greet):
                self._boxes[box].greet()
                self._to_greet.discard(box)
            pause = min((session.turn() for session in self._boxes.values()), default=1.0)
        self._tell()
        return pause

    def _tell(self) -> None:
        for box, session in self._boxes.items():
            state, reason = self._standing(session)
            code = reason.code if reason else ""
            if (state, code) != self._said.get(box):
                status.link_state(self._store, box, state, reason)
                log.info("= link to %s is %s %s", box, state, code)
                self._said[box] = state, code

    def _standing(self, session: Session) -> tuple[LinkState, Failure | None]:
        state, reason = session.standing()
        if state is LinkState.REFUSED:
            return state, reason
        if not self._up:
            return LinkState.OFFLINE, failure("link.no-broker")
        return (state, None) if state is LinkState.ONLINE else (LinkState.OFFLINE, failure("link.no-box"))

    def _leave(self) -> None:
        for session in self._boxes.values():
            if self._up:
                session.leave()
        self._up = False
        self._tell()
