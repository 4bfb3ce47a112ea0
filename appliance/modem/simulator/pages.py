"""The village's pages: the start page of the demo, each phone, the weather. They work without JavaScript."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from appliance.modem.simulator.api import Village
from appliance.modem.simulator.faults import CHANCES, REGISTRATIONS, Fault
from appliance.modem.simulator.guard import Problem
from appliance.modem.simulator.handset import Handset, Line
from appliance.modem.simulator.words import LANGUAGES, RIGHT_TO_LEFT, say

_COOKIE = "village_language"
_RING_S = 6.0
_POWER_S = 3.0
_LATEST = 6
_NETWORK = (Fault.LOSS, Fault.DUPLICATE, Fault.REORDER, Fault.REPORT_LOSS, Fault.CMS_ERROR)
_MODEM = (
    Fault.DROP_ANSWER,
    Fault.ANSWER_THEN_DIE,
    Fault.HANG_DURING_CMGS,
    Fault.URC_NOISE,
    Fault.GARBAGE,
)
_CHOICES = (("never", "0"), ("once", "1"), ("sometimes", "0.2"), ("always", "1.0"))


def choose_language() -> str:
    """The language of this request: asked for, remembered, or the browser's."""
    asked = request.args.get("lang", "") or request.cookies.get(_COOKIE, "")
    if asked in LANGUAGES:
        return asked
    return request.accept_languages.best_match(list(LANGUAGES)) or "en"


def context() -> dict[str, object]:
    """What every template needs."""
    language = choose_language()
    return {
        "lang": language,
        "direction": "rtl" if language in RIGHT_TO_LEFT else "ltr",
        "languages": LANGUAGES,
        "t": lambda key: say(language, key),
        "clock": _local,
    }


def blueprint(village: Village) -> Blueprint:
    """Every page of the village."""
    pages = Blueprint("pages", __name__)

    @pages.context_processor
    def words() -> dict[str, object]:
        return context()

    @pages.after_request
    def remember(response: Response) -> Response:
        if request.args.get("lang") in LANGUAGES:
            response.set_cookie(_COOKIE, request.args["lang"], httponly=True, samesite="Lax")
        return response

    _start(pages, village)
    _phone(pages, village)
    _weather(pages, village)
    return pages


def _start(pages: Blueprint, village: Village) -> None:
    @pages.get("/")
    def start() -> str:
        return render_template("village/start.html", **_overview(village))

    @pages.get("/live")
    def live() -> str:
        return render_template("village/_live.html", **_overview(village))

    @pages.post("/link/switch")
    def switch_link() -> BaseResponse:
        village.set_link(request.form.get("state"))
        return redirect("/#link", 303)

    @pages.get("/phone")
    def find_phone() -> BaseResponse:
        return redirect(f"/phone/{village.handset(request.args.get('number', '')).number}", 303)


def _phone(pages: Blueprint, village: Village) -> None:
    network = village.network

    @pages.get("/phone/<number>")
    def phone(number: str) -> str:
        return render_template("village/phone.html", **_screen(village, village.handset(number)))

    @pages.get("/phone/<number>/lines")
    def lines(number: str) -> str:
        return render_template("village/_lines.html", **_screen(village, village.handset(number)))

    @pages.post("/phone/<number>/send")
    def send(number: str) -> BaseResponse | tuple[str, int]:
        handset = village.handset(number)
        text, to = request.form.get("text", ""), request.form.get("to", "")
        try:
            village.send(number, to, text)
        except Problem as problem:
            screen = _screen(village, handset, draft=text, to=to, problem=problem.detail)
            return render_template("village/phone.html", **screen), problem.status
        return redirect(_at(handset), 303)

    @pages.post("/phone/<number>/call")
    def call(number: str) -> BaseResponse:
        handset = village.handset(number)
        network.call(handset.number, village.number(request.form.get("to", "") or _hotline(village)), _RING_S)
        return redirect(_at(handset), 303)

    @pages.post("/phone/<number>/power")
    def power(number: str) -> BaseResponse:
        handset = village.handset(number)
        network.set_reachable(handset.number, reachable=request.form.get("reachable") == "yes")
        return redirect(_at(handset), 303)


