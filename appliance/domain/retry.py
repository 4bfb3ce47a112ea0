"""How long to wait before the next try, and when to stop trying."""

from __future__ import annotations

FIRST_S = 15
LONGEST_S = 15 * 60
MOST_TRIES = 40
"""About nine hours of trying; then a person decides, and a decision to send again begins another round."""


def delay_s(tries: int) -> int:
    """Seconds to wait after ``tries`` (≥ 1) unsuccessful tries: doubling from 15 s to a quarter of an hour."""
    return min(LONGEST_S, FIRST_S << min((tries - 1) % MOST_TRIES, 10))


def is_last(tries: int) -> bool:
    """Whether trying once more is of no use."""
    return tries % MOST_TRIES == 0
