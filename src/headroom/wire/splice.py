"""Changes to JSON bytes as edits of spans: whatever no edit names stays byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from headroom.wire.spans import Span, SpanError

_encode = json.JSONEncoder(ensure_ascii=False).encode


class Edit(NamedTuple):
    """What stands at `span` becomes `replacement`; an empty span inserts before the byte at its start."""

    span: Span
    replacement: bytes


def splice(data: bytes, edits: Iterable[Edit]) -> bytes:
    """`data` with all edits made, in whatever order they come; insertions at one place keep their order.

    Without edits it is the very same object. Raises SpanError for edits that overlap or reach outside.
    """
    ordered = sorted(edits, key=lambda edit: edit.span)
    if not ordered:
        return data
    view = memoryview(data)
    parts: list[bytes | memoryview] = []
    done = 0
    for (start, end), replacement in ordered:
        if not done <= start <= end <= len(data):
            raise SpanError(f"an edit of bytes {start} to {end} after one up to byte {done}, of {len(data)} bytes")
        parts += view[done:start], replacement
        done = end
    return b"".join([*parts, view[done:]])


def literal(text: str) -> bytes:
    """A JSON string literal for any text, in UTF-8 with as few escapes as JSON allows; lone surrogates as \\udXXX."""
    return _encode(text).encode("utf-8", "backslashreplace")


def appended(data: bytes, array: Span, element: bytes) -> Edit:
    """The edit that puts one more element at the end of an array. Raises SpanError where there is no array."""
    return _at_end(data, array, b"[]", element)


def inserted_member(data: bytes, object: Span, key: str, value: bytes) -> Edit:
    """The edit that adds a member behind all others, so that it wins over one with the same key. Raises SpanError."""
    return _at_end(data, object, b"{}", literal(key) + b":" + value)


def _at_end(data: bytes, container: Span, brackets: bytes, item: bytes) -> Edit:
    start, end = container
    if end - start < 2 or data[start : start + 1] + data[end - 1 : end] != brackets:
        raise SpanError(f"no {brackets.decode()} at bytes {start} to {end}")
    inside = len(data[start : end - 1].rstrip(b" \t\n\r"))
    place = start + inside
    return Edit(Span(place, place), item if inside == 1 else b"," + item)
