r"""Dialogues with modems as text files: recorded once from a modem, read by a person, replayed in tests.

A file is a list of steps. ``# name`` begins a step, ``= value`` is what it must give, and between them:
``> line`` we type and a return; ``>| data`` we type as it stands; ``< line`` the modem says in a line of its own;
``<| data`` as it stands. ``%`` begins a remark. ``\e`` is escape, ``\z`` is Ctrl-Z, ``\s`` a blank at the end.

``python -m tests.modem.golden ideal`` records one afresh from the village.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.domain.text import Encoding
from appliance.modem.at.fields import address_of
from appliance.modem.at.pdu import Concat, Submit, encode_submit
from appliance.modem.driver import CommandRefusedError, Place, SilentError
from appliance.modem.serial_driver import SerialModem
from appliance.modem.serial_port import SerialPort
from appliance.runtime.clock import FakeClock, SystemClock

FOLDER = Path(__file__).parents[1] / "golden" / "at"
_ESCAPES = {"\\e": "\x1b", "\\z": "\x1a", "\\s": " "}
_PART = Submit(address_of("+252615550143"), "Salaam [1]", Encoding.GSM7, report=True)
_LONG = Submit(address_of("+252615550143"), "سلام", Encoding.UCS2, Concat(0xA7, 2, 1), report=True, validity_s=21600)


def _send(modem: SerialModem, submit: Submit) -> object:
    encoded = encode_submit(submit)
    return modem.send(encoded.pdu, encoded.length)


def _events(modem: SerialModem) -> object:
    """Everything that happens within three seconds."""
    clock, happened = modem._clock, []
    end = clock.monotonic() + 3.0
    while (left := end - clock.monotonic()) > 0:
        modem.wait(left)
        happened += modem.events()
    return happened


STEPS: dict[str, Callable[[SerialModem], object]] = {
    "open": lambda modem: modem.open(),
    "set_up": lambda modem: modem.set_up(),
    "sim": lambda modem: modem.sim(),
    "pin_tries": lambda modem: modem.pin_tries(),
    "unlock": lambda modem: modem.unlock("1234"),
    "set_up_messages": lambda modem: modem.set_up_messages(),
    "registration": lambda modem: modem.registration(),
    "air": lambda modem: modem.air(),
    "stored": lambda modem: modem.stored(),
    "read": lambda modem: modem.read(Place("SM", 1)),
    "delete": lambda modem: modem.delete(Place("SM", 1)),
    "send": lambda modem: _send(modem, _PART),
    "send long": lambda modem: _send(modem, _LONG),
    "events": _events,
    "restart": lambda modem: modem.restart(),
}


def outcome(step: str, modem: SerialModem) -> str:
    """What a step gives, as a file writes it."""
    try:
        return repr(STEPS[step.partition(" (")[0]](modem))
    except (CommandRefusedError, SilentError) as error:
        return f"{type(error).__name__}: {error}"


@dataclass
class Step:
    """One step of a file."""

    name: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    """Direction with its form, and text."""
    value: str = ""


def load(path: Path) -> list[Step]:
    """The steps of a file."""
    steps: list[Step] = []
    for line in path.read_text("utf-8").splitlines():
        head, _, text = line.partition(" ")
        if head == "#":
            steps.append(Step(text))
        elif head == "=":
            steps[-1].value = text
        elif head.startswith((">", "<")):
            for written, char in _ESCAPES.items():
                text = text.replace(written, char)
            steps[-1].lines.append((head, text))
    return steps


class ScriptedPort(SerialPort):
    """A port at whose other end a file is read aloud, ``chunk`` octets at a time; waiting costs no time."""

    def __init__(self, clock: FakeClock, *, chunk: int = 4096, echo: bool = False) -> None:
        super().__init__("scripted")
        self.lines: list[tuple[str, str]] = []
        self._clock = clock
        self._chunk = chunk
        self._echo = echo
        self._typed = b""
        self._said = b""

    def play(self, lines: list[tuple[str, str]]) -> None:
        """What is typed and said in the next step."""
        self.lines = list(lines)
        self._say()

    def open(self) -> None:
        """There is nothing to open."""

    def read(self, seconds: float) -> bytes:
        """What is said next; when nothing is, the time passes."""
        if not self._said:
            self._clock.advance(max(0.0, seconds))
            return b""
        piece, self._said = self._said[: self._chunk], self._said[self._chunk :]
        return piece

    def write(self, data: bytes) -> None:
        """Compares what is typed with the file."""
        if self._echo:
            self._said += data.replace(b"\x1a", b"").replace(b"\x1b", b"")
        self._typed += data
        while self.lines and self.lines[0][0].startswith(">"):
            head, text = self.lines[0]
            wanted = text.encode() + (b"" if head == ">|" else b"\r")
            if len(self._typed) < len(wanted):
                break
            assert self._typed.startswith(wanted), f"typed {self._typed!r}, the file says {wanted!r}"
            self._typed = self._typed[len(wanted) :]
            del self.lines[0]
            self._say()
        assert not (self._typed and not self.lines), f"typed {self._typed!r}, the file says nothing more"

    def _say(self) -> None:
        while self.lines and self.lines[0][0].startswith("<"):
            head, text = self.lines.pop(0)
            self._said += text.encode("latin-1") if head == "<|" else f"\r\n{text}\r\n".encode("latin-1")


# --- recording -----------------------------------------------------------------------------------------------


class RecordingPort(SerialPort):
    """A real port that remembers what passed."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.passed: list[tuple[bool, bytes]] = []

    def read(self, seconds: float) -> bytes:
        """Remembers what was read."""
        data = super().read(seconds)
        if data:
            self.passed.append((False, data))
        return data

    def write(self, data: bytes) -> None:
        """Remembers what was written."""
        self.passed.append((True, data))
        super().write(data)

    def lines(self) -> list[str]:
        """What passed since the last call, as a file writes it."""
        written: list[str] = []
        for ours, data in _merged(self.passed):
            text = data.decode("latin-1")
            if ours:
                head, text = (">", text[:-1]) if text.endswith("\r") else (">|", text)
                written.append(f"{head} {_escaped(text)}")
                continue
            written += [
                f"< {_escaped(line)}" for line in text.replace("\r\n> ", "").split("\r\n") if line.strip("\r\n ")
            ]
            if text.endswith("\r\n> "):
                written.append("<| >\\s")
        self.passed.clear()
        return written


