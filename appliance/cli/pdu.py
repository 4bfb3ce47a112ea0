"""``pdu``: what stands after ``AT+CMGS`` and ``+CMGR``, read and written (3GPP TS 23.040)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

import click

from appliance.cli.output import AS_JSON, Failed, show
from appliance.domain.text import TextError, clean, split
from appliance.modem.at.fields import Address, address_of
from appliance.modem.at.pdu import (
    Concat,
    Deliver,
    PduError,
    StatusReport,
    Submit,
    Tpdu,
    decode,
    encode_submit,
    from_hex,
)

MOST_PARTS = 255
"""A message has at most so many parts: their number is one octet (§9.2.3.24.1)."""


@click.group()
def pdu() -> None:
    """Read, write and split SMS as modems take and give them, in hexadecimal, service centre octets first.

    \b
    Example:
      fieldbox pdu split --text "How are you?"
    """


@pdu.command("decode")
@click.argument("hexadecimal", metavar="HEX")
@AS_JSON
def decode_pdu(hexadecimal: str, *, as_json: bool) -> None:
    """Read a PDU.

    \b
    Example:
      fieldbox pdu decode 07915892000000F0040B915892214365F700001111215040428A02E834 --json
    """
    try:
        found = _told(decode(from_hex(hexadecimal)))
    except PduError as error:
        raise Failed(
            f"This is no PDU: {error}. Give the whole line that followed +CMGR or AT+CMGS, in hexadecimal."
        ) from error
    if as_json:
        show(found)
        return
    for name, value in found.items():
        if value not in (None, [], ""):
            click.echo(f"{name:10} {', '.join(value) if isinstance(value, list) else value}")


@pdu.command("encode")
@click.option("--to", required=True, help="A number with its country code.")
@click.option("--text", required=True)
@click.option("--reference", type=click.IntRange(0, 255), help="Of a long message; a random one where not given.")
@AS_JSON
def encode_pdu(to: str, text: str, reference: int | None, *, as_json: bool) -> None:
    """Write the PDUs of a text, one for each part.

    \b
    Example:
      fieldbox pdu encode --to +252615550143 --text "The clinic opens at 8." --json
    """
    from appliance.domain.address import parse_phone

    divided = split(clean(text))
    of = len(divided.segments)
    if of > MOST_PARTS:
        raise Failed(f"This text needs {of} parts, and a message has at most {MOST_PARTS}. Make it shorter.")
    common = secrets.randbelow(256) if reference is None else reference
    recipient = address_of(parse_phone(to).address)
    parts = []
    for number, segment in enumerate(divided.segments, 1):
        concat = Concat(common, of, number) if of > 1 else None
        try:
            encoded = encode_submit(Submit(recipient, segment.text, divided.encoding, concat))
        except (PduError, TextError) as error:
            raise Failed(f"This cannot be written as a PDU: {error}.") from error
        parts.append({"pdu": encoded.pdu, "length": encoded.length, "text": segment.text})
    if as_json:
        show({"encoding": divided.encoding, "parts": parts})
        return
    for part in parts:
        click.echo(f"AT+CMGS={part['length']}\n{part['pdu']}")


@pdu.command("split")
@click.option("--text", required=True)
@AS_JSON
def split_text(text: str, *, as_json: bool) -> None:
    """Tell how the network divides a text.

    \b
    Example:
      fieldbox pdu split --text "How are you?" --json
    """
    divided = split(clean(text))
    if as_json:
        parts = [{"text": segment.text, "units": segment.units} for segment in divided.segments]
        show({"encoding": divided.encoding, "parts": parts, "left": divided.left})
        return
    click.echo(f"{len(divided.segments)} part(s), {divided.encoding}, {divided.left} left in the last")
    for segment in divided.segments:
        click.echo(segment.text)


def _told(tpdu: Tpdu) -> dict[str, Any]:
    """A PDU as contracts.md §2 tells it."""
    if isinstance(tpdu, Deliver):
        return _frame("deliver", tpdu.sender, tpdu, tpdu.data.concat) | {
            "text": tpdu.data.text,
            "encoding": tpdu.coding.encoding,
            "at": _rfc3339(tpdu.sent_at),
            "class": tpdu.coding.message_class,
        }
    if isinstance(tpdu, Submit):
        return _frame("submit", tpdu.recipient, tpdu, tpdu.concat) | {
            "text": tpdu.text,
            "encoding": tpdu.encoding,
            "class": tpdu.message_class,
            "tp_mr": tpdu.reference,
            "report": tpdu.report,
            "validity_s": tpdu.validity_s,
        }
    return _frame("status-report", tpdu.recipient, tpdu, None) | {
        "at": _rfc3339(tpdu.submitted_at),
        "discharged_at": _rfc3339(tpdu.discharged_at),
        "status": tpdu.status,
        "tp_mr": tpdu.reference,
    }


def _frame(kind: str, address: Address, tpdu: Deliver | Submit | StatusReport, concat: Concat | None) -> dict[str, Any]:
    return {
        "type": kind,
        "address": _number(address),
        "text": None,
        "encoding": None,
        "part": concat.part if concat else 1,
        "of": concat.of if concat else 1,
        "reference": concat.reference if concat else None,
        "at": None,
        "smsc": _number(tpdu.smsc) if tpdu.smsc else None,
        "oddities": list(tpdu.oddities),
    }


def _number(address: Address) -> str:
    return f"+{address.digits}" if address.is_international else address.digits


def _rfc3339(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
