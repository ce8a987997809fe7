"""Requests that might have been, and what they come to by plain addition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from headroom.ledger.book import Book
from headroom.ledger.reading import Reading
from headroom.ledger.record import Account, Bill, Break, Group, Record, Retrieved, Text
from headroom.ledger.schema import CLASSES
from headroom.ledger.source import LEDGER_FILE, on_disk
from headroom.model import BlockReport, Omission, Reason, Role, Usage

NOW = 1_780_000_000.0
HOUR, DAY = 3_600, 86_400
CODES = ("bypassed", "client_gone", "upstream_broke_off", "too_slow")


def report(before: int = 1_000, after: int = 300, **changes: Any) -> BlockReport:
    """What became of a log."""
    changed = after < before
    made = BlockReport(
        (3, "content", 0), Role.TOOL, "log", "log" if changed else "",
        Reason.COMPRESSED if changed else Reason.TOO_SMALL, not changed, before, after, "k3v9x2mq" if changed else None,
        (Omission("INFO lines", 10, "lines", ((1, 10),)),) if changed else (),
    )  # fmt: skip
    return replace(made, **changes)


def record(**changes: Any) -> Record:
    """A request with one new result that was shortened."""
    made = Record(
        NOW, "messages", "anthropic", "anthropic", "default", "claude-cli/2.1", 200, "c1", Group.TREATED, "claude",
        b"{}", bytes_in=4_000, bytes_forwarded=1_500, ms_added=2.5, ms_first_byte=700.0,
        texts=(Text("Bash", report(), b"pin"),), legs=(Usage(10, 20_000, 1_000, 300, "claude-opus-4-5", True),),
    )  # fmt: skip
    return replace(made, **changes)


def account(record: Record) -> Account:
    """As if half as much again had been written to the cache, and a token were four characters."""
    billed = Bill()
    for leg in record.legs:
        lasting = leg.cache_write_1h
        billed = billed.plus(Bill(leg.input, leg.cache_read, leg.cache_write - lasting, lasting, leg.output))
    came = replace(billed, cache_write=billed.cache_write * 1.5 + 0.125)
    answers = sum(len(one.text) // 4 for one in record.retrieved)
    return Account(record, billed, came, all(leg.reported for leg in record.legs), answers)


def cost(model: str, band: int, bill: Bill) -> float | None:
    """Dollars a token that are easily added up; twice as many for long prompts."""
    if not model.startswith("claude"):
        return None
    price = bill.input * 4 + bill.cache_read * 0.5 + bill.cache_write * 5 + bill.cache_write_1h * 8 + bill.output * 16
    return price * (2 if band > 1 else 1) / 1_000_000


def now() -> float:
    """The clock of all these books."""
    return NOW


def book_in(folder: Path, account: Callable[[Record], Account] = account, **given: Any) -> Book:
    return Book(folder / LEDGER_FILE, account, clock=now, **given)


def reading(folder: Path, clock: Callable[[], float] = now) -> Reading:
    return Reading(on_disk(folder / LEDGER_FILE, 5.0), cost, "estimate", clock)


tokens = st.integers(0, 300_000)
usages = st.builds(
    Usage, tokens, tokens, tokens, tokens, st.sampled_from(("claude-a", "claude-b", "gpt")), st.just(True)
)
reports = st.builds(
    report, st.integers(1, 9_000), st.integers(1, 9_000), role=st.sampled_from((Role.TOOL, Role.USER)),
    content_type=st.sampled_from(("log", "json")),
)  # fmt: skip
texts = st.builds(Text, st.sampled_from(("Bash", "Read", "")), reports)
retrieved = st.builds(
    Retrieved, st.sampled_from(("k3v9x2mq", "zzzzzzzz")), st.just("lines=1-3"), st.text("ab", max_size=99)
)
records = st.builds(
    record,
    at=st.floats(NOW - 3 * DAY, NOW, allow_nan=False),
    project=st.sampled_from(("default", "shop")),
    client=st.sampled_from(("cc", "codex", "\ud800\0")),
    upstream=st.sampled_from(("anthropic", "openai")),
    status=st.sampled_from((200, 429, 502)),
    conversation=st.sampled_from(("", "c1", "c2", "c3")),
    group=st.sampled_from(Group),
    texts=st.lists(texts, max_size=3).map(tuple),
    legs=st.lists(usages, min_size=1, max_size=2).map(tuple),
    retrieved=st.lists(retrieved, max_size=2).map(tuple),
    reasons=st.lists(st.sampled_from(CODES), max_size=2, unique=True).map(tuple),
    breaks=st.lists(st.builds(Break, st.sampled_from(("a date", "tools")), tokens), max_size=1).map(tuple),
)


def bill_json(bill: Bill) -> dict[str, int]:
    return {name: round(value) for name, value in zip(CLASSES, astuple(bill), strict=True)}


def folded(all_records: Iterable[Record]) -> dict[str, Any]:
    """What a summary says of these records, by adding up one after the other."""
    billed = came = Bill()
    numbers: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for one in all_records:
        done = account(one)
        dry = one.group is Group.DRY_RUN
        billed, came = billed.plus(done.billed), came.plus(done.billed if dry else done.passthrough)
        numbers["requests"] += 1
        numbers["errors"] += one.status >= 400 or "upstream_broke_off" in one.reasons
        numbers["retrievals"] += len(one.retrieved)
        numbers["retrieved"] += done.retrieved_tokens
        reasons.update(one.reasons)
        statuses[str(one.status)] += 1
        broken.update({b.what: b.tokens for b in one.breaks if b.tokens > one.legs[0].cache_read})
        for text in () if dry else one.texts:
            reasons[text.report.reason.value] += 1
            numbers["looked_at"] += 1
            numbers["changed"] += text.report.reason is Reason.COMPRESSED
            numbers["before"] += text.report.tokens_before
            numbers["after"] += text.report.tokens_after
    return {
        "requests": numbers["requests"],
        "conversations": len({one.conversation for one in all_records} - {""}),
        "errors": numbers["errors"],
        "billed": bill_json(billed),
        "passthrough": bill_json(came),
        "texts": {
            "looked_at": numbers["looked_at"],
            "changed": numbers["changed"],
            "tokens_before": numbers["before"],
            "tokens_after": numbers["after"],
        },
        "retrievals": {"count": numbers["retrievals"], "tokens": numbers["retrieved"]},
        "reasons": dict(sorted(reasons.items())),
        "statuses": dict(sorted(statuses.items())),
        "cache_breakers": {what: tokens for what, tokens in broken.items() if tokens},
    }
