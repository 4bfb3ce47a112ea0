"""The watchdog is fed by modems that answer, and by nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from appliance.modem import registry
from appliance.modem.driver import Identity
from appliance.modem.owner import ModemOwner
from appliance.modem.service import ModemService, RollCall
from appliance.runtime.clock import FakeClock
from appliance.runtime.settings import ModemSettings
from appliance.store import open_store
from tests.modem.fake import LOST, FakeModem
from tests.modem.test_owner import NoWait


class Steady(FakeModem):
    """Answers for ever; ``set_up`` ends when ``answers`` is set."""

    def __init__(self, clock: FakeClock, imei: str) -> None:
        super().__init__(clock, threading.Event())
        self.identity = Identity(imei, "Test")
        self.answers = threading.Event()
        self.waited = threading.Semaphore(0)
        self._ended = threading.Event()

    def set_up(self) -> Identity:
        self.answers.wait(30)
        return super().set_up()

    def wait(self, seconds: float) -> None:
        self._clock.advance(max(seconds, 0.001))
        self.waited.release()
        self._ended.wait(0.001)


def test_driver_that_hangs_silences_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One modem that works does not hide another whose driver hangs; when it answers, the watchdog is fed again."""
    clock, stop, fed = FakeClock(), threading.Event(), threading.Semaphore(0)
    modems = {name: Steady(clock, f"35000000000001{name}") for name in ("1", "2")}
    monkeypatch.setattr(registry, "make", lambda one, _clock: modems[one.name])
    settings = [ModemSettings(name=name, port=f"/dev/modem{name}") for name in modems]
    store = open_store(f"sqlite:///{tmp_path / 'box.db'}", node="baidoa", kind="box", clock=clock)
    service = ModemService(store, settings, clock, alive=fed.release)
    thread = threading.Thread(target=service.run, args=(stop,), name="modem-service")
    thread.start()
    try:
        modems["1"].answers.set()
        for _ in range(100):
            assert modems["1"].waited.acquire(timeout=10)
        assert not fed.acquire(blocking=False)
        modems["2"].answers.set()
        assert fed.acquire(timeout=10)
        assert fed.acquire(timeout=10)
    finally:
        stop.set()
        modems["2"].answers.set()
        thread.join(10)
        store.close()
    assert not thread.is_alive()


def test_port_tried_in_vain_is_work_and_waiting_is_none(tmp_path: Path) -> None:
    """A box without its modem is not restarted for that; an idle owner feeds no more than its modem answers."""
    clock, stop, fed = FakeClock(), NoWait(), []
    store = open_store(f"sqlite:///{tmp_path / 'box.db'}", node="baidoa", kind="box", clock=clock)
    modem = FakeModem(clock, stop)
    owner = ModemOwner(store, modem, ModemSettings(name="1", port="/dev/modem"), clock, alive=lambda: fed.append(1))
    modem.fails("open", LOST)
    owner.step(stop)
    assert len(fed) == 1
    fed.clear()
    modem.script.extend([lambda: None] * 100)
    owner.step(stop)
    asked = modem.calls.count("registration") + modem.calls.count("sim")
    assert asked <= len(fed) <= asked + 1
    store.close()


def test_roll_is_called_anew_each_time() -> None:
    """Each has to be heard again."""
    fed: list[int] = []
    roll = RollCall(["a", "b"], lambda: fed.append(1))
    a, b = roll.here("a"), roll.here("b")
    for heard in (a, a, b, b, a):
        heard()
    assert len(fed) == 2
