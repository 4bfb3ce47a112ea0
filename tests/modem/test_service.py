"""The modem service for real: village, pseudo-terminal, SQLite. The village's ledger is the judge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.domain.lifecycle import Incoming, ModemState, Outgoing, PartEvent
from appliance.messaging import compose
from tests.modem.bench import AMINA, STAFF, Box, running, until


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A box with an ideal modem, ready."""
    with running(tmp_path) as bench:
        bench.until_ready()
        yield bench


def test_text_in_reply_out_report_back(box: Box) -> None:
    """The thin path: a villager texts, the box has it, the reply arrives, the report says so."""
    box.phone_texts("Is the clinic open?")
    until(box.incoming, "the text is in the box")
    assert box.incoming()[0].text == "Is the clinic open?"
    assert str(box.incoming()[0].line) == AMINA
    box.write("Yes, until five.")
    until(lambda: box.states() == [Outgoing.DELIVERED], "delivered")
    assert box.phone_got() == ["Yes, until five."]
    assert not box.modem.memories["SM"].slots


def test_status_tells_the_modem(box: Box) -> None:
    """Signal, operator, SIM and number are told once it is on the air."""
    until(lambda: (told := box.status()) is not None and told.signal is not None and told.operator, "signal")
    told = box.status()
    assert told is not None
    assert (told.imei, told.operator, told.number) == (box.modem.imei, "Village Mobile", box.modem.number)
    assert told.imsi == box.modem.sim.imsi
    assert told.signal == 4
    assert told.failure is None


@pytest.mark.parametrize(
    "text",
    ["Salaam. " * 25 + "€{}", "سلام عليكم " * 9 + "😀 end", "x" * 160, "ع" * 70],
    ids=["gsm7-2", "ucs2-2", "gsm7-1", "ucs2-1"],
)
def test_long_text_whole_both_ways(box: Box, text: str) -> None:
    """Parts of either alphabet join to the same text, in and out."""
    box.phone_texts(text)
    until(lambda: [m for m in box.incoming() if m.state is Incoming.RECEIVED], "the whole text is in the box")
    assert box.incoming()[0].text == text
    box.write(text)
    until(lambda: box.states() == [Outgoing.DELIVERED], "delivered")
    assert box.phone_got() == [text]


def test_burst_both_ways_nothing_lost(box: Box) -> None:
    """Thirty in while thirty go out."""
    for number in range(30):
        box.phone_texts(f"in {number}", f"+2526155502{number:02d}")
        box.write(f"out {number}")
    until(lambda: len(box.incoming()) == 30, "all in")
    until(lambda: box.states() == [Outgoing.DELIVERED] * 30, "all delivered")
    assert sorted(box.accepted()) == sorted(f"out {number}" for number in range(30))


def test_stored_before_start_swept(tmp_path: Path) -> None:
    """What came while the service was down is received at its start, once."""
    with running(tmp_path) as box:
        box.until_ready()
        box.end()
        box.phone_texts("while you slept")
        until(lambda: box.modem.memories["SM"].slots, "stored in the SIM")
        box.start()
        until(box.incoming, "swept")
        until(lambda: not box.modem.memories["SM"].slots, "deleted after")
        assert [m.text for m in box.incoming()] == ["while you slept"]


def test_power_lost_during_cmgs_uncertain_and_never_twice(box: Box) -> None:
    """The network took it, the modem died before it said so: uncertain, and not sent again by itself (I3)."""
    box.weather(report_loss=1.0, answer_then_die=1)
    box.write("only once")
    until(lambda: box.accepted() == ["only once"], "the network took it")
    with box.village.schedule.lock:
        box.modem.power_cycle(0.5)
    until(lambda: Outgoing.SENDING not in box.states(), "settled")
    state = box.states()[0]
    assert state in {Outgoing.UNCERTAIN, Outgoing.SENT}
    box.until_ready()
    box.write("after")
    until(lambda: "after" in box.accepted(), "sending goes on")
    assert box.accepted().count("only once") == 1


def test_modem_gone_in_mid_send_uncertain_until_a_person_decides(box: Box) -> None:
    """The answer is dropped and the port vanishes: uncertain; a person's decision sends it again."""
    box.weather(drop_answer=1, report_loss=1.0)
    message = box.write("was it sent?")
    until(box.accepted, "the network took it")
    with box.village.schedule.lock:
        box.modem.power_cycle(0.3)
    until(lambda: box.states() == [Outgoing.UNCERTAIN], "uncertain")
    box.until_ready()
    compose.decide(box.store, message.id, PartEvent.RESEND, STAFF)
    until(lambda: box.states() == [Outgoing.SENT], "sent again")
    assert box.accepted() == ["was it sent?"] * 2


