"""What is kept for how long: rows for a month and so many, sums for a year, names as long as something has them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from headroom.ledger import retention as retention_module
from headroom.ledger.retention import Retention
from headroom.ledger.source import LEDGER_FILE, on_disk
from headroom.ledger.writing import Due, Writer
from tests.ledger.records import DAY, HOUR, NOW, account, reading, record


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class World:
    """A file, its writer, and a clock."""

    def __init__(self, folder: Path, retention: Retention) -> None:
        self.clock, self.folder = Clock(), folder
        self._source = on_disk(folder / LEDGER_FILE, 5.0)
        self._writer = Writer(self._source, retention, self.clock)

    def book(self, count: int = 1, **changes: object) -> None:
        self._writer.write([Due(account(record(**{"at": self.clock.now, **changes}))) for _ in range(count)])

    def later(self, seconds: float) -> None:
        self.clock.now += seconds
        while self._writer.tidy():
            pass

    def count(self, table: str) -> int:
        db = sqlite3.connect(self.folder / LEDGER_FILE)
        (found,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
        db.close()
        return int(found)


def test_the_newest_requests_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_module, "_AT_ONCE", 30)
    world = World(tmp_path, Retention(requests=100))
    world.book(250)
    world.later(2 * HOUR)
    assert [world.count(table) for table in ("requests", "texts")] == [100, 100]
    books = reading(tmp_path)
    assert [line["id"] for line in books.requests(1000)] == list(range(250, 150, -1))
    assert books.summary()["requests"] == 250
    world.book()
    assert books.requests(1)[0]["id"] == 251


def test_after_a_month_only_sums_are_left(tmp_path: Path) -> None:
    world = World(tmp_path, Retention())
    world.book(5)
    world.later(20 * DAY)
    world.book(3)
    world.later(11 * DAY)
    assert [world.count(table) for table in ("requests", "texts")] == [3, 3]
    assert reading(tmp_path, world.clock).summary()["requests"] == 8
    world.later(40 * DAY)
    assert world.count("requests") == 0
    world.book()
    assert world.count("requests") == 1


def test_after_a_year_sums_go_too_and_with_them_their_names(tmp_path: Path) -> None:
    world = World(tmp_path, Retention())
    world.book(client="old", conversation="old")
    world.later(399 * DAY)
    world.book(client="new", conversation="new")
    assert reading(tmp_path, world.clock).summary()["requests"] == 2
    world.later(3 * DAY)
    books = reading(tmp_path, world.clock)
    assert books.summary()["requests"] == 1
    assert [one.name for one in books.conversations()] == ["new"]
    assert world.count("conversation_sums") == 1
    db = sqlite3.connect(tmp_path / LEDGER_FILE)
    names = {name for (name,) in db.execute("SELECT name FROM names")}
    db.close()
    assert "new" in names
    assert "old" not in names
    world.book(client="old")  # under a new number, with all that this process knew of the old one
    assert {row["name"]: row["requests"] for row in books.by("client")} == {"new": 1, "old": 1}


def test_hours_are_told_apart_for_a_week_then_days(tmp_path: Path) -> None:
    world = World(tmp_path, Retention())
    midnight = NOW - NOW % DAY
    for hour in (1, 5, 23):
        world.book(at=midnight + hour * HOUR + 60)
    books = reading(tmp_path, world.clock)
    assert [point["at"] - midnight for point in books.series("hour")] == [hour * HOUR for hour in (1, 5, 23)]
    assert books.summary(since=midnight + 5 * HOUR + 1_800)["requests"] == 2
    assert books.summary(until=midnight + 5 * HOUR)["requests"] == 1
    world.later(10 * DAY)
    assert [(point["at"], point["requests"]) for point in books.series("hour")] == [(midnight, 3)]
    looked = books.summary(since=midnight + 5 * HOUR)
    assert looked["requests"] == 3
    assert looked["period"]["since"] == midnight
    assert books.summary(until=midnight + 5 * HOUR)["requests"] == 3
    assert books.summary(until=midnight)["requests"] == 0


def test_one_conversation_is_one_row_however_long(tmp_path: Path) -> None:
    world = World(tmp_path, Retention())
    for _ in range(40):
        world.book(5)
        world.later(HOUR)
    assert (world.count("conversations"), world.count("conversation_sums")) == (1, 1)
    (row,) = reading(tmp_path, world.clock).by("conversation")
    assert (row["requests"], row["last"] - row["first"]) == (200, 39 * HOUR)


def test_names_that_another_process_has_let_go_are_not_used(tmp_path: Path) -> None:
    ours, theirs = World(tmp_path, Retention()), World(tmp_path, Retention())
    ours.book(client="first")
    theirs.later(420 * DAY)
    theirs.book(client="second")
    ours.clock.now = theirs.clock.now
    ours.book(client="first")
    rows = {row["name"]: row["requests"] for row in reading(tmp_path, ours.clock).by("client")}
    assert rows == {"first": 1, "second": 1}
