"""The village's own codec, against published examples and against itself."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.modem.simulator import gsm7, tpdu

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400)
WRITABLE = st.text(st.sampled_from([c for c in map(chr, range(0x20AD)) if gsm7.can_write(c)]), max_size=400)


def resubmitted(piece: tpdu.Piece, to: str = "+252615550100") -> tpdu.Submit:
    udhi, length, body = piece.user_data
    head = bytes([0x01 | (0x40 if udhi else 0), 9]) + tpdu.encode_address(to)
    return tpdu.decode_submit(head + bytes([0, piece.dcs, length]) + body)


def test_hellohello_packs_to_published_octets() -> None:
    """The packing example every tutorial shows."""
    septets = [code for char in "hellohello" for code in gsm7.septets_of(char) or ()]
    assert gsm7.pack(septets).hex().upper() == "E8329BFD4697D9EC37"


def test_published_submit_is_read() -> None:
    """SMS-SUBMIT to 46708251358 with "hellohello", relative validity of four days."""
    read = tpdu.decode_submit(bytes.fromhex("11000B916407281553F80000AA0AE8329BFD4697D9EC37"))
    assert (read.to, read.text, read.validity_s, read.report) == ("+46708251358", "hellohello", 4 * 86400, False)


def test_published_deliver_is_written() -> None:
    """SMS-DELIVER with "hellohello" and the stamp 99-03-29 15:16:59 of zone +2 h."""
    (piece,) = tpdu.split("hellohello", reference=0)
    stamp = tpdu.Stamp(922_713_419_000, 8)
    written = tpdu.encode_deliver("+27838890001", piece, stamp).hex().upper()
    assert written == "040B917238880900F10000993092516195800AE8329BFD4697D9EC37"


def test_zone_behind_greenwich_has_the_sign_bit() -> None:
    """Quarter hours before UTC set bit 3 of the last octet (§9.2.3.11)."""
    assert tpdu.encode_stamp(tpdu.Stamp(922_713_419_000, -20))[-1] == 0x02 | 0x08


@settings(deadline=None)
@given(WRITABLE | TEXTS, st.booleans())
def test_split_text_comes_back_whole(text: str, wide: bool) -> None:
    """Whatever is split is joined again, each part within 140 octets and in its place."""
    pieces = tpdu.split(text, reference=0x1BFF if wide else 0x1B, wide=wide)
    read = [resubmitted(piece) for piece in pieces]
    assert "".join(part.text for part in read) == text
    assert all(len(piece.user_data[2]) <= 140 for piece in pieces)
    assert [part.concat for part in read] == [piece.concat for piece in pieces]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("م" * 70, 1),
        ("م" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 67, 3),
    ],
)
def test_lengths_of_parts_are_those_of_the_standard(text: str, parts: int) -> None:
    """160/153 septets and 70/67 units; escape and surrogate pairs are not torn."""
    assert len(tpdu.split(text, reference=1)) == parts


@settings(deadline=None)
@given(st.binary(max_size=180))
def test_hostile_octets_raise_one_error_only(data: bytes) -> None:
    """Octets are read, or refused with TpduError, and nothing else."""
    with contextlib.suppress(tpdu.TpduError):
        tpdu.decode_submit(data)


@settings(deadline=None)
@given(st.text(st.sampled_from("0123456789"), min_size=3, max_size=15), st.booleans())
def test_address_comes_back(digits: str, international: bool) -> None:
    """An address with odd or even digits survives."""
    to = ("+" if international else "") + digits
    (piece,) = tpdu.split("x", reference=0)
    assert resubmitted(piece, to).to == to


def test_letters_make_an_alphanumeric_address() -> None:
    """A sender with letters: type 0xD0 and packed septets; the length counts useful semi-octets (§9.1.2.5)."""
    written = tpdu.encode_address("AidTeam")
    assert (written[0], written[1], len(written)) == (13, 0xD0, 9)
    assert gsm7.text_of(gsm7.unpack(written[2:], 7)) == "AidTeam"
