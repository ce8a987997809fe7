"""Books of somebody who never was: requests of some days, with what the page has to show."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from headroom.ledger.record import Account, Bill, Break, Group, Record, Retrieved, Text
from headroom.ledger.retention import Retention
from headroom.ledger.source import LEDGER_FILE, on_disk
from headroom.ledger.writing import Due, Writer
from headroom.model import BlockReport, Omission, Reason, Role, Usage

TURNS = 25
_BATCH = 250
_TOOLS = (
    ("Bash", "log"), ("Bash", "build"), ("Read", "code"), ("Grep", "search"), ("Glob", "listing"), ("WebFetch", "html"),
    ("mcp__github__list_issues", "json"), ("mcp__browser__snapshot", "html"),
)  # fmt: skip
_MODELS = ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5")
_CLIENTS = ("claude-cli", "opencode", "my-agent")
_PROJECTS = ("shop", "website", "billing", "default")
_LEFT_ALONE = (Reason.TOO_SMALL, Reason.TOO_SMALL, Reason.NOT_SMALLER)


def records(count: int, now: float, days: float = 7, models: tuple[str, ...] = _MODELS) -> Iterator[Record]:
    """Conversations of the last days, in the order of their requests; the same for the same arguments."""
    chance = random.Random(7)
    conversation = (_PROJECTS[0], _CLIENTS[0], models[0])
    read = 0
    for i in range(count):
        if i % TURNS == 0:
            conversation = (chance.choice(_PROJECTS), chance.choice(_CLIENTS), chance.choice(models))
            read = 14_000
        project, client, model = conversation
        new = int(chance.lognormvariate(7.4, 0.8))
        usage = Usage(chance.randrange(20), read, new, chance.randrange(50, 1_500), model, True)
        read += new
        held_out = i // TURNS % 9 == 4
        yield Record(
            now - days * 86_400 * (1 - i / count), "messages", "anthropic", "anthropic", project, client,
            200 if chance.random() < 0.985 else 529, f"{i // TURNS:032x}",
            Group.HOLDOUT if held_out else Group.TREATED, model, bytes_in=4 * read, bytes_forwarded=3 * read,
            ms_added=chance.expovariate(0.3), ms_first_byte=chance.expovariate(1 / 900), legs=(usage,),
            texts=() if held_out else tuple(_text(chance, i) for _ in range(chance.choice((1, 1, 2, 3)))),
            retrieved=(Retrieved(f"{i - 3:08x}", "lines=120-180", "x" * 1_600),) if i % 60 == 40 else (),
            reasons=("websocket",) if i % 31 == 0 else (),
            breaks=(Break("the date in the system prompt", read + new),) if i % 90 == 0 else (),
        )  # fmt: skip


def _text(chance: random.Random, i: int) -> Text:
    tool, type = chance.choice(_TOOLS)
    before, path = int(chance.lognormvariate(7.2, 0.9)) + 120, (2 * (i % TURNS) + 2, "content", 0, "content")
    if chance.random() < 0.45:
        return Text(tool, BlockReport(path, Role.TOOL, type, "", chance.choice(_LEFT_ALONE), True, before, before))
    left_out = (Omission("INFO lines", 412, "lines", ((3, 80), (95, 300), (340, 467))), Omission("similar lines", 9))
    after = max(40, int(before * chance.uniform(0.15, 0.7)))
    return Text(
        tool, BlockReport(path, Role.TOOL, type, type, Reason.COMPRESSED, False, before, after, f"{i:08x}", left_out)
    )


def account(record: Record, share: float = 0.55) -> Account:
    """As if so much more had been read from the cache, and written to it, for requests as they came."""
    (leg,) = record.legs
    billed = Bill(leg.input, leg.cache_read, leg.cache_write, 0, leg.output)
    changed = sum(text.report.tokens_before - text.report.tokens_after for text in record.texts)
    treated = record.group is Group.TREATED
    grown = max(0, leg.cache_read - 14_000) * share if treated else 0.0
    came = replace(billed, cache_read=leg.cache_read + grown, cache_write=leg.cache_write + (changed if treated else 0))
    return Account(record, billed, came, True, 400 * len(record.retrieved))


def fill(folder: Path, requests: Iterator[Record], share: float = 0.55) -> None:
    """Books them, as the writer's thread does, on the days they were made."""
    clock = [0.0]
    writer = Writer(on_disk(folder / LEDGER_FILE, 5.0), Retention(), lambda: clock[0])
    waiting: list[Due] = []

    def write() -> None:
        writer.write(waiting)
        waiting.clear()
        while writer.tidy():
            pass

    for record in requests:
        waiting.append(Due(account(record, share)))
        clock[0] = record.at
        if len(waiting) == _BATCH:
            write()
    write()
