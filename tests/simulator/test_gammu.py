"""Debian's gammu, which nobody here wrote, works with the simulated modem unchanged."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from simulator.bench import BOX, PHONE

from appliance.modem.simulator.village import VillageService

pytestmark = pytest.mark.skipif(shutil.which("gammu") is None, reason="gammu is not installed: apt install gammu")


def gammu(folder: Path, *arguments: str) -> str:
    """Runs gammu on the modem of this folder; what it printed."""
    config = folder / "gammurc"
    config.write_text(f"[gammu]\ndevice = {folder / 'modem'}\nconnection = at115200\n")
    done = subprocess.run(
        ["gammu", "-c", str(config), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_gammu_identifies_sends_lists_and_deletes(village: VillageService, tmp_path: Path) -> None:
    """One after another on one port, each a program run of its own."""
    (imei,) = village.modems
    network = village.network
    told = gammu(tmp_path, "identify")
    assert imei in told
    assert "Fieldbox" in told

    gammu(tmp_path, "sendsms", "TEXT", PHONE, "-text", "Biyo [nadiif] ah", "-report")
    assert [row["text"] for row in network.ledger.rows()["accepted"]] == ["Biyo [nadiif] ah"]

    network.text(PHONE, BOX, "Where is the {clinic}? " * 10)
    listed = gammu(tmp_path, "getallsms")
    assert "ID (16 bit) 1, part 1 of 2" in listed
    assert "ID (16 bit) 1, part 2 of 2" in listed
    assert PHONE in listed
    assert "Where is the {clinic}? Where is the {clinic}? " in listed

    gammu(tmp_path, "deletesms", "1", "1")
    assert set(village.modems[imei].sim.memory.slots) == {2}
