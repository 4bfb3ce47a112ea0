"""The village's pages, without JavaScript."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from simulator.bench import BOX, PHONE, Bench

from appliance.modem.simulator.api import Village
from appliance.modem.simulator.http import create_app
from appliance.modem.simulator.proxy import LinkProxy
from appliance.modem.simulator.words import _WORDS, LANGUAGES
from appliance.runtime.clock import SystemClock

HOSTILE = '<script>alert(1)</script> \u202eevil {{7*7}} "quoted" \x00'


@pytest.fixture
def links(tmp_path: Path) -> Path:
    path = tmp_path / "demo.json"
    box = {"url": "http://127.0.0.1:8080", "user": "amina", "password": "kite-42", "token": "SECRET", "number": BOX}
    path.write_text(json.dumps({"box": box, "hub": {"url": "javascript:alert(1)", "user": "x"}}))
    return path


@pytest.fixture
def client(bench: Bench, links: Path) -> FlaskClient:
    proxy = LinkProxy(("127.0.0.1", 0), ("127.0.0.1", 1), SystemClock())
    app = create_app(Village(bench.network, {bench.modem.imei: bench.modem}, proxy, links))
    return app.test_client()


def get(client: FlaskClient, path: str) -> str:
    answer = client.get(path, headers={"Host": "127.0.0.1", "Accept": "text/html"})
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    return answer.get_data(as_text=True)


def post(client: FlaskClient, path: str, **form: str) -> int:
    return client.post(path, data=form, headers={"Host": "127.0.0.1", "Accept": "text/html"}).status_code


@pytest.mark.parametrize("lang", ["en", "ar"])
@pytest.mark.parametrize("path", ["/", f"/phone/{PHONE}", "/weather"])
def test_page_is_shown_in_both_languages(client: FlaskClient, path: str, lang: str) -> None:
    """Language and direction stand on the page; nothing of style or script is inline."""
    page = get(client, f"{path}?lang={lang}")
    assert f'<html lang="{lang}" dir="{"rtl" if lang == "ar" else "ltr"}">' in page
    assert "style=" not in page
    assert "<style" not in page
    assert "onclick" not in page
    assert page.count("<script") == 1


def test_every_word_is_written_in_every_language() -> None:
    """No page falls back in silence."""
    assert all(len(words) == len(LANGUAGES) and all(words) for words in _WORDS.values())


def test_start_page_shows_logins_but_no_token_and_no_strange_link(client: FlaskClient) -> None:
    """What a newcomer needs is there; a links file cannot bring other schemes."""
    page = get(client, "/")
    assert "kite-42" in page
    assert "http://127.0.0.1:8080" in page
    assert "SECRET" not in page
    assert "javascript:" not in page


def test_links_file_that_is_missing_or_broken_only_says_not_ready(client: FlaskClient, links: Path) -> None:
    """The page works while the demo still starts."""
    links.write_text("{")
    assert "still starting" in get(client, "/?lang=en")
    links.unlink()
    assert "still starting" in get(client, "/?lang=en")


def test_phone_writes_calls_and_switches_by_plain_forms(client: FlaskClient, bench: Bench) -> None:
    """The three things a phone does."""
    assert post(client, f"/phone/{PHONE}/send", to=BOX, text="salaam") == 303
    assert "+CMTI" in bench.wait(1)
    assert "salaam" in get(client, f"/phone/{PHONE}/lines")
    assert post(client, f"/phone/{PHONE}/call") == 303
    assert "RING" in bench.wait(1)
    assert post(client, f"/phone/{PHONE}/power", reachable="no") == 303
    assert not bench.network.handset(PHONE).reachable


def test_hostile_text_is_shown_escaped(client: FlaskClient) -> None:
    """Markup, template marks and bidi controls stay text."""
    assert post(client, f"/phone/{PHONE}/send", to=BOX, text=HOSTILE) == 303
    page = get(client, f"/phone/{PHONE}")
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "{{7*7}}" in page
    assert 'dir="auto"' in page


@pytest.mark.parametrize(("zone", "shown"), [("UTC", "01:00"), ("<+0530>-05:30", "06:30")])
def test_times_are_those_of_the_machine(
    client: FlaskClient, bench: Bench, zone: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message has the same time on a phone as on the pages of box and hub."""
    monkeypatch.setattr(bench.network, "now_ms", lambda: 1_767_229_200_000)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        post(client, f"/phone/{PHONE}/send", to=BOX, text="what time is it")
        page = get(client, f"/phone/{PHONE}")
    time.tzset()
    assert f"<time>{shown}</time>" in page


