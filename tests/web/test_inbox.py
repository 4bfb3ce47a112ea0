"""The list, the conversation, and writing: without JavaScript, on a real store."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tests_support import AMINA, IMEI, YUSUF, sms

from appliance.domain.address import Line, Scheme
from appliance.domain.failure import failure
from appliance.domain.lifecycle import Incoming, LinkState, Outgoing, PartEvent
from appliance.domain.records import ModemState, ModemStatus
from appliance.messaging import compose, inbox, modems, outbox, receive, status
from appliance.store import open_store
from appliance.web.app import create_app
from appliance.web.present import Reader, bubbles, newest
from appliance.web.words import STATES


def _opened(browser, store, text="Is there water?", line=AMINA):
    receive.accept(store, sms(text, line))
    conversation = next(c for c in inbox.conversations(store) if c.line == line)
    browser.get(f"/c/{conversation.id}")
    return conversation


def _out(store, conversation):
    return [m for m in inbox.thread(store, conversation.id) if m.direction == "out"]


# --- the list ---


def test_empty_inbox_says_what_to_do(browser, store):
    """A new box shows its number and asks for a text."""
    modems.report(store, ModemStatus(imei=IMEI, state=ModemState.READY, number="+252615550100"))
    browser.get("/inbox")
    assert "No messages yet." in browser.text
    assert "<span>+252</span><span>61</span><span>555</span><span>0100</span>" in browser.text


def test_list_shows_newest_first_with_unread_and_waiting(browser, store, clock):
    """Rows in order of activity, the number waiting on the chip, and a chip that leaves only those."""
    receive.accept(store, sms("first"))
    clock.advance(60)
    receive.accept(store, sms("second", YUSUF))
    browser.get("/inbox")
    assert browser.text.index("second") < browser.text.index("first")
    assert "(2)" in browser.text
    compose.reply(store, inbox.conversations(store)[0].id, "answer", _actor(store))
    browser.get("/inbox?filter=waiting")
    assert "(1)" in browser.text
    assert "second" not in browser.text
    assert "first" in browser.text


@pytest.mark.parametrize("apart_s", [1, 0], ids=["apart", "at-one-instant"])
def test_older_conversations_are_one_link_away(browser, store, clock, apart_s):
    """The list is paged, every conversation exactly once, also where many wrote in one instant."""
    for n in range(35):
        clock.advance(apart_s)
        receive.accept(store, sms(f"text {n}", Line(Scheme.TEL, f"+2526155501{n:02}")))
    browser.get("/inbox")
    older = re.search(r'href="(/inbox\?before=[^"]+)"', browser.text)
    first = set(re.findall(r'id="row-([^"]+)"', browser.text))
    browser.get(older.group(1))
    second = set(re.findall(r'id="row-([^"]+)"', browser.text))
    assert len(first) == 30
    assert len(second) == 5
    assert not first & second


def test_own_box_is_not_named_on_every_row(browser, store):
    """On the box itself its name would be noise."""
    receive.accept(store, sms("hello"))
    browser.get("/inbox")
    assert "baidoa" not in browser.text.split("<main")[1]


def test_hostile_text_and_name_stay_text(browser, store, amina):
    """Markup is escaped, direction controls cannot leave their element, neither on the page nor in its title."""
    conversation = _opened(browser, store, "<script>alert(1)</script> \u202e \u2069 x")
    inbox.name_contact(store, conversation.contact, '\u202eAbdi\u2069"><b>', amina)
    page = browser.get(f"/c/{conversation.id}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert 'class="text" dir="auto"' in page
    title = re.search("<title>(.*?)</title>", page).group(1)
    assert "\u202e" not in title
    assert title.startswith("\u2068Abdi&#34;&gt;&lt;b&gt;\u2069")
    assert "<bdi>Abdi&#34;&gt;&lt;b&gt;</bdi>" in page


@pytest.mark.parametrize("text", ["\x00nul", "\x1b[31mred", "a\u0085b", "\U0001f6b0 tap", "\ud83d lone"])
def test_odd_characters_do_not_break_a_page(browser, store, text):
    """Whatever a phone sends, the conversation opens."""
    assert _opened(browser, store, text)
    assert browser.page.status_code == 200


# --- a conversation ---


def test_reading_marks_as_seen(browser, store):
    """Opening a conversation clears its badge; its fragment works as well."""
    conversation = _opened(browser, store)
    assert inbox.conversation(store, conversation.id).unread == 0
    fragment = browser.get(f"/c/{conversation.id}?fragment=thread").text
    assert "Is there water?" in fragment
    assert "<html" not in fragment


def test_reply_is_queued_and_shown_after_a_redirect(browser, store):
    """Redirect after post: reloading the page sends nothing again."""
    conversation = _opened(browser, store)
    answer = browser.submit(text="At nine\r\nby the well", do="send")
    assert answer.history[0].status_code == 303
    assert [m.text for m in _out(store, conversation)] == ["At nine\nby the well"]
    assert "Queued" in browser.text


def test_form_sent_twice_is_one_message(browser, store):
    """A nervous double press, or the back button and send again, pays for one SMS."""
    conversation = _opened(browser, store)
    form = browser.form()
    for _ in range(2):
        browser.client.post(form.action, data={**form.fields, "text": "Once", "do": "send"})
    browser.client.post(form.action, data={**form.fields, "text": "Another text", "do": "send"})
    assert [m.text for m in _out(store, conversation)] == ["Once", "Another text"]


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "Write something first."), (" \r\n ", "Write something first."), ("x" * 2000, "longer than 10 parts")],
)
def test_text_that_cannot_be_sent_is_refused_in_words_and_kept(browser, store, text, words):
    """Nothing typed is lost by a refusal."""
    conversation = _opened(browser, store)
    answer = browser.submit(text=text, do="send")
    assert answer.status_code == 422
    assert words in browser.text
    assert browser.form().fields["text"].strip() == text.strip()
    assert not _out(store, conversation)


def test_count_button_counts_exactly_without_javascript(browser, store):
    """GSM-7 extension characters count twice, Arabic makes parts of 70; the text stays."""
    _opened(browser, store)
    browser.submit(text="We come tomorrow at 9 [school] € ok", do="count")
    assert "122 characters left · 1 part" in browser.text
    assert browser.form().fields["text"] == "We come tomorrow at 9 [school] € ok"


def test_count_for_scripts_is_posted_and_exact(browser):
    """The live counter asks the server, with the text in the body and the form's token."""
    browser.get("/new")
    token = browser.form("/new").fields["csrf_token"]
    found = browser.client.post("/compose/count", data={"text": "مرحبا " * 20, "csrf_token": token}).json
    assert (found["parts"], found["encoding"]) == (2, "ucs2")
    assert browser.client.get("/compose/count?text=secret").status_code == 405


