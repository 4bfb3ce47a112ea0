"""The village's pages in Debian's Chromium: live, narrow, accessible, and without a word on the console."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect
from simulator.bench import BOX, PHONE

from appliance.modem.simulator.village import VillageService

_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

pytestmark = pytest.mark.browser


def test_phone_shows_what_comes_without_reload(village: VillageService, chromium: Browser) -> None:
    """A message that arrives stands on the open page within two seconds, in its own direction."""
    page = chromium.new_page(viewport={"width": 360, "height": 740})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"http://127.0.0.1:{village.http_port}/phone/{PHONE}?lang=en")
    page.get_by_label("Message", exact=True).fill("Is the road open?")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".msg.out")).to_contain_text("Is the road open?")
    expect(page.locator(".msg.out")).to_contain_text("arrived", timeout=2500)
    page.get_by_label("Message", exact=True).fill("half typed")
    village.network.text("+252615550134", PHONE, "نعم، الطريق مفتوح <b>")
    expect(page.locator(".msg.in p")).to_have_text("نعم، الطريق مفتوح <b>", timeout=2500)
    assert page.get_by_label("Message", exact=True).input_value() == "half typed"
    assert complaints == []


@pytest.mark.parametrize("lang", ["en", "ar"])
def test_pages_are_accessible_and_fit(village: VillageService, chromium: Browser, lang: str, tmp_path: Path) -> None:
    """No finding of axe, no sideways scroll at 320, 360 and 1280 px, no script needed."""
    del tmp_path
    village.network.text(PHONE, BOX, "W" * 400 + " نص طويل")
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    for path in ("/", f"/phone/{PHONE}", "/weather"):
        page.goto(f"http://127.0.0.1:{village.http_port}{path}?lang={lang}")
        findings = Axe().run(page, options=_RULES).response["violations"]
        assert [finding["id"] for finding in findings] == []
        for width in (320, 360, 1280):
            page.set_viewport_size({"width": width, "height": 740})
            over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert over == 0, (path, width)
    context.close()
