from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.domain.ids import IdError, Incarnation, make_id, parse_id, split_id

INCARNATIONS = st.integers(1, (1 << 60) - 1).map(Incarnation)
COUNTERS = st.integers(1, (1 << 62) - 1)


@given(INCARNATIONS, COUNTERS)
def test_id_gives_back_what_it_was_made_of(incarnation: Incarnation, counter: int) -> None:
    """An id is a UUIDv8 that holds incarnation and counter whole."""
    record = make_id(incarnation, counter)
    assert (record.version, record.variant) == (8, "specified in RFC 4122")
    assert split_id(record) == (incarnation, counter)
    assert parse_id(str(record)) == record


@given(INCARNATIONS, COUNTERS, COUNTERS)
def test_ids_of_one_incarnation_sort_by_counter(incarnation: Incarnation, one: int, other: int) -> None:
    """Birth order is the order of ids."""
    assert (make_id(incarnation, one) < make_id(incarnation, other)) == (one < other)


@pytest.mark.parametrize(
    "text", ["", "x", "3b241101-e2bb-4255-8caf-4136c566a962", "../etc/passwd", "0" * 32, str(UUID(int=0))]
)
def test_foreign_text_is_no_id(text: str) -> None:
    """Anything else is refused by one error."""
    with pytest.raises(IdError):
        parse_id(text)


@pytest.mark.parametrize(("incarnation", "counter"), [(0, 1), (1 << 60, 1), (1, 0), (1, 1 << 62)])
def test_values_out_of_range_make_no_id(incarnation: int, counter: int) -> None:
    """No id is made that could not be read back."""
    with pytest.raises(IdError):
        make_id(Incarnation(incarnation), counter)
