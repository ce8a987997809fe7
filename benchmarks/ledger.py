"""A year of a heavy user through the ledger's own writer: `python -m benchmarks.ledger [--requests 1000000]`.

Prints what each request takes of the event loop (`add`) and of the writer's thread, the file's size, and how long it
takes to look into the books: `headroom stats` as a process of its own, the rest in this one. Accounts are made up:
what the counterfactual takes is not part of it. Times are by the clock: run it where nothing else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from headroom.ledger.book import Book
from headroom.ledger.default import default_reading
from headroom.ledger.record import Account, Bill, Break, Group, Record, Retrieved, Text
from headroom.ledger.retention import Retention
from headroom.ledger.source import LEDGER_FILE, on_disk
from headroom.ledger.writing import Due, Writer
from headroom.model import BlockReport, Omission, Reason, Role, Usage

DAYS, TURNS = 365, 25
_BATCH = 250
_LIMITS = {"file_mb": 300.0, "stats_s": 0.5, "add_ms": 0.05, "look_s": 0.1}
_MCP = [f"mcp__{server}__{tool}" for server in ("github", "linear", "browser") for tool in ("list", "get", "find")]
_TOOLS = [
    *(
        ("Bash", "log"),
        ("Bash", "build"),
        ("Read", "code"),
        ("Grep", "search"),
        ("Glob", "listing"),
        ("WebFetch", "html"),
    ),
    *((tool, "json") for tool in _MCP),
]
_MODELS = ("claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001", "gpt-5.1-codex")
_CLIENTS = ("claude-cli/2.1.5 (external, cli)", "codex_cli_rs/0.60.1", "opencode/1.0")


def records(count: int, now: float) -> Iterator[Record]:
    """Conversations of a year, in the order of their requests."""
    chance = random.Random(1)
    begin, step = now - DAYS * 86_400, DAYS * 86_400 / count
    project = client = model = ""
    read = 0
    for i in range(count):
        if i % TURNS == 0:
            project, client = f"project-{chance.randrange(6)}", chance.choice(_CLIENTS)
            model, read = chance.choice(_MODELS), 15_000
        new = chance.randrange(200, 6_000)
        usage = Usage(chance.randrange(20), read, new, chance.randrange(50, 1_500), model, True)
        read += new
        yield Record(
            begin + i * step, "messages", "anthropic", "anthropic", project, client,
            200 if chance.random() < 0.99 else 529, f"{i // TURNS:032x}",
            Group.TREATED if i // TURNS % 10 else Group.HOLDOUT, model, bytes_in=4 * read, bytes_forwarded=3 * read,
            ms_added=chance.expovariate(0.3), ms_first_byte=chance.expovariate(1 / 900), legs=(usage,),
            texts=tuple(_text(chance, i) for _ in range(chance.choice((1, 1, 2, 3)))),
            retrieved=(Retrieved(f"{i - 40:08x}", "lines=120-180", "x" * 1_600),) if i % 50 == 49 else (),
            reasons=("websocket",) if client.startswith("codex") else (),
            breaks=(Break("the date in the system prompt", read + new),) if i % 400 == 0 else (),
        )  # fmt: skip


def _text(chance: random.Random, i: int) -> Text:
    tool, type = chance.choice(_TOOLS)
    before, path = chance.randrange(30, 6_000), (2 * (i % TURNS) + 2, "content", 0, "content")
    if chance.random() < 0.5:
        reason = chance.choice((Reason.TOO_SMALL, Reason.NOT_SMALLER))
        return Text(tool, BlockReport(path, Role.TOOL, type, "", reason, True, before, before))
    left_out = (Omission("INFO lines", 412, "lines", ((3, 80), (95, 300), (340, 467))), Omission("similar lines", 9))
    report = BlockReport(
        path, Role.TOOL, type, type, Reason.COMPRESSED, False, before, before // 3, f"{i:08x}", left_out
    )
    return Text(tool, report, i.to_bytes(16, "big"))


def account(record: Record) -> Account:
    """As if a third had been saved."""
    (leg,) = record.legs
    billed = Bill(leg.input, leg.cache_read, leg.cache_write, 0, leg.output)
    came = replace(billed, cache_read=leg.cache_read * 1.37, cache_write=leg.cache_write * 1.52)
    return Account(record, billed, came, True, 400 * len(record.retrieved))


def fill(folder: Path, count: int, now: float) -> float:
    """Books so many requests as the writer's thread does, on the days they were made; seconds per request."""
    clock = [now]
    writer = Writer(on_disk(folder / LEDGER_FILE, 5.0), Retention(), lambda: clock[0])
    spent = 0.0
    waiting: list[Due] = []
    for i, record in enumerate(records(count, now), 1):
        waiting.append(Due(account(record)))
        if len(waiting) < _BATCH and i < count:
            continue
        clock[0] = record.at
        started = time.process_time()
        writer.write(waiting)
        while writer.tidy():
            pass
        spent += time.process_time() - started
        waiting.clear()
    return spent / count


