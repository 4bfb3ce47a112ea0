"""A store that takes nothing for a while (locked, full), and messages it never takes: nothing is lost, sent twice or held up."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.domain.failure import failure
from appliance.domain.lifecycle import ModemState, Outgoing, PartEvent
from appliance.domain.records import Direction
from appliance.messaging import compose, inbox, outbox
from appliance.modem import receiver
from appliance.modem.driver import (
    Accepted,
    DirectMessage,
    LateAnswer,
    ModemEvent,
    NewMessage,
    NotSent,
    Registration,
    Report,
    Restarted,
    SendAnswer,
    StoredMessage,
    Unknown,
)
from appliance.modem.owner import ModemOwner
from appliance.runtime.clock import FakeClock
from appliance.runtime.settings import ModemSettings
from appliance.store import Store, open_store
from appliance.store import tables as t
from tests.modem.fake import LOST, FakeModem
from tests.modem.test_owner import STAFF, NoWait, Rig, hexed, nothing

DELIVERED = "0006000C9152625155103462112241039521621122410395210000"


class Lock:
    """Another program that holds the database, so that writing fails at once: what a full disk does as well."""

    def __init__(self, store: Store, path: Path) -> None:
        self._store = store
        self._other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def close(self) -> None:
        """From now on nothing can be written."""
        self._store.database.timeout = 0
        self._other.execute("BEGIN IMMEDIATE")

    def open(self) -> None:
        """Writing works again."""
        self._other.rollback()

    def release(self) -> None:
        self._other.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    clock, stop = FakeClock(), NoWait()
    store = open_store(f"sqlite:///{tmp_path / 'box.db'}", node="baidoa", kind="box", clock=clock)
    modem = FakeModem(clock, stop)
    owner = ModemOwner(store, modem, ModemSettings(name="sim1", port="/dev/modem"), clock)
    yield Rig(store, clock, modem, owner, stop)
    store.close()


@pytest.fixture
def lock(rig: Rig, tmp_path: Path) -> Iterator[Lock]:
    made = Lock(rig.store, tmp_path / "box.db")
    yield made
    made.release()


def during_send(rig: Rig, happens: Callable[[], None]) -> None:
    """Something happens while the modem has the next PDU."""
    send = rig.modem.send

    def sending(pdu: str, length: int) -> SendAnswer:
        rig.modem.send = send  # type: ignore[method-assign]
        happens()
        return send(pdu, length)

    rig.modem.send = sending  # type: ignore[method-assign]


def test_part_accepted_while_the_store_takes_nothing_is_sent_when_it_does(rig: Rig, lock: Lock) -> None:
    """I3, I4: the answer is kept, nothing is claimed before it is committed, and the part is not uncertain."""
    during_send(rig, lock.close)
    rig.write("first")
    rig.write("second")

    def later() -> None:
        assert len(rig.modem.sent) == 1
        lock.open()

    rig.lives(*[nothing] * 20, later, *[nothing] * 40)
    assert rig.states() == [Outgoing.SENT, Outgoing.SENT]
    assert len(rig.modem.sent) == 2
    assert rig.modem.calls.count("open") == 1


def test_answer_kept_over_a_loss_of_the_port(rig: Rig, lock: Lock) -> None:
    """What a crash would leave open is settled by what is still known, before it is called uncertain."""
    during_send(rig, lock.close)
    rig.write()
    rig.modem.fails("wait", LOST)
    rig.lives(nothing)
    rig.lives(nothing)
    lock.open()
    rig.clock.advance(60)
    rig.lives(nothing)
    assert rig.states() == [Outgoing.SENT]
    assert len(rig.modem.sent) == 1


def test_refusal_kept_as_well(rig: Rig, lock: Lock) -> None:
    """A definite "not sent" waits for its other try, though the store could not hear of it at once."""
    during_send(rig, lock.close)
    rig.modem.answers.append(NotSent(failure("sms.busy")))
    rig.write()
    rig.lives(*[nothing] * 10, lock.open, *[nothing] * 20)
    assert rig.states() == [Outgoing.SENT]
    assert len(rig.modem.sent) == 2


def test_end_that_reached_the_disk_though_its_commit_failed_is_not_written_twice(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error after the commit: the attempt is closed already, and the queue goes on."""
    accepted = outbox.accepted
    broken = [True]

    def failing(*values: object) -> None:
        accepted(*values)  # type: ignore[arg-type]
        if broken.pop() if broken else False:
            raise OSError("told too late")

    monkeypatch.setattr(outbox, "accepted", failing)
    rig.write("first")
    rig.write("second")
    rig.lives(*[nothing] * 10)
    assert rig.states() == [Outgoing.SENT, Outgoing.SENT]
    assert len(rig.modem.sent) == 2


