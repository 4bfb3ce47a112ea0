from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.nodes import box, hub

UNITS = Path(__file__).parents[2] / "systemd"


def test_each_service_has_its_unit_and_no_unit_names_another():
    """What the units start are the services that exist, all of them."""
    started = set()
    for unit in UNITS.glob("*.service"):
        kind, name = re.search(r"fieldbox run (\w+) (\w+) --config /etc/fieldbox/\1\.toml", unit.read_text()).groups()
        assert unit.stem == f"fieldbox-{'hub-' if kind == 'hub' else ''}{name}"
        started.add((kind, name))
    assert started == {("box", name) for name in box.SERVICES} | {("hub", name) for name in hub.SERVICES}


def test_units_are_understood_by_systemd(tmp_path):
    """systemd-analyze finds no unknown key, and the sandbox is as tight as it was."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed: apt-get install systemd")
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/opt/fieldbox/.venv/bin/fieldbox", "/bin/true")
        (tmp_path / unit.name).write_text(re.sub(r"^(User|Group)=.*$", "", text, flags=re.MULTILINE))
    paths = [str(path) for path in sorted(tmp_path.iterdir())]
    found = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    complaints = [line for line in found.stderr.splitlines() if str(tmp_path) in line]
    assert found.returncode == 0
    assert complaints == []


def test_every_unit_has_a_watchdog():
    """A service that hangs is restarted, whichever it is."""
    for unit in UNITS.glob("*.service"):
        assert re.search(r"^WatchdogSec=\d+$", unit.read_text(), re.MULTILINE), unit.name
