"""A village, or a modem in memory, for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from simulator.bench import Bench

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
    try:
        service.open()
        yield service
    finally:
        service.close()


@pytest.fixture
def bench() -> Bench:
    """An ideal modem, echo off, messages announced and reports shown."""
    made = Bench()
    made.at("ATE0")
    made.at("AT+CNMI=2,1,0,1,0")
    return made
