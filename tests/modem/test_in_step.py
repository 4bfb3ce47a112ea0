"""The driver never takes one command's answer for another's: what it reads from a place is what lies there (I1)."""

from __future__ import annotations

import re

from appliance.modem.driver import LateAnswer, NotSent, Place, StoredMessage, Unknown
from appliance.modem.serial_driver import SerialModem
from appliance.modem.serial_port import SerialPort
from appliance.runtime.clock import FakeClock

PDUS = {5: "0055", 6: "0066", 7: "0077"}


class SlowModem(SerialPort):
    """Answers each command in order, one answer a read; says nothing before ``mute_until``. Waiting costs no time."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__("slow")
        self.clock = clock
        self.to_say: list[bytes] = []
        self.mute_until = 0.0
        self.prompts = True
        self.answers_cmgs = True
        self.refuses = ""

    def open(self) -> None:
        """There is nothing to open."""

    def read(self, seconds: float) -> bytes:
        if self.to_say and self.clock.monotonic() >= self.mute_until:
            return self.to_say.pop(0)
        self.clock.advance(max(seconds, 0.001))
        return b""

    def write(self, data: bytes) -> None:
        text = data.decode().strip("\r")
        if text.endswith("\x1a"):
            if self.answers_cmgs:
                self.say("+CMGS: 9", "OK")
        elif text.startswith("AT+CMGS"):
            if self.prompts:
                self.to_say.append(b"\r\n> ")
        elif text.startswith("AT"):
            self.say(*self._answer(text))

    def say(self, *lines: str) -> None:
        self.to_say.append("".join(f"\r\n{line}\r\n" for line in lines).encode())

    def _answer(self, text: str) -> tuple[str, ...]:
        if self.refuses and self.refuses in text:
            return ("ERROR",)
        if found := re.fullmatch(r"AT\+CMGR=(\d)", text):
            return "+CMGR: 1,,1", PDUS[int(found[1])], "OK"
        if text == "AT+CMGL=4":
            return "+CMGL: 5,1,,1", PDUS[5], "OK"
        if found := re.fullmatch(r"AT(\+\w+)\?", text):
            return f"{found[1]}: 0", "OK"
        if text == "AT+CPMS=?":
            return '+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")', "OK"
        if text.startswith("AT+CPMS"):
            return "+CPMS: 1,10", "OK"
        return ("OK",)


def line() -> tuple[SlowModem, SerialModem]:
    clock = FakeClock()
    port = SlowModem(clock)
    return port, SerialModem(port, clock)


def place(index: int) -> StoredMessage:
    return StoredMessage(Place("SM", index), PDUS[index], 1)


def test_late_error_is_not_the_answer_to_the_next_question() -> None:
    """A refusal that comes after its time would put every later answer one command too far: a place deleted unread."""
    port, modem = line()
    port.prompts = False
    assert isinstance(modem.send("00AA", 1), NotSent)
    port.say("+CMS ERROR: 500")
    assert [modem.read(Place("SM", n)) for n in (5, 6, 7)] == [place(5), place(6), place(7)]


def test_question_answered_after_it_was_asked_again() -> None:
    """A modem that was busy answers both questions in the end; the second answer belongs to no later command."""
    port, modem = line()
    port.mute_until = port.clock.monotonic() + 6
    assert [modem.read(Place("SM", n)) for n in (5, 6, 7)] == [place(5), place(6), place(7)]


def test_modem_that_knows_none_of_the_questions_is_spoken_to() -> None:
    """It refuses them all, and that is an answer."""
    port, modem = line()
    port.refuses = "?"
    assert modem.read(Place("SM", 5)) == place(5)


def test_storage_that_is_refused_hides_no_other() -> None:
    """What lies in the SIM is found though the modem's own memory cannot be listed."""
    port, modem = line()
    modem.set_up_messages()
    port.refuses = '"ME"'
    assert modem.stored() == [place(5)]


def test_answer_that_comes_after_its_time_is_told() -> None:
    """``+CMGS`` by itself is evidence; nothing was typed before it but the escape."""
    port, modem = line()
    port.answers_cmgs = False
    assert isinstance(modem.send("00AA", 1), Unknown)
    port.say("+CMGS: 17", "OK")
    modem.wait(1.0)
    assert modem.events() == [LateAnswer(17)]
