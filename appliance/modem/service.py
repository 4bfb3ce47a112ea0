"""The modem service: one owner thread for each modem of a box, woken by the bell."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from appliance.domain.lifecycle import ModemState
from appliance.messaging import modems, outbox, status
from appliance.modem import registry
from appliance.modem.owner import ModemOwner
from appliance.modem.trouble import kept
from appliance.runtime.worker import Worker

if TYPE_CHECKING:
    from appliance.runtime.bell import Bell
    from appliance.runtime.clock import Clock
    from appliance.runtime.settings import ModemSettings
    from appliance.store import Store

log = logging.getLogger(__name__)

HURRY_S = 3.0
"""How long an answer of the network is still awaited at the end. Together with END_S below the five seconds of a service."""
END_S = 1.5
_BELL_S = 0.5


class RollCall:
    """Says ``alive`` when each of several threads was heard since it last did: one that hangs silences all."""

    def __init__(self, names: Iterable[str], alive: Callable[[], None]) -> None:
        self._names = frozenset(names)
        self._alive = alive
        self._missing = set(self._names)
        self._lock = threading.Lock()

    def here(self, name: str) -> Callable[[], None]:
        """What the thread called ``name`` calls after useful work."""

        def heard() -> None:
            with self._lock:
                self._missing.discard(name)
                if self._missing:
                    return
                self._missing = set(self._names)
            self._alive()

        return heard


class ModemService:
    """Runs the modems of a box: receives, sends, and says how they are."""

    name = "modem"

    def __init__(
        self,
        store: Store,
        modems: Sequence[ModemSettings],
        clock: Clock,
        bell: Bell | None = None,
        *,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._settings = tuple(modems)
        self._clock = clock
        self._bell = bell
        self._roll = RollCall((one.name for one in modems), alive)

    def run(self, stop: threading.Event) -> None:
        """Serves until ``stop`` is set; an answer awaited then has three seconds to come."""
        # Where the store takes nothing now, each owner settles the attempts of its modem before it claims any.
        kept("open attempts are not settled", self._recover)
        owners = [self._owner(one) for one in self._settings]
        kept("modems of an earlier run are not told", lambda: self._recall(owners))
        if self._bell is not None:
            self._bell.open()
        workers = [
            Worker(f"modem-{one.name}", owner.step, stop) for one, owner in zip(self._settings, owners, strict=True)
        ]
        for worker in workers:
            worker.start()
        try:
            self._forward(owners, stop)
        finally:
            self._end(owners, workers)

    def _recover(self) -> None:
        uncertain = outbox.recover(self._store)
        if uncertain:
            log.warning("= %d attempts of an earlier run are uncertain", uncertain)

    def _owner(self, one: ModemSettings) -> ModemOwner:
        modem = registry.make(one, self._clock)
        return ModemOwner(self._store, modem, one, self._clock, alive=self._roll.here(one.name))

    def _recall(self, owners: list[ModemOwner]) -> None:
        """What an earlier run wrote about modems is true no longer."""
        by_port = {one.port: owner for one, owner in zip(self._settings, owners, strict=True)}
        for last in status.snapshot(self._store).modems:
            owner = by_port.pop(last.port, None)
            if owner is not None:
                owner.recall(last)
            elif last.state is not ModemState.ABSENT:
                modems.report(self._store, replace(last, state=ModemState.ABSENT, signal=None, operator=""))

    def _forward(self, owners: list[ModemOwner], stop: threading.Event) -> None:
        while not stop.is_set():
            if self._bell is None:
                stop.wait(_BELL_S)
            elif self._bell.wait(_BELL_S):
                for owner in owners:
                    owner.wake()

    def _end(self, owners: list[ModemOwner], workers: list[Worker]) -> None:
        for owner in owners:
            owner.hurry(HURRY_S)
        for worker in workers:
            if not worker.join(HURRY_S + END_S):
                log.error("= %s does not end", worker.name)
        for owner, worker in zip(owners, workers, strict=True):
            if not worker.is_alive():
                owner.release()
        if self._bell is not None:
            self._bell.close()
