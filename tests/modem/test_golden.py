"""Golden dialogues: the same steps and values, however the octets are cut and whether the modem echoes or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.modem.serial_driver import SerialModem
from appliance.runtime.clock import FakeClock
from tests.modem.golden import FOLDER, ScriptedPort, load, outcome

FILES = sorted(FOLDER.glob("*.txt"))


def test_golden_dialogues_are_there() -> None:
    """A test over files that are not there would pass."""
    assert {"ideal", "sim800", "huawei"} <= {path.stem for path in FILES}


@pytest.mark.parametrize("echo", [False, True], ids=["quiet", "echo"])
@pytest.mark.parametrize("chunk", [1, 7, 4096])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_dialogue_gives_what_it_gave(path: Path, chunk: int, echo: bool) -> None:
    """Each step types what the file says and gives the value it says."""
    clock = FakeClock()
    port = ScriptedPort(clock, chunk=chunk, echo=echo)
    modem = SerialModem(port, clock)
    for step in load(path):
        port.play(step.lines)
        assert outcome(step.name, modem) == step.value, step.name
        assert port.lines == [], step.name
