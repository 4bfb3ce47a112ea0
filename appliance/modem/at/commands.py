"""The commands we type and how their answers are read (3GPP TS 27.005, 27.007; ITU-T V.250). Pure.

Time limits are those of the slowest manual read (SIM800 V1.12) unless a profile says otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SHORT_S = 5.0
SIM_S = 10.0
LIST_S = 25.0
PROMPT_S = 10.0
SEND_S = 60.0


@dataclass(frozen=True, slots=True)
class Command:
    """One command line, and what belongs to its answer.

    ``prefix`` names the lines of the answer; ``bare`` matches them where the modem gives them no name.
    """

    text: str
    limit_s: float = SHORT_S
    prefix: str = ""
    bare: re.Pattern[str] | None = None
    needs_info: bool = False
    """An ``OK`` without a line of answer is a leftover of an earlier command."""
    has_body: bool = False
    """A PDU follows each line of the answer."""
    payload: str = ""
    """Typed at the prompt, before Ctrl-Z."""
    prompt_s: float = PROMPT_S

    def __str__(self) -> str:
        """As logs may show it: without its arguments, which may be numbers, PINs or texts."""
        return self.text.partition("=")[0]


_DIGITS = re.compile(r"\d{14,17}")
_WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:/\-]*")

ATTENTION = Command("AT", limit_s=1.0)
ECHO_OFF = Command("ATE0")
NUMERIC_ERRORS = Command("AT+CMEE=1")
IN_STEP = tuple(Command(f"AT{name}?", prefix=name, needs_info=True) for name in ("+CMEE", "+CMGF", "+CSMS"))
"""The answer of each cannot be taken for a late answer to anything else, nor to one of the others: after it both sides
are in step."""
IMEI = Command("AT+CGSN", bare=_DIGITS)
MAKER = Command("AT+CGMI", bare=_WORDS)
MODEL = Command("AT+CGMM", bare=_WORDS)
IMSI = Command("AT+CIMI", limit_s=SIM_S, bare=_DIGITS)
NUMBER = Command("AT+CNUM", limit_s=SIM_S, prefix="+CNUM")
PIN_STATE = Command("AT+CPIN?", limit_s=SIM_S, prefix="+CPIN")
PIN_TRIES = Command('AT+CPINR="SIM PIN"', limit_s=SIM_S, prefix="+CPINR")
PDU_MODE = Command("AT+CMGF=0")
STORAGES = Command("AT+CPMS=?", limit_s=SIM_S, prefix="+CPMS")
REGISTRATION_EVENTS = Command("AT+CREG=1")
REGISTRATION = Command("AT+CREG?", prefix="+CREG")
SIGNAL = Command("AT+CSQ", prefix="+CSQ")
OPERATOR = Command("AT+COPS?", limit_s=SIM_S, prefix="+COPS")
OPERATOR_NAME = Command("AT+COPS=3,0", limit_s=SIM_S)
LIST_ALL = Command("AT+CMGL=4", limit_s=LIST_S, prefix="+CMGL", has_body=True)
RESTART = Command("AT+CFUN=1,1", limit_s=SIM_S)
FULL_FUNCTION = Command("AT+CFUN=1", limit_s=SIM_S)


def enter_pin(pin: str) -> Command:
    """Unlocks the SIM. To be typed once: three wrong tries lock it."""
    return Command(f'AT+CPIN="{pin}"', limit_s=SIM_S)


def announce(settings: str) -> Command:
    """Chooses how new messages and reports are announced (TS 27.005 §3.4.1)."""
    return Command(f"AT+CNMI={settings}")


def use_storage(name: str) -> Command:
    """Reads from, writes to and receives into one storage (TS 27.005 §3.2.2)."""
    return Command(f'AT+CPMS="{name}","{name}","{name}"', limit_s=SIM_S, prefix="+CPMS")


def look_into(name: str) -> Command:
    """Reads from one storage; where new messages go stays as it is."""
    return Command(f'AT+CPMS="{name}"', limit_s=SIM_S, prefix="+CPMS")


def read(index: int) -> Command:
    """Reads one place of the storage chosen."""
    return Command(f"AT+CMGR={index}", limit_s=SIM_S, prefix="+CMGR", has_body=True)


def delete(index: int) -> Command:
    """Empties one place of the storage chosen."""
    return Command(f"AT+CMGD={index}", limit_s=LIST_S)


def send(pdu: str, length: int, *, limit_s: float = SEND_S, prompt_s: float = PROMPT_S) -> Command:
    """Hands one PDU to the network (TS 27.005 §4.3)."""
    return Command(f"AT+CMGS={length}", limit_s=limit_s, prefix="+CMGS", payload=pdu, prompt_s=prompt_s)


# --- answers -------------------------------------------------------------------------------------------------

_FIELD = re.compile(r'(?:"[^"]*"|[^,])+|(?<![^,])')


def fields(line: str) -> list[str]:
    """What stands after the colon of a line, cut at commas outside quotes, without the quotes; never empty."""
    value = line.partition(":")[2]
    return [field.strip().strip('"') for field in _FIELD.findall(value)]


def number_at(values: list[str], place: int) -> int | None:
    """The whole number at a place of an answer, or None."""
    return int(values[place]) if place < len(values) and values[place].isdecimal() else None


def bars(csq: int | None) -> int | None:
    """Bars (0–5) of a ``+CSQ`` value: 0–31 stand for −113 + 2n dBm, 99 is unknown (TS 27.007 §8.5)."""
    if csq is None or csq > 31:
        return None
    return sum(csq >= least for least in (2, 5, 10, 15, 20))


@dataclass(frozen=True, slots=True)
class Slot:
    """One line of ``+CMGL`` or ``+CMGR`` and the PDU after it, as written."""

    index: int
    status: int | None
    length: int | None
    pdu: str


def slots(lines: tuple[str, ...], *, index: int | None = None) -> list[Slot]:
    """The messages of a list, or with ``index`` the one that was read. A header without a PDU is kept, empty."""
    found: list[Slot] = []
    for line in lines:
        if line.startswith(("+CMGL", "+CMGR")):
            values = fields(line)
            place = number_at(values, 0) if index is None else index
            if place is not None:
                status = number_at(values, 1 if index is None else 0)
                found.append(Slot(place, status, number_at(values, len(values) - 1), ""))
        elif found:
            head = found[-1]
            found[-1] = Slot(head.index, head.status, head.length, line)
    return found
