"""The status chip and the status page: what works, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.domain.failure import failure
from appliance.domain.lifecycle import LinkState, ModemState
from appliance.domain.records import ClockQuality, LinkView, ModemStatus, QueueView, StatusView
from appliance.messaging import modems, status
from appliance.web.chip import summarise
from appliance.web.words import MODEMS, Tone, sentence

ON, OFF, NO = LinkState.ONLINE, LinkState.OFFLINE, LinkState.REFUSED
READY, NO_SIM, SEARCHING, ABSENT = ModemState.READY, ModemState.NO_SIM, ModemState.SEARCHING, ModemState.ABSENT


def _view(kind, modem_states, links):
    return StatusView(
        node="baidoa",
        kind=kind,
        modems=tuple(ModemStatus(imei=str(n), state=state) for n, state in enumerate(modem_states)),
        queue=QueueView(),
        links=tuple(LinkView(str(n), state, waiting, 0, None) for n, (state, waiting) in enumerate(links)),
        clock=ClockQuality.NTP,
    )


@pytest.mark.parametrize(
    ("kind", "modem_states", "links", "text", "tone"),
    [
        ("box", [READY], [(ON, 0)], "Online · SMS works", Tone.OK),
        ("box", [READY], [(OFF, 14)], "Offline · SMS works · 14 to sync", Tone.WARN),
        ("box", [NO_SIM], [(OFF, 2)], "SMS cannot come in: no SIM · Offline · 2 to sync", Tone.BAD),
        ("box", [NO_SIM, READY], [(ON, 0)], "Online · SMS works", Tone.OK),
        ("box", [SEARCHING], [(ON, 0)], "Online · SMS waits for a network", Tone.WARN),
        ("box", [ABSENT], [(ON, 0)], "SMS cannot come in: no modem · Online", Tone.BAD),
        ("box", [], [(ON, 0)], "SMS cannot come in: no modem · Online", Tone.BAD),
        ("box", [READY], [(NO, 1)], "The hub refuses this box · SMS works · 1 to sync", Tone.WARN),
        ("box", [READY], [], "SMS works", Tone.OK),
        ("hub", [], [], "No box has called yet", Tone.OK),
        ("hub", [], [(ON, 0)], "1 box online", Tone.OK),
        ("hub", [], [(ON, 0), (ON, 0)], "All 2 boxes online", Tone.OK),
        ("hub", [], [(ON, 1), (OFF, 3)], "1 of 2 boxes offline · 4 to sync", Tone.WARN),
        ("hub", [], [(OFF, 0)], "1 box offline", Tone.WARN),
    ],
)
def test_chip_says_what_works(site, kind, modem_states, links, text, tone):
    """The worst comes first, what works is said, the number waiting last."""
    with site.test_request_context("/"):
        chip = summarise(_view(kind, modem_states, links))
    assert (chip.text, chip.tone) == (text, tone)


def test_full_disk_is_said_before_anything_works(site):
    """A modem that is ready is of no use while nothing it reads can be kept."""
    with site.test_request_context("/"):
        chip = summarise(replace(_view("box", [READY], [(ON, 0)]), has_room=False))
    assert (chip.text, chip.tone) == ("The disk is full: nothing can be kept · Online", Tone.BAD)


@pytest.mark.parametrize("state", list(ModemState))
def test_every_modem_state_has_its_sentence(site, state):
    """No state of the contract leaves the chip or the page without words, in any language."""
    for language in ("en", "ar"):
        with site.test_request_context("/", headers={"Accept-Language": language}):
            assert summarise(_view("box", [state], [(ON, 0)])).text
            assert MODEMS[state].text


def test_status_page_tells_modem_queue_link_and_clock(browser, store):
    """What a technician asks first stands on one page."""
    modems.report(
        store,
        ModemStatus(
            imei="350000000000017",
            state=ModemState.PIN,
            signal=3,
            operator="Hormuud",
            number="+252615550100",
            failure=failure("sms.sim"),
        ),
    )
    status.link_state(store, "hub", LinkState.OFFLINE, failure("link.no-broker"))
    page = browser.get("/status").text
    for words in (
        "SMS cannot come in: the SIM needs its PIN · Offline",
        "PIN needed",
        "The SIM cannot be used.",
        "3 of 5",
        "Hormuud",
        "The hub cannot be reached. SMS still works",
        "Set from the internet",
    ):
        assert words in page


@pytest.mark.parametrize(("kind", "words"), [("box", "SMS still works"), ("hub", "The line to the boxes is down")])
def test_line_that_is_down_is_said_by_the_end_that_says_it(site, kind, words):
    """A hub does not speak of the hub that cannot be reached."""
    with site.test_request_context("/"):
        assert words in sentence(failure("link.no-broker"), kind)
        assert sentence(failure("link.no-box"), kind) == failure("link.no-box").sentence


@pytest.mark.parametrize("path", ["/inbox", "/new", "/status"])
def test_chip_is_on_every_page_and_leads_to_the_status(browser, path):
    """One chip, one link, everywhere."""
    assert browser.get(path).text.count('id="chip"') == 1


def test_fragments_are_parts_of_their_page(browser):
    """What live pages fetch is what the page itself shows."""
    chip = browser.get("/status?fragment=chip").text.strip()
    assert chip in browser.get("/status").text
    assert browser.get("/status?fragment=status").text.strip() in browser.get("/status").text


def test_fragment_without_session_is_refused_shortly(stranger):
    """A live page whose session ended reloads itself instead of swallowing a login page."""
    assert stranger.get("/inbox?fragment=list").status_code == 401
