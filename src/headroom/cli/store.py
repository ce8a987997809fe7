"""`headroom store`: what is kept, and how to get rid of it."""

from __future__ import annotations

import re
import time
from dataclasses import asdict

import click

from headroom.ccr.default import default_store
from headroom.cli.common import write_json, write_text
from headroom.errors import InputError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@click.group()
def command() -> None:
    """List, show and purge stored originals."""


@command.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="most entries to print")
@click.option("--json", "as_json", is_flag=True, help="print as JSON")
def list_(limit: int, as_json: bool) -> None:
    """The originals that are kept, newest first."""
    entries = default_store().entries(limit)
    if as_json:
        write_json([asdict(entry) for entry in entries])
        return
    for e in entries:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(e.created))
        click.echo(f"{e.id:10} {when} {e.size:>10,} B {e.content_type or '-':10} {e.tool}")
    if not entries:
        click.echo("nothing is kept", err=True)


@command.command()
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help="print as JSON")
def show(id: str, as_json: bool) -> None:
    """Print one original, byte for byte."""
    text = default_store().get(id)
    if as_json:
        write_json({"id": id, "text": text})
    else:
        write_text(text)


@command.command()
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="remove every original of this project")
@click.option("--older-than", metavar="AGE", help="remove what is older, such as 7d or 12h")
@click.option("--json", "as_json", is_flag=True, help="print as JSON")
def purge(ids: tuple[str, ...], everything: bool, older_than: str | None, as_json: bool) -> None:
    """Remove originals; their markers can't be redeemed any more."""
    if not (ids or everything or older_than):
        raise click.UsageError("say what to remove: IDS, --older-than or --all")
    age = None if older_than is None else _seconds(older_than)
    removed = default_store().purge(ids or None, older_than=age)
    if as_json:
        write_json({"removed": removed})
    else:
        click.echo(f"removed {removed}", err=True)


def _seconds(age: str) -> float:
    found = re.fullmatch(r"(\d+)([smhdw])", age)
    if not found:
        raise InputError(f"--older-than takes a number and a unit (s, m, h, d, w) such as 7d, not {age!r}")
    return int(found[1]) * _UNITS[found[2]]
