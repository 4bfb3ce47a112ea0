"""The hash chain of a lane: ``h(n) = blake2b-8(h(n-1) ‖ blake2b-16(body))``, ``h(0)`` = 8 zero bytes.

Two ends whose hash at a sequence number is equal hold the same entries up to it. The digest is of the entry's
body as stored; its content travels beside it, so that erasing content leaves the chain whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

HASH_BYTES = 8
DIGEST_BYTES = 16
GENESIS = bytes(HASH_BYTES)
"""``h(0)``: the chain before the first entry."""


def digest(body: bytes) -> bytes:
    """The digest of an entry's body as stored, 16 bytes."""
    return blake2b(body, digest_size=DIGEST_BYTES).digest()


def extend(before: bytes, body: bytes) -> bytes:
    """The hash after ``body``, 8 bytes; raises ValueError when ``before`` is no hash of a chain."""
    if len(before) != HASH_BYTES:
        raise ValueError(f"a chain hash has {HASH_BYTES} bytes, not {len(before)}")
    return blake2b(before + digest(body), digest_size=HASH_BYTES).digest()


def run(before: bytes, bodies: Iterable[bytes]) -> Iterator[bytes]:
    """The hash after each of ``bodies``, in order."""
    for body in bodies:
        before = extend(before, body)
        yield before
