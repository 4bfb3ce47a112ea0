"""Lexer and engine: every pair of stage and kind, every cut of the octets, and hostile lines."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.modem.at import commands
from appliance.modem.at.causes import cause
from appliance.modem.at.commands import Command
from appliance.modem.at.engine import TABLE, Action, AtFailure, Engine, Event, Kind, Reply, Result, Stage, Unsolicited
from appliance.modem.at.lexer import LONGEST_LINE, Lexer, Line, Prompt, Token
from appliance.modem.at.profiles import PROFILES, choose

PDU = "0004049155050000621122410395210AE8329BFD4697D9EC37"
SEND = commands.send(PDU, 22)
LINES = {
    Kind.OK: b"\r\nOK\r\n",
    Kind.ERROR: b"\r\n+CMS ERROR: 38\r\n",
    Kind.URC: b'\r\n+CMTI: "SM",3\r\n',
    Kind.BOOT: b"\r\nRDY\r\n",
    Kind.NOISE: b"\r\n^RSSI:15\r\n",
    Kind.PROMPT: b"\r\n> ",
    Kind.BODY: b"\r\n" + PDU.encode() + b"\r\n",
}


def at_stage(stage: Stage) -> Engine:
    """An engine brought to a stage, its output taken."""
    engine = Engine()
    if stage is Stage.ANSWER:
        engine.start(commands.SIGNAL, 0.0)
    elif stage in {Stage.PROMPT, Stage.PAYLOAD}:
        engine.start(SEND, 0.0)
        if stage is Stage.PAYLOAD:
            engine.feed(b"\r\n> ", 0.0)
    assert engine.stage is stage
    engine.take_output()
    return engine


def test_table_has_every_pair() -> None:
    """No kind of line is unexpected at any stage."""
    assert set(TABLE) == set(itertools.product(Stage, Kind))


@pytest.mark.parametrize(
    ("stage", "kind"), sorted(set(itertools.product(Stage, LINES)) - {(s, Kind.BODY) for s in Stage})
)
def test_every_pair_does_what_the_table_says(stage: Stage, kind: Kind) -> None:
    """One line of each kind at each stage: what it gives, and where the dialogue is after it."""
    engine = at_stage(stage)
    events = engine.feed(LINES[kind], 1.0)
    replies = [event for event in events if isinstance(event, Reply)]
    told = [event for event in events if isinstance(event, Unsolicited)]
    action = TABLE[stage, kind]
    expected = {
        Action.DROP: ([], [], stage),
        Action.SUCCEED: ([Result.OK], [], Stage.IDLE),
        Action.FAIL: ([Result.ERROR], [], Stage.IDLE),
        Action.TELL: ([], ["+CMTI"], stage),
        Action.RESTART: ([Result.RESTARTED] if stage is not Stage.IDLE else [], ["RDY"], Stage.IDLE),
        Action.TYPE: ([], [], Stage.PAYLOAD),
    }[action]
    # The signal's answer needs no line: this command takes a bare OK.
    assert ([reply.result for reply in replies], [event.name for event in told], engine.stage) == expected
    typed = engine.take_output()
    assert typed == (PDU.encode() + b"\x1a" if action is Action.TYPE else b"")


@pytest.mark.parametrize(
    ("stage", "result", "typed"),
    [
        (Stage.ANSWER, Result.NO_ANSWER, b""),
        (Stage.PROMPT, Result.NO_PROMPT, b"\x1b"),
        (Stage.PAYLOAD, Result.NO_ANSWER, b"\x1b"),
    ],
)
def test_deadline_passed_is_an_event(stage: Stage, result: Result, typed: bytes) -> None:
    """Not a moment before, and an open prompt or payload is cancelled."""
    engine = at_stage(stage)
    assert engine.deadline is not None
    assert engine.tick(engine.deadline - 0.001) == []
    assert engine.take_output() == b""
    (reply,) = engine.tick(engine.deadline)
    assert isinstance(reply, Reply)
    assert (reply.result, reply.payload_typed) == (result, stage is Stage.PAYLOAD)
    assert engine.take_output() == typed
    assert engine.tick(1e9) == []


def test_two_commands_at_once_refused() -> None:
    """Nothing is typed before the answer."""
    engine = at_stage(Stage.PAYLOAD)
    with pytest.raises(RuntimeError):
        engine.start(commands.SIGNAL, 0.0)
    assert engine.take_output() == b""


def feed(engine: Engine, data: bytes, cuts: list[int]) -> list[Event]:
    """Feeds ``data`` in pieces."""
    events: list[Event] = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        events += engine.feed(data[start:end], 0.0)
    return events


DIALOGUE = (
    b"AT+CMGL=4\r\r\n+CMGL: 1,1,,22\r\n" + PDU.encode() + b'\r\n\r\n+CDS: 25\r\n07AA\r\n+CMTI: "SM",4\r\n'
    b"\r\n+CMGL: 2,0,,22\r\n\r\n^BOOT:1,0\r\n" + PDU.encode() + b"\r\n\0\0\r\n+CREG: 5\r\n\r\nOK\r\n"
)


@given(st.lists(st.integers(0, len(DIALOGUE)), max_size=40))
def test_dialogue_means_the_same_however_cut(cuts: list[int]) -> None:
    """One byte at a time or all at once; an unsolicited line never ends or corrupts the reply."""
    engine = Engine()
    engine.start(commands.LIST_ALL, 0.0)
    events = feed(engine, DIALOGUE, cuts)
    (reply,) = [event for event in events if isinstance(event, Reply)]
    assert [(slot.index, slot.pdu) for slot in commands.slots(reply.lines)] == [(1, PDU), (2, PDU)]
    assert [event for event in events if isinstance(event, Unsolicited)] == [
        Unsolicited("+CDS", "25", "07AA"),
        Unsolicited("+CMTI", '"SM",4'),
        Unsolicited("+CREG", "5"),
    ]


@given(st.lists(st.binary(max_size=60) | st.sampled_from([*LINES.values(), b"+CMGR: 0,,22\r\n", b"> "]), max_size=30))
def test_hostile_octets_never_raise(pieces: list[bytes]) -> None:
    """Whatever a port gives, the engine answers with events or nothing, and takes the next command after."""
    engine = Engine()
    for piece in pieces:
        if engine.stage is Stage.IDLE:
            engine.start(SEND, 0.0)
        engine.feed(piece, 0.0)
    engine.tick(1e9)
    assert engine.stage is Stage.IDLE


def test_leftover_ok_does_not_answer_the_next_command() -> None:
    """Coming in step: an OK without the line that belongs to it is of an earlier command."""
    engine = Engine()
    engine.start(commands.IN_STEP[0], 0.0)
    assert engine.feed(b"\r\nOK\r\n", 0.0) == []
    (reply,) = engine.feed(b"\r\n+CMEE: 1\r\n\r\nOK\r\n", 0.0)
    assert isinstance(reply, Reply)
    assert reply.result is Result.OK


def test_registration_told_apart_from_its_announcement() -> None:
    """``+CREG: 1`` comes unasked while ``+CREG: 1,5`` answers, in one reply."""
    engine = Engine()
    engine.start(commands.REGISTRATION, 0.0)
    told, reply = engine.feed(b'\r\n+CREG: 1,"00C3","7A12"\r\n\r\n+CREG: 1,5\r\n\r\nOK\r\n', 0.0)
    assert told == Unsolicited("+CREG", '1,"00C3","7A12"')
    assert isinstance(reply, Reply)
    assert reply.lines == ("+CREG: 1,5",)


# --- lexer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "awaited", "tokens"),
    [
        (b"\r\nOK\r\n", False, [Line("OK")]),
        (b"OK\r", False, [Line("OK")]),
        (b"OK\n", False, [Line("OK")]),
        (b"O\0K\0\r\n\0", False, [Line("OK")]),
        (b"OK", False, []),
        (b"\r\n> ", True, [Prompt()]),
        (b"\r\n>", True, [Prompt()]),
        (b"AT+CMGS=1\r\r\n> ", True, [Line("AT+CMGS=1"), Prompt()]),
        (b"\r\n> 00\x1a\r\nOK\r\n", True, [Prompt(), Line("00"), Line("OK")]),
        (b"\r\n> \r\n", False, [Line(">")]),
        (b"\xff\xfe\r\nOK\r\n", False, [Line("\xff\xfe"), Line("OK")]),
        (b"x" * (LONGEST_LINE + 1) + b"\r\nOK\r\n", False, [Line("OK")]),
    ],
)
def test_octets_cut_into_tokens(data: bytes, awaited: bool, tokens: list[Token]) -> None:
    """The same tokens whole and one octet at a time."""
    whole, single = Lexer(), Lexer()
    whole.prompt_awaited = single.prompt_awaited = awaited
    assert whole.feed(data) == tokens
    if len(data) <= LONGEST_LINE:
        assert [token for octet in data for token in single.feed(bytes([octet]))] == tokens


def test_line_without_end_bounded() -> None:
    """Noise that never ends a line takes no memory."""
    lexer = Lexer()
    for _ in range(100):
        lexer.feed(b"x" * 1000)
    assert len(lexer._buffer) <= LONGEST_LINE + 1000


# --- answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ('+CMTI: "SM",3', ["SM", "3"]),
        ("+CMGR: 0,,24", ["0", "", "24"]),
        ('+COPS: 0,0,"Village, Mobile"', ["0", "0", "Village, Mobile"]),
        ("+CSQ: 19,0", ["19", "0"]),
        ("+CSQ:19, 0", ["19", "0"]),
        ('+CNUM: "","+252615550100",145', ["", "+252615550100", "145"]),
        ("+CMTI: ,-1", ["", "-1"]),
        ("+X: 1,", ["1", ""]),
        ("OK", [""]),
    ],
)
def test_fields_cut_at_commas_outside_quotes(line: str, values: list[str]) -> None:
    """Quotes go, empty fields stay."""
    assert commands.fields(line) == values


@given(st.text(max_size=40))
def test_fields_of_anything(text: str) -> None:
    """No line makes the reading of fields fail or never end."""
    assert commands.fields(":" + text)


@pytest.mark.parametrize(("csq", "bars"), [(None, None), (99, None), (0, 0), (2, 1), (9, 2), (10, 3), (19, 4), (31, 5)])
def test_bars_of_signal(csq: int | None, bars: int | None) -> None:
    """TS 27.007 §8.5 in five bars."""
    assert commands.bars(csq) == bars


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (AtFailure("CMS", 1), "sms.number"),
        (AtFailure("CMS", 38), "sms.temporary"),
        (AtFailure("CMS", 42), "sms.busy"),
        (AtFailure("CMS", 50), "sms.barred"),
        (AtFailure("CMS", 310), "sms.sim"),
        (AtFailure("CMS", 330), "sms.smsc"),
        (AtFailure("CMS", 331), "sms.no-network"),
        (AtFailure("CMS", 500), "sms.temporary"),
        (AtFailure("CMS", 777), "sms.temporary"),
        (AtFailure("CME", 30), "sms.no-network"),
        (AtFailure("", None, "COMMAND NOT SUPPORT"), "sms.temporary"),
    ],
)
def test_error_numbers_mean_failures(refused: AtFailure, code: str) -> None:
    """The classes of the standard; what nobody described is worth another try."""
    assert cause(refused).code == code


@pytest.mark.parametrize(
    ("wanted", "words", "name"),
    [
        ("auto", "SIMCOM_Ltd SIMCOM_SIM800L", "sim800"),
        ("auto", "SIMCOM INCORPORATED SIMCOM_SIM7600E-H", "sim7000"),
        ("auto", "Quectel EC25", "quectel"),
        ("auto", "huawei E173", "huawei"),
        ("auto", "Fieldbox Village", "ideal"),
        ("auto", "something else", "generic"),
        ("quectel", "huawei E173", "quectel"),
        ("no such profile", "huawei E173", "huawei"),
    ],
)
def test_profile_chosen_by_name_or_by_the_modems_words(wanted: str, words: str, name: str) -> None:
    """A setting wins; else the modem's own words; else the careful default."""
    assert choose(wanted, words) is PROFILES[name]


def test_command_logged_without_arguments() -> None:
    """A PIN, a number or a text never gets into a log line."""
    assert str(commands.enter_pin("1234")) == "AT+CPIN"
    assert str(Command("AT+CMGS=22", payload=PDU)) == "AT+CMGS"
