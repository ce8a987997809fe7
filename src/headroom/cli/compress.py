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
    working,
    write_json,
    write_text,
)
from headroom.errors import InputError
from headroom.marker import plural


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
    shell, text = options.pop("command"), read_input(file)
    with working("compressing"):
        result = api.compress_text(text, tool=tool, command=shell, path=path, **options)
    if as_json:
        write_json({"text": result.text, "ratio": result.ratio, **report_json(result.report)})
        return
    write_text(result.text)
    budget = options["budget"]
    fits = budget is None or result.tokens_after <= budget
    click.echo(summary(result.report) + ("" if fits else f"; {_unmet(budget)}"), err=True)


def _conversation(file: str, as_json: bool, options: dict[str, Any]) -> None:
    options.pop("command")
    body = read_json(file)
    with working("compressing"):
        result = _named(file, body, options)
    if as_json:
        blocks = [report_json(report) for report in result.blocks]
        counts = {"tokens_before": result.tokens_before, "tokens_after": result.tokens_after, "ratio": result.ratio}
        write_json({"messages": result.messages, **counts, "fits": result.fits, "blocks": blocks})
        return
    write_json(result.messages)
    changed = sum(report.id is not None for report in result.blocks)
    text = f"{result.tokens_before:,} → {plural(result.tokens_after, 'tokens')}"
    text += f", {changed} of {plural(len(result.blocks), 'blocks')} changed"
    click.echo(text if result.fits else f"{text}; {_unmet(options['budget'])}", err=True)


def _named(file: str, body: Any, options: dict[str, Any]) -> api.CompressResult:
    """The result, or an error that names the file."""
    try:
        return api.compress(body, **options)
    except InputError as error:
        raise InputError(f"{'<stdin>' if file == '-' else file}: {error}") from error


def _unmet(budget: int) -> str:
    return f"the budget of {budget:,} can't be met without leaving out what has to stay"
