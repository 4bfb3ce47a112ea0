"""Entries survive the wire whole, and hostile bytes raise one error only."""

from __future__ import annotations

import contextlib
from uuid import UUID

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.domain.ids import Incarnation, make_id
from appliance.wire.kinds import (
    ConsentEntry,
    ContactEntry,
    EntryError,
    EraseEntry,
    Kind,
    LineEntry,
    MessageEntry,
    StateEntry,
    decode_body,
    digest_of,
    encode_body,
)

EPOCH = 0x123456789ABCDE
IDS = st.builds(make_id, st.sampled_from([Incarnation(EPOCH), Incarnation(77)]), st.integers(1, 1 << 40))
NUMBERS = st.integers(0, 1 << 40)
WORDS = st.text(max_size=12).filter(str.isprintable)
ENTRIES = st.one_of(
    st.builds(LineEntry, NUMBERS, WORDS, st.binary(min_size=16, max_size=16)),
    st.builds(ContactEntry, IDS, st.lists(NUMBERS, max_size=3).map(tuple), NUMBERS, st.binary(max_size=16), st.none() | IDS),
    st.builds(
        MessageEntry, IDS, IDS, IDS, NUMBERS, WORDS, WORDS, WORDS, WORDS, st.integers(0, 255), NUMBERS, WORDS, IDS,
        st.binary(min_size=16, max_size=16), WORDS, WORDS, WORDS, st.none() | NUMBERS, st.none() | IDS,
        st.lists(NUMBERS, max_size=4).map(tuple), NUMBERS,
    ),
    st.builds(
        StateEntry, IDS, WORDS, NUMBERS, WORDS,
        st.lists(st.tuples(NUMBERS, WORDS, st.integers(-1, 255), NUMBERS), max_size=3).map(tuple), st.none() | NUMBERS,
    ),
    st.builds(ConsentEntry, IDS, NUMBERS, WORDS, WORDS, NUMBERS, st.none() | IDS),
    st.builds(EraseEntry, IDS),
)  # fmt: skip


@given(ENTRIES, st.integers(-(1 << 40), 1 << 40))
def test_entry_comes_back_as_it_went(entry, delta: int) -> None:
    """Every field of every kind survives."""
    body = decode_body(encode_body(entry, epoch=EPOCH, delta_ms=delta), epoch=EPOCH)
    assert (body.entry, body.delta_ms, dict(body.extra)) == (entry, delta, {})


@given(ENTRIES)
def test_same_entry_is_always_the_same_bytes(entry) -> None:
    """The chain runs over bytes: encoding is canonical."""
    raw = encode_body(entry, epoch=EPOCH, delta_ms=5)
    assert raw == cbor2.dumps(cbor2.loads(raw), canonical=True)


@given(st.binary(max_size=60))
def test_any_bytes_are_an_entry_or_one_error(raw: bytes) -> None:
    """Hostile bytes never raise anything else."""
    with contextlib.suppress(EntryError):
        decode_body(raw, epoch=EPOCH)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 25), inner, max_size=4),
    max_leaves=8,
)


@given(st.integers(0, 8), VALUES, VALUES, st.dictionaries(st.integers(0, 25), VALUES, max_size=20))
def test_any_values_are_an_entry_or_one_error(kind: int, subject: object, delta: object, fields: object) -> None:
    """Well-formed CBOR of the wrong shape is refused in the same way."""
    with contextlib.suppress(EntryError):
        decode_body(cbor2.dumps([kind, subject, delta, fields]), epoch=EPOCH)


def test_own_ids_cost_a_counter_and_foreign_ones_sixteen_bytes() -> None:
    """Ids of the sender's incarnation are implied by the epoch."""
    own = encode_body(EraseEntry(make_id(Incarnation(EPOCH), 5)), epoch=EPOCH, delta_ms=0)
    foreign = encode_body(EraseEntry(make_id(Incarnation(99), 5)), epoch=EPOCH, delta_ms=0)
    assert (len(own), len(foreign)) == (5, 21)


def test_unknown_kind_and_unknown_fields_are_kept() -> None:
    """A newer node's words are not lost."""
    assert decode_body(cbor2.dumps([99, 1, 0, {1: 2}]), epoch=EPOCH).entry is None
    body = decode_body(cbor2.dumps([int(Kind.ERASE), 7, 0, {200: "new"}]), epoch=EPOCH)
    assert body.extra == {200: "new"}


@pytest.mark.parametrize("record", [UUID(int=5), UUID("3b241101-e2bb-4255-8caf-4136c566a962")])
def test_reference_that_is_no_id_is_refused(record: UUID) -> None:
    """Only ids of ours are references."""
    with pytest.raises(EntryError):
        decode_body(cbor2.dumps([int(Kind.ERASE), record.bytes, 0, {}]), epoch=EPOCH)


def test_content_is_bound_by_its_salt() -> None:
    """Without the salt a digest says nothing about the text."""
    assert digest_of(b"12345678", "yes") != digest_of(b"87654321", "yes")


def test_number_in_a_list_that_no_column_holds_is_refused() -> None:
    """It would stop the receiver, not only its entry."""
    from appliance.wire import cbor

    raw = cbor.encode([int(Kind.CONTACT), 1, 0, {1: [2**63]}])
    with pytest.raises(EntryError, match="range"):
        decode_body(raw, epoch=1 << 40)
