"""Texts that stand wrapped inside JSON strings: MCP content, `{"output": …}`, escaped logs. Everything around stays."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# In text without escapes. An open string goes on to the end of the text, so that no part of it is looked at twice.
_LITERAL = re.compile(r'"[^"]*"?')
_LONG = re.compile(r'"[^"]{198,}')  # what stands between two quotes, be it a string or between strings
_OPEN = re.compile(r'\s*[\[{\s]*(?:"\w{1,30}": ?"[^"\\]{0,60}", ?)*"(\w{1,30})": ?"')
_BEGUN = re.compile(r"u[0-9a-fA-F]{0,3}$")
_MIN_INNER, _MIN_SHARE, _MAX_INNER = 200, 0.6, 24


@dataclass(frozen=True, slots=True)
class Inner:
    """A long string inside a JSON text: its decoded text, its JSON path, and the span of its literal."""

    text: str
    path: str
    start: int
    end: int


def inner_texts(text: str) -> Sequence[Inner]:
    """The long strings that make up most of a JSON text, in order; empty where the text is no such envelope.

    A text that was cut off inside its one string counts too: the string ends where it was cut. Linear: one parse by the
    C scanner, one regex pass over the literals, one walk over the values.
    """
    if len(text) < _MIN_INNER or text[:64].lstrip()[:1] not in ("{", "[", '"'):
        return ()
    return _inner_texts(text)


@lru_cache(maxsize=8)  # each of those that handle a text asks
def _inner_texts(text: str) -> Sequence[Inner]:
    head = text[:64].lstrip()
    if text.rstrip()[-1:] not in ("}", "]", '"') or not _dominated(plain := without_escapes(text)):
        return _cut_off(text)
    if head[:1] == "[" and not head[1:].lstrip().startswith(("{", '"')):
        return []
    try:
        value = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return _cut_off(text)
    strings = list(_strings(value, "$"))
    literals = list(_LITERAL.finditer(plain))
    if len(strings) != len(literals):
        return []
    found = [
        Inner(s, path, m.start(), m.end())
        for (s, path), m in zip(strings, literals, strict=True)
        if path and len(s) >= _MIN_INNER
    ]
    held = sum(inner.end - inner.start for inner in found)
    return found if held >= len(text) * _MIN_SHARE and len(found) <= _MAX_INNER else []


def view(text: str) -> tuple[str, Inner | None]:
    """What a reader reads: the one long string of an envelope with its place, or the text itself."""
    inner = inner_texts(text)
    return (inner[0].text, inner[0]) if len(inner) == 1 else (text, None)


def without_escapes(text: str) -> str:
    """The text with other characters for each escaped backslash and quote: every quote left begins or ends a string."""
    return text.replace(r"\\", "__").replace(r"\"", "__")


def _dominated(plain: str) -> bool:
    """Whether a few long literals hold most of a text without escapes, without building anything."""
    if sum(found.end() - found.start() + 1 for found in _LONG.finditer(plain)) < len(plain) * _MIN_SHARE:
        return False
    held = count = 0
    room = len(plain) - len(plain) * _MIN_SHARE
    for found in _LITERAL.finditer(plain):
        start, end = found.span()
        if end - start >= _MIN_INNER:
            held += end - start
            count += 1
            if count > _MAX_INNER:
                return False
        elif end - held > room:
            return False  # all the rest can't make up for what stands between the long ones
    return held >= len(plain) * _MIN_SHARE


def _cut_off(text: str) -> list[Inner]:
    """The string in which `{"type": "text", "text": "…` was cut off, up to a raw line break (a tool's own remark)."""
    found = _OPEN.match(text)
    if not found:
        return []
    start, key = found.end() - 1, found[1]
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    literal = text[start:end]
    literal = _without_half_escape(literal)
    if '"' in without_escapes(literal)[1:]:
        return []
    try:
        inner = json.loads(literal + '"')
    except ValueError:
        return []
    if len(inner) < _MIN_INNER or len(literal) < len(text) * _MIN_SHARE:
        return []
    return [Inner(inner, f"$.{key}", start, start + len(literal))]


def _without_half_escape(literal: str) -> str:
    """The literal without the escape in which it was cut off."""
    begun = _BEGUN.search(literal, max(0, len(literal) - 4))
    before = literal[: begun.start()] if begun else literal
    bare = before.rstrip("\\")
    return bare if (len(before) - len(bare)) % 2 else literal


def literal_like(source: str, text: str) -> str:
    """A JSON string literal for `text` in the spelling of `source` (the literal it replaces): ASCII escapes, closed."""
    literal = json.dumps(text, ensure_ascii=source.isascii() and "\\u" in source)
    return literal if is_whole(source) else literal[:-1]


def is_whole(literal: str) -> bool:
    """Whether a JSON string literal has its closing quote."""
    return len(literal) > 1 and without_escapes(literal).find('"', 1) == len(literal) - 1


class _Pairs(list[tuple[str, Any]]):
    """An object's members in order, duplicates too."""


def _strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every string literal of a JSON value in document order with its path; keys have the path ""."""
    stack: list[tuple[Any, str]] = [(value, path)]
    while stack:
        value, path = stack.pop()
        if isinstance(value, str):
            yield value, path
        elif isinstance(value, _Pairs):
            children: list[tuple[Any, str]] = []
            for key, inner in value:
                step = f".{key}" if key.isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]"
                children += ((key, ""), (inner, path + step))
            stack.extend(reversed(children))
        elif isinstance(value, list):
            stack.extend(reversed([(inner, f"{path}[{i}]") for i, inner in enumerate(value)]))