def test_naming_a_person_keeps_what_was_being_written(browser, store):
    """The buttons of a conversation belong to one form: none of them throws the draft away."""
    conversation = _opened(browser, store)
    browser.submit(name="Amina Hassan", text="half a thou", do="name")
    assert inbox.conversation(store, conversation.id).name == "Amina Hassan"
    assert browser.form().fields["text"] == "half a thou"
    assert not _out(store, conversation)


def test_uncertain_message_offers_the_three_decisions(browser, store):
    """What nobody knows is said, and a person decides; deciding twice is answered in words."""
    conversation = _opened(browser, store)
    browser.submit(text="Maybe", do="send")
    outbox.lost(store, outbox.claim(store, IMEI).attempt, failure("sms.power"))
    page = browser.get(f"/c/{conversation.id}").text
    assert "Uncertain" in page
    assert "It may have been sent." in page
    message = _out(store, conversation)[0].id
    assert [value.partition(":")[0] for _, value in browser.form().buttons if value.endswith(str(message))] == [
        "resend",
        "arrived",
        "give-up",
    ]
    token = browser.form().fields
    browser.submit(do=f"arrived:{message}")
    assert _out(store, conversation)[0].state is Outgoing.SENT
    late = browser.client.post(f"/c/{conversation.id}", data={**token, "do": f"resend:{message}"})
    assert late.status_code == 422
    assert "This message has moved on." in late.text


def test_people_cannot_forge_what_only_the_network_says(browser, store):
    """A hand-made form cannot mark a message as delivered."""
    conversation = _opened(browser, store)
    browser.submit(text="x", do="send")
    message = _out(store, conversation)[0].id
    assert browser.submit(do=f"{PartEvent.DELIVER}:{message}").status_code == 400


def test_sender_without_number_has_no_composer(browser, store):
    """An alphanumeric sender cannot be answered, and the page says so."""
    _opened(browser, store, "Bundle expires", Line(Scheme.ALNUM, "HORMUUD"))
    assert "It cannot be answered." in browser.text
    assert "<textarea" not in browser.text


def test_opted_out_person_is_announced(browser, store):
    """The banner says what the STOP still allows."""
    conversation = _opened(browser, store, "STOP")
    assert inbox.conversation(store, conversation.id).opted_out
    assert "asked for no more messages" in browser.text


def test_missing_part_is_named(browser, store):
    """A long message with a hole says which part is missing."""
    receive.accept(store, sms("one ", AMINA, reference=7, part=1, of=3))
    receive.accept(store, sms(" three", AMINA, reference=7, part=3, of=3))
    browser.get(f"/c/{inbox.conversations(store)[0].id}")
    assert "Part 2 of 3 missing" in browser.text


