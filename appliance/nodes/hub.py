"""The hub: what many boxes hold, for head-office staff and other software."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from appliance.runtime.sdnotify import Watchdog
from appliance.runtime.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appliance.nodes.parts import Parts
    from appliance.runtime.service import Service


def _ingest(parts: Parts) -> Service:
    from appliance.link.ingest import Ingest
    from appliance.link.owner import Options

    if not parts.settings.link.broker:
        raise SettingsError("This hub has no broker: set link.broker.")
    bell = parts.bell("ingest")
    options, node = Options(alive=Watchdog(parts.clock).feed), parts.settings.node.name
    return Ingest(parts.store(bell), parts.settings.link, node=node, clock=parts.clock, bell=bell, options=options)


def _web(parts: Parts) -> Service:
    from appliance.nodes.serving import web

    return web(parts)


def _jobs(parts: Parts) -> Service:
    from appliance.jobs.service import JobsService

    return JobsService(parts.store(parts.bell("jobs")), alive=Watchdog(parts.clock).feed)


SERVICES: Mapping[str, Callable[[Parts], Service]] = MappingProxyType({"ingest": _ingest, "web": _web, "jobs": _jobs})
"""The services of a hub, in the order in which they start."""
