"""Languages of the pages: which one a request gets, its catalogue, and times written in it.

Catalogues are compiled from their ``.po`` text when the application is created: no binary in the repository
that can be older than its source, nothing to build in a clone, nothing to write on a read-only system.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from babel import Locale, support
from babel.dates import LOCALTZ
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, g, request, session
from flask_babel import Babel, Domain, format_date, format_timedelta, get_locale, get_timezone, refresh
from flask_babel import gettext as _gettext
from flask_babel import ngettext as _ngettext

TRANSLATIONS = Path(__file__).parent / "translations"
SOURCE = "en"
OWN_NAMES: Mapping[str, str] = {"en": "English", "ar": "العربية"}
"""The languages offered, each by the name its readers know."""

_CHOSEN = "lang"
_BEFORE = "lang-before"
_WEEK_DAYS = 6


def install(app: Flask, *, timezone: tzinfo = LOCALTZ) -> None:
    """Makes every request speak its reader's language and write times in ``timezone``."""
    babel = Babel()
    babel.init_app(app, default_locale=SOURCE, locale_selector=_select, timezone_selector=lambda: timezone)
    with app.app_context():
        domain: Domain = babel.domain_instance
    domain.cache[SOURCE, domain.domain[0]] = support.NullTranslations()
    for code in OWN_NAMES.keys() - {SOURCE}:
        domain.cache[code, domain.domain[0]] = catalogue(code)


def catalogue(code: str) -> support.Translations:
    """The catalogue of a language, compiled in memory; raises FileNotFoundError for one nobody wrote."""
    with (TRANSLATIONS / code / "LC_MESSAGES" / "messages.po").open("rb") as source:
        parsed = read_po(source, locale=code)
    compiled = io.BytesIO()
    write_mo(compiled, parsed)
    compiled.seek(0)
    return support.Translations(compiled)


def choose(code: str) -> bool:
    """Keeps ``code`` as the language of this browser's session; False for a language that is not offered."""
    if code not in OWN_NAMES:
        return False
    session[_CHOSEN] = code
    refresh()
    return True


def settle() -> None:
    """Keeps the language of this request for the session: the account's may change on another phone meanwhile."""
    refresh()
    choose(current().language)


def chosen() -> str | None:
    """The language this session chose with the switch, if any."""
    code = session.get(_CHOSEN)
    return code if code in OWN_NAMES else None


def forget_person() -> None:
    """Empties the session; only its language stays, as a guess that the next person's own setting overrules."""
    before = current().language
    session.clear()
    session[_BEFORE] = before


def current() -> Locale:
    """The language of this request."""
    return get_locale() or Locale.parse(SOURCE)


def _select() -> str:
    actor = g.get("actor")
    if code := chosen():
        return code
    if actor is not None and actor.language in OWN_NAMES:
        return str(actor.language)
    if (before := session.get(_BEFORE)) in OWN_NAMES:
        return str(before)
    return request.accept_languages.best_match(list(OWN_NAMES), SOURCE) or SOURCE


def gettext(text: str, **values: object) -> str:
    """The source text ``text`` in the language of this request, with ``values`` in its places."""
    return str(_gettext(text, **values))


def ngettext(one: str, many: str, num: int, **values: object) -> str:
    """As ``gettext`` for a number of things: every language counts in its own way."""
    return str(_ngettext(one, many, num, **values))


# --- times ---------------------------------------------------------------------------------------------------


def moment(ms: int) -> datetime:
    """The instant ``ms`` of Unix time in the time zone of the pages."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(get_timezone())


def stamp(ms: int) -> str:
    """``ms`` as the ``datetime`` attribute of a ``<time>`` wants it."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock_time(ms: int) -> str:
    """Hours and minutes, 24 hours a day."""
    return moment(ms).strftime("%H:%M")


def day(ms: int, now: int) -> str:
    """The day of ``ms`` in words: today, yesterday, or its date."""
    then, today = moment(ms).date(), moment(now).date()
    if then == today:
        return gettext("Today")
    if then == today - timedelta(days=1):
        return gettext("Yesterday")
    return str(format_date(moment(ms), "EEEE d MMMM y", rebase=False))


def short(ms: int, now: int) -> str:
    """The shortest writing that still tells the time: hour today, weekday this week, else the date."""
    days = (moment(now).date() - moment(ms).date()).days
    if days == 0:
        return clock_time(ms)
    pattern = "EEE" if 0 < days <= _WEEK_DAYS else "d MMM" if abs(days) < 365 / 2 else "d MMM y"
    return str(format_date(moment(ms), pattern, rebase=False))


def exact(ms: int, now: int) -> str:
    """Time of day, with its day when that is not today."""
    return clock_time(ms) if moment(ms).date() == moment(now).date() else f"{short(ms, now)} {clock_time(ms)}"


def span(seconds: int) -> str:
    """A stretch of time in words, to the precision people want: minutes, hours or days."""
    return str(format_timedelta(timedelta(seconds=seconds), granularity="second", threshold=1.2))
