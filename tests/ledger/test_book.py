"""The writer: nothing waits for it, nothing is booked twice or in part, whatever becomes of file and processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headroom.ledger import book as book_module
from headroom.ledger.bodies import packed
from headroom.ledger.book import Book
from headroom.ledger.inspection import bodies
from headroom.ledger.reading import Reading
from headroom.ledger.record import Account, Group, Record, Retrieved
from headroom.ledger.retention import Retention
from headroom.ledger.source import LEDGER_FILE
from headroom.model import Usage
from headroom.wire.spans import Span
from headroom.wire.splice import Edit
from tests.ledger.records import NOW, account, book_in, cost, folded, reading, record

posix = pytest.mark.skipif(os.name != "posix", reason="forks and signals")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = book_in(tmp_path)
    yield made
    made.close()


def count(folder: Path) -> int:
    return int(reading(folder).summary()["requests"])


def sums_agree(folder: Path) -> None:
    """Rows and sums say the same."""
    db = sqlite3.connect(folder / LEDGER_FILE)
    (requests, tokens, billed) = db.execute(
        "SELECT count(*), total(tokens_before), total(billed_cache_read) FROM requests"
    ).fetchone()
    for table in ("request_sums", "conversation_sums"):
        sums = f"SELECT total(requests), total(tokens_before), total(billed_cache_read) FROM {table}"
        assert db.execute(sums).fetchone() == (requests, tokens, billed)
    assert (
        db.execute("SELECT total(texts) FROM text_sums").fetchone()
        == db.execute("SELECT count(*) FROM texts").fetchone()
    )
    db.close()


def held_up(let_go: threading.Event) -> Callable[[Record], Account]:
    """An account that takes its time."""

    def waiting(one: Record) -> Account:
        assert let_go.wait(30)
        return account(one)

    return waiting


def test_what_is_added_is_there_after_a_flush(book: Book, tmp_path: Path) -> None:
    for i in range(1_000):
        book.add(record(conversation=f"c{i % 7}"))
    assert book.flush()
    assert count(tmp_path) == 1_000
    sums_agree(tmp_path)


def test_a_book_can_be_closed_and_used_again(book: Book, tmp_path: Path) -> None:
    book.close()
    book.add(record())
    book.close()
    assert count(tmp_path) == 1
    book.add(record())
    assert book.flush()
    assert count(tmp_path) == 2


def test_nothing_is_made_before_the_first_request(tmp_path: Path) -> None:
    book = book_in(tmp_path / "new")
    book.close()
    assert book.flush()
    assert not (tmp_path / "new").exists()


def test_in_memory_nothing_is_written(tmp_path: Path) -> None:
    book = Book(None, account)
    book.add(record())
    assert book.flush()
    assert Reading(book.source(), cost).summary()["requests"] == 1
    assert not [*tmp_path.iterdir()]
    book.close()


@posix
def test_the_file_is_its_owners(book: Book, tmp_path: Path) -> None:
    book.add(record())
    assert book.flush()
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob(LEDGER_FILE + "*")} == {0o600}


def test_many_threads_may_add(book: Book, tmp_path: Path) -> None:
    threads = [threading.Thread(target=lambda: [book.add(record()) for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert book.flush()
    assert count(tmp_path) == 800


def test_an_account_that_fails_leaves_the_bill(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def failing(one: Record) -> Account:
        raise ZeroDivisionError

    book = book_in(tmp_path, failing)
    for _ in range(3):
        book.add(record(legs=(Usage(10, 20_000, 1_000, 300, "claude", True, cache_write_1h=400),)))
    assert book.flush()
    book.close()
    summary = reading(tmp_path).summary()
    assert summary["billed"] | {"usd": 0} == summary["passthrough"] | {"usd": 0}
    assert (summary["billed"]["cache_write"], summary["billed"]["cache_write_1h"]) == (1_800, 1_200)
    assert "3 requests count as if they had gone as they came" in summary["warnings"][-1]
    assert len(caplog.records) == 1


def test_one_request_that_cannot_be_booked_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(one: Record) -> Account:
        done = account(one)
        return replace(done, retrieved_tokens="many") if one.project == "odd" else done  # type: ignore[arg-type]

    book = book_in(tmp_path, odd)
    for project in ("a", "odd", "b", "b"):
        book.add(record(project=project, retrieved=(Retrieved("k3v9x2mq", "", "x"),)))
    book.flush()
    book.add(record())
    assert book.flush()
    book.close()
    summary = reading(tmp_path).summary()
    assert summary["requests"] == 4
    assert "1 requests are missing" in summary["warnings"][-1]


def test_while_the_file_is_locked_requests_wait(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(book_module, "_PATIENCE", 0.05)
    impatient = book_in(tmp_path)
    impatient.add(record())
    assert impatient.flush()
    other = sqlite3.connect(tmp_path / LEDGER_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.perf_counter()
    for _ in range(50):
        impatient.add(record())
    assert time.perf_counter() - started < 1
    assert not impatient.flush(0.5)
    other.execute("COMMIT")
    assert impatient.flush(10)
    assert count(tmp_path) == 51
    sums_agree(tmp_path)
    impatient.close()
    said = [one.message.split(":")[0] for one in caplog.records if "booked" in one.message]
    assert said == ["requests wait to be booked", "requests are booked again"]


def test_what_waits_is_bounded_and_the_loss_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "_PATIENCE", 0.05)
    monkeypatch.setattr(book_module, "_MOST_WAITING", 20)
    book = book_in(tmp_path)
    book.add(record())
    assert book.flush()
    other = sqlite3.connect(tmp_path / LEDGER_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for i in range(200):
        book.add(record(project=str(i)))
        time.sleep(0.002)
    assert not book.flush(0.1)
    other.execute("COMMIT")
    assert book.flush(10)
    summary = reading(tmp_path).summary()
    missing = 201 - summary["requests"]
    assert 100 < missing < 200
    assert f"{missing} requests are missing" in summary["warnings"][-1]
    assert {"199", "198"} <= {row["name"] for row in reading(tmp_path).by("project")}
    book.close()


def test_a_damaged_file_is_left_alone_and_a_new_one_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / LEDGER_FILE
    file.write_bytes(b"no database at all" * 1_000)
    book = book_in(tmp_path)
    book.add(record())
    assert not book.flush(0.3)
    assert "damaged" in caplog.text
    assert file.read_bytes() == b"no database at all" * 1_000
    file.rename(tmp_path / "away")
    assert book.flush(10)
    assert count(tmp_path) == 1
    book.close()


def test_a_file_that_is_taken_away_is_made_again(book: Book, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):  # names get other numbers in the new one
        book.add(record(client=name, project=name))
    assert book.flush()
    book.close()
    for file in tmp_path.glob(LEDGER_FILE + "*"):
        file.unlink()
    book.add(record(client="c", project="c"))
    assert book.flush()
    assert [row["name"] for row in reading(tmp_path).by("project")] == ["c"]


FULL = """
import resource, sys, time
from tests.ledger.records import book_in, reading, record
from pathlib import Path
folder = Path(sys.argv[1])
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
book = book_in(folder)
book.add(record())
assert book.flush()
used = max(file.stat().st_size for file in folder.iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (used, resource.RLIM_INFINITY))
for i in range(500):
    book.add(record(project=str(i)))
