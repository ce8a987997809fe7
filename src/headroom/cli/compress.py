"""`headroom compress`: text in, shortened text out, a one-line summary on stderr."""

from __future__ import annotations

from typing import Any

import click

from headroom import api
from headroom.cli.common import (
    engine_options,
    origin_options,
    read_input,
    read_json,
    report_json,
    summary,
    write_json,
    write_text,
)


@click.command()
@click.argument("file", default="-")
@click.option("--messages", is_flag=True, help="FILE is a JSON conversation or request body; so is the output")
@click.option("--json", "as_json", is_flag=True, help="print text and report as JSON")
@origin_options
@engine_options
def command(file: str, messages: bool, as_json: bool, tool: str, path: str, **options: Any) -> None:
    """Shorten FILE (or standard input) and keep the original for `headroom retrieve`.

    \b
    pytest 2>&1 | headroom compress --command pytest
    headroom compress app.log --query "why did the worker stop"
    headroom compress --messages request.json > smaller.json
    """
    if messages:
        _conversation(file, as_json, options)
        return
    shell = options.pop("command")
    result = api.compress_text(read_input(file), tool=tool, command=shell, path=path, **_given(options))
    if as_json:
        write_json({"text": result.text, "ratio": result.ratio, **report_json(result.report)})
    else:
        write_text(result.text)
        click.echo(summary(result.report), err=True)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "query" or value is not None}


def _conversation(file: str, as_json: bool, options: dict[str, Any]) -> None:
    options.pop("command")
    result = api.compress(read_json(file), **options)
    if as_json:
        blocks = [report_json(report) for report in result.blocks]
        counts = {"tokens_before": result.tokens_before, "tokens_after": result.tokens_after, "ratio": result.ratio}
        write_json({"messages": result.messages, **counts, "fits": result.fits, "blocks": blocks})
        return
    write_json(result.messages)
    changed = sum(report.id is not None for report in result.blocks)
    text = f"{result.tokens_before:,} → {result.tokens_after:,} tokens, {changed} of {len(result.blocks)} blocks changed"
    click.echo(text if result.fits else f"{text}; the budget of {options['budget']:,} can't be met", err=True)
