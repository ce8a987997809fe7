"""`headroom stats`: what the proxy saved, net and in money, and why not more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from headroom.cli.common import write_json
from headroom.ledger.default import default_reading
from headroom.ledger.periods import moment
from headroom.ledger.reading import DIMENSIONS, Reading

if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], str]]

_TOP, _NAME = 5, 26
_START = """nothing is booked{since}

  headroom proxy                                        start it, then send a client through it:
  ANTHROPIC_BASE_URL=http://127.0.0.1:8787 claude
  headroom stats --since all                            everything that is booked"""


@click.command()
@click.option("--by", "dimension", type=click.Choice(DIMENSIONS), help="one row for each of these")
@click.option("--since", default="30d", show_default=True, metavar="TIME", help="12h, 7d, 2w, a day (UTC), or all")
@click.option("--until", metavar="TIME", help="the same; default: now")
@click.option("--project", help="of one project only")
@click.option("--holdout", is_flag=True, help="compare with the conversations that were held out")
@click.option("--json", "as_json", is_flag=True, help="print the figures as JSON")
def command(
    dimension: str | None, since: str, until: str | None, project: str | None, holdout: bool, as_json: bool
) -> None:
    """Show what the proxy has saved: the bill, and what it would have been for the requests as they came.

    \b
    headroom stats
    headroom stats --by tool --since 7d
    headroom stats --since 2026-11-01 --project shop --json
    """
    now = time.time()
    period: dict[str, Any] = {"since": moment(since, now), "until": moment(until or "all", now), "project": project}
    reading = default_reading()
    if dimension:
        rows = reading.by(dimension, **period)
        write_json({"by": dimension, "rows": rows}) if as_json else _print_rows(dimension, rows, period["since"])
    elif holdout:
        found = _compared(reading, period)
        write_json(found) if as_json else click.echo(found["text"] or _NOTHING_HELD_OUT)
    else:
        summary = reading.summary(**period)
        if as_json:
            write_json(summary)
        elif not summary["requests"]:
            click.echo(_nothing(period["since"]))
        else:
            _print(summary, reading.by("tool", **period)[:_TOP])


def _nothing(since: float | None) -> str:
    return _START.format(since=" yet" if since is None else f" since {_utc(since)} UTC")


def _utc(at: float) -> str:
    """A time to the minute; a day where it begins."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at)).removesuffix(" 00:00")


_NOTHING_HELD_OUT = "no conversation was held out: headroom proxy --holdout 0.1 leaves a tenth of them as they come"


def _compared(reading: Reading, period: Row) -> dict[str, Any]:
    from headroom.ledger.comparison import compared

    return compared(reading.conversations(**period))


