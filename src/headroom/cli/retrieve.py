"""`headroom retrieve`: an original, or any part of it, exactly as it was."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from headroom import api
from headroom.cli.common import write_json, write_text


@click.command()
@click.argument("id")
@click.option("--lines", help="line range such as 41-852")
@click.option("--rows", help="row range of a table or JSON array such as 1-50")
@click.option("--path", help="JSON path such as $.items[3].body")
@click.option("--query", help="words to search for")
@click.option("--limit", type=click.IntRange(min=1), help="most lines or rows to print")
@click.option("--json", "as_json", is_flag=True, help="print the part and where it stands as JSON")
def command(id: str, as_json: bool, **selectors: Any) -> None:
    """Print what is kept under ID.

    \b
    headroom retrieve k3v9x2mq                      the whole original, byte for byte
    headroom retrieve id="k3v9x2mq" --lines=41-80   as closing lines write it
    headroom retrieve k3v9x2mq --path '$.items[3]'
    headroom retrieve k3v9x2mq --query "connection refused"
    """
    part = api.retrieve(id.removeprefix("id="), **selectors)
    if as_json:
        write_json(asdict(part))
    else:
        write_text(part.text)
