"""The life of a modem: every pair of stage and event."""

from __future__ import annotations

import itertools

import pytest

from appliance.domain.lifecycle import ModemState, UnknownTransition
from appliance.modem.session import SHOWN, TABLE, Event, Stage, next_stage

TALKING = {Stage.SIM, Stage.NO_SIM, Stage.PIN, Stage.PUK, Stage.REGISTERING, Stage.DENIED, Stage.READY}
ON_AIR = {Stage.REGISTERING, Stage.DENIED, Stage.READY}
EXPECTED = {
    Event.FOUND: ({Stage.ABSENT, Stage.RESETTING}, Stage.OPENING),
    Event.LOST: (set(Stage), Stage.ABSENT),
    Event.ANSWERED: ({Stage.OPENING}, Stage.SIM),
    Event.SILENT: (set(Stage) - {Stage.ABSENT}, Stage.RESETTING),
    Event.RESTARTED: (TALKING | {Stage.OPENING}, Stage.OPENING),
    Event.SIM_READY: (TALKING - ON_AIR, Stage.REGISTERING),
    Event.SIM_MISSING: (TALKING - ON_AIR, Stage.NO_SIM),
    Event.PIN_ASKED: (TALKING - ON_AIR, Stage.PIN),
    Event.PUK_ASKED: (TALKING - ON_AIR, Stage.PUK),
    Event.SIM_CHANGED: (TALKING, Stage.SIM),
    Event.REGISTERED: (ON_AIR, Stage.READY),
    Event.SEARCHING: (ON_AIR, Stage.REGISTERING),
    Event.DENIED: (ON_AIR, Stage.DENIED),
}


@pytest.mark.parametrize(("stage", "event"), list(itertools.product(Stage, Event)))
def test_every_pair_leads_somewhere_or_is_refused(stage: Stage, event: Event) -> None:
    """What an event means at a stage, or that it cannot be there."""
    stages, target = EXPECTED[event]
    if stage in stages:
        assert next_stage(stage, event) is target
    else:
        with pytest.raises(UnknownTransition):
            next_stage(stage, event)


def test_every_stage_is_shown_and_reached() -> None:
    """Each stage has a name of the contract, and the table leads to each."""
    assert set(SHOWN) == set(Stage)
    assert set(SHOWN.values()) == set(ModemState) - {ModemState.FAILED}
    assert set(TABLE.values()) == set(Stage)
