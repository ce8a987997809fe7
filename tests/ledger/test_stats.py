"""`headroom stats`: the books' own numbers, a screen that says what they rest on, and what to do without any."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headroom.cli.main import group
from headroom.ledger.book import Book
from headroom.ledger.default import default_reading, ledger_path
from headroom.ledger.reading import DIMENSIONS
from headroom.ledger.record import Account, Bill, Group, Record, Retrieved, Text
from headroom.model import Usage
from tests.ledger.records import DAY, account, record, report

MODEL = "claude-opus-4-5"


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(group, ["stats", *arguments], standalone_mode=False)
    assert done.exception is None, done.exception
    return done


def stats(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def booked(*some: Record, account: Any = account) -> None:
    book = Book(ledger_path(), account)
    for one in some:
        book.add(one)
    assert book.flush()
    book.close()


def recent(**changes: Any) -> Record:
    return record(**{"at": time.time(), **changes})


def dearer(one: Record) -> Account:
    """As if less had been sent as it came."""
    return replace(account(one), passthrough=Bill(input=1))


def test_before_anything_is_booked_it_says_how_to_start(home: Path) -> None:
    for arguments in ((), ("--by", "tool"), ("--since", "all")):
        said = run(*arguments).stdout
        assert "nothing is booked" in said
        assert "headroom proxy" in said
    assert stats()["requests"] == 0
    assert stats("--by", "model")["rows"] == []
    assert not home.exists()


def test_json_is_what_the_books_say() -> None:
    booked(*(recent(conversation=f"c{i}") for i in range(5)))
    summary = stats()
    expected = default_reading().summary(time.time() - 30 * DAY)
    assert {**summary, "period": None} == {**expected, "period": None}
    for dimension in DIMENSIONS:
        assert stats("--by", dimension) == {"by": dimension, "rows": default_reading().by(dimension)}


def test_the_screen() -> None:
    asked = (Retrieved("k3v9x2mq", "lines=1-3", "x" * 400),)
    booked(*[recent()] * 8, recent(retrieved=asked), recent(status=529))
    said = run().stdout
    assert "10 requests in 1 conversation" in said
    assert "saved $" in said
    assert "billed $" in said
    assert "would have been $" in said
    assert "the providers' own usage for 10 requests" in said
    for fact in (
        "input tokens saved",
        "10 shortened: 10.0 k → 3,000",
        "from the provider's cache",
        "100 tokens",
        "2.5",
    ):
        assert fact in said, fact
    assert "529: 1" in said
    assert "Bash" in said
    assert max(map(len, said.split("\n"))) <= 80


def test_a_loss_is_said_first() -> None:
    booked(*[recent()] * 20, account=dearer)
    said = run().stdout
    assert "cost $" in said
    assert "saved $" not in said
    assert "! it cost more than it saved" in said.replace("\n", "")


def test_without_a_price_there_is_no_money() -> None:
    booked(recent(legs=(Usage(10, 20_000, 1_000, 300, "nobodys-model", True),)))
    said = run().stdout
    assert "saved about" in said
    assert "$" not in said
    assert "no price is known of nobodys-model" in said.replace("\n", " ")


def test_a_dry_run_is_said_to_be_one() -> None:
    booked(recent(group=Group.DRY_RUN))
    assert "dry run: 1 request went as they came" in run().stdout


def test_periods_and_projects() -> None:
    booked(recent(), recent(at=time.time() - 20 * DAY, project="shop"), recent(at=time.time() - 90 * DAY))
    assert stats()["requests"] == 2
    assert stats("--since", "7d")["requests"] == 1
    assert stats("--since", "all")["requests"] == 3
    assert stats("--since", "all", "--until", "60d")["requests"] == 1
    assert stats("--project", "shop")["requests"] == 1
    assert [row["name"] for row in stats("--by", "project", "--since", "7d")["rows"]] == ["default"]
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 3 * DAY))
    assert stats("--since", day)["requests"] == 1


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_tables(dimension: str) -> None:
    booked(recent(), recent(texts=(Text("[bold]Grep", report(500, 500)),), project="[red]"))
    said = run("--by", dimension).stdout
    assert dimension in said.split("\n")[0]
    names = [row["name"] for row in stats("--by", dimension)["rows"]]
    assert all(name in said for name in names)


def test_wrong_usage() -> None:
    for arguments in (["--since", "yesterday"], ["--until", "x"]):
        done = CliRunner().invoke(group, ["stats", *arguments], standalone_mode=False)
        assert "is no time" in str(done.exception)
    assert CliRunner().invoke(group, ["stats", "--by", "colour"]).exit_code == 2


def test_what_was_held_out_is_compared() -> None:
    booked(recent())
    assert "no conversation was held out" in run("--holdout").stdout
    assert stats("--holdout") == {"text": "", "measures": []}
    for i in range(12):
        booked(recent(conversation=f"h{i}", group=Group.HOLDOUT if i % 3 else Group.TREATED))
    assert "per conversation" in run("--holdout").stdout
    found = stats("--holdout")
    assert found["text"].split("\n") == [one["words"] for one in found["measures"]]
    assert {one["measure"] for one in found["measures"]} >= {"cost", "requests", "retrievals", "errors"}


def test_a_book_that_cannot_be_read_is_named(home: Path) -> None:
    home.mkdir()
    ledger_path().write_bytes(b"nonsense" * 1_000)
    program = [sys.executable, "-c", "from headroom.cli.main import main; main()", "stats"]
    done = subprocess.run(program, capture_output=True, check=False, timeout=60)
    assert done.returncode == 1
    assert b"ledger.sqlite3 is damaged" in done.stderr
