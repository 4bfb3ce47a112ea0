from __future__ import annotations

import json
import socket

import pytest

from appliance.cli.main import COMMANDS, fieldbox, main


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "box.toml"
    path.write_text('[node]\nname = "one"\nkind = "box"\ndata = "data"\n\n[web]\nlisten = "127.0.0.1:1"\n', "utf-8")
    return path


@pytest.fixture
def run(capsys):
    """Runs the command line: exit code, stdout, stderr."""

    def type_in(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return type_in


def leaves(command, path=()):
    """Every command that does something, as the words one types."""
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        return [path]
    return [leaf for name, sub in subcommands.items() for leaf in leaves(sub, (*path, name))]


def every_command():
    return [leaf for name in COMMANDS for leaf in leaves(fieldbox.get_command(None, name), (name,))]


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_help_has_an_example(run, words):
    """Each command explains itself with an example that begins as one would type it."""
    code, out, err = run(*words, "--help")
    assert (code, err) == (0, "")
    assert f"fieldbox {' '.join(words)}" in out.partition("Example:")[2]


@pytest.mark.parametrize(
    "words", [("nonsense",), ("pdu", "nonsense"), ("pdu", "split"), ("run", "car"), ("run", "box", "--config")]
)
def test_wrong_use_is_one_sentence_and_exit_2(run, words):
    """Usage errors say in one line what is wrong and where help is."""
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "--help" in err


def test_nothing_typed_shows_help(run):
    """Without a word the list of commands stands on stderr."""
    code, _, err = run()
    assert code == 2
    assert all(name in err for name in COMMANDS)


def test_version_is_told(run):
    """For people and for programs."""
    assert run("version")[1].startswith("fieldbox 0.")
    assert json.loads(run("version", "--json")[1])["version"]


@pytest.mark.parametrize(
    "words", [("migrate",), ("users", "list"), ("send", "--to", "+252615550143", "--text", "x"), ("run", "box")]
)
def test_missing_settings_are_one_sentence_and_exit_1(run, words, tmp_path):
    """A wrong path is named, without a traceback."""
    code, _, err = run(*words, "--config", tmp_path / "nothing.toml")
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "nothing.toml" in err


def test_unknown_service_names_the_known_ones(run, config):
    """A typing error in a service's name is a wrong use."""
    code, _, err = run("run", "box", "modme", "--config", config)
    assert code == 2
    assert "modem, link, web, jobs" in err


def test_settings_of_the_other_kind_are_refused(run, config):
    """A box's settings do not start a hub."""
    code, _, err = run("run", "hub", "--config", config)
    assert code == 1
    assert "fieldbox run box" in err


def test_accounts_and_tokens_are_made_and_listed(run, config):
    """An account can be made, listed, given a password and a token; what cannot be done is said."""
    assert (
        run("users", "add", "Amina", "--display", "Amina Y.", "--password", "long enough 1", "--config", config)[0] == 0
    )
    code, out, _ = run("users", "list", "--config", config, "--json")
    assert json.loads(out) == [{"name": "amina", "display": "Amina Y.", "role": "responder", "language": "en"}]
    assert run("users", "password", "amina", "--password", "long enough 2", "--config", config)[0] == 0
    assert run("users", "token", "amina", "--config", config)[1].startswith("fb_")
    for words in (
        ("token", "nobody"),
        ("add", "amina", "--password", "long enough 3"),
        ("add", "x", "--password", "1"),
    ):
        code, _, err = run("users", *words, "--config", config)
        assert (code, len(err.splitlines())) == (1, 1)


def test_sent_message_is_queued_or_refused_in_words(run, config):
    """A good message has an id; an empty one and a wrong number are refused with the reason."""
    code, out, _ = run(
        "send", "--config", config, "--to", "+252615550143", "--text", "The clinic opens at 8.", "--json"
    )
    assert code == 0
    assert json.loads(out)["state"] == "queued"
    assert run("send", "--config", config, "--to", "+252615550143", "--text", "")[0] == 1
    code, _, err = run("send", "--config", config, "--to", "nobody", "--text", "x")
    assert code == 1
    assert "country code" in err


def test_migrate_may_be_repeated(run, config):
    """The second time there is nothing to do."""
    assert run("migrate", "--config", config)[0] == 0
    assert run("migrate", "--config", config)[0] == 0


def test_doctor_finds_a_healthy_box_well(run, tmp_path):
    """Settings, folder, database and address are fine on a fresh box without a modem."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = tmp_path / "box.toml"
    path.write_text(f'[node]\nname = "one"\nkind = "box"\ndata = "d"\n[web]\nlisten = "127.0.0.1:{port}"\n', "utf-8")
    code, out, _ = run("doctor", "--config", path, "--json")
    findings = json.loads(out)
    assert [finding["what"] for finding in findings] == ["settings", "data folder", "database", "pages"]
    assert all(finding["ok"] for finding in findings)
    assert code == 0


def test_doctor_says_what_is_wrong_and_what_to_do(run, config):
    """A missing modem, an unreachable broker and a foreign database are found in one go."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        config.write_text(
            config.read_text("utf-8")
            + '\n[[modems]]\nname = "m"\nport = "/dev/nothing"\n\n[[modems]]\nname = "n"\nport = "/etc/passwd"\n'
            + f'\n[link]\nbroker = "mqtt://127.0.0.1:{closed.getsockname()[1]}"\n',
            "utf-8",
        )
        code, out, err = run("doctor", "--config", config, "--json")
    wrong = {finding["what"]: finding["sentence"] for finding in json.loads(out) if not finding["ok"]}
    assert code == 1
    assert "found something wrong" in err
    assert "Plug the modem in" in wrong["modem m"]
    assert "no serial port" in wrong["modem n"]
    assert "link.broker" in wrong["broker"]
