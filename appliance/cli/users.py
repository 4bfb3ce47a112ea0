"""``users``: the accounts of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from appliance.cli.data import opened
from appliance.cli.output import AS_JSON, CONFIG, Failed, show

if TYPE_CHECKING:
    from pathlib import Path

ROLES = ("viewer", "responder", "administrator")
SCOPES = ("messages:read", "messages:write", "status:read")
PASSWORD = click.option(
    "--password",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    help="Asked for where not given; other users of this machine can read an argument.",
)


@click.group()
def users() -> None:
    """List and make accounts, set passwords, make tokens for programs.

    \b
    Example:
      fieldbox users add amina --role responder --config /etc/fieldbox/box.toml
    """


@users.command("list")
@CONFIG
@AS_JSON
def list_users(config: Path, *, as_json: bool) -> None:
    """List the accounts.

    \b
    Example:
      fieldbox users list --config /etc/fieldbox/box.toml
    """
    from appliance.messaging import accounts

    with opened(config) as (_, store):
        rows = [
            {"name": name, "display": actor.name, "role": actor.role, "language": actor.language}
            for name, actor in accounts.users(store)
        ]
    if as_json:
        show(rows)
    for row in () if as_json else rows:
        click.echo(f"{row['name']:20} {row['role']:14} {row['display']}")


@users.command()
@click.argument("name")
@CONFIG
@click.option("--display", default="", help="What colleagues see; the name where not given.")
@click.option("--role", type=click.Choice(ROLES), default="responder", show_default=True)
@click.option("--language", default="en", show_default=True)
@PASSWORD
def add(name: str, config: Path, **given: str) -> None:
    """Make an account.

    \b
    Example:
      fieldbox users add amina --display "Amina Y." --config /etc/fieldbox/box.toml
    """
    from appliance.domain.records import Role
    from appliance.messaging import accounts

    with opened(config) as (_, store):
        accounts.create_user(
            store,
            name,
            given["password"],
            display=given["display"] or name,
            role=Role(given["role"]),
            language=given["language"],
        )
    click.echo(f"{name} can log in.")


@users.command()
@click.argument("name")
@CONFIG
@PASSWORD
def password(name: str, config: Path, password: str) -> None:
    """Set a new password; all sessions of the account end.

    \b
    Example:
      fieldbox users password amina --config /etc/fieldbox/box.toml
    """
    from appliance.messaging import accounts

    with opened(config) as (_, store):
        accounts.set_password(store, name, password)
    click.echo(f"{name} has a new password.")


@users.command()
@click.argument("name")
@CONFIG
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    default=SCOPES,
    help="May be repeated; all where not given.",
)
@click.option("--label", default="command line", show_default=True, help="What it is for.")
def token(name: str, config: Path, scopes: tuple[str, ...], label: str) -> None:
    """Make a bearer token that acts as the account; shown this once.

    \b
    Example:
      fieldbox users token amina --scope messages:read --config /etc/fieldbox/box.toml
    """
    from appliance.messaging import accounts

    with opened(config) as (_, store):
        actor = dict(accounts.users(store)).get(name.strip().casefold())
        if actor is None or actor.user is None:
            raise Failed(f"There is no account {name}. See fieldbox users list.")
        click.echo(accounts.create_token(store, actor.user, scopes, label))
