"""Every text a page can show is translated, and translations fit their places."""

from __future__ import annotations

import re

import pytest
from babel.messages.pofile import read_po

from appliance.domain.failure import CATALOGUE
from appliance.web.extract import source_texts
from appliance.web.i18n import OWN_NAMES, SOURCE, TRANSLATIONS, catalogue

LANGUAGES = sorted(OWN_NAMES.keys() - {SOURCE})


def _read(code):
    with (TRANSLATIONS / code / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=code)


def test_source_texts_are_found_in_code_templates_and_failures():
    """The collection behind these tests is not empty by mistake."""
    found = source_texts()
    assert found.get("SMS works") is not None
    assert found.get("Write a reply (SMS)") is not None
    assert all(found.get(row[2]) is not None for row in CATALOGUE.values())


@pytest.mark.parametrize("code", LANGUAGES)
def test_catalogue_is_complete(code):
    """No page of this language falls back to English; after changing a text run python -m appliance.web.extract."""
    known = _read(code)
    missing, fuzzy = [], []
    for message in source_texts():
        if not message.id:
            continue
        found = known.get(message.id)
        texts = found.string if found is not None and isinstance(found.string, tuple) else [found and found.string]
        if not all(texts):
            missing.append(message.id)
        elif found.fuzzy:
            fuzzy.append(message.id)
    assert (missing, fuzzy) == ([], [])


@pytest.mark.parametrize("code", LANGUAGES)
def test_catalogue_has_nothing_the_pages_no_longer_say(code):
    """Dead translations are dropped, so that translators work on what is read."""
    wanted = {message.id for message in source_texts()}
    assert [message.id for message in _read(code) if message.id not in wanted] == []


@pytest.mark.parametrize("code", LANGUAGES)
def test_translations_keep_the_places_of_their_values(code):
    """A misspelt placeholder would break a page in one language only."""
    for message in _read(code):
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        allowed = {place for each in ids for place in re.findall(r"%\((\w+)\)", each)}
        for text in texts:
            assert set(re.findall(r"%\((\w+)\)", text)) <= allowed, message.id
            assert not re.search(r"%(?!\()", text), message.id


@pytest.mark.parametrize("code", LANGUAGES)
def test_catalogue_compiles_in_memory(code):
    """No compiled file is needed in a clone."""
    assert catalogue(code).gettext("Inbox") != "Inbox"
    assert not list(TRANSLATIONS.rglob("*.mo"))


def test_switch_by_own_names_changes_language_and_direction(browser):
    """The switch is on the page in the readers' own words; it turns the page round."""
    assert 'lang="ar"' in browser.get("/inbox").text
    assert "العربية" in browser.text
    page = browser.get("/inbox?filter=waiting&lang=ar").text
    assert '<html lang="ar" dir="rtl">' in page
    assert "لا أحد ينتظر ردًا." in page
    assert 'href="/inbox?filter=waiting&amp;lang=en"' in page
    assert 'dir="rtl"' in browser.get("/status").text


def test_switch_is_not_led_astray_by_odd_queries(browser):
    """Parameters of the address stay parameters, whatever they are called."""
    page = browser.get("/inbox?_scheme=javascript&_external=1&endpoint=x&lang=en&q=%22%3E%3Cb%3E")
    assert page.status_code == 200
    assert (
        'href="/inbox?_scheme=javascript&amp;_external=1&amp;endpoint=x&amp;q=%22%3E%3Cb%3E&amp;lang=ar"' in page.text
    )


def test_language_is_remembered_with_the_account(as_user):
    """Whoever chose Arabic finds it again on another phone; others do not."""
    as_user("fatima").get("/inbox?lang=ar")
    assert 'dir="rtl"' in as_user("fatima").get("/inbox").text
    assert 'dir="ltr"' in as_user("amina").get("/inbox").text


def test_page_that_is_open_keeps_its_language(as_user):
    """Who shares an account and reads another language changes nothing on a page that is being read."""
    here = as_user("fatima")
    as_user("fatima").get("/inbox?lang=ar")
    assert "Waiting" in here.get("/inbox?fragment=list").text
    assert 'dir="rtl"' in as_user("fatima").get("/inbox").text


def test_stranger_gets_the_language_of_the_browser_and_can_switch(stranger):
    """The login page speaks before anyone can tell it how; an unknown language changes nothing."""
    assert 'dir="rtl"' in stranger.get("/login", headers={"Accept-Language": "ar-SO,ar;q=0.9"}).text
    assert 'dir="ltr"' in stranger.get("/login", headers={"Accept-Language": "xx"}).text
    assert 'dir="rtl"' in stranger.get("/login?lang=ar").text
    assert 'dir="rtl"' in stranger.get("/login?lang=klingon").text
