"""The serial side of a modem: echo, command lines, prompts, answers and unsolicited results (ITU-T V.250 §5).

Pure but for the schedule: bytes in through ``feed``, bytes out through ``write``. It knows no command; it asks ``host``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from appliance.modem.simulator.schedule import Schedule

CTRL_Z, ESC, CR, LF, BACKSPACE = 0x1A, 0x1B, 0x0D, 0x0A, 0x08
PROMPT = b"\r\n> "
_HELD_S = 1.0
_LINE_LIMIT = 1024


class AtError(Exception):
    """A command that ends with an error: ``kind`` is CMS, CME or empty for a plain ERROR."""

    def __init__(self, code: int = 0, kind: str = "") -> None:
        super().__init__(code, kind)
        self.code = code
        self.kind = kind


def cms(code: int) -> AtError:
    """A +CMS ERROR (3GPP TS 27.005 §3.2.5)."""
    return AtError(code, "CMS")


def cme(code: int) -> AtError:
    """A +CME ERROR (3GPP TS 27.007 §9.2)."""
    return AtError(code, "CME")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a line: ``+CMGL=4`` is name ``+CMGL``, op ``=`` and one argument."""

    name: str
    op: str = ""
    args: tuple[str, ...] = ()
    """Without quotes; an omitted argument is empty."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Lines of information, then OK."""

    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ask for data; ``taken`` gets what was typed before Ctrl-Z."""

    taken: Callable[[str], Outcome]


@dataclass(frozen=True, slots=True)
class Wait:
    """The answer comes later through ``Dialogue.answer``; ``abort`` is called when something is typed before it."""

    abort: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer ever comes; the modem takes the next command."""


Outcome = Reply | Prompt | Wait | Silent


class Mode(StrEnum):
    """What the next byte means."""

    COMMAND = "command"
    BUSY = "busy"
    PROMPT = "prompt"
    SENDING = "sending"
    DEAD = "dead"


class Host(Protocol):
    """The modem behind the dialogue."""

    def delay(self, command: Command) -> float:
        """Seconds it thinks before it runs a command."""
        ...

    def run(self, command: Command) -> Outcome:
        """Run one command; raises AtError."""
        ...

    def alive(self) -> bool:
        """Asked before each command line; False and the modem is silent from now on."""
        ...

    def noise(self) -> Iterable[bytes]:
        """Bytes a bad modem puts in front of a line of an answer."""
        ...

    def rude(self) -> bool:
        """Whether it speaks unasked while a command or prompt is open, as bad modems do."""
        ...


