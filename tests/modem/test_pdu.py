"""The PDU codec against the standard's arithmetic, against gammu, and against hostile octets."""

from __future__ import annotations

import gammu
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.domain.text import LIMITS, Encoding, clean, split
from appliance.modem.at.fields import Address, address_of, relative_validity, validity_octet, write_time
from appliance.modem.at.pdu import Concat, Deliver, PduError, StatusReport, Submit, decode, encode_submit, from_hex
from tests.modem.pdu_corpus import corpus, deliver, pack_bits, septets, swapped

NOV_22 = 1795347059000  # 2026-11-22 14:30:59 +03:00


def decoded(pdu: str | bytes) -> Deliver:
    """The SMS-DELIVER in ``pdu``."""
    tpdu = decode(from_hex(pdu) if isinstance(pdu, str) else pdu)
    assert isinstance(tpdu, Deliver)
    return tpdu


# --- reading -------------------------------------------------------------------------------------------------


def test_deliver_of_the_manuals_read() -> None:
    """The example every manual reprints: "hellohello" from 27838890001, 2 h east."""
    sms = decoded("07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37")
    assert sms.data.text == "hellohello"
    assert (sms.sender.digits, sms.sender.ton) == ("27838890001", 4)
    assert sms.smsc == Address("27381000015", 1)
    # 1999-03-29 15:16:59 in quarter hours 80 swapped: +2 h.
    assert sms.sent_at == 922713419000
    assert sms.oddities == ()


def test_corpus_read_as_built() -> None:
    """Every PDU built with bit strings gives its text, sender, time and place in the message."""
    for case in corpus(20261122, 400):
        sms = decoded(case.pdu)
        assert sms.data.text == case.text, case.pdu.hex()
        assert sms.sender == Address(case.sender, 1)
        assert sms.sent_at == NOV_22
        assert sms.oddities == ()
        place = {"concat8": Concat(0xA7, 3, 2), "concat16": Concat(0x1234, 3, 2, is_wide=True)}.get(case.header)
        assert sms.data.concat == place
        assert sms.data.ports == ((0x0B84, 0x23F0) if case.header == "port16" else None)


def test_corpus_read_as_gammu_reads_it() -> None:
    """Gammu's decoder, its text cut at the first NUL as it forgets to do, agrees on every case."""
    for case in corpus(7, 300):
        theirs = gammu.DecodePDU(case.pdu, True)
        ours = decoded(case.pdu)
        assert theirs["Type"] == "Deliver"
        assert ours.data.text == theirs["Text"].split("\0")[0], case.pdu.hex()
        assert "+" + ours.sender.digits == theirs["Number"]
        if case.header.startswith("concat"):
            concat = ours.data.concat
            assert concat is not None
            assert (concat.part, concat.of) == (theirs["UDH"]["PartNumber"], theirs["UDH"]["AllParts"])


@pytest.mark.parametrize(
    ("dcs", "encoding", "message_class", "odd"),
    [
        (0x00, Encoding.GSM7, None, False),
        (0x10, Encoding.GSM7, 0, False),
        (0x11, Encoding.GSM7, 1, False),
        (0x04, Encoding.BINARY, None, False),
        (0x08, Encoding.UCS2, None, False),
        (0x18, Encoding.UCS2, 0, False),
        (0x0C, Encoding.GSM7, None, True),
        (0x48, Encoding.UCS2, None, False),
        (0x80, Encoding.GSM7, None, True),
        (0xBF, Encoding.GSM7, None, True),
        (0xC8, Encoding.GSM7, None, False),
        (0xD8, Encoding.GSM7, None, False),
        (0xE8, Encoding.UCS2, None, False),
        (0xF0, Encoding.GSM7, 0, False),
        (0xF6, Encoding.BINARY, 2, False),
        (0xF8, Encoding.GSM7, 0, True),
    ],
)
def test_coding_scheme_read_by_group(dcs: int, encoding: Encoding, message_class: int | None, odd: bool) -> None:
    """TS 23.038 §4: each group of the DCS; reserved values are GSM-7 with an oddity."""
    sms = decoded(deliver("abcd", wide=encoding is not Encoding.GSM7, dcs=dcs))
    assert (sms.coding.encoding, sms.coding.message_class) == (encoding, message_class)
    assert bool(sms.oddities) is odd