assert not book.flush(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert book.flush(20)
book.close()
print(reading(folder).summary()["requests"])
"""


@posix
def test_a_full_disk_loses_nothing_that_comes_before_long(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, check=False, timeout=60)
    assert done.stdout.split() == [b"501"], done.stderr.decode()
    sums_agree(tmp_path)


def test_bodies_that_wait_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "_MOST_BYTES", 3_000)
    let_go, seen = threading.Event(), []

    def slow(one: Record) -> Account:
        let_go.wait(10)
        seen.append(len(one.came))
        return account(one)

    book = book_in(tmp_path, slow)
    edits = (Edit(Span(0, 1), b""),)
    book.add(record(came=b"{}", edits=edits))
    while book._waiting:
        time.sleep(0.001)
    for _ in range(5):
        book.add(record(came=b"x" * 1_000, edits=edits))
    let_go.set()
    assert book.flush()
    assert seen == [2, 1_000, 1_000, 1_000, 0, 0]
    assert "2 requests count as if" in reading(tmp_path).summary()["warnings"][-1]
    book.close()


def test_requests_themselves_are_kept_only_where_asked_for(tmp_path: Path) -> None:
    came = b'{"messages": [' + os.urandom(400).hex().encode() + b"]}"
    changed = record(came=came, edits=(Edit(Span(1, 11), b'"said"'),))
    for keep, kept in ((0, 0), (2 * len(packed(changed)), 2)):
        book = book_in(tmp_path, retention=Retention(bodies=keep))
        for _ in range(5):
            book.add(changed)
        assert book.flush()
        looking = reading(tmp_path)
        found = [bodies(looking, line["id"]) for line in looking.requests(5)]
        assert [one is not None for one in found] == [True] * kept + [False] * (5 - kept)
        for one in found[:kept]:
            assert one is not None
            assert (one.came, one.sent) == (came, came.replace(b'"messages"', b'"said"'))
        book.close()
    again = book_in(tmp_path)
    again.add(changed)
    again.close()
    assert all(bodies(reading(tmp_path), line["id"]) is None for line in reading(tmp_path).requests(20))


@posix
def test_each_process_writes_what_it_has_added(tmp_path: Path) -> None:
    book = book_in(tmp_path)
    let_go = threading.Event()
    slow = book_in(tmp_path, held_up(let_go))
    book.add(record(project="before"))
    slow.add(record(project="waiting"))
    children = []
    for worker in range(4):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                let_go.set()
                for _ in range(100):
                    book.add(record(project=f"worker {worker}"))
                slow.add(record(project="child"))
                status = 0 if book.flush(30) and slow.flush(30) else 2
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    let_go.set()
    assert book.flush()
    assert slow.flush()
    rows = {row["name"]: row["requests"] for row in reading(tmp_path).by("project")}
    assert rows == {"before": 1, "waiting": 1, "child": 4, **{f"worker {worker}": 100 for worker in range(4)}}
    sums_agree(tmp_path)
    book.close()
    slow.close()


ENDLESS = """
import sys, time
from pathlib import Path
from tests.ledger.records import book_in, record
book = book_in(Path(sys.argv[1]))
number = 0
while True:
    for _ in range(number % 30):
        book.add(record(conversation=f"c{number}"))
        number += 1
    number += 1
    print(number, flush=True)
    time.sleep(0.001)
"""


@posix
def test_killed_processes_leave_whole_transactions(tmp_path: Path) -> None:
    for life in (0.15, 0.3, 0.5):
        some = [
            subprocess.Popen([sys.executable, "-c", ENDLESS, str(tmp_path)], stdout=subprocess.PIPE) for _ in range(2)
        ]
        for process in some:
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(life)
        for process in some:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        sums_agree(tmp_path)
    before = count(tmp_path)
    assert before > 0
    book = book_in(tmp_path)
    book.add(record())
    assert book.flush()
    assert count(tmp_path) == before + 1
    book.close()


def test_adding_waits_for_no_one(tmp_path: Path) -> None:
    """The writer's work and the file's state are nothing that `add` has to do with."""
    let_go = threading.Event()
    book = book_in(tmp_path, held_up(let_go))
    started = time.perf_counter()
    for _ in range(100):
        book.add(record())
    assert time.perf_counter() - started < 5
    let_go.set()
    assert book.flush()
    book.close()


def test_groups_and_times_reach_the_rows(book: Book, tmp_path: Path) -> None:
    book.add(record(group=Group.HOLDOUT, at=NOW - 0.25, reasons=("websocket", "too_slow")))
    assert book.flush()
    (line,) = reading(tmp_path).requests()
    expected: dict[str, Any] = {
        "at": NOW - 0.25, "group": "holdout", "conversation": "c1", "endpoint": "messages", "dialect": "anthropic",
        "upstream": "anthropic", "model": "claude-opus-4-5", "client": "claude-cli/2.1", "project": "default",
        "status": 200, "reasons": ["websocket", "too_slow"], "bytes_in": 4_000, "bytes_forwarded": 1_500,
        "ms_added": 2.5, "ms_first_byte": 700.0, "tokens_before": 1_000, "tokens_after": 300, "tokens_read": 21_010,
    }  # fmt: skip
    assert {name: line[name] for name in expected} == expected
    assert folded([record()])["requests"] == 1
