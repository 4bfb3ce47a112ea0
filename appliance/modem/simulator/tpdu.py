"""The network's own small reader and writer of SMS TPDUs (3GPP TS 23.040 §9.2).

It reads what modems submit and writes what they receive. It is independent of the codec of the box, which it judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from appliance.modem.simulator import gsm7

_INTERNATIONAL = 0x91
_NATIONAL = 0x81
_ALPHANUMERIC = 0xD0
_SEMI_OCTETS = "0123456789*#abc"
_MAX_DIGITS = 20
_CONCAT_8, _CONCAT_16 = 0x00, 0x08


class TpduError(ValueError):
    """The octets are no TPDU a service centre takes (answered with CMS 304, 3GPP TS 27.005 §3.2.5)."""


@dataclass(frozen=True, slots=True)
class Concat:
    """Place of one part in a long message (§9.2.3.24.1 and .8)."""

    reference: int
    of: int
    part: int
    wide: bool = False
    """Whether the reference has 16 bits."""


@dataclass(frozen=True, slots=True)
class Submit:
    """A message as a modem hands it to the network (§9.2.2.2)."""

    to: str
    text: str
    mr: int
    dcs: int
    report: bool
    reject_duplicates: bool
    validity_s: int | None
    """Relative validity in seconds; None when the modem named none, or named it in another form."""
    concat: Concat | None
    user_data: tuple[bool, int, bytes]
    """TP-UDHI, TP-UDL and TP-UD as they came: they travel on unchanged."""
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a text as a handset sends it."""

    text: str
    dcs: int
    user_data: tuple[bool, int, bytes]
    concat: Concat | None


@dataclass(frozen=True, slots=True)
class Stamp:
    """A service centre time stamp: milliseconds of Unix time and the zone in quarter hours (§9.2.3.11)."""

    ms: int
    quarters: int = 0


# --- addresses and times -------------------------------------------------------------------------------------


