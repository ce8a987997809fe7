"""What belongs to a TAP result."""

from __future__ import annotations

from headroom.formats.build.tap import belongings

LINES = [
    "TAP version 13",
    "# Subtest: cart",
    "    # Subtest: adds",
    "    ok 1 - adds",
    "      ---",
    "      duration_ms: 1.5",
    "      ...",
    "    # Subtest: removes",
    "    not ok 2 - removes",
    "      ---",
    "      duration_ms: 20",
    "      error: |-",
    "        it is",
    "",
    "        not there",
    "      ...",
    "    1..2",
    "not ok 1 - cart",
]


def test_announcements_and_details_belong_to_their_results() -> None:
    owned, took = belongings(LINES)
    assert owned == {3: [2, 4, 5, 6], 8: [7, 9, 10, 11, 12, 13, 14, 15], 17: [1]}
    assert took == {3: 1.5, 8: 20.0}


def test_details_that_are_never_closed_belong_to_nothing() -> None:
    owned, took = belongings(["ok 1 - a", "  ---", "  duration_ms: 1", "ok 2 - b"])
    assert owned == {0: [], 3: []}
    assert took == {}


def test_other_lines_have_nothing() -> None:
    assert belongings(["ok", "okay 1", "---", "..."]) == ({}, {})
