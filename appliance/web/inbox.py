"""The list of conversations, one conversation, and writing to people."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from flask import Blueprint, abort, flash, g, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from appliance.domain.address import AddressError, parse_phone
from appliance.domain.failure import Failure, Refused, failure
from appliance.domain.ids import IdError, parse_id
from appliance.domain.lifecycle import PartEvent
from appliance.domain.records import ConversationView
from appliance.messaging import compose, inbox, status
from appliance.store import Store
from appliance.web import present
from appliance.web.auth import require_login
from appliance.web.i18n import gettext
from appliance.web.words import sentence

ROWS = 30
SIDE_ROWS = 15
"""Rows of the list beside a conversation (shown on wide screens only)."""
WAITING_ROWS = 60
MESSAGES = 60

Answer = Response | str | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Typed:
    """What is in the forms of a page, so that no answer of ours loses it."""

    text: str = ""
    to: str = ""
    box: str = ""
    problem: str = ""
    where: str = ""
    """The field the problem is about."""
    counted: bool = False


class InboxPages:
    """The inbox of a node. ``country`` is the calling code that completes national numbers."""

    def __init__(self, store: Store, *, country: str = "") -> None:
        self._store = store
        self._country = country

    def blueprint(self) -> Blueprint:
        """The routes of these pages."""
        pages = Blueprint("inbox", __name__)
        pages.before_request(require_login)
        pages.add_url_rule("/", "start", self.start)
        pages.add_url_rule("/inbox", "list", self.rows)
        pages.add_url_rule("/c/<id>", "thread", self.thread)
        pages.add_url_rule("/c/<id>", "write", self.write, methods=["POST"])
        pages.add_url_rule("/new", "new", self.new)
        pages.add_url_rule("/new", "begin", self.begin, methods=["POST"])
        pages.add_url_rule("/compose/count", "count", self.count, methods=["POST"])
        return pages

    def start(self) -> Answer:
        """The start page is the inbox."""
        return redirect(url_for("inbox.list"), 303)

    # --- reading ---

    def rows(self) -> Answer:
        """Conversations, newest activity first, all or only those where somebody waits."""
        page = "_list.html" if request.args.get("fragment") == "list" else "inbox.html"
        numbers = [modem.number for modem in status.snapshot(self._store).modems if modem.number]
        limit = SIDE_ROWS if "at" in request.args else ROWS
        side = self._rows(limit, request.args.get("at", ""), _place(request.args.get("before", "")))
        return render_template(page, side=side, numbers=numbers)

    def thread(self, id: str) -> Answer:  # noqa: A002 - the name of the URL's part
        """One conversation, its newest messages last."""
        conversation = self._conversation(id)
        fragment = request.args.get("fragment")
        if fragment == "banners":
            return render_template("_banners.html", banners=self._banners(conversation))
        if g.actor.may_write() and conversation.unread and "before" not in request.args:
            inbox.mark_seen(self._store, conversation.id, g.actor)
        if fragment == "thread":
            return render_template("_thread.html", **self._messages(conversation))
        return self._conversation_page(conversation, Typed())

    def new(self) -> Answer:
        """The form for a first message to a number."""
        return self._new_page(Typed(to=request.args.get("to", "")))

    def count(self) -> Answer:
        """How long a text is; posted, so that it stays out of addresses and logs."""
        found = present.count(present.typed(request.form.get("text", "")))
        return jsonify(
            text=found.text, parts=found.parts, left=found.left, encoding=found.encoding, tone=found.tone.value
        )

    # --- writing ---

    def write(self, id: str) -> Answer:  # noqa: A002 - the name of the URL's part
        """What the one form of a conversation does: send, count, name the person, or decide about a message."""
        conversation = self._conversation(id)
        text = present.typed(request.form.get("text", ""))
        action, _, rest = request.form.get("do", "send").partition(":")
        if action == "count":
            return self._conversation_page(conversation, Typed(text, counted=True))
        try:
            self._require_writer()
            if action == "send":
                self._reply(conversation, text)
                text = ""
            elif action == "name":
                self._name(conversation)
            else:
                compose.decide(self._store, _id(rest), _event(action), g.actor)
        except Refused as refused:
            typed = Typed(text, problem=sentence(refused.failure), where="text" if action == "send" else "")
            return self._conversation_page(conversation, typed), _code(refused.failure)
        if text:  # pressed another button of the form: what is being written stays
            return self._conversation_page(self._conversation(id), Typed(text))
        return redirect(url_for("inbox.thread", id=id) + "#end", 303)

    def begin(self) -> Answer:
        """Sends the first message to a number, then shows its conversation."""
        text = present.typed(request.form.get("text", ""))
        typed = Typed(text, request.form.get("to", "").strip(), request.form.get("box", ""))
        if request.form.get("do") == "count":
            return self._new_page(Typed(text, typed.to, typed.box, counted=True))
        try:
            self._require_writer()
            conversation = self._first(typed)
        except Refused as refused:
            where = {"input.number": "to", "input.which-box": "box", "input.unknown-box": "box"}
            found = where.get(refused.failure.code, "text")
            page = self._new_page(Typed(text, typed.to, typed.box, sentence(refused.failure), found))
            return page, _code(refused.failure)
        return redirect(url_for("inbox.thread", id=conversation) + "#end", 303)

    def _reply(self, conversation: ConversationView, text: str) -> None:
        compose.reply(self._store, conversation.id, text, g.actor, once=_once(str(conversation.id), text))

    def _first(self, typed: Typed) -> UUID:
        try:
            line = parse_phone(typed.to, country=self._country)
        except AddressError as error:
            raise Refused(failure("input.number")) from error
        draft = compose.Draft(to=line, text=typed.text, box=typed.box)
        once = _once(f"{line} {typed.box}", typed.text)
        return compose.accept(self._store, draft, g.actor, once=once).conversation

    def _name(self, conversation: ConversationView) -> None:
        name = " ".join(request.form.get("name", "").split())
        if name != conversation.name:
            inbox.name_contact(self._store, conversation.contact, name, g.actor)
            flash(gettext("The name is saved."))

    def _require_writer(self) -> None:
        if not g.actor.may_write():
            raise Refused(failure("auth.forbidden"))

    # --- what pages show ---

    def _conversation(self, id: str) -> ConversationView:  # noqa: A002 - the name of the URL's part
        found = inbox.conversation(self._store, _id(id))
        if found is None:
            abort(404)
        return found

    def _rows(self, limit: int, shown: str = "", before: tuple[int, UUID] | None = None) -> dict[str, object]:
        waiting = request.args.get("filter") == "waiting"
        limit = WAITING_ROWS if waiting else limit
        at, after = before or (None, None)
        rows = inbox.conversations(self._store, before=at, before_id=after, limit=limit + 1, waiting=waiting)
        # Those who wait come longest first, all of them on one page: there is no older page of an order by need.
        older = _mark(rows[limit - 1]) if len(rows) > limit and not waiting else ""
        here = {"filter": "waiting" if waiting else "", "before": request.args.get("before", ""), "at": shown}
        return {
            "rows": rows[:limit],
            "waiting": waiting,
            "waiting_count": inbox.waiting_count(self._store),
            "shown": shown,
            "before": before,
            "older": older,
            "live": _address("inbox.list", fragment="list", **here),
        }

    def _messages(self, conversation: ConversationView) -> dict[str, object]:
        before = request.args.get("before", type=int)
        found = inbox.thread(self._store, conversation.id, before=before, limit=MESSAGES + 1)
        shown = present.newest(found[-MESSAGES:])
        now = self._store.clock.now().ms
        return {
            "conversation": conversation,
            "bubbles": present.bubbles(shown, present.Reader(g.actor, self._store.node.name, now)),
            "older": shown[0].cursor if shown and len(shown) < len(found) else None,
            "before": before,
        }

    def _conversation_page(self, conversation: ConversationView, typed: Typed) -> str:
        return render_template(
            "conversation.html",
            **self._messages(conversation),
            side=self._rows(SIDE_ROWS, str(conversation.id)),
            typed=typed,
            key=secrets.token_urlsafe(9),
            count=present.count(typed.text),
            banners=self._banners(conversation),
        )

    def _banners(self, conversation: ConversationView) -> list[present.Banner]:
        return present.banners(conversation, status.snapshot(self._store), self._store.clock.now().ms)

    def _new_page(self, typed: Typed) -> str:
        found = status.snapshot(self._store)
        boxes = [link.peer for link in found.links] if found.kind == "hub" else []
        return render_template(
            "new.html", typed=typed, key=secrets.token_urlsafe(9), count=present.count(typed.text), boxes=boxes
        )


def _address(endpoint: str, **values: str) -> str:
    return url_for(endpoint, **{name: value for name, value in values.items() if value})  # type: ignore[arg-type]


def _id(text: str) -> UUID:
    try:
        return parse_id(text)
    except IdError:
        abort(404)


def _event(text: str) -> PartEvent:
    """The decision a button stands for; only what people may decide passes."""
    if text not in {PartEvent.RESEND, PartEvent.ARRIVED, PartEvent.GIVE_UP, PartEvent.CANCEL}:
        abort(400)
    return PartEvent(text)


def _once(target: str, text: str) -> compose.Once:
    """What makes a form sent twice one message: the same form again, to the same person with the same text."""
    digest = blake2b(f"{target}\n{text}".encode("utf-8", "replace"), digest_size=16)
    key = request.form.get("key", "")[:40]
    return compose.Once(f"form-{key}-{digest.hexdigest()}", digest.digest())


def _code(refusal: Failure) -> int:
    return 403 if refusal.code == "auth.forbidden" else 422


def _mark(row: ConversationView) -> str:
    """Where a page of the list ends, as its link carries it."""
    return f"{row.last_at}.{row.id}"


def _place(mark: str) -> tuple[int, UUID] | None:
    """The place a mark names; None for none; 404 for one nobody gave."""
    at, _, last = mark.partition(".")
    if not (at.isascii() and at.isdigit()):
        return None
    return int(at[:18]), _id(last)
