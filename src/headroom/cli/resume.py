"""`headroom resume`: compresses again after `headroom pause`."""

from __future__ import annotations

import click

from headroom.cli.running import ask, proxy_options


@click.command()
@proxy_options
def command(url: str, token: str) -> None:
    """Tell the running proxy to compress again."""
    ask(url, "/resume", token, "POST")
    click.echo("compressing again")
