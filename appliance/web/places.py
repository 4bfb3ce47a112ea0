"""Addresses of this site: those a login may lead to, and this page's own in another language."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from flask import request, url_for


def local_path(target: str) -> str:
    """``target`` when it is a path of this site, else the start page: no login link leads elsewhere."""
    parts = urlsplit(target)
    odd = parts.scheme or parts.netloc or not target.startswith("/") or target[1:2] in {"/", "\\"}
    return "/" if odd or not target.isprintable() else target


def in_language(code: str) -> str:
    """The address of this page in another language (of the inbox, for a page that does not exist)."""
    if request.endpoint is None:
        return url_for("inbox.list", lang=code)
    # Never into url_for: a query may be named like one of its options.
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in {"lang", "fragment"}]
    return url_for(request.endpoint, **(request.view_args or {})) + "?" + urlencode([*kept, ("lang", code)])