def test_alphanumeric_sender_read() -> None:
    """A name of seven letters is fourteen semi-octets and no eighth letter "@"."""
    for name in ("Hormuud", "HOPE", "Salaam Bank", "a@"):
        packed = pack_bits(septets(name), b"")
        length = (len(name) * 7 + 3) // 4
        pdu = bytes([0, 0x04, length, 0xD0]) + packed + bytes([0, 0]) + swapped("261122143059") + b"\x21\x00"
        sms = decoded(pdu)
        assert sms.sender.is_alphanumeric
        assert sms.sender.digits == name


@pytest.mark.parametrize(
    ("stamp", "sent_at"),
    [
        ("62112241039521", NOV_22),
        # 11:30:59 at eight quarter hours west: the sign is bit 3, before swapping.
        ("62112211039588", NOV_22 + 2 * 3600_000),
        ("00000000000000", None),
        ("FFFFFFFFFFFFFF", None),
        ("62312241039521", None),
    ],
)
def test_time_stamp_read(stamp: str, sent_at: int | None) -> None:
    """Semi-octets swapped, the zone in quarter hours with its sign; nonsense is no time and no error."""
    raw = deliver("x", wide=False).replace(swapped("261122143059") + b"\x21", from_hex(stamp))
    assert decoded(raw).sent_at == sent_at


@given(st.integers(1_000_000_000, 2_000_000_000), st.integers(-48, 56))
def test_time_stamp_survives(seconds: int, quarters: int) -> None:
    """Any second in any zone is read back as written."""
    raw = deliver("x", wide=False)
    stamped = raw.replace(swapped("261122143059") + b"\x21", write_time(seconds * 1000, quarters))
    assert decoded(stamped).sent_at == seconds * 1000


def test_status_report_read() -> None:
    """Reference, recipient, both times and the status, as gammu reads them too."""
    for status in (0x00, 0x30, 0x46, 0x62):
        pdu = (
            bytes.fromhex("0791") + swapped("252610000000") + bytes([0x06, 0xA7, 12, 0x91]) + swapped("252615550011")
            + swapped("261122143059") + b"\x21" + swapped("261122143109") + b"\x21" + bytes([status])
        )  # fmt: skip
        report = decode(pdu)
        assert report == StatusReport(
            0xA7, Address("252615550011", 1), NOV_22, NOV_22 + 10_000, status, Address("252610000000", 1)
        )
        theirs = gammu.DecodePDU(pdu, True)
        assert (theirs["Type"], theirs["MessageReference"], theirs["DeliveryStatus"]) == ("Status_Report", 0xA7, status)


def test_status_report_without_service_centre_read_by_length() -> None:
    """Where the modem's own length says that the service centre octets are missing, they are not looked for."""
    tpdu = bytes([0x06, 1, 12, 0x91]) + swapped("252615550011") + bytes(14) + b"\x00"
    report = decode(tpdu, length=len(tpdu))
    assert isinstance(report, StatusReport)
    assert report.recipient.digits == "252615550011"
    assert report.oddities == ("no service centre octets",)


def test_national_table_noted() -> None:
    """A message in a national alphabet is read with the default one, and says so."""
    sms = decoded(deliver("salaam", wide=False, header=bytes.fromhex("03240101")))
    assert sms.data.text == "salaam"
    assert sms.oddities == ("national single shift table 01 read as the default",)


@pytest.mark.parametrize(
    ("header", "oddity"),
    [
        ("050003a70300", "part 0 of 3"),
        ("050003a70304", "part 4 of 3"),
        ("050003a70000", "part 0 of 0"),
        ("050009a70302", "the header does not end where it says"),
        ("ff0003a70302", "the header is longer than the user data"),
    ],
)
def test_damaged_header_noted(header: str, oddity: str) -> None:
    """A header that makes no sense makes no part, and no error."""
    sms = decoded(deliver("salaam", wide=True, header=from_hex(header)))
    assert sms.data.concat is None
    assert oddity in sms.oddities


def test_text_cut_short_kept() -> None:
    """What is there of a text is shown, with an oddity."""
    sms = decoded(deliver("salaam alaykum", wide=False)[:-4])
    assert sms.data.text == "salaam ala"
    assert sms.oddities == ("the user data is cut short",)


