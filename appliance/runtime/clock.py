"""The only place that reads a clock. Everything else takes a Clock, so that tests own the time."""

from __future__ import annotations

import ctypes
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from appliance.domain.records import ClockQuality, Moment

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


EARLIEST_MS = 1_767_225_600_000
"""The beginning of 2026, before this was written: a wall clock that tells less was never set."""

_TIME_ERROR = 5
"""What adjtimex(2) answers while nothing disciplines the clock."""
_TIMEX_BYTES = 512
"""More than ``struct timex`` takes anywhere; its first field, ``modes``, is 0: read only."""
_libc = ctypes.CDLL(None, use_errno=True)


def _is_synchronised() -> bool:
    answer: int = _libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return 0 <= answer < _TIME_ERROR


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> Moment:
        """The present instant: wall clock in ms, its quality, the boot, and ms since that boot."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, counted from an arbitrary point of this boot."""
        ...


@dataclass(frozen=True)
class SystemClock:
    """The clock of this machine. Without a ``quality`` it asks the kernel how far the wall clock is to be trusted."""

    quality: ClockQuality | None = None

    def now(self) -> Moment:
        """The present instant. ``mono_ms`` is CLOCK_BOOTTIME: it counts while the machine sleeps as well."""
        ms = time.time_ns() // 1_000_000
        return Moment(
            ms=ms,
            quality=ClockQuality.NONE if ms < EARLIEST_MS else self.quality or self._told_quality(),
            boot=self._boot,
            mono_ms=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
        )

    def monotonic(self) -> float:
        """Seconds since this boot; they never jump."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def _told_quality(self) -> ClockQuality:
        if _is_synchronised():
            return ClockQuality.NTP
        return ClockQuality.RTC if self._has_rtc else ClockQuality.NONE

    @cached_property
    def _has_rtc(self) -> bool:
        return any(Path("/sys/class/rtc").glob("rtc*"))

    @cached_property
    def _boot(self) -> str:
        return _BOOT_ID.read_text("ascii").strip()


class FakeClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, ms: int = 1_700_000_000_000, *, quality: ClockQuality = ClockQuality.NTP) -> None:
        self._lock = threading.Lock()
        self._ms = ms
        self._mono_ms = 1_000
        self.quality = quality
        self.boot = "00000000-0000-4000-8000-000000000001"

    def now(self) -> Moment:
        """The instant the test has set."""
        with self._lock:
            return Moment(ms=self._ms, quality=self.quality, boot=self.boot, mono_ms=self._mono_ms)

    def monotonic(self) -> float:
        """Seconds, moved by ``advance`` alone."""
        with self._lock:
            return self._mono_ms / 1000

    def advance(self, seconds: float) -> None:
        """Moves both clocks forward by ``seconds`` (≥ 0)."""
        if seconds < 0:
            raise ValueError("time does not run backwards; use set_wall for a wrong clock")
        with self._lock:
            self._ms += round(seconds * 1000)
            self._mono_ms += round(seconds * 1000)

    def set_wall(self, ms: int) -> None:
        """Sets the wall clock alone, as a person, NTP or a power cut does."""
        with self._lock:
            self._ms = ms
