"""The village's HTTP server: Flask served by waitress, on its own thread."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from flask import Flask, Response, request
from waitress import wasyncore
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
_STOP_S = 2.0


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
        return _refusal(problem.status, problem.detail)

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> Response | tuple[str, int]:
        return _refusal(error.code or 500, error.description or "This did not work.")

    app.after_request(harden)
    return app


def _refusal(status: int, detail: str) -> Response | tuple[str, int]:
    """A page for browsers, problem+json for programs."""
    if request.accept_mimetypes.best == "text/html":
        return pages.problem_page(status, detail)
    return problem_response(status, detail)


class HttpServer:
    """Serves a village at ``address``; port 0 takes a free one."""

    def __init__(self, address: tuple[str, int], *, network: Network, modems: Mapping[str, Modem]) -> None:
        self._address = address
        self._network = network
        self._modems = modems
        self._server: BaseWSGIServer | MultiSocketServer | None = None
        self._thread: threading.Thread | None = None
        self._sockets: dict[int, object] = {}
        self._halt = threading.Event()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.effective_port) if isinstance(self._server, BaseWSGIServer) else self._address[1]

    def open(self, *, proxy: LinkProxy | None, links: Path | None) -> None:
        """Start to serve; raises OSError when the address is taken."""
        app = create_app(Village(self._network, self._modems, proxy, links))
        host, port = self._address
        try:
            self._server = create_server(app, map=self._sockets, host=host, port=port, threads=_THREADS, ident=None)
        except OSError as error:
            raise OSError(error.errno, f"the village cannot listen on {host}:{port}: {error.strerror}") from error
        self._thread = threading.Thread(target=self._serve, name="village-http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop to serve; harmless when it is closed."""
        self._halt.set()
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if isinstance(self._server, BaseWSGIServer):
            with contextlib.suppress(OSError):  # it may have ended and closed already
                self._server.pull_trigger()
        thread.join(_STOP_S)

    def _serve(self) -> None:
        # waitress' own run() ends only by a signal; closing its sockets from another thread breaks its answers.
        while not self._halt.is_set():
            wasyncore.loop(timeout=0.5, map=self._sockets, count=1)
        assert self._server is not None
        self._server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._sockets)
