"""``fieldbox``: the command line. Errors stand on stderr in one sentence; exit 0 done, 1 failed, 2 wrong use."""

from __future__ import annotations

import importlib
import os
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from appliance.cli.output import Failed, explain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "demo": "appliance.cli.running:demo",
        "doctor": "appliance.cli.doctor:doctor",
        "migrate": "appliance.cli.data:migrate",
        "pdu": "appliance.cli.pdu:pdu",
        "run": "appliance.cli.running:run",
        "send": "appliance.cli.data:send",
        "users": "appliance.cli.users:users",
        "version": "appliance.cli.data:version",
        "village": "appliance.cli.running:village",
    }
)
"""Where each command lives; loaded when it is used, so that ``fieldbox pdu`` is quick on a Pi."""


class LateGroup(click.Group):
    """A group whose commands are imported when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in order."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        del ctx
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.command(cls=LateGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def fieldbox() -> None:
    """Fieldbox, a hotline in a box.

    \b
    Example:
      fieldbox demo
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code."""
    try:
        fieldbox.main(args=None if arguments is None else list(arguments), prog_name="fieldbox", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        _leave(2, error.format_message())
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "fieldbox"
        _leave(2, f"{error.format_message().rstrip('.')}. See {where} --help.")
    except click.ClickException as error:
        _leave(1, error.format_message())
    except click.Abort:
        _leave(1, "Stopped before it was done.")
    except Failed as error:
        _leave(error.code, str(error))
    except BrokenPipeError:
        # The reader of a pipe has gone; the interpreter must not complain about it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        sentence = explain(error)
        if sentence is None:
            raise
        _leave(1, sentence)
    sys.exit(0)


def _leave(code: int, sentence: str) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(code)