class Dialogue:
    """One serial conversation. Every call must hold the schedule's lock."""

    def __init__(self, host: Host, schedule: Schedule, write: Callable[[bytes], None]) -> None:
        self._host = host
        self._schedule = schedule
        self._write = write
        self.reset()

    def reset(self) -> None:
        """As after power-on."""
        self.mode = Mode.COMMAND
        self.echo = True
        self.verbose = True
        self.quiet = False
        self.errors = 0
        """The +CMEE setting."""
        self._life = getattr(self, "_life", 0) + 1
        self._line = bytearray()
        self._last_line = ""
        self._ahead = bytearray()
        self._pending: deque[Command] = deque()
        self._prompt: Prompt | None = None
        self._wait: Wait | None = None
        self._held: deque[str] = deque()

    def die(self) -> None:
        """Fall silent for good."""
        self.reset()
        self.mode = Mode.DEAD

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run ``action`` later unless the modem was reset meanwhile."""
        life = self._life
        self._schedule.after(seconds, lambda: action() if life == self._life else None)

    # --- what is typed ---

    def feed(self, data: bytes) -> None:
        """Take bytes from the computer."""
        for place, byte in enumerate(data):
            if self.mode is Mode.DEAD:
                return
            if self.mode is Mode.BUSY:
                self._ahead += data[place:]
                return
            if self.mode is Mode.PROMPT:
                self._type_data(byte)
            elif self.mode is Mode.SENDING:
                self._abort()
            else:
                self._type_command(byte)

    def _type_command(self, byte: int) -> None:
        if self.echo and byte not in {ESC, CTRL_Z}:
            self._write(bytes([byte]))
        if byte == CR:
            line, self._line = self._line.decode("latin-1"), bytearray()
            self._enter(line)
        elif byte == ESC:
            self._line.clear()
        elif byte == BACKSPACE:
            del self._line[-1:]
        elif byte >= 0x20 and len(self._line) < _LINE_LIMIT:
            self._line.append(byte)

    def _type_data(self, byte: int) -> None:
        if byte == ESC:
            self._prompt = None
            self._line.clear()
            self.answer(Reply())
        elif byte == CTRL_Z:
            prompt, self._prompt = self._prompt, None
            text, self._line = self._line.decode("latin-1"), bytearray()
            assert prompt is not None
            self._perform(lambda: prompt.taken(text))
        else:
            if self.echo:
                self._write(bytes([byte]))
            if byte not in {CR, LF, 0}:
                self._line.append(byte)

    def _abort(self) -> None:
        wait, self._wait = self._wait, None
        if wait is not None:
            wait.abort()

    def _enter(self, line: str) -> None:
        start = re.search(r"[Aa](/|[Tt])", line)
        if start is None:
            return
        if not self._host.alive():
            self.die()
            return
        if start.group(1) != "/":
            self._last_line = line[start.end() :]
        try:
            self._pending = deque(parse(self._last_line))
        except AtError as error:
            self.fail(error)
            return
        self._next()

    # --- what is answered ---

    def _next(self) -> None:
        if not self._pending:
            self._final("OK", "0")
            return
        command = self._pending.popleft()
        delay = self._host.delay(command)
        if delay <= 0:
            self._perform(lambda: self._host.run(command))
            return
        self.mode = Mode.BUSY
        self.later(delay, lambda: self._perform(lambda: self._host.run(command)))

    def _perform(self, action: Callable[[], Outcome]) -> None:
        life = self._life
        try:
            outcome = action()
        except AtError as error:
            self.fail(error)
            return
        if life != self._life:
            return
        if isinstance(outcome, Prompt):
            self.mode, self._prompt = Mode.PROMPT, outcome
            self._write(PROMPT)
            self._resume()
        elif isinstance(outcome, Wait):
            self.mode, self._wait = Mode.SENDING, outcome
        elif isinstance(outcome, Silent):
            self._pending.clear()
            self._open()
        else:
            self.answer(outcome)

    def conclude(self, action: Callable[[], Outcome]) -> None:
        """Give the answer a Wait promised."""
        self._wait = None
        self._perform(action)

    def answer(self, reply: Reply) -> None:
        """Give the lines of a command's answer, and go on with the command line."""
        self._wait = None
        for line in reply.lines:
            self._emit(line)
        self._next()

    def fail(self, error: AtError) -> None:
        """End the command line with an error, in the form +CMEE asks for (3GPP TS 27.007 §9.1)."""
        self._wait = None
        self._pending.clear()
        if error.kind == "CMS":
            self._final(f"+CMS ERROR: {error.code}", "4")
        elif error.kind == "CME" and self.errors:
            self._final(f"+CME ERROR: {error.code}", "4")
        else:
            self._final("ERROR", "4")

    def _emit(self, line: str) -> None:
        for noise in self._host.noise():
            self._write(noise)
        self._write(f"\r\n{line}\r\n".encode("latin-1", "replace"))

    def _final(self, words: str, number: str) -> None:
        if not self.quiet:
            if self.verbose or words.startswith("+"):
                self._emit(words)
            else:
                self._write(f"{number}\r".encode())
        self._open()

    def _open(self) -> None:
        self.mode = Mode.COMMAND
        self._flush()
        self._resume()

    def _resume(self) -> None:
        ahead, self._ahead = bytes(self._ahead), bytearray()
        if ahead:
            self.feed(ahead)

    # --- unsolicited results ---

    def urc(self, line: str) -> None:
        """Say something unasked: at once, or after the command or prompt that is open (mode 2 of +CNMI, §3.4.1)."""
        if self.mode is Mode.DEAD:
            return
        if self.mode is not Mode.COMMAND and self._host.rude():
            self._write(f"\r\n{line}\r\n".encode("latin-1", "replace"))
            return
        self._held.append(line)
        if self.mode is Mode.COMMAND and not self._line:
            self._flush()
        elif self.mode is Mode.COMMAND:
            self.later(_HELD_S, self._flush)

    def _flush(self) -> None:
        while self._held and self.mode is Mode.COMMAND:
            self._write(f"\r\n{self._held.popleft()}\r\n".encode("latin-1", "replace"))


_EXTENDED = re.compile(r"([+^*#$%][A-Za-z][A-Za-z0-9_]*)\s*(=\?|\?|=)?")
_BASIC = re.compile(r"(&?[A-Za-z])(\d*)(=\?|\?|=\d*)?")


def parse(line: str) -> list[Command]:
    """The commands of a line after ``AT`` (V.250 §5.2.4-§5.4); raises AtError for what is no command."""
    commands: list[Command] = []
    at = 0
    while at < len(line):
        if line[at] in " ;":
            at += 1
            continue
        extended = _EXTENDED.match(line, at)
        if extended:
            name, op = extended.group(1).upper(), extended.group(2) or ""
            end = _end_of(line, extended.end())
            value = line[extended.end() : end]
            commands.append(Command(name, op, _arguments(value) if op == "=" else ()))
            at = end
            continue
        if line[at] in "dD":
            commands.append(Command("D", "", (line[at + 1 :].strip(),)))
            break
        basic = _BASIC.match(line, at)
        if basic is None:
            raise AtError
        commands.append(Command(basic.group(1).upper(), basic.group(3) or "", (basic.group(2),)))
        at = basic.end()
    return commands


def _end_of(line: str, start: int) -> int:
    quoted = False
    for at in range(start, len(line)):
        if line[at] == '"':
            quoted = not quoted
        elif line[at] == ";" and not quoted:
            return at
    return len(line)


def _arguments(value: str) -> tuple[str, ...]:
    out, quoted = [""], False
    for char in value.strip():
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            out.append("")
        else:
            out[-1] += char
    return tuple(part if part == part.strip() or '"' in value else part.strip() for part in out)
