"""Everything a demo keeps in its folder: addresses, secrets, settings of box and hub, accounts."""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appliance.domain.records import Role
from appliance.messaging import accounts
from appliance.nodes.parts import open_node_store
from appliance.runtime.processes import write_private
from appliance.runtime.settings import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appliance.runtime.clock import Clock

HOST: Final = "127.0.0.1"
BOX_NUMBER: Final = "+252615550100"
"""Of the range that belongs to nobody; the simulated SIM in the ideal modem has it."""
SCOPES: Final = frozenset({"messages:read", "messages:write", "status:read"})
BOX_NAME, HUB_NAME = "baidoa", "hub"
BOX_USER, HUB_USER = "amina", "fatima"
TRUSTED: Final = "rtc"
"""Whoever tries a demo sits before the machine and sees its clock."""
RECONNECT_MAX_S: Final = 3
"""Who plays with the link switch does not want to wait a minute."""
_OURS = ("box", "hub", "broker", "log")
"""Folders a demo makes; ``--fresh`` removes these and the files below, and nothing else."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The five ports of a demo, counted from its base (contracts.md §1)."""

    base: int

    @property
    def box(self) -> int:
        """The box's pages."""
        return self.base

    @property
    def hub(self) -> int:
        """The hub's pages."""
        return self.base + 10

    @property
    def village(self) -> int:
        """The village's pages, the start page among them."""
        return self.base + 20

    @property
    def broker(self) -> int:
        """MQTT."""
        return self.base + 30

    @property
    def proxy(self) -> int:
        """MQTT through the weather of the village."""
        return self.base + 31

    def all(self) -> dict[str, int]:
        """All of them by name."""
        return {
            "box": self.box,
            "hub": self.hub,
            "village": self.village,
            "broker": self.broker,
            "link proxy": self.proxy,
        }