def _escaped(text: str) -> str:
    text = text.rstrip("\r")
    for written, char in _ESCAPES.items():
        text = text.replace(char, written) if char != " " else text
    return text


def _merged(passed: list[tuple[bool, bytes]]) -> list[tuple[bool, bytes]]:
    merged: list[tuple[bool, bytes]] = []
    for ours, data in passed:
        if merged and merged[-1][0] == ours and not ours:
            merged[-1] = (ours, merged[-1][1] + data)
        else:
            merged.append((ours, data))
    return merged


def record(profile: str) -> str:
    """A dialogue with a modem of the village: start-up, a message in, two parts out with a report."""
    from tests.modem.bench import AMINA, BOX, running

    written = [f"# A dialogue with the village's {profile} modem, recorded by tests/modem/golden.py.", ""]
    written[0] = written[0].replace("# ", "% ")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), profile=profile) as box:
        box.end()
        with box.village.schedule.lock:
            box.modem.power_off()
            box.modem.power_on()
        port = RecordingPort(str(Path(folder) / "modem"))
        modem = SerialModem(port, SystemClock())

        def step(name: str) -> str:
            value = outcome(name, modem)
            written.extend([f"# {name}", *port.lines(), f"= {value}", ""])
            return value

        for name in ("open", "set_up", "sim", "set_up_messages"):
            step(name)
        while "CommandRefused" in step("set_up_messages (again)"):
            step("events")
        for name in ("registration", "air", "stored"):
            step(name)
        with box.village.schedule.lock:
            box.village.network.text(AMINA, BOX, "Is the clinic open? €")
        step("events")
        for name in ("read", "delete", "read", "send"):
            step(name)
        step("events")
        step("send long")
        modem.close()
        modem.release()
        box.start()
    return "\n".join(written)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        (FOLDER / f"{name}.txt").write_text(record(name), "utf-8")
