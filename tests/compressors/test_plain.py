"""Laws of the compressor for texts of no known kind, and of the second cut through long forms."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.compressors.plain import COMPRESSOR
from headroom.formats.capping import capped
from headroom.formats.code.hidden_names import hidden_names
from headroom.model import Compressed, Context, Level
from headroom.text.gaps import gaps_between, with_markers
from headroom.text.lines import sample
from headroom.text.query import parse_query

_MARKER = re.compile(r"\[… (\d+) lines? \((\d+)(?:–(\d+))?\)(?:: [\w., ]+)? …\]")
_AGGRESSIVE = Context(Level.AGGRESSIVE)


def _notes(count: int, odd: str = "") -> str:
    lines = [f"note {i} on the state of part{i}.core after {i * 37} cycles, written down by hand" for i in range(count)]
    if odd:
        lines[count // 2] = odd
    return "\n".join(lines)


def _form(text: str, context: Context = _AGGRESSIVE) -> Compressed:
    (form,) = COMPRESSOR.compress(text, context)
    return form


@given(st.lists(st.text(max_size=120), min_size=12, max_size=200), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_every_line_is_shown_or_counted_at_its_place(lines: list[str], target: int) -> None:
    text = "\n".join(line.replace("\n", " ").replace("[… ", "") for line in lines)
    source = text.split("\n")
    for form in COMPRESSOR.compress(text, Context(Level.AGGRESSIVE, target=target)):
        at = 0
        for line in form.text.split("\n"):
            found = _MARKER.fullmatch(line)
            if found is None:
                assert line == source[at]
                at += 1
            else:
                assert int(found[2]) == at + 1
                assert int(found[3] or found[2]) == at + int(found[1])
                at += int(found[1])
        assert at == len(source)
        assert sum(b - a + 1 for a, b in form.omissions[0].ranges) == form.omissions[0].count


def test_only_aggressive_leaves_lines_out() -> None:
    text = _notes(200)
    for level in (Level.LOSSLESS, Level.BALANCED):
        assert COMPRESSOR.sniff(sample(text), Context(level)) == 0.0
        assert list(COMPRESSOR.compress(text, Context(level))) == []
    assert COMPRESSOR.sniff(sample(text), _AGGRESSIVE) == 0.5


def test_beginning_end_trouble_and_what_is_asked_stay() -> None:
    text = _notes(300, "write failed: error 28 while the journal was full") + "\nall parts seen"
    form = _form(text, Context(Level.AGGRESSIVE, "what about part217.core?"))
    shown = form.text.split("\n")
    assert shown[0] == text.split("\n")[0]
    assert shown[-1] == "all parts seen"
    assert "write failed: error 28 while the journal was full" in shown
    assert any("part217.core" in line for line in shown if not line.startswith("[… "))
    assert len(form.text) < len(text) * 0.5


def test_a_tighter_target_shows_less() -> None:
    text = _notes(200)
    assert len(_form(text, Context(Level.AGGRESSIVE, target=300)).text) < len(_form(text).text)


def test_a_short_text_stays_whole() -> None:
    assert list(COMPRESSOR.compress(_notes(20), _AGGRESSIVE)) == []


def test_nothing_can_be_decoded() -> None:
    with pytest.raises(ValueError, match="original"):
        COMPRESSOR.decode("lines")


def test_names_in_a_gap_are_told_once_and_only_when_they_are_not_shown() -> None:
    lines = ["call os.walk here", "then json.loads and os.walk", "then json.loads and makeReport", "plain words only"]
    assert hidden_names(lines, [(1, 2), (2, 4)], []) == [["json.loads"], ["makeReport"]]


def test_a_gap_no_longer_than_its_marker_stays() -> None:
    lines = ["head", "short", "tail", "x" * 100, "end"]
    gaps = gaps_between(lines, [True, False, True, False, True])
    assert gaps == [(3, 4)]
    marked = with_markers(lines, gaps, lambda gap, at: f"gap {at}: {gap[1] - gap[0]}")
    assert marked == ["head", "short", "tail", "gap 0: 1", "end"]


def test_a_long_form_is_cut_and_says_by_how_much() -> None:
    text = "\n".join(["[how to read this]", *(f"item {i}: {'word ' * 12}" for i in range(150)), "[a note]", "last"])
    whole = Compressed(text, "listing", lossless=True)
    cut = capped(whole, parse_query("where is item 77?"))
    assert not cut.lossless
    shown = [line for line in cut.text.split("\n") if not line.startswith("[… ")]
    missing = sum(int(n) for n in re.findall(r"\[… (\d+) lines? of this form", cut.text))
    assert missing == cut.omissions[-1].count
    assert len(shown) + missing == text.count("\n") + 1
    assert {"[how to read this]", "[a note]", "last"} <= set(shown)
    short = Compressed("few lines", "listing", lossless=True)
    assert capped(short, parse_query("")) is short
