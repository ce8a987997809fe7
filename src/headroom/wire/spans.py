"""Where values stand in JSON bytes, so that one can be read or replaced and every other byte stays as it is.

Spans are byte offsets into the whole body, without the whitespace around a value. A span given as `at` is one that a
function here returned for the same bytes: those are known to be JSON in UTF-8. Everything else is checked against
RFC 8259; of keys given twice the last one counts, as in every JSON parser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, NoReturn

import msgspec

from headroom.errors import HeadroomError

Path = Sequence[str | int]
Kind = Literal["object", "array", "string", "number", "boolean", "null"]

_SPACES = rb"[ \t\n\r]*"
_KEY = _SPACES + rb'("[^"\\]*(?:\\.[^"\\]*)*")' + _SPACES + rb":" + _SPACES
_START = re.compile(_SPACES)
_KINDS: dict[bytes, Kind] = {
    **{b"{": "object", b"[": "array", b'"': "string", b"t": "boolean", b"f": "boolean", b"n": "null"},
    **{bytes([first]): "number" for first in b"-0123456789"},
}


class SpanError(HeadroomError, ValueError):
    """These bytes aren't JSON, or there is no such value in them; the message says what and at which byte."""


class Span(NamedTuple):
    """The bytes from `start` to before `end`."""

    start: int
    end: int


class Member(NamedTuple):
    """A member of an object: its key and where its value stands."""

    key: str
    span: Span


class _Container(NamedTuple):
    """What stands around the values of an object or an array; `first` and `next` end where a value starts."""

    kind: Kind
    decoder: msgspec.json.Decoder[Any]
    first: re.Pattern[bytes]
    next: re.Pattern[bytes]
    last: re.Pattern[bytes]
    empty: re.Pattern[bytes]


def _container(kind: Kind, decoded: Any, brackets: bytes, lead: bytes) -> _Container:
    opening, closing = re.escape(brackets[:1]), re.escape(brackets[1:])
    around = opening + lead, _SPACES + b"," + lead, _SPACES + closing, opening + _SPACES + closing
    return _Container(kind, msgspec.json.Decoder(decoded), *(re.compile(p, re.DOTALL) for p in around))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_OBJECT = _container("object", dict[str, msgspec.Raw], b"{}", _KEY)
_ARRAY = _container("array", list[msgspec.Raw], b"[]", _SPACES)
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_SCANNER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=str, parse_float=str)  # numbers of any length


def members(data: bytes, at: Span | None = None) -> list[Member]:
    """The members of an object in the order they stand in, keys given twice included. Raises SpanError."""
    at = at or _whole(data)
    values: dict[str, msgspec.Raw] | None = _raw_values(data, at, _OBJECT)
    if values is not None:
        spans = _aligned(data, at, _OBJECT, values.values())
        if spans is not None:
            return list(map(Member, values, spans))
    return [Member(decoded(data, key), span) for key, span in _scanned(data, at, _OBJECT)]


def elements(data: bytes, at: Span | None = None) -> list[Span]:
    """Where the elements of an array stand. Raises SpanError."""
    at = at or _whole(data)
    values: list[msgspec.Raw] | None = _raw_values(data, at, _ARRAY)
    spans = None if values is None else _aligned(data, at, _ARRAY, values)
    return [span for _, span in _scanned(data, at, _ARRAY)] if spans is None else spans


def locate(data: bytes, path: Path, at: Span | None = None) -> Span:
    """Where the value at `path` stands: keys of objects, positions (from 0) in arrays. Raises SpanError."""
    return locate_all(data, [path], at)[0]


def locate_all(data: bytes, paths: Iterable[Path], at: Span | None = None) -> list[Span]:
    """Where the values at all these paths stand; what several paths lead through is walked once. Raises SpanError."""
    root = at or _whole(data)
    children: dict[Span, dict[str | int, Span]] = {}
    return [_follow(data, path, root, children) for path in paths]


def kind(data: bytes, span: Span) -> Kind:
    """What kind of value stands there, by its first byte. Raises SpanError where no value can start like this."""
    found = _KINDS.get(data[span.start : span.start + 1])
    if found is None:
        raise SpanError(f"no JSON value at byte {span.start}")
    return found


