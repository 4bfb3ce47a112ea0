"""Every error under /api is a problem (RFC 9457) with a stable code."""

from __future__ import annotations

import pytest

from appliance.domain.failure import CATALOGUE, failure
from appliance.gateway.problem import status_of
from appliance.messaging import inbox

TO = "+252615550143"


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1", "/api/v2/messages", "/api/v1/messages/", "/api/v1/nothing"]
)
def test_unknown_path_is_not_found(site, path):
    """404 for what is not there, whatever is done to it."""
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        answer = site.client.open(path, method=method, headers=site.bearer)

        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
        assert answer.json["code"] == "input.not-found"


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("messages", "DELETE", {"GET", "HEAD", "POST"}),
        ("messages/1", "PUT", {"GET", "HEAD"}),
        ("status", "POST", {"GET", "HEAD"}),
        ("events", "TRACE", {"GET", "HEAD"}),
    ],
)
def test_wrong_method_is_refused_naming_the_right_ones(site, path, method, allowed):
    """405 with Allow."""
    answer = site.client.open(f"/api/v1/{path}", method=method, headers=site.bearer)

    assert (answer.status_code, answer.json["code"]) == (405, "input.method")
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_options_names_the_methods(site):
    """OPTIONS tells what a path takes."""
    answer = site.client.options("/api/v1/messages", headers=site.bearer)

    assert answer.status_code == 204
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"17",
        b'{"to": "+252615550143", "text": "hi",}',
        b'{"to": "+252615550143", "to": "+252615550144", "text": "hi"}',
        b'{"to": "+252615550143", "text": NaN}',
        b'{"to": "+252615550143", "text": "\xff"}',
        b'{"to": "+252615550143", "text": "hi"}'.decode().encode("utf-16"),
        b'{"text": ' + b"[" * 100_000,
        b'{"text": ' + b"1" * 10_000 + b"}",
    ],
)
def test_what_is_no_json_object_is_refused(site, body):
    """400, and nothing is kept."""
    answer = site.post(body)

    assert (answer.status_code, answer.json["code"]) == (400, "input.json")
    assert inbox.messages_since(site.store, 0, 10) == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_other_media_type_is_refused(site, kind):
    """415 for anything but application/json."""
    answer = site.post({"to": TO, "text": "hi"}, Content_Type=kind)

    assert (answer.status_code, answer.json["code"]) == (415, "input.media-type")


def test_media_type_with_charset_is_taken(site):
    """A parameter of the media type changes nothing."""
    assert site.post({"to": TO, "text": "hi"}, Content_Type="application/json; charset=utf-8").status_code == 201


def test_huge_body_is_refused(site):
    """413 beyond the limit."""
    answer = site.post({"to": TO, "text": "x" * 300_000})

    assert (answer.status_code, answer.json["code"]) == (413, "input.too-large")


def test_fault_of_ours_is_a_problem_without_details(site, monkeypatch):
    """500 tells nothing of the inside, least of all what was written."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the secret text")

    monkeypatch.setattr(inbox, "messages_since", broken)
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = site.get("/api/v1/messages")

    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert answer.json["code"] == "api.failed"
    assert "secret" not in answer.text


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_failure_has_a_status_of_an_error(code):
    """No failure of the catalogue is answered as a success."""
    assert 400 <= status_of(failure(code)) < 600
