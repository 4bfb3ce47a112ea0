"""The box: one place's conversations, its modems, its pages, and the link to a hub."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from appliance.runtime.sdnotify import Watchdog
from appliance.runtime.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appliance.nodes.parts import Parts
    from appliance.runtime.service import Service

# Parts are imported where they are built: the modem service never loads Flask, the web service never a driver.


def _modem(parts: Parts) -> Service:
    from appliance.modem.service import ModemService

    bell = parts.bell("modem")
    alive = Watchdog(parts.clock).feed
    return ModemService(parts.store(bell), parts.settings.modems, parts.clock, bell, alive=alive)


def _link(parts: Parts) -> Service:
    from appliance.link.owner import Options
    from appliance.link.uplink import Uplink

    if not parts.settings.link.broker:
        raise SettingsError("This box has no hub: set link.broker, or leave the link service out.")
    bell = parts.bell("link")
    options, node = Options(alive=Watchdog(parts.clock).feed), parts.settings.node.name
    return Uplink(parts.store(bell), parts.settings.link, node=node, clock=parts.clock, bell=bell, options=options)


def _web(parts: Parts) -> Service:
    from appliance.nodes.serving import web

    return web(parts)


def _jobs(parts: Parts) -> Service:
    from appliance.jobs.service import JobsService

    return JobsService(parts.store(parts.bell("jobs")), alive=Watchdog(parts.clock).feed)


SERVICES: Mapping[str, Callable[[Parts], Service]] = MappingProxyType(
    {"modem": _modem, "link": _link, "web": _web, "jobs": _jobs}
)
"""The services of a box, in the order in which they start."""
