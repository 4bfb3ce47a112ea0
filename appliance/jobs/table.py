"""The jobs: name, how often, and what they do. Each is short, safe to repeat and safe to miss."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from appliance.messaging import status
from appliance.store import Store, StoreError, audit

log = logging.getLogger(__name__)

CHANGES_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a node."""

    name: str
    every_s: int
    run: Callable[[Store], None]


def prune_changes(store: Store) -> None:
    """Keeps the change feed short; a browser that was away longer loads its page anew."""
    gone = status.prune_changes(store, keep=CHANGES_KEPT)
    if gone:
        log.info("= %d old changes forgotten", gone)


def verify_audit(store: Store) -> None:
    """Reads the audit chain through and says where it does not hold."""
    with store.read() as tx:
        broken = audit.verify(tx)
    if broken is not None:
        raise StoreError(f"The audit trail was changed at line {broken}. Keep the database as it is and report it.")


TABLE: tuple[Job, ...] = (
    Job("prune-changes", 600, prune_changes),
    Job("verify-audit", 24 * 3600, verify_audit),
)
