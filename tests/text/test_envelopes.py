"""Texts inside JSON strings: found where they make up most of the text, written back in the spelling they had."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from headroom.text.envelopes import inner_texts, is_whole, literal_like

LONG = "\n".join(f'line {i} of a long tool output with "quotes" and a \\ backslash' for i in range(20))


def test_mcp_content() -> None:
    text = json.dumps([{"type": "text", "text": LONG}, {"type": "text", "text": LONG.upper()}])
    found = inner_texts(text)
    assert [(i.path, i.text) for i in found] == [("$[0].text", LONG), ("$[1].text", LONG.upper())]
    assert json.loads(text[found[0].start : found[0].end]) == LONG


def test_a_record_of_short_values_is_no_envelope() -> None:
    assert inner_texts(json.dumps([{"id": i, "name": f"item {i}"} for i in range(60)])) == []


@given(st.integers(1, 40), st.sampled_from(["", "\n\n(The output is too long!)"]))
def test_cut_off_string(cut: int, remark: str) -> None:
    text = json.dumps({"type": "text", "text": LONG + " é漢"})[: -2 - cut] + remark
    (inner,) = inner_texts(text)
    assert inner.path == "$.text"
    assert (LONG + " é漢").startswith(inner.text)
    assert len(LONG) + 3 - len(inner.text) <= cut + 5
    rewritten = text[: inner.start] + literal_like(text[inner.start : inner.end], inner.text) + text[inner.end :]
    assert inner_texts(rewritten) == [inner] or rewritten == text


@given(st.text(min_size=0, max_size=300))
def test_rewriting_a_literal_keeps_the_value(text: str) -> None:
    for source in ('"abc"', '"\\u00e9"', '"é"'):
        assert json.loads(literal_like(source, text)) == text


def test_duplicate_keys_and_odd_paths() -> None:
    text = '{"a b": ' + json.dumps(LONG) + ', "a b": ' + json.dumps(LONG) + "}"
    assert [i.path for i in inner_texts(text)] == ['$["a b"]', '$["a b"]']


def test_escaped_quotes_and_backslashes_end_no_string() -> None:
    said = 'a "quoted" word, a path C:\\dir\\ and "\\"' * 20
    text = json.dumps({"log": said, "n": 1})
    (inner,) = inner_texts(text)
    assert inner.text == said
    assert is_whole(text[inner.start : inner.end])
    assert not any(map(is_whole, ('"', '"open \\"', '"one" "two"')))
