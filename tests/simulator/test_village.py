"""The whole village on a real pseudo-terminal and over real HTTP."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import serial

from appliance.modem.simulator import tpdu
from appliance.modem.simulator.village import ModemOptions, VillageOptions, VillageService, parse_modem, parse_proxy

BOX = "+252615550100"
PHONE = "+252615550133"


def call(village: VillageService, method: str, path: str, body: object = None) -> tuple[int, object]:
    """One HTTP call; status and decoded JSON."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{village.http_port}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def read_until(port: serial.Serial, mark: bytes, seconds: float = 5.0) -> bytes:
    """What comes from the modem up to ``mark``."""
    port.timeout = seconds
    data = port.read_until(mark)
    assert data.endswith(mark), data
    return data


def ask(port: serial.Serial, command: str) -> bytes:
    """One command and its whole answer."""
    port.write(command.encode() + b"\r")
    return read_until(port, b"OK\r\n")


def open_port(path: Path) -> serial.Serial:
    """The modem's port, echo off."""
    port = serial.Serial(str(path), 115200, timeout=5)
    ask(port, "ATE0")
    return port


def submit_hex(to: str, text: str, *, report: bool = False) -> list[str]:
    """The SUBMIT PDUs of a text, made by the village's own writer, SMSC octet 00 first."""
    out = []
    for piece in tpdu.split(text, reference=7):
        udhi, length, body = piece.user_data
        first = 0x01 | (0x40 if udhi else 0) | (0x20 if report else 0)
        data = bytes([0, first, 0]) + tpdu.encode_address(to) + bytes([0, piece.dcs, length]) + body
        out.append(data.hex().upper())
    return out


def send(port: serial.Serial, pdu: str) -> bytes:
    """One CMGS dialogue."""
    port.write(f"AT+CMGS={len(pdu) // 2 - 1}\r".encode())
    read_until(port, b"\r\n> ")
    port.write(pdu.encode() + b"\x1a")
    return read_until(port, b"\r\n\r\nOK\r\n")


def test_handset_texts_modem_announces_and_gives_it(village: VillageService, tmp_path: Path) -> None:
    """A text of a handset is announced by +CMTI, read by +CMGR, and stands in the ledger as submitted and delivered."""
    with open_port(tmp_path / "modem") as port:
        ask(port, "AT+CNMI=2,1,0,1,0")
        status, answer = call(village, "POST", f"/handsets/{PHONE}/sms", {"to": BOX, "text": "salaam سلام"})
        assert status == 202
        assert isinstance(answer, dict)
        assert len(answer["ids"]) == 1
        read_until(port, b'+CMTI: "SM",1\r\n')
        assert b"+CMGR: 0,,41\r\n" in ask(port, "AT+CMGR=1")
        assert b"+CMGL: 1,1,,41\r\n" in ask(port, "AT+CMGL=4")
    _, ledger = call(village, "GET", "/ledger")
    assert isinstance(ledger, dict)
    assert [row["text"] for row in ledger["submitted"]] == ["salaam سلام"]
    assert [row["text"] for row in ledger["delivered"]] == ["salaam سلام"]


def test_modem_sends_handset_receives_and_report_comes_back(village: VillageService, tmp_path: Path) -> None:
    """A long message sent part by part is one text on the handset, one row of the ledger, and one report per part."""
    text = "Caano iyo biyo [nadiif] €5 " * 10
    with open_port(tmp_path / "modem") as port:
        ask(port, "AT+CNMI=2,1,0,1,0")
        parts = submit_hex(PHONE, text, report=True)
        answers = b"".join(send(port, pdu) for pdu in parts)
        assert b"+CMGS: 0" in answers
        rest = answers
        deadline = time.monotonic() + 5
        port.timeout = 0.2
        while rest.count(b"+CDS: ") < len(parts) and time.monotonic() < deadline:
            rest += port.read(200)
        assert rest.count(b"+CDS: ") == len(parts)
    status, inbox = call(village, "GET", f"/handsets/{PHONE}/inbox")
    assert status == 200
    assert isinstance(inbox, list)
    assert [(row["from"], row["text"], row["parts"]) for row in inbox] == [(BOX, text, len(parts))]
    _, ledger = call(village, "GET", "/ledger")
    assert isinstance(ledger, dict)
    assert [(row["to"], row["parts"], row["tp_mr"]) for row in ledger["accepted"]] == [
        (PHONE, len(parts), len(parts) - 1)
    ]
    assert len(ledger["delivered"]) == 1


def test_power_cut_port_vanishes_and_sim_keeps_its_messages(village: VillageService, tmp_path: Path) -> None:
    """Without power the port ends and its link is gone; afterwards the boot messages come and the SIM has its text."""
    (imei,) = village.modems
    link = tmp_path / "modem"
    with open_port(link) as port:
        call(village, "POST", f"/handsets/{PHONE}/sms", {"to": BOX, "text": "kept"})
        deadline = time.monotonic() + 5
        while b"+CMGL: 1" not in ask(port, "AT+CMGL=4") and time.monotonic() < deadline:
            pass
        assert call(village, "POST", f"/modems/{imei}/power", {"off_s": 0.3})[0] == 202
        assert not link.exists()
        with pytest.raises(serial.SerialException):
            port.read(1000)
    deadline = time.monotonic() + 5
    while not link.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    with serial.Serial(str(link), 115200, timeout=2) as port:
        assert b"+CMGL: 1,1,," in ask(port, "AT+CMGL=4")


