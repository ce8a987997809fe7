"""The promises, over every compressor at once: case inputs of all of them, and texts that Hypothesis makes up."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom import marker
from headroom.ccr.memory import MemoryStore
from headroom.model import Block, Compressed, Context, Level, Reason, Role
from headroom.options import Options
from headroom.pipeline import compress_blocks
from headroom.plugins import compressors
from headroom.router import route
from headroom.tokens import count_tokens
from tests.compressors.test_cases import Case, cases

ALL_CASES = [pytest.param(c, id=f"{c.folder.parent.name}/{c.folder.name}") for c in cases()]
LEVELS = list(Level)
WORDS = st.sampled_from(
    'error WARN info 2024-01-02T03:04:05Z { } [ ] " : , src/app.py:12: def class <p> </p> - + @@ | == 0x1f 7 42 '
    "\t  é 漢 \r \x1b[31m \\ null true PASSED FAILED".split(" ")
)
LINES = st.lists(st.lists(WORDS, max_size=9).map(" ".join), max_size=60)
TEXTS = st.one_of(
    st.text(max_size=400),
    LINES.map("\n".join),
    LINES.map(lambda lines: "\n".join(line for line in lines for _ in range(4))),
    st.tuples(LINES, st.integers(1, 40)).map(lambda pair: ("\n".join(pair[0]) + "\n") * pair[1]),
)


def candidates(text: str, context: Context) -> list[Compressed]:
    return [c for compressor in compressors().values() for c in compressor.compress(text, context)]


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.sampled_from(LEVELS))
def test_compressors_never_raise_and_lossless_decodes(text: str, level: Level) -> None:
    for compressor in compressors().values():
        for candidate in compressor.compress(text, Context(level)):
            if candidate.lossless:
                assert compressor.same(compressor.decode(candidate.text), text), compressor.name
            else:
                assert level is not Level.LOSSLESS, compressor.name
                assert candidate.omissions, compressor.name


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.sampled_from(LEVELS))
def test_never_worse_and_reversible(text: str, level: Level) -> None:
    store = MemoryStore()
    (outcome,) = compress_blocks([Block(text, (), Role.TOOL)], Options(level=level), store)
    assert count_tokens(outcome.text) <= count_tokens(text)
    if outcome.text != text:
        assert outcome.report.id is not None
        assert store.get(outcome.report.id) == text
    else:
        assert outcome.report.reason is not Reason.COMPRESSED


@pytest.mark.parametrize("case", ALL_CASES)
@pytest.mark.parametrize("level", LEVELS)
def test_omissions_are_in_range_and_counted(case: Case, level: Level) -> None:
    count = case.text.count("\n") + 1
    for candidate in candidates(case.text, Context(level)):
        for o in candidate.omissions:
            assert o.count > 0
            assert all(1 <= a <= b for a, b in o.ranges)
            if o.unit == "lines" and o.ranges and not o.path:
                assert max(b for _, b in o.ranges) <= count
                assert sum(b - a + 1 for a, b in o.ranges) == o.count, o


@pytest.mark.parametrize("case", ALL_CASES)
def test_marker_ranges_agree_with_their_counts(case: Case) -> None:
    """A marker that gives line ranges gives as many lines as it says (P6: no invented counts)."""
    best = route(case.text, case.context()).compressed
    for count, ranges in re.findall(r"\[… (\d+) lines? \(([\d–, ]+)\)", best.text if best else ""):
        pairs = [tuple(map(int, r.split("–"))) for r in ranges.split(", ")]
        assert sum(p[-1] - p[0] + 1 for p in pairs) == int(count)


@pytest.mark.parametrize("case", ALL_CASES)
def test_deterministic_and_independent_of_what_follows(case: Case) -> None:
    block = Block(case.text, (0,), Role.TOOL)
    later = Block("anything\n" * 50, (1,), Role.TOOL)
    alone = compress_blocks([block], Options(), MemoryStore())[0]
    first = compress_blocks([block, later], Options(), MemoryStore())[0]
    assert alone.text == first.text


@pytest.mark.parametrize("case", ALL_CASES)
def test_a_target_only_tightens(case: Case) -> None:
    """Asking for fewer tokens never gives more of them."""
    free = route(case.text, case.context())
    tight = route(case.text, replace(case.context(), target=20))
    assert tight.tokens_after <= free.tokens_after


def test_compressed_text_is_left_alone_and_a_quoted_closing_line_is_not() -> None:
    store = MemoryStore()
    id = store.put("some original")
    ours, quoted = (Block("x\n" * 200 + marker.footer(i), (0,), Role.TOOL) for i in (id, "zzzzzzzz"))
    first, second = compress_blocks([ours, quoted], Options(repeats=False), store)
    assert first.report.reason is Reason.ALREADY_COMPRESSED
    assert first.text is ours.text
    assert second.report.reason is Reason.COMPRESSED
