"""Lists by cursor, ETags, conversations, contacts and the status."""

from __future__ import annotations

import pytest
from gateway.node_site import make_site
from tests_support import AMINA, IMEI, YUSUF, sms

from appliance.domain.failure import failure
from appliance.domain.lifecycle import LinkState, ModemState
from appliance.domain.records import ModemStatus
from appliance.messaging import inbox, modems, receive, status


def _texts(answer):
    return [row["text"] for row in answer.json["items"]]


def test_messages_are_listed_in_order_of_creation_page_by_page(site):
    """``next`` leads through every row once, and is null at the end."""
    for number in range(7):
        receive.accept(site.store, sms(f"number {number}", reference=None))
    seen, cursor = [], 0
    while cursor is not None:
        answer = site.get(f"/api/v1/messages?since={cursor}&limit=3")
        seen += _texts(answer)
        cursor = answer.json["next"]

    assert seen == [f"number {number}" for number in range(7)]


def test_full_last_page_has_no_next(site):
    """A page that ends exactly at the last row says that nothing more is there."""
    for number in range(3):
        receive.accept(site.store, sms(f"number {number}"))

    assert site.get("/api/v1/messages?limit=3").json["next"] is None


def test_cursor_of_the_last_row_leads_on_to_what_comes_later(site):
    """A reader that has seen everything goes on from the row it saw last."""
    receive.accept(site.store, sms("first"))
    last = site.get("/api/v1/messages").json["items"][-1]["cursor"]
    assert site.get(f"/api/v1/messages?since={last}").json == {"items": [], "next": None}

    receive.accept(site.store, sms("second"))

    assert _texts(site.get(f"/api/v1/messages?since={last}")) == ["second"]


def test_direction_filters(site):
    """Only what came in, or only what went out."""
    receive.accept(site.store, sms("question"))
    site.post({"to": str(AMINA), "text": "answer"})

    assert _texts(site.get("/api/v1/messages?direction=in")) == ["question"]
    assert _texts(site.get("/api/v1/messages?direction=out")) == ["answer"]
    assert _texts(site.get("/api/v1/messages")) == ["question", "answer"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=501",
        "limit=99999999999999999999999999",
        "limit=ten",
        "limit=1.5",
        "limit=%D9%A3",
        "limit=",
        "since=-1",
        "since=9223372036854775808",
        "since=now",
        "limit=1&limit=2",
        "sinse=3",
    ],
)
def test_query_that_is_wrong_is_refused_naming_the_parameter(site, query):
    """Huge, negative, foreign, repeated and unknown parameters: 422 with the name."""
    for path in ("messages", "conversations", "contacts"):
        answer = site.get(f"/api/v1/{path}?{query}")

        assert answer.status_code == 422
        assert answer.json["errors"][0]["name"] == query.split("=")[0]
        assert answer.json["errors"][0]["in"] == "query"


def test_largest_cursor_is_a_cursor(site):
    """The end of the range gives an empty list, not an error of the database."""
    assert site.get("/api/v1/messages?since=9223372036854775807").json == {"items": [], "next": None}


def test_unchanged_list_is_answered_by_304(site):
    """The ETag of a list holds until something in it changes."""
    receive.accept(site.store, sms("hello"))
    first = site.get("/api/v1/messages")

    same = site.get("/api/v1/messages", If_None_Match=first.headers["ETag"])
    assert (same.status_code, same.data) == (304, b"")
    assert same.headers["ETag"] == first.headers["ETag"]

    receive.accept(site.store, sms("hello again"))
    changed = site.get("/api/v1/messages", If_None_Match=first.headers["ETag"])

    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]
    assert "no-cache" in changed.headers["Cache-Control"]


def test_conversation_shows_its_latest_messages_and_the_way_to_earlier_ones(site):
    """``earlier`` goes into ``before`` until it is null; messages stand oldest first."""
    for number in range(5):
        receive.accept(site.store, sms(f"number {number}"))
    record = site.get("/api/v1/conversations").json["items"][0]["id"]

    latest = site.get(f"/api/v1/conversations/{record}?limit=2").json
    assert [m["text"] for m in latest["messages"]] == ["number 3", "number 4"]
    assert latest["last_text"] == "number 4"
    middle = site.get(f"/api/v1/conversations/{record}?limit=2&before={latest['earlier']}").json
    assert [m["text"] for m in middle["messages"]] == ["number 1", "number 2"]
    first = site.get(f"/api/v1/conversations/{record}?limit=2&before={middle['earlier']}").json

    assert [m["text"] for m in first["messages"]] == ["number 0"]
    assert first["earlier"] is None


def test_conversation_that_is_none_is_not_found(site):
    """404 for a conversation's id that is a message's."""
    record = receive.accept(site.store, sms("hello")).message

    assert site.get(f"/api/v1/conversations/{record}").status_code == 404


