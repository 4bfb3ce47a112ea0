"""Sending: claim (the attempt is committed), hand over one PDU, record what its one answer decides (I3, I4)."""

from __future__ import annotations

import logging
from typing import assert_never
from uuid import UUID

from appliance.domain.address import mask
from appliance.domain.failure import Failure, Fault, failure
from appliance.domain.records import Claim
from appliance.messaging import outbox
from appliance.modem.at.fields import address_of
from appliance.modem.at.pdu import Concat, Encoded, PduError, Submit, encode_submit
from appliance.modem.driver import Accepted, Modem, NotSent, SendAnswer, Unknown
from appliance.modem.timers import Backoff
from appliance.modem.trouble import kept
from appliance.runtime.clock import Clock
from appliance.store import Store

log = logging.getLogger(__name__)

BURST = 3
"""So many refusals in a row that are not the recipient's make a pause: the whole queue would meet the same."""
PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0
_OTHERS_FAULT = frozenset({Fault.RECIPIENT, Fault.INPUT, Fault.US})


class Sender:
    """Hands the parts that are due to one modem, one at a time."""

    def __init__(self, store: Store, modem: Modem, clock: Clock) -> None:
        self._store = store
        self._modem = modem
        self._clock = clock
        self._refusals = 0
        self._pause_until = 0.0
        self._trouble = Backoff(clock, first_s=1.0, longest_s=30.0)
        self._owed: tuple[Claim, SendAnswer] | None = None
        """What became of a part and could not be committed yet: nothing is claimed before it is."""
        self._lost: UUID | None = None
        """The last attempt, while its answer may still come."""
        self._recovered = ""
        """The modem whose attempts of an earlier life are settled."""
        self.failure: Failure | None = None
        """Why the network or the SIM last refused; None after a part was accepted."""

    def pause_left(self) -> float:
        """Seconds until it sends again."""
        return max(0.0, self._pause_until - self._clock.monotonic())

    @property
    def awaits_late(self) -> bool:
        """Whether the answer to the last part may still come."""
        return self._lost is not None

    def resume(self) -> None:
        """Ends a pause, as when the network was found again."""
        self._refusals, self._pause_until = 0, 0.0

    def begin(self, imei: str) -> None:
        """The modem was heard anew: attempts left open are settled, at the latest before the first claim."""
        self._recovered = ""
        self._settled(imei)

    def send_one(self, imei: str) -> bool:
        """Sends the next part that is due; whether there was one."""
        if self.pause_left() or not self._trouble.is_due():
            return False
        claims: list[Claim | None] = []
        if not self._settled(imei) or not kept(
            "nothing can be claimed", lambda: claims.append(outbox.claim(self._store, imei))
        ):
            self._trouble.next_s()
            return False
        self._trouble.reset()
        claim = claims[0]
        if claim is None:
            return False
        try:
            encoded = encode(claim)
        except PduError as error:
            self._owed = claim, NotSent(failure("sms.encode", str(error)))
        else:
            answer = self._modem.send(encoded.pdu, encoded.length)
            # Two answers that did not come cannot be told apart.
            unclear = isinstance(answer, Unknown) and self._lost is not None
            self._lost = claim.attempt if isinstance(answer, Unknown) and not unclear else None
            self._owed = claim, answer
        self._settled(imei)
        return True

    def late(self, tp_mr: int) -> None:
        """The answer to the last part came after all."""
        attempt = self._lost
        if attempt is None:
            log.info("= an answer nobody waits for: %d", tp_mr)
            return
        if kept("a late answer is not committed", lambda: outbox.accepted_late(self._store, attempt, tp_mr)):
            self._lost = None
            log.info("= the network took the last part after all, as %d", tp_mr)

    def forget(self) -> None:
        """The modem started afresh: no answer to anything earlier comes any more."""
        self._lost = None

    def _settled(self, imei: str) -> bool:
        """Commits what is known of the last part, then what nobody will ever know; whether nothing is left to commit."""
        if self._owed is not None:
            claim, answer = self._owed
            if not kept("the end of an attempt is not committed", lambda: self._record(claim, answer)):
                return False
            self._owed = None
        if self._recovered != imei:
            if not kept("open attempts are not settled", lambda: self._recover(imei)):
                return False
            self._recovered = imei
        return True

    def _recover(self, imei: str) -> None:
        uncertain = outbox.recover(self._store, imei)
        if uncertain:
            log.warning("= %s has %d attempts nobody knows the end of", mask(imei), uncertain)

    def _record(self, claim: Claim, answer: SendAnswer) -> None:
        try:
            self._decide(claim, answer)
        except (LookupError, ValueError) as error:
            # A commit that failed may have reached the disk all the same: what is closed is not closed again.
            log.error("= part %d of %d was settled before: %s", claim.number, claim.of, type(error).__name__)

    def _decide(self, claim: Claim, answer: SendAnswer) -> None:
        shown = f"part {claim.number} of {claim.of} to {mask(str(claim.recipient))}"
        if isinstance(answer, Accepted):
            outbox.accepted(self._store, claim.attempt, answer.tp_mr)
            self._refusals, self.failure = 0, None
            log.info("= sent %s as %s", shown, answer.tp_mr)
        elif isinstance(answer, NotSent):
            outbox.deferred(self._store, claim.attempt, answer.failure)
            self._refused(answer.failure)
            log.warning("= not sent %s: %s %s", shown, answer.failure.code, answer.failure.detail)
        elif isinstance(answer, Unknown):
            outbox.lost(self._store, claim.attempt, answer.failure)
            log.warning("= unknown %s: %s %s", shown, answer.failure.code, answer.failure.detail)
        else:
            assert_never(answer)

    def _refused(self, why: Failure) -> None:
        if why.fault in _OTHERS_FAULT:
            return
        self.failure = why
        self._refusals += 1
        if self._refusals >= BURST:
            pause = min(PAUSE_S * 2 ** (self._refusals - BURST), LONGEST_PAUSE_S)
            self._pause_until = self._clock.monotonic() + pause


def encode(claim: Claim) -> Encoded:
    """The PDU of a claim; raises PduError when it cannot be written for the network."""
    concat = Concat(claim.reference or 0, claim.of, claim.number) if claim.of > 1 else None
    return encode_submit(
        Submit(
            address_of(claim.recipient.address),
            claim.text,
            claim.encoding,
            concat,
            report=claim.report,
            validity_s=claim.validity_s,
        )
    )
