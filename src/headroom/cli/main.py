"""The `headroom` command: finds its subcommands as modules of this package and loads only the one that is called."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence

import click

import headroom
from headroom import cli
from headroom.errors import HeadroomError

_NOT_COMMANDS = ("main", "common", "running")


class Commands(click.Group):
    """Every other module of `headroom.cli` that exposes `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = (module.name for module in pkgutil.iter_modules(cli.__path__))
        return sorted(name for name in names if name not in _NOT_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        found: click.Command = importlib.import_module(f"headroom.cli.{name}").command
        return found


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(headroom.__version__, prog_name="headroom")
def group() -> None:
    """Shrink what AI agents read, reversibly and locally.

    \b
    headroom compress build.log          the shortened text, a summary on stderr
    headroom explain build.log           what was left out and why
    headroom retrieve ID --lines 41-80   any part of an original
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command. Exit codes: 0 done, 1 what was asked for can't be done, 2 wrong usage, 130 interrupted."""
    try:
        group.main(args=arguments, prog_name="headroom", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except HeadroomError as error:
        click.echo(f"headroom: {error}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nothing to say, nobody to say it to
        sys.exit(0)
