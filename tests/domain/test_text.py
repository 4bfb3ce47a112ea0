"""SMS text: cleaning, alphabets, packing, splitting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.domain.text import (
    GSM7_DEFAULT,
    GSM7_EXTENSION,
    LIMITS,
    Encoding,
    TextError,
    clean,
    decode_gsm7,
    encode_gsm7,
    fits_gsm7,
    pack_septets,
    split,
    unpack_septets,
)

GSM_CHARS = GSM7_DEFAULT.replace("\x1b", "") + "".join(GSM7_EXTENSION.values())
gsm_texts = st.text(st.sampled_from(GSM_CHARS), max_size=700)


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("", ""),
        ("salaam\n", "salaam\n"),
        ("a\0b", "a\ufffdb"),
        ("\ud83d", "\ufffd"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("e\u0301\u202e<script>", "e\u0301\u202e<script>"),
    ],
)
def test_text_from_outside_cleaned(dirty: str, cleaned: str) -> None:
    """NUL and lone surrogates become U+FFFD; nothing else changes."""
    assert clean(dirty) == cleaned


@given(st.text(st.characters()))
def test_any_text_cleaned_can_be_stored(text: str) -> None:
    """What was cleaned is valid UTF-8 without NUL, and cleaning it again changes nothing."""
    cleaned = clean(text)
    assert "\0" not in cleaned.encode("utf-8").decode("utf-8")
    assert clean(cleaned) == cleaned


def test_default_alphabet_has_128_places() -> None:
    """Each septet has its character, no character has two septets."""
    assert len(GSM7_DEFAULT) == len(set(GSM7_DEFAULT)) == 128
    assert GSM7_DEFAULT[0x09] == "Ç"
    assert GSM7_DEFAULT[0x40] == "¡"
    assert GSM7_DEFAULT[0x7F] == "à"


@given(gsm_texts)
def test_gsm_text_survives_the_alphabet(text: str) -> None:
    """Encoding then decoding gives the same text."""
    assert fits_gsm7(text)
    assert decode_gsm7(encode_gsm7(text)) == text


@pytest.mark.parametrize("char", ["ç", "\x1b", "\0", "ع", "`", "😀", "\t", "’"])
def test_character_outside_alphabet_refused(char: str) -> None:
    """These are not in the GSM alphabet, however close they look."""
    assert not fits_gsm7(f"a{char}")
    with pytest.raises(TextError):
        encode_gsm7(f"a{char}")


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        (b"\x1be", "€"),
        (b"\x1ba", "a"),
        (b"ab\x1b", "ab "),
        (b"a\x1b\x1bb", "a b"),
        (b"a\x1b\x1b\x1beb", "a €b"),
        (b"\x1b\x1b\x1b\x1b", "  "),
        (b"\x1b\x1b\x1b", "  "),
        (b"\x1b\x00", "@"),
    ],
)
def test_odd_escapes_shown_as_the_standard_says(septets: bytes, text: str) -> None:
    """TS 23.038 §6.2.1: unknown extension codes fall back, lone and doubled escapes are a space."""
    assert decode_gsm7(septets) == text


@given(st.binary(max_size=200).map(lambda raw: bytes(b & 0x7F for b in raw)), st.integers(0, 6))
def test_septets_survive_packing(septets: bytes, fill: int) -> None:
    """Packing then unpacking gives the same septets for every number of fill bits."""
    packed = pack_septets(septets, fill)
    assert len(packed) == (len(septets) * 7 + fill + 7) // 8
    assert unpack_septets(packed, len(septets), fill) == septets


@given(st.binary(max_size=170), st.integers(0, 300), st.integers(0, 6))
def test_unpacking_never_reads_past_the_end(octets: bytes, count: int, fill: int) -> None:
    """Asking for more septets than there are gives those there are."""
    assert len(unpack_septets(octets, count, fill)) == max(0, min(count, (len(octets) * 8 - fill) // 7))


def test_packing_known_example() -> None:
    """The example every manual gives: "hellohello"."""
    assert pack_septets(encode_gsm7("hellohello")).hex() == "e8329bfd4697d9ec37"


@pytest.mark.parametrize(
    ("text", "encoding", "units", "left"),
    [
        ("", Encoding.GSM7, [0], 160),
        ("a" * 160, Encoding.GSM7, [160], 0),
        ("a" * 161, Encoding.GSM7, [153, 8], 145),
        ("€" * 80, Encoding.GSM7, [160], 0),
        ("€" * 81, Encoding.GSM7, [152, 10], 143),
        ("a" * 152 + "€" + "b" * 10, Encoding.GSM7, [152, 12], 141),
        ("a" * 306, Encoding.GSM7, [153, 153], 0),
        ("ع" * 70, Encoding.UCS2, [70], 0),
        ("ع" * 71, Encoding.UCS2, [67, 4], 63),
        ("ع" * 66 + "😀" + "ع" * 5, Encoding.UCS2, [66, 7], 60),
        ("😀" * 35, Encoding.UCS2, [70], 0),
        ("😀" * 36, Encoding.UCS2, [66, 6], 61),
    ],
)
def test_text_split_exactly(text: str, encoding: Encoding, units: list[int], left: int) -> None:
    """The limits of the standard to the unit; pairs are never divided."""
    parts = split(text)
    assert parts.encoding is encoding
    assert [segment.units for segment in parts.segments] == units
    assert parts.left == left


@pytest.mark.parametrize(
    ("cluster", "why"),
    [
        ("e\u0301", "combining accent"),
        ("م\u064e\u0651", "Arabic vowel marks"),
        ("👨\u200d👩\u200d👧", "joined family"),
        ("👍🏽", "skin tone"),
        ("🇸🇴", "flag"),
        ("क\u094dष", "conjunct"),
        ("❤\ufe0f", "variation selector"),
        ("\r\n", "line end"),
    ],
)
@pytest.mark.parametrize("place", [62, 63, 64, 65, 66])
def test_grapheme_at_boundary_kept_whole(cluster: str, why: str, place: int) -> None:
    """A cluster that would straddle two parts goes whole into the second."""
    text = "ع" * place + cluster + "ع" * 20
    assert any(cluster in segment.text for segment in split(text, Encoding.UCS2).segments), why


def test_three_flags_in_a_row_divided_between_flags() -> None:
    """Regional indicators pair from the start of their run."""
    text = "ع" * 60 + "🇸🇴🇰🇪🇪🇹"
    assert [segment.text[-2:] for segment in split(text).segments] == ["🇸🇴", "🇪🇹"]


def test_grapheme_longer_than_a_part_divided() -> None:
    """A tower of marks cannot be kept whole and still moves on."""
    text = "e" + "\u0301" * 200
    parts = split(text)
    assert [segment.units for segment in parts.segments] == [67, 67, 67]


@given(st.text(max_size=400))
def test_any_text_split_loses_nothing(text: str) -> None:
    """Parts joined are the text; each fits; starts and ends meet."""
    parts = split(text)
    limits = LIMITS[parts.encoding]
    assert "".join(segment.text for segment in parts.segments) == text
    assert parts.segments[0].start == 0
    assert parts.segments[-1].end == len(text)
    for one, two in zip(parts.segments, parts.segments[1:], strict=False):
        assert one.end == two.start
    limit = limits.single if len(parts.segments) == 1 else limits.part
    assert all(segment.units <= limit for segment in parts.segments)
    assert parts.left == limit - parts.segments[-1].units


def test_encoding_that_cannot_write_the_text_refused() -> None:
    """An encoding asked for is never silently exchanged."""
    with pytest.raises(TextError):
        split("سلام", Encoding.GSM7)
    with pytest.raises(TextError):
        split("salaam", Encoding.BINARY)


def test_gsm_text_in_ucs2_when_asked() -> None:
    """The caller may choose UCS-2 for any text."""
    assert [segment.units for segment in split("a" * 71, Encoding.UCS2).segments] == [67, 4]
