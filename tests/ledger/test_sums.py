"""Sums are what plain addition gives, however requests are dealt to processes and transactions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.ledger.reading import DIMENSIONS, Reading
from headroom.ledger.record import Bill, Break, Group, Record, Retrieved, Text
from headroom.ledger.retention import Retention
from headroom.ledger.source import LEDGER_FILE, InMemory, on_disk
from headroom.ledger.writing import Due, Writer
from headroom.model import Reason, Usage
from tests.ledger.records import (
    DAY,
    NOW,
    account,
    bill_json,
    book_in,
    cost,
    folded,
    now,
    reading,
    record,
    records,
    report,
)

MONEY = ("model", "project", "client", "day")


@contextmanager
def booked(*all_records: Record) -> Iterator[Reading]:
    """Books with these requests, in memory."""
    source = InMemory()
    Writer(source, Retention(), now).write([Due(account(one)) for one in all_records])
    yield Reading(source, cost, "estimate", now)


def comparable(summary: dict[str, Any]) -> dict[str, Any]:
    """The part of a summary that `folded` gives."""
    sides = {side: {k: v for k, v in summary[side].items() if k != "usd"} for side in ("billed", "passthrough")}
    broken = {one["what"]: one["tokens"] for one in summary["cache_breakers"]}
    return {name: summary[name] for name in folded([])} | sides | {"cache_breakers": broken}


@given(st.lists(st.tuples(records, st.integers(0, 2), st.booleans()), max_size=25))
@settings(max_examples=60)
def test_a_summary_is_the_sum_of_its_requests(dealt: list[tuple[Record, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / LEDGER_FILE
        writers = [Writer(on_disk(file, 5.0), Retention(), now) for _ in range(3)]
        waiting: list[list[Due]] = [[], [], []]
        for one, worker, at_once in dealt:
            waiting[worker].append(Due(account(one)))
            if at_once:
                writers[worker].write(waiting[worker])
                waiting[worker].clear()
        for writer, rest in zip(writers, waiting, strict=True):
            writer.write(rest)
        everything = [one for one, _, _ in dealt]
        assert comparable(reading(Path(folder)).summary()) == folded(everything)
        for project in ("default", "shop"):
            own = folded([one for one in everything if one.project == project])
            found = comparable(reading(Path(folder)).summary(project=project))
            del own["conversations"], found["conversations"]  # one that changes its project is counted with its first
            assert found == own
        for writer in writers:
            writer.tidy()


@given(st.lists(records, min_size=1, max_size=12))
@settings(max_examples=40)
def test_all_ways_to_look_agree(some: list[Record]) -> None:
    with booked(*some) as books:
        summary = books.summary()
        tokens = summary["texts"]["tokens_before"] - summary["texts"]["tokens_after"]
        for dimension in DIMENSIONS:
            rows = books.by(dimension)
            if dimension == "conversation":
                continue
            assert sum(row["tokens_saved"] for row in rows) == tokens
            assert sum(row["retrieved_tokens"] for row in rows) == summary["retrievals"]["tokens"]
            if dimension in MONEY:
                assert sum(row["requests"] for row in rows) == len(some)
                for key, side in (("billed_usd", "billed"), ("passthrough_usd", "passthrough")):
                    assert sum(row[key] or 0 for row in rows) == pytest.approx(summary[side]["usd"] or 0, abs=1e-5)
        saved = pytest.approx(summary["saved"]["tokens"], abs=len(some))
        points, lines = books.series("hour"), books.requests(len(some))
        assert sum(point["requests"] for point in points) == len(some)
        assert sum(point["saved_tokens"] for point in points) == saved
        assert sum(line["billed_usd"] or 0 for line in lines) == pytest.approx(summary["billed"]["usd"] or 0, abs=1e-4)
        assert sum(line["tokens_saved"] for line in lines) == saved


@given(st.lists(records, min_size=1, max_size=12))
@settings(max_examples=30)
def test_drawing_days_together_changes_no_sum(some: list[Record]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = on_disk(Path(folder) / LEDGER_FILE, 5.0)
        Writer(source, Retention(), now).write([Due(account(one)) for one in some])
        before = reading(Path(folder)).summary(), reading(Path(folder)).series("day")
        assert Writer(source, Retention(), lambda: NOW + 20 * DAY).tidy() is False
        after = reading(Path(folder)).summary(), reading(Path(folder)).series("day")
        assert after[1] == before[1]
        assert {**after[0], "period": None} == {**before[0], "period": None}
        with source.connection() as db:
            assert db.execute("SELECT count(*) FROM request_sums WHERE slot % 24 > 0").fetchone() == (0,)


def test_the_price_of_long_prompts_is_by_the_longest_leg() -> None:
    legs = (Usage(150_000, 0, 0, 10, "claude", True), Usage(150_001, 0, 0, 10, "claude", True))
    long = Usage(250_000, 0, 0, 10, "claude", True)
    with booked(record(legs=legs)) as books:
        assert books.summary()["billed"]["usd"] == pytest.approx((300_001 * 4 + 20 * 16) / 1e6)
    with booked(record(legs=(long,))) as books:
        assert books.summary()["billed"]["usd"] == pytest.approx(2 * (250_000 * 4 + 10 * 16) / 1e6)


def test_who_answered_is_billed() -> None:
    with booked(record(model="claude-latest")) as books:
        assert [row["name"] for row in books.by("model")] == ["claude-opus-4-5"]
    with booked(record(model="claude-latest", legs=())) as books:
        assert [row["name"] for row in books.by("model")] == ["claude-latest"]


def test_money_of_unknown_models_is_not_made_up() -> None:
    unknown = record(legs=(Usage(1_000, 0, 0, 100, "gpt", True),))
    with booked(unknown) as books:
        summary = books.summary()
        assert summary["unpriced_models"] == ["gpt"]
        assert summary["billed"]["usd"] is None
        assert summary["saved"]["usd"] is None
        assert "gpt" in summary["warnings"][0]
    with booked(unknown, record()) as books:
        known = record()
        assert books.summary()["billed"]["usd"] == pytest.approx(cost("claude", 0, account(known).billed))


def test_without_prices_the_percentage_is_of_weighted_tokens() -> None:
    with booked(record(legs=(Usage(1_000, 0, 1_000, 0, "gpt", True),))) as books:
        extra = 1.25 * 500.125
        assert books.summary()["saved"]["percent"] == pytest.approx(100 * extra / (1_000 + 1_250 + extra), abs=0.01)


def test_a_dry_run_is_told_apart() -> None:
    with booked(record(group=Group.DRY_RUN), record()) as books:
        summary = books.summary()
        real = account(record())
        both = real.billed.plus(real.billed)
        assert summary["billed"] | {"usd": 0} == bill_json(both) | {"usd": 0}
        assert summary["saved"]["tokens"] == round(real.passthrough.read - real.billed.read)
        assert summary["texts"]["looked_at"] == 1
        dry = summary["dry_run"]
        assert dry["requests"] == 1
        assert dry["would_save"]["tokens"] == -summary["saved"]["tokens"]  # `account` says that it costs more
        assert (dry["tokens_before"], dry["tokens_after"]) == (1_000, 300)
        (row,) = books.by("tool")
        assert (row["texts"], row["tokens_saved"], row["would_save_tokens"]) == (1, 700, 700)
        tried = books.request(1)
        assert tried["tokens_saved"] == 0
        assert tried["billed_usd"] == tried["passthrough_usd"]
        assert tried["would_save"]["tokens"] == dry["would_save"]["tokens"]
    with booked(record()) as books:
        assert "dry_run" not in books.summary()


def test_retrievals_are_put_down_to_the_text_they_are_of() -> None:
    asked = (Retrieved("k3v9x2mq", "lines=1-3", "x" * 400), Retrieved("zzzzzzzz", "", "y" * 40))
    with booked(record(), record(texts=(), retrieved=asked)) as books:
        rows = {row["name"]: row for row in books.by("tool")}
        assert rows["Bash"]["retrieved_tokens"] == 100
        assert rows["Bash"]["net_tokens"] == 600
        assert rows["none"]["retrieved_tokens"] == 10
        assert [(one["id"], one["tokens"]) for one in books.retrieval_log()] == [("zzzzzzzz", 10), ("k3v9x2mq", 100)]
        assert books.retrieval_log(1)[0]["request"] == 2


def test_breaks_that_the_provider_did_not_notice_do_not_count() -> None:
    noticed, unnoticed = Break("a date", 20_001), Break("a date", 20_000)
    with booked(record(breaks=(unnoticed,))) as books:
        assert books.summary()["cache_breakers"] == []
    with booked(record(breaks=(noticed,)), record(breaks=(unnoticed,))) as books:
        assert books.summary()["cache_breakers"] == [{"what": "a date", "requests": 1, "tokens": 20_001}]
        assert "20,001 tokens were read again" in books.summary()["warnings"][-1]


def test_it_warns_where_nothing_is_saved_or_it_costs_more() -> None:
    same = record(texts=(Text("Bash", report(500, 500)),))
    with booked(*[same] * 19) as books:
        assert books.summary()["warnings"] == []
    with booked(*[same] * 20) as books:
        assert "nothing was saved" in books.summary()["warnings"][0]
    source = InMemory()
    dear = [Due(replace(account(record()), passthrough=Bill(input=1)))] * 20
    Writer(source, Retention(), now).write(dear)
    summary = Reading(source, cost).summary()
    assert summary["saved"]["percent"] < 0
    assert "cost more than it saved" in summary["warnings"][0]


def test_estimated_and_measured_requests_are_told_apart() -> None:
    estimated = replace(account(record(legs=(Usage(),))), billed=Bill(input=5), passthrough=Bill(input=6))
    source = InMemory()
    Writer(source, Retention(), now).write([Due(estimated), Due(account(record()))])
    nothing = Due(replace(account(record(legs=(Usage(),), status=502)), passthrough=Bill()))
    Writer(source, Retention(), now).write([nothing])
    summary = Reading(source, cost).summary()
    assert (summary["measured_requests"], summary["estimated_requests"], summary["requests"]) == (1, 1, 3)


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), -5.0, 1e300])
def test_no_figure_spoils_the_books(figure: float) -> None:
    odd = replace(account(record(ms_added=figure)), billed=Bill(figure, figure, figure, figure, figure))
    source = InMemory()
    Writer(source, Retention(), now).write([Due(odd)] * 3)
    summary = Reading(source, cost).summary()
    assert summary["requests"] == 3
    assert all(0 <= summary["billed"][name] < 1e16 for name in ("input", "cache_read", "output"))


def test_names_that_a_client_makes_up_do_not_fill_the_books(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headroom.ledger.names._MOST", 5)
    with booked(*(record(client=f"client {i}" + "x" * 1_000) for i in range(20))) as books:
        rows = {row["name"]: row["requests"] for row in books.by("client")}
        assert rows["others"] == 15
        assert all(len(name) <= 200 for name in rows)


def test_unread_requests_count_as_what_they_are() -> None:
    bare = Record(NOW, "", "", "openai", "default", "", 404, reasons=("bypassed",))
    with booked(bare) as books:
        summary = books.summary()
        assert (summary["requests"], summary["conversations"], summary["errors"]) == (1, 0, 1)
        assert summary["latency"]["added_ms"]["p50"] is None
        assert summary["cache_hit_rate"] is None
        assert summary["saved"] == {"tokens": 0, "usd": None, "percent": None} or summary["saved"]["tokens"] == 0
        assert books.by("model")[0]["name"] == "none"


def test_a_conversation_belongs_to_the_group_that_was_drawn(tmp_path: Path) -> None:
    book = book_in(tmp_path)
    for group in (Group.UNTOUCHED, Group.TREATED, Group.UNTOUCHED):
        book.add(record(group=group))
    book.add(record(conversation="c2", group=Group.HOLDOUT))
    assert book.flush()
    assert {one.name: one.group for one in reading(tmp_path).conversations()} == {"c1": "treated", "c2": "holdout"}
    book.close()


def test_reasons_are_of_texts_and_of_requests() -> None:
    texts = (Text("Bash", report()), Text("Bash", report(9, 9)), Text("Bash", report(9, 9, reason=Reason.OUT_OF_TIME)))
    with booked(record(texts=texts, reasons=("websocket",))) as books:
        assert books.summary()["reasons"] == {"compressed": 1, "out_of_time": 1, "too_small": 1, "websocket": 1}