def test_nothing_claimed_while_the_store_takes_nothing(rig: Rig, lock: Lock, monkeypatch: pytest.MonkeyPatch) -> None:
    """No attempt without its row; the port stays open, with longer and longer pauses between tries."""
    tries: list[float] = []
    claim = outbox.claim

    def claiming(store: Store, imei: str) -> object:
        tries.append(rig.clock.monotonic())
        return claim(store, imei)

    def find() -> None:
        lock.close()
        rig.modem.network = Registration.REGISTERED

    monkeypatch.setattr(outbox, "claim", claiming)
    rig.write()
    rig.modem.network = Registration.SEARCHING
    rig.lives(nothing, find, *[nothing] * 60)
    assert rig.modem.sent == []
    assert 4 < len(tries) < 12
    lock.open()
    rig.clock.advance(60)
    rig.lives(nothing)
    assert rig.states() == [Outgoing.SENT]


def test_stored_message_left_in_the_modem_until_it_is_committed(rig: Rig, lock: Lock) -> None:
    """I1, ST3: inbound stays in the modem while the store takes nothing, and is received by itself afterwards."""

    def arrive() -> None:
        lock.close()
        rig.modem.stores(2, hexed("again"))
        rig.modem.happened = [NewMessage(rig.modem.stores(1, hexed("salaam")))]

    rig.lives(arrive, *[nothing] * 60, lock.open, *[nothing] * 60)
    assert sorted(str(text) for text in rig.incoming()) == ["again", "salaam"]
    assert rig.modem.slots == {}
    assert rig.modem.calls.count("open") == 1


