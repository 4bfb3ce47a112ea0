"""The network: store-and-forward, reports, the ledger, and every fault."""

from __future__ import annotations

import re

import pytest
from simulator.bench import BOX, PHONE, Bench, submits

from appliance.domain.address import AddressError
from appliance.modem.simulator.faults import Fault, FaultError, parse

OTHER = "+252615550134"


def statuses(said: str) -> list[tuple[int, int]]:
    """(TP-MR, TP-ST) of every +CDS line."""
    pdus = [bytes.fromhex(pdu) for pdu in re.findall(r"\+CDS: \d+\r\n([0-9A-F]+)", said)]
    return [(pdu[1 + pdu[0] + 1], pdu[-1]) for pdu in pdus]


def rows(bench: Bench, kind: str) -> list[tuple[object, object, object]]:
    return [(row["from"], row["text"], row["parts"]) for row in bench.network.ledger.rows()[kind]]


def test_long_message_of_a_modem_is_one_row_when_its_last_part_is_accepted(bench: Bench) -> None:
    """The ledger counts messages, the pieces count parts."""
    first, second = submits(PHONE, "x" * 200)
    bench.send(first)
    assert rows(bench, "accepted") == []
    bench.send(second)
    assert rows(bench, "accepted") == [(BOX, "x" * 200, 2)]
    assert len(bench.network.ledger.pieces()) == 2
    bench.wait(1)
    assert rows(bench, "delivered") == [(BOX, "x" * 200, 2)]
    assert bench.inbox(PHONE) == ["x" * 200]


def test_same_message_sent_twice_is_two_rows(bench: Bench) -> None:
    """The judge sees a double send."""
    (pdu,) = submits(PHONE, "once?")
    bench.send(pdu)
    bench.send(pdu)
    assert len(rows(bench, "accepted")) == 2


def test_phone_switched_off_gets_its_messages_when_on(bench: Bench) -> None:
    """The service centre keeps them; the report comes after the delivery."""
    bench.network.set_reachable(PHONE, reachable=False)
    (pdu,) = submits(PHONE, "later", report=True)
    bench.send(pdu)
    assert bench.wait(5) == ""
    assert bench.inbox(PHONE) == []
    bench.network.set_reachable(PHONE, reachable=True)
    assert statuses(bench.wait(2)) == [(0, 0)]
    assert bench.inbox(PHONE) == ["later"]


def test_validity_over_is_reported_and_never_delivered(bench: Bench) -> None:
    """After TP-VP the report says 0x46, and a phone switched on gets nothing."""
    bench.network.set_reachable(PHONE, reachable=False)
    (pdu,) = submits(PHONE, "too late", report=True, validity=0)
    bench.send(pdu)
    assert statuses(bench.wait(302)) == [(0, 0x46)]
    bench.network.set_reachable(PHONE, reachable=True)
    bench.wait(2)
    assert bench.inbox(PHONE) == []


def test_duplicate_is_rejected_while_the_first_is_held(bench: Bench) -> None:
    """TP-RD with the TP-MR of a message still in the centre: CMS 197 (TP-FCS 0xC5)."""
    bench.network.set_reachable(PHONE, reachable=False)
    (pdu,) = submits(PHONE, "x", reject=True)
    bench.send(pdu)
    bench.wait(1)
    bench.modem.last_mr = 255
    assert bench.send(pdu) == "\r\n+CMS ERROR: 197\r\n"


def test_full_sim_keeps_messages_in_the_centre_until_there_is_room() -> None:
    """Two places, three messages: the third comes when one is deleted."""
    bench = Bench(capacity=2)
    bench.at("ATE0")
    bench.at("AT+CNMI=2,1,0,1,0")
    for text in ("one", "two", "three"):
        bench.network.text(PHONE, BOX, text)
    assert bench.wait(1).count("+CMTI") == 2
    assert '"FFFE"' in bench.at("AT+CRSM=176,28483,0,0,2")
    assert '+CMTI: "SM",1' in bench.at("AT+CMGD=1") + bench.wait(1)
    assert bench.network.waiting(BOX) == 0


def test_modem_without_power_gets_its_messages_and_reports_later(bench: Bench) -> None:
    """Power is lost between sending and the report: both wait in the centre."""
    (pdu,) = submits(PHONE, "x", report=True)
    bench.send(pdu)
    bench.modem.power_cycle(5)
    bench.network.text(PHONE, BOX, "are you there?")
    assert bench.wait(4) == ""
    bench.wait(2)
    bench.at("ATE0")
    assert "+CMGL: 1,0,," in bench.at("AT+CMGL=4")


def test_two_modems_text_each_other(bench: Bench) -> None:
    """A handset number belongs to nobody else, and a modem may text itself."""
    with pytest.raises(AddressError):
        bench.network.handset(BOX)
    (pdu,) = submits(BOX, "to myself", report=True)
    bench.send(pdu)
    said = bench.wait(2)
    assert '+CMTI: "SM",1' in said
    assert statuses(said) == [(0, 0)]


