"""The villagers: who writes when, and that talk ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulator.bench import BOX, PHONE, Bench, submits

from appliance.modem.simulator.script import Player, ScriptError, load
from appliance.modem.simulator.village import DEFAULT_SCRIPT


def submitted(bench: Bench) -> list[str]:
    return [str(row["text"]) for row in bench.network.ledger.rows()["submitted"]]


def test_first_villager_texts_within_five_seconds_and_all_within_minutes(bench: Bench) -> None:
    """The demo's promise; a dozen people, one STOP, a text of two parts, an emoji, English and Arabic."""
    villagers = load(DEFAULT_SCRIPT, bench.network)
    Player(bench.network, villagers, seed=1).start(BOX)
    bench.wait(4.9)
    assert len(submitted(bench)) == 1
    bench.wait(330)
    texts = submitted(bench)
    assert len({villager.number for villager in villagers}) == 12
    assert len(texts) == sum(len(villager.texts) for villager in villagers)
    assert "STOP" in texts
    assert any("😀" <= char <= "🤿" for text in texts for char in text)
    assert {villager.language for villager in villagers} == {"en", "ar"}
    assert 2 in {row["parts"] for row in bench.network.ledger.rows()["submitted"]}


def test_answers_are_bounded_whoever_writes(bench: Bench) -> None:
    """Twenty replies to each villager bring no more answers than the script has."""
    villagers = load(DEFAULT_SCRIPT, bench.network)
    Player(bench.network, villagers, seed=1).start(BOX)
    for _ in range(20):
        for villager in villagers:
            bench.send(submits(villager.number, "We come tomorrow.")[0])
        bench.wait(15)
    bench.wait(60)
    written = sum(len(villager.texts) for villager in villagers)
    answers = sum(len(villager.answers) for villager in villagers)
    assert written < len(submitted(bench)) <= written + answers


def test_villager_answers_the_hotline_only(bench: Bench) -> None:
    """A text from another handset is not answered."""
    villagers = load(DEFAULT_SCRIPT, bench.network)
    Player(bench.network, villagers, seed=1).start(BOX)
    bench.network.text(PHONE, villagers[0].number, "Hi neighbour")
    bench.wait(30)
    assert villagers[0].answers[0] not in submitted(bench)


@pytest.mark.parametrize(
    "script",
    [
        "villager = [",
        '[[villager]]\nnumber = "x"\ntexts = []',
        '[[villager]]\nnumber = "+252615550111"',
        '[[villager]]\nnumber = "+252615550111"\ntexts = [{text = "x"}]',
        '[[villager]]\nnumber = "+252615550111"\ntexts = "x"',
    ],
)
def test_bad_script_is_refused_with_a_sentence(bench: Bench, tmp_path: Path, script: str) -> None:
    """What is wrong is said, with the file's name."""
    path = tmp_path / "bad.toml"
    path.write_text(script)
    with pytest.raises(ScriptError, match=r"bad\.toml"):
        load(path, bench.network)