@dataclass(frozen=True, slots=True)
class Folder:
    """Where a demo keeps what."""

    data: Path

    @property
    def demo_json(self) -> Path:
        """The addresses and logins for programs (contracts.md §1)."""
        return self.data / "demo.json"

    @property
    def lock(self) -> Path:
        """Held by the supervisor."""
        return self.data / "demo.lock"

    @property
    def marks(self) -> Path:
        """Process marks, to find what a crash left behind."""
        return self.data / "processes.json"

    @property
    def secrets(self) -> Path:
        """Passwords and tokens."""
        return self.data / "secrets.json"

    @property
    def box(self) -> Path:
        """Settings of the box."""
        return self.data / "box.toml"

    @property
    def hub(self) -> Path:
        """Settings of the hub."""
        return self.data / "hub.toml"

    @property
    def broker(self) -> Path:
        """Settings of the embedded broker."""
        return self.data / "broker.conf"

    @property
    def modem(self) -> Path:
        """The link to the simulated modem's port."""
        return self.data / "modem0"

    @property
    def start_page(self) -> Path:
        """What the village's start page shows: addresses and logins."""
        return self.data / "start.json"

    def log(self, name: str) -> Path:
        """The log of one process."""
        return self.data / "log" / f"{name}.log"

    def make(self) -> None:
        """Makes the folders, for this user alone; raises OSError."""
        for folder in (self.data, self.data / "log", self.data / "box", self.data / "hub", self.data / "broker"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def forget(self) -> None:
        """Removes what a demo made here, and nothing else; raises OSError."""
        for name in _OURS:
            shutil.rmtree(self.data / name, ignore_errors=True)
        for file in (self.secrets, self.box, self.hub, self.broker, self.start_page, self.demo_json, self.modem):
            file.unlink(missing_ok=True)


@dataclass(slots=True)
class Secrets:
    """Passwords of people and nodes, and the tokens; empty tokens are still to be made."""

    box_password: str = ""
    hub_password: str = ""
    box_token: str = ""
    hub_token: str = ""
    box_link: str = ""
    hub_link: str = ""


def prepare(folder: Folder, ports: Ports, clock: Clock, *, real_port: str | None = None) -> Secrets:
    """Writes all settings and makes the accounts where they are missing; raises OSError, StoreError, Refused.

    What exists is kept: a second start opens no database here.
    """
    keys = _read_secrets(folder)
    _write_settings(folder, ports, keys, real_port)
    if not keys.box_token:
        keys.box_token = _account(folder.box, BOX_USER, "Amina", keys.box_password, clock)
    if not keys.hub_token:
        keys.hub_token = _account(folder.hub, HUB_USER, "Fatima", keys.hub_password, clock)
    _write_secrets(folder, keys)
    return keys


def _read_secrets(folder: Folder) -> Secrets:
    try:
        kept = json.loads(folder.secrets.read_text("utf-8"))
        keys = Secrets(**{name: str(value) for name, value in kept.items()})
    except (OSError, ValueError, TypeError, AttributeError):
        keys = Secrets()
    keys.box_password = keys.box_password or _password()
    keys.hub_password = keys.hub_password or _password()
    keys.box_link = keys.box_link or secrets.token_urlsafe(24)
    keys.hub_link = keys.hub_link or secrets.token_urlsafe(24)
    # Kept before they are used: a crash between the two must not lock anybody out.
    _write_secrets(folder, keys)
    return keys


def _write_secrets(folder: Folder, keys: Secrets) -> None:
    names = ("box_password", "hub_password", "box_token", "hub_token", "box_link", "hub_link")
    write_private(folder.secrets, json.dumps({name: getattr(keys, name) for name in names}, indent=1) + "\n")


def _password() -> str:
    """Three times four letters and digits that nobody confuses on a small screen: 59 bits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(3))


def _account(settings_file: Path, name: str, display: str, password: str, clock: Clock) -> str:
    """Makes the account, or gives the existing one this password; a new token of it."""
    settings = load(settings_file)
    store = open_node_store(settings, clock=clock)
    try:
        known = dict(accounts.users(store))
        if name in known:
            accounts.set_password(store, name, password)
            actor = known[name]
        else:
            actor = accounts.create_user(store, name, password, display=display, role=Role.ADMINISTRATOR, language="")
        assert actor.user is not None
        return accounts.create_token(store, actor.user, SCOPES, "demo")
    finally:
        store.close()


def _write_settings(folder: Folder, ports: Ports, keys: Secrets, real_port: str | None) -> None:
    modem = {
        "name": "sim1",
        "port": real_port or str(folder.modem.absolute()),
        "number": "" if real_port else BOX_NUMBER,
    }
    write_private(
        folder.box,
        _toml(
            node={"name": BOX_NAME, "kind": "box", "label": "Baidoa", "data": "box", "clock": TRUSTED},
            web={"listen": f"{HOST}:{ports.box}"},
            link={
                "broker": f"mqtt://{HOST}:{ports.proxy}",
                "user": BOX_NAME,
                "password": keys.box_link,
                "peer": HUB_NAME,
                "reconnect_max_s": RECONNECT_MAX_S,
            },
        )
        + "\n[[modems]]\n"
        + _rows(modem),
    )
    write_private(
        folder.hub,
        _toml(
            node={"name": HUB_NAME, "kind": "hub", "label": "Head office", "data": "hub", "clock": TRUSTED},
            web={"listen": f"{HOST}:{ports.hub}"},
            link={
                "broker": f"mqtt://{HOST}:{ports.broker}",
                "user": HUB_NAME,
                "password": keys.hub_link,
                "reconnect_max_s": RECONNECT_MAX_S,
                "boxes": [BOX_NAME],
            },
        ),
    )


def _toml(**tables: Mapping[str, object]) -> str:
    head = "# Written afresh at every start of the demo.\n"
    return head + "".join(f"\n[{name}]\n{_rows(rows)}" for name, rows in tables.items())


def _rows(rows: Mapping[str, object]) -> str:
    # JSON strings, numbers and lists are TOML as long as DEL is not in it, which no path or password of ours holds.
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in rows.items())
