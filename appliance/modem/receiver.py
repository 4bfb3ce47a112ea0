"""Receiving: read, commit, delete, in this order (I1). One slot that goes wrong never holds up another."""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from typing import NamedTuple

from appliance.domain.address import mask
from appliance.domain.records import DeliveryReport
from appliance.messaging import receipts, receive
from appliance.modem.at.pdu import PduError, from_hex
from appliance.modem.driver import CommandRefusedError, Modem, Place, StoredMessage
from appliance.modem.incoming import understand
from appliance.modem.trouble import kept
from appliance.store import Store

log = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 2
"""After so many commits that failed the rest waits for the next sweep: the store is in trouble, not a message."""
HELD = 1000
"""Reports and shown messages, which lie nowhere else, held while they cannot be committed."""


class _Slot(NamedTuple):
    """A place and what lay there: a place is used again for other messages."""

    place: Place
    digest: bytes


class Receiver:
    """Carries messages and reports from one modem into the store."""

    def __init__(self, store: Store, modem: Modem) -> None:
        self._store = store
        self._modem = modem
        self.imei = ""
        self._undeletable: set[_Slot] = set()
        """Committed; the modem will not let go of it."""
        self._suspects: set[_Slot] = set()
        """The commit of these failed: they stay in the modem, and every sweep tries them again after all others."""
        self._unreadable: set[Place] = set()
        self._held: deque[tuple[str, int | None]] = deque(maxlen=HELD)

    @property
    def quarantined(self) -> int:
        """How many places of the modem hold something that cannot be taken or deleted."""
        return len(self._undeletable) + len(self._suspects) + len(self._unreadable)

    def take(self, place: Place) -> None:
        """Receives what was announced at a place."""
        try:
            message = self._modem.read(place)
        except CommandRefusedError as refused:
            log.warning("= %s place %s %d not readable: %s", mask(self.imei), place.storage, place.index, refused)
            return
        if message is not None:
            self._carry(message)

    def sweep(self) -> None:
        """Receives everything that lies in the modem: what came while nobody listened, and what was not announced."""
        try:
            found = self._modem.stored()
        except CommandRefusedError as refused:
            log.warning("= %s storages not listed: %s", mask(self.imei), refused)
            return
        self._forget({_slot(message) for message in found})
        failures = 0
        for message in sorted(found, key=lambda message: _slot(message) in self._suspects):
            failures = 0 if self._carry(message) else failures + 1
            if failures == FAILURES_IN_A_ROW:
                return
        self._let_go()

    def direct(self, pdu: str, length: int | None) -> None:
        """Receives a message the modem showed without storing it, or a delivery report; holds it until it is committed."""
        if len(self._held) == HELD:
            log.error("= %s the oldest of %d reports that cannot be committed is lost", mask(self.imei), HELD)
        self._held.append((pdu, length))
        self._let_go(newest=True)

    def _let_go(self, *, newest: bool = False) -> None:
        """Commits what is held, or the newest of it; what fails goes to the end."""
        if newest:
            self._held.rotate(1)
        failures = 0
        for _ in range(1 if newest else len(self._held)):
            pdu, length = self._held.popleft()
            if self._committed(pdu, length):
                failures = 0
                continue
            self._held.append((pdu, length))
            failures += 1
            if failures == FAILURES_IN_A_ROW:
                return

    def _carry(self, message: StoredMessage) -> bool:
        """Commits and deletes; False when the store did not take it."""
        if not message.is_received:
            return True
        if not message.pdu:
            # Never deleted: what was not read was not committed. A later sweep may read it.
            if message.place not in self._unreadable:
                self._unreadable.add(message.place)
                log.warning("= %s place %s %d gave no PDU", mask(self.imei), message.place.storage, message.place.index)
            return True
        if not message.is_whole:
            again = self._again(message)
            if again is None:
                return True
            message = again
        slot = _slot(message)
        if slot not in self._undeletable:
            if not self._committed(message.pdu, message.length):
                self._suspects.add(slot)
                return False
            self._suspects.discard(slot)
        self._delete(slot)
        return True

    def _again(self, message: StoredMessage) -> StoredMessage | None:
        """What lies there, read once more: octets were lost on the line, unless the modem says the same twice."""
        where = mask(self.imei), message.place.storage, message.place.index
        try:
            again = self._modem.read(message.place)
        except CommandRefusedError as refused:
            log.warning("= %s place %s %d not readable: %s", *where, refused)
            return None
        if again is not None and again.pdu and (again.is_whole or again.pdu == message.pdu):
            return again
        log.warning("= %s place %s %d reads differently every time", *where)
        return None

    def _committed(self, pdu: str, length: int | None) -> bool:
        return kept(f"{mask(self.imei)} a message is not committed", lambda: self._commit(pdu, length))

    def _commit(self, pdu: str, length: int | None) -> None:
        """When this returns, the message is in the store."""
        try:
            raw = from_hex(pdu)
        except PduError as error:
            receive.keep_undecodable(self._store, pdu.encode(), self.imei, str(error))
            return
        try:
            found = understand(raw, modem=self.imei, length=length)
        except PduError as error:
            log.warning("= %s a message cannot be read: %s", mask(self.imei), error)
            receive.keep_undecodable(self._store, raw, self.imei, str(error))
            return
        if isinstance(found, DeliveryReport):
            matched = receipts.accept_report(self._store, found)
            log.info("= report %d status %#04x matched %s", found.tp_mr, found.status, matched)
            return
        received = receive.accept(self._store, found)
        log.info(
            "= received part %d of %d from %s%s",
            found.part,
            found.of,
            mask(str(found.sender)),
            _again(received.duplicate),
        )

    def _delete(self, slot: _Slot) -> None:
        try:
            self._modem.delete(slot.place)
        except CommandRefusedError as refused:
            if slot not in self._undeletable:
                log.warning(
                    "= %s place %s %d not deleted: %s", mask(self.imei), slot.place.storage, slot.place.index, refused
                )
            self._undeletable.add(slot)
        else:
            self._undeletable.discard(slot)

    def _forget(self, present: set[_Slot]) -> None:
        """Slots that are no longer what they were are no longer in quarantine."""
        self._undeletable &= present
        self._suspects &= present
        self._unreadable &= {slot.place for slot in present}


def _slot(message: StoredMessage) -> _Slot:
    return _Slot(message.place, hashlib.blake2b(message.pdu.encode(), digest_size=16).digest())


def _again(duplicate: bool) -> str:  # noqa: FBT001 - a word for a log line
    return ", again" if duplicate else ""
