"""Who may call what: tokens and their scopes, the browser's session and its CSRF token."""

from __future__ import annotations

import re

import pytest
from gateway.node_site import PASSWORD

from appliance.domain.records import Role
from appliance.messaging import inbox
from appliance.store import tables as t

READS = ["messages", "conversations", "contacts", "events"]
BODY = {"to": "+252615550143", "text": "hi"}


def _session(site):
    client = site.client
    page = client.get("/login").text
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page) or re.search(
        r'value="([^"]+)"[^>]*name="csrf_token"', page
    )
    form = {"name": "amina", "password": PASSWORD, "csrf_token": found.group(1)}
    assert client.post("/login", data=form).status_code in {302, 303}
    return client


def _csrf(client):
    page = client.get("/", follow_redirects=True).text
    return re.search(r'csrf[_-]token"[^>]*(?:content|value)="([^"]+)"', page).group(1)


@pytest.mark.parametrize("path", [*READS, "status", "messages/1", "conversations/1"])
def test_nobody_is_told_how_to_come_in(site, path):
    """401 with WWW-Authenticate, before anything about the request is looked at."""
    answer = site.client.get(f"/api/v1/{path}?nonsense=1")

    assert (answer.status_code, answer.json["code"]) == (401, "auth.missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="fieldbox"'


def test_unknown_token_is_called_invalid(site):
    """401 says that the token, not its absence, is the trouble."""
    answer = site.client.get("/api/v1/messages", headers={"Authorization": "Bearer wrong"})

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("path", READS)
def test_token_without_the_scope_is_refused_naming_it(site, path):
    """403 names the scope that is missing."""
    answer = site.client.get(f"/api/v1/{path}", headers=site.token_of("status:read", "messages:write"))

    assert (answer.status_code, answer.json["code"]) == (403, "auth.scope")
    assert 'scope="messages:read"' in answer.headers["WWW-Authenticate"]


def test_token_that_only_reads_cannot_send(site):
    """Reading does not include writing."""
    answer = site.client.post("/api/v1/messages", json=BODY, headers=site.token_of("messages:read"))

    assert (answer.status_code, answer.json["code"]) == (403, "auth.scope")
    assert inbox.messages_since(site.store, 0, 10) == []


def test_token_of_a_viewer_cannot_send(site):
    """A scope gives nothing that the account's role does not."""
    headers = site.token_of("messages:write", role=Role.VIEWER)
    answer = site.client.post("/api/v1/messages", json=BODY, headers=headers)

    assert (answer.status_code, answer.json["code"]) == (403, "auth.forbidden")


def test_token_without_any_scope_is_no_session(site):
    """It reads nothing and sends nothing, though a session's scopes are empty too."""
    headers = site.token_of("messages:read", "messages:write")
    with site.store.write() as tx:
        tx.run(t.Tokens.update(scopes=""))

    assert site.client.get("/api/v1/messages", headers=headers).status_code == 403
    assert site.client.post("/api/v1/messages", json=BODY, headers=headers).status_code == 403


def test_session_reads_without_more(site):
    """A browser that is logged in reads what its pages show."""
    client = _session(site)

    assert client.get("/api/v1/messages").status_code == 200
    assert client.get("/api/v1/status").status_code == 200


def test_session_cannot_send_without_its_csrf_token(site):
    """A foreign page that uses the browser's cookie is refused; nothing is sent."""
    answer = _session(site).post("/api/v1/messages", json=BODY)

    assert (answer.status_code, answer.json["code"]) == (403, "auth.csrf")
    assert answer.mimetype == "application/problem+json"
    assert inbox.messages_since(site.store, 0, 10) == []


def test_session_sends_with_its_csrf_token(site):
    """The page's own call goes through, in the name of who is logged in."""
    client = _session(site)
    answer = client.post("/api/v1/messages", json=BODY, headers={"X-CSRFToken": _csrf(client)})

    assert answer.status_code == 201
    assert answer.json["author"] == "Amina"


def test_nobody_cannot_send(site):
    """Without session or token: 401 as a problem, not a page."""
    answer = site.client.post("/api/v1/messages", json=BODY)

    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.json["code"] == "auth.missing"
