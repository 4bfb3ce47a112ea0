"""The owner of a modem, its receiver and its sender, on a real store and a modem that fails when told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.domain.address import Line, Scheme, parse_phone
from appliance.domain.failure import failure
from appliance.domain.lifecycle import ModemState, Outgoing
from appliance.domain.records import Actor, Direction, MessageView, ModemStatus, Role
from appliance.messaging import compose, inbox, modems, status
from appliance.modem.driver import (
    CommandRefusedError,
    Identity,
    NewMessage,
    NotSent,
    Place,
    Registration,
    RegistrationChanged,
    Report,
    Restarted,
    SilentError,
    SimChanged,
    SimState,
    Unknown,
)
from appliance.modem.owner import ModemOwner
from appliance.modem.registry import UnknownDriverError, make
from appliance.modem.sender import BURST, PAUSE_S, encode
from appliance.runtime.clock import FakeClock
from appliance.runtime.settings import ModemSettings
from appliance.store import Store, open_store
from tests.modem.fake import LOST, FakeModem
from tests.modem.pdu_corpus import deliver

STAFF = Actor("Test", role=Role.RESPONDER)
AMINA = parse_phone("+252615550143")
SILENT = SilentError(failure("sms.modem-lost", "test"))
REFUSED = CommandRefusedError(failure("sms.temporary"), family="CMS", code=302)


class NoWait(threading.Event):
    """A stop event whose waits take no time but are remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


@dataclass
class Rig:
    """One owner, and what a test does with it."""

    store: Store
    clock: FakeClock
    modem: FakeModem
    owner: ModemOwner
    stop: NoWait

    def lives(self, *script: Callable[[], None], lives: int = 1) -> None:
        """Lets the owner run until the script is over, ``lives`` times."""
        for _ in range(lives):
            self.stop.clear()
            self.modem.script.extend(script)
            self.owner.step(self.stop)

    def write(self, text: str = "hello", to: Line = AMINA) -> MessageView:
        return compose.accept(self.store, compose.Draft(to, text), STAFF)

    def incoming(self) -> list[str | None]:
        return [view.text for view in inbox.messages_since(self.store, 0, 1000, Direction.IN)]

    def states(self) -> list[Outgoing]:
        return [Outgoing(view.state) for view in inbox.messages_since(self.store, 0, 1000, Direction.OUT)]

    def told(self) -> list[ModemStatus]:
        return list(status.snapshot(self.store).modems)

    def sees(self, state: ModemState, code: str = "") -> Callable[[], None]:
        """A step of a script that looks at the status page."""

        def look() -> None:
            (told,) = self.told()
            assert told.state is state
            assert (told.failure.code if told.failure else "") == code

        return look


def nothing() -> None:
    """A step of a script in which only time passes."""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    clock, stop = FakeClock(), NoWait()
    store = open_store(f"sqlite:///{tmp_path / 'box.db'}", node="baidoa", kind="box", clock=clock)
    modem = FakeModem(clock, stop)
    settings = ModemSettings(name="sim1", port="/dev/modem", pin="1234")
    yield Rig(store, clock, modem, ModemOwner(store, modem, settings, clock), stop)
    store.close()


def hexed(text: str, sender: str = "252615550143") -> str:
    return deliver(text, wide=False, sender=sender).hex().upper()


# --- receiving -----------------------------------------------------------------------------------------------


def test_announced_message_committed_before_it_is_deleted(rig: Rig) -> None:
    """I1: at the moment of deletion it is in the store."""
    place = rig.modem.stores(3, hexed("salaam"))
    delete = rig.modem.delete

    def deleting(where: Place) -> None:
        assert rig.incoming() == ["salaam"]
        delete(where)

    rig.modem.delete = deleting  # type: ignore[method-assign]
    rig.modem.happened = [NewMessage(place)]
    rig.lives(nothing)
    assert rig.modem.deleted == [place]


def test_undeletable_slot_read_once_and_others_received(rig: Rig) -> None:
    """A slot the modem does not let go of is received once, and holds up nobody."""
    stuck = rig.modem.stores(1, hexed("stuck"))
    rig.modem.stores(2, hexed("free"))
    rig.modem.undeletable = {stuck}
    rig.lives(*[nothing] * 60)
    assert rig.incoming() == ["stuck", "free"]
    assert rig.modem.calls.count("delete") > 2
    rig.modem.undeletable = set()
    rig.lives(*[nothing] * 60)
    assert rig.modem.slots == {}
    assert rig.incoming() == ["stuck", "free"]


