"""The pages live in Debian's Chromium: within a second, one stream per browser, and whole without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests_support import AMINA, IMEI, sms

from appliance.domain.failure import failure
from appliance.domain.lifecycle import ModemState
from appliance.domain.records import DeliveryReport, ModemStatus
from appliance.messaging import accounts, modems, outbox, receipts, receive
from appliance.runtime.deadline import Deadline

pytestmark = pytest.mark.browser

SOON_MS = 1000
"""How late a page may show what was committed."""


def test_message_appears_within_a_second_without_reload(node, open_context):
    """The row, the number waiting and the title change by themselves."""
    page = open_context().new_page()
    node.login(page)
    page.evaluate("window.same = true")
    receive.accept(node.store, sms("Is there water?"))
    expect(page.locator("#rows .text")).to_have_text("Is there water?", timeout=SOON_MS)
    expect(page).to_have_title("(1) Inbox · \u2068Baidoa\u2069", timeout=SOON_MS)
    assert page.evaluate("window.same") is True


def test_open_conversation_is_live_and_keeps_what_is_being_written(node, open_context):
    """New message, ticks and text under the hands: nothing typed is lost, nothing loses the focus."""
    receive.accept(node.store, sms("Is there water?"))
    page = open_context().new_page()
    node.login(page)
    page.goto(node.conversation())
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
    node.login(page)
    page.goto(node.conversation())
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
    node.login(pages[0])
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
    node.login(page)
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
    node.login(page)
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
    node.login(page)
    page.goto(node.conversation())
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
    node.login(page)
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
        node.login(page)
        page.goto(node.conversation())
        expect(page.locator("#thread .text", has_text="number 39")).to_be_in_viewport()
        if scripts:
            page.locator("#scroll").evaluate("box => box.scrollTo(0, -600)")
            still = page.locator("#thread .text", has_text="number 25")
            before = still.bounding_box()["y"]
            receive.accept(node.store, sms("number 40"))
            expect(page.locator("#thread .text", has_text="number 40")).to_be_attached()
            assert abs(still.bounding_box()["y"] - before) < 3


def test_long_name_leaves_room_for_the_messages(node, open_context):
    """The longest name takes two lines of a phone's header at most; it stands whole where it is edited."""
    receive.accept(node.store, sms("Hello"))
    page = open_context(viewport={"width": 360, "height": 740}).new_page()
    node.login(page)
    page.goto(node.conversation())
    page.locator(".person summary").click()
    page.locator("#name").fill("Abdirahman " * 7)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("header.bar h1")).to_contain_text("Abdirahman")
    assert page.locator("header.bar h1").bounding_box()["height"] < 60
    expect(page.locator("#name")).to_have_value(("Abdirahman " * 7).strip())
