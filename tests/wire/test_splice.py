"""Edits of JSON bytes: only what an edit names changes."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.wire.spans import Span, SpanError, elements, locate
from headroom.wire.splice import Edit, appended, inserted_member, literal, splice
from tests.wire.json_texts import ARRAYS, OBJECTS, bodies, strictly


def edits_of(*changes: tuple[int, int, bytes]) -> list[Edit]:
    return [Edit(Span(start, end), replacement) for start, end, replacement in changes]


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ([(0, 0, b"<")], b"<0123456789"),
        ([(10, 10, b">")], b"0123456789>"),
        ([(2, 4, b"")], b"01456789"),
        ([(0, 10, b"all")], b"all"),
        ([(7, 8, b"seven"), (2, 3, b"two")], b"01two3456seven89"),
        ([(2, 4, b"x"), (4, 6, b"y")], b"01xy6789"),
        ([(4, 6, b"y"), (4, 4, b"before")], b"0123beforey6789"),
        ([(2, 4, b"x"), (4, 4, b"after")], b"01xafter456789"),
        ([(5, 5, b"first"), (5, 5, b"second")], b"01234firstsecond56789"),
    ],
)
def test_edits(changes: list[tuple[int, int, bytes]], result: bytes) -> None:
    assert splice(b"0123456789", edits_of(*changes)) == result


@pytest.mark.parametrize(
    "changes",
    [
        [(2, 5, b"x"), (4, 6, b"y")],
        [(2, 5, b"x"), (2, 5, b"x")],
        [(2, 5, b"x"), (3, 3, b"inside")],
        [(8, 11, b"x")],
        [(11, 11, b"x")],
        [(-1, 2, b"x")],
        [(5, 4, b"x")],
    ],
)
def test_edits_that_cannot_be_made(changes: list[tuple[int, int, bytes]]) -> None:
    with pytest.raises(SpanError):
        splice(b"0123456789", edits_of(*changes))


def test_no_edits_give_the_same_object() -> None:
    data = bytes(range(256))
    assert splice(data, iter(())) is data


@given(st.binary(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=5))), st.randoms())
def test_a_splice_is_the_pieces_in_order(data: bytes, cuts: list[tuple[int, bytes]], order: random.Random) -> None:
    places = sorted({min(place, len(data)) for place, _ in cuts})
    spans = [Span(*pair) for pair in zip(places[::2], places[1::2], strict=False)]
    edits = [Edit(span, new) for span, (_, new) in zip(spans, cuts, strict=False)]
    expected = data
    for (start, end), new in reversed(edits):
        expected = expected[:start] + new + expected[end:]
    order.shuffle(edits)
    assert splice(data, edits) == expected
    assert splice(data, [Edit(span, data[span.start : span.end]) for span in spans]) == data


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", '""'),
        ('say "hi" \\ /', '"say \\"hi\\" \\\\ /"'),
        ("a\tb\r\n\x00\x1f\x7f", '"a\\tb\\r\\n\\u0000\\u001f\x7f"'),
        ("é漢😀\u2028", '"é漢😀\u2028"'),
        ("cut \ud83d", '"cut \\ud83d"'),
        ("\udfff\ud800", '"\\udfff\\ud800"'),
    ],
)
def test_literals(text: str, written: str) -> None:
    assert literal(text) == written.encode()


@given(st.text(st.characters(exclude_categories=[])))
def test_a_literal_reads_back(text: str) -> None:
    joined = text.encode("utf-16", "surrogatepass").decode(
        "utf-16", "surrogatepass"
    )  # as JSON reads two halves in a row
    assert strictly(literal(text)) == joined
    assert literal(text) == literal(text)


@pytest.mark.parametrize(
    ("data", "result"),
    [
        (b"[]", b"[9]"),
        (b"[ \n]", b"[9 \n]"),
        (b"[1]", b"[1,9]"),
        (b"[1, [2] \r\n ]", b"[1, [2],9 \r\n ]"),
        (b' {"a" : [1,"]" ]} ', b' {"a" : [1,"]",9 ]} '),
    ],
)
def test_appended(data: bytes, result: bytes) -> None:
    array = locate(data, ["a"] if b"a" in data else [])
    assert splice(data, [appended(data, array, b"9")]) == result


@pytest.mark.parametrize(
    ("data", "result"),
    [
        (b"{}", b'{"k":9}'),
        (b"{\n}", b'{"k":9\n}'),
        (b'{"a": 1\n}', b'{"a": 1,"k":9\n}'),
        (b'{"a":{}}', b'{"a":{},"k":9}'),
        (b'{"k":1}', b'{"k":1,"k":9}'),
    ],
)
def test_inserted_member(data: bytes, result: bytes) -> None:
    assert splice(data, [inserted_member(data, locate(data, []), "k", b"9")]) == result


@pytest.mark.parametrize("data", [b"", b"[", b'"[]"', b"{}", b"17"])
def test_nothing_to_append_to(data: bytes) -> None:
    with pytest.raises(SpanError):
        appended(data, Span(0, len(data)), b"9")


@given(bodies(ARRAYS), bodies(ARRAYS))
def test_appending_adds_one_element(data: bytes, element: bytes) -> None:
    edit = appended(data, locate(data, []), element)
    after = splice(data, [edit])
    assert repr(strictly(after)) == repr([*strictly(data), strictly(element)])
    assert elements(after)[:-1] == elements(data)
    assert after.startswith(data[: edit.span.start])


@given(bodies(OBJECTS), bodies(ARRAYS), st.text())
def test_inserting_adds_one_member(data: bytes, value: bytes, key: str) -> None:
    after = splice(data, [inserted_member(data, locate(data, []), key, value)])
    assert json.dumps(strictly(after)) == json.dumps({**strictly(data), key: strictly(value)})