def test_report_settles_what_was_uncertain(box: Box) -> None:
    """The delivery report of an uncertain part proves that it was sent."""
    box.write("first")
    until(lambda: box.states() == [Outgoing.DELIVERED], "the modem's reference is known")
    with box.village.schedule.lock:
        box.village.network.set_reachable(AMINA, reachable=False)
    box.weather(drop_answer=1)
    box.write("evidence")
    until(lambda: "evidence" in box.accepted(), "the network took it")
    with box.village.schedule.lock:
        box.modem.power_cycle(0.2)
    until(lambda: box.states()[1] is Outgoing.UNCERTAIN, "uncertain")
    until(lambda: box.modem.sms_ready and box.modem.settings.cnmi[3] == 1, "reports are announced again")
    with box.village.schedule.lock:
        box.village.network.set_reachable(AMINA, reachable=True)
    until(lambda: box.states()[1] is Outgoing.DELIVERED, "settled by its report")
    assert box.phone_got() == ["first", "evidence"]


def test_port_unplugged_and_back_found_again(box: Box) -> None:
    """The symlink goes and leads elsewhere when it comes back: absent, then ready, nothing lost."""
    box.weather(unplug=True)
    box.until_state(ModemState.ABSENT)
    told = box.status()
    assert told is not None
    assert told.failure is not None
    assert told.failure.code == "sms.modem-lost"
    box.write("patience")
    box.phone_texts("also patience")
    box.weather()
    box.until_ready()
    until(lambda: box.states() == [Outgoing.DELIVERED], "sent when it was back")
    until(lambda: [m.text for m in box.incoming()] == ["also patience"], "received when it was back")


def test_missing_modem_told_and_found_when_it_comes(tmp_path: Path) -> None:
    """A port that is not there is a status, not an end."""
    with running(tmp_path) as box:
        box.end()
        box.weather(unplug=True)
        box.start()
        box.until_state(ModemState.ABSENT)
        box.weather()
        box.until_ready()


def test_network_error_waits_then_sends(box: Box) -> None:
    """A refusal is a definite "not sent": the part waits for another try."""
    box.weather(cms_error={"count": 1, "code": 42})
    box.write("busy network")
    until(lambda: box.states() == [Outgoing.WAITING], "waits")
    assert box.outgoing()[0].failure is not None
    assert box.outgoing()[0].failure.code == "sms.busy"
    assert box.accepted() == []


def test_bad_number_fails_and_does_not_hold_up_the_next(box: Box) -> None:
    """An unassigned number is final; who comes after is served."""
    box.weather(cms_error={"count": 1, "code": 1})
    box.write("nobody")
    box.write("somebody")
    until(lambda: box.states() == [Outgoing.FAILED, Outgoing.DELIVERED], "the next was served")


def test_noise_and_garbage_between_answers_harmless(box: Box) -> None:
    """Unsolicited lines and garbage before every line of every answer."""
    box.weather(urc_noise=1.0, garbage=0.5)
    for number in range(5):
        box.phone_texts(f"in {number}")
        box.write(f"out {number}")
    until(lambda: sorted(m.text or "" for m in box.incoming()) == [f"in {n}" for n in range(5)], "all in")
    until(lambda: box.states() == [Outgoing.DELIVERED] * 5, "all out")
    assert len(box.accepted()) == 5


def test_full_sim_received_when_there_is_room(box: Box) -> None:
    """The network keeps what a full SIM refuses, and brings it when there is room."""
    box.weather(sim_full=True)
    box.phone_texts("patience")
    box.write("sending still works")
    until(lambda: box.states()[0] in {Outgoing.SENT, Outgoing.DELIVERED}, "sent")
    box.weather()
    until(lambda: [m.text for m in box.incoming()] == ["patience"], "received")


def test_registration_lost_and_found(box: Box) -> None:
    """Without the network nothing is tried; when it is back, what waits goes out."""
    box.weather(registration="searching")
    box.until_state(ModemState.SEARCHING)
    box.write("later")
    box.weather(registration="denied")
    box.until_state(ModemState.DENIED)
    assert box.accepted() == []
    box.weather()
    box.until_ready()
    until(lambda: box.states() == [Outgoing.DELIVERED], "sent")


