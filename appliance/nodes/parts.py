"""What both compositions share: the store and its bell, the key of the web, running several services together."""

from __future__ import annotations

import contextlib
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.domain.records import ClockQuality
from appliance.runtime.bell import Bell
from appliance.runtime.clock import Clock, SystemClock
from appliance.runtime.processes import write_private
from appliance.runtime.worker import Worker
from appliance.store import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from appliance.runtime.service import Service
    from appliance.runtime.settings import Settings

KEY_BYTES = 32
STOP_S = 5.0
"""How long a service may take to end in order."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a builder takes to make one service; whatever it opens it leaves on ``stack``."""

    settings: Settings
    stop: threading.Event
    stack: contextlib.ExitStack

    @property
    def clock(self) -> Clock:
        """The clock of this node."""
        return node_clock(self.settings)

    def bell(self, name: str) -> Bell:
        """A listener among this node's services, open until the stack unwinds."""
        bell = Bell(self.settings.node.data / "bells", name)
        bell.open()
        self.stack.callback(bell.close)
        return bell

    def store(self, bell: Bell) -> Store:
        """This node's store, closed when the stack unwinds; raises StoreError."""
        store = open_node_store(self.settings, clock=self.clock, bell=bell)
        self.stack.callback(store.close)
        return store


def node_clock(settings: Settings) -> Clock:
    """The machine's clock, trusted as the settings say."""
    return SystemClock(ClockQuality(settings.node.clock) if settings.node.clock else None)


def open_node_store(settings: Settings, *, clock: Clock, bell: Bell | None = None) -> Store:
    """The store of the node these settings describe, created or migrated as needed; raises StoreError, OSError."""
    node = settings.node
    node.data.mkdir(parents=True, exist_ok=True)
    # Without an open listener the bell still rings for others: a command line that writes wakes the services.
    return open_store(
        settings.store.url,
        node=node.name,
        kind=node.kind,
        clock=clock,
        bell=bell or Bell(node.data / "bells", "visitor"),
    )


def web_key(path: Path) -> bytes:
    """The key that signs sessions, made at the first use with mode 0600; raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        key = bytes.fromhex(path.read_text("ascii").strip())
        if len(key) == KEY_BYTES:
            return key
    path.parent.mkdir(parents=True, exist_ok=True)
    key = secrets.token_bytes(KEY_BYTES)
    write_private(path, key.hex() + "\n")
    return key


class Together:
    """Several services as threads of one process, for very small boards; one that fails ends all."""

    name = "together"

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services

    def run(self, stop: threading.Event) -> None:
        """Blocks until ``stop`` is set or a service ended for good, then ends all."""
        # One try only: a service that ends by itself is started afresh by the supervisor of the whole process.
        workers = [Worker(service.name, _ending(service), stop, limit=1) for service in self._services]
        for worker in workers:
            worker.start()
        stop.wait()
        for worker in workers:
            worker.join(STOP_S)


def _ending(service: Service) -> Callable[[threading.Event], None]:
    def step(stop: threading.Event) -> None:
        service.run(stop)
        stop.set()

    return step


def build(names: Sequence[str], builders: Mapping[str, Callable[[Parts], Service]], parts: Parts) -> Service:
    """The service called so, or several of them together."""
    services = [builders[name](parts) for name in names]
    return services[0] if len(services) == 1 else Together(services)
