"""Frames of the short message transfer layer (3GPP TS 23.040 §9.2.2), as modems give and take them.

A PDU here begins with the service centre octets (TS 27.005 §3.1 <pdu>). What is not understood is kept and
named in ``oddities``; octets that are no frame at all raise PduError, and nothing else is ever raised.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.domain.text import Encoding, TextError
from appliance.modem.at.fields import (
    Address,
    read_address,
    read_smsc,
    read_time,
    relative_validity,
    validity_octet,
    write_address,
)
from appliance.modem.at.octets import PduError, Reader, from_hex
from appliance.modem.at.userdata import (
    Coding,
    Concat,
    UserData,
    coding_octet,
    read_coding,
    read_user_data,
    write_user_data,
)

__all__ = [
    "Address",
    "Concat",
    "Deliver",
    "Encoded",
    "PduError",
    "StatusReport",
    "Submit",
    "Tpdu",
    "decode",
    "encode_submit",
    "from_hex",
]

_MTI_DELIVER, _MTI_SUBMIT, _MTI_STATUS = 0, 1, 2
_UDHI = 0x40
_SUBMIT_RD, _SUBMIT_SRR, _SUBMIT_VPF_RELATIVE = 0x04, 0x20, 0x10
_VPF_ENHANCED, _VPF_RELATIVE, _VPF_ABSOLUTE = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Deliver:
    """SMS-DELIVER (§9.2.2.1): a text that reached us."""

    sender: Address
    sent_at: int | None
    """Service centre time stamp, ms of Unix time."""
    coding: Coding
    data: UserData
    pid: int = 0
    smsc: Address | None = None
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Submit:
    """SMS-SUBMIT (§9.2.2.2): a text to hand to the network, one part."""

    recipient: Address
    text: str
    encoding: Encoding
    concat: Concat | None = None
    report: bool = False
    """TP-SRR: ask for a status report."""
    validity_s: int | None = None
    message_class: int | None = None
    reject_duplicates: bool = False
    reference: int = 0
    """TP-MR; modems put their own."""
    pid: int = 0
    smsc: Address | None = None
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusReport:
    """SMS-STATUS-REPORT (§9.2.2.3): what became of a text we sent."""

    reference: int
    recipient: Address
    submitted_at: int | None
    discharged_at: int | None
    status: int
    """TP-Status, §9.2.3.15."""
    smsc: Address | None = None
    oddities: tuple[str, ...] = ()


Tpdu = Deliver | Submit | StatusReport


@dataclass(frozen=True, slots=True)
class Encoded:
    """A PDU in hexadecimal, and the number ``AT+CMGS=`` wants: its octets without the service centre's."""

    pdu: str
    length: int


# --- reading -------------------------------------------------------------------------------------------------


def decode(pdu: bytes, *, length: int | None = None) -> Tpdu:
    """The frame in ``pdu``, service centre octets first; raises PduError when it is none.

    ``length`` is the TPDU's length as the modem told it: some modems leave out the service centre octets, and
    this tells.
    """
    oddities: list[str] = []
    reader = Reader(pdu)
    smsc: Address | None = None
    if length is not None and length == len(pdu):
        oddities.append("no service centre octets")
    else:
        smsc = read_smsc(reader)
    first = reader.octet("first octet")
    kind = first & 0x03
    if kind == _MTI_SUBMIT:
        return _submit(first, reader, smsc, oddities)
    if kind == _MTI_STATUS:
        return _status_report(reader, smsc, oddities)
    if kind != _MTI_DELIVER:
        # §9.2.3.1: a phone that receives the reserved value reads it as SMS-DELIVER.
        oddities.append("reserved message type")
    return _deliver(first, reader, smsc, oddities)


def _deliver(first: int, reader: Reader, smsc: Address | None, oddities: list[str]) -> Deliver:
    sender = read_address(reader, oddities, "sender")
    pid = reader.octet("protocol identifier")
    coding = read_coding(reader.octet("coding scheme"), oddities)
    sent_at = read_time(reader, oddities, "service centre time")
    data = _user_data(first, reader, coding, oddities)
    return Deliver(sender, sent_at, coding, data, pid, smsc, tuple(oddities))


def _submit(first: int, reader: Reader, smsc: Address | None, oddities: list[str]) -> Submit:
    reference = reader.octet("message reference")
    recipient = read_address(reader, oddities, "recipient")
    pid = reader.octet("protocol identifier")
    coding = read_coding(reader.octet("coding scheme"), oddities)
    validity = _validity(first >> 3 & 3, reader, oddities)
    data = _user_data(first, reader, coding, oddities)
    return Submit(
        recipient,
        data.text,
        coding.encoding,
        data.concat,
        report=bool(first & _SUBMIT_SRR),
        validity_s=validity,
        message_class=coding.message_class,
        reject_duplicates=bool(first & _SUBMIT_RD),
        reference=reference,
        pid=pid,
        smsc=smsc,
        oddities=tuple(oddities),
    )


def _validity(form: int, reader: Reader, oddities: list[str]) -> int | None:
    if form == _VPF_RELATIVE:
        return relative_validity(reader.octet("validity"))
    if form in {_VPF_ENHANCED, _VPF_ABSOLUTE}:
        reader.take(7, "validity")
        oddities.append("validity in a form not read")
    return None


def _status_report(reader: Reader, smsc: Address | None, oddities: list[str]) -> StatusReport:
    reference = reader.octet("message reference")
    recipient = read_address(reader, oddities, "recipient")
    submitted_at = read_time(reader, oddities, "service centre time")
    discharged_at = read_time(reader, oddities, "discharge time")
    status = reader.octet("status")
    return StatusReport(reference, recipient, submitted_at, discharged_at, status, smsc, tuple(oddities))


def _user_data(first: int, reader: Reader, coding: Coding, oddities: list[str]) -> UserData:
    if not reader.left:
        oddities.append("no user data length")
        return UserData("", b"")
    length = reader.octet("user data length")
    return read_user_data(reader.rest(), length, coding, has_header=bool(first & _UDHI), oddities=oddities)


# --- writing -------------------------------------------------------------------------------------------------


def encode_submit(submit: Submit) -> Encoded:
    """The PDU of an SMS-SUBMIT with the SIM's own service centre (octet 00); raises PduError.

    The validity is relative and never outlives ``validity_s``.
    """
    first = _MTI_SUBMIT
    first |= _SUBMIT_RD if submit.reject_duplicates else 0
    first |= _SUBMIT_SRR if submit.report else 0
    first |= _UDHI if submit.concat else 0
    validity = b""
    if submit.validity_s is not None:
        first |= _SUBMIT_VPF_RELATIVE
        validity = bytes([validity_octet(submit.validity_s)])
    try:
        data = write_user_data(submit.text, submit.encoding, submit.concat)
    except TextError as error:
        raise PduError(str(error)) from error
    tpdu = b"".join(
        (
            bytes([first, submit.reference]),
            write_address(submit.recipient),
            bytes([submit.pid, coding_octet(submit.encoding, submit.message_class)]),
            validity,
            data,
        )
    )
    return Encoded("00" + tpdu.hex().upper(), len(tpdu))
