"""How the simulated modem talks (ITU-T V.250, 3GPP TS 27.005 and 27.007)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator.bench import BOX, PHONE, Bench, submits

from appliance.modem.simulator.profiles import SIM800

OK = "\r\nOK\r\n"
ERROR = "\r\nERROR\r\n"


def test_echo_returns_each_byte_until_switched_off() -> None:
    """A fresh modem echoes; ATE0 ends it after its own line."""
    bench = Bench()
    assert bench.type("A") == "A"
    assert bench.type("TE0\r") == "TE0\r" + OK
    assert bench.at("AT") == OK


def test_one_byte_at_a_time_gives_the_same_answer(bench: Bench) -> None:
    """The modem does not care how bytes come."""
    said = "".join(bench.type(bytes([byte])) for byte in b"AT+CPIN?\r")
    assert said == "\r\n+CPIN: READY\r\n" + OK


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("AT", OK),
        ("at+cpin?", "\r\n+CPIN: READY\r\n" + OK),
        ("xxAT", OK),
        ("\x00\nAT", OK),
        ("AT+CMEE=1;+CMEE?", "\r\n+CMEE: 1\r\n" + OK),
        ("ATE0V1", OK),
        ("AT&F&D2", OK),
        ("AT+NOSUCH=1", ERROR),
        ("AT^CURC=0", ERROR),
        ("AT)", ERROR),
        ("no command", ""),
        ("AT+CNUM", f'\r\n+CNUM: "","{BOX}",145\r\n' + OK),
        ("AT+CREG?", "\r\n+CREG: 0,1\r\n" + OK),
        ("AT+COPS?", '\r\n+COPS: 0,0,"Village Mobile"\r\n' + OK),
        ("AT+COPS=3,2;+COPS?", '\r\n+COPS: 0,2,"00101"\r\n' + OK),
        ("AT+CMGF=1", ERROR),
        ("AT+CMGF=0", OK),
        ("AT+CPMS?", '\r\n+CPMS: "SM",0,50,"SM",0,50,"SM",0,50\r\n' + OK),
        ('AT+CPMS="ME"', "\r\n+CPMS: 0,100,0,50,0,50\r\n" + OK),
        ('AT+CPMS="XX"', "\r\n+CMS ERROR: 302\r\n"),
        ("AT+CMGR=99", "\r\n+CMS ERROR: 321\r\n"),
        ("AT+CMGR=7", OK),
        ("AT+CNMI=9,1", ERROR),
        ("AT+CNMI=2,1,1", "\r\n+CMS ERROR: 302\r\n"),
        ("AT+CNMA", "\r\n+CMS ERROR: 340\r\n"),
        ("AT+CRSM=176,28483,0,0,2", '\r\n+CRSM: 144,0,"FFFF"\r\n' + OK),
        ("AT+CCLK?", '\r\n+CCLK: "23/11/15,01:13:20+12"\r\n' + OK),
        ("AT+CPIN=1234", ERROR),
        ("ATI", "\r\nFieldbox Village\r\n\r\n1.0\r\n" + OK),
        ("AT+CGSN", "\r\n004401000000001\r\n" + OK),
        ("AT+CGSN=?", OK),
        ("AT+CCID", "\r\n+CCID: 8900010000000000001\r\n" + OK),
        ("AT+CSQ", "\r\n+CSQ: 19,0\r\n" + OK),
        ("AT+CBC", "\r\n+CBC: 0,85,4012\r\n" + OK),
        ("AT+CLIP?", "\r\n+CLIP: 0,1\r\n" + OK),
        ("AT+CLCC", OK),
        ("AT+CMEE=?", "\r\n+CMEE: (0-2)\r\n" + OK),
        ("AT+CSCS=?", '\r\n+CSCS: ("IRA","GSM","HEX","UCS2")\r\n' + OK),
        ('AT+CSCS="KLINGON"', ERROR),
        ("AT+COPS=?", '\r\n+COPS: (2,"Village Mobile","Village","00101"),,(0-4),(0-2)\r\n' + OK),
        ("AT+CFUN=?", "\r\n+CFUN: (0,1,4),(0,1)\r\n" + OK),
        ("AT+CFUN=3", ERROR),
        ("AT+CRSM=176,12258,0,0,10", '\r\n+CRSM: 144,0,"980010000000000000F1"\r\n' + OK),
        ("AT+CRSM=176,1,0,0,1", "\r\n+CRSM: 106,130\r\n" + OK),
        ("AT+CSMS=1;+CSMS?", "\r\n+CSMS: 1,1,1\r\n\r\n+CSMS: 1,1,1,1\r\n" + OK),
        ('AT+CSCA="+252615550009",145;+CSCA?', '\r\n+CSCA: "+252615550009",145\r\n' + OK),
        ("AT+CPMS=?", '\r\n+CPMS: ("SM","ME","SR"),("SM","ME"),("SM","ME")\r\n' + OK),
        ("AT+CNMI=?", "\r\n+CNMI: (0-2),(0-3),(0,2),(0,1,2),(0,1)\r\n" + OK),
        ("AT+CMSS=5", "\r\n+CMS ERROR: 321\r\n"),
        ("A/", OK),
    ],
)
def test_command_line_has_this_answer(bench: Bench, line: str, answer: str) -> None:
    """The table of small answers."""
    assert bench.at(line) == answer


def test_flight_mode_leaves_the_network_and_comes_back(bench: Bench) -> None:
    """AT+CFUN=4 keeps messages in the centre; AT+CFUN=1 brings them."""
    bench.at("AT+CREG=2")
    assert "\r\n+CREG: 0\r\n" in bench.at("AT+CFUN=4") + bench.heard()
    bench.network.text(PHONE, BOX, "later")
    assert bench.wait(1) == ""
    assert bench.at("AT+COPS?") == "\r\n+COPS: 0\r\n" + OK
    said = bench.at("AT+CFUN=1") + bench.wait(1)
    assert '+CREG: 1,"00C3","7A12"' in said
    assert "+CMTI" in said


def test_reports_may_be_stored_instead(bench: Bench) -> None:
    """With ds=2 the report is announced by +CDSI and read from SR."""
    bench.at("AT+CNMI=2,1,0,2,0")
    (pdu,) = submits(PHONE, "x", report=True)
    bench.send(pdu)
    assert bench.wait(2) == '\r\n+CDSI: "SR",1\r\n'
    bench.at('AT+CPMS="SR"')
    assert bench.at("AT+CMGR=1").startswith("\r\n+CMGR: 0,,")


def test_result_codes_may_be_numbers(bench: Bench) -> None:
    """ATV0 and ATQ1 (V.250 §6.2.5, §6.2.6)."""
    assert bench.at("ATV0") == "0\r"
    assert bench.at("AT+NOSUCH") == "4\r"
    assert bench.at("ATQ1") == ""


def test_cme_errors_are_told_when_asked_for() -> None:
    """+CMEE decides between ERROR and the code (27.007 §9.1); the PIN counts its tries."""
    bench = Bench(pin="4321")
    bench.at("ATE0")
    assert bench.at("AT+CPIN?") == "\r\n+CPIN: SIM PIN\r\n" + OK
    assert bench.at("AT+CIMI") == ERROR
    bench.at("AT+CMEE=1")
    assert bench.at("AT+CIMI") == "\r\n+CME ERROR: 11\r\n"
    assert bench.at("AT+CMGL=4") == "\r\n+CMS ERROR: 311\r\n"
    assert bench.at('AT+CPIN="1111"') == "\r\n+CME ERROR: 16\r\n"
    assert bench.at("AT+CREG?") == "\r\n+CREG: 0,0\r\n" + OK
    assert bench.at('AT+CPIN="4321"') == OK
    assert bench.at("AT+CREG?") == "\r\n+CREG: 0,1\r\n" + OK


def test_escape_leaves_the_prompt_without_sending(bench: Bench) -> None:
    """ESC answers OK, and nothing went to the network (27.005 §3.5.1)."""
    assert bench.at("AT+CMGS=20") == "\r\n> "
    assert bench.type("0011\x1b") == OK
    assert bench.network.ledger.rows()["accepted"] == []


@pytest.mark.parametrize("typed", ["zz", "00", "", "0011000B916407281553F80000AA0AE8329BFD4697D9EC3700"])
def test_pdu_that_does_not_fit_its_length_is_refused(bench: Bench, typed: str) -> None:
    """What is not hexadecimal of the length named is CMS 304."""
    assert bench.at("AT+CMGS=23") == "\r\n> "
    assert bench.type(typed + "\x1a") == "\r\n+CMS ERROR: 304\r\n"


def test_message_stored_then_sent_is_marked_sent(bench: Bench) -> None:
    """+CMGW keeps it unsent, +CMSS sends it and marks it (27.005 §3.5.3, §3.5.2)."""
    (pdu,) = submits(PHONE, "kept first")
    assert bench.at(f"AT+CMGW={len(pdu) // 2 - 1}") == "\r\n> "
    assert bench.type(pdu + "\x1a") == "\r\n+CMGW: 1\r\n" + OK
    assert "+CMGL: 1,2,," in bench.at("AT+CMGL=2")
    assert bench.at("AT+CMSS=1") == "\r\n+CMSS: 0\r\n" + OK
    assert "+CMGL: 1,3,," in bench.at("AT+CMGL=4")
    bench.wait(1)
    assert bench.inbox(PHONE) == ["kept first"]


def test_urcs_wait_while_the_prompt_is_open(bench: Bench) -> None:
    """A message that comes during the prompt is announced after the answer (mode 2 of +CNMI)."""
    assert bench.at("AT+CMGS=20") == "\r\n> "
    bench.network.text(PHONE, BOX, "hello")
    assert bench.wait(2) == ""
    assert bench.type("\x1b") == OK + '\r\n+CMTI: "SM",1\r\n'


def test_read_marks_read_and_delete_frees_the_place(bench: Bench) -> None:
    """CMGR and CMGL flip REC UNREAD; CMGD with a flag deletes what is read."""
    for text in ("one", "two"):
        bench.network.text(PHONE, BOX, text)
    assert bench.wait(1) == '\r\n+CMTI: "SM",1\r\n\r\n+CMTI: "SM",2\r\n'
    assert bench.at("AT+CMGR=1").startswith("\r\n+CMGR: 0,,")
    assert bench.at("AT+CMGR=1").startswith("\r\n+CMGR: 1,,")
    assert bench.at("AT+CMGD=1,1") == OK
    assert bench.at("AT+CMGL=4").count("+CMGL: ") == 1
    assert bench.at("AT+CMGD=2") == OK
    assert bench.at("AT+CMGL=4") == OK


def test_call_rings_with_its_number_until_hung_up(bench: Bench) -> None:
    """RING and +CLIP come until AT+CHUP."""
    bench.at("AT+CLIP=1")
    assert bench.network.call(PHONE, BOX, 10)
    said = bench.wait(2.5)
    assert said.count("\r\nRING\r\n") == 3
    assert f'+CLIP: "{PHONE}",145' in said
    assert bench.at("AT+CHUP") == OK
    assert bench.wait(12) == ""


def test_ussd_answers_after_ok_in_the_chosen_charset(bench: Bench) -> None:
    """The balance comes as +CUSD, plain or as UCS-2 in hexadecimal (27.007 §7.15)."""
    assert bench.at('AT+CUSD=1,"*100#",15') == OK
    assert '+CUSD: 0,"Balance: 12.50 USD' in bench.wait(1)
    bench.at('AT+CSCS="UCS2"')
    assert bench.at(f'AT+CUSD=1,"{"*123#".encode("utf-16-be").hex()}",15') == OK
    assert '+CUSD: 1,"0031' in bench.wait(1)


def test_direct_delivery_waits_for_the_acknowledgement(bench: Bench) -> None:
    """With +CSMS=1 the next +CMT comes only after +CNMA (27.005 §3.4.4)."""
    bench.at("AT+CSMS=1;+CNMI=2,2,0,1,0")
    for text in ("one", "two"):
        bench.network.text(PHONE, BOX, text)
    assert bench.wait(2).count("+CMT: ,") == 1
    assert bench.network.ledger.rows()["delivered"] == []
    assert bench.at("AT+CNMA").startswith(OK)
    assert len(bench.network.ledger.rows()["delivered"]) == 1
    assert bench.network.waiting(BOX) == 1


def test_unacknowledged_delivery_comes_again(bench: Bench) -> None:
    """Nobody acknowledged: the network keeps the message and tries again."""
    bench.at("AT+CSMS=1;+CNMI=2,2,0,1,0")
    bench.network.text(PHONE, BOX, "one")
    assert bench.wait(60).count("+CMT: ,") == 2


def test_restart_forgets_settings_but_not_the_sim(bench: Bench) -> None:
    """AT+CFUN=1,1: the port goes for a moment, settings and ME are fresh, SIM and EF_SMSS are as they were."""
    (pdu,) = submits(PHONE, "x")
    assert "+CMGS: 0" in bench.send(pdu)
    bench.network.text(PHONE, BOX, "kept")
    bench.wait(1)
    assert bench.at("AT+CFUN=1,1") == OK
    bench.wait(0.5)
    assert not bench.here
    assert bench.wait(2) == ("\r\nRDY\r\n\r\n+CPIN: READY\r\n\r\nSMS Ready\r\n" if bench.here else "")
    bench.at("ATE0")
    assert bench.at("AT+CNMI?") == "\r\n+CNMI: 0,0,0,0,0\r\n" + OK
    assert "+CMGL: 1,0,," in bench.at("AT+CMGL=4")
    assert '"00FF"' in bench.at("AT+CRSM=176,28483,0,0,2")
    assert "+CMGS: 1" in bench.send(pdu)


def test_sim800_takes_its_time_and_boots_slowly() -> None:
    """Commands think, sending takes seconds, and CMGx is refused before SMS Ready; ds=2 is refused for good."""
    bench = Bench(SIM800)
    bench.at("ATE0")
    bench.wait(1)
    (pdu,) = submits(PHONE, "slow")
    assert bench.at(f"AT+CMGS={len(pdu) // 2 - 1}") == ""
    assert bench.wait(1) == "\r\n> "
    assert bench.type(pdu + "\x1a") == ""
    assert "+CMGS: 0" in bench.wait(15)
    bench.at("AT+CNMI=2,1,0,2,0")
    assert bench.wait(1) == "\r\n+CMS ERROR: 302\r\n"
    bench.modem.power_cycle(1)
    bench.wait(1.2)
    bench.at("ATE0")
    bench.wait(0.5)
    bench.at("AT+CMGL=4")
    assert bench.wait(0.4) == "" or bench.heard() == ""
    said = bench.wait(9)
    assert said.index("RDY") < said.index("Call Ready") < said.index("SMS Ready")
    bench.at("AT+CMGL=4")
    assert bench.wait(5).endswith(OK)


def test_typing_before_the_answer_aborts_what_was_not_yet_sent() -> None:
    """A byte before the network has the message ends it; nothing was accepted."""
    bench = Bench(SIM800)
    bench.at("ATE0")
    bench.wait(1)
    (pdu,) = submits(PHONE, "slow")
    bench.at(f"AT+CMGS={len(pdu) // 2 - 1}")
    bench.wait(1)
    bench.type(pdu + "\x1a")
    assert bench.type("A") == "\r\n+CMS ERROR: 500\r\n"
    assert "CMGS" not in bench.wait(20)
    assert bench.network.ledger.rows()["accepted"] == []


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_leave_a_modem_that_can_be_brought_back(data: bytes) -> None:
    """Whatever is typed, ESC and CR bring back a modem that answers AT."""
    bench = Bench()
    bench.type(data)
    bench.wait(1.5)
    bench.type(b"\x1b\r")
    bench.type(b"ATQ0V1E0\r")
    bench.wait(2)
    bench.type(b"\r")
    assert bench.at("AT").endswith(OK)
