"""Where values stand in JSON bytes: a table to read, then the laws over any JSON in any formatting."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.errors import HeadroomError
from headroom.wire.spans import Span, SpanError, decoded, elements, kind, locate, locate_all, members
from tests.wire.json_texts import ARRAYS, OBJECTS, bodies, strictly

BODY = b"""{
  "model": "m", "stream" :true,
  "messages":[ {"role":"user", "content": [{"type":"text","text":"caf\xc3\xa9 \\"1\\""}]} , {"role":"assistant"} ],
  "max_tokens": 1024
}"""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (["model"], b'"m"'),
        (["stream"], b"true"),
        (["max_tokens"], b"1024"),
        (["messages", 1], b'{"role":"assistant"}'),
        (["messages", 0, "content"], b'[{"type":"text","text":"caf\xc3\xa9 \\"1\\""}]'),
        (["messages", 0, "content", 0, "text"], b'"caf\xc3\xa9 \\"1\\""'),
        ([], BODY),
    ],
)
def test_what_stands_at_a_path(path: list[str | int], text: bytes) -> None:
    for around in (b"", b" ", b"\r\n\t"):
        start, end = locate(around + BODY + around, path)
        assert (around + BODY + around)[start:end] == text


def test_a_walk_by_hand() -> None:
    messages = dict(members(BODY))["messages"]
    first, second = elements(BODY, messages)
    assert [key for key, _ in members(BODY, first)] == ["role", "content"]
    assert decoded(BODY, second) == {"role": "assistant"}
    assert locate(BODY, ["role"], second) == locate(BODY, ["messages", 1, "role"])


@pytest.mark.parametrize(
    ("data", "keys_and_values"),
    [
        (b"{}", []),
        (b" { \n } ", []),
        (b'{"a":1,"b":2,"a":3}', [("a", b"1"), ("b", b"2"), ("a", b"3")]),
        (b'{"a":1,"a":1}', [("a", b"1"), ("a", b"1")]),
        (b'{"a":"x","a":"x\\",\\"b"}', [("a", b'"x"'), ("a", b'"x\\",\\"b"')]),
        (b'{"a":1,"\\u0061":12}', [("a", b"1"), ("a", b"12")]),
        (b'{"\\ud800":"\\udfff" }', [("\ud800", b'"\\udfff"')]),
        (b'{"\\ud83d\\ude00\xc3\xa9\\"}" : "}"}', [('😀é"}', b'"}"')]),
        (b'{"":[1 ,{"x":[]} ]\t}', [("", b'[1 ,{"x":[]} ]')]),
        (b'{"a":' + b"9" * 5000 + b',"b":1e999}', [("a", b"9" * 5000), ("b", b"1e999")]),
        (b'{"a":1,"a":' + b"9" * 5000 + b"}", [("a", b"1"), ("a", b"9" * 5000)]),
        (b'{"\xed\x95\x9c":"\xf0\x9f\x98\x80\x7f"}', [("한", b'"\xf0\x9f\x98\x80\x7f"')]),
    ],
)
def test_members(data: bytes, keys_and_values: list[tuple[str, bytes]]) -> None:
    assert [(key, data[start:end]) for key, (start, end) in members(data)] == keys_and_values


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (b"[]", []),
        (b"[\r\n]", []),
        (b"[1,12 , 1 ]", [b"1", b"12", b"1"]),
        (b'["]",[[]],{"a":[ ]}]', [b'"]"', b"[[]]", b'{"a":[ ]}']),
        (b'[ "\\ud800" ,\n-0.0e-0]', [b'"\\ud800"', b"-0.0e-0"]),
        (b'["\\ud83d\\ud83d\\ude00\xe2\x82\xac",2]', [b'"\\ud83d\\ud83d\\ude00\xe2\x82\xac"', b"2"]),
    ],
)
def test_elements(data: bytes, values: list[bytes]) -> None:
    assert [data[start:end] for start, end in elements(data)] == values


@pytest.mark.parametrize(
    ("data", "path", "complaint"),
    [
        (b"", [], "at byte 0"),
        (b" \n", ["a"], "no JSON value at byte 2"),
        (b"\xef\xbb\xbf{}", ["a"], "no JSON value at byte 0"),
        (b'{"a":1}', ["b"], "no 'b' in the object at byte 0"),
        (b'{"a":[1,2]}', ["a", 2], "no 2 in the array at byte 5"),
        (b'{"a":[1,2]}', ["a", -1], "no -1 in the array at byte 5"),
        (b'{"a":[1,2]}', ["a", "0"], "no '0' in the array at byte 5"),
        (b'{"a":{"0":1}}', ["a", 0], "no 0 in the object at byte 5"),
        (b'{"a": "text"}', ["a", 0], "no 0 in the string at byte 6"),
        (b'{"a":NaN}', ["a"], "NaN is not JSON"),
        (b'{"a":-Infinity}', ["a"], "-Infinity is not JSON"),
        (b"NaN", [], "NaN is not JSON"),
        (b'{"a":01}', ["a"], "malformed at byte 6"),
        (b'{"a":1,}', ["a"], "malformed at byte 6"),
        (b'{"a":1;"b":2}', ["a"], "malformed at byte 6"),
        (b"{'a':1}", ["a"], "malformed at byte 0"),
        (b'{"a":1} x', ["a"], "malformed at byte 6"),
        (b'{"a":1}{"a":1}', ["a"], "malformed at byte 6"),
        (b'{"a":[1,2}', ["a"], "Expecting ',' delimiter at byte 9"),
        (b'{"a":"tab\there"}', ["a"], "Invalid control character at byte 9"),
        (b'{"a":"\\x"}', ["a"], "at byte 6"),
        (b'{"a\\x":1}', ["a"], "no readable JSON at byte 1"),
        (b'{"a":"\xc3\xa9","b":\x0b1}', ["a"], "Expecting value at byte 14"),
        (b'{"a":"\xff"}', ["a"], "not UTF-8 at byte 6"),
        (b'{"a":"\xed\xa0\x80"}', ["a"], "not UTF-8 at byte 6"),
        (b'{"a":1\x00}', ["a"], "malformed at byte 6"),
        ('{"a":1}'.encode("utf-16"), ["a"], "not UTF-8 at byte 0"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ["a"], "nested too deep at byte 5"),
        (b'{"a":' * 100_000, ["a"], "nested too deep at byte 5"),
        (b"[" * 100_000, [], "nested too deep at byte 0"),
        (b"[1] 2", [], "more than a JSON value, at byte 3"),
        (b'{"a": "cut', [], "Unterminated string starting at byte 6"),
    ],
)
def test_errors_say_what_and_where(data: bytes, path: list[str | int], complaint: str) -> None:
    with pytest.raises(SpanError, match=re.escape(complaint)) as caught:
        locate(data, path)
    assert isinstance(caught.value, HeadroomError)


def test_the_wrong_kind_of_value() -> None:
    with pytest.raises(SpanError, match="array instead of object at byte 1"):
        members(b" [1]")
    with pytest.raises(SpanError, match="string instead of array at byte 5"):
        elements(b'{"a":"[]"}', locate(b'{"a":"[]"}', ["a"]))
    with pytest.raises(SpanError, match="no JSON value at byte 9"):
        kind(b"{}", Span(9, 12))


def test_decoded_reads_what_python_can() -> None:
    data = b'[12345678901234567890123, 1.5, "\\ud800", ' + b"9" * 5000 + b"]"
    *usual, huge = elements(data)
    assert [decoded(data, span) for span in usual] == [12345678901234567890123, 1.5, "\ud800"]
    with pytest.raises(SpanError, match="no readable JSON at byte 41"):
        decoded(data, huge)


def test_kinds() -> None:
    data = b'[{}, [], "", 0, -1, true, false, null]'
    kinds = ["object", "array", "string", "number", "number", "boolean", "boolean", "null"]
    assert [kind(data, span) for span in elements(data)] == kinds


def values_in(value: Any, *path: str | int) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from values_in(inner, *path, key)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from values_in(inner, *path, i)


@given(bodies())
def test_each_path_leads_to_the_value_that_a_parser_sees_there(data: bytes) -> None:
    found = list(values_in(strictly(data)))
    for path, value in found:
        span = locate(data, path)
        assert repr(decoded(data, span)) == repr(value)
        assert data[span.start : span.end] == data[span.start : span.end].strip()
    assert locate_all(data, [path for path, _ in found]) == [locate(data, path) for path, _ in found]


@given(bodies(OBJECTS))
def test_members_are_all_there_is_in_an_object(data: bytes) -> None:
    pairs: list[tuple[str, Any]] = json.loads(data, object_pairs_hook=lambda found: found)
    found = members(data)
    assert [m.key for m in found] == [key for key, _ in pairs]
    without = re.sub(rb'"[^"\\]*(?:\\.[^"\\]*)*"', b'"', without_values(data, [m.span for m in found]))
    assert without.translate(None, b" \t\n\r") == b"{" + b",".join([b'":'] * len(found)) + b"}"


@given(bodies(ARRAYS))
def test_elements_are_all_there_is_in_an_array(data: bytes) -> None:
    found = elements(data)
    assert repr([decoded(data, span) for span in found]) == repr(strictly(data))
    without = without_values(data, found).translate(None, b" \t\n\r")
    assert without == b"[" + b"," * (len(found) - 1) + b"]"


def without_values(data: bytes, spans: list[Span]) -> bytes:
    ends = [0, *(span.end for span in spans)]
    starts = [*(span.start for span in spans), len(data)]
    return b"".join(data[end:start] for end, start in zip(ends, starts, strict=True))


PIECES = st.sampled_from(
    [b"", b",", b":", b'"', b"[", b"}", b"\\", b"0", b"-", b"e", b" ", b"\x0b", b"\x00", b"\xc3", b"NaN"]
)


@given(bodies(OBJECTS | ARRAYS), st.data())
def test_what_is_not_json_is_refused_and_nothing_else(data: bytes, choices: st.DataObject) -> None:
    cut, end = (choices.draw(st.integers(0, len(data))) for _ in range(2))
    data = data[:cut] + choices.draw(PIECES) + (data[cut:] if choices.draw(st.booleans()) else data[end:])
    try:
        value = strictly(data)
    except ValueError:
        value = None
    for walk, its_type in ((members, dict), (elements, list)):
        if isinstance(value, its_type):
            assert len(walk(data)) >= len(value)
        else:
            with pytest.raises(SpanError):
                walk(data)
