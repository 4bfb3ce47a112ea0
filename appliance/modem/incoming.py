"""What a modem read, as the values messaging takes. Pure."""

from __future__ import annotations

from appliance.domain.address import Line, sender_line
from appliance.domain.records import DeliveryReport, IncomingSms
from appliance.domain.text import clean
from appliance.modem.at.fields import Address
from appliance.modem.at.pdu import Deliver, PduError, StatusReport, decode


def understand(raw: bytes, *, modem: str, length: int | None = None) -> IncomingSms | DeliveryReport:
    """The message or report in ``raw``; raises PduError when it is neither."""
    tpdu = decode(raw, length=length)
    if isinstance(tpdu, StatusReport):
        return DeliveryReport(
            recipient=_line(tpdu.recipient),
            tp_mr=tpdu.reference,
            status=tpdu.status,
            modem=modem,
            raw=raw,
            submitted_at=tpdu.submitted_at,
            discharged_at=tpdu.discharged_at,
        )
    if not isinstance(tpdu, Deliver):
        raise PduError("a message to be sent, not one received")
    concat = tpdu.data.concat
    return IncomingSms(
        sender=_line(tpdu.sender),
        text=clean(tpdu.data.text),
        encoding=tpdu.coding.encoding,
        raw=raw,
        modem=modem,
        sent_at=tpdu.sent_at,
        reference=concat.reference if concat else None,
        part=concat.part if concat else 1,
        of=concat.of if concat else 1,
        message_class=tpdu.coding.message_class,
        oddities=tpdu.oddities,
    )


def _line(address: Address) -> Line:
    return sender_line(
        clean(address.digits), alphanumeric=address.is_alphanumeric, international=address.is_international
    )
