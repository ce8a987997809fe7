"""The facts of the demo and the benchmark: found in the raw payload, and seen or missed as a reader would."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from benchmarks import compare
from benchmarks.inputs import from_corpus

from headroom.demo.facts import Fact, Reader, missing, spread
from headroom.demo.payloads import MAKERS, UnavailableError, make, output
from headroom.model import Level


@pytest.mark.parametrize(
    ("text", "answer", "seen"),
    [
        ("all is well", "well", True),
        ('{"name":"click"}', '"name": "click"', True),
        ("name:   'click'", 'Name: "click"', True),
        ("name\tversion\nclick\t8.5.1", '"name": "click", "version": "8.5.1"', True),
        ("name\tversion\nclick\t8.5.1\nrich\t15.0", '"name": "click", "version": "15.1"', False),
        ("json/encoder.py\n285: raise ValueError(msg)", "json/encoder.py:285: raise ValueError(msg)", True),
        ("285: raise ValueError(msg)\n\n\njson/encoder.py", "json/encoder.py:285: raise ValueError(msg)", False),
        ("one\ntwo\nthree", "one two three", True),
        ("one\n\n\n\ntwo", "one two three four", False),
        ("", "x", False),
        ("x", "-", False),
    ],
)
def test_what_a_reader_sees(text: str, answer: str, seen: bool) -> None:
    assert Reader(text).sees(answer) is seen


def test_a_fact_is_missing_where_one_of_its_answers_is() -> None:
    facts = [Fact("?", ("a line", "another")), Fact("?", ("a line",))]
    assert missing("a line", facts) == facts[:1]


def test_facts_are_spread_from_end_to_end() -> None:
    assert spread(list(range(100)), 4) == [0, 33, 66, 99]
    assert spread([1, 2], 4) == [1, 2]


@pytest.mark.parametrize("name", MAKERS)
def test_every_payload_has_facts_and_shows_them_itself(name: str, tmp_path: Path) -> None:
    try:
        payload = make(name, tmp_path)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    assert len(payload.facts) >= 4
    assert len(payload.text) > 1_000
    assert missing(payload.text, payload.facts) == []


def test_a_missing_program_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no-such-program is not installed"):
        output(["no-such-program"], tmp_path)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    log = "".join(f"2026-03-01 10:00:{n % 60:02} INFO worker handled request {n}\n" for n in range(200))
    (folder / "app.log").write_text(f"{log}2026-03-01 10:04:00 ERROR payment 8812 refused\n")
    (folder / "latin.txt").write_bytes("Größe ".encode("latin-1") * 100)
    rows = [{"path": name, "workload": "logs", "command": f"cat {name}"} for name in ("app.log", "latin.txt", "gone")]
    (folder / "MANIFEST.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    needles = [
        {"path": "app.log", "question": "which payment was refused?", "must_contain": ["8812", "ERROR"]},
        {"path": "app.log", "question": "what is not in it?", "must_contain": ["no such thing"]},
        {"path": "latin.txt", "question": "what is it about?", "must_contain": ["Größe"]},
    ]
    (folder / "NEEDLES.jsonl").write_text("".join(json.dumps(row) + "\n" for row in needles))
    return folder


def test_a_corpus_is_read(corpus: Path) -> None:
    found = list(from_corpus(corpus, {"logs": Level.AGGRESSIVE}))
    assert [(one.workload, one.payload.name, len(one.payload.facts)) for one in found] == [
        ("logs", "app.log", 2),
        ("logs", "latin.txt", 1),
    ]
    assert found[0].payload.level is Level.AGGRESSIVE
    (corpus / "NEEDLES.jsonl").write_text("{}\n{broken\n")
    with pytest.raises((SystemExit, KeyError)):
        list(from_corpus(corpus, {}))


@pytest.mark.parametrize("ask", [False, True])
def test_a_run_writes_rows_and_a_table(corpus: Path, ask: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bpe_openai")
    out = corpus / "out"
    arguments = ["compare", "--no-incumbent", "--corpus", str(corpus), "--out", str(out), *(["--ask"] if ask else [])]
    monkeypatch.setattr(sys, "argv", arguments)
    compare.main()
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    assert len(rows) == (3 if ask else 2)
    assert sum(row["facts"] for row in rows) == 3
    assert sum(row["facts_visible"] for row in rows) == 2
    assert [row["lost"] for row in rows if row["lost"]] == [[["no such thing"]]]
    assert all(row["tokens_after"] <= row["tokens_before"] and not row["error"] for row in rows)
    assert "| logs |" in (out / "table.md").read_text()
