"""From the list of operations to routes: each guarded as its row says, each error a problem."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Final

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import Map

from appliance.domain.failure import Refused, failure
from appliance.gateway import problem
from appliance.gateway.guard import Scope, allow
from appliance.gateway.operations import OPERATIONS

View = Callable[..., Response]

NAME: Final = "gateway"

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def blueprint(views: Mapping[str, View]) -> Blueprint:
    """A blueprint of all operations; ``views`` holds the view of each by the operation's name.

    Raises KeyError for an operation without a view. What is under ``/api`` but is no operation is answered here
    too, because routing errors never reach a blueprint's handlers.
    """
    result = Blueprint(NAME, __name__)
    problem.handle(result)
    for operation in OPERATIONS:
        view = _guarded(operation.scope, views[operation.name])
        # OPTIONS is answered below, where all methods of a path are known.
        result.add_url_rule(
            operation.path, operation.name, view, methods=[operation.method], provide_automatic_options=False
        )
    for path in ("/api", "/api/", "/api/<path:rest>"):
        result.add_url_rule(path, "unmatched", _unmatched, methods=_METHODS, provide_automatic_options=False)
    return result


def _guarded(scope: Scope | None, view: View) -> View:
    @functools.wraps(view, updated=())
    def guarded(**arguments: str) -> Response:
        if scope is not None:
            allow(scope)
        return view(**arguments)

    return guarded


def _unmatched(rest: str = "") -> Response:
    del rest
    own = [
        rule.empty()
        for rule in current_app.url_map.iter_rules()
        if rule.endpoint.startswith(f"{NAME}.") and rule.endpoint != f"{NAME}.unmatched"
    ]
    methods = sorted(Map(own).bind(request.host).allowed_methods(request.path))
    if not methods:
        raise Refused(failure("input.not-found"))
    if request.method == "OPTIONS":
        return Response(status=204, headers={"Allow": ", ".join([*methods, "OPTIONS"])})
    raise MethodNotAllowed(valid_methods=methods)
