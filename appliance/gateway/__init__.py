"""The gateway: what other software speaks with this node over HTTP.

``blueprints`` is what a composition root needs, together with the ``ChangeFeed`` it opens and closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.gateway.events import Events
from appliance.gateway.feed import ChangeFeed
from appliance.gateway.health import Health
from appliance.gateway.metrics import registry
from appliance.gateway.openapi import description
from appliance.gateway.respond import tagged
from appliance.gateway.rest import Rest
from appliance.gateway.routes import View, blueprint
from appliance.runtime.clock import Clock, SystemClock

if TYPE_CHECKING:
    from flask import Blueprint

    from appliance.store import Store

__all__ = ["ChangeFeed", "blueprints"]


def blueprints(store: Store, *, feed: ChangeFeed, country: str = "", clock: Clock | None = None) -> list[Blueprint]:
    """The blueprints of ``/api/v1``, health, metrics and their description.

    They read ``flask.g.actor``. ``country`` is the calling code for numbers written without one (``"252"``);
    ``clock`` is only for the heartbeat of event streams.
    """
    rest = Rest(store, country)
    health = Health(store, feed, registry(store, feed))
    document = description()
    views: dict[str, View] = {
        "createMessage": rest.create_message,
        "listMessages": rest.list_messages,
        "getMessage": rest.get_message,
        "listConversations": rest.list_conversations,
        "getConversation": rest.get_conversation,
        "listContacts": rest.list_contacts,
        "getStatus": rest.get_status,
        "listenToEvents": Events(store, feed, clock or SystemClock()),
        "getHealth": health.alive,
        "getReadiness": health.ready,
        "getMetrics": health.metrics,
        "getDescription": lambda: tagged(document),
    }
    return [blueprint(views)]