def test_eight_bit_body_shown_as_text_or_hex() -> None:
    """Readable octets are text, others hexadecimal; the octets themselves are kept."""
    raw = deliver("", wide=True, dcs=0x04)
    assert decoded(raw[:-1] + bytes([5]) + b"salam").data.text == "salam"
    assert decoded(raw[:-1] + bytes([2]) + b"\xff\x00").data.text == "FF00"


def test_lone_surrogate_and_nul_replaced() -> None:
    """What cannot be stored is U+FFFD; the raw PDU keeps the truth."""
    raw = deliver("ab", wide=True)
    assert decoded(raw[:-4] + b"\xd8\x3d\x00\x00").data.text == "\ufffd\ufffd"


@given(st.binary(max_size=200))
def test_hostile_octets_give_a_frame_or_pdu_error(octets: bytes) -> None:
    """Any octets at all: a frame or PduError, never another error."""
    try:
        decode(octets)
    except PduError:
        return


@given(st.integers(0, 40), st.binary(min_size=1, max_size=8), st.sampled_from(corpus(3, 40)))
def test_damaged_frame_gives_a_frame_or_pdu_error(at: int, damage: bytes, case: object) -> None:
    """Octets overwritten anywhere in a good frame."""
    pdu = bytearray(getattr(case, "pdu"))  # noqa: B009
    pdu[at : at + len(damage)] = damage
    for length in (None, len(pdu)):
        try:
            decode(bytes(pdu), length=length)
        except PduError:
            continue


@pytest.mark.parametrize("text", ["", "0", "zz", "0011zz", "é"])
def test_what_is_no_hexadecimal_refused(text: str) -> None:
    """Lines that are no PDU at all."""
    with pytest.raises(PduError):
        decode(from_hex(text))


@pytest.mark.parametrize(
    ("pdu", "oddity"),
    [
        (deliver("", wide=False)[:-1], "no user data length"),
        (bytes([0, 0x44]) + deliver("", wide=False)[9:], "a header is announced and missing"),
        (deliver("ab", wide=True)[:-1], "the user data is cut short"),
        (deliver("ab", wide=True) + b"\0", "octets after the user data"),
        (deliver("ab", wide=True, dcs=0x28), "compressed text"),
        (deliver("a", wide=False, sender="2" * 21), "sender longer than 20 digits"),
        (b"\0\x07" + deliver("", wide=False)[9:], "reserved message type"),
        (deliver("x", wide=True, header=from_hex("0300")), "the header does not end where it says"),
    ],
)
def test_oddity_named_and_message_kept(pdu: bytes, oddity: str) -> None:
    """Unknown bits are kept, not refused."""
    assert oddity in decoded(pdu).oddities


def test_half_a_character_left_out() -> None:
    """UCS-2 with an odd number of octets."""
    raw = bytearray(deliver("ab", wide=True))
    raw[-5] = 3
    sms = decoded(bytes(raw[:-1]))
    assert sms.data.text == "a"
    assert sms.oddities == ("half a character at the end",)


def test_ports_of_eight_bits_read() -> None:
    """An application message of the old kind."""
    assert decoded(deliver("x", wide=False, header=from_hex("040402f0e2"))).data.ports == (0xF0, 0xE2)


@pytest.mark.parametrize("first", ["09", "19"])
def test_validity_in_other_forms_skipped_by_its_length(first: str) -> None:
    """§9.2.3.3: enhanced and absolute validity are seven octets, and the text begins after them."""
    tpdu = decode(from_hex(f"00{first}000381" + "55F5" + "0000" + "01020304050607" + "0AE8329BFD4697D9EC37"))
    assert isinstance(tpdu, Submit)
    assert tpdu.text == "hellohello"
    assert tpdu.oddities == ("validity in a form not read",)


# --- writing -------------------------------------------------------------------------------------------------


def test_submit_written_as_by_hand() -> None:
    """The octets of a plain text, counted by hand from §9.2.2.2."""
    encoded = encode_submit(Submit(address_of("+252615550011"), "hellohello", Encoding.GSM7))
    assert encoded.pdu == "0001000C91526251550011" + "0000" + "0AE8329BFD4697D9EC37"
    assert encoded.length == len(encoded.pdu) // 2 - 1 == 22


