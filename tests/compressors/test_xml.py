"""XML: an outline gives the document back; tables keep what differs; nothing is expanded."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.compressors.xml import COMPRESSOR
from headroom.formats.xml.outline import OutlineError, outline
from headroom.model import Context, Level
from headroom.text.lines import sample

NAMES = st.sampled_from(("a", "b", "item", "ns-x", "x.y", "_z"))
TEXTS = st.text(st.sampled_from("ab |:×@=<>&\"'\n\t 1漢"), max_size=12)
ATTRIBUTES = st.dictionaries(NAMES, TEXTS, max_size=3)


def element(name: str, attributes: dict[str, str], text: str, children: list[ET.Element], tail: str) -> ET.Element:
    made = ET.Element(name, attributes)
    made.text = text
    made.extend(children)
    made.tail = tail
    return made


LEAVES = st.builds(element, NAMES, ATTRIBUTES, TEXTS, st.just([]), st.one_of(st.just("\n  "), TEXTS))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        element, NAMES, ATTRIBUTES, st.one_of(st.just(""), TEXTS), st.lists(inner, max_size=5), st.just("\n")
    ),
    max_leaves=20,
)


def table(rows: int, odd: int) -> str:
    states = ["failed" if i == odd else "ok" for i in range(rows)]
    items = (f'  <job id="{i}" state="{state}"><ms>{100 + i % 7}</ms></job>\n' for i, state in enumerate(states))
    return f"<?xml version='1.0'?>\n<jobs>\n{''.join(items)}</jobs>\n"


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_outlines_give_the_document_back(tree: ET.Element) -> None:
    tree.tail = None
    document = ET.tostring(tree, encoding="unicode")
    for candidate in COMPRESSOR.compress(document, Context(Level.LOSSLESS)):
        assert candidate.lossless
        assert COMPRESSOR.same(COMPRESSOR.decode(candidate.text), document)


@settings(max_examples=60, deadline=None)
@given(st.integers(61, 300), st.integers(0, 60))
def test_long_tables_keep_ends_and_rare_rows_and_count_the_rest(rows: int, odd: int) -> None:
    _, lossy = COMPRESSOR.compress(table(rows, odd), Context())
    assert f"\n{odd} | failed | {100 + odd % 7}" in lossy.text
    assert "\n0 | " in lossy.text
    assert f"\n{rows - 1} | " in lossy.text
    shown = sum(1 for line in lossy.text.split("\n") if " | " in line) - 2  # the header and the table's columns
    assert shown + sum(o.count for o in lossy.omissions) == rows
    assert all(sum(b - a + 1 for a, b in o.ranges) == o.count for o in lossy.omissions)


def test_a_question_keeps_its_row() -> None:
    document = "<l>" + "".join(f"<u><loc>/page-{i}</loc><n>{i * 7919 % 997}</n></u>" for i in range(200)) + "</l>"
    _, lossy = COMPRESSOR.compress(document, Context(query="What is n of /page-123?"))
    assert "/page-123 | " in lossy.text


def test_text_that_looks_like_the_outline_is_kept() -> None:
    document = "<a><b>× 3: x</b><c>| y</c><d>&lt;e&gt;</d><f>a: b\n|c\n  d</f><g h='× 1: @k'>× 1: @k</g></a>"
    for candidate in COMPRESSOR.compress(document, Context()):
        assert COMPRESSOR.same(COMPRESSOR.decode(candidate.text), document)


def test_lossless_level_has_no_markers() -> None:
    assert all(c.lossless and "[…" not in c.text for c in COMPRESSOR.compress(table(200, 3), Context(Level.LOSSLESS)))


def test_aggressive_counts_comments() -> None:
    document = "<a>" + f"<!-- why {'it is so ' * 5}-->\n<b>text</b>" * 3 + "</a>"
    lossy = list(COMPRESSOR.compress(document, Context(Level.AGGRESSIVE)))[-1]
    assert "why" not in lossy.text
    assert [(o.kind, o.count) for o in lossy.omissions] == [("comments", 1)] * 3


@pytest.mark.parametrize(
    "document",
    [
        "<a><b></a>",
        "<a>",
        "plain",
        "",
        '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        "<a>" * 5_000 + "</a>" * 5_000,
        "<a>\ud800</a>",
    ],
)
def test_what_cannot_be_outlined_is_left_alone(document: str) -> None:
    assert list(COMPRESSOR.compress(document, Context())) == []


def test_too_deep_for_an_outline() -> None:
    with pytest.raises(OutlineError):
        outline("<a>" * 300 + "</a>" * 300)


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("<?xml version='1.0'?><a><b/></a>", True),
        ("<a>\n<b>1</b>\n<b>2</b>\n<b>3</b>\n</a>\n", True),
        ("<!doctype html><html><p>x</p></html>", False),
        ("<output>\nall tests passed\nin 3 seconds\nsee the log\n</output>", False),
        ("<div>unclosed", False),
        ("a < b", False),
    ],
)
def test_sniff(text: str, sure: bool) -> None:
    assert (COMPRESSOR.sniff(sample(text), Context()) >= 0.5) is sure
