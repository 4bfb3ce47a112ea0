from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.domain import retry
from appliance.domain.address import AddressError, Line, Scheme, mask, parse_phone, sender_line
from appliance.domain.failure import CATALOGUE, failure
from appliance.domain.lifecycle import (
    PART_TABLE,
    RANK,
    Outgoing,
    PartEvent,
    UnknownTransition,
    message_state,
    next_part,
)
from appliance.domain.optout import Wish, confirmation, wish


@pytest.mark.parametrize(
    ("text", "country", "address"),
    [
        ("+252 61 555 0143", "", "+252615550143"),
        ("00252-61-555-0143", "", "+252615550143"),
        ("٠٦١٥٥٥٠١٤٣", "252", "+252615550143"),
        ("\u200e+252615550143\u202c", "", "+252615550143"),
        ("1234", "", "1234"),
    ],
)
def test_phone_as_people_write_it_is_one_line(text: str, country: str, address: str) -> None:
    """Separators, direction marks and any digits lead to the same line."""
    assert parse_phone(text, country=country).address == address


@pytest.mark.parametrize("text", ["", "hello", "+", "+0123456789", "+12345", "12 34 56 78 90 12", "<script>"])
def test_text_that_is_no_phone_is_refused_in_words(text: str) -> None:
    """The refusal is a sentence that says how to write it."""
    with pytest.raises(AddressError, match="country code"):
        parse_phone(text)


def test_masked_number_shows_neither_its_middle_nor_a_short_one() -> None:
    """Logs never show a full number."""
    assert mask("+252615550143") == "+252…143"
    assert mask("1234") == "…"


def test_alphanumeric_sender_cannot_be_answered() -> None:
    """A name as sender is a line of its own kind."""
    assert not sender_line("HORMUUD", alphanumeric=True, international=False).can_be_answered
    assert sender_line("252615550143", alphanumeric=False, international=True) == Line(Scheme.TEL, "+252615550143")


@pytest.mark.parametrize(("state", "event"), list(itertools.product(Outgoing, PartEvent)))
def test_every_pair_of_state_and_event_is_known_or_an_error(state: Outgoing, event: PartEvent) -> None:
    """No pair is ignored."""
    if (state, event) in PART_TABLE:
        assert next_part(state, event) in Outgoing
    else:
        with pytest.raises(UnknownTransition):
            next_part(state, event)


def test_no_event_but_acceptance_or_evidence_leads_to_sent_or_delivered() -> None:
    """I4: a tick needs the network's acceptance, a report or a person's word."""
    assert {event for (_, event), after in PART_TABLE.items() if after is Outgoing.SENT} == {
        PartEvent.ACCEPT,
        PartEvent.ARRIVED,
    }
    assert {event for (_, event), after in PART_TABLE.items() if after is Outgoing.DELIVERED} == {PartEvent.DELIVER}


def test_uncertain_goes_back_to_the_queue_by_decision_or_proof_alone() -> None:
    """I3: never blindly sent again."""
    ways = {
        event
        for (before, event), after in PART_TABLE.items()
        if before is Outgoing.UNCERTAIN and after is Outgoing.QUEUED
    }
    assert ways == {PartEvent.RESEND, PartEvent.UNSENT}


@given(st.lists(st.sampled_from(list(Outgoing)), min_size=1, max_size=10))
def test_message_is_never_more_certain_than_its_parts(parts: list[Outgoing]) -> None:
    """Delivered and sent hold only when they hold for every part."""
    state = message_state(parts)
    assert (state is Outgoing.DELIVERED) == (set(parts) == {Outgoing.DELIVERED})
    if state is Outgoing.SENT:
        assert set(parts) <= {Outgoing.SENT, Outgoing.DELIVERED}
    assert (Outgoing.UNCERTAIN in parts) == (state is Outgoing.UNCERTAIN)


def test_every_state_has_a_rank() -> None:
    """The carrier's words can always be ordered."""
    assert set(RANK) == set(Outgoing)


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_failure_says_in_a_sentence_what_to_do(code: str) -> None:
    """A failure ends with a full stop and has a code with its room."""
    value = failure(code)
    assert value.sentence.endswith((".", "!"))
    assert "." in code


@pytest.mark.parametrize("text", ["STOP", " stop ", "Stop.", "ARRÊT", "arret", "توقف", "  قف!"])
def test_stop_alone_in_any_language_is_heard(text: str) -> None:
    """The whole message is the word."""
    assert wish(text) is Wish.STOP


@pytest.mark.parametrize("text", ["please stop by the clinic", "stop stop", "", "bus stop"])
def test_word_inside_a_sentence_is_an_ordinary_message(text: str) -> None:
    """Nobody is cut off by a sentence."""
    assert wish(text) is None


def test_confirmation_follows_the_script_of_the_writer() -> None:
    """Arabic is answered in Arabic."""
    assert confirmation("توقف") != confirmation("STOP")


def test_waits_grow_to_a_quarter_of_an_hour_and_end() -> None:
    """Trying has a limit and a back-off."""
    waits = [retry.delay_s(n) for n in range(1, retry.MOST_TRIES + 1)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (15, 900)
    assert not retry.is_last(1)
    assert retry.is_last(retry.MOST_TRIES)


def test_decision_to_send_again_begins_another_round() -> None:
    """Whoever sends again after the box gave up gets as many tries as before."""
    assert not retry.is_last(retry.MOST_TRIES + 1)
    assert retry.delay_s(retry.MOST_TRIES + 1) == retry.FIRST_S
    assert retry.is_last(2 * retry.MOST_TRIES)
