"""`headroom pause`: nothing new is compressed until `headroom resume`."""

from __future__ import annotations

import click

from headroom.cli.running import ask, proxy_options


@click.command()
@proxy_options
def command(url: str, token: str) -> None:
    """Tell the running proxy to compress nothing new, in all of its workers.

    What it has sent shortened before goes on as it was sent, so that the provider's cache keeps hitting.
    """
    ask(url, "/pause", token, "POST")
    click.echo(f"paused; go on with: headroom resume --url {url}")