def encode_address(address: str) -> bytes:
    """An address field: length in semi-octets (§9.1.2.5), type, digits; letters make an alphanumeric address."""
    digits = address.removeprefix("+")
    if digits and all(char in _SEMI_OCTETS for char in digits) and len(digits) <= _MAX_DIGITS:
        kind = _INTERNATIONAL if address.startswith("+") else _NATIONAL
        return bytes([len(digits), kind]) + _semi_octets(digits)
    septets = [code for char in address for code in gsm7.septets_of(char) or (0x3F,)][:11]
    packed = gsm7.pack(septets)
    return bytes([(len(septets) * 7 + 3) // 4, _ALPHANUMERIC]) + packed


def smsc_octets(number: str) -> bytes:
    """The service centre address before a TPDU as modems show it (3GPP TS 27.005 §3.1): length counts octets."""
    digits = number.removeprefix("+")
    if not digits:
        return b"\x00"
    body = bytes([_INTERNATIONAL if number.startswith("+") else _NATIONAL]) + _semi_octets(digits)
    return bytes([len(body)]) + body


def encode_stamp(stamp: Stamp) -> bytes:
    """Seven octets of local time with swapped digits and the zone, sign in bit 3 of the last (§9.2.3.11)."""
    zone = timezone(timedelta(minutes=15 * stamp.quarters))
    local = datetime.fromtimestamp(stamp.ms // 1000, UTC).astimezone(zone)
    fields = [local.year % 100, local.month, local.day, local.hour, local.minute, local.second]
    last = _swapped(abs(stamp.quarters))
    return bytes(_swapped(value) for value in fields) + bytes([last | 0x08 if stamp.quarters < 0 else last])


def _semi_octets(digits: str) -> bytes:
    codes = [_SEMI_OCTETS.index(char) for char in digits]
    if len(codes) % 2:
        codes.append(0x0F)
    return bytes(low | high << 4 for low, high in zip(codes[::2], codes[1::2], strict=True))


def _swapped(value: int) -> int:
    return (value % 10) << 4 | value // 10


# --- what modems submit --------------------------------------------------------------------------------------


class _Octets:
    """A reader that refuses to read past the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise TpduError("the TPDU ends too early")
        piece, self._at = self._data[self._at : end], end
        return piece

    def byte(self) -> int:
        return self.take(1)[0]

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)


def decode_submit(data: bytes) -> Submit:
    """Reads an SMS-SUBMIT without its SMSC octets; raises TpduError when a service centre would refuse it."""
    octets = _Octets(data)
    first = octets.byte()
    if first & 0x03 != 0x01:
        raise TpduError("this is not an SMS-SUBMIT")
    mr = octets.byte()
    to = _address(octets)
    pid, dcs = octets.byte(), octets.byte()
    validity = _validity(octets, first >> 3 & 0x03)
    length, body = octets.byte(), octets.rest()
    udhi = bool(first & 0x40)
    text, concat = _user_data(length, body, dcs, udhi=udhi)
    return Submit(
        to=to,
        text=text,
        mr=mr,
        dcs=dcs,
        report=bool(first & 0x20),
        reject_duplicates=bool(first & 0x04),
        validity_s=validity,
        concat=concat,
        user_data=(udhi, length, body),
        pid=pid,
    )


def _address(octets: _Octets) -> str:
    length, kind = octets.byte(), octets.byte()
    if not 0 < length <= _MAX_DIGITS:
        raise TpduError("the address has no digits, or too many")
    body = octets.take((length + 1) // 2)
    if kind & 0x70 == 0x50:
        raise TpduError("nobody can be reached at an alphanumeric address")
    codes = [nibble for octet in body for nibble in (octet & 0x0F, octet >> 4)][:length]
    if any(code >= len(_SEMI_OCTETS) for code in codes):
        raise TpduError("the address has a semi-octet that is no digit")
    digits = "".join(_SEMI_OCTETS[code] for code in codes)
    return "+" + digits if kind & 0x70 == 0x10 else digits


def _validity(octets: _Octets, form: int) -> int | None:
    """TP-VP (§9.2.3.12): seconds of the relative form; the other forms are skipped."""
    if form == 0:
        return None
    if form != 0b10:
        octets.take(7)
        return None
    value = octets.byte()
    if value <= 143:
        return (value + 1) * 300
    if value <= 167:
        return 12 * 3600 + (value - 143) * 1800
    if value <= 196:
        return (value - 166) * 86400
    return (value - 192) * 7 * 86400


def is_ucs2(dcs: int) -> bool:
    """Whether this data coding scheme means UCS-2 (3GPP TS 23.038 §4)."""
    group = dcs >> 4
    return group == 0b1110 or (group < 0b1000 and dcs & 0x0C == 0x08)


def is_octets(dcs: int) -> bool:
    """Whether this data coding scheme means 8-bit data (3GPP TS 23.038 §4)."""
    group = dcs >> 4
    return (group == 0b1111 and bool(dcs & 0x04)) or (group < 0b1000 and dcs & 0x0C == 0x04)


def _user_data(length: int, body: bytes, dcs: int, *, udhi: bool) -> tuple[str, Concat | None]:
    header = b""
    if udhi:
        if not body or len(body) < body[0] + 1:
            raise TpduError("the user data header is longer than the user data")
        header = body[1 : body[0] + 1]
    used = len(header) + 1 if udhi else 0
    if is_ucs2(dcs) or is_octets(dcs):
        if length > len(body) or len(body) > 140:
            raise TpduError("TP-UDL does not fit the user data")
        data = body[used:length]
        text = data.decode("utf-16-be", "replace") if is_ucs2(dcs) else data.decode("latin-1")
        return text, _concat(header)
    if (length * 7 + 7) // 8 > len(body) or len(body) > 140:
        raise TpduError("TP-UDL does not fit the user data")
    skipped = (used * 8 + 6) // 7
    fill = skipped * 7 - used * 8
    return gsm7.text_of(gsm7.unpack(body[used:], max(0, length - skipped), skip_bits=fill)), _concat(header)


def _concat(header: bytes) -> Concat | None:
    found = None
    at = 0
    while at + 2 <= len(header):
        kind, size = header[at], header[at + 1]
        data = header[at + 2 : at + 2 + size]
        at += 2 + size
        if kind == _CONCAT_8 and len(data) == 3:
            found = Concat(data[0], data[1], data[2])
        elif kind == _CONCAT_16 and len(data) == 4:
            found = Concat(data[0] << 8 | data[1], data[2], data[3], wide=True)
    return found if found and 0 < found.part <= found.of else None


# --- what modems receive -------------------------------------------------------------------------------------


def encode_deliver(sender: str, piece: Piece | Submit, stamp: Stamp, *, more: bool = False) -> bytes:
    """An SMS-DELIVER without SMSC octets (§9.2.2.1); ``more`` says that the centre holds another message."""
    udhi, length, body = piece.user_data
    first = 0x00 if more else 0x04
    pid = piece.pid if isinstance(piece, Submit) else 0
    head = bytes([first | (0x40 if udhi else 0)]) + encode_address(sender) + bytes([pid, piece.dcs])
    return head + encode_stamp(stamp) + bytes([length]) + body


def encode_report(mr: int, recipient: str, submitted: Stamp, discharged: Stamp, *, status: int) -> bytes:
    """An SMS-STATUS-REPORT without SMSC octets (§9.2.2.3); ``status`` is TP-ST (§9.2.3.15)."""
    head = bytes([0x06, mr]) + encode_address(recipient)
    return head + encode_stamp(submitted) + encode_stamp(discharged) + bytes([status])


def split(text: str, *, reference: int, wide: bool = False) -> list[Piece]:
    """The parts a handset makes of a text: GSM 7-bit when the alphabet has every character, else UCS-2.

    Escape pairs and surrogate pairs stay whole. Raises ValueError for a text of more than 255 parts.
    """
    narrow = gsm7.can_write(text)
    single, header = (160, 8 if wide else 7) if narrow else (70, 4 if wide else 3)
    chunks = _chunks(text, single, narrow=narrow)
    if len(chunks) > 1:
        chunks = _chunks(text, single - header, narrow=narrow)
    if len(chunks) > 255:
        raise ValueError("a long message has at most 255 parts (3GPP TS 23.040 §9.2.3.24.1)")
    of = len(chunks)
    places = [Concat(reference, of, part, wide) if of > 1 else None for part in range(1, of + 1)]
    return [_piece(chunk, place, narrow=narrow) for chunk, place in zip(chunks, places, strict=True)]


def _chunks(text: str, room: int, *, narrow: bool) -> list[str]:
    chunks, used = [""], 0
    for char in text:
        size = len(gsm7.septets_of(char) or ()) if narrow else len(char.encode("utf-16-be", "surrogatepass")) // 2
        if used + size > room:
            chunks.append("")
            used = 0
        chunks[-1] += char
        used += size
    return chunks


def _piece(text: str, place: Concat | None, *, narrow: bool) -> Piece:
    header = _header(place) if place else b""
    if not narrow:
        body = header + text.encode("utf-16-be", "replace")
        return Piece(text, 0x08, (bool(header), len(body), body), place)
    septets = [code for char in text for code in gsm7.septets_of(char) or ()]
    skipped = (len(header) * 8 + 6) // 7
    body = header + gsm7.pack(septets, skip_bits=skipped * 7 - len(header) * 8)
    return Piece(text, 0x00, (bool(header), skipped + len(septets), body), place)


def _header(place: Concat) -> bytes:
    if place.wide:
        return bytes([6, _CONCAT_16, 4, place.reference >> 8, place.reference & 0xFF, place.of, place.part])
    return bytes([5, _CONCAT_8, 3, place.reference & 0xFF, place.of, place.part])
