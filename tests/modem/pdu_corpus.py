"""A seeded corpus of SMS-DELIVER PDUs, built with bit strings: an arithmetic of its own, to judge the codec by."""

from __future__ import annotations

import random
from dataclasses import dataclass

from appliance.domain.text import GSM7_DEFAULT, GSM7_EXTENSION

GSM_CHARS = [char for char in GSM7_DEFAULT if char != "\x1b"]
EXTENSION = {char: code for code, char in GSM7_EXTENSION.items()}
WIDE = [chr(code) for code in (*range(0x0620, 0x064A), *range(0x0410, 0x0450), *range(0x4E00, 0x4E80))]
EMOJI = ["😀", "👍", "🏥", "🙏"]
HEADERS = {
    "none": b"",
    "concat8": bytes.fromhex("050003a70302"),
    "concat16": bytes.fromhex("06080412340302"),
    "port16": bytes.fromhex("0605040b8423f0"),
    "unknown": bytes.fromhex("047002abcd"),
}


@dataclass(frozen=True)
class Case:
    """One PDU and what it says."""

    pdu: bytes
    text: str
    sender: str
    header: str


def septets(text: str) -> list[int]:
    """Codes of the GSM alphabet, an escape before those of the extension."""
    codes: list[int] = []
    for char in text:
        codes += [0x1B, EXTENSION[char]] if char in EXTENSION else [GSM7_DEFAULT.index(char)]
    return codes


def pack_bits(codes: list[int], header: bytes) -> bytes:
    """Header and septets as one string of bits, least significant first, cut into octets."""
    bits = "".join(f"{octet:08b}"[::-1] for octet in header)
    bits += "0" * (-len(bits) % 7)
    bits += "".join(f"{code:07b}"[::-1] for code in codes)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


def swapped(digits: str) -> bytes:
    """Semi-octets swapped, F at the end of an odd number."""
    padded = digits + "F" * (len(digits) % 2)
    return bytes.fromhex("".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2)))


def deliver(
    text: str, *, wide: bool, header: bytes = b"", sender: str = "252615550011", dcs: int | None = None
) -> bytes:
    """An SMS-DELIVER with a service centre, an international sender and a time in zone +3 h."""
    body = text.encode("utf-16-be")
    if wide:
        user_data = bytes([len(header) + len(body)]) + header + body
    else:
        codes = septets(text)
        count = (len(header) * 8 + 6) // 7 + len(codes)
        user_data = bytes([count]) + pack_bits(codes, header)
    scheme = dcs if dcs is not None else (0x08 if wide else 0x00)
    return (
        bytes.fromhex("0791") + swapped("252610000000")
        + bytes([0x44 if header else 0x04, len(sender), 0x91]) + swapped(sender)
        + bytes([0, scheme]) + swapped("261122143059") + bytes([0x21])
        + user_data
    )  # fmt: skip


def corpus(seed: int, count: int) -> list[Case]:
    """``count`` cases: both alphabets, all headers, every length."""
    rng = random.Random(seed)
    cases = []
    for _ in range(count):
        name = rng.choice(list(HEADERS))
        header = HEADERS[name]
        wide = rng.random() < 0.4
        if wide:
            text = "".join(rng.choice(WIDE) for _ in range(rng.randint(0, (140 - len(header)) // 2 - 2)))
            if text and rng.random() < 0.3:
                text = text[:-1] + rng.choice(EMOJI)
        else:
            room = rng.randint(0, 160 - (len(header) * 8 + 6) // 7)
            text = ""
            while room > 1:
                char = rng.choice(list(EXTENSION)) if rng.random() < 0.05 else rng.choice(GSM_CHARS)
                text += char
                room -= 2 if char in EXTENSION else 1
        sender = "252615550" + f"{rng.randint(0, 10 ** rng.randint(0, 3) - 1)}"
        cases.append(Case(deliver(text, wide=wide, header=header, sender=sender), text, sender, name))
    return cases
