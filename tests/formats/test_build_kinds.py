"""Which lines are of one kind, and how the varying parts of many are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.formats.build.folding import listing
from headroom.formats.build.kinds import is_number, kinds_of
from headroom.text.repeats import adjacent_repeats, repeated_blocks


def templates(*lines: str) -> list[str]:
    kinds = kinds_of(lines, lambda word: word.rstrip(":") == "error")
    return [kinds.templates[kind] for kind in kinds.of]


def test_values_do_not_make_kinds() -> None:
    a, b = templates("fetched lib/a.js in 12ms", "  fetched src/b.js in 7ms")
    assert a == b == "fetched * in *"


def test_zero_is_a_kind_of_its_own() -> None:
    none, some, more = templates("exit code 0", "exit code 1", "exit code 137")
    assert none != some == more


def test_plain_names_vary_where_many_lines_say_so() -> None:
    names = "abs access alarm basename chdir chmod chown dirname dlopen fork".split()
    assert set(templates(*(f"-- Looking for {name} - found" for name in names))) == {"-- Looking for * - found"}
    assert len(set(templates("left side closed", "right side closed"))) == 2


def test_fixed_words_are_never_values() -> None:
    assert templates("error: x=1 is odd") == ["error: * is odd"]


@given(st.lists(st.text(max_size=20), max_size=20))
def test_equal_lines_are_of_one_kind(lines: list[str]) -> None:
    kinds = kinds_of([*lines, *lines], lambda word: False)
    assert kinds.of[: len(lines)] == kinds.of[len(lines) :]
    assert all(kinds.of.count(kind) == count for kind, count in enumerate(kinds.counts))


@pytest.mark.parametrize(
    ("word", "expected"), [("62.6", True), ("[40%]", True), ("18ms", True), ("v2", False), ("a1b2c3", False)]
)
def test_numbers(word: str, expected: bool) -> None:
    assert is_number(word) is expected


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (["a", "b", "a"], "a ×2, b"),
        (["src/core/x.c", "src/core/y.c"], "src/core/x.c, src/core/y.c"),
        (["https://example.com/x", "https://example.com/y"], "https://example.com/{x, y}"),
        (["tests/test_a.py::f", "tests/test_a.py::g[1::2]"], "tests/test_a.py::{f, g[1::2]}"),
    ],
)
def test_listing(values: list[str], written: str) -> None:
    assert listing(values) == written


lines_of = st.lists(st.sampled_from(["", "a line of some forty characters, or more", "b", "c", "d" * 30]), max_size=60)


@given(lines_of)
def test_repeats_equal_their_sources(lines: list[str]) -> None:
    hidden: set[int] = set()
    for block in repeated_blocks(lines, [True] * len(lines)):
        size = block.end - block.start
        source = range(block.source, block.source + size)
        assert lines[block.start : block.end] == [lines[i] for i in source]
        assert block.source + size <= block.start
        assert hidden.isdisjoint(source)
        hidden.update(range(block.start, block.end))


@given(lines_of)
def test_adjacent_repeats_repeat_what_stands_above(lines: list[str]) -> None:
    for run in adjacent_repeats(lines):
        period = run.start - run.source
        assert (run.end - run.start) % period == 0
        assert all(lines[i] == lines[i - period] for i in range(run.start, run.end))
