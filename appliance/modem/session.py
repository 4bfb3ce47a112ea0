"""The life of a modem as a table: ``(stage, event) → stage``. Pure; an unknown pair is an error, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from appliance.domain.lifecycle import ModemState, UnknownTransition


class Stage(StrEnum):
    """How far the service has come with a modem."""

    ABSENT = "absent"
    """No port."""
    OPENING = "opening"
    """The port is open; the modem has not been heard yet."""
    SIM = "sim"
    """The modem answers; its SIM is being asked."""
    NO_SIM = "no-sim"
    PIN = "pin"
    PUK = "puk"
    REGISTERING = "registering"
    """The SIM is ready; the network is being looked for."""
    DENIED = "denied"
    READY = "ready"
    RESETTING = "resetting"
    """The modem fell silent and is being brought back."""


class Event(StrEnum):
    """What happens to a modem."""

    FOUND = "found"
    """Its port was opened."""
    LOST = "lost"
    """Its port is gone."""
    ANSWERED = "answered"
    """It answers, and both sides are in step."""
    SILENT = "silent"
    """It does not answer."""
    RESTARTED = "restarted"
    """It started afresh."""
    SIM_READY = "sim-ready"
    SIM_MISSING = "sim-missing"
    PIN_ASKED = "pin-asked"
    PUK_ASKED = "puk-asked"
    SIM_CHANGED = "sim-changed"
    REGISTERED = "registered"
    SEARCHING = "searching"
    DENIED = "denied"


_ASKING_SIM = (Stage.SIM, Stage.NO_SIM, Stage.PIN, Stage.PUK)
_ON_AIR = (Stage.REGISTERING, Stage.DENIED, Stage.READY)
_TALKING = (*_ASKING_SIM, *_ON_AIR)

TABLE: Mapping[tuple[Stage, Event], Stage] = {
    **{(stage, Event.LOST): Stage.ABSENT for stage in Stage},
    (Stage.ABSENT, Event.FOUND): Stage.OPENING,
    (Stage.RESETTING, Event.FOUND): Stage.OPENING,
    (Stage.OPENING, Event.ANSWERED): Stage.SIM,
    (Stage.OPENING, Event.RESTARTED): Stage.OPENING,
    **{(stage, Event.SILENT): Stage.RESETTING for stage in (Stage.OPENING, Stage.RESETTING, *_TALKING)},
    **{(stage, Event.RESTARTED): Stage.OPENING for stage in _TALKING},
    **{(stage, Event.SIM_READY): Stage.REGISTERING for stage in _ASKING_SIM},
    **{(stage, Event.SIM_MISSING): Stage.NO_SIM for stage in _ASKING_SIM},
    **{(stage, Event.PIN_ASKED): Stage.PIN for stage in _ASKING_SIM},
    **{(stage, Event.PUK_ASKED): Stage.PUK for stage in _ASKING_SIM},
    **{(stage, Event.SIM_CHANGED): Stage.SIM for stage in _TALKING},
    **{(stage, Event.REGISTERED): Stage.READY for stage in _ON_AIR},
    **{(stage, Event.SEARCHING): Stage.REGISTERING for stage in _ON_AIR},
    **{(stage, Event.DENIED): Stage.DENIED for stage in _ON_AIR},
}

SHOWN: Mapping[Stage, ModemState] = {
    Stage.ABSENT: ModemState.ABSENT,
    Stage.OPENING: ModemState.OPENING,
    Stage.SIM: ModemState.OPENING,
    Stage.NO_SIM: ModemState.NO_SIM,
    Stage.PIN: ModemState.PIN,
    Stage.PUK: ModemState.PUK,
    Stage.REGISTERING: ModemState.SEARCHING,
    Stage.DENIED: ModemState.DENIED,
    Stage.READY: ModemState.READY,
    Stage.RESETTING: ModemState.RESETTING,
}
"""What pages and the API call each stage (contracts.md §5)."""


def next_stage(stage: Stage, event: Event) -> Stage:
    """The stage after ``event``; raises UnknownTransition for a pair the table does not hold."""
    try:
        return TABLE[stage, event]
    except KeyError:
        raise UnknownTransition(f"{stage} + {event}") from None
