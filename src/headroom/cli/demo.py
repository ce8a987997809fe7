"""`headroom demo`: real output of this machine, shortened; what is left of it, and what comes back."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from headroom import api
from headroom.ccr.sqlite import SQLiteStore
from headroom.cli.common import working, write_json
from headroom.demo.facts import Fact, missing
from headroom.demo.payloads import MAKERS, Payload, UnavailableError, make
from headroom.marker import span

_HEAD = f"{'payload':<21}{'before':>8}{'after':>8}{'saved':>7}  {'facts kept':>10}  {'form':<10}{'time':>8}"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One payload before and after; `intact` says that the whole original came back from the store byte for byte."""

    payload: Payload
    result: api.TextResult
    seconds: float
    lost: list[Fact]
    intact: bool


@click.command()
@click.option("--json", "as_json", is_flag=True, help="print the figures as JSON")
def command(as_json: bool) -> None:
    """Shorten real output of this machine and fetch a left-out part back.

    Runs git, grep, a failing test run, pip, a program that logs, and ls on this machine, without a network. Facts (the
    failing assertion, the only match of a file, a package's version, …) are found in the raw output by simple rules and
    looked for in the shortened one. Keeps nothing: originals go to a store in a temporary folder. The exit code is 1 if
    any original doesn't come back byte for byte.
    """
    with tempfile.TemporaryDirectory(prefix="headroom-demo-") as folder:
        store = SQLiteStore(Path(folder) / "ccr.sqlite3")
        api.compress_text("warm-up\n" * 100, store=store)  # loads the compressors: what is timed is the work alone
        rows: list[Row] = []
        skipped: dict[str, str] = {}
        if not as_json:
            click.secho(_HEAD, bold=True)
        for name in MAKERS:
            try:
                with working(f"running {name}"):
                    rows.append(_row(make(name, Path(folder)), store))
            except UnavailableError as reason:
                skipped[name] = str(reason)
                continue
            if not as_json:
                _print_row(rows[-1])
        fetched = _fetched(rows, store)
        store.close()
    good = all(row.intact for row in rows) and (fetched is None or fetched["exact"])
    if as_json:
        write_json({"payloads": [_plain(row) for row in rows], "skipped": skipped, "fetched": fetched, "ok": good})
    else:
        _print_end(rows, skipped, fetched)
    sys.exit(0 if good else 1)


def _row(payload: Payload, store: SQLiteStore) -> Row:
    started = time.perf_counter()
    result = api.compress_text(
        payload.text, tool=payload.tool, command=payload.command, path=payload.path, level=payload.level, store=store
    )
    seconds = time.perf_counter() - started
    back = payload.text if result.id is None else api.retrieve(result.id, store=store).text
    return Row(payload, result, seconds, missing(result.text, payload.facts), back == payload.text)


def _fetched(rows: list[Row], store: SQLiteStore) -> dict[str, Any] | None:
    """The longest range of lines that was left out, fetched back and compared."""
    gaps = [
        (last - first, row, first, last)
        for row in rows
        for o in row.result.omissions
        for first, last in o.ranges
        if o.unit == "lines" and not o.path and row.result.id
    ]
    if not gaps:
        return None
    _, row, first, last = max(gaps, key=lambda gap: gap[0])
    id = str(row.result.id)
    text = api.retrieve(id, lines=f"{first}-{last}", store=store).text
    exact = text == "\n".join(row.payload.text.split("\n")[first - 1 : last])
    return {"payload": row.payload.name, "id": id, "lines": f"{first}-{last}", "text": text, "exact": exact}


def _form(row: Row) -> str:
    if row.result.report.detail:
        return "failed"
    if row.result.id is None:
        return "untouched"
    return "lossless" if row.result.report.lossless else "extract"


def _print_row(row: Row) -> None:
    result, facts = row.result, len(row.payload.facts)
    saved = 1 - result.ratio
    kept = f"{facts - len(row.lost)}/{facts}"
    click.echo(
        f"{row.payload.name[:20]:<21}{result.tokens_before:>8,}{result.tokens_after:>8,}"
        + click.style(f"{saved:>7.0%}", fg="green" if saved > 0 else None)
        + click.style(f"  {kept:>10}", fg="red" if row.lost else None)
        + f"  {_form(row):<10}{row.seconds * 1000:>5,.0f} ms"
    )


def _print_end(rows: list[Row], skipped: dict[str, str], fetched: dict[str, Any] | None) -> None:
    before, after = sum(r.result.tokens_before for r in rows), sum(r.result.tokens_after for r in rows)
    facts, lost = sum(len(r.payload.facts) for r in rows), sum(len(r.lost) for r in rows)
    kept = f"{facts - lost}/{facts}"
    seconds = f"{sum(r.seconds for r in rows) * 1000:>5,.0f} ms"
    total = f"{'total':<21}{before:>8,}{after:>8,}{1 - after / max(before, 1):>7.0%}  {kept:>10}  {'':<10}{seconds}"
    click.secho(total, bold=True)
    for row in rows:
        if row.result.report.detail:
            click.secho(f"  {row.payload.name} left as it was: {row.result.report.detail}", fg="red")
        for fact in row.lost[:_SHOWN]:
            click.secho(
                f"  not visible in {row.payload.name}: {' '.join(' / '.join(fact.answers).split())[:70]}", fg="red"
            )
    for name, reason in skipped.items():
        click.echo(f"  {name}: left out, {reason}")
    click.echo(f"\noriginals that came back byte for byte: {sum(r.intact for r in rows)} of {len(rows)}")
    if fetched is not None:
        first, _, last = fetched["lines"].partition("-")
        verdict = "byte for byte what was left out" if fetched["exact"] else "NOT what was left out"
        click.echo(f"fetched back from {fetched['payload']}: retrieve {fetched['id']} --lines {fetched['lines']}")
        for line in fetched["text"].split("\n")[:_SHOWN]:
            click.secho(f"  {line[:76]}", dim=True)
        colour = "green" if fetched["exact"] else "red"
        click.secho(f"  lines {span(int(first), int(last))}: {verdict}", fg=colour)


def _plain(row: Row) -> dict[str, Any]:
    r = row.result
    return {
        "payload": row.payload.name, "command": row.payload.command, "level": row.payload.level.value,
        "tokens_before": r.tokens_before, "tokens_after": r.tokens_after, "saved": round(1 - r.ratio, 4),
        "facts": len(row.payload.facts), "facts_kept": len(row.payload.facts) - len(row.lost),
        "facts_lost": [fact.answers for fact in row.lost], "form": _form(row), "compressor": r.report.compressor,
        "milliseconds": round(row.seconds * 1000, 1), "original_intact": row.intact,
    }  # fmt: skip
