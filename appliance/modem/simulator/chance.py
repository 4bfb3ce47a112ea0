"""Chance that repeats: the same seed gives the same village."""

from __future__ import annotations

import random


def seeded(*what: object) -> random.Random:
    """A generator that gives the same sequence for the same words."""
    return random.Random(" ".join(str(word) for word in what))  # noqa: S311 - repeatable on purpose, protects nothing
