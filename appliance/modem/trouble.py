"""What the store cannot take now (a full disk, a locked database, a record it refuses) ends no dialogue with a modem."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from appliance.modem.driver import ModemError

log = logging.getLogger(__name__)


def kept(what: str, do: Callable[[], object]) -> bool:
    """Whether ``do`` did its work in the store; what went wrong is in the log. Errors of the modem pass through."""
    try:
        do()
    except ModemError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the modem and all other messages go on
        log.error("= %s: %s", what, told(error))
        return False
    return True


def told(error: Exception) -> str:
    """An error as a log may show it: its words may quote a record, so they stand only where they speak of the disk."""
    name = type(error).__name__
    words = f" {error}"[:80] if name == "OperationalError" else ""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].name}:{frames[-1].lineno})" if frames else ""
    return f"{name}{words}{place}"