# --- faults ---


def test_lost_message_is_accepted_and_never_delivered(bench: Bench) -> None:
    """loss: the ledger tells the truth."""
    bench.weather(loss=1)
    for text in ("gone", "kept"):
        bench.network.text(PHONE, BOX, text)
    bench.wait(1)
    assert [text for _, text, _ in rows(bench, "submitted")] == ["gone", "kept"]
    assert [text for _, text, _ in rows(bench, "delivered")] == ["kept"]


def test_duplicate_arrives_twice_with_the_same_stamp(bench: Bench) -> None:
    """duplicate: two places of the SIM hold the same octets; the ledger has one row with two copies."""
    bench.weather(duplicate=1)
    bench.network.text(PHONE, BOX, "twice")
    bench.wait(1)
    first, second = re.findall(r"[0-9A-F]{30,}", bench.at("AT+CMGL=4"))
    assert first == second
    assert [row["copies"] for row in bench.network.ledger.rows()["delivered"]] == [2]


def test_overtaken_part_still_makes_the_message_whole(bench: Bench) -> None:
    """reorder: the first part comes last."""
    bench.weather(reorder=1)
    first, second = submits(PHONE, "a" * 153 + "b" * 10)
    bench.send(first)
    bench.send(second)
    bench.wait(0.6)
    assert bench.inbox(PHONE) == []
    bench.wait(5)
    assert bench.inbox(PHONE) == ["a" * 153 + "b" * 10]


def test_delay_holds_everything_back(bench: Bench) -> None:
    """delay_s."""
    bench.weather(delay_s=10)
    bench.network.text(PHONE, BOX, "slow")
    assert bench.wait(9) == ""
    assert "+CMTI" in bench.wait(3)


def test_lost_report_never_comes(bench: Bench) -> None:
    """report_loss: the message arrives all the same."""
    bench.weather(report_loss=1.0)
    (pdu,) = submits(PHONE, "x", report=True)
    bench.send(pdu)
    assert bench.wait(5) == ""
    assert bench.inbox(PHONE) == ["x"]


def test_cms_error_means_not_accepted(bench: Bench) -> None:
    """cms_error: as many times as asked, with the code asked for."""
    bench.weather(cms_error={"code": 42, "count": 2})
    (pdu,) = submits(PHONE, "x")
    assert [bench.send(pdu) for _ in range(3)] == ["\r\n+CMS ERROR: 42\r\n"] * 2 + ["\r\n+CMGS: 2\r\n\r\nOK\r\n"]
    assert len(rows(bench, "accepted")) == 1


def test_dropped_answer_was_accepted(bench: Bench) -> None:
    """drop_answer: silence, the network has it, the modem goes on."""
    bench.weather(drop_answer=1)
    (pdu,) = submits(PHONE, "x")
    assert bench.send(pdu) == ""
    assert len(rows(bench, "accepted")) == 1
    assert bench.at("AT") == "\r\nOK\r\n"


def test_hang_during_cmgs_is_silent_until_power_is_cut(bench: Bench) -> None:
    """hang_during_cmgs: not accepted, nothing answers, power brings it back."""
    bench.weather(hang_during_cmgs=1)
    (pdu,) = submits(PHONE, "x")
    assert bench.send(pdu) == ""
    assert bench.at("AT") == ""
    assert rows(bench, "accepted") == []
    bench.modem.power_cycle(1)
    bench.wait(2)
    assert bench.at("AT").endswith("OK\r\n")


def test_answer_then_die_answers_and_loses_power(bench: Bench) -> None:
    """answer_then_die: accepted, answered, then the port is gone for three seconds."""
    bench.weather(answer_then_die=1)
    (pdu,) = submits(PHONE, "x")
    assert "+CMGS: 0" in bench.send(pdu)
    assert not bench.here
    bench.wait(4)
    assert bench.here


def test_hang_after_counts_commands(bench: Bench) -> None:
    """hang_after: so many answers, then silence."""
    bench.weather(hang_after=2)
    assert [bench.at("AT") for _ in range(3)] == ["\r\nOK\r\n", "\r\nOK\r\n", ""]


def test_noise_stands_between_lines(bench: Bench) -> None:
    """urc_noise and garbage: the answer is whole, in between is something else."""
    bench.weather(urc_noise=1.0, garbage=1.0)
    said = bench.at("AT+CPIN?")
    assert "\r\n+CPIN: READY\r\n" in said
    assert said.endswith("\r\nOK\r\n")
    assert said != "\r\n+CPIN: READY\r\n\r\nOK\r\n"


