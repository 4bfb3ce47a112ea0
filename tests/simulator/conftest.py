"""A village of its own for each test that asks for one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.modem.simulator.network import Times
from appliance.modem.simulator.village import ModemOptions, VillageOptions, VillageService


@pytest.fixture
def village(tmp_path: Path) -> Iterator[VillageService]:
    """A quiet village with one ideal modem at ``<tmp>/modem``, on a free port, ended after the test."""
    options = VillageOptions(
        modems=(ModemOptions(tmp_path / "modem"),),
        http=("127.0.0.1", 0),
        quiet=True,
        times=Times(transit_s=0.01, report_s=0.01),
    )
    service = VillageService(options)
    stop = threading.Event()
    service.open()
    try:
        yield service
    finally:
        stop.set()
        service.close()
