"""What compressors save on tools' results once what the model read after all is taken off, and who is switched off."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from headroom.errors import StoreError
from headroom.ledger.book import Book
from headroom.ledger.record import Account, Bill, Group, Record, Retrieved, Text
from headroom.ledger.strategies import STATEMENTS, USES, Strategy, SwitchedOff, book, standings, switched_off
from headroom.model import BlockReport, Reason, Role

DAY = 86_400.0
_ids = count()


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in STATEMENTS:
        connection.execute(statement)
    yield connection
    connection.close()


def text(
    id: str = "",
    compressor: str = "log",
    tool: str = "Bash",
    saved: int = 900,
    lossless: bool = False,
    after: int = 100,
) -> Text:
    report = BlockReport(
        (0,), Role.TOOL, "log", compressor, Reason.COMPRESSED, lossless, after + saved, after, id or f"id{next(_ids)}"
    )
    return Text(tool, report)


def request(*texts: Text, conversation: str = "c", at: float = 0.0, group: Group = Group.TREATED) -> Record:
    return Record(at, "messages", "anthropic", "anthropic", "default", "", 200, conversation, group, texts=texts)


def only(db: sqlite3.Connection) -> Strategy:
    (found,) = standings(db, 0.0)
    return found


def test_a_use_saves_what_its_form_is_shorter(db: sqlite3.Connection) -> None:
    book(db, request(text(), text(saved=400)), ())
    book(db, request(text(tool="Grep"), conversation="d"), ())
    assert [(one.name, one.uses, one.saved, one.net) for one in standings(db, 0.0)] == [
        ("log:Grep", 1, 900, 900),
        ("log:Bash", 2, 1300, 1300),
    ]


def test_what_takes_nothing_away_is_not_judged(db: sqlite3.Connection) -> None:
    changes: tuple[dict[str, Any], ...] = ({"reason": Reason.NOT_SMALLER}, {"lossless": True}, {"id": None})
    for change in changes:
        book(db, request(Text("Bash", replace(text().report, **change))), ())
    for group in (Group.HOLDOUT, Group.DRY_RUN, Group.UNTOUCHED):
        book(db, request(text(), group=group), ())
    assert standings(db, 0.0) == []


def test_what_was_retrieved_is_taken_off(db: sqlite3.Connection) -> None:
    book(db, request(text("a")), ())
    book(db, request(text("a"), conversation="other"), ())
    book(db, request(), [("a", 250), ("unknown", 999)])
    assert (only(db).saved, only(db).lost) == (1800, 250)
    book(db, request(conversation="a sub-agent"), [("a", 50)])
    assert only(db).lost == 300
    book(db, request(text("b")), [("b", 60)])  # the model asked in its reply to the request that brought it
    assert only(db).lost == 360


def test_a_text_that_is_read_again_soon_saved_nothing_the_second_time(db: sqlite3.Connection) -> None:
    book(db, request(text("a")), ())
    book(db, request(text("a", after=120, saved=880)), ())
    assert (only(db).uses, only(db).saved, only(db).lost) == (1, 900, 120)
    book(db, request(), ())
    book(db, request(text("a")), ())
    assert (only(db).uses, only(db).lost) == (1, 220)


def test_a_text_that_comes_again_otherwise_is_another_use(db: sqlite3.Connection) -> None:
    book(db, request(text("a"), text("a")), ())  # two calls at once: nobody had seen the form of the first
    assert (only(db).uses, only(db).lost) == (2, 0)
    book(db, request(text("a"), conversation="other"), ())
    for _ in range(9):
        book(db, request(), ())
    book(db, request(text("a")), ())  # long after
    assert (only(db).uses, only(db).lost) == (4, 0)
    book(db, request(text("b"), conversation=""), ())  # of no conversation that is known
    book(db, request(text("b"), conversation=""), ())
    assert (only(db).uses, only(db).lost) == (6, 0)


def test_a_form_of_several_counts_for_each(db: sqlite3.Connection) -> None:
    book(db, request(text("a", "log+repeats")), ())
    book(db, request(), [("a", 30)])
    assert [(one.name, one.net) for one in standings(db, 0.0)] == [("log:Bash", 870), ("repeats:Bash", 870)]


def in_vain(db: sqlite3.Connection, uses: int, at: float, tool: str = "Bash", lost: int = 900) -> None:
    """Uses after which the model asked for as much as was saved."""
    for _ in range(uses):
        one = text(tool=tool)
        book(db, request(one, conversation="v", at=at), ())
        book(db, request(conversation="v", at=at), [(str(one.report.id), lost)])


def test_who_saves_nothing_over_its_last_uses_is_switched_off(db: sqlite3.Connection) -> None:
    book(db, request(text(saved=10**6)), ())  # older than its last uses by then
    in_vain(db, USES - 1, at=100.0)
    assert switched_off(db, 100.0) == frozenset()
    in_vain(db, 1, at=100.0)
    assert switched_off(db, 100.0) == {"log:Bash"}
    found = only(db)
    assert (found.uses, found.saved, found.lost, found.times) == (USES, USES * 900, USES * 900, 1)
    assert found.off_until == 100.0 + 7 * DAY
    assert found.words == "log:Bash is switched off, over its last 50 uses: 45,000 tokens saved, 45,000 read after all"
    assert json.loads(json.dumps(found.as_json()))["net"] == 0


def test_who_saves_a_little_stays(db: sqlite3.Connection) -> None:
    in_vain(db, 200, at=0.0, lost=899)
    assert switched_off(db, 0.0) == frozenset()
    assert (only(db).uses, only(db).net) == (USES, USES)


def test_one_tool_is_switched_off_and_not_another(db: sqlite3.Connection) -> None:
    in_vain(db, USES, at=0.0)
    for _ in range(USES):
        book(db, request(text(tool="Read")), ())
    assert switched_off(db, 0.0) == {"log:Bash"}


def test_it_is_tried_anew_and_then_rests_longer(db: sqlite3.Connection) -> None:
    now = 0.0
    for pause in (7, 14, 28, 56, 56):
        in_vain(db, USES, at=now)
        assert switched_off(db, now + pause * DAY - 1) == {"log:Bash"}
        in_vain(db, 3, at=now)  # conversations that had not heard of it
        now += pause * DAY
        assert switched_off(db, now) == frozenset()
        db.execute("DELETE FROM uses")
    for _ in range(USES):
        book(db, request(text(), at=now), ())
    assert switched_off(db, now) == frozenset()


def test_names_of_any_kind_are_taken(db: sqlite3.Connection) -> None:
    book(db, request(text(tool="\0" + "x" * 10_000), conversation="\ud800"), [("\udfff", 3)])
    assert only(db).uses == 1


def test_the_table_does_not_grow_without_end(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headroom.ledger.strategies._MOST_TEXTS", 100)
    for i in range(300):
        book(db, request(text(tool=f"tool {i}")), ())
    assert db.execute("SELECT count(*) FROM uses").fetchone() == (100,)


class Books:
    """Books that fail when a test says so."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db, self.broken = db, False

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        if self.broken:
            raise StoreError("the file is gone")
        yield self.db