def test_submit_with_everything_written() -> None:
    """First octet: SUBMIT, relative validity, status report, header: 0x71; then each field in its place."""
    submit = Submit(
        address_of("+252615550011"), "سلام", Encoding.UCS2, Concat(0xA7, 2, 1), report=True, validity_s=6 * 3600
    )
    encoded = encode_submit(submit)
    assert encoded.pdu == "0071000C91526251550011" + "0008" + "47" + "0E" + "050003A70201" + "0633064406270645"
    assert decode(from_hex(encoded.pdu)) == Submit(
        address_of("+252615550011"), "سلام", Encoding.UCS2, Concat(0xA7, 2, 1), report=True, validity_s=6 * 3600
    )


def test_short_code_written_as_unknown_type() -> None:
    """A short code carries no country and an odd number of digits is filled."""
    encoded = encode_submit(Submit(address_of("555"), "x", Encoding.GSM7))
    assert encoded.pdu.startswith("000100038155F5")


@given(
    st.text(max_size=400).map(clean),
    st.sampled_from([None, 0, 1, 2, 3]),
    st.booleans(),
    st.sampled_from([None, 300, 3600, 86400, 604800, 38102400]),
)
def test_any_text_survives_writing_and_reading(
    text: str, klass: int | None, report: bool, validity: int | None
) -> None:
    """Split, written, read back by us and by gammu: the same text."""
    parts = split(text)
    back = ""
    for number, segment in enumerate(parts.segments[:255], 1):
        concat = Concat(9, min(len(parts.segments), 255), number) if len(parts.segments) > 1 else None
        submit = Submit(
            address_of("+252615550011"), segment.text, parts.encoding, concat,
            report=report, validity_s=validity, message_class=klass,
        )  # fmt: skip
        encoded = encode_submit(submit)
        assert decode(from_hex(encoded.pdu)) == submit
        back += segment.text
    assert back == text


def test_submit_read_by_gammu() -> None:
    """Gammu reads the texts, numbers and parts we write."""
    for case in corpus(11, 120):
        text = case.text.replace("\0", "")
        parts = split(text)
        concat = Concat(5, 2, 1) if parts.segments[0].units <= LIMITS[parts.encoding].part else None
        encoded = encode_submit(Submit(address_of("+" + case.sender), parts.segments[0].text, parts.encoding, concat))
        theirs = gammu.DecodePDU(from_hex(encoded.pdu), True)
        assert theirs["Type"] == "Submit"
        assert theirs["Text"].split("\0")[0] == parts.segments[0].text
        assert theirs["Number"] == "+" + case.sender


@pytest.mark.parametrize(
    "submit",
    [
        Submit(address_of(""), "x", Encoding.GSM7),
        Submit(address_of("+2526155500112526155500"), "x", Encoding.GSM7),
        Submit(address_of("Hormuud"), "x", Encoding.GSM7),
        Submit(Address("Hormuud", 5), "x", Encoding.GSM7),
        Submit(address_of("555"), "x" * 161, Encoding.GSM7),
        Submit(address_of("555"), "x" * 154, Encoding.GSM7, Concat(1, 2, 1)),
        Submit(address_of("555"), "ع" * 71, Encoding.UCS2),
        Submit(address_of("555"), "ع", Encoding.GSM7),
        Submit(address_of("555"), "x", Encoding.BINARY),
        Submit(address_of("555"), "x", Encoding.GSM7, Concat(256, 2, 1)),
        Submit(address_of("555"), "x", Encoding.GSM7, Concat(1, 2, 3)),
    ],
)
def test_what_cannot_be_written_refused(submit: Submit) -> None:
    """Empty, too long, unwritable: PduError, never a wrong PDU."""
    with pytest.raises(PduError):
        encode_submit(submit)


@pytest.mark.parametrize(
    ("octet", "seconds"),
    [(0, 300), (143, 43200), (144, 45000), (167, 86400), (168, 172800), (196, 2592000), (255, 38102400)],
)
def test_relative_validity_by_the_table(octet: int, seconds: int) -> None:
    """§9.2.3.12.1, both ways."""
    assert relative_validity(octet) == seconds
    assert validity_octet(seconds) == octet
    assert octet == 0 or validity_octet(seconds - 1) == octet - 1
