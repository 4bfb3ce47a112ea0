"""Collects every text the pages can show, and brings the catalogues up to date: ``python -m appliance.web.extract``."""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from appliance.domain.failure import CATALOGUE
from appliance.web.i18n import OWN_NAMES, SOURCE, TRANSLATIONS

_HERE = Path(__file__).parent
_KEYWORDS = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2)}
_METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
_OPTIONS = {"**/templates/**.html": {"trimmed": "true", "silent": "false"}}


def source_texts() -> Catalog:
    """Every source text of code, templates and failure catalogue, with its places."""
    found = Catalog(project="Fieldbox", charset="utf-8")
    for name, line, message, comments, _ in extract_from_dir(
        _HERE, method_map=_METHODS, options_map=_OPTIONS, keywords=_KEYWORDS, strip_comment_tags=True
    ):
        found.add(message, None, [(name, line)], auto_comments=comments)
    for code, row in CATALOGUE.items():
        found.add(row[2], None, [("failure", 0)], auto_comments=[code])
    return found


def update(code: str) -> None:
    """Adds new source texts to a language's catalogue, untranslated, and drops those no longer shown."""
    path = TRANSLATIONS / code / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as source:
        known = read_po(source, locale=code)
    known.update(source_texts(), no_fuzzy_matching=True, update_creation_date=False)
    known.obsolete.clear()
    with path.open("wb") as target:
        write_po(target, known, width=120, omit_header=False, no_location=True, sort_output=True)


if __name__ == "__main__":
    for language in sorted(OWN_NAMES.keys() - {SOURCE}):
        update(language)
