"""The settings of a node: one typed tree, read from one TOML file, with errors that say what to type instead.

Precedence is simple: what the file says, else the default written here. Nothing else is looked at.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import types
import typing
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

NODE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,7}")
"""At most eight characters: the name stands in every topic of the link."""

Part = TypeVar("Part")


class SettingsError(ValueError):
    """The settings cannot be used; the message is one sentence that says what to change."""


class _Masked:
    """Prints as a dataclass does, with secrets masked, so that a logged tree tells nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        shown = (f"{f.name}={_shown(f.metadata, getattr(self, f.name))}" for f in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(shown)})"


def _shown(metadata: typing.Mapping[str, Any], value: object) -> str:
    return "'•••'" if metadata.get("secret") and value else repr(value)


@dataclass(frozen=True, slots=True, repr=False)
class NodeSettings(_Masked):
    """``[node]``: who this node is."""

    name: str
    """At most 8 of a–z, 0–9 and "-"."""
    kind: Literal["box", "hub"]
    data: Path
    """Folder of everything this node keeps."""
    label: str = ""
    """What pages call it; the name where empty."""
    country: str = "252"
    """Country calling code for numbers written the national way."""
    language: str = "en"
    clock: Literal["", "none", "rtc", "ntp"] = ""
    """How far the machine's wall clock is to be trusted; empty asks the kernel."""


@dataclass(frozen=True, slots=True, repr=False)
class StoreSettings(_Masked):
    """``[store]``: the database. The default is an SQLite file in the data folder."""

    url: str = field(default="", metadata={"secret": True})


@dataclass(frozen=True, slots=True, repr=False)
class WebSettings(_Masked):
    """``[web]``: the pages and the API."""

    listen: str = "127.0.0.1:8080"
    secret_file: Path = Path()
    """File of the key that signs sessions; ``web.key`` in the data folder where not set."""


@dataclass(frozen=True, slots=True, repr=False)
class ModemSettings(_Masked):
    """``[[modems]]``: one modem of a box."""

    name: str
    port: str
    driver: str = "at"
    number: str = ""
    pin: str = field(default="", metadata={"secret": True})
    profile: str = "auto"


@dataclass(frozen=True, slots=True, repr=False)
class LinkSettings(_Masked):
    """``[link]``: the way to the other node. Without a broker the node works alone."""

    broker: str = ""
    user: str = ""
    password: str = field(default="", metadata={"secret": True})
    peer: str = "hub"
    batch_wait_s: float = field(default=1.0, metadata={"min": 0.0, "max": 60.0})
    """How long an entry that is not urgent waits for company."""
    reconnect_max_s: float = field(default=60.0, metadata={"min": 0.5, "max": 3600.0})
    """The longest wait between two tries to connect."""
    boxes: tuple[str, ...] = ()
    """On a hub: the boxes it accepts."""


@dataclass(frozen=True, slots=True, repr=False)
class Settings(_Masked):
    """All settings of one node."""

    node: NodeSettings
    store: StoreSettings = StoreSettings()
    web: WebSettings = WebSettings()
    modems: tuple[ModemSettings, ...] = ()
    link: LinkSettings = LinkSettings()


def load(path: Path) -> Settings:
    """The settings written in ``path``; relative paths count from its folder. Raises SettingsError."""
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"Cannot read the settings {path}: {error.strerror}. Name a file with --config.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings {path} are not valid TOML: {error}.") from error
    settings = _build(Settings, tree, "")
    return _complete(settings, path.resolve().parent)


def host_port(listen: str) -> tuple[str, int]:
    """The host and port of ``"127.0.0.1:8080"``; raises SettingsError."""
    host, colon, port = listen.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) <= 65535):
        raise SettingsError(f"{listen!r} is no address to listen on; write it like 127.0.0.1:8080.")
    return host.strip("[]"), int(port)


def _complete(settings: Settings, folder: Path) -> Settings:
    node = settings.node
    if not NODE_NAME.fullmatch(node.name):
        raise SettingsError(f"node.name {node.name!r} must be 1 to 8 of a-z, 0-9 and '-'.")
    host_port(settings.web.listen)
    data = folder / node.data
    url = settings.store.url or f"sqlite:///{data / f'{node.kind}.db'}"
    names = [modem.name for modem in settings.modems]
    if len(set(names)) != len(names):
        raise SettingsError("Two modems have the same name; give each its own.")
    secret_file = settings.web.secret_file
    return replace(
        settings,
        node=replace(node, data=data, label=node.label or node.name),
        store=replace(settings.store, url=url),
        web=replace(settings.web, secret_file=folder / secret_file if secret_file != Path() else data / "web.key"),
    )


def _build(part: type[Part], tree: object, place: str) -> Part:
    """An instance of the settings class ``part`` from a TOML table; ``place`` is its name with a dot, or empty."""
    if not isinstance(tree, dict):
        raise SettingsError(f"{place.rstrip('.')} must be a table.")
    hints = typing.get_type_hints(part)
    known = {f.name: f for f in fields(part)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in tree.items():
        if key not in known:
            raise SettingsError(_unknown(place + key, key, list(known), place))
        values[key] = _value(hints[key], value, place + key)
        _check_range(known[key].metadata, values[key], place + key)
    missing = [f.name for f in fields(part) if f.name not in values and f.name in _required(part)]  # type: ignore[arg-type]
    if missing:
        raise SettingsError(f"The setting {place}{missing[0]} is missing.")
    return part(**values)


def _required(part: type[Any]) -> set[str]:
    from dataclasses import MISSING

    return {f.name for f in fields(part) if f.default is MISSING and f.default_factory is MISSING}


def _unknown(full: str, key: str, known: list[str], place: str) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"Did you mean {place}{near[0]}?" if near else f"Known here: {', '.join(known)}."
    return f"There is no setting {full}. {hint}"


def _check_range(metadata: typing.Mapping[str, Any], value: Any, place: str) -> None:
    low, high = metadata.get("min"), metadata.get("max")
    if low is not None and high is not None and not low <= value <= high:
        raise SettingsError(f"{place} must be between {low:g} and {high:g}, not {value:g}.")


def _value(hint: Any, value: Any, place: str) -> Any:
    """``value`` as the type ``hint`` wants it."""
    if get_origin(hint) is tuple:
        plain = get_args(hint)[0] is str
        if not isinstance(value, list):
            raise SettingsError(
                f'{place} must be a list, written ["…"].'
                if plain
                else f"{place} must be a list of tables, written [[{place}]]."
            )
        if plain:
            return tuple(_plain(str, one, place) for one in value)
        return tuple(_build(get_args(hint)[0], one, f"{place}.") for one in value)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise SettingsError(f"{place} must be one of {', '.join(get_args(hint))}, not {value!r}.")
        return value
    if isinstance(hint, type) and issubclass(hint, _Masked):
        return _build(hint, value, f"{place}.")
    return _plain(hint, value, place)


_PLAIN: typing.Mapping[type, tuple[tuple[type, ...], str]] = types.MappingProxyType(
    {
        str: ((str,), "a text"),
        Path: ((str,), "a path"),
        float: ((int, float), "a number"),
        int: ((int,), "a whole number"),
    }
)


def _plain(hint: type, value: Any, place: str) -> Any:
    accepted, what = _PLAIN[hint]
    if not isinstance(value, accepted) or isinstance(value, bool):
        raise SettingsError(f"{place} must be {what}, not {value!r}.")
    return hint(value)
