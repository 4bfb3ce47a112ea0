"""The one web application of box and hub."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

from flask import Blueprint, Flask, g, request

from appliance.store import Store
from appliance.web import auth, box, errors, headers, i18n, inbox, login, places, words

MAX_BODY = 256 * 1024
"""Bytes of a request; a message of ten parts is far below."""


class Site(Flask):
    """Flask, except that a fault is logged by its place and never with what a person wrote."""

    def log_exception(self, exc_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None]) -> None:
        """Writes the place and the reference number of a fault."""
        errors.log_fault(exc_info[1], exc_info[2])


def create_app(
    store: Store, *, node_label: str, secret: bytes, blueprints: Sequence[Blueprint] = (), country: str = ""
) -> Flask:
    """The application over ``store``, with ``blueprints`` of other rooms behind the same login.

    ``secret`` signs the sessions and must outlive restarts; ``country`` is the calling code that completes
    national numbers (``"252"``).
    """
    app = Site(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    auth.install(app, store, secret)
    i18n.install(app)
    headers.install(app)
    errors.install(app)
    _teach_templates(app, store, node_label)
    for pages in (login.LoginPages(store), inbox.InboxPages(store, country=country), box.BoxPages(store)):
        app.register_blueprint(pages.blueprint())
    for blueprint in blueprints:
        app.register_blueprint(blueprint)

    @app.before_request
    def choose_language() -> None:
        if (code := request.args.get("lang")) and request.endpoint != "static":
            login.remember_language(store, code)

    return app


def _teach_templates(app: Flask, store: Store, node_label: str) -> None:
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        shown=words.shown, inline=words.inline, isolated=words.isolated, initial=words.initial, groups=words.groups,
        stamp=i18n.stamp, clock_time=i18n.clock_time, span=i18n.span,
    )  # fmt: skip
    app.jinja_env.filters["short_time"] = lambda ms: i18n.short(ms, store.clock.now().ms)
    app.jinja_env.filters["exact_time"] = lambda ms: i18n.exact(ms, store.clock.now().ms)
    app.jinja_env.globals.update(STATES=words.STATES, OWN_NAMES=i18n.OWN_NAMES, sentence=words.sentence)

    @app.context_processor
    def page() -> dict[str, Any]:
        return {
            "node_label": node_label,
            "node_name": store.node.name,
            "language": i18n.current(),
            "actor": g.get("actor"),
            "here": places.in_language,
        }

    app.jinja_env.globals["header"] = lambda: box.chip(store)
