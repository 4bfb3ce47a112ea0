"""A node's whole web application over a store of its own, with one account and tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.domain.records import Actor, Role
from appliance.gateway import ChangeFeed, blueprints
from appliance.messaging import accounts
from appliance.runtime.bell import Bell
from appliance.store import Store
from appliance.web.app import create_app

PASSWORD = "a long enough word"
SCOPES = ("messages:read", "messages:write", "status:read")


@dataclass
class Site:
    """One node as other software sees it."""

    store: Store
    feed: ChangeFeed
    app: Flask
    actor: Actor
    token: str

    @property
    def client(self) -> FlaskClient:
        """A client without anything remembered."""
        return self.app.test_client()

    def token_of(self, *scopes: str, role: Role = Role.RESPONDER) -> dict[str, str]:
        """The header of a new account's token."""
        name = f"user{role}{'-'.join(scopes)}"
        actor = accounts.create_user(self.store, name, PASSWORD, display=name, role=role)
        assert actor.user is not None
        return {"Authorization": f"Bearer {accounts.create_token(self.store, actor.user, scopes, 'test')}"}

    @property
    def bearer(self) -> dict[str, str]:
        """The header of the token with all scopes."""
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **headers: str) -> TestResponse:
        """A GET with the token; underscores in the names of headers stand for hyphens."""
        return self.client.get(path, headers=self.bearer | {k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, body: object, **headers: str) -> TestResponse:
        """POST /messages with the token; ``body`` is sent as it is when it is bytes, else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = self.bearer | {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return self.client.post("/api/v1/messages", data=data, headers=sent)


def make_site(store: Store, *, bell: Bell | None = None) -> Site:
    """The application over ``store``; the feed is not running."""
    feed = ChangeFeed(store, bell=bell)
    parts = blueprints(store, feed=feed, country="252")
    app = create_app(store, node_label="Test", secret=b"s" * 32, blueprints=parts)
    actor = accounts.create_user(store, "amina", PASSWORD, display="Amina", role=Role.RESPONDER)
    assert actor.user is not None
    return Site(store, feed, app, actor, accounts.create_token(store, actor.user, SCOPES, "test"))