def test_slot_without_pdu_never_deleted(rig: Rig) -> None:
    """What was not read was not committed, and so is not deleted; when it can be read it is received."""
    place = rig.modem.stores(1, "")
    rig.lives(*[nothing] * 60)
    assert rig.modem.deleted == []
    rig.modem.stores(1, hexed("now readable"))
    rig.lives(nothing)
    assert rig.incoming() == ["now readable"]
    assert rig.modem.deleted == [place]


def test_message_written_to_the_sim_to_be_sent_left_alone(rig: Rig) -> None:
    """Drafts on the SIM are none of ours."""
    rig.modem.stores(1, hexed("draft"), received=False)
    rig.lives(nothing)
    assert rig.incoming() == []
    assert rig.modem.deleted == []


@pytest.mark.parametrize("pdu", ["zz", "04", "0001000491550500000AE8329BFD4697D9EC37", "FFFFFFFF"])
def test_undecodable_message_kept_and_deleted(rig: Rig, pdu: str) -> None:
    """IN3: kept as it came, visible, and the next one is received."""
    rig.modem.stores(1, pdu)
    rig.modem.stores(2, hexed("next"))
    rig.lives(nothing)
    assert rig.incoming() == ["", "next"]
    assert rig.modem.slots == {}


# --- sending -------------------------------------------------------------------------------------------------


def test_attempt_committed_before_the_pdu_leaves(rig: Rig) -> None:
    """The state is *sending* when the modem gets the PDU."""
    seen: list[Outgoing] = []
    send = rig.modem.send

    def sending(pdu: str, length: int) -> object:
        seen.extend(rig.states())
        return send(pdu, length)

    rig.modem.send = sending  # type: ignore[method-assign,assignment]
    rig.write()
    rig.lives(nothing)
    assert seen == [Outgoing.SENDING]
    assert rig.states() == [Outgoing.SENT]


def test_report_that_overtakes_the_answer_matched_after_it(rig: Rig) -> None:
    """A report that came while the part was being handed over waits for the commit of its acceptance."""
    send = rig.modem.send

    def sending(pdu: str, length: int) -> object:
        rig.modem.happened = [Report("0006000C9152625155103462112241039521621122410395210000", None)]
        return send(pdu, length)

    rig.modem.send = sending  # type: ignore[method-assign,assignment]
    rig.write()
    rig.lives(nothing, nothing)
    assert rig.states() == [Outgoing.DELIVERED]


def test_unknown_is_uncertain_and_not_sent_again(rig: Rig) -> None:
    """I3: nobody knows, so nobody sends again by himself."""
    rig.modem.answers.append(Unknown(failure("sms.no-answer")))
    rig.write()
    rig.lives(*[nothing] * 20)
    assert rig.states() == [Outgoing.UNCERTAIN]
    assert len(rig.modem.sent) == 1


def test_burst_of_the_same_refusal_pauses_the_queue(rig: Rig) -> None:
    """After three refusals of the network the rest of the queue waits, and goes out after the pause."""
    rig.modem.answers.extend([NotSent(failure("sms.temporary"))] * BURST)
    for number in range(6):
        rig.write(f"text {number}")
    rig.lives(nothing)
    assert len(rig.modem.sent) == BURST
    rig.clock.advance(PAUSE_S)
    rig.lives(nothing)
    assert rig.states()[BURST:] == [Outgoing.SENT] * 3


def test_bad_recipients_do_not_pause_the_queue(rig: Rig) -> None:
    """What is the recipient's fault holds up nobody else."""
    rig.modem.answers.extend([NotSent(failure("sms.number"))] * 5)
    for number in range(6):
        rig.write(f"text {number}")
    rig.lives(nothing)
    assert rig.states() == [Outgoing.FAILED] * 5 + [Outgoing.SENT]


