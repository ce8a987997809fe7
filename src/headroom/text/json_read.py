"""JSON as it was written: numbers keep their spelling, duplicate keys stay, deep nesting is refused.

A number is the `bytes` it was spelled with (b"1.10", b"-0"), so it never equals a string, a truth value or another
spelling; everything else is what the standard library makes of it.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 120
quote = json.encoder.encode_basestring  # a string literal with as few escapes as possible
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
    return _SURROGATE.sub(lambda m: f"\\u{ord(m.group()):04x}", text) if _SURROGATE.search(text) else text


def read_json(text: str) -> Any:
    """One JSON document. ValueError for anything else and for nesting beyond what is read."""
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def read_lines(text: str) -> list[Any]:
    """JSON Lines: one document a line, blank lines skipped. ValueError otherwise."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2:
        raise ValueError("not JSON Lines")
    first = lines[0].lstrip()[:1]
    if first not in ("{", "["):
        raise ValueError("not JSON Lines")
    return [read_json(line) for line in lines]


def read_any(text: str) -> tuple[Any, bool]:
    """A document, and whether it was JSON Lines (then a list of its documents). ValueError for other text."""
    try:
        return read_json(text), False
    except ValueError:
        return read_lines(text), True


def minified(value: Any, depth: int = 0) -> str:
    """A value without insignificant whitespace. ValueError when it is nested deeper than `MAX_DEPTH`."""
    kind = type(value)
    if kind is str:
        return quote(value)
    if kind is bytes:
        return value.decode("ascii")  # type: ignore[no-any-return]
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
