"""Headers, caching, weight, and pages for what went wrong."""

from __future__ import annotations

import errno
import logging
import re
import sqlite3
from pathlib import Path

import pytest
from flask import Blueprint
from tests_support import sms

import appliance.web
from appliance.messaging import compose, inbox, receive
from appliance.web.app import create_app

ROOM = Path(appliance.web.__file__).parent


@pytest.mark.parametrize("path", ["/login", "/inbox", "/new", "/status", "/nowhere"])
def test_pages_carry_a_strict_policy_and_are_not_kept(browser, path):
    """No page runs what it did not bring, and none stays in a shared phone's cache."""
    headers = browser.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_static_files_are_kept_for_ever_under_the_name_of_their_content(browser):
    """A new version has a new address; an address without version is asked again."""
    address = re.search(r'href="(/static/app\.css\?v=[0-9a-f]+)"', browser.get("/inbox").text).group(1)
    with browser.client.get(address) as kept, browser.client.get("/static/app.css?v=0") as asked:
        assert "immutable" in kept.headers["Cache-Control"]
        assert asked.headers["Cache-Control"] == "no-cache"


def test_templates_hold_no_inline_script_or_style():
    """The policy would refuse them; better to see it here than in a console."""
    for template in (ROOM / "templates").glob("*.html"):
        text = template.read_text()
        assert not re.search(r"\bstyle=|<style|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", text), template.name
        assert "|safe" not in text, template.name


def test_layout_uses_logical_properties_only():
    """Arabic is a translation, not a redesign."""
    css = (ROOM / "static/app.css").read_text()
    physical = re.findall(r"[{;](?:(?:margin|padding|border)-(?:left|right)|left|right|float)\s*:", css)
    assert physical == []
    assert not re.search(r"text-align:\s*(left|right)", css)


def test_full_inbox_and_thread_stay_below_100_kilobytes(browser, store, clock):
    """A page loads on a bad radio link: everything it needs together, on the fullest day."""
    for n in range(60):
        clock.advance(1)
        receive.accept(store, sms("ماء غير نظيف في البئر الشمالي منذ ثلاثة أيام. " * 6 + str(n)))
    for n in range(40):
        receive.accept(store, sms("x" * 150, line_number(n)))
    conversation = inbox.conversations(store)[-1].id
    for path in ("/inbox", f"/c/{conversation}", "/new", "/status"):
        page = browser.get(path)
        total = len(page.data)
        for address in set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text)):
            with browser.client.get(address) as file:
                total += len(file.data)
        assert total < 100 * 1024, (path, total)


def line_number(n):
    """A number of the test range."""
    from appliance.domain.address import parse_phone

    return parse_phone(f"+25261555{n:04}")


def _broken(store):
    def broken():
        words = "secret text"
        raise ZeroDivisionError(words)

    pages = Blueprint("broken", __name__)
    pages.add_url_rule("/broken", "page", broken)
    pages.add_url_rule("/api/v1/broken", "api", broken)
    site = create_app(store, node_label="Baidoa", secret=b"k" * 32, blueprints=[pages])
    site.config["PROPAGATE_EXCEPTIONS"] = False
    return site


def test_fault_has_a_stable_number_and_keeps_its_words_to_itself(store, caplog):
    """Support can find the place by the number; neither page nor log tells what a person wrote."""
    client = _broken(store).test_client()
    with caplog.at_level(logging.DEBUG, logger="appliance"):
        first, second = client.get("/broken"), client.get("/broken")
    number = re.search(r"E-[0-9A-F]{6}", first.text).group()
    assert first.status_code == 500
    assert number in second.text
    assert "It is not your fault." in first.text
    assert number in caplog.text
    assert "test_headers.py" in caplog.text
    assert "secret text" not in caplog.text + first.text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (RuntimeError("oops"), "It is not your fault."),
        (OSError(errno.ENOSPC, "No space left on device"), "The storage is full"),
        (sqlite3.OperationalError("database or disk is full"), "The storage is full"),
    ],
)
def test_what_was_typed_survives_a_fault(site, browser, store, monkeypatch, fault, words):
    """A form that broke comes back with its words and its key: one more press, one message, nothing typed twice."""
    receive.accept(store, sms("Hello"))
    conversation = inbox.conversations(store)[0].id
    site.config["PROPAGATE_EXCEPTIONS"] = False

    def break_down(*_, **__):
        raise fault

    browser.get(f"/c/{conversation}")
    key = browser.form().fields["key"]
    with monkeypatch.context() as broken:
        broken.setattr(compose, "reply", break_down)
        assert browser.submit(text="We come tomorrow", do="send").status_code == 500
    assert words in browser.text
    assert "We come tomorrow" in browser.text
    assert browser.form(f"/c/{conversation}").fields["key"] == key
    browser.submit(f"/c/{conversation}")
    assert [view.text for view in inbox.thread(store, conversation)] == ["Hello", "We come tomorrow"]


def test_fault_of_the_api_is_a_problem_document(store):
    """Programs get problem+json, never a page."""
    answer = _broken(store).test_client().get("/api/v1/broken")
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")


def test_far_too_long_form_is_refused_in_words(browser):
    """Half a megabyte of text is answered with a page that says what to do."""
    browser.get("/new")
    answer = browser.submit("/new", to="+252615550199", text="x" * 600_000, do="send")
    assert answer.status_code == 413
    assert "far longer than a message can be" in browser.text


def test_wrong_method_and_unknown_page_are_told_in_words(browser):
    """Dead ends have a way back."""
    assert browser.client.delete("/inbox").status_code == 405
    assert 'href="/"' in browser.get("/nowhere").text