def test_conversations_and_contacts_are_listed_in_order_of_creation(site):
    """The first to write comes first, whoever wrote last."""
    receive.accept(site.store, sms("one", AMINA))
    receive.accept(site.store, sms("two", YUSUF))
    receive.accept(site.store, sms("three", AMINA))
    inbox.name_contact(site.store, inbox.contacts_since(site.store, 0, 1)[0].id, "Amina", site.actor)

    conversations = site.get("/api/v1/conversations").json["items"]
    contacts = site.get("/api/v1/contacts?limit=1").json

    assert [row["line"]["address"] for row in conversations] == [str(AMINA), str(YUSUF)]
    assert [row["unread"] for row in conversations] == [2, 1]
    assert contacts["items"][0]["name"] == "Amina"
    assert contacts["items"][0]["lines"] == [{"scheme": "tel", "address": str(AMINA)}]
    rest = site.get(f"/api/v1/contacts?since={contacts['next']}").json
    assert [row["lines"][0]["address"] for row in rest["items"]] == [str(YUSUF)]


def test_status_of_a_box_has_exactly_the_shape_of_the_contract(site):
    """No key more, none less."""
    modems.report(site.store, ModemStatus(IMEI, ModemState.READY, 4, "Hormuud", imsi="637500000000001"))
    status.link_state(site.store, "hub", LinkState.OFFLINE, failure("link.no-broker"))
    site.post({"to": str(AMINA), "text": "hello"})

    shown = site.get("/api/v1/status").json

    assert shown == {
        "modems": [
            {
                "imei": IMEI,
                "state": "ready",
                "signal": 4,
                "operator": "Hormuud",
                "sim": "637500000000001",
                "balance": None,
            }
        ],
        "queue": {"queued": 1, "sending": 0, "uncertain": 0, "failed": 0},
        "link": {
            "state": "offline",
            "waiting": shown["link"]["waiting"],
            "oldest_s": 0,
            "last_acknowledged_at": None,
        },
        "clock": {"quality": "ntp"},
    }
    assert shown["link"]["waiting"] > 0


def test_age_of_what_waits_grows_with_time(site, clock):
    """``oldest_s`` is the age of the oldest entry the hub has not acknowledged."""
    receive.accept(site.store, sms("hello"))
    clock.advance(90)

    assert site.get("/api/v1/status").json["link"]["oldest_s"] == 90


def test_status_of_a_hub_summarises_its_boxes_and_lists_them(hub_site):
    """The summary is online only when every box is; a refused box is offline in it."""
    status.link_state(hub_site.store, "baidoa", LinkState.ONLINE)
    one = hub_site.get("/api/v1/status").json
    status.link_state(hub_site.store, "kismayo", LinkState.REFUSED, failure("link.refused"))
    two = hub_site.get("/api/v1/status").json

    assert one["link"]["state"] == "online"
    assert two["link"]["state"] == "offline"
    assert [(row["peer"], row["state"]) for row in two["links"]] == [("baidoa", "online"), ("kismayo", "refused")]
    assert two["links"][1]["failure"]["code"] == "link.refused"


def test_hub_without_boxes_is_offline(hub_site):
    """Nothing connected is not said to be online."""
    shown = hub_site.get("/api/v1/status").json

    assert shown["link"] == {"state": "offline", "waiting": 0, "oldest_s": 0, "last_acknowledged_at": None}
    assert shown["links"] == []


def test_every_read_works_on_both_databases(make_store):
    """The same calls over SQLite and PostgreSQL."""
    store = make_store()
    site = make_site(store)
    for number in range(3):
        receive.accept(store, sms(f"number {number}"))
    sent = site.post({"to": str(YUSUF), "text": "a\x00b"}, Idempotency_Key="k")
    again = site.post({"to": str(YUSUF), "text": "a\x00b"}, Idempotency_Key="k")
    assert (sent.status_code, again.json["id"]) == (201, sent.json["id"])

    page = site.get("/api/v1/messages?limit=3").json
    assert _texts(site.get(f"/api/v1/messages?since={page['next']}")) == ["a\ufffdb"]
    assert site.get("/api/v1/messages?since=9223372036854775807").json["items"] == []
    for row in site.get("/api/v1/conversations").json["items"]:
        assert site.get(f"/api/v1/conversations/{row['id']}").json["messages"]
    assert len(site.get("/api/v1/contacts").json["items"]) == 2
    assert site.get("/api/v1/status").json["queue"]["queued"] == 1
    assert b'fieldbox_sms_messages_total{direction="in",state="received"} 3' in site.client.get("/metrics").data
    assert [change.seq for change in status.changes(store, 0)] == sorted(c.seq for c in status.changes(store, 0))
