"""The weather: what goes wrong in the village, each with a rate or a count (modem.md §2)."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """Every fault the village knows. ``SAYS`` explains each in a sentence."""

    LOSS = "loss"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    DELAY = "delay_s"
    REPORT_LOSS = "report_loss"
    CMS_ERROR = "cms_error"
    HANG_AFTER = "hang_after"
    HANG_DURING_CMGS = "hang_during_cmgs"
    DROP_ANSWER = "drop_answer"
    ANSWER_THEN_DIE = "answer_then_die"
    URC_NOISE = "urc_noise"
    GARBAGE = "garbage"
    SIM_FULL = "sim_full"
    REGISTRATION = "registration"
    CREDIT = "credit"
    UNPLUG = "unplug"


CHANCES = frozenset(
    {
        Fault.LOSS,
        Fault.DUPLICATE,
        Fault.REORDER,
        Fault.REPORT_LOSS,
        Fault.CMS_ERROR,
        Fault.HANG_DURING_CMGS,
        Fault.DROP_ANSWER,
        Fault.ANSWER_THEN_DIE,
        Fault.URC_NOISE,
        Fault.GARBAGE,
    }
)
"""The faults given as a rate (``0.2``, ``1.0``) or a count (``3``: the next three times)."""

REGISTRATIONS = {"home": 1, "searching": 2, "denied": 3, "unknown": 4, "roaming": 5, "none": 0}
"""Names of the registration states with their ``+CREG`` numbers (3GPP TS 27.007 §7.2)."""

DEFAULT_CMS = 38
"""Network out of order: one of the two codes field reports name most."""


class FaultError(ValueError):
    """The faults asked for are not understood; the message is a sentence for people."""


@dataclass(slots=True)
class Chance:
    """How often something happens: with a probability, or the next ``count`` times."""

    rate: float = 0.0
    count: int = 0

    def strikes(self, rng: random.Random) -> bool:
        """Whether it happens now; a count is used up by one."""
        if self.count > 0:
            self.count -= 1
            return True
        return self.rate > 0 and rng.random() < self.rate

    def shown(self) -> float | int:
        """The value as the API tells it: what is left of a count, or the rate."""
        return self.count or self.rate


@dataclass(slots=True)
class Weather:
    """The faults in force. A fresh one is fine weather."""

    chances: dict[Fault, Chance] = field(default_factory=dict)
    cms_code: int = DEFAULT_CMS
    delay_s: float = 0.0
    hang_after: int | None = None
    """Commands the modems still answer before they fall silent."""
    sim_full: bool = False
    registration: str = "home"
    credit: int | None = None
    """Messages the SIM can still pay; None is without limit."""
    unplug_s: float | None = None
    """Seconds the modems' ports vanish; 0 is until the weather changes."""
    struck: dict[Fault, int] = field(default_factory=dict)

    def strikes(self, fault: Fault, rng: random.Random) -> bool:
        """Whether this fault happens now; counted in ``struck``."""
        chance = self.chances.get(fault)
        if chance is None or not chance.strikes(rng):
            return False
        self.struck[fault] = self.struck.get(fault, 0) + 1
        return True

    def pays(self) -> bool:
        """Take the price of one message from the credit; False when there is none left."""
        if self.credit is None:
            return True
        if self.credit <= 0:
            return False
        self.credit -= 1
        return True

    def shown(self) -> dict[str, object]:
        """Every fault with its present value, as ``GET /faults`` answers."""
        special: dict[Fault, object] = {
            Fault.DELAY: self.delay_s,
            Fault.HANG_AFTER: self.hang_after,
            Fault.SIM_FULL: self.sim_full,
            Fault.REGISTRATION: self.registration,
            Fault.CREDIT: self.credit,
            Fault.UNPLUG: self.unplug_s,
        }
        out: dict[str, object] = {}
        for fault in Fault:
            chance = self.chances.get(fault)
            out[fault.value] = special[fault] if fault in special else chance.shown() if chance else 0
        return out


def parse(asked: Mapping[str, object]) -> Weather:
    """The weather these values ask for; faults not named are off.

    Raises FaultError with one sentence for an unknown name or a value that makes no sense.
    """
    weather = Weather()
    for name, value in asked.items():
        try:
            fault = Fault(name)
        except ValueError:
            known = ", ".join(Fault)
            raise FaultError(f"There is no fault named “{name[:40]}”. The village knows: {known}.") from None
        if value is None:
            continue
        if fault in CHANCES:
            weather.chances[fault] = _chance(fault, value, weather)
        else:
            _set_special(weather, fault, value)
    return weather


def _chance(fault: Fault, value: object, weather: Weather) -> Chance:
    if isinstance(value, Mapping):
        if fault is Fault.CMS_ERROR and "code" in value:
            weather.cms_code = _whole(fault, value["code"])
        if "rate" in value:
            return Chance(rate=_rate(fault, value["rate"]))
        return Chance(count=_whole(fault, value.get("count", 1)))
    if isinstance(value, bool):
        return Chance(rate=1.0 if value else 0.0)
    if isinstance(value, int):
        return Chance(count=_whole(fault, value))
    return Chance(rate=_rate(fault, value))


def _rate(fault: Fault, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise FaultError(f"“{fault}” takes a rate from 0.0 to 1.0 or a count, a whole number from 0.")
    return float(value)


def _whole(fault: Fault, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
        raise FaultError(f"“{fault}” takes a count: a whole number from 0 to 1,000,000.")
    return value


def _seconds(fault: Fault, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 86_400:
        raise FaultError(f"“{fault}” takes seconds from 0 to 86,400.")
    return float(value)


def _set_special(weather: Weather, fault: Fault, value: object) -> None:
    if fault is Fault.DELAY:
        weather.delay_s = _seconds(fault, value)
    elif fault is Fault.HANG_AFTER:
        weather.hang_after = _whole(fault, value)
    elif fault is Fault.CREDIT:
        weather.credit = _whole(fault, value)
    elif fault is Fault.SIM_FULL:
        weather.sim_full = bool(value)
    elif fault is Fault.UNPLUG:
        weather.unplug_s = _unplugged(value)
    else:
        weather.registration = _registration(value)


def _unplugged(value: object) -> float | None:
    if value is True:
        return 0.0
    return _seconds(Fault.UNPLUG, value) or None


def _registration(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = next((name for name, number in REGISTRATIONS.items() if number == value), value)
    if not isinstance(value, str) or value not in REGISTRATIONS:
        raise FaultError(f"“registration” is one of: {', '.join(REGISTRATIONS)}.")
    return value