def test_modem_restarting_by_itself_set_up_again(box: Box) -> None:
    """After a restart inside the modem the settings it forgot are made again."""
    with box.village.schedule.lock:
        box.modem.power_off()
        box.modem.power_on()
    until(lambda: box.modem.settings.cnmi[:2] == [2, 1], "announcements on again")
    box.phone_texts("after the restart")
    until(lambda: [m.text for m in box.incoming()] == ["after the restart"], "received")


def test_pin_typed_once(tmp_path: Path) -> None:
    """A wrong PIN costs one try, not three."""
    with running(tmp_path, sim_pin="1234", pin="9999") as box:
        box.until_state(ModemState.PIN)
        with box.village.schedule.lock:
            box.modem.power_cycle(0.1)
        box.until_state(ModemState.ABSENT)
        box.until_state(ModemState.PIN)
        assert box.modem.sim.tries == 2


def test_pin_unlocks(tmp_path: Path) -> None:
    """The right PIN makes the modem ready."""
    with running(tmp_path, sim_pin="1234", pin="1234") as box:
        box.until_ready()


def test_empty_and_class_zero_texts_kept(box: Box) -> None:
    """An empty text is a message too."""
    box.phone_texts("")
    until(lambda: [m.text for m in box.incoming()] == [""], "kept")


def test_undecodable_slot_kept_and_others_received(box: Box) -> None:
    """A PDU nobody can read is kept as it came, and does not stop the next."""
    box.end()
    with box.village.schedule.lock:
        from appliance.modem.simulator.sim import Stat, Stored

        box.modem.memories["SM"].store(Stored(Stat.UNREAD, b"\x00", bytes.fromhex("04ff91")))
    box.phone_texts("good")
    until(lambda: len(box.modem.memories["SM"].slots) == 2, "both lie in the SIM")
    box.start()
    until(lambda: len(box.incoming()) == 2, "both kept")
    assert sorted(m.text or "" for m in box.incoming()) == ["", "good"]
    until(lambda: not box.modem.memories["SM"].slots, "the SIM is empty")


def test_service_ends_in_time_while_an_answer_is_awaited(box: Box) -> None:
    """An answer that does not come does not keep the service; the part is uncertain."""
    box.weather(hang_during_cmgs=1)
    box.write("no answer")
    until(lambda: box.states() == [Outgoing.SENDING], "handed over")
    box.end()
    assert box.states() == [Outgoing.UNCERTAIN]
    told = box.status()
    assert told is not None
    assert told.state is ModemState.ABSENT
    box.start()


def test_sim800_with_its_own_pace(tmp_path: Path) -> None:
    """A modem that takes seconds for everything, and long texts both ways through it."""
    with running(tmp_path, profile="sim800") as box:
        box.until_ready()
        box.phone_texts("Salaam. " * 25)
        box.write("سلام عليكم " * 9)
        until(lambda: [m.text for m in box.incoming() if m.state is Incoming.RECEIVED], "received", seconds=40)
        until(lambda: box.states() == [Outgoing.DELIVERED], "delivered", seconds=40)
        assert box.incoming()[0].text == "Salaam. " * 25
        assert box.phone_got() == ["سلام عليكم " * 9]


def test_modem_falling_silent_is_told_and_found_again(box: Box) -> None:
    """It hangs, somebody switches it off and on: resetting, then ready, and what waits goes out."""
    box.weather(hang_after=0)
    with box.village.schedule.lock:
        box.modem.dialogue.urc("+CREG: 2")
    until(lambda: (told := box.status()) is not None and told.state is ModemState.RESETTING, "told", seconds=40)
    box.write("later")
    with box.village.schedule.lock:
        box.modem.power_cycle(0.2)
    box.until_ready()
    until(lambda: box.states() == [Outgoing.DELIVERED], "sent")


def test_logs_carry_no_text_and_no_number(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    """At any level, whatever the journey (I13)."""
    caplog.set_level("DEBUG", logger="appliance")
    box.phone_texts("secret question")
    box.write("secret answer")
    until(lambda: box.states() == [Outgoing.DELIVERED] and box.incoming(), "both ways")
    shown = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("appliance.modem.sim")
    )
    assert "received part" in shown
    assert "secret" not in shown
    assert AMINA[-9:] not in shown
    assert "736563726574".upper() not in shown
