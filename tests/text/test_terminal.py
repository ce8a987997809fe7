"""What a terminal would show, checked against a terminal written the slow way: a grid of cells."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.text.terminal import has_controls, resolve

TOKENS = ("ab", "x", "12345", "\r", "\x08", "\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[2C", "\x1b[D", "\x1b[3G", "\x1b[1m")


def slow_row(line: str) -> str:
    """One row of a terminal, one character at a time."""
    cells: list[str] = []
    at = 0
    for token in re.findall(r"\x1b\[\d*[A-Za-z]|.", line, re.DOTALL):
        number = int(re.sub(r"\D", "", token) or 0) if token[0] == "\x1b" else 0
        if token == "\r":
            at = 0
        elif token == "\x08":
            at = max(0, at - 1)
        elif token.endswith("C") and token[0] == "\x1b":
            at += max(1, number)
        elif token.endswith("D") and token[0] == "\x1b":
            at = max(0, at - max(1, number))
        elif token.endswith("G") and token[0] == "\x1b":
            at = max(0, number - 1)
        elif token.endswith("K") and token[0] == "\x1b":
            first, last = {0: (at, len(cells)), 1: (0, min(at + 1, len(cells))), 2: (0, len(cells))}[number]
            cells[first:last] = " " * (last - first)
        elif token[0] != "\x1b":
            cells.extend(" " * (at + 1 - len(cells)))
            cells[at] = token
            at += 1
    return "".join(cells).rstrip(" ")


@given(st.lists(st.lists(st.sampled_from(TOKENS), max_size=12).map("".join), max_size=6))
def test_rows_are_what_a_terminal_shows(rows: list[str]) -> None:
    shown = resolve("\n".join(rows)).lines
    assert [line.rstrip(" \r") for line in shown] == [slow_row(row) for row in rows or [""]]


@given(st.text())
def test_line_numbers_stay_true_and_hidden_counts(text: str) -> None:
    screen = resolve(text)
    assert len(screen.lines) == text.count("\n") + 1
    assert screen.hidden == len(text) - len("\n".join(screen.lines))


@given(st.text(st.characters(exclude_characters="\x1b\x08\x07\r")))
def test_plain_text_is_left_alone(text: str) -> None:
    assert not has_controls(text)
    assert "\n".join(resolve(text).lines) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("10%\r55%\r100%", "100%"),
        ("downloading\rdone", "doneloading"),
        ("downloading\r\x1b[Kdone", "done"),
        ("| spin\x08\x08\x08\x08\x08\x08/ spin", "/ spin"),
        ("windows\r\nlines\r\n", "windows\r\nlines\r\n"),
        ("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[?25lhidden cursor\x1b[?25h", "hidden cursor"),
        ("a\nb\n\x1b[2AA\nB\n", "\n\nA\nB\n"),
        ("1: pull\n2: pull\n\x1b[2A\x1b[2K1: done\n\x1b[2K2: done\n", "\n\n1: done\n2: done\n"),
    ],
)
def test_frames(text: str, shown: str) -> None:
    assert "\n".join(resolve(text).lines) == shown


@pytest.mark.parametrize(
    "unit", ["\x1b[", "\x1b[A\n", "\x08", "x\r", "\x1b[1999Cx\r", "\x1b[99999999999C", "\x1b]", "a\x1b[K\r", "\x1b[H"]
)
def test_hostile_input_is_linear(unit: str) -> None:
    start = time.process_time()
    resolve(unit * (400_000 // len(unit)))
    assert time.process_time() - start < 2