def test_older_messages_are_one_link_away(browser, store, clock):
    """A long thread is paged, oldest first on each page, and no page repeats or skips a message."""
    conversation = _opened(browser, store, "number 0")
    for n in range(1, 90):
        clock.advance(1)
        receive.accept(store, sms(f"number {n}"))
    seen: list[str] = []
    url = f"/c/{conversation.id}"
    while url:
        browser.get(url)
        main = browser.text.split('id="thread"')[1]
        seen = re.findall(r'dir="auto">(number \d+)<', main) + seen
        link = re.search(rf'href="(/c/{conversation.id}\?before=\d+)"', main)
        url = link.group(1) if link else ""
    assert seen == [f"number {n}" for n in range(90)]


def test_every_state_has_icon_word_and_translation(browser, store, amina, site):
    """No state of the contract is shown by colour alone, in any language."""
    conversation = _opened(browser, store)
    browser.submit(text="x", do="send")
    view = _out(store, conversation)[0]
    reader = Reader(amina, "baidoa", store.clock.now().ms)
    for language in ("en", "ar"):
        with site.test_request_context(f"/?lang={language}", headers={"Accept-Language": language}):
            words = {state: bubbles([replace(view, state=state)], reader)[0].word for state in [*Outgoing, *Incoming]}
            assert all(word.icon and word.text for word in words.values())
            assert set(words) == set(STATES)
            if language == "ar":
                assert not any(word.text.isascii() for word in words.values())


def test_newest_messages_fill_one_page_and_never_none(browser, store):
    """One enormous message still shows; many large ones leave the rest to the page before."""
    _opened(browser, store, "x" * 1500)
    view = inbox.thread(store, inbox.conversations(store)[0].id)[0]
    assert len(newest([replace(view, text="y" * 99_999)])) == 1
    assert 1 < len(newest([view] * 60)) < 60


@pytest.mark.parametrize(
    "path", ["/c/x", "/c/6905d0ac-a33e-4a61-907d-4bd4b6c71364", "/c/00000000-0000-8000-8000-000000000001"]
)
def test_conversation_that_is_none_is_not_found(browser, path):
    """A wrong address is a page in words, whatever it is made of."""
    assert browser.get(path).status_code == 404
    assert "This page does not exist here" in browser.text


# --- a first message ---


def test_new_message_opens_its_conversation(browser, store):
    """A national number is completed, the text sent once, its conversation shown."""
    browser.get("/new")
    form = browser.form("/new")
    data = {**form.fields, "to": "061 555 0199", "text": "Hello", "do": "send"}
    for _ in range(2):
        answer = browser.client.post("/new", data=data, follow_redirects=True)
    assert answer.request.path.startswith("/c/")
    (conversation,) = inbox.conversations(store)
    assert conversation.line.address == "+252615550199"
    assert len(_out(store, conversation)) == 1


@pytest.mark.parametrize(("to", "words"), [("12ab", "not a phone number"), ("", "not a phone number")])
def test_wrong_number_is_refused_in_words_and_all_kept(browser, to, words):
    """The number's field is marked, the text stays."""
    browser.get("/new")
    assert browser.submit("/new", to=to, text="Hello", do="send").status_code == 422
    assert words in browser.text
    fields = browser.form("/new").fields
    assert (fields["to"], fields["text"]) == (to, "Hello")


# --- the same pages at the hub ---


def test_offline_box_is_said_above_the_composer(tmp_path, clock, store, amina):
    """At the hub a reply to a box that is away waits, and the page says so; the row names the box."""
    from tests_support import sync

    from appliance.domain.records import Role
    from appliance.messaging import accounts

    receive.accept(store, sms("hello"))
    hub = open_store(f"sqlite:///{tmp_path}/hub.db", node="hub", kind="hub", clock=clock)
    try:
        accounts.create_user(hub, "amina", "a long enough password", display="Amina", role=Role.ADMINISTRATOR)
        status.link_state(hub, "baidoa", LinkState.OFFLINE, failure("link.no-box"))
        sync(store, hub)
        client = create_app(hub, node_label="Hub", secret=b"h" * 32).test_client()
        login = client.get("/login").text
        token = re.search('name="csrf_token" value="([^"]+)"', login).group(1)
        client.post("/login", data={"name": "amina", "password": "a long enough password", "csrf_token": token})
        rows = client.get("/inbox").text
        assert "<bdi>baidoa</bdi>" in rows
        assert "1 box offline" in rows
        page = client.get(f"/c/{inbox.conversations(hub)[0].id}").text
        assert "The box baidoa is offline since" in page
        assert "Your reply waits here" in page
        assert "Choose" not in page
        assert 'value="baidoa"' in client.get("/new").text
    finally:
        hub.close()


def _actor(store):
    from appliance.messaging import accounts

    return accounts.authenticate(store, "amina", "a long enough password")
