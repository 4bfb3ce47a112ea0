"""The hash chain proves that two ends hold the same entries."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.wire import chain

BODIES = st.lists(st.binary(max_size=20), max_size=6)


def test_the_chain_is_as_written_in_the_design() -> None:
    """h(1) = blake2b-8(8 zero bytes ‖ blake2b-16(body)): other implementations must agree to the bit."""
    inner = blake2b(b"abc", digest_size=16).digest()
    assert chain.extend(chain.GENESIS, b"abc") == blake2b(bytes(8) + inner, digest_size=8).digest()


@given(BODIES, BODIES)
def test_equal_hashes_mean_equal_histories(left: list[bytes], right: list[bytes]) -> None:
    """The hash at the end differs exactly when the histories differ."""
    ends = [[chain.GENESIS, *chain.run(chain.GENESIS, bodies)][-1] for bodies in (left, right)]
    assert (ends[0] == ends[1]) == (left == right)


def test_a_hash_of_another_length_is_refused() -> None:
    """A truncated hash never silently starts another chain."""
    with pytest.raises(ValueError, match="8 bytes"):
        chain.extend(b"short", b"abc")
