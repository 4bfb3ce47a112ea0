"""The state of the node: the sentence on top, its modems, its queue, its links, its clock."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from appliance.messaging import inbox, status
from appliance.store import Store
from appliance.web.auth import require_login
from appliance.web.chip import summarise
from appliance.web.words import CLOCKS, LINKS, MODEMS


class BoxPages:
    """The page behind the status chip."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def blueprint(self) -> Blueprint:
        """The routes of these pages."""
        pages = Blueprint("box", __name__)
        pages.before_request(require_login)
        pages.add_url_rule("/status", "show", self.show)
        return pages

    def show(self) -> str:
        """The status page, or one of its fragments."""
        fragment = request.args.get("fragment")
        if fragment == "chip":
            return render_template("_chip.html", **chip(self._store))
        found = status.snapshot(self._store)
        page = "_status.html" if fragment == "status" else "status.html"
        words = {"modems": MODEMS, "links": LINKS, "clocks": CLOCKS, "summary": summarise(found)}
        return render_template(page, status=found, **words)


def chip(store: Store) -> dict[str, object]:
    """What the header of every page shows: the chip, and how many people wait for an answer."""
    return {"chip": summarise(status.snapshot(store)), "waiting_people": inbox.waiting_count(store)}
