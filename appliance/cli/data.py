"""``migrate``, ``send`` and ``version``."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from appliance import __version__
from appliance.cli.output import AS_JSON, CONFIG, show

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from appliance.runtime.settings import Settings
    from appliance.store import Store


@contextlib.contextmanager
def opened(config: Path) -> Iterator[tuple[Settings, Store]]:
    """The settings and the open store of a node; raises SettingsError, StoreError."""
    from appliance.nodes.parts import node_clock, open_node_store
    from appliance.runtime.settings import load

    settings = load(config)
    store = open_node_store(settings, clock=node_clock(settings))
    try:
        yield settings, store
    finally:
        store.close()


@click.command()
@CONFIG
def migrate(config: Path) -> None:
    """Bring the database to the form this version needs; every service does so at its start, too.

    \b
    Example:
      fieldbox migrate --config /etc/fieldbox/box.toml
    """
    with opened(config) as (settings, _):
        click.echo(f"The database of {settings.node.name} is up to date.")


@click.command()
@CONFIG
@click.option("--to", required=True, help="A number with its country code.")
@click.option("--text", required=True)
@AS_JSON
def send(config: Path, to: str, text: str, *, as_json: bool) -> None:
    """Queue a message; the services of the node send it.

    \b
    Example:
      fieldbox send --config /etc/fieldbox/box.toml --to "+252 61 555 0143" --text "The clinic opens at 8."
    """
    from appliance.domain.address import parse_phone
    from appliance.domain.records import Actor, Role
    from appliance.messaging import compose

    with opened(config) as (settings, store):
        draft = compose.Draft(parse_phone(to, country=settings.node.country), text)
        message = compose.accept(store, draft, Actor("command line", role=Role.ADMINISTRATOR))
    if as_json:
        show({"id": str(message.id), "state": message.state, "parts": len(message.parts), "encoding": message.encoding})
    else:
        click.echo(f"Queued as {message.id}, {len(message.parts)} part(s).")


@click.command()
@AS_JSON
def version(*, as_json: bool) -> None:
    """Tell the version.

    \b
    Example:
      fieldbox version
    """
    if as_json:
        show({"version": __version__})
    else:
        click.echo(f"fieldbox {__version__}")
