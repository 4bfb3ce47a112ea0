"""Sending: claim (the attempt is committed), hand over one PDU, record what its one answer decides (I3, I4)."""

from __future__ import annotations

import logging
from typing import assert_never

from appliance.domain.address import mask
from appliance.domain.failure import Failure, Fault, failure
from appliance.domain.records import Claim
from appliance.messaging import outbox
from appliance.modem.at.fields import address_of
from appliance.modem.at.pdu import Concat, Encoded, PduError, Submit, encode_submit
from appliance.modem.driver import Accepted, Modem, NotSent, Unknown
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
        self.failure: Failure | None = None
        """Why the network or the SIM last refused; None after a part was accepted."""

    def pause_left(self) -> float:
        """Seconds until it sends again."""
        return max(0.0, self._pause_until - self._clock.monotonic())

    def resume(self) -> None:
        """Ends a pause, as when the network was found again."""
        self._refusals, self._pause_until = 0, 0.0

    def send_one(self, imei: str) -> bool:
        """Sends the next part that is due; whether there was one."""
        if self.pause_left():
            return False
        claim = outbox.claim(self._store, imei)
        if claim is None:
            return False
        try:
            encoded = encode(claim)
        except PduError as error:
            outbox.deferred(self._store, claim.attempt, failure("sms.encode", str(error)))
            return True
        self._hand_over(claim, encoded)
        return True

    def _hand_over(self, claim: Claim, encoded: Encoded) -> None:
        answer = self._modem.send(encoded.pdu, encoded.length)
        shown = mask(str(claim.recipient))
        if isinstance(answer, Accepted):
            outbox.accepted(self._store, claim.attempt, answer.tp_mr)
            self._refusals, self.failure = 0, None
            log.info("= sent part %d of %d to %s as %s", claim.number, claim.of, shown, answer.tp_mr)
        elif isinstance(answer, NotSent):
            outbox.deferred(self._store, claim.attempt, answer.failure)
            self._refused(answer.failure)
            log.warning(
                "= not sent part %d of %d to %s: %s %s",
                claim.number,
                claim.of,
                shown,
                answer.failure.code,
                answer.failure.detail,
            )
        elif isinstance(answer, Unknown):
            outbox.lost(self._store, claim.attempt, answer.failure)
            log.warning(
                "= unknown part %d of %d to %s: %s %s",
                claim.number,
                claim.of,
                shown,
                answer.failure.code,
                answer.failure.detail,
            )
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
