"""Texts and raw PDUs, apart from the facts, so that they can be erased or sealed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from appliance.store import tables as t
from appliance.store.database import Tx
from appliance.wire.kinds import digest_of

SALT_BYTES = 8


@dataclass(frozen=True, slots=True)
class Kept:
    """A content as facts refer to it."""

    id: UUID
    digest: bytes


def keep(
    tx: Tx, text: str, *, pdu: bytes | None = None, sealed_to: str | None = None, sealed: bytes | None = None
) -> Kept:
    """Stores a text (and the PDU it came in) and gives its reference.

    With ``sealed_to`` only the ``sealed`` bytes are written, never the text: the box itself cannot read it afterwards (I11).
    """
    salt = tx.entropy(SALT_BYTES)
    digest = digest_of(salt, text)
    record = tx.new_id()
    if sealed_to is None:
        tx.insert(t.Content, id=record, text=text, pdu=pdu, salt=salt, digest=digest)
    else:
        tx.insert(t.Content, id=record, digest=digest, sealed_to=sealed_to, sealed=sealed)
    return Kept(record, digest)


def keep_received(tx: Tx, record: UUID, *, digest: bytes, content: tuple[bytes, str] | None) -> bool:
    """Stores a content another node sent, or its tombstone; False when it does not fit its digest or is another one's.

    A content that is here stays as it is, erased or not.
    """
    if content is not None and digest_of(*content) != digest:
        return False
    row = tx.one(t.Content.select(t.Content.digest).where(t.Content.id == record))
    if row is not None:
        return bytes(row["digest"]) == digest
    salt, text = content if content is not None else (None, None)
    tx.insert(
        t.Content, id=record, digest=digest, salt=salt, text=text, erased_at=None if content is not None else tx.now.ms
    )
    return True


def fits(beside: tuple[bytes, str], digest: bytes) -> bool:
    """Whether a content belongs to the digest its entry names."""
    return digest_of(*beside) == digest


def read(tx: Tx, record: UUID) -> tuple[bytes, str] | None:
    """Salt and text, or None when erased or sealed."""
    row = tx.one(t.Content.select(t.Content.salt, t.Content.text).where(t.Content.id == record))
    if row is None or row["text"] is None or row["salt"] is None:
        return None
    return bytes(row["salt"]), row["text"]


def erase(tx: Tx, record: UUID) -> None:
    """Removes the content for good and leaves a tombstone with its digest."""
    tx.run(
        t.Content.update(text=None, pdu=None, salt=None, sealed=None, erased_at=tx.now.ms).where(
            (t.Content.id == record) & t.Content.erased_at.is_null()
        )
    )