def test_client_closes_and_opens_again_port_still_answers(tmp_path: Path, village: VillageService) -> None:
    """A second program may open the port after the first."""
    for _ in range(3):
        with open_port(tmp_path / "modem") as port:
            assert b"+CPIN: READY" in ask(port, "AT+CPIN?")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", f"/handsets/{PHONE}/sms", {"to": BOX, "text": ""}, 422),
        ("POST", f"/handsets/{PHONE}/sms", {"to": BOX}, 422),
        ("POST", f"/handsets/{PHONE}/sms", {"to": "nobody", "text": "x"}, 422),
        ("POST", "/handsets/nobody/sms", {"to": BOX, "text": "x"}, 422),
        ("POST", f"/handsets/{BOX}/sms", {"to": BOX, "text": "x"}, 422),
        ("POST", f"/handsets/{PHONE}/sms", ["x"], 422),
        ("POST", f"/handsets/{PHONE}/sms", {"to": BOX, "text": "a\x00b\ud800c"}, 202),
        ("POST", "/modems/123/power", {"off_s": 1}, 404),
        ("PUT", f"/handsets/{PHONE}", {"reachable": "no"}, 422),
        ("PUT", "/faults", {"earthquake": 1}, 422),
        ("PUT", "/faults", {"loss": 7.5}, 422),
        ("PUT", "/faults", {"loss": 0.5, "cms_error": 2}, 200),
        ("PUT", "/link", {"state": "cut"}, 404),
        ("GET", "/nothing", None, 404),
    ],
)
def test_odd_input_gets_a_clear_answer(
    village: VillageService, method: str, path: str, body: object, status: int
) -> None:
    """Every bad call is answered with its status and a sentence; hostile text is cleaned and taken."""
    got, answer = call(village, method, path, body)
    assert got == status
    if status >= 400:
        assert isinstance(answer, dict)
        assert answer["status"] == status
        assert len(answer["detail"]) > 10


def test_modem_option_is_read_or_refused_with_a_sentence() -> None:
    """The --modem and --proxy texts of the command line."""
    options = parse_modem("var/m0,profile=sim800,number=+252 61 555 0100")
    assert (str(options.link), options.profile, options.number) == ("var/m0", "sim800", BOX)
    for bad in ("", "m,profile=nokia", "m,imei=12", "m,colour=red", "m,number=x"):
        with pytest.raises(ValueError, match=r"\w"):
            parse_modem(bad)
    assert parse_proxy("127.0.0.1:1=127.0.0.1:2") == (("127.0.0.1", 1), ("127.0.0.1", 2))


def test_service_runs_until_told_to_stop_and_leaves_nothing(tmp_path: Path) -> None:
    """A village with a script and a proxy starts, texts, ends within its budget, and its link is gone."""
    options = VillageOptions(
        modems=(parse_modem(str(tmp_path / "modem")), parse_modem(f"{tmp_path / 'slow'},profile=sim800")),
        http=("127.0.0.1", 0),
        proxy=(("127.0.0.1", 0), ("127.0.0.1", 9)),
    )
    service, stop = VillageService(options), threading.Event()
    thread = threading.Thread(target=service.run, args=(stop,), name="village")
    thread.start()
    deadline = time.monotonic() + 5
    while not service.network.ledger.rows()["submitted"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(service.network.ledger.rows()["submitted"]) == 1
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert list(tmp_path.iterdir()) == []
    assert not [other.name for other in threading.enumerate() if other.name.startswith("village")]


def test_path_that_is_no_link_is_left_alone(tmp_path: Path) -> None:
    """A file in the modem's place is an error, and stays."""
    path = tmp_path / "modem"
    path.write_text("precious")
    service = VillageService(VillageOptions(modems=(ModemOptions(path),), http=("127.0.0.1", 0), quiet=True))
    with pytest.raises(FileExistsError):
        service.open()
    service.close()
    assert path.read_text() == "precious"


def test_slow_reader_loses_nothing_of_a_long_answer(village: VillageService, tmp_path: Path) -> None:
    """A full SIM is listed whole although the answer is larger than the kernel's buffer."""
    for _ in range(50):
        village.network.text(PHONE, BOX, "سلام " * 14)
    deadline = time.monotonic() + 5
    while len(village.network.ledger.rows()["delivered"]) < 50 and time.monotonic() < deadline:
        time.sleep(0.02)
    with open_port(tmp_path / "modem") as port:
        port.write(b"AT+CMGL=4\r")
        time.sleep(0.3)
        answer = read_until(port, b"\r\nOK\r\n")
    assert answer.count(b"+CMGL: ") == 50
