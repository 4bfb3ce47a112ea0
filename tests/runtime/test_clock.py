from __future__ import annotations

import pytest

from appliance.domain.records import ClockQuality
from appliance.runtime.clock import FakeClock, SystemClock
from appliance.runtime.deadline import Deadline


def test_system_clock_tells_boot_and_quality():
    """Every instant names the boot it was told in and how far to trust it."""
    clock = SystemClock(ClockQuality.RTC)
    first, second = clock.now(), clock.now()
    assert first.boot == second.boot
    assert len(first.boot) == 36
    assert first.quality is ClockQuality.RTC
    assert second.mono_ms >= first.mono_ms
    assert abs(clock.monotonic() * 1000 - second.mono_ms) < 5_000


def test_clock_before_this_was_written_is_not_trusted(monkeypatch):
    """A board without a battery wakes in 1970 or at its build date: nothing is claimed of its clock."""
    monkeypatch.setattr("appliance.runtime.clock.time.time_ns", lambda: 1_000_000_000 * 1_000_000)
    assert SystemClock(ClockQuality.NTP).now().quality is ClockQuality.NONE


def test_clock_that_is_not_told_asks_the_kernel():
    """What nothing disciplines is at best a battery's time, never called NTP."""
    ctypes = pytest.importorskip("ctypes")
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    assert (SystemClock().now().quality is ClockQuality.NTP) == (0 <= state < 5)


def test_fake_clock_moves_only_when_told():
    """Tests own the time: both clocks advance together, the wall clock can be set alone."""
    clock = FakeClock(1_000_000)
    start = clock.monotonic()
    clock.advance(2.5)
    assert clock.now().ms == 1_002_500
    assert clock.monotonic() - start == pytest.approx(2.5)
    clock.set_wall(0)
    assert clock.now().ms == 0
    assert clock.monotonic() - start == pytest.approx(2.5)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_deadline_never_tells_less_than_nothing():
    """A deadline counts down to zero and stays there."""
    clock = FakeClock()
    deadline = Deadline(clock, 2.0)
    assert not deadline.passed()
    clock.advance(1.5)
    assert deadline.remaining() == pytest.approx(0.5)
    clock.advance(10)
    assert deadline.remaining() == 0.0
    assert deadline.passed()