def test_who_is_switched_off_is_known_from_the_start_and_looked_up_every_minute() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for statement in STATEMENTS:
        db.execute(statement)
    in_vain(db, USES, at=0.0)
    now = 0.0
    off = SwitchedOff(Books(db), clock=lambda: 0.0, since=lambda: now)
    assert off() == {"log:Bash"}
    in_vain(db, USES, at=0.0, tool="Read")
    now = 59.0
    assert off() == {"log:Bash"}
    now = 61.0
    assert "log:Bash" in off()
    for _ in range(200):
        if len(off()) == 2:
            break
        time.sleep(0.01)
    assert off() == {"log:Bash", "log:Read"}
    db.close()


def test_what_was_known_holds_where_the_books_cannot_be_read(db: sqlite3.Connection) -> None:
    in_vain(db, USES, at=0.0)
    books = Books(db)
    off = SwitchedOff(books, clock=lambda: 0.0)
    books.broken = True
    off.refresh()
    assert off() == {"log:Bash"}
    assert SwitchedOff(books)() == frozenset()


def test_what_is_booked_is_what_is_judged(tmp_path: Path) -> None:
    ledger = Book(tmp_path / "ledger.sqlite3", lambda record: Account(record, Bill(), Bill(), False, 1_000))
    for i in range(USES):
        ledger.add(request(text(f"id{i}"), conversation=f"c{i}", at=time.time()))
        ledger.add(replace(request(conversation=f"c{i}", at=time.time()), retrieved=(Retrieved(f"id{i}", "", "text"),)))
    assert ledger.flush()
    assert SwitchedOff(ledger.source())() == {"log:Bash"}
    ledger.close()
