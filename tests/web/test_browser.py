"""The pages in Debian's Chromium: accessible, nothing sideways, live within a second, and whole without scripts.

With FIELDBOX_SCREENSHOTS=folder every page looked at is kept as a picture.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import waitress
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tests_support import AMINA, IMEI, YUSUF, sms
from waitress import wasyncore

from appliance.domain.address import Line, Scheme
from appliance.domain.failure import failure
from appliance.domain.lifecycle import LinkState, ModemState
from appliance.domain.records import Actor, DeliveryReport, ModemStatus, Role
from appliance.gateway import ChangeFeed, blueprints
from appliance.messaging import accounts, compose, inbox, modems, outbox, receipts, receive, status
from appliance.runtime.bell import Bell
from appliance.runtime.clock import SystemClock
from appliance.runtime.deadline import Deadline
from appliance.store import Store, open_store
from appliance.web.app import create_app

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES = [(320, 640), (360, 740), (1280, 800)]
PASSWORD = "a long enough password"
SOON_MS = 1000
"""How late a page may show what was committed."""


@dataclass
class Node:
    """A running node's web, and its store for the test to act in."""

    url: str
    store: Store
    feed: ChangeFeed
    amina: Actor


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, started once for this worker."""
    if not CHROMIUM.exists():
        message = "Chromium is not installed: apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


MakeNode = Callable[..., Node]


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[MakeNode]:
    """Starts the web of a node on a free port, with the real change feed behind the pages."""
    endings: list[Callable[[], None]] = []

    def make(streams: int = 20) -> Node:
        bells = tmp_path / "bells"
        bells.mkdir()
        bell = Bell(bells, "web")
        store = open_store(f"sqlite:///{tmp_path}/box.db", node="baidoa", kind="box", clock=SystemClock(), bell=bell)
        feed = ChangeFeed(store, bell=Bell(bells, "feed"), streams=streams)
        site = create_app(store, node_label="Baidoa", secret=b"k" * 32, blueprints=blueprints(store, feed=feed))
        sockets: dict[int, object] = {}
        # The look-ahead is how a stream sees that its reader has gone, as in the real service.
        server = waitress.create_server(
            site, map=sockets, host="127.0.0.1", port=0, threads=12, channel_request_lookahead=1
        )
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                wasyncore.loop(timeout=0.1, map=sockets, use_poll=True, count=1)

        thread = threading.Thread(target=serve, name="web under test")
        feed.open()
        thread.start()

        def end() -> None:
            feed.close()
            stop.set()
            thread.join(5)
            server.task_dispatcher.shutdown(timeout=2)
            wasyncore.close_all(sockets)
            store.close()

        endings.append(end)
        amina = accounts.create_user(store, "amina", PASSWORD, display="Amina", role=Role.ADMINISTRATOR)
        return Node(f"http://127.0.0.1:{server.effective_port}", store, feed, amina)

    yield make
    for end in endings:
        end()


@pytest.fixture
def node(make_node: MakeNode) -> Node:
    """A running node with nothing in it."""
    return make_node()


@pytest.fixture
def open_context(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Fresh browser profiles, closed after the test."""
    opened: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        opened.append(chromium.new_context(**options))
        opened[-1].set_default_timeout(10_000)
        return opened[-1]

    yield make
    for context in opened:
        context.close()


def _login(page: Page, node: Node, language: str = "en") -> None:
    page.goto(f"{node.url}/login?lang={language}")
    page.fill("#name", "amina")
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{node.url}/inbox*")


def _conversation(node: Node, line: Line = AMINA) -> str:
    return next(str(c.id) for c in inbox.conversations(node.store) if c.line == line)


