"""Mixed texts are cut where their structure says so, and nowhere else."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from headroom.text.parts import Part, split_parts

PROSE = "\n".join(f"This is line {i} of an explanation that goes on for a while." for i in range(12))
DOCUMENT = json.dumps([{"id": i, "name": f"item {i}", "tags": ["a", "b"]} for i in range(12)], indent=1)


def pieces(text: str) -> list[tuple[str, bool]]:
    lines = text.split("\n")
    return [("\n".join(lines[p.start : p.end]), p.verbatim) for p in split_parts(text)]


def test_one_kind_is_one_part() -> None:
    assert split_parts(PROSE) == [Part(0, 12)]


def test_json_after_prose() -> None:
    assert pieces(f"{PROSE}\n{DOCUMENT}\n{PROSE}") == [(PROSE, False), (DOCUMENT, False), (PROSE, False)]


def test_tags_around_an_output_stay() -> None:
    text = f"<returncode>0</returncode>\n<output>\n{PROSE}\n</output>"
    assert pieces(text) == [("<returncode>0</returncode>\n<output>", True), (PROSE, False), ("</output>", True)]


def test_fences_and_tables() -> None:
    table = "\n".join(["| a | b |", "|---|---|", *(f"| {i} | some longer cell text number {i} |" for i in range(12))])
    text = f"{PROSE}\n```python\n{PROSE}\n```\n{table}\n"
    assert [t for t, verbatim in pieces(text) if not verbatim] == [PROSE, PROSE, table]


def test_diff_after_a_log() -> None:
    diff = "diff --git a/x b/x\n" + "\n".join(f"+line {i} that was added here, quite long" for i in range(12))
    assert pieces(f"{PROSE}\n{diff}")[1] == (diff, False)


def test_reminder_is_left_alone() -> None:
    reminder = "<system-reminder>\n" + PROSE + "\n</system-reminder>"
    assert pieces(f"{PROSE}\n{reminder}") == [(PROSE, False), (reminder, True)]


@given(st.lists(st.sampled_from(["```", "{", "[1,", "|a|", "<x>", "---", "=== a ===", "diff --git a b", "text", ""])))
def test_parts_cover_all_lines_in_order(lines: list[str]) -> None:
    parts = split_parts("\n".join(lines))
    assert [p.start for p in parts] == [0, *(p.end for p in parts[:-1])]
    assert parts[-1].end == len("\n".join(lines).split("\n"))


def test_reminder_that_is_never_closed_is_one_line() -> None:
    text = f"{PROSE}\n<system-reminder>\n" + "more of it\n" * 400 + "</system-reminder> and so on"
    assert pieces(text)[1] == ("<system-reminder>", True)


def test_a_text_in_too_many_parts_is_one() -> None:
    text = "\n---\n".join([PROSE] * 300)
    assert split_parts(text) == [Part(0, text.count("\n") + 1)]


def test_lines_behind_a_document_are_a_part_of_their_own() -> None:
    document = json.dumps([{"id": i, "name": f"item {i}"} for i in range(30)], indent=1)
    end = document.count("\n") + 1
    assert split_parts(f"{document}\nExit code: 0") == [Part(0, end), Part(end, end + 1, True)]
    assert split_parts(document) == [Part(0, end)]
