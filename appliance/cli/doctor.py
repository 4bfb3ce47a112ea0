"""``doctor``: looks at a node and says what is wrong and what to do; changes nothing but what a start would."""

from __future__ import annotations

import errno
import os
import socket
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from appliance.cli.output import AS_JSON, CONFIG, Failed, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.runtime.settings import ModemSettings, Settings

CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    sentence: str


@click.command()
@CONFIG
@AS_JSON
def doctor(config: Path, *, as_json: bool) -> None:
    """Look at a node: settings, folder, database, modems, broker, address of the pages.

    \b
    Example:
      fieldbox doctor --config /etc/fieldbox/box.toml
    """
    findings = list(look(config))
    if as_json:
        show([asdict(finding) for finding in findings])
    for finding in () if as_json else findings:
        click.echo(f"{'ok   ' if finding.ok else 'WRONG'} {finding.what}: {finding.sentence}")
    wrong = sum(not finding.ok for finding in findings)
    if wrong:
        raise Failed(f"{wrong} of {len(findings)} checks found something wrong.")


def look(config: Path) -> Iterator[Finding]:
    """What there is to say about the node of these settings; never raises for what is wrong with it."""
    from appliance.runtime.settings import SettingsError, load

    try:
        settings = load(config)
    except SettingsError as error:
        yield Finding("settings", ok=False, sentence=str(error))
        return
    yield Finding("settings", ok=True, sentence=f"{config} describes the {settings.node.kind} {settings.node.name}.")
    folder = _folder(settings.node.data)
    yield folder
    if folder.ok:
        yield _database(settings)
    for modem in settings.modems:
        yield _modem(modem)
    if settings.link.broker:
        yield _broker(settings.link.broker)
    yield _address(settings.web.listen)


def _folder(data: Path) -> Finding:
    try:
        data.mkdir(parents=True, exist_ok=True)
        writable = os.access(data, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        return Finding(
            "data folder", ok=False, sentence=f"{data} cannot be written. Give it to the user that runs the services."
        )
    free = os.statvfs(data)
    mebibytes = free.f_bavail * free.f_frsize >> 20
    if mebibytes < 100:
        return Finding(
            "data folder", ok=False, sentence=f"{data} has only {mebibytes} MiB left. Make room on this disk."
        )
    return Finding("data folder", ok=True, sentence=f"{data} can be written and has {mebibytes} MiB left.")


def _database(settings: Settings) -> Finding:
    from appliance.nodes.parts import open_node_store
    from appliance.runtime.clock import SystemClock
    from appliance.store import StoreError

    try:
        # Opening refuses a file that does not write safely (synchronous=FULL) or does not belong to this node.
        open_node_store(settings, clock=SystemClock()).close()
    except (StoreError, OSError) as error:
        return Finding("database", ok=False, sentence=str(error))
    return Finding("database", ok=True, sentence="It opens, belongs to this node and writes safely (synchronous=FULL).")


def _modem(modem: ModemSettings) -> Finding:
    what, port = f"modem {modem.name}", Path(modem.port)
    try:
        character = stat.S_ISCHR(port.stat().st_mode)
    except OSError:
        return Finding(what, ok=False, sentence=f"There is no {port}. Plug the modem in, or correct modems.port.")
    if not character:
        return Finding(what, ok=False, sentence=f"{port} is no serial port. Correct modems.port.")
    if not os.access(port, os.R_OK | os.W_OK):
        return Finding(what, ok=False, sentence=f"This user may not use {port}. Add it to the group dialout.")
    return Finding(what, ok=True, sentence=f"{port} is there and may be used.")


def _broker(url: str) -> Finding:
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 1883)
    try:
        socket.create_connection(address, CONNECT_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding(
            "broker",
            ok=False,
            sentence=f"{url} cannot be reached ({reason}). Check the network, or correct link.broker.",
        )
    return Finding("broker", ok=True, sentence=f"{url} accepts connections.")


def _address(listen: str) -> Finding:
    from appliance.runtime.settings import host_port

    host, port = host_port(listen)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return _who_answers(host, port)
            return Finding(
                "pages", ok=False, sentence=f"{listen} cannot be listened on ({error.strerror}). Correct web.listen."
            )
    return Finding("pages", ok=True, sentence=f"{listen} is free.")


def _who_answers(host: str, port: int) -> Finding:
    """Whether it is the node's own web service that has the address."""
    import http.client

    connection = http.client.HTTPConnection(host, port, timeout=CONNECT_S)
    try:
        connection.request("GET", "/healthz")
        ours = connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        ours = False
    finally:
        connection.close()
    if ours:
        return Finding("pages", ok=True, sentence=f"The web service answers at {host}:{port}.")
    return Finding(
        "pages", ok=False, sentence=f"Another program has {host}:{port}. End it, or choose another web.listen."
    )
