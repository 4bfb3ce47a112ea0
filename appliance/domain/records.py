"""What the layers hand each other: frozen values, never database rows.

Times are milliseconds of Unix time (UTC) unless a name says otherwise; each goes with the quality of the
clock that told it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from appliance.domain.address import Line
from appliance.domain.failure import Failure
from appliance.domain.lifecycle import Incoming, LinkState, ModemState, Outgoing, SpanState
from appliance.domain.text import Encoding


class Direction(StrEnum):
    """Which way a message went, seen from the organisation."""

    IN = "in"
    OUT = "out"


class ClockQuality(StrEnum):
    """Where a time came from, worst first (contracts.md §5)."""

    NONE = "none"
    SMSC = "smsc"
    NITZ = "nitz"
    BROWSER = "browser"
    HUB = "hub"
    RTC = "rtc"
    NTP = "ntp"


class Priority(StrEnum):
    """How urgent an outgoing message is."""

    URGENT = "urgent"
    NORMAL = "normal"
    BULK = "bulk"


class Role(StrEnum):
    """What an account may do."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant as a node knows it: wall clock, its quality, and the boot-relative time that never jumps."""

    ms: int
    quality: ClockQuality
    boot: str
    mono_ms: int


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: an account by browser or token, or a service of the node (``user`` is None)."""

    name: str
    user: UUID | None = None
    role: Role = Role.VIEWER
    language: str = "en"
    scopes: frozenset[str] = frozenset()
    """Of a bearer token (``messages:read``, ``messages:write`` …); empty for a browser's session."""

    def may_write(self) -> bool:
        """Whether this actor may send and change things."""
        return self.role in {Role.RESPONDER, Role.ADMINISTRATOR}


# --- between the modem and messaging -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IncomingSms:
    """One SMS part as read from a modem and decoded (3GPP TS 23.040 §9.2.2.1)."""

    sender: Line
    text: str
    encoding: Encoding
    raw: bytes
    """The whole PDU as the modem gave it, SMSC octets first."""
    modem: str
    """IMEI of the modem."""
    sent_at: int | None = None
    """Service centre time stamp, ms of Unix time."""
    reference: int | None = None
    part: int = 1
    of: int = 1
    message_class: int | None = None
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A status report (3GPP TS 23.040 §9.2.2.3)."""

    recipient: Line
    tp_mr: int
    status: int
    """TP-Status, §9.2.3.15."""
    modem: str
    raw: bytes
    submitted_at: int | None = None
    discharged_at: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One part that this modem shall hand to the network now; its attempt is already committed."""

    attempt: UUID
    part: UUID
    message: UUID
    recipient: Line
    text: str
    encoding: Encoding
    number: int
    of: int
    reference: int | None
    report: bool
    validity_s: int | None


@dataclass(frozen=True, slots=True)
class ModemStatus:
    """What is known of a modem now."""

    imei: str
    state: ModemState
    signal: int | None = None
    """0–5 bars; None when unknown."""
    operator: str = ""
    imsi: str = ""
    number: str = ""
    port: str = ""
    model: str = ""
    balance: str = ""
    failure: Failure | None = None
    changed_at: int = 0


# --- what the inbox and the API show -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PartView:
    """One part of a message."""

    number: int
    of: int
    state: str
    tp_mr: int | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One step in a message's life."""

    at: int
    state: str
    why: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as pages and the API show it."""

    id: UUID
    conversation: UUID
    contact: UUID
    line: Line
    direction: Direction
    channel: str
    carrier: str
    """Name of the node whose channel carries it."""
    state: Outgoing | Incoming
    text: str | None
    """None when the content was erased or is sealed."""
    encoding: Encoding
    parts: tuple[PartView, ...]
    at: int
    clock: ClockQuality
    synced: bool
    """Whether the other end holds it."""
    author: str = ""
    """Display name of the person (or node) who wrote an outgoing message."""
    priority: Priority = Priority.NORMAL
    failure: Failure | None = None
    next_try_at: int | None = None
    expires_at: int | None = None
    in_reply_to: UUID | None = None
    missing_parts: tuple[int, ...] = ()
    history: tuple[HistoryStep, ...] = ()
    cursor: int = 0
    """Place in the order of creation in this store; what ``since=`` takes."""


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation in the list."""

    id: UUID
    contact: UUID
    name: str
    """The person's name; empty until someone gave one."""
    line: Line
    box: str
    """The node whose channel reaches this person."""
    state: SpanState
    unread: int
    last_text: str | None
    last_direction: Direction | None
    last_state: Outgoing | Incoming | None
    last_at: int
    waiting_since: int | None
    """When the oldest message nobody answered came; None when nobody waits."""
    opted_out: bool = False
    cursor: int = 0


@dataclass(frozen=True, slots=True)
class ContactView:
    """A person."""

    id: UUID
    name: str
    lines: tuple[Line, ...]
    created_at: int
    cursor: int = 0


@dataclass(frozen=True, slots=True)
class LinkView:
    """The link as a status page tells it."""

    peer: str
    state: LinkState
    waiting: int
    oldest_s: int
    last_acknowledged_at: int | None
    since: int | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class QueueView:
    """How many outgoing messages are where."""

    queued: int = 0
    sending: int = 0
    uncertain: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class StatusView:
    """Everything ``/api/v1/status`` and the status chip tell."""

    node: str
    kind: str
    """``box`` or ``hub``."""
    modems: tuple[ModemStatus, ...]
    queue: QueueView
    links: tuple[LinkView, ...]
    """One on a box; one for each box on a hub."""
    clock: ClockQuality
    has_room: bool = True
    """Whether the disk takes anything new."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the event feed: what changed, not how."""

    seq: int
    topic: str
    """``message``, ``conversation``, ``contact``, ``modem``, ``link``."""
    subject: str
    conversation: UUID | None = None
