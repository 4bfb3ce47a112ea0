"""State machines as tables: ``(state, event) → state``. An unknown pair is an error, never ignored.

The state names are those of the public contract (contracts.md §5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Outgoing(StrEnum):
    """States of an outgoing message and of each of its parts."""

    DRAFT = "draft"
    HELD = "held"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    WAITING = "waiting"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class Incoming(StrEnum):
    """States of an incoming message."""

    RECEIVED = "received"
    INCOMPLETE = "incomplete"


class ModemState(StrEnum):
    """States of a modem."""

    ABSENT = "absent"
    OPENING = "opening"
    NO_SIM = "no-sim"
    PIN = "pin"
    PUK = "puk"
    SEARCHING = "searching"
    DENIED = "denied"
    READY = "ready"
    RESETTING = "resetting"
    FAILED = "failed"


class LinkState(StrEnum):
    """States of the link to the other node."""

    ONLINE = "online"
    OFFLINE = "offline"
    REFUSED = "refused"


class SpanState(StrEnum):
    """States of an open-closed stretch of a conversation."""

    OPEN = "open"
    WAITING = "waiting"
    SNOOZED = "snoozed"
    CLOSED = "closed"


class PartEvent(StrEnum):
    """What can happen to an outgoing part."""

    RELEASE = "release"
    """Approved, or its time has come."""
    BEGIN = "begin"
    """An attempt is committed; the PDU may leave now."""
    ACCEPT = "accept"
    """The network took it."""
    DEFER = "defer"
    """Definitely not sent; worth another try."""
    REJECT = "reject"
    """Definitely not sent; no use trying again."""
    LOSE = "lose"
    """Nobody knows whether it was sent."""
    DELIVER = "deliver"
    """The delivery report says it arrived."""
    UNDELIVERABLE = "undeliverable"
    """The delivery report says it will never arrive."""
    RESEND = "resend"
    """A policy or a person decided to send again."""
    ARRIVED = "arrived"
    """A person says it arrived."""
    UNSENT = "unsent"
    """Evidence that the modem never sent it."""
    GIVE_UP = "give-up"
    """A person leaves it, or the policy does."""
    CANCEL = "cancel"
    EXPIRE = "expire"
    REFUSE = "refuse"


class UnknownTransition(ValueError):  # noqa: N818 - named for what it is, as the table's missing pair
    """A pair of state and event that the table does not hold."""


_S, _E = Outgoing, PartEvent

PART_TABLE: Mapping[tuple[Outgoing, PartEvent], Outgoing] = {
    (_S.DRAFT, _E.RELEASE): _S.QUEUED,
    (_S.DRAFT, _E.CANCEL): _S.CANCELLED,
    (_S.HELD, _E.RELEASE): _S.QUEUED,
    (_S.HELD, _E.CANCEL): _S.CANCELLED,
    (_S.HELD, _E.EXPIRE): _S.EXPIRED,
    (_S.HELD, _E.REFUSE): _S.REFUSED,
    (_S.QUEUED, _E.BEGIN): _S.SENDING,
    (_S.QUEUED, _E.CANCEL): _S.CANCELLED,
    (_S.QUEUED, _E.EXPIRE): _S.EXPIRED,
    (_S.QUEUED, _E.REFUSE): _S.REFUSED,
    (_S.QUEUED, _E.REJECT): _S.FAILED,
    (_S.WAITING, _E.BEGIN): _S.SENDING,
    (_S.WAITING, _E.RESEND): _S.QUEUED,
    (_S.WAITING, _E.CANCEL): _S.CANCELLED,
    (_S.WAITING, _E.EXPIRE): _S.EXPIRED,
    (_S.WAITING, _E.REFUSE): _S.REFUSED,
    (_S.WAITING, _E.REJECT): _S.FAILED,
    (_S.SENDING, _E.ACCEPT): _S.SENT,
    (_S.SENDING, _E.DEFER): _S.WAITING,
    (_S.SENDING, _E.REJECT): _S.FAILED,
    (_S.SENDING, _E.LOSE): _S.UNCERTAIN,
    (_S.SENT, _E.DELIVER): _S.DELIVERED,
    (_S.SENT, _E.UNDELIVERABLE): _S.FAILED,
    (_S.UNCERTAIN, _E.ACCEPT): _S.SENT,
    (_S.UNCERTAIN, _E.DELIVER): _S.DELIVERED,
    (_S.UNCERTAIN, _E.UNDELIVERABLE): _S.FAILED,
    (_S.UNCERTAIN, _E.ARRIVED): _S.SENT,
    (_S.UNCERTAIN, _E.UNSENT): _S.QUEUED,
    (_S.UNCERTAIN, _E.RESEND): _S.QUEUED,
    (_S.UNCERTAIN, _E.GIVE_UP): _S.FAILED,
    (_S.FAILED, _E.RESEND): _S.QUEUED,
    (_S.FAILED, _E.DELIVER): _S.DELIVERED,
    (_S.EXPIRED, _E.RESEND): _S.QUEUED,
}


def next_part(state: Outgoing, event: PartEvent) -> Outgoing:
    """The state of a part after ``event``; raises UnknownTransition for a pair the table does not hold."""
    try:
        return PART_TABLE[state, event]
    except KeyError:
        raise UnknownTransition(f"{state} + {event}") from None


_WORST_FIRST = (
    Outgoing.UNCERTAIN,
    Outgoing.FAILED,
    Outgoing.REFUSED,
    Outgoing.CANCELLED,
    Outgoing.EXPIRED,
    Outgoing.SENDING,
    Outgoing.WAITING,
    Outgoing.HELD,
    Outgoing.DRAFT,
)


def message_state(parts: Iterable[Outgoing]) -> Outgoing:
    """The state of a message as a pure function of its parts' states (at least one part).

    What needs a person comes first; *sent* and *delivered* hold only when they hold for every part.
    """
    states = set(parts)
    if not states:
        raise ValueError("a message has at least one part")
    for state in _WORST_FIRST:
        if state in states:
            return state
    if Outgoing.QUEUED in states:
        return Outgoing.QUEUED if states == {Outgoing.QUEUED} else Outgoing.SENDING
    return Outgoing.DELIVERED if states == {Outgoing.DELIVERED} else Outgoing.SENT


RANK: Mapping[Outgoing, int] = {
    Outgoing.DRAFT: 0,
    Outgoing.HELD: 1,
    Outgoing.QUEUED: 2,
    Outgoing.SENDING: 3,
    Outgoing.WAITING: 4,
    Outgoing.UNCERTAIN: 5,
    Outgoing.REFUSED: 6,
    Outgoing.CANCELLED: 6,
    Outgoing.EXPIRED: 6,
    Outgoing.SENT: 7,
    Outgoing.FAILED: 8,
    Outgoing.DELIVERED: 9,
}
"""Order of a carrier's words about one attempt; between attempts the later attempt counts."""

FINAL = frozenset({Outgoing.DELIVERED, Outgoing.FAILED, Outgoing.EXPIRED, Outgoing.CANCELLED, Outgoing.REFUSED})
"""States in which nothing further is expected."""
