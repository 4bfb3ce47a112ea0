"""What all commands share: saying things, and turning known failures into one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

CONFIG = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Settings of the node, like /etc/fieldbox/box.toml.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON value, for programs.")


class Failed(Exception):  # noqa: N818 - the name of what happened, as main reads it
    """A command did not do its work; the message is one sentence for stderr."""

    def __init__(self, sentence: str, *, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


def show(value: Any) -> None:
    """Prints one JSON value in a line."""
    click.echo(json.dumps(value, ensure_ascii=False))


def explain(error: Exception) -> str | None:
    """The sentence of an error that a person can do something about; None for a fault of ours."""
    from appliance.domain.address import AddressError
    from appliance.domain.failure import Refused
    from appliance.runtime.settings import SettingsError
    from appliance.store import StoreError

    if isinstance(error, Refused):
        return error.failure.sentence
    if isinstance(error, SettingsError | StoreError | AddressError):
        return str(error)
    if isinstance(error, OSError):
        what = f" ({error.filename})" if error.filename else ""
        return (
            f"{error.strerror or error}{what}. Check that the path or address is right and that this user may use it."
        )
    return None
