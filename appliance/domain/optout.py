"""Words that stop and start messages (the whole message, trimmed and case-folded, is one of them)."""

from __future__ import annotations

import unicodedata
from enum import StrEnum


class Wish(StrEnum):
    """What the sender of such a word wants."""

    STOP = "stop"
    START = "start"


_STOP = {
    "stop", "stopall", "unsubscribe", "end", "quit", "arret", "arrêt", "arreter", "arrêter", "توقف", "قف", "إيقاف", "ايقاف", "الغاء", "إلغاء",
    "jooji", "parar", "acha",
}  # fmt: skip
_START = {"start", "unstop", "debut", "début", "reprendre", "ابدأ", "ابدا", "بداية", "bilow", "anza"}
_CONFIRMATION = {
    "en": "You will get no more messages from us. Send START to change this.",
    "ar": "لن نرسل لك رسائل بعد الآن. أرسل START للعودة.",
}

PURPOSE = "messages"
"""The purpose of consent that these words change."""


def wish(text: str) -> Wish | None:
    """What the whole message asks for, or None when it is an ordinary message."""
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf")
    word = unicodedata.normalize("NFC", visible).strip().strip(".!؟?،").strip().casefold()
    if word in _STOP:
        return Wish.STOP
    return Wish.START if word in _START else None


def confirmation(text: str) -> str:
    """The one confirmation of a STOP, in the script the person wrote in."""
    arabic = any("\u0600" <= char <= "\u06ff" for char in text)
    return _CONFIRMATION["ar" if arabic else "en"]