def _weather(pages: Blueprint, village: Village) -> None:
    network = village.network

    @pages.get("/weather")
    def weather() -> str:
        with network.schedule.lock:
            return render_template(
                "village/weather.html",
                now=network.weather.shown(),
                network_faults=_NETWORK,
                modem_faults=_MODEM,
                choices=_CHOICES,
                registrations=tuple(REGISTRATIONS),
                modems=list(village.modems.values()),
            )

    @pages.post("/weather")
    def change() -> BaseResponse:
        village.set_weather({} if "fine" in request.form else _asked(request.form))
        return redirect("/weather", 303)

    @pages.post("/weather/power/<imei>")
    def cut_power(imei: str) -> BaseResponse:
        with network.schedule.lock:
            village.modem(imei).power_cycle(_POWER_S)
        return redirect("/weather", 303)


def _asked(form: Mapping[str, str]) -> dict[str, object]:
    asked: dict[str, object] = {}
    for name, value in form.items():
        if name in CHANCES:
            asked[name] = _number(name, value)
        elif name in {Fault.SIM_FULL, Fault.UNPLUG}:
            asked[name] = value == "yes"
        elif name == Fault.REGISTRATION:
            asked[name] = value
        elif name in set(Fault) and value.strip():
            asked[name] = _number(name, value)
    return asked


def _number(name: str, value: str) -> float | int:
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        raise Problem(422, f"“{value[:20]}” is not a number for “{name}”.") from None


def _hotline(village: Village) -> str:
    return next((modem.number for modem in village.modems.values()), "")


def _at(handset: Handset) -> str:
    return f"/phone/{quote(handset.number, safe='+')}#write"


def _screen(
    village: Village, handset: Handset, *, draft: str = "", to: str = "", problem: str = ""
) -> dict[str, object]:
    with village.network.schedule.lock:
        lines = list(handset.lines)
        arrived = set(handset.delivered)
    return {
        "handset": handset,
        "lines": lines,
        "arrived": arrived,
        "hotline": to or _hotline(village),
        "draft": draft,
        "problem": problem,
    }


def _overview(village: Village) -> dict[str, object]:
    network = village.network
    with network.schedule.lock:
        phones = list(network.handsets.values())
        latest: list[tuple[Handset, Line]] = [(phone, line) for phone in phones for line in phone.lines]
    latest.sort(key=lambda pair: pair[1].at, reverse=True)
    return {
        "phones": phones,
        "latest": latest[:_LATEST],
        "hotline": _hotline(village),
        "nodes": _nodes(village.links),
        "link_state": village.proxy.state if village.proxy else None,
    }


def _nodes(links: Path | None) -> dict[str, dict[str, str]]:
    """Address and login of box and hub from the links file; a node that is not ready has none."""
    try:
        told = json.loads(links.read_text("utf-8")) if links else {}
    except (OSError, ValueError):
        told = {}
    nodes: dict[str, dict[str, str]] = {}
    for name in ("box", "hub"):
        node = told.get(name) if isinstance(told, dict) else None
        if isinstance(node, dict) and str(node.get("url", "")).startswith(("http://", "https://")):
            nodes[name] = {key: str(node.get(key, "")) for key in ("url", "user", "password", "number")}
    return nodes


def _local(ms: int) -> str:
    # The machine's own time, as on the pages of box and hub: the network's zone is what modems are told.
    return f"{datetime.fromtimestamp(ms // 1000, UTC).astimezone():%H:%M}"


def problem_page(status: int, detail: str) -> tuple[str, int]:
    """A refusal as a page, for people."""
    return render_template("village/problem.html", detail=detail, **context()), status
