"""The web of both nodes: waitress around the application, with the API and the change feed plugged in."""

from __future__ import annotations

import http.client
import logging
import threading
from typing import TYPE_CHECKING, Any

import waitress
from waitress import wasyncore

from appliance.gateway import ChangeFeed, blueprints
from appliance.nodes.parts import Parts, web_key
from appliance.runtime.sdnotify import Watchdog
from appliance.runtime.settings import host_port
from appliance.runtime.worker import Worker
from appliance.web.app import create_app

if TYPE_CHECKING:
    from flask import Flask

    from appliance.runtime.service import Service

log = logging.getLogger(__name__)

THREADS = 32
"""Of the web server; the change feed gives 20 of them to open streams at most."""
_LOOP_S = 0.5


class WebService:
    """Serves one application on one address; the change feed lives and ends with it."""

    name = "web"

    def __init__(self, app: Flask, feed: ChangeFeed, listen: str, *, watchdog: Watchdog) -> None:
        self._app = app
        self._feed = feed
        self._listen = listen
        self._watchdog = watchdog

    def run(self, stop: threading.Event) -> None:
        """Serves until ``stop`` is set; raises OSError when the address is taken."""
        host, port = host_port(self._listen)
        sockets: dict[int, Any] = {}
        server = waitress.create_server(
            self._app,
            map=sockets,
            host=host,
            port=port,
            threads=THREADS,
            ident=None,
            channel_request_lookahead=1,  # lets a stream notice that its reader has gone
            clear_untrusted_proxy_headers=False,  # the guard looks at them: a forwarded call is not a local one
        )
        self._feed.open()
        if self._watchdog.interval_s is not None:
            Worker("web-probe", self._probe, stop).start()
        try:
            while not stop.is_set():
                wasyncore.loop(timeout=_LOOP_S, map=sockets, use_poll=True, count=1)
        finally:
            self._feed.close()
            server.task_dispatcher.shutdown(timeout=2)
            server.close()
            wasyncore.close_all(sockets, ignore_all=True)  # readers that are still connected

    def _probe(self, stop: threading.Event) -> None:
        """Feeds the watchdog with a page that was really served: socket, threads and store have all done their work."""
        interval = self._watchdog.interval_s
        assert interval is not None
        connection = http.client.HTTPConnection(*host_port(self._listen), timeout=interval / 3)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                self._watchdog.feed()
        except (OSError, http.client.HTTPException) as error:
            log.warning("= the web service does not answer itself: %s", error)
        finally:
            connection.close()
        stop.wait(interval / 3)


def web(parts: Parts) -> Service:
    """The web service of a node."""
    settings = parts.settings
    store = parts.store(parts.bell("web"))
    feed = ChangeFeed(store, bell=parts.bell("feed"), stop=parts.stop)
    app = create_app(
        store,
        node_label=settings.node.label,
        secret=web_key(settings.web.secret_file),
        blueprints=blueprints(store, feed=feed, country=settings.node.country, clock=parts.clock),
        country=settings.node.country,
    )
    return WebService(app, feed, settings.web.listen, watchdog=Watchdog(parts.clock))
