"""Fields of a TPDU: addresses, times, validity (3GPP TS 23.040 §9.1.2.5, §9.2.3.11, §9.2.3.12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from appliance.domain.text import decode_gsm7, unpack_septets
from appliance.modem.at.octets import PduError, Reader

_DIGITS = "0123456789*#abc"
_FILL = 0xF
_FILLED = _DIGITS + "F"
_PAIRS = tuple(_FILLED[octet & 0xF] + _FILLED[octet >> 4] for octet in range(256))
"""The two semi-octets of each octet in the order they are dialled."""
_NO_NUMBER = -1
_BCD = tuple(
    (octet & 0xF) * 10 + (octet >> 4) if octet & 0xF < 10 and octet >> 4 < 10 else _NO_NUMBER for octet in range(256)
)
"""The decimal number of swapped semi-octets."""
_CENTURY_PIVOT = 90
"""Two-digit years from here on are of the 20th century: no SMS was sent before 1992."""

TON_INTERNATIONAL = 1
TON_ALPHANUMERIC = 5
NPI_ISDN = 1
MAX_DIGITS = 20
"""§9.1.2.5: an address field holds at most 12 octets."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address as it stands in a TPDU; ``digits`` is the text of an alphanumeric one."""

    digits: str
    ton: int = 0
    """Type of number: 1 international, 2 national, 5 alphanumeric …"""
    npi: int = NPI_ISDN

    @property
    def is_alphanumeric(self) -> bool:
        """Whether this is a name, not a number."""
        return self.ton == TON_ALPHANUMERIC

    @property
    def is_international(self) -> bool:
        """Whether the number carries its country code."""
        return self.ton == TON_INTERNATIONAL


def address_of(number: str) -> Address:
    """The address of a number as people write it: ``+252…`` or digits."""
    if number.startswith("+"):
        return Address(number[1:], TON_INTERNATIONAL)
    return Address(number)


def read_address(reader: Reader, oddities: list[str], what: str) -> Address:
    """An address field: its length counts semi-octets, without the type octet."""
    length = reader.octet(f"{what} length")
    if length > MAX_DIGITS:
        oddities.append(f"{what} longer than {MAX_DIGITS} digits")
    kind = reader.octet(f"{what} type")
    return _address(kind, reader.take((length + 1) // 2, what), length)


def read_smsc(reader: Reader) -> Address | None:
    """The service centre before the TPDU (TS 24.011 §8.2.5.1): its length counts octets, with the type octet."""
    length = reader.octet("service centre length")
    if not length:
        return None
    kind = reader.octet("service centre type")
    return _address(kind, reader.take(length - 1, "service centre"), (length - 1) * 2)


def _address(kind: int, octets: bytes, semi_octets: int) -> Address:
    ton, npi = kind >> 4 & 0x7, kind & 0xF
    if ton == TON_ALPHANUMERIC:
        septets = unpack_septets(octets, semi_octets * 4 // 7)
        # Fourteen semi-octets hold seven letters with a spare septet: a zero there is padding, not "@".
        if semi_octets % 14 == 0 and septets.endswith(b"\0"):
            septets = septets[:-1]
        return Address(decode_gsm7(septets), ton, npi)
    return Address("".join([_PAIRS[octet] for octet in octets])[:semi_octets].replace("F", ""), ton, npi)


def write_address(address: Address) -> bytes:
    """The octets of an address field; raises PduError when it holds what cannot be dialled or is too long."""
    if address.is_alphanumeric:
        raise PduError("a name cannot be dialled")
    if len(address.digits) > MAX_DIGITS:
        raise PduError(f"an address holds at most {MAX_DIGITS} digits")
    kind = 0x80 | address.ton << 4 | address.npi
    return bytes([len(address.digits), kind]) + _write_digits(address.digits)


def _write_digits(digits: str) -> bytes:
    try:
        nibbles = [_DIGITS.index(char) for char in digits]
    except ValueError as error:
        raise PduError("the address cannot be dialled") from error
    if not nibbles:
        raise PduError("the address is empty")
    if len(nibbles) % 2:
        nibbles.append(_FILL)
    return bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


# --- time ----------------------------------------------------------------------------------------------------


def read_time(reader: Reader, oddities: list[str], what: str) -> int | None:
    """A time stamp as ms of Unix time (§9.2.3.11), or None with an oddity when it is no time."""
    octets = reader.take(7, what)
    if octets == bytes(7):
        return None
    year, month, day, hour, minute, second = [_BCD[octet] for octet in octets[:6]]
    quarters = _BCD[octets[6] & 0xF7]
    try:
        if _NO_NUMBER in {year, quarters}:
            raise ValueError
        local = datetime(
            year + (1900 if year >= _CENTURY_PIVOT else 2000), month, day, hour, minute, second, tzinfo=UTC
        )
    except ValueError:
        oddities.append(f"{what} is no time")
        return None
    east_s = quarters * 900
    return (int(local.timestamp()) + (east_s if octets[6] & 0x08 else -east_s)) * 1000


def write_time(ms: int, quarters: int = 0) -> bytes:
    """The octets of a time stamp, told in a zone ``quarters`` of an hour east of UTC."""
    when = datetime.fromtimestamp(ms / 1000, UTC) + timedelta(minutes=15 * quarters)
    values = (when.year % 100, when.month, when.day, when.hour, when.minute, when.second, abs(quarters))
    octets = bytearray(value % 10 << 4 | value // 10 for value in values)
    if quarters < 0:
        octets[6] |= 0x08
    return bytes(octets)


# --- validity ------------------------------------------------------------------------------------------------

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 604800


def relative_validity(octet: int) -> int:
    """Seconds a relative TP-VP stands for (§9.2.3.12.1)."""
    if octet <= 143:
        return (octet + 1) * 5 * _MINUTE
    if octet <= 167:
        return 12 * _HOUR + (octet - 143) * 30 * _MINUTE
    if octet <= 196:
        return (octet - 166) * _DAY
    return (octet - 192) * _WEEK


_VALIDITIES = tuple(relative_validity(octet) for octet in range(256))


def validity_octet(seconds: int) -> int:
    """The longest relative TP-VP that does not outlive ``seconds``; five minutes at least."""
    return max((octet for octet, value in enumerate(_VALIDITIES) if value <= seconds), default=0)