def singly(folder: Path, now: float, count: int = 2_000) -> dict[str, float]:
    """Milliseconds that a request takes of the loop and of the writer's thread, one after the other; medians."""
    book = Book(folder / LEDGER_FILE, account)
    adding, writing = [], []
    for record in records(count, now + DAYS * 86_400):
        record = replace(record, at=now)
        started = time.perf_counter()
        book.add(record)
        adding.append(time.perf_counter() - started)
        book.flush()
        writing.append(time.perf_counter() - started)
    book.close()
    return {"add_ms": 1e3 * sorted(adding)[count // 2], "written_ms": 1e3 * sorted(writing)[count // 2]}


def best(look: Callable[[], Any], tries: int = 5) -> float:
    """Seconds of the quickest of some tries."""
    taken = []
    for _ in range(tries):
        started = time.perf_counter()
        look()
        taken.append(time.perf_counter() - started)
    return min(taken)


def looks(folder: Path) -> dict[str, float]:
    """Seconds of each way to look."""
    os.environ["HEADROOM_HOME"] = str(folder)
    program = [sys.executable, "-c", "from headroom.cli.main import main; main()", "stats"]
    books, month = default_reading(), time.time() - 30 * 86_400
    ways: dict[str, Callable[[], Any]] = {
        "stats": lambda: subprocess.run(program, check=True, capture_output=True),
        "stats --since all": lambda: subprocess.run([*program, "--since", "all"], check=True, capture_output=True),
        "summary, a month": lambda: books.summary(month),
        "summary, all": books.summary,
        "by tool, a month": lambda: books.by("tool", month),
        "by conversation, a month": lambda: books.by("conversation", month),
        "series by day, all": lambda: books.series("day"),
        "series by hour, a day": lambda: books.series("hour", time.time() - 86_400),
        "requests(100)": lambda: books.requests(100),
        "retrieval_log(100)": lambda: books.retrieval_log(100),
    }
    return {name: best(look) for name, look in ways.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, now = Path(name), time.time()
        per_request = fill(folder, given.requests, now)
        on_loop = singly(folder, now)
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        found = {"requests": given.requests, "file_mb": round(size, 1), "writer_ms": round(1e3 * per_request, 3)}
        seconds = {what: round(taken, 4) for what, taken in looks(folder).items()}
        print(json.dumps({**found, **{k: round(v, 4) for k, v in on_loop.items()}, "seconds": seconds}, indent=1))
    slow = [
        what for what, taken in seconds.items() if taken > _LIMITS["stats_s" if what.startswith("stats") else "look_s"]
    ]
    slow += [what for what in ("file_mb", "add_ms") if {**found, **on_loop}[what] > _LIMITS[what]]
    sys.exit(f"beyond the limits: {', '.join(slow)}" if slow else 0)


if __name__ == "__main__":
    main()
