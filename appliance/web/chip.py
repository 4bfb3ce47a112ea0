"""The one status chip: what works, in at most a dozen words. A pure function of the status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from appliance.domain.lifecycle import LinkState, ModemState
from appliance.domain.records import LinkView, ModemStatus, StatusView
from appliance.web.i18n import gettext, ngettext
from appliance.web.words import N_, Tone

_WORST_LAST = (
    ModemState.READY,
    ModemState.SEARCHING,
    ModemState.OPENING,
    ModemState.RESETTING,
    ModemState.PIN,
    ModemState.PUK,
    ModemState.NO_SIM,
    ModemState.DENIED,
    ModemState.FAILED,
    ModemState.ABSENT,
)

SMS: Mapping[ModemState, str] = {
    ModemState.READY: N_("SMS works"),
    ModemState.SEARCHING: N_("SMS waits for a network"),
    ModemState.OPENING: N_("SMS is starting"),
    ModemState.RESETTING: N_("SMS is starting again"),
    ModemState.PIN: N_("SMS cannot come in: the SIM needs its PIN"),
    ModemState.PUK: N_("SMS cannot come in: the SIM needs its PUK"),
    ModemState.NO_SIM: N_("SMS cannot come in: no SIM"),
    ModemState.DENIED: N_("SMS cannot come in: the network denies the SIM"),
    ModemState.FAILED: N_("SMS cannot come in: the modem failed"),
    ModemState.ABSENT: N_("SMS cannot come in: no modem"),
}

_SOON = {ModemState.SEARCHING, ModemState.OPENING, ModemState.RESETTING}


@dataclass(frozen=True, slots=True)
class Chip:
    """What the header shows on every page."""

    icon: str
    tone: Tone
    text: str


@dataclass(frozen=True, slots=True)
class _Phrase:
    icon: str
    tone: Tone
    text: str


def best_modem(modems: Sequence[ModemStatus]) -> ModemStatus | None:
    """The modem that works best, which decides whether SMS works."""
    return min(modems, key=lambda modem: _WORST_LAST.index(modem.state), default=None)


def summarise(status: StatusView) -> Chip:
    """The worst of link and modem in front, then the number waiting to sync."""
    link, sms = _links(status), _sms(status)
    ranked = [phrase for phrase in (link, sms) if phrase is not None]
    if sms is not None and sms.tone is Tone.BAD:
        ranked.reverse()
    waiting = sum(each.waiting for each in status.links)
    texts = [phrase.text for phrase in ranked]
    if waiting:
        texts.append(ngettext("%(num)s to sync", "%(num)s to sync", waiting))
    if not texts:
        texts.append(gettext("No box has called yet"))
    worst = max(ranked, key=lambda phrase: list(Tone).index(phrase.tone), default=None)
    if worst is None:
        return Chip("tick", Tone.OK, " · ".join(texts))
    return Chip(worst.icon, worst.tone, " · ".join(texts))


def _links(status: StatusView) -> _Phrase | None:
    if not status.links:
        return None
    if status.kind == "hub":
        return _fleet(status.links)
    return _one(status.links[0])


def _one(link: LinkView) -> _Phrase:
    if link.state is LinkState.ONLINE:
        return _Phrase("cloud", Tone.OK, gettext("Online"))
    if link.state is LinkState.REFUSED:
        return _Phrase("stop", Tone.WARN, gettext("The hub refuses this box"))
    return _Phrase("cloudoff", Tone.WARN, gettext("Offline"))


def _fleet(links: Sequence[LinkView]) -> _Phrase:
    away = sum(link.state is not LinkState.ONLINE for link in links)
    if not away:
        return _Phrase("cloud", Tone.OK, ngettext("%(num)s box online", "All %(num)s boxes online", len(links)))
    text = ngettext("%(num)s box offline", "%(num)s boxes offline", away)
    if away < len(links):
        text = gettext("%(away)s of %(all)s boxes offline", away=away, all=len(links))
    return _Phrase("cloudoff", Tone.WARN, text)


def _sms(status: StatusView) -> _Phrase | None:
    if not status.has_room:
        return _Phrase("warn", Tone.BAD, gettext("The disk is full: nothing can be kept"))
    modem = best_modem(status.modems)
    if modem is None:
        if status.kind == "hub":
            return None
        return _Phrase("plug", Tone.BAD, gettext(SMS[ModemState.ABSENT]))
    if modem.state is ModemState.READY:
        return _Phrase("signal", Tone.OK, gettext(SMS[modem.state]))
    return _Phrase("sim", Tone.WARN if modem.state in _SOON else Tone.BAD, gettext(SMS[modem.state]))