def _print(summary: Row, tools: Sequence[Row]) -> None:
    """The screen: what it comes to, what that rests on, where it comes from, what to look into."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    since, until = map(_utc, summary["period"].values())
    requests, conversations = (_many(summary[f"{name}s"], name) for name in ("request", "conversation"))
    console.print(f"{requests} in {conversations}, {since} – {until} UTC\n", style="dim")
    headline, lost = _headline(summary)
    console.print(Text(f"  {headline}", style="bold red" if lost else "bold green"))
    for line in _basis(summary):
        console.print(Text(f"  {line}", style="dim"))
    console.print(Padding(_grid(_facts(summary)), (1, 2)))
    if any(row["tokens_saved"] or row["retrieved_tokens"] for row in tools):
        console.print(Padding(_table("tool", tools, _OF_TEXTS), (0, 0, 1, 1)))
    for warning in summary["warnings"]:
        console.print(Text(f"  ! {warning}", style="yellow"))


def _headline(summary: Row) -> tuple[str, bool]:
    """The net change of the bill, and whether it is for the worse."""
    saved, percent = summary["saved"], summary["saved"]["percent"] or 0.0
    if saved["usd"] is None:
        change = f"about {abs(percent):.1f} %, {_count(abs(saved['tokens']))} input tokens"
        return (f"cost more by {change}" if percent < 0 else f"saved {change}"), percent < 0
    billed, came = _usd(summary["billed"]["usd"]), _usd(summary["passthrough"]["usd"])
    sides = f"billed {billed}, would have been {came} as it came"
    if saved["usd"] < 0:
        return f"cost {_usd(-saved['usd'])} more ({-percent:.1f} %): {sides}", True
    return f"saved {_usd(saved['usd'])} ({percent:.1f} %): {sides}", False


def _basis(summary: Row) -> Iterator[str]:
    """What the headline rests on."""
    measured, estimated = summary["measured_requests"], summary["estimated_requests"]
    counting = {"estimate": "by estimate"}.get(summary["counting"], f"by {summary['counting']}")
    bill = f"the bill is the providers' own usage for {_many(measured, 'request')}"
    yield f"{bill}, estimated for {_count(estimated)}" if estimated else bill
    yield f"what would have been: changes counted {counting}, scaled, cached alike"
    if dry := summary.get("dry_run"):
        would = dry["would_save"]
        money = "" if would["usd"] is None else f"{_usd(would['usd'])}, "
        tried = f"dry run: {_many(dry['requests'], 'request')} went as they came"
        yield f"{tried}; {money}{_percent(would['percent'])} would have been saved"


def _facts(summary: Row) -> Iterator[tuple[str, str, str]]:
    """Name, value, and what there is to say about it."""
    texts, retrievals, latency = summary["texts"], summary["retrievals"], summary["latency"]
    added, first_byte = latency["added_ms"], latency["first_byte_ms"]
    yield "input tokens saved", _count(summary["saved"]["tokens"]), "net of retrievals and our tool"
    tokens = f"{_short(texts['tokens_before'])} → {_short(texts['tokens_after'])}"
    yield "new texts", _count(texts["looked_at"]), f"{_count(texts['changed'])} shortened: {tokens}"
    came = _share(summary["passthrough_cache_hit_rate"])
    yield "from the provider's cache", _share(summary["cache_hit_rate"]), f"{came} as it came"
    yield "retrievals", _count(retrievals["count"]), f"{_count(retrievals['tokens'])} tokens"
    if added["p50"] is not None:
        first = "" if first_byte["p50"] is None else f"; first byte after {_ms(first_byte['p50'])}"
        yield "added to a request", _ms(added["p50"]), f"p99 {_ms(added['p99'])}{first}"
    if summary["errors"]:
        statuses = ", ".join(f"{code}: {count}" for code, count in summary["statuses"].items() if code >= "400")
        yield "failed requests", _count(summary["errors"]), statuses


def _print_rows(dimension: str, rows: Sequence[Row], since: float | None) -> None:
    from rich.console import Console

    if not rows:
        click.echo(_nothing(since))
        return
    Console(highlight=False).print(_table(dimension, rows, _OF_REQUESTS if "requests" in rows[0] else _OF_TEXTS))


_OF_TEXTS: tuple[Column, ...] = (
    ("texts", lambda row: _count(row["texts"])),
    ("before", lambda row: _short(row["tokens_before"])),
    ("after", lambda row: _short(row["tokens_after"])),
    ("saved", lambda row: _short(row["tokens_saved"])),
    ("retrieved", lambda row: _short(row["retrieved_tokens"])),
    ("net tokens", lambda row: _short(row["net_tokens"])),
)
_OF_REQUESTS: tuple[Column, ...] = (
    ("requests", lambda row: _count(row["requests"])),
    ("billed", lambda row: _usd(row["billed_usd"])),
    ("as it came", lambda row: _usd(row["passthrough_usd"])),
    ("saved", lambda row: _usd(row["saved_usd"])),
    ("", lambda row: _percent(row["saved_percent"])),
    ("retrieved", lambda row: _short(row["retrieved_tokens"])),
)


def _table(dimension: str, rows: Sequence[Row], columns: tuple[Column, ...]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1), header_style="dim")
    widest = max((len(row["name"]) for row in rows), default=0)
    table.add_column(dimension, overflow="fold", min_width=min(widest, _NAME))
    for title, _ in columns:
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(Text(row["name"]), *(show(row) for _, show in columns))
    return table


def _grid(facts: Iterator[tuple[str, str, str]]) -> Table:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(justify="right", style="bold")
    grid.add_column(style="dim")
    for fact in facts:
        grid.add_row(*fact)
    return grid


def _usd(value: float | None) -> str:
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 1_000 else 2 if abs(value) >= 0.1 or not value else 4
    return f"{'−' if value < 0 else ''}${abs(value):,.{digits}f}"


def _many(count: int, what: str) -> str:
    return f"{_count(count)} {what}{'' if count == 1 else 's'}"


def _count(value: int) -> str:
    return f"{value:,}".replace("-", "−")


def _short(value: float) -> str:
    """A large number in few characters: 12.3 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == ' k' else size):,.1f}{unit}".replace("-", "−")
    return _count(round(value))


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} %".replace("-", "−")


def _share(value: float | None) -> str:
    return _percent(None if value is None else 100 * value)


def _ms(value: float) -> str:
    return f"{value:,.1f} ms" if value < 10 else f"{value:,.0f} ms"
