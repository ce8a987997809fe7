"""JSON as it was written: numbers keep their spelling, duplicate keys stay, deep nesting is refused.

A number is the `bytes` it was spelled with (b"1.10", b"-0"), so it never equals a string, a truth value or another
spelling; everything else is what the standard library makes of it.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from operator import is_
from typing import Any

MAX_DEPTH = 120
_SHORT = 20  # items; a longer array of numbers is a series, of which parts may be left out
_OPEN = frozenset((list, dict))
_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$-]*")
quote = json.encoder.encode_basestring  # a string literal with as few escapes as possible
_BLANKS = re.compile(r"\s*")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Pairs(tuple[tuple[str, Any], ...]):
    """An object in which a key stands twice, as the pairs it was written with."""

    __slots__ = ()


def _object(pairs: list[tuple[str, Any]]) -> Any:
    made = dict(pairs)
    return made if len(made) == len(pairs) else Pairs(pairs)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=str.encode, parse_int=str.encode, parse_constant=str.encode
)


def escape_surrogates(text: str) -> str:
    """JSON text with the lone surrogates in its string literals escaped, so that it can be encoded."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return _SURROGATE.sub(lambda m: f"\\u{ord(m.group()):04x}", text)


class Packed(bytes):
    """A short array of nothing but numbers (or such arrays), as its JSON text: coordinates come by the thousand."""

    __slots__ = ()


def packed(value: Any, depth: int = 0) -> Any:
    """The value with its short arrays of numbers packed. ValueError when it is nested deeper than `MAX_DEPTH`."""
    kind = type(value)
    if kind is dict:
        if _OPEN.isdisjoint(map(type, value.values())):
            return value
        made = {k: packed(v, depth) if type(v) in _OPEN else v for k, v in value.items()}
        return value if all(map(is_, made.values(), value.values())) else made
    if kind is not list:
        return value
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    kinds = set(map(type, value))
    if kinds == {bytes} and len(value) <= _SHORT:
        return Packed(b"[%b]" % b",".join(value))
    if not kinds & _OPEN:
        return value
    items = [packed(v, depth + 1) if type(v) in _OPEN else v for v in value]
    if len(items) <= _SHORT and set(map(type, items)) == {Packed}:
        return Packed(b"[%b]" % b",".join(items))
    return value if all(map(is_, items, value)) else items


@lru_cache(maxsize=512)  # the same keys come again with every object
def path_step(key: str) -> str:
    """A key as a JSON path goes on with it: `.key`, or `["any key"]`."""
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{quote(key)}]"


def read_json(text: str) -> Any:
    """One JSON document. ValueError for anything else and for nesting beyond what is read."""
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def read_lines(text: str) -> list[Any]:
    """JSON Lines: one document a line, blank lines skipped. ValueError otherwise."""
    lines = [line for line in text.split("\n") if line and not line.isspace()]
    if len(lines) < 2 or lines[0].lstrip()[:1] not in ("{", "["):
        raise ValueError("not JSON Lines")
    # One call reads all lines. Between two of them stands a string that none holds: where each is found again between
    # two single documents, each line was one document.
    between = "|"
    while between in text:
        between += "|"
    items = read_json(f'[{f"""," {between} ",""".join(lines)}]')
    if len(items) != 2 * len(lines) - 1 or any(item != f" {between} " for item in items[1::2]):
        raise ValueError("not JSON Lines")
    return list(items[::2])


def read_stream(text: str) -> list[Any]:
    """Objects or arrays one behind the other, each over as many lines as it takes. ValueError otherwise."""
    items: list[Any] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        if not items or text[at : at + 1] in ("{", "["):
            try:
                item, at = _DECODER.raw_decode(text, at)
            except RecursionError as error:
                raise ValueError("nested too deep") from error
            items.append(item)
            at = _BLANKS.match(text, at).end()  # type: ignore[union-attr]
        else:
            raise ValueError("not a stream of JSON documents")
    if len(items) < 2:
        raise ValueError("not a stream of JSON documents")
    return items


def read_any(text: str) -> tuple[Any, bool]:
    """A document, and whether there were several (then a list of them). ValueError for other text."""
    try:
        return read_json(text), False
    except ValueError:
        pass
    try:
        return read_lines(text), True
    except ValueError:
        return read_stream(text.lstrip()), True


def minified(value: Any, depth: int = 0) -> str:
    """A value without insignificant whitespace. ValueError when it is nested deeper than `MAX_DEPTH`."""
    kind = type(value)
    if kind is str:
        return quote(value)
    if kind is bytes or kind is Packed:
        return str(value, "ascii")
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if kind is list:
        if set(map(type, value)) == {bytes}:
            return f"[{b','.join(value).decode('ascii')}]"
        return "[" + ",".join([minified(item, depth + 1) for item in value]) + "]"
    pairs = value.items() if kind is dict else value
    return "{" + ",".join([f"{quote(key)}:{minified(item, depth + 1)}" for key, item in pairs]) + "}"


def minified_document(value: Any, lines: bool) -> str:
    """A whole document, or JSON Lines with one document a line."""
    return escape_surrogates("\n".join(map(minified, value)) if lines else minified(value))
