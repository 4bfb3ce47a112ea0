"""The description holds exactly the routes there are, and what they answer fits its schemas."""

from __future__ import annotations

import jsonschema
import pytest
from jsonschema import Draft202012Validator
from tests_support import AMINA, IMEI, YUSUF, sms

from appliance.domain.failure import failure
from appliance.domain.lifecycle import LinkState, ModemState
from appliance.domain.records import ModemStatus
from appliance.domain.text import Encoding
from appliance.gateway.openapi import description, template
from appliance.gateway.operations import OPERATIONS
from appliance.messaging import modems, outbox, receive, status

DOCUMENT = description()
METHODS = {"get", "post", "put", "patch", "delete"}


def _validator(schema):
    resolved = {**schema, "components": DOCUMENT["components"]}
    return Draft202012Validator(resolved, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _check(answer, path, method="get"):
    """Raise unless this answer is one its operation declares, and fits the schema."""
    declared = DOCUMENT["paths"][path][method]["responses"]
    assert str(answer.status_code) in declared, (path, answer.status_code)
    content = declared[str(answer.status_code)]["content"]
    assert answer.mimetype in content
    _validator(content[answer.mimetype]["schema"]).validate(answer.json)


@pytest.fixture
def lively(site):
    """A site where most fields of most records are filled."""
    asked = receive.accept(site.store, sms("سؤال؟", AMINA)).message
    receive.accept(site.store, sms("part two", YUSUF, reference=7, part=2, of=3))
    receive.accept(site.store, sms("STOP", YUSUF))
    sent = site.post(
        {"to": str(AMINA), "text": "x" * 200, "in_reply_to": str(asked), "expires_at": "2099-01-01T00:00:00Z"}
    )
    assert sent.status_code == 201
    modems.report(site.store, ModemStatus(IMEI, ModemState.READY, 3, "Hormuud", imsi="637500000000001", balance="4.20"))
    modems.report(site.store, ModemStatus(IMEI[:-1] + "8", ModemState.ABSENT, failure=failure("sms.modem-lost")))
    claim = outbox.claim(site.store, IMEI)
    outbox.deferred(site.store, claim.attempt, failure("sms.busy"))
    status.link_state(site.store, "hub", LinkState.OFFLINE, failure("link.no-broker"))
    return site


def test_document_is_a_valid_openapi_3_1_as_far_as_its_schemas_say():
    """Each schema is one of JSON Schema 2020-12, and each reference leads somewhere."""
    assert DOCUMENT["openapi"].startswith("3.1")
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        for example in schema.get("examples", []):
            try:
                _validator(schema).validate(example)
            except jsonschema.ValidationError as error:
                pytest.fail(f"the example of {name}: {error.message}")


def test_every_object_has_an_example_or_stands_in_one():
    """What other software sends or reads as a whole is shown once."""
    whole = {operation.answer for operation in OPERATIONS} | {operation.body for operation in OPERATIONS} | {"Problem"}
    for name in whole - {"", "Description"}:
        assert DOCUMENT["components"]["schemas"][name].get("examples"), name


def test_routes_and_document_are_the_same(site):
    """No route without its description, no description without its route."""
    routes = {
        (template(rule.rule), method.lower())
        for rule in site.app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.endpoint.startswith("gateway.") and rule.endpoint != "gateway.unmatched"
    }
    documented = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item if method in METHODS}

    assert {route for route in routes if route[1] != "head"} == documented


def test_no_other_room_has_routes_under_api(site):
    """What is under /api is the gateway's alone, so that all of it is described."""
    others = [
        rule.rule
        for rule in site.app.url_map.iter_rules()
        if rule.rule.startswith("/api") and not rule.endpoint.startswith("gateway.")
    ]

    assert others == []


def test_document_is_served_with_an_etag(site):
    """/openapi.json is this document; asking again costs nothing."""
    answer = site.client.get("/openapi.json")

    assert answer.json == DOCUMENT
    assert site.client.get("/openapi.json", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/messages",
        "/api/v1/conversations",
        "/api/v1/contacts",
        "/api/v1/status",
        "/openapi.json",
        "/healthz",
    ],
)
def test_real_answers_fit_their_schemas(lively, path):
    """Answers over a store with most fields filled."""
    _check(lively.get(path), path)


def test_readiness_fits_its_schemas(site):
    """Ready, and not ready."""
    _check(site.get("/readyz"), "/readyz")
    site.feed.open()
    answer = site.get("/readyz")
    site.feed.close()
    _check(answer, "/readyz")


def test_single_records_fit_their_schemas(lively):
    """Each message and conversation by itself."""
    for name in ("message", "conversation"):
        for row in lively.get(f"/api/v1/{name}s").json["items"]:
            _check(lively.get(f"/api/v1/{name}s/{row['id']}"), f"/api/v1/{name}s/{{record}}")


def test_lively_site_fills_the_fields_that_may_be_empty(lively):
    """Guards the tests above: null everywhere would fit too."""
    rows = lively.get("/api/v1/messages").json["items"]

    for name in ("failure", "next_try_at", "expires_at", "in_reply_to", "missing_parts", "from", "to"):
        assert any(row[name] for row in rows), name
    assert {row["encoding"] for row in rows} >= {Encoding.GSM7, Encoding.UCS2}


def test_status_of_a_hub_fits_its_schema(hub_site):
    """With the list of links."""
    status.link_state(hub_site.store, "baidoa", LinkState.REFUSED, failure("link.refused"))

    _check(hub_site.get("/api/v1/status"), "/api/v1/status")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"to": "+252615550150", "text": "hi"}, {}),
        (b"{", {}),
        ({"to": "+252615550150", "text": ""}, {}),
        ({"to": "+252615550150", "text": 3, "x": None}, {}),
        ({}, {"Authorization": "Bearer none"}),
        (b"", {"Content_Type": "text/plain"}),
        (b" " * 300_000, {}),
    ],
)
def test_answers_to_sending_fit_their_schemas(site, body, headers):
    """The created message, and each kind of problem."""
    _check(site.post(body, **headers), "/api/v1/messages", "post")


def test_problems_of_reading_fit_their_schemas(site):
    """401, 403, 404 and 422."""
    _check(site.client.get("/api/v1/messages"), "/api/v1/messages")
    _check(site.client.get("/api/v1/status", headers=site.token_of("messages:read")), "/api/v1/status")
    _check(site.get("/api/v1/messages/1"), "/api/v1/messages/{record}")
    _check(site.get("/api/v1/contacts?limit=0"), "/api/v1/contacts")
    _check(site.get("/api/v1/events?last_event_id=x"), "/api/v1/events")


def test_request_schema_takes_what_the_parser_takes(site):
    """Fields named by the parser and by the schema are the same."""
    names = site.post({"unknown": 1}).json["detail"].rsplit("Known are: ", 1)[1].rstrip(".").split(", ")

    assert set(names) == set(DOCUMENT["components"]["schemas"]["NewMessage"]["properties"])
