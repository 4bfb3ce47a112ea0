"""Is it alive, is it ready, and how much of what: for supervisors and for Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from appliance.domain.failure import Refused, failure
from appliance.gateway.guard import allow_local
from appliance.gateway.respond import answer
from appliance.messaging import status

if TYPE_CHECKING:
    from appliance.gateway.feed import ChangeFeed
    from appliance.store import Store


@dataclass(frozen=True, slots=True)
class Health:
    """The views of ``/healthz``, ``/readyz`` and ``/metrics``."""

    store: Store
    feed: ChangeFeed
    registry: CollectorRegistry

    def alive(self) -> Response:
        """200 as long as the process answers; open to all and tells nothing else."""
        return answer({"status": "ok"})

    def ready(self) -> Response:
        """200 when the store can be read and changes are handed out; an unreadable store is a 500.

        Raises Refused: ``api.not-ready`` while the change feed does not run, or as allow_local.
        """
        allow_local()
        status.last_change(self.store)
        if not self.feed.is_alive():
            raise Refused(failure("api.not-ready"))
        return answer({"status": "ready"})

    def metrics(self) -> Response:
        """Text that Prometheus reads."""
        allow_local()
        response = Response(generate_latest(self.registry))
        response.headers["Content-Type"] = CONTENT_TYPE_LATEST
        response.headers["Cache-Control"] = "no-store"
        return response
