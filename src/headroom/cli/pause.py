"""`headroom pause`: nothing new is compressed until `headroom resume`."""

from __future__ import annotations

import json

import click

from headroom.cli.running import ask, proxy_options


@click.command()
@click.option("--json", "as_json", is_flag=True, help="print the proxy's answer as JSON")
@proxy_options
def command(url: str, token: str, as_json: bool) -> None:
    """Tell the running proxy to compress nothing new, in all of its workers.

    What it has sent shortened before goes on as it was sent, so that the provider's cache keeps hitting.
    """
    said = ask(url, "/pause", token, "POST")
    click.echo(json.dumps(said) if as_json else f"paused; go on with: headroom resume --url {url}")
