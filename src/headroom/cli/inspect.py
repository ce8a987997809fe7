"""`headroom inspect`: a request as it was sent and as it was forwarded, block by block, with the reason for each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from headroom.cli.common import summary, write_json
from headroom.cli.explain import left_out, side_by_side
from headroom.ledger.bodies import Bodies
from headroom.ledger.inspection import bodies, inspected
from headroom.ledger.reading import Reading
from headroom.model import BlockReport, Omission, Reason, Role

Row = Mapping[str, Any]


@click.command()
@click.argument("id", type=click.IntRange(min=1), required=False)
@click.option("--last", type=click.IntRange(min=1), help="the last so many requests; without ID: the last one")
@click.option("--rows", type=click.IntRange(min=0), default=20, show_default=True, help="rows side by side, 0 for none")
@click.option("--full", is_flag=True, help="print every line side by side, and whole bodies where they are kept")
@click.option("--json", "as_json", is_flag=True, help="print as JSON")
def command(id: int | None, last: int | None, rows: int, full: bool, as_json: bool) -> None:
    """Show what came and what was forwarded of request ID, and why.

    \b
    headroom inspect                 the last request that the proxy has booked
    headroom inspect --last 3
    headroom inspect 4711 --full

    Texts that were shortened come from the store, where their originals are; of others only the figures are kept.
    """
    from headroom.ledger.default import default_reading

    if id is not None and last is not None:
        raise click.UsageError("say either ID or --last")
    reading = default_reading()
    ids = [id] if id is not None else [line["id"] for line in reading.requests(last or 1)]
    found = [(_inspected(reading, one), bodies(reading, one)) for one in reversed(ids)]
    if as_json:
        write_json([{**request, **_bodies_json(kept)} for request, kept in found])
        return
    for request, kept in found:
        _print(request, None if full else rows, kept if full else None)
    if not found:
        click.echo("nothing is booked yet: headroom proxy books what goes through it", err=True)


def _inspected(reading: Reading, id: int) -> dict[str, Any]:
    from headroom.ccr.default import data_folder, default_store
    from headroom.ccr.pins import MemoryPins, SQLitePins
    from headroom.prefixes import Prefixes
    from headroom.proxy.engine import PINS_FILE

    file = data_folder() / PINS_FILE
    return inspected(reading, id, default_store, Prefixes(SQLitePins(file) if file.exists() else MemoryPins()))


def _bodies_json(kept: Bodies | None) -> dict[str, str]:
    if kept is None:
        return {}
    return {name: body.decode("utf-8", "replace") for name, body in kept._asdict().items()}


def _print(request: Row, rows: int | None, kept: Bodies | None) -> None:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(request["at"]))
    click.secho(
        f"request {request['id']}  {when}  {request['model'] or request['endpoint']}  {request['client']}", bold=True
    )
    click.echo(f"status {request['status']}, project {request['project']}, {request['group']}, {_bill(request)}")
    click.echo(f"{request['ms_added']:.1f} ms added, first byte after {request['ms_first_byte']:.0f} ms")
    if request["reasons"]:
        click.echo(f"reasons     {', '.join(request['reasons'])}")
    for text in request["texts"]:
        _print_text(text, rows)
    if not request["texts"]:
        click.echo("no new texts: all that is in it was sent before, or it was not looked at")
    for one in request["retrievals"]:
        click.echo(f"retrieved   {one['id']} {one['asked']}: {one['tokens']:,} tokens")
    for name, body in _bodies_json(kept).items():
        click.secho(f"\n{name}:", bold=True)
        click.echo(body)
    click.echo()


def _bill(request: Row) -> str:
    read = f"{request['tokens_read']:,} tokens read, {request['tokens_saved']:,} fewer than as it came"
    if request["billed_usd"] is None:
        return read
    return f"{read}; ${request['billed_usd']:.4f} billed, ${request['passthrough_usd']:.4f} as it came"


def _print_text(text: Row, rows: int | None) -> None:
    report = _report(text)
    click.echo(f"\n{text['tool'] or text['role']}  {summary(report)}")
    if report.detail:
        click.echo(f"because     {report.detail}")
    left_out(report)
    if report.id is not None and text["before"] is None:
        click.echo("the original is not kept any more")
    elif text["before"] is not None and text["after"] is not None and rows != 0:
        side_by_side(text["before"], text["after"], report, rows)


def _report(text: Row) -> BlockReport:
    """A text's figures as the report that they were booked from."""
    omissions = tuple(
        Omission(one["kind"], one["count"], one["unit"], tuple((a, b) for a, b in one["ranges"]), one["path"])
        for one in text["omissions"]
    )
    return BlockReport(
        (), Role(text["role"]), text["type"], text["compressor"], Reason(text["reason"]), text["lossless"],
        text["tokens_before"], text["tokens_after"], text["id"], omissions, text["detail"],
    )  # fmt: skip