def test_part_that_cannot_be_written_fails_in_words(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours is final, and the next part is served."""
    from appliance.modem import sender
    from appliance.modem.at.pdu import PduError

    def encoding(claim: object) -> object:
        monkeypatch.setattr(sender, "encode", encode)
        raise PduError("test")

    monkeypatch.setattr(sender, "encode", encoding)
    rig.write("first")
    rig.write("second")
    rig.lives(nothing)
    assert rig.states() == [Outgoing.FAILED, Outgoing.SENT]


def test_short_code_can_be_answered(rig: Rig) -> None:
    """A number without a country is written as it is."""
    rig.write(to=Line(Scheme.SHORT, "555"))
    rig.lives(nothing)
    assert "038155F5" in rig.modem.sent[0][0]


# --- a modem's life ------------------------------------------------------------------------------------------


def test_attempts_left_open_uncertain_before_the_first_claim(rig: Rig) -> None:
    """What a crash left in *sending* is uncertain when the modem is heard again."""
    from appliance.messaging import outbox

    rig.write("before the crash")
    assert outbox.claim(rig.store, rig.modem.identity.imei) is not None
    rig.write("after")
    rig.lives(nothing)
    assert rig.states() == [Outgoing.UNCERTAIN, Outgoing.SENT]
    assert len(rig.modem.sent) == 1


@pytest.mark.parametrize(
    ("state", "shown"),
    [(SimState.MISSING, ModemState.NO_SIM), (SimState.PUK, ModemState.PUK), (SimState.BUSY, ModemState.OPENING)],
)
def test_sim_that_is_not_ready_told_and_waited_for(rig: Rig, state: SimState, shown: ModemState) -> None:
    """The status says what is wrong; when the SIM is ready, it goes on."""

    def put_in() -> None:
        rig.sees(shown, "" if state is SimState.BUSY else "sms.sim")()
        rig.modem.sim_state = SimState.READY

    rig.modem.sim_state = state
    rig.lives(put_in, *[nothing] * 4, rig.sees(ModemState.READY))


def test_pin_typed_once_only(rig: Rig) -> None:
    """However often the SIM asks, and after however many lives of the port."""
    rig.modem.sim_state = SimState.PIN
    rig.lives(*[nothing] * 10, rig.sees(ModemState.PIN, "sms.sim"), lives=3)
    assert rig.modem.pins == ["1234"]


def test_wrong_pin_not_typed_again_by_a_new_process(rig: Rig) -> None:
    """A modem that cannot tell the tries left: three restarts must not lock the SIM. A corrected PIN is typed."""
    rig.modem.sim_state, rig.modem.tries = SimState.PIN, None
    for pin in ("1234", "1234", "1234", "9876"):
        settings = ModemSettings(name="sim1", port="/dev/modem", pin=pin)
        rig.owner = ModemOwner(rig.store, rig.modem, settings, rig.clock)
        rig.lives(nothing, nothing)
    assert rig.modem.pins == ["1234", "9876"]


def test_right_pin_typed_at_every_start(rig: Rig) -> None:
    """A SIM that was seen open asks again after a power cut, and is opened again."""
    settings = ModemSettings(name="sim1", port="/dev/modem", pin="1234")
    for _ in range(3):
        rig.modem.sim_states.extend([SimState.PIN, SimState.READY])
        rig.owner = ModemOwner(rig.store, rig.modem, settings, rig.clock)
        rig.lives(nothing, nothing)
    assert rig.modem.pins == ["1234"] * 3


def test_pin_not_typed_when_a_try_was_lost_before(rig: Rig) -> None:
    """Somebody or an earlier run typed a wrong one: the last tries are for people."""
    rig.modem.sim_state, rig.modem.tries = SimState.PIN, 2
    rig.lives(nothing, nothing)
    assert rig.modem.pins == []


def test_modem_not_ready_for_messages_asked_again(rig: Rig) -> None:
    """Some modems refuse everything about messages for seconds after their SIM is ready."""
    rig.modem.fails("set_up_messages", REFUSED, REFUSED, REFUSED)
    rig.lives(*[nothing] * 4, rig.sees(ModemState.READY))
    assert rig.modem.calls.count("set_up_messages") == 4


def test_network_states_told(rig: Rig) -> None:
    """Searching, refused, found."""

    def deny() -> None:
        rig.sees(ModemState.SEARCHING, "sms.no-network")()
        rig.modem.network = Registration.DENIED
        rig.modem.happened = [RegistrationChanged()]

    def find() -> None:
        rig.sees(ModemState.DENIED, "sms.no-network")()
        rig.modem.network = Registration.REGISTERED

    rig.modem.network = Registration.SEARCHING
    rig.lives(deny, find, nothing, rig.sees(ModemState.READY))


def test_sim_pulled_told(rig: Rig) -> None:
    """The SIM is asked again when the modem says that it changed."""

    def pull() -> None:
        rig.modem.sim_state = SimState.MISSING
        rig.modem.happened = [SimChanged()]

    rig.lives(pull, rig.sees(ModemState.NO_SIM, "sms.sim"))


def test_restart_inside_the_modem_sets_it_up_again(rig: Rig) -> None:
    """It forgot what it was told: it is told again, and its storages are swept."""

    def restart() -> None:
        rig.modem.happened = [Restarted()]

    rig.lives(restart, nothing, rig.sees(ModemState.READY))
    assert rig.modem.calls.count("set_up") == rig.modem.calls.count("stored") == 2


def test_lost_port_told_and_opened_again_with_patience(rig: Rig) -> None:
    """The waits grow to their limit and begin anew when the modem was heard."""
    rig.modem.fails("open", *[LOST] * 6)
    rig.lives(lives=6)
    assert rig.told()[0].state is ModemState.ABSENT
    assert rig.stop.waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    rig.modem.script.clear()
    rig.lives(rig.sees(ModemState.READY))
    rig.modem.fails("wait", LOST)
    rig.lives(nothing)
    assert rig.stop.waits[-1] == 0.5


def test_silent_modem_restarted_after_some_silences_not_more_than_thrice_an_hour(rig: Rig) -> None:
    """The ladder: open afresh, then AT+CFUN=1,1, with a limit; the status says resetting."""
    rig.modem.fails("set_up", *[SILENT] * 60)
    rig.lives(lives=3)
    assert rig.told()[0].state is ModemState.RESETTING
    assert rig.modem.calls.count("restart") == 1
    rig.lives(lives=20)
    assert rig.modem.calls.count("restart") == 1
    rig.clock.advance(1200)
    rig.lives(lives=5)
    assert rig.modem.calls.count("restart") == 2


def test_modem_never_seen_is_told_by_its_name_until_it_tells_its_own(rig: Rig) -> None:
    """A missing modem has a row on the status page; when it appears there is no second row."""
    rig.modem.fails("open", LOST)
    rig.lives()
    assert [(told.imei, told.state) for told in rig.told()] == [("sim1", ModemState.ABSENT)]
    rig.lives(rig.sees(ModemState.READY))
    assert [told.imei for told in rig.told()] == [rig.modem.identity.imei]


def test_other_modem_at_the_same_port_is_another_modem(rig: Rig) -> None:
    """The one that went is absent, the one that came is ready."""
    rig.lives(nothing)

    def look() -> None:
        assert {told.imei: told.state for told in rig.told()} == {
            "350000000000017": ModemState.ABSENT,
            "350000000000025": ModemState.READY,
        }

    rig.modem.identity = Identity("350000000000025", "Other")
    rig.lives(look)


def test_earlier_knowledge_of_a_port_taken_over(rig: Rig) -> None:
    """After a restart of the service the row of the same modem is used, and says absent until it is there."""
    last = ModemStatus("350000000000017", ModemState.READY, signal=5, operator="Village", imsi="1", port="/dev/modem")
    modems.report(rig.store, last)
    rig.owner.recall(last)
    rig.modem.fails("open", LOST)
    rig.lives()
    (told,) = rig.told()
    assert (told.imei, told.state, told.signal, told.operator) == ("350000000000017", ModemState.ABSENT, None, "")


def test_storages_that_cannot_be_listed_do_not_stop_the_rest(rig: Rig) -> None:
    """A refusal to list or read is noted; sending goes on and the next sweep looks again."""
    rig.modem.fails("stored", REFUSED)
    rig.modem.fails("read", REFUSED)
    place = rig.modem.stores(1, hexed("later"))
    rig.modem.happened = [NewMessage(place)]
    rig.write()
    rig.lives(*[nothing] * 40)
    assert rig.states() == [Outgoing.SENT]
    assert rig.incoming() == ["later"]


def test_signal_shown_only_while_ready(rig: Rig) -> None:
    """A bar that is no longer true is no longer shown (LV4)."""

    def lose() -> None:
        assert rig.told()[0].signal == 4
        rig.modem.network = Registration.SEARCHING
        rig.modem.happened = [RegistrationChanged()]

    def look() -> None:
        assert (rig.told()[0].signal, rig.told()[0].operator) == (None, "")

    rig.lives(lose, look)


def test_unknown_driver_refused_in_words() -> None:
    """A spelling mistake in the settings is answered with what there is."""
    with pytest.raises(UnknownDriverError, match="There are: at"):
        make(ModemSettings(name="sim1", port="/dev/null", driver="att"), FakeClock())
