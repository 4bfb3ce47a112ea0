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
