"""P6 for texts made of lines: whatever a lossy form shows is a line of the source, a marker, or declared above it."""

from __future__ import annotations

import re

import pytest

from headroom.model import Context, Level
from headroom.plugins import compressors
from headroom.text.terminal import resolve
from tests.compressors.test_cases import Case, cases

BY_LINES = ("build", "diff", "log", "noise", "search")
ALL_CASES = [pytest.param(c, id=f"{c.folder.parent.name}/{c.folder.name}") for c in cases()]
MARKER = re.compile(r"\[… [^…]*(?:…[^…\]][^…]*)*…\]")
DECLARED = re.compile(r"\[(?:log: \d|search results|\d+ findings \(lines |repeats folded|\d+ files in )")
RECOMPUTED = re.compile(r"@@+ [-+0-9, ]+@@+")
WORD = re.compile(r"\w+")


def invented(form: str, source: str) -> list[str]:
    """The lines of a lossy form that are neither in the source nor declared."""
    shown = resolve(source).lines
    known = {line.rstrip() for line in (*shown, *source.split("\n"))}
    words = set(WORD.findall(source)) | {word for line in shown for word in WORD.findall(line)}
    declared = False
    out: list[str] = []
    for line in form.split("\n"):
        if DECLARED.match(line):
            declared = True
            words.update(WORD.findall(line))
        pieces = [piece for piece in MARKER.split(line) if piece.strip()] if "[… " in line else [line]
        if DECLARED.match(line) or line.rstrip() in known or not pieces:
            continue
        if "[… " in line and (line.startswith("[… ") or all(piece in source for piece in pieces)):
            continue
        if RECOMPUTED.match(line) or (declared and words.issuperset(WORD.findall(line))):
            continue
        out.append(line)
    return out


@pytest.mark.parametrize("case", ALL_CASES)
@pytest.mark.parametrize("level", [Level.BALANCED, Level.AGGRESSIVE])
def test_every_line_is_verbatim_or_declared(case: Case, level: Level) -> None:
    for name in BY_LINES:
        for candidate in compressors()[name].compress(case.text, Context(level)):
            if not candidate.lossless:
                assert invented(candidate.text, case.text) == [], name


REPEATING = re.compile(
    r"\[… \d+ lines \((\d+)–(\d+)\): repeating lines (\d+)–(\d+) \(“[^”]*” …\)(, but for the times)?"
)
AGAIN = re.compile(r"\[… \d+ lines? \((\d+)(?:–(\d+))?\): the (?:line|(\d+) lines) above again(?:, (\d+) times)? …\]")


@pytest.mark.parametrize("case", ALL_CASES)
def test_what_is_said_to_repeat_does(case: Case) -> None:
    """A marker that points at other lines points at equal ones."""
    lines = [line.rstrip() for line in resolve(case.text).lines]
    for name in ("build", "noise"):
        for candidate in compressors()[name].compress(case.text, Context()):
            if candidate.lossless:
                continue
            for found in REPEATING.finditer(candidate.text):
                first, last, start, end = map(int, found.groups()[:4])
                if not found[5]:
                    assert lines[first - 1 : last] == lines[start - 1 : end], found[0]
            for found in AGAIN.finditer(candidate.text):
                first, last = int(found[1]), int(found[2] or found[1])
                size, times = int(found[3] or 1), int(found[4] or 1)
                assert last - first + 1 == size * times, found[0]
                assert lines[first - 1 : last] == lines[first - 1 - size : first - 1] * times, found[0]


def test_an_invented_line_is_found() -> None:
    assert invented("a\n[… 2 lines (2–3): passed …]\nd", "a\nb\nc\nd") == []
    assert invented("a\ne", "a\nb") == ["e"]
    assert invented("[2 findings (lines 1–2) regrouped]\nx.py: 1, 9", "x.py:1: a\nx.py:2: b") == ["x.py: 1, 9"]
