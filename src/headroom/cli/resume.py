"""`headroom resume`: compresses again after `headroom pause`."""

from __future__ import annotations

import json

import click

from headroom.cli.running import ask, proxy_options


@click.command()
@click.option("--json", "as_json", is_flag=True, help="print the proxy's answer as JSON")
@proxy_options
def command(url: str, token: str, as_json: bool) -> None:
    """Tell the running proxy to compress again."""
    said = ask(url, "/resume", token, "POST")
    click.echo(json.dumps(said) if as_json else "compressing again")
