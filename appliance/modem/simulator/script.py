"""The villagers of a script: who texts what and when, and how they answer (village.toml)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from appliance.modem.simulator.chance import seeded
from appliance.modem.simulator.handset import Handset, Line
from appliance.modem.simulator.network import Network

_ANSWER_S = (4.0, 12.0)
"""A villager takes so long to type an answer."""


class ScriptError(ValueError):
    """A script that makes no sense; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Villager:
    """One person with a phone."""

    number: str
    name: str
    language: str
    texts: tuple[tuple[float, str], ...]
    """(Seconds from the start, text.)"""
    answers: tuple[str, ...] = ()
    """Given one after another to what the hotline writes, never more than there are: no ping-pong without end."""
    answer_chance: float = 0.8


def load(path: Path, network: Network) -> tuple[Villager, ...]:
    """Reads a script; raises ScriptError with a sentence, OSError when there is no file."""
    try:
        rows = tomllib.loads(path.read_text("utf-8")).get("villager", [])
    except tomllib.TOMLDecodeError as error:
        raise ScriptError(f"{path} is not TOML: {error}") from error
    try:
        return tuple(_villager(row, network) for row in rows)
    except (KeyError, TypeError, ValueError) as error:
        raise ScriptError(f"{path}: a villager needs number and texts with after_s and text: {error}") from error


def _villager(row: dict[str, object], network: Network) -> Villager:
    texts = row["texts"]
    answers = row.get("answers", [])
    chance = row.get("answer_chance", 0.8)
    if not isinstance(texts, list) or not isinstance(answers, list) or not isinstance(chance, (int, float)):
        raise TypeError("texts and answers are lists, answer_chance is a number")
    return Villager(
        number=network.number(str(row["number"])),
        name=str(row.get("name", "")),
        language=str(row.get("language", "en")),
        texts=tuple((float(text["after_s"]), str(text["text"])) for text in texts),
        answers=tuple(str(answer) for answer in answers),
        answer_chance=float(chance),
    )


class Player:
    """Plays a script on a network: plans the texts, and answers what comes back.

    A villager whose number a modem was given stays out.
    """

    def __init__(self, network: Network, villagers: tuple[Villager, ...], *, seed: int) -> None:
        self._network = network
        self._villagers = {villager.number: villager for villager in villagers if villager.number not in network.radios}
        self._rng = seeded("script", seed)
        self._answered: dict[str, int] = {}

    def introduce(self) -> None:
        """Make the villagers' handsets known, by name."""
        with self._network.schedule.lock:
            for villager in self._villagers.values():
                handset = self._network.handset(villager.number)
                handset.name, handset.language = villager.name, villager.language

    def start(self, hotline: str) -> None:
        """Plan every text to ``hotline``, each up to a tenth later than written, and listen for replies."""
        with self._network.schedule.lock:
            for villager in self._villagers.values():
                for after_s, text in villager.texts:
                    self._plan(after_s * self._rng.uniform(1.0, 1.1), villager.number, hotline, text)
            self._network.on_received(self._received)

    def _plan(self, seconds: float, sender: str, to: str, text: str) -> None:
        def send() -> None:
            self._network.text(sender, to, text)

        self._network.schedule.after(seconds, send)

    def _received(self, handset: Handset, line: Line) -> None:
        villager = self._villagers.get(handset.number)
        if villager is None or line.peer not in self._network.radios:
            return
        given = self._answered.get(handset.number, 0)
        if given >= len(villager.answers) or self._rng.random() >= villager.answer_chance:
            return
        self._answered[handset.number] = given + 1
        self._plan(self._rng.uniform(*_ANSWER_S), handset.number, line.peer, villager.answers[given])
