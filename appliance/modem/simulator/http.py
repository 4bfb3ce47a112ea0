"""The village's HTTP server: Flask served by waitress, on its own thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from flask import Flask, Response, request
from waitress.server import BaseWSGIServer, MultiSocketServer, create_server
from werkzeug.exceptions import HTTPException

from appliance.modem.simulator import api, pages
from appliance.modem.simulator.api import Village
from appliance.modem.simulator.guard import Problem, harden, problem_response, refuse_foreign
from appliance.modem.simulator.modem import Modem
from appliance.modem.simulator.network import Network
from appliance.modem.simulator.proxy import LinkProxy

log = logging.getLogger(__name__)

_THREADS = 16


def create_app(village: Village) -> Flask:
    """The WSGI application: JSON for programs, pages for people."""
    app = Flask(__name__)
    app.register_blueprint(api.blueprint(village))
    app.register_blueprint(pages.blueprint(village))

    @app.before_request
    def guard() -> None:
        refuse_foreign(request)

    @app.errorhandler(Problem)
    def refused(problem: Problem) -> Response | tuple[str, int]:
        return _refusal(village, problem.status, problem.detail)

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> Response | tuple[str, int]:
        return _refusal(village, error.code or 500, error.description or "This did not work.")

    app.after_request(harden)
    return app


def _refusal(village: Village, status: int, detail: str) -> Response | tuple[str, int]:
    """A page for browsers, problem+json for programs."""
    if request.accept_mimetypes.best == "text/html":
        return pages.problem_page(village, status, detail)
    return problem_response(status, detail)


class HttpServer:
    """Serves a village at ``address``; port 0 takes a free one."""

    def __init__(self, address: tuple[str, int], *, network: Network, modems: Mapping[str, Modem]) -> None:
        self._address = address
        self._network = network
        self._modems = modems
        self._server: BaseWSGIServer | MultiSocketServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.effective_port) if isinstance(self._server, BaseWSGIServer) else self._address[1]

    def open(self, *, proxy: LinkProxy | None, links: Path | None) -> None:
        """Start to serve; raises OSError when the address is taken."""
        app = create_app(Village(self._network, self._modems, proxy, links))
        host, port = self._address
        self._server = create_server(app, host=host, port=port, threads=_THREADS, ident="fieldbox village")
        self._thread = threading.Thread(target=self._server.run, name="village-http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop to serve; harmless when it is closed."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        if self._thread is not None:
            self._thread.join(2.0)
