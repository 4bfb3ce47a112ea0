"""Text of an SMS: alphabets (3GPP TS 23.038), the choice of encoding, and exact splitting into parts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Encoding(StrEnum):
    """How the user data of an SMS is coded."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"
    BINARY = "8bit"