def decoded(data: bytes, span: Span) -> Any:
    """The value that stands there, as `json.loads` reads it: integers exact, lone surrogates kept. Raises SpanError."""
    try:
        return _DECODER.decode(str(data[span.start : span.end], "utf-8"))
    except RecursionError:
        raise SpanError(f"nested too deep at byte {span.start}") from None
    except ValueError as error:
        raise SpanError(f"no readable JSON at byte {span.start}: {error}") from None


def _whole(data: bytes) -> Span:
    """All of a body without the whitespace around it, known to be UTF-8 from here on."""
    try:
        data.isascii() or str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise SpanError(f"not UTF-8 at byte {error.start}") from None
    start = _START.match(data)
    return Span(start.end() if start else 0, len(data.rstrip(b" \t\n\r")))


def _follow(data: bytes, path: Path, here: Span, children: dict[Span, dict[str | int, Span]]) -> Span:
    if not path:
        _check(data, here)
    for step in path:
        if here not in children:
            children[here] = _children(data, here)
        if step not in children[here]:
            raise SpanError(f"no {step!r} in the {kind(data, here)} at byte {here.start}, path {list(path)}")
        here = children[here][step]
    return here


def _check(data: bytes, at: Span) -> None:
    """What walking into a value finds out by itself: that it is JSON. Raises SpanError."""
    end = at.start + _scanned_end(str(data[at.start : at.end], "latin-1"), 0, at.start)
    if end != at.end:
        raise SpanError(f"more than a JSON value, at byte {end}")


def _children(data: bytes, at: Span) -> dict[str | int, Span]:
    match kind(data, at):
        case "object":
            return {member.key: member.span for member in members(data, at)}
        case "array":
            return dict(enumerate(elements(data, at)))
    return {}


def _raw_values(data: bytes, at: Span, container: _Container) -> Any:
    """The values as msgspec cuts them out; None for what it can't read, be it wrong or only unusual."""
    try:
        return container.decoder.decode(memoryview(data)[at.start : at.end])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _aligned(data: bytes, at: Span, container: _Container, values: Iterable[msgspec.Raw]) -> list[Span] | None:
    """Where these values stand, one after the other; None where others stand between them: a key was given twice."""
    spans = []
    lead, end = container.first, at.start
    for value in values:
        found = lead.match(data, end, at.end)
        if found is None or not data.startswith(value, found.end()):
            return None
        end = found.end() + len(value)
        spans.append(Span(found.end(), end))
        lead = container.next
    closing = container.last if spans else container.empty
    return spans if closing.fullmatch(data, end, at.end) else None


def _scanned(data: bytes, at: Span, container: _Container) -> list[tuple[Span, Span]]:
    """Spans of keys (of "[" and "," in arrays) and values by the standard library's scanner, which reads all of JSON.

    msgspec keeps one of several members with the same key and refuses lone surrogates. In Latin-1 each byte is one
    character and no byte of a longer UTF-8 sequence looks like JSON syntax, so the scanner's positions are bytes.
    """
    found_kind = kind(data, at)
    if found_kind != container.kind:
        raise SpanError(f"{found_kind} instead of {container.kind} at byte {at.start}")
    if container.empty.fullmatch(data, at.start, at.end):
        return []
    text = str(data[at.start : at.end], "latin-1")
    spans = []
    lead, end = container.first, at.start
    while found := lead.match(data, end, at.end):
        end = at.start + _scanned_end(text, found.end() - at.start, at.start)
        spans.append((Span(*found.span(found.lastindex or 0)), Span(found.end(), end)))
        lead = container.next
    if not spans or not container.last.fullmatch(data, end, at.end):
        raise SpanError(f"the {container.kind} at byte {at.start} breaks off or is malformed at byte {end}")
    return spans


def _scanned_end(text: str, start: int, offset: int) -> int:
    """Where the value ends that starts there. Raises SpanError, with `offset` added to what it says of the place."""
    try:
        return _SCANNER.raw_decode(text, start)[1]
    except RecursionError:
        raise SpanError(f"nested too deep at byte {offset + start}") from None
    except json.JSONDecodeError as error:
        raise SpanError(f"{error.msg.removesuffix(' at')} at byte {offset + error.pos}") from None
    except ValueError as error:
        raise SpanError(f"{error}, in the value at byte {offset + start}") from None
