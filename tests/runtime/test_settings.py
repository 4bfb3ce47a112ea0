from __future__ import annotations

from pathlib import Path

import pytest

from appliance.runtime.settings import LinkSettings, SettingsError, host_port, load

BOX = """
[node]
name = "baidoa"
kind = "box"
data = "data"
label = "Baidoa"

[web]
listen = "127.0.0.1:8080"

[[modems]]
name = "one"
port = "/dev/ttyUSB2"
pin = "4711"

[link]
broker = "mqtt://127.0.0.1:8110"
user = "baidoa"
password = "very secret"
batch_wait_s = 0
"""


def write(tmp_path, text) -> Path:
    path = tmp_path / "box.toml"
    path.write_text(text, "utf-8")
    return path


def test_whole_file_becomes_a_typed_tree(tmp_path):
    """Paths count from the file's folder, what is not said has its default."""
    settings = load(write(tmp_path, BOX))
    assert settings.node.data == tmp_path / "data"
    assert settings.node.country == "252"
    assert settings.store.url == f"sqlite:///{tmp_path}/data/box.db"
    assert settings.web.secret_file == tmp_path / "data" / "web.key"
    assert settings.modems[0].driver == "at"
    assert settings.link.batch_wait_s == 0.0
    assert isinstance(settings.link.batch_wait_s, float)
    assert settings.link.peer == "hub"


@pytest.mark.parametrize("clock", ["", "none", "rtc", "ntp"])
def test_how_far_the_clock_is_trusted_is_kept(tmp_path, clock):
    """What the file says of the wall clock reaches the node: a demo's times are no guesses."""
    text = BOX.replace('kind = "box"', f'kind = "box"\nclock = "{clock}"\nlanguage = "ar"')
    node = load(write(tmp_path, text)).node
    assert (node.clock, node.language) == (clock, "ar")


def test_printed_settings_hide_secrets(tmp_path):
    """A logged tree shows no password and no PIN."""
    shown = repr(load(write(tmp_path, BOX)))
    assert "very secret" not in shown
    assert "4711" not in shown
    assert "•••" in shown
    assert "baidoa" in shown
    assert "password=''" in repr(LinkSettings())


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("broker =", "brocker =", "There is no setting link.brocker. Did you mean link.broker?"),
        ("[web]", "[wep]", "Did you mean web?"),
        ("pin =", "zzz =", "Known here: name, port"),
        ('name = "baidoa"\n', "", "node.name is missing"),
        ('name = "baidoa"', 'name = "Baidoa Central"', "1 to 8"),
        ('kind = "box"', 'kind = "bix"', "one of box, hub"),
        ('listen = "127.0.0.1:8080"', 'listen = "8080"', "127.0.0.1:8080"),
        ("batch_wait_s = 0", "batch_wait_s = 99.0", "between 0 and 60"),
        ("batch_wait_s = 0", "batch_wait_s = true", "must be a number"),
        ("[[modems]]", "[modems]", "written [[modems]]"),
        ("[node]", "[node", "not valid TOML"),
    ],
)
def test_mistake_is_named_with_its_cure(tmp_path, old, new, sentence):
    """Every mistake gives one sentence that says what to change."""
    assert old in BOX
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, BOX.replace(old, new)))
    assert sentence in str(caught.value)


def test_missing_file_says_which(tmp_path):
    """The path that was tried stands in the sentence."""
    with pytest.raises(SettingsError, match=r"nothing\.toml"):
        load(tmp_path / "nothing.toml")


def test_listen_address_splits_into_host_and_port():
    """IPv6 in brackets works, a port out of range does not."""
    assert host_port("[::1]:80") == ("::1", 80)
    with pytest.raises(SettingsError):
        host_port("127.0.0.1:99999")


def test_every_setting_that_is_written_is_the_one_that_holds(tmp_path):
    """Completing the defaults loses nothing that stands in the file."""
    path = tmp_path / "box.toml"
    path.write_text('[node]\nname = "b"\nkind = "box"\ndata = "d"\ncountry = "254"\nlanguage = "ar"\nclock = "rtc"\n')
    node = load(path).node
    assert (node.country, node.language, node.clock, node.label) == ("254", "ar", "rtc", "b")
