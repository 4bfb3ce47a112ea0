"""User data of a TPDU: coding scheme, header and body (3GPP TS 23.038 §4, TS 23.040 §9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.domain.text import (
    Encoding,
    clean,
    decode_gsm7,
    encode_gsm7,
    pack_septets,
    unpack_septets,
)
from appliance.modem.at.octets import PduError

USER_DATA_OCTETS = 140

IE_CONCAT_8 = 0x00
IE_CONCAT_16 = 0x08
IE_PORT_8 = 0x04
IE_PORT_16 = 0x05
IE_SINGLE_SHIFT = 0x24
IE_LOCKING_SHIFT = 0x25


@dataclass(frozen=True, slots=True)
class Coding:
    """What a data coding scheme says."""

    encoding: Encoding
    message_class: int | None = None
    is_compressed: bool = False


@dataclass(frozen=True, slots=True)
class Concat:
    """Place of a part in a long message (§9.2.3.24.1, §9.2.3.24.8)."""

    reference: int
    of: int
    part: int
    is_wide: bool = False
    """Whether the reference has 16 bits."""


@dataclass(frozen=True, slots=True)
class UserData:
    """User data as understood."""

    text: str
    body: bytes
    """Octets of the body as they stand, without the header."""
    concat: Concat | None = None
    ports: tuple[int, int] | None = None
    """Destination and source, of an application message."""
    elements: tuple[tuple[int, bytes], ...] = ()


_GENERAL = (Encoding.GSM7, Encoding.BINARY, Encoding.UCS2, Encoding.GSM7)


def read_coding(dcs: int, oddities: list[str]) -> Coding:
    """The coding of a TP-DCS; reserved values are read as GSM-7 (TS 23.038 §4) with an oddity."""
    group = dcs >> 4
    if group < 0x8:
        if dcs & 0x0C == 0x0C:
            oddities.append(f"reserved alphabet in DCS {dcs:02X}")
        return Coding(_GENERAL[dcs >> 2 & 3], dcs & 3 if dcs & 0x10 else None, bool(dcs & 0x20))
    if group == 0xF:
        if dcs & 0x08:
            oddities.append(f"reserved bit in DCS {dcs:02X}")
        return Coding(Encoding.BINARY if dcs & 0x04 else Encoding.GSM7, dcs & 3)
    if group == 0xE:
        return Coding(Encoding.UCS2)
    if group < 0xC:
        oddities.append(f"reserved DCS {dcs:02X}")
    return Coding(Encoding.GSM7)


def coding_octet(encoding: Encoding, message_class: int | None) -> int:
    """The TP-DCS of the general group for an encoding and class."""
    alphabet = {Encoding.GSM7: 0x00, Encoding.BINARY: 0x04, Encoding.UCS2: 0x08}[encoding]
    return alphabet if message_class is None else alphabet | 0x10 | message_class


# --- reading -------------------------------------------------------------------------------------------------


def read_user_data(octets: bytes, length: int, coding: Coding, *, has_header: bool, oddities: list[str]) -> UserData:
    """The user data of ``length`` septets or octets (TP-UDL, §9.2.3.16) as far as the octets reach."""
    packed = coding.encoding is Encoding.GSM7 and not coding.is_compressed
    needed = (length * 7 + 7) // 8 if packed else length
    if len(octets) < needed:
        oddities.append("the user data is cut short")
    elif len(octets) > needed:
        oddities.append("octets after the user data")
        octets = octets[:needed]
    header_size, elements = _header(octets, oddities) if has_header else (0, ())
    body = octets[header_size:]
    if packed:
        skipped = (header_size * 8 + 6) // 7
        fill = skipped * 7 - header_size * 8
        text = decode_gsm7(unpack_septets(body, length - skipped, fill))
    else:
        text = _octet_text(body, coding, oddities)
    _note_tables(elements, oddities)
    return UserData(text, body, _concat(elements, oddities), _ports(elements), elements)


def _header(octets: bytes, oddities: list[str]) -> tuple[int, tuple[tuple[int, bytes], ...]]:
    """Octets the header takes, its length octet included, and its elements."""
    if not octets:
        oddities.append("a header is announced and missing")
        return 0, ()
    size = octets[0] + 1
    if size > len(octets):
        oddities.append("the header is longer than the user data")
        return len(octets), ()
    return size, _elements(octets[1:size], oddities)


def _elements(header: bytes, oddities: list[str]) -> tuple[tuple[int, bytes], ...]:
    elements: list[tuple[int, bytes]] = []
    at = 0
    while at + 2 <= len(header):
        identifier, size = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + size]
        at += 2 + size
        if len(value) < size:
            break
        elements.append((identifier, value))
    if at != len(header):
        oddities.append("the header does not end where it says")
    return tuple(elements)


def _concat(elements: tuple[tuple[int, bytes], ...], oddities: list[str]) -> Concat | None:
    """The last valid one counts (§9.2.3.24)."""
    found: Concat | None = None
    for identifier, value in elements:
        if identifier == IE_CONCAT_8 and len(value) == 3:
            candidate = Concat(value[0], value[1], value[2])
        elif identifier == IE_CONCAT_16 and len(value) == 4:
            candidate = Concat(value[0] << 8 | value[1], value[2], value[3], is_wide=True)
        else:
            continue
        if 1 <= candidate.part <= candidate.of:
            found = candidate
        else:
            oddities.append(f"part {candidate.part} of {candidate.of}")
    return found


def _ports(elements: tuple[tuple[int, bytes], ...]) -> tuple[int, int] | None:
    found: tuple[int, int] | None = None
    for identifier, value in elements:
        if identifier == IE_PORT_8 and len(value) == 2:
            found = (value[0], value[1])
        elif identifier == IE_PORT_16 and len(value) == 4:
            found = (value[0] << 8 | value[1], value[2] << 8 | value[3])
    return found


def _note_tables(elements: tuple[tuple[int, bytes], ...], oddities: list[str]) -> None:
    names = {IE_SINGLE_SHIFT: "single", IE_LOCKING_SHIFT: "locking"}
    for identifier, value in elements:
        if identifier in names:
            oddities.append(f"national {names[identifier]} shift table {value.hex() or 'missing'} read as the default")


def _octet_text(body: bytes, coding: Coding, oddities: list[str]) -> str:
    if coding.is_compressed:
        oddities.append("compressed text")
        return body.hex().upper()
    if coding.encoding is Encoding.UCS2:
        if len(body) % 2:
            oddities.append("half a character at the end")
            body = body[:-1]
        return clean(body.decode("utf-16-be", "surrogatepass"))
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return body.hex().upper()
    return text if all(char.isprintable() or char in "\r\n\t" for char in text) else body.hex().upper()


# --- writing -------------------------------------------------------------------------------------------------


def write_user_data(text: str, encoding: Encoding, concat: Concat | None) -> bytes:
    """TP-UDL and TP-UD of a text; raises PduError when it does not fit, TextError outside the alphabet."""
    header = b"" if concat is None else _concat_header(concat)
    if encoding is Encoding.GSM7:
        septets = encode_gsm7(text)
        skipped = (len(header) * 8 + 6) // 7
        length = skipped + len(septets)
        octets = header + pack_septets(septets, skipped * 7 - len(header) * 8)
    elif encoding is Encoding.UCS2:
        octets = header + clean(text).encode("utf-16-be")
        length = len(octets)
    else:
        raise PduError(f"text is not written as {encoding}")
    if len(octets) > USER_DATA_OCTETS:
        raise PduError("the text is longer than one part")
    return bytes([length]) + octets


def _concat_header(concat: Concat) -> bytes:
    limit = 0x10000 if concat.is_wide else 0x100
    if not (0 <= concat.reference < limit and 1 <= concat.part <= concat.of <= 255):
        raise PduError(f"part {concat.part} of {concat.of} of {concat.reference} cannot be written")
    if concat.is_wide:
        element = bytes([IE_CONCAT_16, 4, *concat.reference.to_bytes(2), concat.of, concat.part])
    else:
        element = bytes([IE_CONCAT_8, 3, concat.reference, concat.of, concat.part])
    return bytes([len(element)]) + element
