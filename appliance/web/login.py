"""Log in and out."""

from __future__ import annotations

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from appliance.domain.failure import Refused
from appliance.messaging import accounts
from appliance.store import Store
from appliance.web import errors, i18n
from appliance.web.auth import open_session
from appliance.web.places import local_path
from appliance.web.words import sentence

_THROTTLED = "auth.throttled"
_WAIT_S = 60


class LoginPages:
    """The pages that need no account."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def blueprint(self) -> Blueprint:
        """The routes of these pages."""
        pages = Blueprint("login", __name__)
        pages.add_url_rule("/login", "show", self.show)
        pages.add_url_rule("/login", "enter", self.enter, methods=["POST"])
        pages.add_url_rule("/logout", "leave", self.leave, methods=["POST"])
        return pages

    def show(self) -> Answer | str:
        """The login form; whoever is logged in already goes on."""
        if g.actor is not None:
            return redirect(local_path(request.args.get("next", "")), 303)
        return render_template(
            "login.html", empty=not accounts.has_users(self._store), interrupted=errors.interrupted()
        )

    def enter(self) -> Answer | str:
        """Logs in and goes where the person wanted to, or says why not."""
        name = request.form.get("name", "").strip()
        interrupted = errors.interrupted()
        try:
            actor = accounts.authenticate(self._store, name, request.form.get("password", ""))
        except Refused as refused:
            return self._refuse(refused, name, interrupted)
        language = i18n.chosen()
        open_session(self._store, actor)
        if language:
            remember_language(self._store, language)
        else:
            i18n.settle()
        if interrupted.fields:
            return errors.again(interrupted.to, interrupted.fields)
        return redirect(local_path(interrupted.next), 303)

    def leave(self) -> Answer:
        """Ends the session of this browser; the login page stays in the language it was read in."""
        i18n.forget_person()
        return redirect(url_for("login.show"), 303)

    def _refuse(self, refused: Refused, name: str, interrupted: errors.Interrupted) -> Response:
        throttled = refused.failure.code == _THROTTLED
        page = render_template("login.html", name=name, refusal=sentence(refused.failure), interrupted=interrupted)
        answer = make_response(page, 429 if throttled else 401)
        if throttled:
            answer.headers["Retry-After"] = str(_WAIT_S)
        return answer


def remember_language(store: Store, code: str) -> None:
    """Keeps the language for this session and, of an account, for the next ones."""
    actor = g.actor
    if i18n.choose(code) and actor is not None and actor.user is not None and actor.language != code:
        accounts.set_language(store, actor.user, code)
