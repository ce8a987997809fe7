"""What the template miner calls one kind, and what it keeps apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.formats.log.templates import SLOT, SLOT_SIGN, kinds, parts, shape_of, shapes, word_spans, words


def kind_count(*lines: str) -> int:
    return len(kinds([(None, shape) for shape in shapes("\n".join(lines))]))


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("took 12.5 ms", "took 0 ms"),
        ("from 10.0.0.1:5044", "from 0:0"),
        ("delta -3", "delta 0"),
        ("range 3-5", "range 0-0"),
        ("at 0x7fff5a", "at 0"),
        ("commit 4b825dc642cb", "commit 0"),
        ("id 7e7cc42f-3cb9-4d91-804c-f5a32d54f1c5 gone", "id 0 gone"),
        ("block blk_-1608999687919862906", "block blk_0"),
        ("defaced facade", "defaced facade"),
    ],
)
def test_numbers_and_ids_are_slots(line: str, shape: str) -> None:
    assert shape_of(line) == shape


def test_one_word_tells_kinds_apart() -> None:
    assert kind_count("session opened for user root", "session closed for user root") == 2
    assert kind_count("task 1 terminating", "task 1 completed") == 2
    assert kind_count("caught java.io.IOException: x", "caught java.lang.NullPointerException: x") == 2


def test_many_words_in_one_place_are_a_value() -> None:
    names = ["ann", "bob", "cid", "dora", "eve", "finn", "gus", "hal", "ida", "jon", "kim"]
    assert kind_count(*(f"Invalid user {name} from host" for name in names)) == 1


def test_paths_and_hosts_are_values() -> None:
    assert kind_count("open /etc/passwd failed", "open /var/log/x/y failed") == 1
    assert kind_count("resolved a.example.com now", "resolved b.example.org now") == 1


def test_lines_that_share_only_punctuation_stay_apart() -> None:
    lines = [f"{a}ing {b} {c}" for a, b, c in zip("abcdefghijkl", "mnopqrstuvwx", "yzABCDEFGHIJ", strict=True)]
    assert kind_count(*lines) == len(lines)


def test_key_keeps_equal_messages_apart() -> None:
    assert kinds([("warn", "disk full"), ("info", "disk full")]) == [[0], [1]]


@given(st.lists(st.text(alphabet="ab 01.,-x[]=:\n", max_size=30), max_size=12))
def test_every_line_has_one_shape_and_one_layout(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = shapes(text)
    placed = sorted(i for layouts in found.values() for layout in layouts for i in layout)
    split = text.split("\n")
    assert placed == list(range(len(split)))
    for shape, layouts in found.items():
        for layout in layouts:
            assert {shape_of(split[i]) for i in layout} == {shape}
            assert len({tuple(match.span() for match in SLOT.finditer(split[i])) for i in layout}) == 1


@given(st.text(alphabet="abcdef 0123456789.,-x[]=:'\"_/", max_size=60))
def test_slots_never_cross_words(line: str) -> None:
    """Values are read word by word, so a line must have the words of its shape at the same positions in order."""
    assert parts(line)[::2] == parts(shape_of(line))[::2]
    assert [shape_of(word).count(SLOT_SIGN) for word in words(line)] == [
        shape.count(SLOT_SIGN) for shape in map(shape_of, words(line))
    ]
    assert [line[a:b] for a, b in word_spans(line)] == words(line)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(alphabet="xyz 0=", max_size=12)), max_size=20))
def test_kinds_are_a_partition(messages: list[tuple[str, str]]) -> None:
    groups = kinds(messages)
    assert sorted(i for group in groups for i in group) == list(range(len(messages)))
    assert all(len({messages[i][0] for i in group}) == 1 for group in groups)
