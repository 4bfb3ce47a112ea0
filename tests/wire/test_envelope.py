"""Messages of the link: what is encoded is decoded, and anything else is refused with one error type."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.domain.records import ClockQuality
from appliance.wire import cbor, envelope
from appliance.wire.envelope import (
    Ack,
    Batch,
    Bye,
    Entry,
    Hello,
    LaneKey,
    Message,
    Position,
    Presence,
    Rewind,
    WireError,
)  # fmt: skip

U64 = st.integers(0, 2**63 - 1)
LANE = st.builds(LaneKey, U64, st.integers(0, 2))
HASH = st.binary(min_size=8, max_size=8)
POSITION = st.builds(Position, LANE, U64, HASH, U64)
POSITIONS = st.lists(POSITION, max_size=3).map(tuple)
ACK = st.builds(Ack, U64, U64, U64, U64, U64, POSITIONS)
CONTENT = st.none() | st.tuples(st.binary(max_size=16), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
ENTRIES = st.lists(st.builds(Entry, st.binary(max_size=40), CONTENT), min_size=1, max_size=4).map(tuple)
BATCH = st.builds(Batch, LANE, U64, st.integers(1, 2**62), HASH, ENTRIES, st.none() | ACK)
HELLO = st.builds(
    Hello, U64, U64, st.sampled_from(ClockQuality), st.binary(max_size=16), st.lists(U64, max_size=3).map(tuple),
    st.lists(st.tuples(LANE, U64), max_size=3).map(tuple), POSITIONS,
)  # fmt: skip
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    BATCH, HELLO, ACK, st.builds(Bye, U64, st.text(st.characters(exclude_categories=["Cs"]), max_size=9)),
    st.builds(Rewind, U64), st.builds(Presence, st.booleans(), U64),
)  # fmt: skip


@given(MESSAGES)
def test_a_message_survives_the_wire(message: Message) -> None:
    """Every field of every type is present and comes back."""
    assert envelope.decode(envelope.encode(message)) == message


def test_a_batch_has_the_positions_of_the_design() -> None:
    """Version, type, dictionary, epoch, lane, nonce, first, hash before first, entries, piggy-backed ack."""
    batch = Batch(LaneKey(7, 1), 9, 4, b"\1" * 8, (Entry(b"b", None), Entry(b"c", (b"salt", "text"))))
    assert cbor.decode(envelope.encode(batch)) == (
        1, 1, 0, 7, 1, 9, 4, b"\1" * 8, ((b"b", None), (b"c", (b"salt", "text"))), None,
    )  # fmt: skip


def _refusal(data: bytes) -> str | None:
    try:
        envelope.decode(data)
    except WireError as error:
        return error.failure.code
    return None


@given(st.binary(max_size=200))
def test_hostile_bytes_raise_one_error_type(data: bytes) -> None:
    """Bytes nobody of ours wrote are refused, whatever they are."""
    assert _refusal(data) in {None, "link.garbled", "link.version"}


@given(MESSAGES, st.data())
def test_a_damaged_message_is_another_message_or_refused(message: Message, data: st.DataObject) -> None:
    """One byte changed, cut or added never raises anything but the one error type."""
    raw = bytearray(envelope.encode(message))
    at = data.draw(st.integers(0, len(raw) - 1))
    match data.draw(st.sampled_from(["change", "cut", "add"])):
        case "change":
            raw[at] ^= data.draw(st.integers(1, 255))
        case "cut":
            del raw[at:]
        case _:
            raw.insert(at, data.draw(st.integers(0, 255)))
    with contextlib.suppress(WireError):
        envelope.decode(bytes(raw))


def _batch(**changes: cbor.Value) -> bytes:
    fields: dict[str, cbor.Value] = {
        "version": 1, "type": 1, "dictionary": 0, "epoch": 7, "lane": 1, "nonce": 9, "first": 1,
        "before": bytes(8), "entries": [[b"b", None]], "ack": None,
    }  # fmt: skip
    return cbor.encode(list((fields | changes).values()))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (_batch(version=2), "link.version"),
        (_batch(type=99), "link.version"),
        (_batch(dictionary=1), "link.version"),
        (_batch(lane=3), "link.version"),
        (_batch(first=0), "link.garbled"),
        (_batch(entries=[]), "link.garbled"),
        (_batch(entries=[[b"b"]]), "link.garbled"),
        (_batch(entries=[["b", None]]), "link.garbled"),
        (_batch(entries=[[b"b", [b"s", b"t"]]]), "link.garbled"),
        (_batch(before=bytes(7)), "link.garbled"),
        (_batch(nonce=-1), "link.garbled"),
        (_batch(ack=[1]), "link.garbled"),
        (cbor.encode([1, 4, 9]), "link.garbled"),
        (cbor.encode([1, 4, 9, b"x"]), "link.garbled"),
        (cbor.encode([1, 6, 2, 9]), "link.garbled"),
        (cbor.encode([1]), "link.garbled"),
        (cbor.encode(1), "link.garbled"),
        (b"", "link.garbled"),
        (b"\x00" * (envelope.MAX_MESSAGE + 1), "link.garbled"),
    ],
)  # fmt: skip
def test_wrong_shapes_are_refused_with_a_failure(raw: bytes, code: str) -> None:
    """Another version or dictionary says so; anything else is garbled; nothing is ignored."""
    with pytest.raises(WireError) as caught:
        envelope.decode(raw)
    assert caught.value.failure.code == code


@pytest.mark.parametrize(
    "raw",
    ["1817", "190017", "1a0000ffff", "1bffffffff", "9bffffffffffffffff", "9f00ff", "81" * 9 + "00", "c24101", "f4", "fb0000000000000000", "a1616100", "a2020101", "a201000100", "61ff", "4341", "0000", "1c"],
)  # fmt: skip
def test_cbor_outside_the_subset_is_refused(raw: str) -> None:
    """Not shortest, cut short, indefinite, too deep, tags, floats, maps with other keys, invalid UTF-8, trailing bytes (RFC 8949)."""
    with pytest.raises(cbor.CborError):
        cbor.decode(bytes.fromhex(raw))


@pytest.mark.parametrize("value", [2**64, -(2**64) - 1, "\ud800", True])
def test_values_the_subset_cannot_say_are_not_encoded(value: cbor.Value) -> None:
    """A value that would not come back is an error at once."""
    with pytest.raises(cbor.CborError):
        cbor.encode(value)


@given(
    st.recursive(
        st.none() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=30),
        lambda c: st.lists(c, max_size=3).map(tuple),
        max_leaves=8,
    )
)
def test_cbor_values_survive(value: cbor.Value) -> None:
    """Shortest form out, the same value in; deeper nesting than the link has is refused."""
    raw = cbor.encode(value)
    if _depth(value) > cbor.MAX_DEPTH:
        with pytest.raises(cbor.CborError, match="deep"):
            cbor.decode(raw)
    else:
        assert cbor.decode(raw) == value


def _depth(value: cbor.Value) -> int:
    return 1 + max(map(_depth, value), default=0) if isinstance(value, tuple) else 0


@pytest.mark.parametrize(
    "message",
    [
        Bye(2**63),
        Hello(1, 1, ClockQuality.NTP, b"", (1,), ((LaneKey(2**64 - 1, 0), 1),), ()),
        Ack(1, 1, 1, 1, 1, (Position(LaneKey(1, 0), 2**63, bytes(8), 0),)),
        Batch(LaneKey(2**63, 0), 1, 1, bytes(8), (Entry(b"", None),)),
        Batch(LaneKey(1, 0), 1, 2**63 - 1, bytes(8), (Entry(b"", None),)),
    ],
)
def test_numbers_no_column_holds_are_refused(message: Message) -> None:
    """A database has 64 bits with a sign: one box with a larger number would stop the hub for all."""
    with pytest.raises(WireError) as caught:
        envelope.decode(envelope.encode(message))
    assert caught.value.failure.code == "link.garbled"
