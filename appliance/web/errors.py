"""Pages for what went wrong: in words, with what to do, and with nothing lost that was typed."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from hashlib import blake2b
from types import TracebackType

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError, Unauthorized

from appliance.web.i18n import gettext
from appliance.web.places import local_path
from appliance.web.words import N_

log = logging.getLogger(__name__)

_WORDS = {
    400: (N_("That did not work"), N_("The browser sent something this page cannot read. Go back and try again.")),
    403: (N_("Not allowed"), N_("Your account may not do this. Ask an administrator.")),
    404: (N_("Not found"), N_("This page does not exist here, or no longer.")),
    405: (N_("That did not work"), N_("The browser sent something this page cannot read. Go back and try again.")),
    413: (N_("Too much at once"), N_("This is far longer than a message can be. Go back and make it shorter.")),
    500: (N_("Something went wrong here"), N_("It is not your fault. What was saved before is safe. Try again.")),
}
_FULL = (
    N_("The storage is full"),
    N_("Nothing that was saved is lost. Ask an administrator to make room, then try again."),
)
_FULL_SIGNS = ("disk is full", "no space left on device")
_CARRY = "carry."
_SECRET = {"csrf_token", "password"}


def install(app: Flask) -> None:
    """Answers every failure of a page in the reader's words, and of the API as problem+json (RFC 9457)."""
    app.register_error_handler(CSRFError, _expired)
    app.register_error_handler(Unauthorized, _expired)
    app.register_error_handler(InternalServerError, _broken)
    app.register_error_handler(HTTPException, _plain)


def reference(error: BaseException) -> str:
    """A short name for this fault, the same each time it happens at the same place: what support asks for."""
    frames = traceback.extract_tb(error.__traceback__)
    place = "".join(f"{frame.name}:{frame.lineno};" for frame in frames[-3:])
    return "E-" + blake2b(f"{type(error).__name__}@{place}".encode(), digest_size=3).hexdigest().upper()


def log_fault(error: BaseException | None, trace: TracebackType | None) -> None:
    """Writes where a request broke, without the exception's words: they may hold what a person wrote."""
    if error is None:
        return
    log.error("%s %s broke: %s %s", request.method, request.endpoint, reference(error), type(error).__name__)
    for line in traceback.format_tb(trace):
        log.error("%s", line.rstrip())


def _plain(error: HTTPException) -> Response:
    code = error.code or 500
    if code < 400:
        return make_response(error.get_response())
    if request.path.startswith("/api/"):
        return _problem(code, error.name)
    title, words = _WORDS.get(code, _WORDS[400])
    return make_response(render_template("error.html", title=gettext(title), words=gettext(words)), code)


def _broken(error: InternalServerError) -> Response:
    number = reference(error.original_exception or error)
    if request.path.startswith("/api/"):
        return _problem(500, f"Internal error {number}")
    title, words = _FULL if _storage_full(error.original_exception) else _WORDS[500]
    fields = _typed() if request.method == "POST" and g.get("actor") and _from_here() else ()
    typed = {"fields": fields, "to": request.path, "text": dict(fields).get("text", "")}
    page = render_template("error.html", title=gettext(title), words=gettext(words), reference=number, **typed)
    return make_response(page, 500)


def _storage_full(error: BaseException | None) -> bool:
    while error is not None:
        if any(sign in str(error).lower() for sign in _FULL_SIGNS):
            return True
        error = error.__cause__ or error.__context__
    return False


def _problem(code: int, title: str) -> Response:
    answer = jsonify({"type": "about:blank", "title": title, "status": code})
    answer.status_code = code
    answer.mimetype = "application/problem+json"
    return answer


# --- forms that came too late --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Interrupted:
    """What a login form carries: the form that was interrupted, its address, or the page to go to."""

    fields: tuple[tuple[str, str], ...] = ()
    to: str = ""
    next: str = ""


def interrupted() -> Interrupted:
    """What the login form of this request carries."""
    fields = tuple((name[len(_CARRY) :], value) for name, value in request.form.items() if name.startswith(_CARRY))
    return Interrupted(fields, request.form.get("to", ""), request.values.get("next", ""))


def again(to: str, fields: tuple[tuple[str, str], ...]) -> str:
    """A page that sends ``fields`` to the address ``to`` once its reader has seen them and agreed."""
    return render_template("again.html", to=local_path(to), fields=fields, text=dict(fields).get("text", ""))


def _expired(_error: HTTPException) -> Response:
    """A form whose session ended: what was typed comes back, to be sent with one press after logging in."""
    if request.path.startswith("/api/"):
        return _problem(403 if g.actor else 401, "CSRF token missing or wrong" if g.actor else "Log in first")
    words = gettext("This page was open too long. Log in again: nothing you wrote is lost.")
    if request.blueprint == "login":
        name = request.form.get("name", "")
        page = render_template("login.html", name=name, refusal=words, interrupted=interrupted())
        return make_response(page, 400)
    fields = _typed() if _from_here() else ()
    if g.actor is None:
        page = render_template("login.html", refusal=words, interrupted=Interrupted(fields, request.path))
        return make_response(page, 401)
    return make_response(again(request.path, fields), 400)


def _typed() -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in request.form.items() if name not in _SECRET)


def _from_here() -> bool:
    """Whether the form was on a page of ours: a stranger's page must not put words in anyone's mouth."""
    origin = request.headers.get("Origin")
    return origin is None or origin == request.host_url.rstrip("/")
