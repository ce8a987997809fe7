"""`headroom explain`: the decision for one payload, what was left out, and before beside after."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import Any

import click

from headroom.ccr.memory import MemoryStore
from headroom.cli.common import engine_options, origin_options, read_input, report_json, summary, working, write_json
from headroom.contest import sniff_all
from headroom.hints import intent_of
from headroom.marker import has_footer, looks_marked, plural, span
from headroom.model import Block, BlockReport, Context, Role, ToolCall
from headroom.options import Options
from headroom.pipeline import compress_blocks
from headroom.text.numbering import address_offset

_MOST_RANGES, _WIDEST, _GAP = 6, 300, 2


@click.command()
@click.argument("file", default="-")
@click.option("--json", "as_json", is_flag=True, help="print the decision as JSON")
@click.option("--rows", type=click.IntRange(min=0), default=60, show_default=True, help="rows side by side, 0 for none")
@click.option("--full", is_flag=True, help="print every line side by side")
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
    left_out(outcome.report)
    if rows and outcome.text != text:
        side_by_side(text, outcome.text, outcome.report, None if full else rows)


def left_out(report: BlockReport) -> None:
    """Prints what a report says was left out, a line for each kind."""
    for o in report.omissions:
        where = ", ".join(span(a, b) for a, b in o.ranges[:_MOST_RANGES])
        where += " …" if len(o.ranges) > _MOST_RANGES else ""
        inside = f" of {o.path}" if o.path else ""
        click.echo(f"left out    {plural(o.count, o.unit)}{f' ({where}{inside})' if where else ''}: {o.kind}")


def side_by_side(text: str, form: str, report: BlockReport, most: int | None) -> None:
    """Prints a text beside its form: at most so many rows, what was left out in red, markers in yellow."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    before, after = text.split("\n"), form.split("\n")
    gone = _left_out_lines(report, address_offset(text, before))
    table = Table(expand=True, padding=(0, 1))
    for name, tokens, lines in (
        ("before", report.tokens_before, before),
        ("after", report.tokens_after, after),
    ):
        table.add_column(f"{name}: {tokens:,} tokens, {len(lines):,} lines", ratio=1, no_wrap=True, overflow="ellipsis")
    rows = list(islice(_rows(before, after, whole=most is None), None if most is None else most + 1))
    for number, left, right in rows[:most]:
        shown = f"{number:>5} {left[:_WIDEST]}" if number else f"      {left}"
        marked = looks_marked(right) or has_footer(right)
        table.add_row(
            Text(shown, style="dim red" if number in gone else "" if number else "dim"),
            Text(right[:_WIDEST], style="yellow" if marked else ""),
        )
    Console().print(table)
    if len(rows) > (most or len(rows)):
        click.echo(f"(the first {most} rows; --rows N shows more, --full every line)")


def _left_out_lines(report: BlockReport, offset: int) -> set[int]:
    """1-based positions of the lines that were left out; `offset` is what printed line numbers are ahead by."""
    ranges = [(a, b) for o in report.omissions if o.unit == "lines" and not o.path for a, b in o.ranges]
    return {n - offset for a, b in ranges for n in range(a, b + 1)}


def _rows(before: list[str], after: list[str], whole: bool) -> Iterator[tuple[int, str, str]]:
    """Number and text on the left, text on the right; lines that both hold stand beside each other.

    Where the left side has many lines that the right side hasn't, the number is 0 and the text says how many are passed
    over, except for `whole`.
    """
    i = j = 0
    for here, there in [*_anchors(before, after), (len(before), len(after))]:
        left, right = before[i:here], after[j:there]
        most = len(left) if whole else max(len(right) - 1, _GAP)
        passed = len(left) - most if len(left) > most + 1 else 0
        kept = left[: len(left) - passed]
        cells = [(i + 1 + n, line) for n, line in enumerate(kept)] + ([(0, f"⋮ {passed} more")] if passed else [])
        for cell, line in zip_longest(cells, right):
            number, shown = cell or (0, "")
            yield number, shown, line or ""
        if here < len(before):
            yield here + 1, before[here], after[there]
        i, j = here + 1, there + 1


def _anchors(before: list[str], after: list[str]) -> list[tuple[int, int]]:
    """Positions of lines that stand once on either side, in the longest order that both sides share."""
    once = {line for line, count in Counter(before).items() if count == 1 and line.strip()}
    once &= {line for line, count in Counter(after).items() if count == 1}
    place = {line: i for i, line in enumerate(before) if line in once}
    pairs = [(place[line], j) for j, line in enumerate(after) if line in once]
    ends: list[int] = []  # the least position at which an ascending run of each length ends, and that run's last pair
    last: list[int] = []
    behind: list[int] = []
    for n, (i, _) in enumerate(pairs):
        length = bisect_left(ends, i)
        behind.append(last[length - 1] if length else -1)
        ends[length : length + 1], last[length : length + 1] = [i], [n]
    chain: list[tuple[int, int]] = []
    at = last[-1] if last else -1
    while at >= 0:
        chain.append(pairs[at])
        at = behind[at]
    return chain[::-1]
