"""One command at a time over a serial line: bytes and time in, replies and unsolicited results out. Pure.

What a line means depends on where the dialogue is. ``TABLE`` says what to do with each kind of line at each
stage; the kinds are told apart by ``Engine._kind``. An unsolicited result never ends or corrupts a reply, and
a deadline passed is an event, not an exception.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from appliance.modem.at.commands import Command
from appliance.modem.at.lexer import Lexer, Prompt, Token

CTRL_Z, ESC = b"\x1a", b"\x1b"


class Stage(StrEnum):
    """Where the dialogue is."""

    IDLE = "idle"
    ANSWER = "answer"
    """A command is out; its answer is awaited."""
    PROMPT = "prompt"
    """A command with a payload is out; the prompt is awaited."""
    PAYLOAD = "payload"
    """The payload is out; its one answer is awaited, and nothing is typed before it."""


class Kind(StrEnum):
    """What a token is."""

    OK = "ok"
    ERROR = "error"
    INFO = "info"
    """Belongs to the answer of the command."""
    BODY = "body"
    """The PDU after a header line."""
    URC = "urc"
    """Unsolicited."""
    BOOT = "boot"
    """The modem has just started: whatever was asked is forgotten."""
    PROMPT = "prompt"
    NOISE = "noise"
    """Echo, and lines nobody asked for."""


class Action(StrEnum):
    """What to do with a token."""

    DROP = "drop"
    COLLECT = "collect"
    SUCCEED = "succeed"
    FAIL = "fail"
    TELL = "tell"
    FILL = "fill"
    TYPE = "type"
    RESTART = "restart"


class Result(StrEnum):
    """How a command ended."""

    OK = "ok"
    ERROR = "error"
    NO_PROMPT = "no-prompt"
    """The prompt never came: the payload was not typed."""
    NO_ANSWER = "no-answer"
    RESTARTED = "restarted"
    """The modem started afresh before it answered."""


@dataclass(frozen=True, slots=True)
class AtFailure:
    """A final result that is an error: ``family`` is ``CMS``, ``CME`` or empty."""

    family: str = ""
    code: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """How a command ended, and the lines of its answer."""

    command: Command
    result: Result
    lines: tuple[str, ...] = ()
    failure: AtFailure | None = None
    payload_typed: bool = False


@dataclass(frozen=True, slots=True)
class Unsolicited:
    """A line nobody asked for: ``name`` without its colon, and the PDU that followed, if any."""

    name: str
    text: str = ""
    body: str = ""


Event = Reply | Unsolicited

_OPEN = (Stage.ANSWER, Stage.PROMPT, Stage.PAYLOAD)
TABLE: Mapping[tuple[Stage, Kind], Action] = {
    **{(stage, Kind.NOISE): Action.DROP for stage in Stage},
    **{(stage, Kind.URC): Action.TELL for stage in Stage},
    **{(stage, Kind.BODY): Action.FILL for stage in Stage},
    **{(stage, Kind.BOOT): Action.RESTART for stage in Stage},
    **{(stage, Kind.INFO): Action.COLLECT for stage in _OPEN},
    **{(stage, Kind.ERROR): Action.FAIL for stage in _OPEN},
    (Stage.IDLE, Kind.OK): Action.DROP,
    (Stage.IDLE, Kind.ERROR): Action.DROP,
    (Stage.IDLE, Kind.INFO): Action.DROP,
    (Stage.IDLE, Kind.PROMPT): Action.DROP,
    (Stage.ANSWER, Kind.OK): Action.SUCCEED,
    (Stage.ANSWER, Kind.PROMPT): Action.DROP,
    (Stage.PROMPT, Kind.OK): Action.DROP,
    (Stage.PROMPT, Kind.PROMPT): Action.TYPE,
    (Stage.PAYLOAD, Kind.OK): Action.SUCCEED,
    (Stage.PAYLOAD, Kind.PROMPT): Action.DROP,
}

URCS = frozenset(
    {
        "+CMTI", "+CMT", "+CDS", "+CDSI", "+CBM", "+CREG", "+CGREG", "+CEREG", "+CUSD", "+CLIP", "+CRING", "+CCWA",
        "+CTZV", "+CTZE", "+CTZR", "+CMGS", "+CPIN", "+CFUN", "+CIEV", "RING", "NO CARRIER", "*PSUTTZ", "*PSNWID", "DST",
        "Call Ready", "SMS Ready", "SMS DONE", "PB DONE",
    }
)  # fmt: skip
"""Lines that come unasked; one of these is part of an answer only while its own command is open."""

WITH_BODY = frozenset({"+CMT", "+CDS", "+CBM"})
"""Unsolicited results in two lines: the PDU follows (TS 27.005 §3.4.1)."""

BOOT_LINES = frozenset({"RDY", "^SYSSTART", "+SYSSTART"})
FINAL_ERRORS = ("ERROR", "+CMS ERROR", "+CME ERROR", "COMMAND NOT SUPPORT", "MODEM ERROR", "TOO MANY PARAMETERS")
_FAILURE = re.compile(r"\+(CM[ES]) ERROR:\s*(.*)")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_REGISTRATION_ANSWER = re.compile(r"\+C(?:G|E)?REG:\s*\d\s*,\s*\d")
"""``+CREG: 0,1`` answers; ``+CREG: 1`` and ``+CREG: 1,"00C3","7A12"`` come unasked (TS 27.007 §7.2)."""


class Engine:
    """The dialogue of one port. Times are seconds of any clock that never jumps."""

    def __init__(self) -> None:
        self._lexer = Lexer()
        self._command: Command | None = None
        self._lines: list[str] = []
        self._out = bytearray()
        self._bodies: list[str] = []
        """Headers whose PDU is still to come, the innermost last; empty for the command's own."""
        self._urc_texts: dict[str, str] = {}
        self.stage = Stage.IDLE
        self.deadline: float | None = None

    def start(self, command: Command, now: float) -> None:
        """Types a command; the bytes are in ``take_output``. Raises RuntimeError while another is open."""
        if self.stage is not Stage.IDLE:
            raise RuntimeError(f"{self._command} is still open")
        self._command = command
        self._lines = []
        self._bodies = [name for name in self._bodies if name]
        self.stage = Stage.PROMPT if command.payload else Stage.ANSWER
        self._lexer.prompt_awaited = bool(command.payload)
        self.deadline = now + (command.prompt_s if command.payload else command.limit_s)
        self._out += command.text.encode("ascii") + b"\r"

    def take_output(self) -> bytes:
        """What is to be written to the port now."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def feed(self, data: bytes, now: float) -> list[Event]:
        """What the bytes read from the port mean."""
        events: list[Event] = []
        for token in self._lexer.feed(data):
            kind = self._kind(token)
            text = "" if isinstance(token, Prompt) else token.text
            self._act(TABLE[self.stage, kind], text, now, events)
        return events

    def tick(self, now: float) -> list[Event]:
        """What passed without an answer. An open prompt or payload is cancelled with an escape (TS 27.005 §3.5.1)."""
        if self.deadline is None or now < self.deadline:
            return []
        if self.stage in {Stage.PROMPT, Stage.PAYLOAD}:
            self._out += ESC
        result = Result.NO_PROMPT if self.stage is Stage.PROMPT else Result.NO_ANSWER
        return [self._finish(result)]

    def reset(self) -> None:
        """Forgets everything, as when the port was lost."""
        self._lexer.clear()
        self._command = None
        self._lines, self._bodies = [], []
        self._out.clear()
        self.stage, self.deadline = Stage.IDLE, None

    # --- what a token is ---

    def _kind(self, token: Token) -> Kind:
        if isinstance(token, Prompt):
            return Kind.PROMPT
        text = token.text
        if self._bodies and _HEX.fullmatch(text):
            return Kind.BODY
        if text == "OK":
            lacking = self._command is not None and self._command.needs_info and not self._lines
            return Kind.NOISE if lacking else Kind.OK
        if text.startswith(FINAL_ERRORS):
            return Kind.ERROR
        if text in BOOT_LINES:
            return Kind.BOOT
        if self._is_info(text):
            return Kind.INFO
        return Kind.URC if _name(text) in URCS else Kind.NOISE

    def _is_info(self, text: str) -> bool:
        command = self._command
        if command is None or text == command.text:
            return False
        name = _name(text)
        if name.endswith("REG") and not _REGISTRATION_ANSWER.match(text):
            return False
        if command.prefix:
            return name == command.prefix
        return command.bare is not None and name not in URCS and command.bare.fullmatch(text) is not None

    # --- what is done with it ---

    def _act(self, action: Action, text: str, now: float, events: list[Event]) -> None:
        if action is Action.COLLECT:
            self._collect(text)
        elif action is Action.FILL:
            self._fill(text, events)
        elif action is Action.TELL:
            self._tell(text, events)
        elif action is Action.TYPE:
            self._type(now)
        elif action is Action.SUCCEED:
            events.append(self._finish(Result.OK))
        elif action is Action.FAIL:
            events.append(self._finish(Result.ERROR, _failure(text)))
        elif action is Action.RESTART:
            self._restart(text, events)

    def _collect(self, text: str) -> None:
        self._lines.append(text)
        if self._command is not None and self._command.has_body:
            self._bodies.append("")

    def _fill(self, text: str, events: list[Event]) -> None:
        name = self._bodies.pop()
        if name:
            events.append(Unsolicited(name, self._urc_texts.pop(name, ""), text))
        else:
            self._lines.append(text)

    def _tell(self, text: str, events: list[Event]) -> None:
        name = _name(text)
        rest = text[len(name) :].removeprefix(":").strip()
        if name in WITH_BODY:
            self._urc_texts[name] = rest
            self._bodies.append(name)
        else:
            events.append(Unsolicited(name, rest))

    def _type(self, now: float) -> None:
        command = self._command
        assert command is not None
        self._out += command.payload.encode("ascii") + CTRL_Z
        self.stage = Stage.PAYLOAD
        self.deadline = now + command.limit_s

    def _restart(self, text: str, events: list[Event]) -> None:
        self._bodies.clear()
        if self.stage is not Stage.IDLE:
            events.append(self._finish(Result.RESTARTED))
        events.append(Unsolicited(text))

    def _finish(self, result: Result, failure: AtFailure | None = None) -> Reply:
        command = self._command
        assert command is not None
        reply = Reply(command, result, tuple(self._lines), failure, payload_typed=self.stage is Stage.PAYLOAD)
        self._command = None
        self._lines = []
        self._bodies = [name for name in self._bodies if name]
        self._lexer.prompt_awaited = False
        self.stage, self.deadline = Stage.IDLE, None
        return reply


def _name(text: str) -> str:
    return text.partition(":")[0].strip()


def _failure(text: str) -> AtFailure:
    found = _FAILURE.match(text)
    if not found:
        return AtFailure(text=text)
    family, value = found.groups()
    return AtFailure(family, int(value) if value.isdecimal() else None, value)
