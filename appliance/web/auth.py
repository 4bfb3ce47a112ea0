"""Who is asking: the browser's session (Flask-Login, hidden behind this file) or a bearer token."""

from __future__ import annotations

from hashlib import blake2b
from uuid import UUID

from flask import Flask, abort, g, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response

from appliance.domain.records import Actor
from appliance.messaging import accounts
from appliance.store import Store

SESSION_S = 12 * 3600
"""How long a login lasts: a working day. A page left open does not prolong it."""


class Account(UserMixin):  # type: ignore[misc]
    """The account a session belongs to, at the version its password had at login."""

    def __init__(self, actor: Actor, version: int) -> None:
        self.actor = actor
        self.version = version

    def get_id(self) -> str:
        """What the session cookie keeps of it."""
        return f"{self.actor.user}.{self.version}"


def install(app: Flask, store: Store, secret: bytes) -> None:
    """Sets ``g.actor`` before every request, and refuses forged forms.

    A browser keeps one set of cookies per host whatever the port: the cookie's name comes from the node's
    secret, so that a box and a hub on one machine do not log each other out.
    """
    app.config.update(
        SECRET_KEY=secret,
        SESSION_COOKIE_NAME="fieldbox-" + blake2b(secret, digest_size=4).hexdigest(),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=SESSION_S,
        SESSION_REFRESH_EACH_REQUEST=False,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a form may stay open all morning
        WTF_CSRF_CHECK_DEFAULT=False,  # checked below, once it is known who asks
    )
    csrf, manager = CSRFProtect(app), LoginManager(app)
    manager.session_protection = None  # phones change their address as they walk between access points
    manager.user_loader(lambda key: _load(store, key))

    @app.before_request
    def identify() -> None:
        g.actor = None
        if request.endpoint == "static":
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            g.actor = accounts.actor_of_token(store, token.strip())
            return
        g.actor = current_user.actor if current_user.is_authenticated else None
        if request.routing_exception is None:
            csrf.protect()


def _load(store: Store, key: str) -> Account | None:
    user, _, version = key.rpartition(".")
    try:
        actor = accounts.actor_of_user(store, UUID(user), int(version))
    except ValueError:
        return None
    return Account(actor, int(version)) if actor else None


def open_session(store: Store, actor: Actor) -> None:
    """Begins a browser session for ``actor``, forgetting whoever used this browser before."""
    if actor.user is None:
        raise ValueError("only an account can log in")
    session.clear()
    session.permanent = True
    login_user(Account(actor, accounts.session_version(store, actor.user)))
    g.actor = actor


def require_login() -> Response | None:
    """Sends a browser without a session to the login page, and back afterwards; for ``before_request``.

    Raises Unauthorized for a form, whose fields must not be lost.
    """
    if g.actor is not None:
        return None
    if "fragment" in request.args:
        return Response(status=401)
    if request.method == "POST":
        abort(401)  # the page for it asks for the login and keeps what was typed
    return redirect(url_for("login.show", next=request.full_path.rstrip("?")), 303)
