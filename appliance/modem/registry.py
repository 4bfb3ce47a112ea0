"""Drivers by name. Each is loaded when it is first asked for, so that its libraries are needed only then."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import cast

from appliance.modem.driver import Modem
from appliance.runtime.clock import Clock
from appliance.runtime.settings import ModemSettings

Maker = Callable[[ModemSettings, Clock], Modem]

DRIVERS: Mapping[str, str] = {"at": "appliance.modem.serial_driver:make"}


class UnknownDriverError(LookupError):
    """No driver has this name; the message is a sentence for staff."""


def make(settings: ModemSettings, clock: Clock) -> Modem:
    """The modem of these settings, not opened yet; raises UnknownDriverError."""
    try:
        module, _, function = DRIVERS[settings.driver].partition(":")
    except KeyError:
        known = ", ".join(DRIVERS)
        raise UnknownDriverError(f"There is no modem driver {settings.driver!r}. There are: {known}.") from None
    return cast("Maker", getattr(importlib.import_module(module), function))(settings, clock)
