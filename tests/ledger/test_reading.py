"""Looking into the books: periods, pages, what is not there, and times as people say them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from headroom.errors import InputError, NotFound
from headroom.ledger.histograms import BOUNDS, bucket, histogram
from headroom.ledger.periods import moment
from headroom.ledger.reading import BUCKETS, DIMENSIONS, Reading
from headroom.ledger.record import Retrieved, Text
from headroom.ledger.schema import Measure
from headroom.ledger.source import InMemory
from headroom.model import Usage
from tests.ledger.records import DAY, HOUR, NOW, account, book_in, cost, now, reading, record, report


@pytest.fixture
def books(tmp_path: Path) -> Reading:
    """A request an hour for three days, each dearer than the one before."""
    book = book_in(tmp_path)
    for i in range(72):
        texts = (Text(f"tool {i % 3}", report(1_000 + i, 300)),)
        book.add(record(at=NOW - (71 - i) * HOUR, project="shop" if i % 2 else "default", texts=texts))
    book.close()
    return reading(tmp_path)


def test_a_period_is_whole_hours(books: Reading) -> None:
    assert books.summary()["requests"] == 72
    assert books.summary(since=NOW - 10 * HOUR)["requests"] == 11
    assert books.summary(until=NOW - 10 * HOUR)["requests"] == 62
    assert books.summary(NOW - 10 * HOUR, NOW - 5 * HOUR, "shop")["requests"] == 3
    assert books.summary(since=NOW + DAY)["requests"] == 0
    assert books.summary(project="nobody's")["requests"] == 0
    period = books.summary(since=NOW - 10 * HOUR)["period"]
    assert NOW - 11 * HOUR < period["since"] <= NOW - 10 * HOUR
    assert period["until"] == NOW
    assert books.summary()["period"]["since"] <= NOW - 71 * HOUR


def test_rows_of_a_dimension(books: Reading) -> None:
    assert [row["name"] for row in books.by("tool")] == ["tool 2", "tool 1", "tool 0"]
    assert sum(row["texts"] for row in books.by("tool", since=NOW - 10 * HOUR)) == 11
    assert {row["name"]: row["requests"] for row in books.by("project")} == {"default": 36, "shop": 36}
    days = books.by("day")
    assert [row["name"] for row in days] == sorted(row["name"] for row in days)
    assert sum(row["requests"] for row in days) == 72
    assert len(books.series("hour")) == 72
    assert [point["requests"] for point in books.series("day")] == [row["requests"] for row in days]
    assert sum(point["requests"] for point in books.series("day", project="shop")) == 36


def test_requests_come_in_pages(books: Reading) -> None:
    first = books.requests(50)
    rest = books.requests(50, before=first[-1]["id"])
    assert [line["id"] for line in (*first, *rest)] == list(range(72, 0, -1))
    assert first[0]["at"] == NOW


def test_one_request_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    book = book_in(tmp_path)
    book.add(record(retrieved=(Retrieved("k3v9x2mq", "lines=3-9", "x" * 40),), reasons=("websocket",)))
    book.close()
    found = reading(tmp_path).request(1)
    (text,) = found["texts"]
    assert text == {
        "tool": "Bash", "type": "log", "compressor": "log", "reason": "compressed", "role": "tool", "lossless": False,
        "tokens_before": 1_000, "tokens_after": 300, "id": "k3v9x2mq", "path": [3, "content", 0], "detail": "",
        "omissions": [{"kind": "INFO lines", "count": 10, "unit": "lines", "ranges": [[1, 10]], "path": ""}],
        "pin": b"pin".hex(),
    }  # fmt: skip
    assert found["retrievals"] == [{"id": "k3v9x2mq", "asked": "lines=3-9", "tokens": 10}]
    assert found["billed"]["usd"] == found["billed_usd"] == round(cost("claude", 0, account(record()).billed) or 0, 6)
    with pytest.raises(NotFound):
        reading(tmp_path).request(2)


def test_what_nobody_has_booked_yet() -> None:
    empty = Reading(InMemory(), cost, "estimate", now)
    summary = empty.summary()
    assert (summary["requests"], summary["saved"]["tokens"], summary["warnings"]) == (0, 0, [])
    assert summary["period"] == {"since": None, "until": NOW}
    assert [empty.by(dimension) for dimension in DIMENSIONS] == [[]] * len(DIMENSIONS)
    assert [empty.series(bucket) for bucket in BUCKETS] == [[]] * len(BUCKETS)
    assert empty.requests() == empty.retrieval_log() == empty.conversations() == []


def test_unknown_dimensions_are_refused() -> None:
    with pytest.raises(InputError, match="colour"):
        Reading(InMemory(), cost).by("colour")
    with pytest.raises(InputError, match="minute"):
        Reading(InMemory(), cost).series("minute")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("all", None),
        ("12h", NOW - 12 * HOUR),
        ("7d", NOW - 7 * DAY),
        (" 2W ", NOW - 14 * DAY),
        ("999999w", 0.0),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=timezone.utc).timestamp()),
        ("2026-05-01T12:30", datetime(2026, 5, 1, 12, 30, tzinfo=timezone.utc).timestamp()),
        ("2026-05-01T12:30+02:00", datetime(2026, 5, 1, 10, 30, tzinfo=timezone.utc).timestamp()),
    ],
)
def test_times_as_people_say_them(text: str, time: float | None) -> None:
    assert moment(text, NOW) == time


@pytest.mark.parametrize("text", ["", "7", "yesterday", "7y", "2026-13-01", "-7d", "７d"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InputError, match="is no time"):
        moment(text, NOW)


@pytest.mark.parametrize("measure", Measure)
def test_shares_are_right_to_within_a_bucket(measure: Measure) -> None:
    bounds = BOUNDS[measure]
    assert list(bounds) == sorted(bounds)
    values = [bounds[-1] * (i / 1_000) ** 3 for i in range(1_001)]
    rows: dict[int, tuple[int, int]] = {}
    for value in values:
        count, total = rows.get(bucket(measure, value), (0, 0))
        rows[bucket(measure, value)] = count + 1, total + round(value * 1_000)
    found = histogram(measure, rows)
    assert (found.count, found.cumulative()[-1]) == (1_001, (bounds[-1], 1_001))
    assert found.total == pytest.approx(sum(values), rel=1e-3)
    for share in (0.1, 0.5, 0.9, 0.99):
        exact, told = values[int(share * 1_000)], found.at(share)
        assert told is not None
        assert abs(bucket(measure, told) - bucket(measure, exact)) <= 1
    assert histogram(measure, {}).at(0.5) is None
    assert histogram(measure, {len(bounds): (3, 0)}).at(0.5) == bounds[-1]


@pytest.mark.parametrize(("size", "is_warned_of"), [(900, False), (400_000, True)])
def test_usage_that_nobody_can_believe_is_warned_of(tmp_path: Path, size: int, is_warned_of: bool) -> None:
    book = book_in(tmp_path)
    for _ in range(20):
        book.add(record(bytes_forwarded=size, legs=(Usage(10, 0, 0, 300, "claude-opus-4-5", True),)))
    book.close()
    found = [text for text in reading(tmp_path).summary()["warnings"] if "one token for" in text]
    assert bool(found) is is_warned_of