def _a_day(node: Node) -> None:
    """A day's traffic: every state a message can show, and what strangers send."""
    store = node.store
    modems.report(store, ModemStatus(IMEI, ModemState.READY, 4, "Hormuud", number="+252615550100", model="SIM800"))
    status.link_state(store, "hub", LinkState.OFFLINE, failure("link.no-broker"))
    receive.accept(store, sms("ماء غير نظيف في البئر الشمالي منذ ثلاثة أيام. الأطفال مرضى."))
    receive.accept(store, sms("Thank you. <b>When</b> will \u202e\u2069the truck come? 🚰", YUSUF))
    receive.accept(store, sms("first ", YUSUF, reference=7, part=1, of=3))
    receive.accept(store, sms("Your bundle expires", Line(Scheme.ALNUM, "HORMUUD")))
    receive.accept(store, sms("x" * 300, Line(Scheme.TEL, "+252615550311")))
    receive.accept(store, sms("STOP", Line(Scheme.TEL, "+252615550312")))
    outbox.deferred(store, outbox.claim(store, IMEI).attempt, failure("sms.busy"))
    amina = inbox.conversation(store, inbox.conversations(store)[-1].id)
    inbox.name_contact(store, amina.contact, "Amina Hassan", node.amina)
    texts = ["Mahadsanid. Koox ayaa imanaysa maanta.", "Fadlan karkari biyaha.", "We come at nine.", "Third", "Fifth"]
    for text in texts:
        compose.reply(store, amina.id, text, node.amina)
    outbox.accepted(store, outbox.claim(store, IMEI).attempt, 10)
    receipts.accept_report(store, DeliveryReport(AMINA, 10, 0, IMEI, b"report"))
    outbox.lost(store, outbox.claim(store, IMEI).attempt, failure("sms.power"))
    outbox.deferred(store, outbox.claim(store, IMEI).attempt, failure("sms.barred"))
    outbox.accepted(store, outbox.claim(store, IMEI).attempt, 11)
    outbox.deferred(store, outbox.claim(store, IMEI).attempt, failure("sms.no-network"))


