"""Text of strangers and of mischief: a clear answer each, the text comes back as it was, and nothing is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests_support import sms

from appliance.messaging import inbox, receive

TO = "+252615550143"

KEPT = {
    "markup": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "template": "{{7*7}} ${7*7} %s %n",
    "sql": "'; DROP TABLE messages; --",
    "bidi": "\u202eevil\u202c \u2066\u2069 \u200f",
    "arabic": "متى تفتح العيادة؟",
    "emoji": "👩‍👩‍👧‍👦 🇸🇴 👍🏽",
    "line ends": "a\r\nb\u2028c\u2029d\te",
    "combining": "Z" + "\u0301" * 50,
    "private use": "\ue000\uf8ff",
    "not a character": "\ufffe\uffff",
    "beyond the bmp": "𐀀𝄞",
    "json": '{"to":"+1","text":"\\u0000"}',
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_hostile_text_is_kept_as_it_is(site, text):
    """Sent or received, it comes back the same, as JSON that no browser takes for a page."""
    sent = site.post({"to": TO, "text": text})
    came = receive.accept(site.store, sms(text)).message

    assert sent.status_code == 201
    assert site.get(sent.headers["Location"]).json["text"] == text
    answer = site.get(f"/api/v1/messages/{came}")
    assert answer.json["text"] == text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (rb"a\u0000b", "a\ufffdb"),
        (rb"a\ud800b", "a\ufffdb"),
        (rb"a\udc00\ud800b", "a\ufffd\ufffdb"),
        (rb"a\ud83d\ude00b", "a😀b"),
        (b"\xef\xbf\xbd", "\ufffd"),
    ],
)
def test_nul_and_lone_surrogates_become_replacement_characters(site, written, kept):
    """What no database stores alike is replaced visibly; a pair of surrogates is a character."""
    answer = site.post(b'{"to": "%s", "text": "%s"}' % (TO.encode(), written))

    assert answer.status_code == 201
    assert site.get(answer.headers["Location"]).json["text"] == kept


WRONG = [r'"\ud800"', r'"\u0000"', '"' + "x" * 20_000 + '"', "[]", "{}", "-0.0", "1e999", "false"]


@pytest.mark.parametrize("name", ["to", "box", "channel", "priority", "expires_at", "in_reply_to", "unheard"])
def test_every_field_refuses_what_it_cannot_be(site, name):
    """422 with a problem that can itself be read, never 500."""
    for value in WRONG:
        fields = {"to": json.dumps(TO), "text": '"hi"', name: value}
        body = "{" + ",".join(f'"{key}":{each}' for key, each in fields.items()) + "}"
        answer = site.post(body.encode())

        assert answer.status_code == 422, value[:40]
        assert answer.json["detail"]
        assert len(answer.data) < 2000
    assert inbox.messages_since(site.store, 0, 10) == []


@pytest.mark.parametrize(
    ("text", "status", "parts"),
    [
        ("x" * 160, 201, 1),
        ("x" * 161, 201, 2),
        ("x" * 1530, 201, 10),
        ("x" * 1531, 422, 0),
        ("ش" * 670, 201, 10),
        ("ش" * 671, 422, 0),
        ("x" * 2_000, 422, 0),
        ("x" * 20_000, 422, 0),
        ("😀" * 20_000, 422, 0),
        ("\x1b" * 20_000, 422, 0),
    ],
)
def test_long_text_is_sent_whole_or_refused_in_words(site, text, status, parts):
    """Ten parts are the most; nothing is cut off silently."""
    answer = site.post({"to": TO, "text": text})

    assert answer.status_code == status
    if parts:
        assert len(answer.json["parts"]) == parts
        assert answer.json["text"] == text
    else:
        assert answer.json["code"] == "input.too-long"
        assert "10 parts" in answer.json["detail"]
        assert inbox.messages_since(site.store, 0, 10) == []


def test_names_of_fields_are_hostile_too(site):
    """A field called by a lone surrogate or a page's markup is named harmlessly."""
    answer = site.post(rb'{"to": "%s", "text": "hi", "\ud800": 1, "<script>": 2, "%s": 3}' % (TO.encode(), b"y" * 5000))

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert len(answer.data) < 3000


def test_thousands_of_unknown_fields_make_a_short_answer(site):
    """The answer does not grow with the nonsense."""
    answer = site.post({f"f{number}": number for number in range(5000)})

    assert answer.status_code == 422
    assert len(answer.data) < 5000


@pytest.mark.parametrize("value", ["-1", "x", "9" * 30, "1,2", "\u0663", "1e3"])
def test_event_id_that_never_was_one_is_refused(site, value):
    """422 in the header and in the query; no stream is opened."""
    by_query = site.client.get("/api/v1/events", query_string={"last_event_id": value}, headers=site.bearer)

    assert by_query.status_code == 422
    if value.isascii():
        assert site.get("/api/v1/events", Last_Event_ID=value).status_code == 422
    assert site.feed.streams() == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=120))
def test_any_text_gets_a_clear_answer(site, text):
    """Any Unicode at all is kept or refused in words; an accepted one is there afterwards."""
    answer = site.post({"to": TO, "text": text})

    assert answer.status_code in {201, 422}
    if answer.status_code == 201:
        assert site.get(answer.headers["Location"]).json["text"] == answer.json["text"]
    else:
        assert answer.json["code"] == "input.empty"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(
        st.sampled_from(["to", "text", "priority", "expires_at", "channel", "box", "in_reply_to", "x"]), _JSON
    )
)
def test_any_json_gets_a_clear_answer(site, body):
    """No shape of a body breaks the parser."""
    answer = site.post(body)

    assert answer.status_code in {201, 422}
    assert answer.json
