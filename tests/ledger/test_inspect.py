"""`headroom inspect`: a request block by block, from what the store keeps."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from headroom.cache_aligner import CacheAligner
from headroom.ccr.default import data_folder, default_store
from headroom.ccr.pins import SQLitePins
from headroom.cli.main import group
from headroom.ledger.book import Book
from headroom.ledger.default import ledger_path
from headroom.ledger.record import Group, Record, Text
from headroom.ledger.retention import Retention
from headroom.model import Reason
from headroom.options import Options
from headroom.plugins import dialects
from headroom.proxy.engine import PINS_FILE
from headroom.wire.spans import Span
from headroom.wire.splice import Edit
from tests.ledger.records import account, record, report
from tests.test_api import OUTPUT


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["inspect", *arguments], standalone_mode=False)


def said(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exception is None, done.exception
    return done.stdout


def booked(*some: Record, retention: Retention | None = None) -> None:
    book = Book(ledger_path(), account, retention)
    for one in some:
        book.add(one)
    assert book.flush()
    book.close()


def aligned() -> Record:
    """A request whose result the real engine has shortened, kept and pinned."""
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "make"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": OUTPUT}
    body = {
        "model": "claude-opus-4-5", "tools": [{"name": "Bash", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "build it"},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ],
    }  # fmt: skip
    raw = json.dumps({**body, "messages": body["messages"][:1]}).encode(), json.dumps(body).encode()
    dialect, aligner = dialects()["anthropic"], CacheAligner(SQLitePins(data_folder() / PINS_FILE))
    for one in raw:
        done = aligner.align(one, dialect, Options(), default_store())
    (outcome,) = [one for one in done.outcomes if one.changed]
    texts = (Text("Bash", outcome.report, done.key), Text("Read", report(50, 50, detail="a detail")))
    return record(at=time.time(), came=raw[1], edits=(Edit(Span(0, 1), b"{ "),), texts=texts)


def test_before_and_after_of_a_text_that_was_shortened() -> None:
    booked(aligned())
    (request,) = json.loads(said("--json"))
    shortened, small = request["texts"]
    assert shortened["before"] == OUTPUT
    assert len(shortened["after"]) < len(OUTPUT)
    assert shortened["id"] in shortened["after"]
    assert (small["before"], small["after"], small["reason"]) == (None, None, Reason.TOO_SMALL.value)
    assert "pin" not in shortened
    shown = said()
    assert f"id {shortened['id']}" in shown
    assert "too_small" in shown
    assert "because     a detail" in shown
    assert "before:" in shown
    assert "billed" in shown
    assert "before:" not in said("--rows", "0")


def test_an_original_that_is_gone_is_said_to_be() -> None:
    booked(aligned())
    default_store().purge()
    assert "not kept any more" in said()
    assert json.loads(said("--json"))[0]["texts"][0]["before"] is None


def test_which_requests_are_shown() -> None:
    booked(*(record(at=time.time(), project=f"p{i}") for i in range(4)))
    assert "project p3" in said()
    assert [one["id"] for one in json.loads(said("--last", "3", "--json"))] == [2, 3, 4]
    assert "project p1" in said("2")
    assert "no request 9 is kept" in str(run("9").exception)
    assert run("2", "--last", "1").exception is not None


def test_a_request_without_new_texts_says_so() -> None:
    booked(record(at=time.time(), texts=(), reasons=("bypassed",), group=Group.UNTOUCHED))
    assert "no new texts" in said()
    assert "bypassed" in said()


def test_bodies_are_shown_where_they_are_kept() -> None:
    booked(aligned(), retention=Retention(bodies=1_000_000))
    (request,) = json.loads(said("--json"))
    assert request["sent"] == "{ " + request["came"][1:]
    assert request["came"] in said("--full")
    assert request["came"] not in said()


def test_nothing_is_there_before_the_first_request(home: Path) -> None:
    done = run()
    assert done.exception is None
    assert "nothing is booked" in done.stderr
    found: Any = json.loads(said("--json"))
    assert found == []
    assert not home.exists()