class Inspector:
    """Looks at a page as the gates of the screens do."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.noise: list[str] = []
        self.findings: list[str] = []
        page.on("console", lambda m: self.noise.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: self.noise.append(str(e)))

    def look(self, name: str, *, axe: bool = True) -> None:
        """Notes what axe, the width and the console say of the page as it is now."""
        page = self._page
        sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if sideways > 0:
            self.findings.append(f"{name}: {sideways} px sideways")
        violations = Axe().run(page, options={"runOnly": RULES}).response["violations"] if axe else []
        for finding in violations:
            self.findings.append(f"{name}: {finding['id']} {[n['target'] for n in finding['nodes']]}")
        self.findings += [f"{name}: console: {text}" for text in self.noise]
        self.noise.clear()
        if folder := os.environ.get("FIELDBOX_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_page_passes_the_gates(node, open_context, language, width, height):
    """No finding of axe, nothing sideways, no console error: each page, both languages, phone and laptop."""
    _a_day(node)
    page = open_context(viewport={"width": width, "height": height}, locale=language).new_page()
    inspector = Inspector(page)
    axe = width != 320  # there the question is the width; axe finds the same as at 360
    tail = f"{language}-{width}"
    page.goto(f"{node.url}/login?lang={language}")
    inspector.look(f"login-{tail}", axe=axe)
    _login(page, node, language)
    pages = {
        "inbox": "/inbox",
        "waiting": "/inbox?filter=waiting",
        "talk": f"/c/{_conversation(node)}",
        "hostile": f"/c/{_conversation(node, YUSUF)}",
        "alnum": f"/c/{_conversation(node, Line(Scheme.ALNUM, 'HORMUUD'))}",
        "stopped": f"/c/{_conversation(node, Line(Scheme.TEL, '+252615550312'))}",
        "new": "/new",
        "status": "/status",
    }
    for name, path in pages.items():
        page.goto(node.url + path)
        expect(page.locator("#chip")).to_be_visible()
        inspector.look(f"{name}-{tail}", axe=axe)
    page.click(".menu summary")
    inspector.look(f"menu-{tail}", axe=axe)
    page.goto(f"{node.url}{pages['talk']}")
    page.fill("#text", "x" * 1600)
    expect(page.locator("#count.bad")).to_be_visible()
    page.click("#send")
    page.wait_for_selector("#problem")
    assert page.input_value("#text") == "x" * 1600
    inspector.noise = [text for text in inspector.noise if "422" not in text]
    inspector.look(f"refused-{tail}", axe=axe)
    assert inspector.findings == []


def test_dark_theme_passes_the_gates(node, open_context):
    """The theme the phone asks for is readable too."""
    _a_day(node)
    page = open_context(viewport={"width": 360, "height": 740}, color_scheme="dark").new_page()
    inspector = Inspector(page)
    _login(page, node)
    for name, path in {"inbox": "/inbox", "talk": f"/c/{_conversation(node)}", "status": "/status"}.items():
        page.goto(node.url + path)
        inspector.look(f"{name}-dark")
    assert inspector.findings == []


def test_error_page_passes_the_gates(node, open_context):
    """A dead end is a page like the others."""
    page = open_context(viewport={"width": 360, "height": 740}).new_page()
    inspector = Inspector(page)
    page.goto(f"{node.url}/nowhere")
    inspector.noise.clear()
    inspector.look("nowhere")
    assert inspector.findings == []


def test_message_appears_within_a_second_without_reload(node, open_context):
    """The row, the number waiting and the title change by themselves."""
    page = open_context().new_page()
    _login(page, node)
    page.evaluate("window.same = true")
    receive.accept(node.store, sms("Is there water?"))
    expect(page.locator("#rows .text")).to_have_text("Is there water?", timeout=SOON_MS)
    expect(page).to_have_title("(1) Inbox · \u2068Baidoa\u2069", timeout=SOON_MS)
    assert page.evaluate("window.same") is True


def test_open_conversation_is_live_and_keeps_what_is_being_written(node, open_context):
    """New message, ticks and text under the hands: nothing typed is lost, nothing loses the focus."""
    receive.accept(node.store, sms("Is there water?"))
    page = open_context().new_page()
    _login(page, node)
    page.goto(f"{node.url}/c/{_conversation(node)}")
    page.fill("#text", "At nine")
    page.click("#send")
    expect(page.locator(".msg.out")).to_have_attribute("data-state", "queued")
    page.locator("#text").press_sequentially("half a thou")
    attempt = outbox.claim(node.store, IMEI).attempt
    expect(page.locator(".msg.out")).to_have_attribute("data-state", "sending", timeout=SOON_MS)
    outbox.accepted(node.store, attempt, 3)
    expect(page.locator(".msg.out")).to_have_attribute("data-state", "sent", timeout=SOON_MS)
    receipts.accept_report(node.store, DeliveryReport(AMINA, 3, 0, IMEI, b"report"))
    expect(page.locator(".msg.out .state")).to_have_text("Delivered", timeout=SOON_MS)
    receive.accept(node.store, sms("And tomorrow?"))
    expect(page.locator(".msg.in .text").last).to_have_text("And tomorrow?", timeout=SOON_MS)
    page.keyboard.type("ght")
    assert page.input_value("#text") == "half a thought"
    expect(page.locator("#count")).to_contain_text("146 characters left")


def test_banner_comes_and_goes_with_what_it_says(node, open_context):
    """Whoever writes sees at once that SMS does not go out, and at once that it does again."""
    receive.accept(node.store, sms("Is there water?"))
    modems.report(node.store, ModemStatus(IMEI, ModemState.READY))
    page = open_context().new_page()
    _login(page, node)
    page.goto(f"{node.url}/c/{_conversation(node)}")
    expect(page.locator("#chip")).to_contain_text("SMS works")
    modems.report(node.store, ModemStatus(IMEI, ModemState.NO_SIM))
    expect(page.locator("#banners")).to_contain_text("SMS cannot come in: no SIM.", timeout=SOON_MS)
    expect(page.locator("#chip")).to_contain_text("SMS cannot come in: no SIM", timeout=SOON_MS)
    modems.report(node.store, ModemStatus(IMEI, ModemState.READY))
    expect(page.locator("#banners .note")).to_have_count(0, timeout=SOON_MS)


def test_windows_of_one_browser_share_one_stream(node, open_context):
    """Seven open streams would block a browser: one window listens, and tells the others."""
    context = open_context()
    pages = [context.new_page() for _ in range(4)]
    _login(pages[0], node)
    for page in pages:
        page.goto(f"{node.url}/inbox")
    receive.accept(node.store, sms("Is there water?"))
    for page in pages:
        expect(page.locator("#rows .text")).to_have_text("Is there water?", timeout=2 * SOON_MS)
    # The server notices a window that went away at its next slice of waiting.
    deadline = Deadline(node.store.clock, 10)
    while node.feed.streams() > 1 and not deadline.passed():
        pages[0].wait_for_timeout(100)
    assert node.feed.streams() == 1


def test_page_polls_when_no_stream_is_left(make_node, open_context):
    """The twenty-first reader is served more slowly, not left alone."""
    node = make_node(streams=0)
    page = open_context().new_page()
    page.clock.install()
    _login(page, node)
    with page.expect_response("**/api/v1/events") as refused:
        page.goto(f"{node.url}/inbox")
    assert refused.value.status == 503
    receive.accept(node.store, sms("Is there water?"))
    page.clock.run_for(16_000)
    expect(page.locator("#rows .text")).to_have_text("Is there water?")


def test_page_says_when_the_node_is_gone(make_node, open_context):
    """A page that cannot be trusted any more says so."""
    node = make_node()
    context = open_context()
    page = context.new_page()
    _login(page, node)
    context.set_offline(True)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#lost")).to_be_visible()
    context.set_offline(False)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#lost")).to_be_hidden()


def test_session_that_ends_while_writing_loses_nothing(node, open_context):
    """The password changed elsewhere: the page says so, and one press and a login later the reply is sent."""
    receive.accept(node.store, sms("Is there water?"))
    page = open_context().new_page()
    _login(page, node)
    page.goto(f"{node.url}/c/{_conversation(node)}")
    page.fill("#text", "A long answer")
    accounts.set_password(node.store, "amina", "another long password")
    receive.accept(node.store, sms("Please"))
    expect(page.locator("#ended")).to_be_visible()
    assert page.input_value("#text") == "A long answer"
    page.click("#send")
    page.fill("#name", "amina")
    page.fill("#password", "another long password")
    page.click("main button")
    expect(page.locator("blockquote")).to_have_text("A long answer")
    page.click("main button")
    expect(page.locator(".msg.out .text")).to_have_text("A long answer")


def test_whole_journey_without_javascript(node, open_context):
    """Log in, read, count, answer, decide, change the language, log out: with plain forms."""
    receive.accept(node.store, sms("Is there water?"))
    page = open_context(java_script_enabled=False, viewport={"width": 360, "height": 740}).new_page()
    _login(page, node)
    page.click("a.row")
    page.fill("#text", "At nine [by the well]")
    page.click("button[value=count]")
    expect(page.locator("#count")).to_have_text("137 characters left · 1 part")
    page.click("#send")
    expect(page.locator(".msg.out .text")).to_have_text("At nine [by the well]")
    outbox.lost(node.store, outbox.claim(node.store, IMEI).attempt, failure("sms.power"))
    page.reload()
    page.fill("#text", "still writing")
    page.click("text=It arrived")
    expect(page.locator(".msg.out")).to_have_attribute("data-state", "sent")
    assert page.input_value("#text") == "still writing"
    page.click(".menu summary")
    page.click("text=العربية")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    page.click(".menu summary")
    page.click("text=تسجيل الخروج")
    expect(page.locator("h1")).to_have_text("تسجيل الدخول")


def test_long_thread_opens_at_its_end(node, open_context):
    """The newest message is in sight, with and without scripts; scrolled up, a new one does not pull it down."""
    for n in range(40):
        receive.accept(node.store, sms(f"number {n}"))
    for scripts in (True, False):
        page = open_context(java_script_enabled=scripts, viewport={"width": 360, "height": 740}).new_page()
        _login(page, node)
        page.goto(f"{node.url}/c/{_conversation(node)}")
        expect(page.locator("#thread .text", has_text="number 39")).to_be_in_viewport()
        if scripts:
            page.locator("#scroll").evaluate("box => box.scrollTo(0, -600)")
            still = page.locator("#thread .text", has_text="number 25")
            before = still.bounding_box()["y"]
            receive.accept(node.store, sms("number 40"))
            expect(page.locator("#thread .text", has_text="number 40")).to_be_attached()
            assert abs(still.bounding_box()["y"] - before) < 3