def test_full_sim_by_weather_takes_nothing_until_it_clears(bench: Bench) -> None:
    """sim_full: shown by +CPMS; what waited comes when the weather is fine."""
    bench.weather(sim_full=True)
    bench.network.text(PHONE, BOX, "waits")
    assert bench.wait(1) == ""
    assert '"SM",50,50' in bench.at("AT+CPMS?")
    bench.weather()
    assert "+CMTI" in bench.heard() + bench.wait(1)


def test_lost_registration_is_told_and_holds_messages(bench: Bench) -> None:
    """registration: +CREG says so, sending is CMS 331, incoming waits."""
    bench.at("AT+CREG=1")
    bench.said.clear()
    bench.weather(registration="denied")
    assert "+CREG: 3" in bench.heard()
    assert "+CREG: 1,3" in bench.at("AT+CREG?")
    (pdu,) = submits(PHONE, "x")
    assert bench.send(pdu) == "\r\n+CMS ERROR: 331\r\n"
    bench.network.text(PHONE, BOX, "waits")
    assert bench.wait(1) == ""
    bench.weather()
    said = bench.heard() + bench.wait(1)
    assert "+CREG: 1" in said
    assert "+CMTI" in said


def test_credit_runs_out(bench: Bench) -> None:
    """credit: so many messages, then CMS 21."""
    bench.weather(credit=1)
    (pdu,) = submits(PHONE, "x")
    assert "+CMGS" in bench.send(pdu)
    assert bench.send(pdu) == "\r\n+CMS ERROR: 21\r\n"


def test_pulled_cable_comes_back_with_fine_weather(bench: Bench) -> None:
    """unplug: the port is gone, the modem keeps its power and its messages."""
    bench.weather(unplug=True)
    assert not bench.here
    bench.network.text(PHONE, BOX, "meanwhile")
    bench.wait(1)
    bench.weather()
    assert bench.here
    assert "+CMGL: 1,0,," in bench.at("AT+CMGL=4")
    bench.weather(unplug=2)
    assert not bench.here
    bench.wait(3)
    assert bench.here


@pytest.mark.parametrize(
    "asked",
    [
        {"earthquake": 1},
        {"loss": 1.5},
        {"loss": -1},
        {"loss": "often"},
        {"loss": [1]},
        {"delay_s": "x"},
        {"registration": "perhaps"},
        {"registration": 9},
        {"credit": 1.5},
        {"hang_after": True},
    ],
)
def test_fault_not_understood_is_refused_with_a_sentence(asked: dict[str, object]) -> None:
    """An unknown name or value is a FaultError whose message names it."""
    with pytest.raises(FaultError) as refused:
        parse(asked)
    assert next(iter(asked)) in str(refused.value)


def test_every_fault_is_told_and_cleared() -> None:
    """What can be set can be read back; faults not named are off."""
    weather = parse({"loss": 0.25, "duplicate": 3, "delay_s": 1.5, "registration": 5, "urc_noise": True, "unplug": 4})
    shown = weather.shown()
    assert set(shown) == set(Fault)
    assert (shown["loss"], shown["duplicate"], shown["registration"], shown["unplug"]) == (0.25, 3, "roaming", 4.0)
    assert not any(value not in (0, None, False, "home") for value in parse({}).shown().values())


def test_same_seed_gives_the_same_weather() -> None:
    """Chance repeats."""

    def story() -> list[object]:
        bench = Bench()
        bench.weather(loss=0.5)
        for number in range(20):
            bench.network.text(PHONE, OTHER, str(number))
        bench.wait(1)
        return list(bench.inbox(OTHER))

    assert story() == story()
    assert 0 < len(story()) < 20


def test_noisy_modem_speaks_into_the_open_prompt(bench: Bench) -> None:
    """urc_noise is rude as well: +CMTI comes while the modem waits for the PDU."""
    bench.weather(urc_noise=1.0)
    bench.at("AT+CMGS=20")
    bench.network.text(PHONE, BOX, "now")
    assert bench.wait(1) == '\r\n+CMTI: "SM",1\r\n'


def test_flood_waits_in_order_and_arrives_whole() -> None:
    """Three thousand texts to a SIM of ten places come one after another as places are freed."""
    bench = Bench(capacity=10)
    bench.at("ATE0")
    for number in range(3000):
        bench.network.text(PHONE, BOX, str(number))
    bench.wait(1)
    assert bench.network.waiting(BOX) == 2990
    for _ in range(299):
        bench.at("AT+CMGD=1,4")
    bench.wait(0.1)
    assert [row["text"] for row in bench.network.ledger.rows()["delivered"]] == [str(number) for number in range(3000)]


def test_number_nobody_has_is_refused(bench: Bench) -> None:
    """Digits of no numbering plan: CMS 1."""
    (pdu,) = submits("252615550133", "x")
    assert bench.send(pdu) == "\r\n+CMS ERROR: 1\r\n"
