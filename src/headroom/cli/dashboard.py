"""`headroom dashboard`: the address of the running proxy's page, with what lets you in."""

from __future__ import annotations

import json
import webbrowser
from urllib.parse import quote

import click

from headroom.cli.running import ask, proxy_options, token_of


@click.command()
@click.option("--json", "as_json", is_flag=True, help="print it as JSON")
@proxy_options
@click.option("--open/--no-open", "opens", default=False, help="open it in the browser")
def command(url: str, token: str, opens: bool, as_json: bool) -> None:
    """Print the dashboard's address; --open shows it.

    The token stands behind the #, which browsers keep to themselves.
    """
    ask(url, "/readyz", token)
    address = f"{url.rstrip('/')}/dashboard#token={quote(token_of(token), safe='')}"
    click.echo(json.dumps({"url": address}) if as_json else address)
    if opens:
        webbrowser.open(address)
