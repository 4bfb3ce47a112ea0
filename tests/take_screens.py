"""Takes the pictures of the README from a running demo: ``.venv/bin/python tests/take_screens.py``."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from demo_support import Demo, wait_for
from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "screens"
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
TALK = (
    ("+252615550111", "Hello, the water point near the school is broken since yesterday. Who can repair it?"),
    ("+252615550112", "السلام عليكم، متى يبدأ توزيع الطعام في المخيم؟"),
    ("+252615550113", "Our camp has 3 new families, 17 people with 9 children. They have no tent and no blankets."),
)
ANSWERS = (
    ("+252615550111", "Thank you. A team comes tomorrow at 9. Please keep the children away from it."),
    ("+252615550112", "وعليكم السلام، يبدأ التوزيع يوم الخميس الساعة الثامنة صباحا قرب المدرسة."),
)
PAGES = (
    ("box-phone", "box", "en", 360, "+252615550111"),
    ("box-phone-ar", "box", "ar", 360, "+252615550112"),
    ("hub-laptop", "hub", "en", 1280, "+252615550111"),
)


def talk(demo: Demo) -> None:
    """A short conversation that has been answered and delivered."""
    for number, text in TALK:
        demo.text(number, text)
    wait_for(lambda: len(demo.messages("hub")) == len(TALK))
    ids = [demo.send("box", number, text, key=f"answer-{number}") for number, text in ANSWERS]
    demo.text("+252615550111", "Thank you very much")
    wait_for(lambda: all(demo.message("hub", record)["state"] == "delivered" for record in ids))
    wait_for(lambda: len(demo.messages("hub")) == len(TALK) + len(ANSWERS) + 1)


def take(browser: Browser, demo: Demo, page_of: tuple[str, str, str, int, str]) -> None:
    """One picture."""
    name, node, language, width, number = page_of
    info = demo.info[node]
    context = browser.new_context(viewport={"width": width, "height": 740}, locale=language)
    page = context.new_page()
    page.goto(f"{info['url']}/?lang={language}")
    page.fill("#name", info["user"])
    page.fill("#password", info["password"])
    page.click("form button:not(.plain)")
    page.locator("a.row", has_text=number).first.click()
    page.wait_for_selector("article.msg.out")
    time.sleep(1)
    page.screenshot(path=FOLDER / f"{name}.png")
    context.close()


def main() -> None:
    """Starts a demo of its own, talks, takes the pictures, ends it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        demo = Demo(Path(folder))
        demo.start()
        try:
            talk(demo)
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            for page_of in PAGES:
                take(browser, demo, page_of)
            start = browser.new_page(viewport={"width": 1280, "height": 740})
            start.goto(f"{demo.info['village']['url']}/?lang=en")
            start.screenshot(path=FOLDER / "start-laptop.png")
            browser.close()
        finally:
            demo.stop()


if __name__ == "__main__":
    main()
