"""What every answer carries: a strict content policy, and who may keep a copy."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from flask import Flask, Response, request, url_for

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
_FOR_EVER = "public, max-age=31536000, immutable"


def install(app: Flask) -> None:
    """Adds the headers to every answer, and ``asset()`` to the templates: a static file's address by content."""
    versions = _versions(Path(app.static_folder or ""))
    app.jinja_env.globals["asset"] = _asset(versions)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", "geolocation=(), camera=(), microphone=()")
        if request.endpoint == "static":
            name = (request.view_args or {}).get("filename", "")
            known = name in versions and versions[name] == request.args.get("v")
            response.headers["Cache-Control"] = _FOR_EVER if known else "no-cache"
        else:
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def _asset(versions: dict[str, str]) -> Callable[[str], str]:
    def asset(name: str) -> str:
        return url_for("static", filename=name, v=versions[name])

    return asset


def _versions(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): blake2b(path.read_bytes(), digest_size=6).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
