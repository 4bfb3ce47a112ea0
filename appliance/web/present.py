"""Messages and conversations as the templates want them: with their words, days and choices worked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.domain import text as sms_text
from appliance.domain.lifecycle import LinkState, ModemState, PartEvent
from appliance.domain.lifecycle import Outgoing as Out
from appliance.domain.records import Actor, ConversationView, Direction, MessageView, StatusView
from appliance.web import i18n
from appliance.web.chip import SMS, best_modem
from appliance.web.i18n import gettext, ngettext
from appliance.web.words import N_, STATES, Tone, Word, sentence

MAX_PARTS = 10
PAGE_CHARACTERS = 24_000
"""How much message text one page carries; older messages are a page further (a page stays below 100 KB)."""

_CHOICES: dict[Out, tuple[tuple[PartEvent, str], ...]] = {
    Out.UNCERTAIN: (
        (PartEvent.RESEND, N_("Send again")),
        (PartEvent.ARRIVED, N_("It arrived")),
        (PartEvent.GIVE_UP, N_("Leave it")),
    ),
    Out.FAILED: ((PartEvent.RESEND, N_("Send again")),),
    Out.EXPIRED: ((PartEvent.RESEND, N_("Send anyway")),),
    Out.WAITING: ((PartEvent.RESEND, N_("Try now")), (PartEvent.CANCEL, N_("Cancel"))),
    Out.QUEUED: ((PartEvent.CANCEL, N_("Cancel")),),
    Out.HELD: ((PartEvent.CANCEL, N_("Cancel")),),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A button a person may press on a message."""

    event: PartEvent
    label: str


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message of a thread."""

    view: MessageView
    word: Word
    reason: str
    choices: tuple[Choice, ...]
    day: str
    """The day in words on the first message of a day, else empty."""

    @property
    def out(self) -> bool:
        """Whether the organisation wrote it."""
        return self.view.direction is Direction.OUT


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a thread, at which node, when."""

    actor: Actor
    node: str
    now: int


def bubbles(messages: Sequence[MessageView], reader: Reader) -> list[Bubble]:
    """The thread, oldest first, with a day line where a new day begins."""
    made: list[Bubble] = []
    last = ""
    for view in messages:
        today = i18n.day(view.at, reader.now)
        # Only the node that carries a message knows what became of it, so only there can somebody decide.
        choices = _choices(view) if reader.actor.may_write() and view.carrier == reader.node else ()
        made.append(Bubble(view, STATES[view.state], reason(view), choices, today if today != last else ""))
        last = today
    return made


def newest(messages: Sequence[MessageView]) -> list[MessageView]:
    """The newest messages that fit one page (at least one)."""
    room, kept = PAGE_CHARACTERS, 0
    for view in reversed(messages):
        room -= len(view.text or "") + 400
        if room < 0 and kept:
            break
        kept += 1
    return list(messages[len(messages) - kept :])


def reason(view: MessageView) -> str:
    """Why a message is where it is, in a sentence; empty when its state says enough."""
    if view.missing_parts:
        parts = ", ".join(str(number) for number in view.missing_parts)
        of = max((part.of for part in view.parts), default=max(view.missing_parts))
        missing = len(view.missing_parts)
        return ngettext(
            "Part %(parts)s of %(of)s missing", "Parts %(parts)s of %(of)s missing", missing, parts=parts, of=of
        )
    if view.failure is not None and view.state not in {Out.SENT, Out.DELIVERED}:
        return sentence(view.failure)
    return gettext("It may have been sent.") if view.state is Out.UNCERTAIN else ""


def _choices(view: MessageView) -> tuple[Choice, ...]:
    if view.direction is Direction.IN or not isinstance(view.state, Out):
        return ()
    return tuple(Choice(event, gettext(label)) for event, label in _CHOICES.get(view.state, ()))


# --- what is typed -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Count:
    """How long a text is as SMS."""

    text: str
    parts: int
    left: int
    encoding: str
    tone: Tone


def count(text: str) -> Count:
    """The exact number of parts and of characters left in the last one, in words."""
    cut = sms_text.split(sms_text.clean(text))
    parts = len(cut.segments) if text else 0
    left = ngettext("%(num)s character left", "%(num)s characters left", cut.left)
    if parts > MAX_PARTS:
        words = gettext("%(parts)s parts: longer than the %(max)s that can be sent", parts=parts, max=MAX_PARTS)
        return Count(words, parts, cut.left, cut.encoding.value, Tone.BAD)
    words = left if not parts else f"{left} · " + ngettext("%(num)s part", "%(num)s parts", parts)
    return Count(words, parts, cut.left, cut.encoding.value, Tone.WARN if parts > 3 else Tone.QUIET)


def typed(form_text: str) -> str:
    """A text as typed: forms send line ends as two characters, an SMS would pay for both."""
    return form_text.replace("\r\n", "\n").replace("\r", "\n")


# --- banners -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Banner:
    """Something to know before writing to this person."""

    icon: str
    tone: Tone
    text: str


def banners(conversation: ConversationView, status: StatusView, now: int) -> list[Banner]:
    """What stands between the composer and the person's phone just now."""
    found: list[Banner] = []
    if conversation.opted_out:
        words = gettext("This person asked for no more messages. You can answer only what they write after that.")
        found.append(Banner("stop", Tone.WARN, words))
    away = [link for link in status.links if link.peer == conversation.box and link.state is not LinkState.ONLINE]
    found += [Banner("cloudoff", Tone.WARN, _away(link.peer, link.since, now)) for link in away]
    modem = best_modem(status.modems)
    if conversation.box == status.node and modem is not None and modem.state is not ModemState.READY:
        words = gettext("What you write waits here and goes out when SMS works.")
        found.append(Banner("sim", Tone.WARN, f"{gettext(SMS[modem.state])}. {words}"))
    return found


def _away(box: str, since: int | None, now: int) -> str:
    waits = gettext("Your reply waits here and goes out as SMS when the box returns.")
    if since is None:
        return gettext("The box %(box)s is offline.", box=box) + " " + waits
    return gettext("The box %(box)s is offline since %(time)s.", box=box, time=i18n.exact(since, now)) + " " + waits
