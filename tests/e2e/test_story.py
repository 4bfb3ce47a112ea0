"""A villager texts, the box answers, the link is cut, the hub goes on: seen in real browsers on the real processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from demo_support import Demo, wait_for
from playwright.sync_api import Browser, Page, expect

WAIT_MS = 15_000


@dataclass(frozen=True)
class Look:
    """A language and a width."""

    language: str
    width: int
    villager: str
    question: str
    answer: str


LOOKS = [
    Look("en", 360, "+252615550301", "The well at the north is broken", "Thank you. A team comes at 9"),
    Look("en", 1280, "+252615550302", "Is the clinic open today? [yes/no] €", "Yes, until 4 pm"),
    Look("ar", 360, "+252615550303", "ماء البئر غير نظيف والأطفال مرضى", "شكرا لك، سيأتي الفريق غدا"),
    Look("ar", 1280, "+252615550304", "متى يصل الطعام؟ 🍞", "يصل يوم الخميس صباحا"),
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for all stories."""
    running = Demo(Path(tmp_path_factory.mktemp("story")))
    running.start()
    yield running
    running.stop()


@contextmanager
def logged_in(browser: Browser, demo: Demo, node: str, look: Look) -> Iterator[Page]:
    """A page of ``node`` in this look; fails on any error the browser's console tells."""
    context = browser.new_context(viewport={"width": look.width, "height": 740}, locale=look.language)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    info = demo.info[node]
    page.goto(f"{info['url']}/?lang={look.language}")
    page.fill("#name", info["user"])
    page.fill("#password", info["password"])
    page.click("form button:not(.plain)")
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if look.language == "ar" else "ltr")
    yield page
    sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert sideways <= 0, f"{page.url} scrolls sideways by {sideways} px"
    assert complaints == []
    context.close()


def bubble(page: Page, text: str) -> object:
    """The bubble that holds a text."""
    return page.locator("article.msg", has=page.get_by_text(text, exact=True))


def open_conversation(page: Page, look: Look) -> None:
    """Waits, without a reload, for the row of this villager and opens it."""
    page.evaluate("window.stayed = true")
    row = page.locator("a.row", has_text=look.villager).first
    expect(row).to_contain_text(look.question[:20])
    assert page.evaluate("window.stayed") is True, "the page was loaded anew"
    row.click()


def answer(page: Page, text: str) -> None:
    """Writes an answer and sends it."""
    page.fill("#text", text)
    page.click("#send")


@pytest.mark.browser
@pytest.mark.xdist_group("story")
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look.language}-{look.width}")
def test_villager_and_box_talk_in_both_directions(demo: Demo, chromium: Browser, look: Look) -> None:
    """Text → shown without reload → reply → handset → both ticks."""
    with logged_in(chromium, demo, "box", look) as page:
        demo.text(look.villager, look.question)
        open_conversation(page, look)
        expect(bubble(page, look.question)).to_be_visible()
        answer(page, look.answer)
        expect(bubble(page, look.answer)).to_be_visible()
        wait_for(lambda: [m["text"] for m in demo.inbox(look.villager)] == [look.answer])
        expect(
            page.locator("article.msg[data-state=delivered]", has=page.get_by_text(look.answer, exact=True))
        ).to_be_visible()


@pytest.mark.browser
@pytest.mark.xdist_group("story")
@pytest.mark.parametrize("look", LOOKS[1:3], ids=lambda look: f"{look.language}-{look.width}")
def test_cut_link_loses_nothing_and_the_hub_goes_on(demo: Demo, chromium: Browser, look: Look) -> None:
    """Cut → converse → restore → the hub has all → the hub replies → the handset has it, and both see its tick."""
    villager = look.villager[:-3] + "4" + look.villager[-2:]
    offline = [f"{look.question} {n}" for n in range(3)]
    with logged_in(chromium, demo, "box", look) as page:
        assert demo.village("PUT", "/link", {"state": "cut"}).status == 200
        for text in offline:
            demo.text(villager, text)
        there = Look(look.language, look.width, villager, offline[-1], look.answer)
        open_conversation(page, there)
        answer(page, look.answer)
        wait_for(lambda: [m["text"] for m in demo.inbox(villager)] == [look.answer])
        wait_for(lambda: demo.api("box", "GET", "/api/v1/status").body["link"]["state"] == "offline", 60)
        waiting = demo.api("box", "GET", "/api/v1/status").body["link"]["waiting"]
        assert waiting >= len(offline) + 1
        expect(page.locator("#chip")).to_contain_text(str(waiting))
        assert not [m for m in demo.messages("hub") if villager in {m["from"], m["to"]}]
        assert demo.village("PUT", "/link", {"state": "ok"}).status == 200
    with logged_in(chromium, demo, "hub", look) as page:
        open_conversation(page, Look(look.language, look.width, villager, look.answer, ""))
        for text in [*offline, look.answer]:
            expect(bubble(page, text)).to_be_visible()
        answer(page, f"{look.answer} (2)")
        wait_for(lambda: [m["text"] for m in demo.inbox(villager)] == [look.answer, f"{look.answer} (2)"], 60)
        told = page.locator("article.msg[data-state=delivered]", has=page.get_by_text(f"{look.answer} (2)", exact=True))
        expect(told).to_be_visible()
    same = [
        {(m["id"], m["state"]) for m in demo.messages(node) if villager in {m["from"], m["to"]}}
        for node in ("box", "hub")
    ]
    assert same[0] == same[1]
