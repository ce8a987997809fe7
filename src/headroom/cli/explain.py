"""`headroom explain`: the decision for one payload, what was left out, and before beside after."""

from __future__ import annotations

from typing import Any

import click

from headroom.ccr.memory import MemoryStore
from headroom.cli.common import engine_options, origin_options, read_input, report_json, summary, working, write_json
from headroom.contest import sniff_all
from headroom.hints import intent_of
from headroom.marker import has_footer, looks_marked, plural, span
from headroom.model import Block, BlockReport, Context, Role, ToolCall
from headroom.options import Options
from headroom.pipeline import Outcome, compress_blocks
from headroom.text.numbering import address_offset

_MOST_RANGES = 6


@click.command()
@click.argument("file", default="-")
@click.option("--json", "as_json", is_flag=True, help="print the decision as JSON")
@click.option("--rows", type=click.IntRange(min=0), default=60, show_default=True, help="lines to show, 0 for none")
@click.option("--full", is_flag=True, help="print all lines side by side")
@origin_options
@engine_options
def command(file: str, as_json: bool, rows: int, full: bool, **options: Any) -> None:
    """Show what Headroom would make of FILE and why. Stores nothing.

    \b
    headroom explain app.log
    git diff | headroom explain --command "git diff"
    """
    text = read_input(file)
    tool, shell, path = (options.pop(name) for name in ("tool", "command", "path"))
    call = ToolCall(tool, shell or path, shell, path)
    wanted = Options.of(**options)
    with working("compressing"):
        (outcome,) = compress_blocks([Block(text, (), Role.TOOL, call)], wanted, MemoryStore())
        sniffed = sniff_all(text, Context(wanted.level, wanted.query or "", call, intent_of(call)))
    if as_json:
        tried = [{"compressor": t.compressor, "tokens": t.tokens, "lossless": t.lossless} for t in outcome.tried]
        sniffs = [{"compressor": c.name, "score": score} for score, c in sniffed]
        write_json({**report_json(outcome.report), "sniffs": sniffs, "tried": tried, "text": outcome.text})
        return
    click.echo(f"recognised  {', '.join(f'{c.name} {score:.2f}' for score, c in sniffed) or 'nothing'}")
    for t in outcome.tried:
        click.echo(f"candidate   {t.compressor}: {t.tokens:,} tokens, {'lossless' if t.lossless else 'with omissions'}")
    click.echo(f"result      {summary(outcome.report)}")
    _left_out(outcome.report)
    if rows and outcome.text != text:
        _side_by_side(text, outcome, None if full else rows)


def _left_out(report: BlockReport) -> None:
    for o in report.omissions:
        where = ", ".join(span(a, b) for a, b in o.ranges[:_MOST_RANGES])
        where += " …" if len(o.ranges) > _MOST_RANGES else ""
        inside = f" of {o.path}" if o.path else ""
        click.echo(f"left out    {plural(o.count, o.unit)}{f' ({where}{inside})' if where else ''}: {o.kind}")


def _side_by_side(text: str, outcome: Outcome, rows: int | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    gone: set[int] = set()
    for o in outcome.report.omissions:
        if o.unit == "lines" and not o.path:
            gone.update(n for a, b in o.ranges for n in range(a, b + 1))
    before, after = text.split("\n"), outcome.text.split("\n")
    offset = address_offset(before)
    left = Text("\n", overflow="ellipsis", no_wrap=True).join(
        Text(f"{i + 1:>5} {line[:300]}", style="red dim" if i + 1 + offset in gone else "")
        for i, line in enumerate(before[:rows])
    )
    right = Text("\n", overflow="ellipsis", no_wrap=True).join(
        Text(line[:300], style="yellow" if looks_marked(line) or has_footer(line) else "") for line in after[:rows]
    )
    table = Table(expand=True, show_lines=False, padding=(0, 1))
    table.add_column(f"before: {outcome.report.tokens_before:,} tokens, {len(before):,} lines", ratio=1, no_wrap=True)
    table.add_column(f"after: {outcome.report.tokens_after:,} tokens, {len(after):,} lines", ratio=1, no_wrap=True)
    table.add_row(left, right)
    Console().print(table)
    if rows is not None and max(len(before), len(after)) > rows:
        click.echo(f"(first {rows} lines of each; --full prints all)")
