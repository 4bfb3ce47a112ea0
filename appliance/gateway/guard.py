"""Who may call what: scopes of a token, the role of an account, and what only the computer itself may see."""

from __future__ import annotations

import ipaddress
from enum import StrEnum

from flask import g, request

from appliance.domain.failure import Refused, failure
from appliance.domain.records import Actor


class Scope(StrEnum):
    """What a token is good for."""

    MESSAGES_READ = "messages:read"
    MESSAGES_WRITE = "messages:write"
    STATUS_READ = "status:read"


def allow(scope: Scope) -> Actor:
    """The actor of this request, who may do ``scope``.

    Raises Refused: ``auth.missing`` for nobody, ``auth.scope`` for a token without the scope,
    ``auth.forbidden`` for an account whose role does not write.
    """
    actor: Actor | None = g.get("actor")
    if actor is None:
        raise Refused(failure("auth.missing"))
    if (actor.scopes or _has_token()) and scope not in actor.scopes:
        raise Refused(failure("auth.scope", scope))
    if scope is Scope.MESSAGES_WRITE and not actor.may_write():
        raise Refused(failure("auth.forbidden"))
    return actor


def allow_local() -> None:
    """Pass a call from this computer, else one that may read the status; raises Refused (``auth.local`` or as allow).

    A call that a proxy forwarded is not from this computer, whatever address it comes from.
    """
    if _is_loopback() and not _is_forwarded():
        return
    if g.get("actor") is None and not _has_token():
        raise Refused(failure("auth.local"))
    allow(Scope.STATUS_READ)


def _has_token() -> bool:
    # A token without scopes must not pass for a browser's session, whose scopes are empty too.
    return request.headers.get("Authorization", "").lower().startswith("bearer ")


def _is_loopback() -> bool:
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _is_forwarded() -> bool:
    return any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"))