def test_empty_text_keeps_the_form_and_says_why(client: FlaskClient) -> None:
    """A refusal is a sentence on the same page, with what was typed."""
    answer = client.post(
        f"/phone/{PHONE}/send", data={"to": "nobody", "text": "kept draft"}, headers={"Host": "127.0.0.1"}
    )
    assert answer.status_code == 422
    assert "kept draft" in answer.get_data(as_text=True)
    assert "not a phone number" in answer.get_data(as_text=True)


def test_weather_is_set_and_cleared_by_the_form(client: FlaskClient, bench: Bench) -> None:
    """Every field of the form is understood."""
    form = {
        "loss": "0.2",
        "duplicate": "1",
        "delay_s": "1.5",
        "registration": "denied",
        "credit": "",
        "sim_full": "yes",
    }
    assert post(client, "/weather", **form) == 303
    shown = bench.network.weather.shown()
    assert (shown["loss"], shown["duplicate"], shown["delay_s"]) == (0.2, 1, 1.5)
    assert (shown["registration"], shown["credit"], shown["sim_full"]) == ("denied", None, True)
    assert "denied" in get(client, "/weather?lang=en")
    assert post(client, "/weather", delay_s="soon") == 422
    assert post(client, "/weather", fine="yes") == 303
    assert bench.network.weather.shown()["loss"] == 0
    assert post(client, f"/weather/power/{bench.modem.imei}") == 303
    assert not bench.modem.powered


def test_link_switch_works_by_form_and_by_json(client: FlaskClient) -> None:
    """The state is in force when the answer comes."""
    assert post(client, "/link/switch", state="cut") == 303
    assert "The link is cut" in get(client, "/?lang=en")
    headers = {"Host": "127.0.0.1"}
    assert client.put("/link", json={"state": "2g"}, headers=headers).get_json() == {"state": "2g"}
    assert client.put("/link", json={"state": "fog"}, headers=headers).status_code == 422
    assert client.get("/link", headers=headers).get_json() == {"state": "2g", "connections": 0}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1", "Origin": "https://evil.example"}, 403),
        ({"Host": "127.0.0.1", "Origin": "null"}, 403),
        ({"Host": "127.0.0.1", "Origin": "http://127.0.0.1"}, 303),
        ({"Host": "localhost:8100", "Origin": "http://localhost:8100"}, 303),
    ],
)
def test_foreign_pages_cannot_send(client: FlaskClient, headers: dict[str, str], status: int) -> None:
    """Another site's form and a rebound name are refused."""
    data = {"to": BOX, "text": "x"}
    assert client.post(f"/phone/{PHONE}/send", data=data, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b" " * 300_000, "application/json", 413),
        (b'{"to": "+252615550100", "text": 5}', "application/json", 422),
        (b'{"to": 5, "text": "x"}', "application/json", 422),
    ],
)
def test_body_that_is_no_request_is_refused_as_a_problem(
    client: FlaskClient, body: bytes, kind: str, status: int
) -> None:
    """Every refusal is application/problem+json with a sentence."""
    answer = client.post(f"/handsets/{PHONE}/sms", data=body, content_type=kind, headers={"Host": "127.0.0.1"})
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["detail"]


def test_refusal_is_a_page_for_browsers(client: FlaskClient) -> None:
    """A person sees a page with a way back, not JSON."""
    answer = client.get("/phone/nobody?lang=ar", headers={"Host": "127.0.0.1", "Accept": "text/html"})
    assert answer.status_code == 422
    assert 'dir="rtl"' in answer.get_data(as_text=True)