def test_message_the_store_never_takes_holds_up_nobody(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours with one message: the others are received, sending goes on, and it is tried again for ever."""
    poisoned = [rig.modem.stores(number, hexed(f"poison {number}")) for number in (1, 2, 3)]
    fine = rig.modem.stores(4, hexed("fine"))
    accept = receiver.receive.accept
    broken = [True]

    def failing(store: Store, sms: object) -> object:
        if broken and "poison" in getattr(sms, "text"):  # noqa: B009
            raise KeyError("a fault of ours")
        return accept(store, sms)  # type: ignore[arg-type]

    monkeypatch.setattr(receiver.receive, "accept", failing)
    rig.write()
    rig.lives(*[nothing] * 100)
    assert rig.incoming() == ["fine"]
    assert rig.modem.deleted == [fine]
    assert rig.states() == [Outgoing.SENT]
    assert rig.modem.calls.count("open") == 1
    broken.clear()
    rig.lives(*[nothing] * 40)
    assert sorted(rig.modem.deleted, key=lambda place: place.index) == [*poisoned, fine]


def test_report_and_shown_message_held_until_they_are_committed(rig: Rig, lock: Lock) -> None:
    """They lie nowhere else: however long the store takes nothing, and though the port goes meanwhile."""
    rig.write()

    def come() -> None:
        lock.close()
        rig.modem.happened = [Report(DELIVERED, None), DirectMessage(hexed("class zero"), None)]

    rig.modem.answers.append(Accepted(0))
    rig.lives(nothing, come, *[nothing] * 100)
    rig.modem.fails("wait", LOST)
    rig.lives(nothing, lives=2)
    lock.open()
    rig.lives(*[nothing] * 40)
    assert rig.incoming() == ["class zero"]
    assert rig.states() == [Outgoing.DELIVERED]


def test_report_told_as_the_port_goes_is_not_lost(rig: Rig) -> None:
    """It was read together with the loss of the port: it counts in the next life."""
    rig.write()
    rig.modem.answers.append(Accepted(0))

    def close() -> None:
        rig.modem.happened = []

    rig.modem.close = close  # type: ignore[method-assign]

    def go() -> None:
        rig.modem.happened = [Report(DELIVERED, None)]
        rig.modem.fails("wait", LOST)

    rig.lives(nothing, go)
    rig.lives(nothing)
    assert rig.states() == [Outgoing.DELIVERED]


def test_status_told_when_the_store_takes_it_again(rig: Rig, lock: Lock) -> None:
    """A status that could not be written ends nothing, and is written later."""
    rig.modem.network = Registration.SEARCHING

    def find() -> None:
        lock.close()
        rig.modem.network = Registration.REGISTERED

    rig.lives(nothing, find, *[nothing] * 3, lock.open, *[nothing] * 20, rig.sees(ModemState.READY))
    assert rig.modem.calls.count("open") == 1


def test_logs_name_the_trouble_and_no_text(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error's words may quote the record it is about (I13)."""

    def failing(*_: object) -> None:
        raise ValueError("secret text of +252615550143")

    caplog.set_level("DEBUG")
    monkeypatch.setattr(receiver.receive, "accept", failing)
    rig.modem.stores(1, hexed("secret text"))
    rig.lives(nothing)
    shown = "\n".join(
        str(record.exc_info) + record.getMessage() for record in caplog.records if record.name != "peewee"
    )
    assert "ValueError" in shown
    assert "secret" not in shown
    assert "252615550143" not in shown


# --- octets lost on the line -----------------------------------------------------------------------------------


def test_pdu_with_octets_lost_on_the_line_is_read_again_before_it_is_believed(rig: Rig) -> None:
    """I1: what was damaged on its way is neither committed nor is its original deleted."""
    whole = hexed("all of it")
    place = rig.modem.stores(1, whole)
    message = StoredMessage(place, whole, len(whole) // 2 - 1 - int(whole[:2], 16))
    rig.modem.slots[place] = message
    cut = replace(message, pdu=whole[:20] + whole[26:])
    rig.modem.stored = lambda: [cut] if rig.modem.slots else []  # type: ignore[method-assign]
    rig.lives(nothing)
    assert rig.incoming() == ["all of it"]
    assert rig.modem.deleted == [place]


def test_pdu_of_a_length_of_its_own_is_believed_when_it_reads_the_same_twice(rig: Rig) -> None:
    """Some modems count otherwise."""
    place = rig.modem.stores(1, hexed("odd modem"))
    rig.modem.slots[place] = replace(rig.modem.slots[place], length=7)
    rig.lives(nothing)
    assert rig.incoming() == ["odd modem"]


def test_pdu_that_reads_otherwise_every_time_is_left_alone(rig: Rig) -> None:
    """It stays in the modem until it can be read."""
    place = rig.modem.stores(1, hexed("noise"))
    rig.modem.slots[place] = replace(rig.modem.slots[place], length=7)
    rig.modem.read = lambda where: replace(rig.modem.slots[where], pdu="00", length=9)  # type: ignore[method-assign]
    rig.lives(nothing)
    assert rig.incoming() == []
    assert rig.modem.deleted == []


# --- evidence ---------------------------------------------------------------------------------------------------


def lost_parts(rig: Rig, *texts: str) -> None:
    """These were handed over and never answered."""
    for text in texts:
        rig.modem.answers.append(Unknown(failure("sms.no-answer")))
        rig.write(text)


def comes_late(rig: Rig, tp_mr: int, *before: ModemEvent) -> Callable[[], None]:
    def come() -> None:
        rig.modem.happened = [*before, LateAnswer(tp_mr)]

    return come


def test_late_answer_settles_the_lost_part(rig: Rig) -> None:
    """It was sent, and its report finds it by the reference of the answer."""
    lost_parts(rig, "was it sent?")
    rig.lives(nothing, comes_late(rig, 0), nothing)
    assert rig.states() == [Outgoing.SENT]
    rig.modem.happened = [Report(DELIVERED, None)]
    rig.lives(nothing)
    assert rig.states() == [Outgoing.DELIVERED]
    assert len(rig.modem.sent) == 1


def test_late_answer_that_may_belong_to_two_parts_settles_none(rig: Rig) -> None:
    """I4: no *sent* that nobody knows."""
    lost_parts(rig, "one", "two")
    rig.lives(nothing, comes_late(rig, 7), nothing)
    assert rig.states() == [Outgoing.UNCERTAIN, Outgoing.UNCERTAIN]


def test_late_answer_after_another_part_or_a_restart_settles_nothing(rig: Rig) -> None:
    """A later answer closes the question; a modem that started afresh answers nothing of before."""
    lost_parts(rig, "one")
    rig.lives(nothing, comes_late(rig, 7, Restarted()), nothing)
    rig.write("two")
    rig.lives(nothing, comes_late(rig, 8), nothing)
    assert rig.states() == [Outgoing.UNCERTAIN, Outgoing.SENT]


def test_late_answer_to_a_part_that_was_sent_again_moves_nothing(rig: Rig) -> None:
    """A person decided meanwhile: the second attempt is the one that counts."""
    lost_parts(rig, "again")
    rig.lives(nothing)
    (view,) = inbox.messages_since(rig.store, 0, 10, Direction.OUT)
    compose.decide(rig.store, view.id, PartEvent.RESEND, STAFF)
    with rig.store.read() as tx:
        attempt = tx.value(t.Attempts.select(t.Attempts.id))
    assert not outbox.accepted_late(rig.store, attempt, 3)
    assert rig.states() == [Outgoing.QUEUED]


def test_next_part_waits_until_the_late_answer_had_its_chance(rig: Rig) -> None:
    """A modem that hung says what it owes when it is in step again, before another part is handed over."""
    lost_parts(rig, "one")
    rig.write("two")
    registration = rig.modem.registration

    def asked() -> Registration:
        if len(rig.modem.sent) == 1:
            rig.modem.happened = [LateAnswer(5)]
        return registration()

    rig.modem.registration = asked  # type: ignore[method-assign]
    rig.lives(nothing)
    assert rig.states() == [Outgoing.SENT, Outgoing.SENT]
