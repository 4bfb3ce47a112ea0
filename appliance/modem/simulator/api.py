"""The village's JSON (modem.md §2, contracts.md §4), for programs and tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flask import Blueprint, Response, request

from appliance.domain.address import AddressError
from appliance.modem.simulator import faults
from appliance.modem.simulator.guard import Problem, clean_text, json_object, seconds_field, text_field
from appliance.modem.simulator.handset import Handset, Line
from appliance.modem.simulator.ledger import rfc3339
from appliance.modem.simulator.modem import Modem
from appliance.modem.simulator.network import Network, Sent
from appliance.modem.simulator.proxy import LinkProxy, LinkState

MAX_CALL_S = 120.0
MAX_OFF_S = 3600.0
Answer = tuple[Response, int] | Response


@dataclass(slots=True)
class Village:
    """What the pages and the JSON act on."""

    network: Network
    modems: Mapping[str, Modem] = field(default_factory=dict)
    proxy: LinkProxy | None = None
    links: Path | None = None

    def number(self, text: str) -> str:
        """A subscriber number; raises Problem 422."""
        try:
            return self.network.number(text)
        except AddressError as error:
            raise Problem(422, str(error)) from None

    def handset(self, text: str) -> Handset:
        """The handset of this number, created when first used; raises Problem 422."""
        number = self.number(text)
        try:
            return self.network.handset(number)
        except AddressError as error:
            raise Problem(422, str(error)) from None

    def modem(self, imei: str) -> Modem:
        """The modem with this IMEI; raises Problem 404."""
        if imei not in self.modems:
            raise Problem(404, "There is no modem with this IMEI in the village.")
        return self.modems[imei]

    def send(self, sender: str, to: str, text: object) -> Sent:
        """A handset texts; raises Problem 422."""
        handset = self.handset(sender)
        try:
            return self.network.text(handset.number, self.number(to), clean_text(text))
        except ValueError:
            raise Problem(422, "This text needs more than 255 parts. Make it shorter.") from None

    def set_weather(self, asked: Mapping[str, object]) -> None:
        """Put faults in force; raises Problem 422."""
        try:
            self.network.set_weather(faults.parse(asked))
        except faults.FaultError as error:
            raise Problem(422, str(error)) from None

    def set_link(self, state: object) -> LinkState:
        """Change the weather of the link; in force when this returns. Raises Problem 404 or 422."""
        if self.proxy is None:
            raise Problem(404, "This village has no link. Start it with --proxy LISTEN=TARGET.")
        if not isinstance(state, str) or state not in set(LinkState):
            raise Problem(422, "“state” is one of: cut, ok, 2g.")
        self.proxy.set_state(LinkState(state))
        return self.proxy.state


def answer(value: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(value, ensure_ascii=False), status, content_type="application/json")


def inbox_row(line: Line) -> dict[str, object]:
    """One received message as ``GET /handsets/{n}/inbox`` shows it."""
    return {"from": line.peer, "text": line.text, "parts": line.parts, "at": rfc3339(line.at)}


def _handset_row(handset: Handset) -> dict[str, object]:
    return {
        "number": handset.number,
        "name": handset.name,
        "reachable": handset.reachable,
        "received": len(handset.inbox()),
    }


def _modem_row(modem: Modem) -> dict[str, object]:
    used, capacity = modem.room("SM")
    return {
        "imei": modem.imei,
        "number": modem.number,
        "profile": modem.profile.name,
        "powered": modem.powered,
        "registered": modem.attached(),
        "sim": {"used": used, "capacity": capacity},
        "waiting": modem.network.waiting(modem.number),
    }


def blueprint(village: Village) -> Blueprint:
    """Every JSON call of the village."""
    api = Blueprint("api", __name__)
    _phones(api, village)
    _modems(api, village)
    _sky(api, village)
    _link(api, village)
    return api


def _phones(api: Blueprint, village: Village) -> None:
    network = village.network

    @api.post("/handsets/<number>/sms")
    def send(number: str) -> Response:
        body = json_object(request)
        sent = village.send(number, text_field(body, "to"), body.get("text"))
        return answer({"id": sent.message, "ids": list(sent.parts), "parts": len(sent.parts)}, 202)

    @api.post("/handsets/<number>/call")
    def call(number: str) -> Response:
        body = json_object(request)
        to = village.number(text_field(body, "to"))
        seconds = seconds_field(body, "seconds", 10.0, high=MAX_CALL_S)
        rang = network.call(village.handset(number).number, to, seconds)
        return answer({"rang": rang}, 202)

    @api.get("/handsets")
    def handsets() -> Response:
        with network.schedule.lock:
            return answer([_handset_row(handset) for handset in network.handsets.values()])

    @api.get("/handsets/<number>")
    def handset(number: str) -> Response:
        return answer(_handset_row(village.handset(number)))

    @api.get("/handsets/<number>/inbox")
    def inbox(number: str) -> Response:
        with network.schedule.lock:
            return answer([inbox_row(line) for line in village.handset(number).inbox()])

    @api.put("/handsets/<number>")
    def switch(number: str) -> Response:
        reachable = json_object(request).get("reachable")
        if not isinstance(reachable, bool):
            raise Problem(422, "“reachable” must be true or false.")
        return answer(_handset_row(network.set_reachable(village.handset(number).number, reachable=reachable)))


def _modems(api: Blueprint, village: Village) -> None:
    network = village.network

    @api.get("/modems")
    def modems() -> Response:
        with network.schedule.lock:
            return answer([_modem_row(modem) for modem in village.modems.values()])

    @api.post("/modems/<imei>/power")
    def power(imei: str) -> Response:
        modem = village.modem(imei)
        off_s = seconds_field(json_object(request), "off_s", 2.0, high=MAX_OFF_S)
        with network.schedule.lock:
            modem.power_cycle(off_s)
        return answer({"imei": imei, "off_s": off_s}, 202)


def _sky(api: Blueprint, village: Village) -> None:
    network = village.network

    @api.get("/faults")
    def weather() -> Response:
        with network.schedule.lock:
            return answer(network.weather.shown())

    @api.put("/faults")
    def set_weather() -> Response:
        village.set_weather(json_object(request))
        return answer(network.weather.shown())

    @api.get("/faults/struck")
    def struck() -> Response:
        with network.schedule.lock:
            return answer(dict(network.weather.struck))

    @api.get("/ledger")
    def ledger() -> Response:
        with network.schedule.lock:
            return answer(network.ledger.rows())

    @api.get("/ledger/pieces")
    def pieces() -> Response:
        with network.schedule.lock:
            return answer(network.ledger.pieces())


def _link(api: Blueprint, village: Village) -> None:
    @api.get("/link")
    def link() -> Response:
        if village.proxy is None:
            raise Problem(404, "This village has no link. Start it with --proxy LISTEN=TARGET.")
        return answer({"state": village.proxy.state, "connections": village.proxy.connections()})

    @api.put("/link")
    def set_link() -> Response:
        return answer({"state": village.set_link(json_object(request).get("state"))})

    @api.get("/healthz")
    def alive() -> Response:
        return answer({"status": "ok"})
