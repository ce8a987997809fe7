"""Runs of printed line numbers, as found in a whole text and as read line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.text.numbering import Run, dominant_run, numbered_runs

SEPARATORS = ("\t", "→", ":", ": ", "|", "| ", " | ", " │ ")


def numbered(number: int, count: int, width: int, separator: str) -> list[str]:
    return [f"{number + i:{width}}{separator}text" for i in range(count)]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_each_way_to_print_numbers(separator: str) -> None:
    lines = ["before", *numbered(97, 6, 4, separator), "", "after"]
    assert numbered_runs("\n".join(lines)) == [Run(1, 7, 97, 4, separator)]


def test_times_and_short_runs_are_no_numbers() -> None:
    assert numbered_runs("\n".join(["12:30:01 start", "12:30:02 stop", *numbered(5, 3, 1, ": ")])) == []


def test_a_number_grows_out_of_its_width() -> None:
    lines = numbered(8, 5, 1, "\t")
    (run,) = numbered_runs("\n".join(lines))
    assert run.bare(lines) == ["text"] * 5


def test_blank_lines_do_not_count_against_a_run() -> None:
    lines = [*numbered(1, 8, 3, "\t"), "", "", "", "the end"]
    run = dominant_run("\n".join(lines), lines)
    assert run == Run(0, 8, 1, 3, "\t")


@given(
    st.lists(
        st.tuples(st.integers(0, 120), st.integers(1, 9), st.sampled_from((1, 3, 6)), st.sampled_from(SEPARATORS)),
        max_size=4,
    )
)
def test_runs_hold_what_they_say(blocks: list[tuple[int, int, int, str]]) -> None:
    lines = [line for block in blocks for line in (*numbered(*block), "between")]
    runs = numbered_runs("\n".join(lines))
    assert [line for run in runs for line in (run.start, run.end)] == sorted(
        line for run in runs for line in (run.start, run.end)
    )
    for run in runs:
        assert run.end - run.start >= 4
        assert all(lines[i].startswith(run.prefix(i)) for i in range(run.start, run.end))
        assert run.end == len(lines) or not lines[run.end].startswith(run.prefix(run.end))
