"""Logging in and out, who may do what, and forms that come too late."""

from __future__ import annotations

import pytest
from flask import Blueprint, g
from tests_support import AMINA, sms

from appliance.messaging import accounts, inbox, receive
from appliance.web.app import create_app
from appliance.web.places import local_path

HERE = "http://localhost"


def _conversation(store) -> str:
    receive.accept(store, sms("Is there water?"))
    return f"/c/{inbox.conversations(store)[0].id}"


def test_stranger_is_sent_to_login_and_back_to_the_page_wanted(stranger, store):
    """A link into the inbox survives the login."""
    page = _conversation(store)
    stranger.get(page)
    assert "Log in" in stranger.text
    done = stranger.submit("/login", name="amina", password="a long enough password")
    assert done.request.path == page


def test_wrong_password_is_told_and_the_name_kept(stranger):
    """A typing mistake costs one field, not two."""
    answer = stranger.login("amina", "wrong")
    assert answer.status_code == 401
    assert "The name or the password is wrong." in stranger.text
    assert stranger.form("/login").fields["name"] == "amina"


def test_many_wrong_passwords_are_slowed_in_words(stranger):
    """The brake says what it is and how long it takes."""
    for _ in range(30):
        answer = stranger.login("amina", "wrong")
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    assert "Too many tries" in stranger.text


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/\tx", "\\\\evil", "", "x"],
)
def test_login_leads_nowhere_but_here(stranger, target):
    """No login link leads to a stranger's page."""
    stranger.get("/login", query_string={"next": target})
    answer = stranger.submit("/login", name="amina", password="a long enough password")
    assert answer.request.url.startswith(HERE + "/inbox")


def test_local_path_keeps_paths_with_queries():
    """Pages of ours stay reachable through the login."""
    assert local_path("/inbox?filter=waiting") == "/inbox?filter=waiting"


def test_logout_ends_the_session(browser):
    """After logging out the inbox asks for a login."""
    browser.get("/inbox")
    browser.submit("/logout")
    browser.get("/inbox")
    assert browser.page.request.path == "/login"


def test_changed_password_ends_sessions_elsewhere(browser, store):
    """A lost phone is shut out by a new password."""
    accounts.set_password(store, "amina", "another long password")
    browser.get("/inbox")
    assert browser.page.request.path == "/login"


def test_session_cookie_is_out_of_reach_of_scripts_and_strangers(stranger):
    """The cookie is HttpOnly and not sent with a stranger's forms."""
    cookie = stranger.login().history[0].headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_two_nodes_on_one_machine_use_two_cookies(store):
    """Browsers share cookies between ports: a box and a hub must not log each other out."""
    names = {create_app(store, node_label="x", secret=s * 32).config["SESSION_COOKIE_NAME"] for s in (b"a", b"b")}
    assert len(names) == 2


def test_bearer_token_is_an_actor_and_needs_no_csrf_token(store, amina):
    """Programs authenticate every call; a session beside a bad token does not help it."""
    probe = Blueprint("probe", __name__)
    probe.add_url_rule("/probe", "probe", lambda: g.actor.name if g.actor else "nobody", methods=["GET", "POST"])
    site = create_app(store, node_label="x", secret=b"k" * 32, blueprints=[probe])
    token = accounts.create_token(store, amina.user, {"messages:write"}, "test")
    client = site.test_client()
    assert client.post("/probe", headers={"Authorization": f"Bearer {token}"}).text == "Amina"
    assert client.post("/probe", headers={"Authorization": "Bearer wrong"}).text == "nobody"
    assert client.post("/probe").status_code == 401


def test_form_without_token_sends_nothing_and_gives_the_text_back(browser, store):
    """A forged or outdated form is not obeyed, and what was typed comes back to be sent with one press."""
    page = _conversation(store)
    browser.get(page)
    browser.submit(csrf_token="outdated", text="We come at 9 & bring <water>")
    assert browser.page.status_code == 400
    assert "We come at 9 &amp; bring &lt;water&gt;" in browser.text
    assert len(inbox.thread(store, inbox.conversations(store)[0].id)) == 1
    browser.submit(page)
    assert [m.text for m in inbox.thread(store, inbox.conversations(store)[0].id)][-1] == "We come at 9 & bring <water>"


def test_session_that_ended_while_typing_loses_nothing(browser, store):
    """The reply survives the login and waits for one press."""
    page = _conversation(store)
    browser.get(page)
    form = browser.form()
    browser.client.delete_cookie(browser.client.application.config["SESSION_COOKIE_NAME"])
    browser.page = browser.client.post(page, data={**form.fields, "text": "Long thought"}, headers={"Origin": HERE})
    assert browser.page.status_code == 401
    browser.submit("/login", name="amina", password="a long enough password")
    assert "Long thought" in browser.text
    browser.submit(page)
    assert inbox.thread(store, inbox.conversations(store)[0].id)[-1].text == "Long thought"


def test_strangers_page_puts_no_words_in_anyones_mouth(stranger, store):
    """A form posted from elsewhere is not carried through the login."""
    page = _conversation(store)
    answer = stranger.client.post(page, data={"text": "evil"}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 401
    assert "evil" not in answer.text


def test_viewer_reads_but_cannot_write(as_user, store):
    """Neither the page nor a hand-made form lets a viewer send; reading as a viewer marks nothing as seen."""
    page = _conversation(store)
    viewer = as_user("view")
    viewer.get(page)
    assert "Your account may read, not write." in viewer.text
    answer = viewer.submit(text="hello", do="send")
    assert answer.status_code == 403
    conversation = inbox.conversations(store)[0]
    assert conversation.line == AMINA
    assert conversation.unread == 1
    assert len(inbox.thread(store, conversation.id)) == 1


def test_node_without_accounts_says_how_to_make_one(tmp_path, clock):
    """A fresh node does not leave anyone in front of a locked door."""
    from appliance.store import open_store

    store = open_store(f"sqlite:///{tmp_path}/new.db", node="new", kind="box", clock=clock)
    try:
        page = create_app(store, node_label="New", secret=b"k" * 32).test_client().get("/login")
    finally:
        store.close()
    assert "fieldbox users" in page.text
