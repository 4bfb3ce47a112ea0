"""Sending through POST /messages, and reading back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from gateway.node_site import Site
from tests_support import AMINA, sms

from appliance.domain.lifecycle import LinkState
from appliance.messaging import inbox, receive, status

TO = "+252615550143"


def test_valid_message_is_created_and_can_be_read_where_location_says(site):
    """201 gives the message as it stands, and its address gives the same."""
    created = site.post({"to": TO, "text": "The well is open."})
    assert created.status_code == 201
    assert created.json["state"] == "queued"
    assert created.json["encoding"] == "gsm7"
    assert len(created.json["parts"]) == 1
    assert created.json["carrier"] == "baidoa"

    read = site.get(created.headers["Location"])

    assert read.status_code == 200
    assert read.json == created.json
    assert read.json["text"] == "The well is open."
    assert [step["state"] for step in read.json["history"]] == ["queued"]


@pytest.mark.parametrize("written", ["+252 61 555-0143", "00252615550143", "061 555 0143", "٠٦١٥٥٥٠١٤٣"])
def test_number_in_any_usual_writing_is_normalised(site, written):
    """The line is the same however its number was written."""
    assert site.post({"to": written, "text": "hello"}).json["to"] == TO


def test_all_fields_are_kept(site):
    """Priority, expiry and the message answered come back as they were given."""
    asked = receive.accept(site.store, sms("Is it open?")).message

    answer = site.post(
        {
            "to": TO,
            "text": "yes",
            "priority": "urgent",
            "expires_at": "2033-01-01T03:00:00+03:00",
            "channel": "sms",
            "box": "baidoa",
            "in_reply_to": str(asked),
        }
    )

    assert answer.status_code == 201
    assert answer.json["priority"] == "urgent"
    assert answer.json["expires_at"] == "2033-01-01T00:00:00.000Z"
    assert answer.json["in_reply_to"] == str(asked)


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"to": TO}, "input.field", "text: This is missing."),
        ({"text": "hi"}, "input.field", "to: This is missing."),
        ({"to": None, "text": "hi"}, "input.field", "to: This is missing."),
        ({"to": 252615550143, "text": "hi"}, "input.field", "to: This must be text, in quotes."),
        ({"to": TO, "text": ["hi"]}, "input.field", "text: This must be text, in quotes."),
        ({"to": "the mayor", "text": "hi"}, "input.number", "not a phone number"),
        ({"to": "+" + "1" * 5000, "text": "hi"}, "input.number", "not a phone number"),
        ({"to": TO, "text": ""}, "input.empty", "Write something"),
        ({"to": TO, "text": " \n\t"}, "input.empty", "Write something"),
        ({"to": TO, "text": "hi", "colour": "red", "<b>": 1}, "input.field", "colour: There is no such field."),
        ({"to": TO, "text": "hi", "priority": "now"}, "input.field", "one of urgent, normal, bulk"),
        ({"to": TO, "text": "hi", "priority": True}, "input.field", "must be text"),
        ({"to": TO, "text": "hi", "channel": "pigeon"}, "input.field", "one of sms"),
        ({"to": TO, "text": "hi", "box": "atlantis"}, "input.unknown-box", "no box with this name"),
        ({"to": TO, "text": "hi", "box": {}}, "input.field", "must be text"),
        ({"to": TO, "text": "hi", "in_reply_to": "17"}, "input.field", "not an id"),
        ({"to": TO, "text": "hi", "in_reply_to": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, "input.field", "not an id"),
        ({"to": TO, "text": "hi", "expires_at": "tomorrow"}, "input.field", "RFC 3339"),
        ({"to": TO, "text": "hi", "expires_at": "2033-02-30T00:00:00Z"}, "input.field", "RFC 3339"),
        ({"to": TO, "text": "hi", "expires_at": "2033-02-03T00:00:00"}, "input.field", "RFC 3339"),
        ({"to": TO, "text": "hi", "expires_at": 1}, "input.field", "must be text"),
    ],
)
def test_wrong_request_is_refused_in_words_and_nothing_is_kept(site, body, code, words):
    """422 says what is wrong; no message, person or conversation is left behind."""
    answer = site.post(body)

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert answer.json["code"] == code
    assert words in answer.json["detail"]
    assert inbox.messages_since(site.store, 0, 10) == []
    assert inbox.contacts_since(site.store, 0, 10) == []


def test_several_wrong_fields_are_all_named(site):
    """One answer is enough to put everything right."""
    answer = site.post({"to": "x", "priority": 3, "zeta": 1})

    assert [error["name"] for error in answer.json["errors"]] == ["to", "text", "priority", "zeta"]


def test_line_that_opted_out_is_refused_unless_it_wrote_again(site):
    """After STOP only what was written later can be answered."""
    receive.accept(site.store, sms("STOP"))
    refused = site.post({"to": TO, "text": "hi"})
    assert (refused.status_code, refused.json["code"]) == (422, "consent.opted-out")

    again = receive.accept(site.store, sms("but one more question")).message

    assert site.post({"to": TO, "text": "hi", "in_reply_to": str(again)}).status_code == 201


def test_same_key_and_body_makes_one_message(site):
    """A repetition, also with its fields in another order, answers with the first message."""
    first = site.post({"to": TO, "text": "once"}, Idempotency_Key="k-1")
    again = site.post({"text": "once", "to": "+252 615 550 143"}, Idempotency_Key="k-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json["id"] == again.json["id"]
    assert first.headers["Location"] == again.headers["Location"]
    assert len(inbox.messages_since(site.store, 0, 10)) == 1


def test_same_key_with_another_body_is_a_conflict(site):
    """409, and the second message is not sent."""
    site.post({"to": TO, "text": "once"}, Idempotency_Key="k-1")
    answer = site.post({"to": TO, "text": "twice"}, Idempotency_Key="k-1")

    assert (answer.status_code, answer.json["code"]) == (409, "input.key-reused")
    assert len(inbox.messages_since(site.store, 0, 10)) == 1


def test_same_key_at_the_same_time_makes_one_message(site):
    """Eight callers at once with one key get one message."""

    def send(_: int) -> tuple[int, str]:
        answer = site.post({"to": TO, "text": "once"}, Idempotency_Key="race")
        site.store.release()
        return answer.status_code, answer.json["id"]

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(send, range(8)))

    assert len(answers) == 1
    assert len(inbox.messages_since(site.store, 0, 10)) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256])
def test_key_that_is_none_is_refused(site, key):
    """A key is 1 to 255 visible ASCII characters."""
    answer = site.post({"to": TO, "text": "hi"}, Idempotency_Key=key)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["name"] == "Idempotency-Key"


def test_incoming_message_shows_who_wrote(site):
    """What came in has ``from``, its state and its place in the conversation."""
    record = receive.accept(site.store, sms("Is the well open?")).message

    shown = site.get(f"/api/v1/messages/{record}").json

    assert (shown["from"], shown["to"], shown["direction"], shown["state"]) == (str(AMINA), None, "in", "received")
    assert shown["text"] == "Is the well open?"
    assert shown["channel"] == "sms"
    assert UUID(shown["conversation"])
    assert UUID(shown["contact"])


@pytest.mark.parametrize("record", ["1", "x" * 300, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "%00", "..%2f..%2fetc"])
def test_message_that_is_none_is_not_found(site, record):
    """404 for whatever cannot be or is not a message."""
    answer = site.get(f"/api/v1/messages/{record}")

    assert (answer.status_code, answer.json["code"]) == (404, "input.not-found")


class TestHub:
    """On a hub ``to`` alone must lead to a box."""

    @pytest.fixture
    def site(self, hub_site: Site) -> Site:
        """A hub that knows two boxes."""
        status.link_state(hub_site.store, "baidoa", LinkState.ONLINE)
        status.link_state(hub_site.store, "kismayo", LinkState.OFFLINE)
        return hub_site

    def test_new_line_without_box_is_refused_naming_the_boxes(self, site):
        """422 says which boxes there are."""
        answer = site.post({"to": TO, "text": "hi"})

        assert (answer.status_code, answer.json["code"]) == (422, "input.which-box")
        assert "baidoa" in answer.json["detail"]
        assert "kismayo" in answer.json["detail"]

    def test_named_box_carries_it_and_is_remembered(self, site):
        """The next message to the line goes to the box that line has."""
        assert site.post({"to": TO, "text": "hi", "box": "kismayo"}).json["carrier"] == "kismayo"
        assert site.post({"to": TO, "text": "again"}).json["carrier"] == "kismayo"

    def test_unknown_box_is_refused(self, site):
        """A box that is not there is no destination."""
        assert site.post({"to": TO, "text": "hi", "box": "hub"}).json["code"] == "input.unknown-box"
