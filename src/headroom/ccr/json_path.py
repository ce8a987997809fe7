"""Values inside a JSON text by path, as the exact characters they were written with.

The paths are a subset of JSONPath: `$`, `.name`, `['name']`, `[3]`, `[-1]`, `[2:5]`, `[*]`. A path may go on inside a
string that itself holds JSON (tool results come wrapped like that). JSON Lines count as an array of their documents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headroom.errors import InputError
from headroom.text.mend_json import readable_json

_STEP = re.compile(
    r"""\.?\[\s*(?:(?P<index>-?\d{1,12})|(?P<slice>(?:-?\d{1,12})?:(?:-?\d{1,12})?)|(?P<all>\*?)|"(?P<double>(?:[^"\\]|\\.)*)"
        |'(?P<single>(?:[^'\\]|\\.)*)')\s*\]
      |\.(?P<star>\*)|\.?(?P<name>[^.\[\]*]+)""",
    re.VERBOSE,
)
_SPACE = re.compile(r"[ \t\n\r\ufeff]*")
_KEY = re.compile(r'[ \t\n\r]*("(?:[^"\\]|\\.)*")[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_NEXT = re.compile(r"[ \t\n\r]*([,\]}])[ \t\n\r]*")
_SHOWN_KEYS = 30
_DECODER = json.JSONDecoder(strict=False, parse_int=str, parse_float=str)  # numbers of any length, as written

Step = str | int | slice


@dataclass(frozen=True, slots=True)
class Value:
    """A JSON value: the characters `start` to `end` of `text`, found at `path`. `lines` says that it is JSON Lines."""

    text: str
    start: int
    end: int
    path: str
    lines: bool = False

    @property
    def source(self) -> str:
        """The value as it was written."""
        return self.text[self.start : self.end]

    @property
    def kind(self) -> str:
        """`object`, `array`, `string` or `scalar`."""
        if self.lines:
            return "array"
        return {"{": "object", "[": "array", '"': "string"}.get(self.text[self.start], "scalar")

    @property
    def string(self) -> str:
        """The text of a string value, otherwise the value as it was written."""
        if self.kind != "string":
            return self.source
        decoded = _DECODER.decode(self.source)
        return decoded if isinstance(decoded, str) else self.source


def document(text: str, path: str = "$") -> Value | None:
    """The JSON document or JSON Lines that a text is, or what can be read of a broken one; None when it is neither."""
    found = _whole_document(text, path)
    if found is None and (mended := readable_json(text)) is not None:
        return _whole_document(mended, path)
    return found


def _whole_document(text: str, path: str) -> Value | None:
    start = _space(text, 0)
    if text[start : start + 1] not in ("{", "[", '"'):
        return None
    try:
        end = _end(text, start)
    except (ValueError, RecursionError):
        return None
    if _space(text, end) == len(text):
        return Value(text, start, end, path)
    whole = Value(text, 0, len(text), path, lines=True)
    try:
        return whole if text[start] in "{[" and any(_documents(whole)) else None
    except (ValueError, RecursionError):
        return None


def items(value: Value) -> list[Value]:
    """The elements of an array, the documents of JSON Lines."""
    return list(_documents(value) if value.lines else _elements(value))


def find(root: Value, path: str) -> list[Value]:
    """The values at a path, one or, with a slice or `*`, several. Raises InputError saying what is there instead."""
    found = [root]
    for step in parse_path(path):
        found = [inner for value in found for inner in _inner(value, step)]
    if not found:
        raise InputError(f"there is nothing at {path}")
    return found


def parse_path(path: str) -> list[Step]:
    """The steps of a path: keys, positions, slices. Raises InputError."""
    rest = path.strip().removeprefix("$")
    steps: list[Step] = []
    at = 0
    while at < len(rest):
        found = _STEP.match(rest, at)
        if not found:
            raise InputError(f"path={path!r} is not a JSON path; write for example $.items[3].name or $['odd name']")
        steps.append(_step(found))
        at = found.end()
    return steps


def _step(found: re.Match[str]) -> Step:
    if found["index"] is not None:
        return int(found["index"])
    if found["slice"] is not None:
        first, last = found["slice"].split(":")
        return slice(int(first) if first else None, int(last) if last else None)
    if found["double"] is not None:
        return str(_DECODER.decode(f'"{found["double"]}"'))
    if found["single"] is not None:
        return re.sub(r"\\(.)", r"\1", found["single"])
    return found["name"].strip() if found["name"] else slice(None, None)


def _inner(value: Value, step: Step) -> list[Value]:
    if value.kind == "string":
        nested = document(value.string, value.path)
        if nested is not None:
            value = nested
    if isinstance(step, str):
        if value.kind == "object":
            members = dict(_members(value))
            if step in members:
                return [members[step]]
            raise InputError(f"{value.path} has no key {step!r}; its keys: {_some(list(members))}")
        raise InputError(f"{value.path} is {describe(value)}, not an object with a key {step!r}")
    if isinstance(step, slice):
        if value.kind == "object" and step == slice(None, None):
            return list(dict(_members(value)).values())
        if value.kind == "array":
            return items(value)[step]
        raise InputError(f"{value.path} is {describe(value)}, not an array")
    if value.kind != "array":
        raise InputError(f"{value.path} is {describe(value)}, not an array with a position {step}")
    elements = items(value)
    if not -len(elements) <= step < len(elements):
        raise InputError(f"{value.path} has {len(elements)} items, 0 to {len(elements) - 1}: there is no [{step}]")
    return [elements[step]]


def describe(value: Value) -> str:
    """What a value is, in words that say how to go on."""
    if value.kind == "object":
        keys = [key if member.kind != "array" else f"{key} (array)" for key, member in dict(_members(value)).items()]
        return f"an object with the keys {_some(keys)}"
    if value.kind == "array":
        return f"an array of {len(items(value))} items"
    return f"a {value.kind}"


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
    return ", ".join(key[:80] for key in keys[:_SHOWN_KEYS]) + more if keys else "(none)"


def _members(value: Value) -> Iterator[tuple[str, Value]]:
    text, at = value.text, _space(value.text, value.start + 1)
    while text[at] != "}":
        found = _KEY.match(text, at)
        if not found:
            raise ValueError("no key")
        key: Any = _DECODER.decode(found[1])
        end = _end(text, found.end())
        yield key, Value(text, found.end(), end, f"{value.path}{_spelled(key)}")
        at = _past(text, end)


def _elements(value: Value) -> Iterator[Value]:
    text, at, number = value.text, _space(value.text, value.start + 1), 0
    while text[at] != "]":
        end = _end(text, at)
        yield Value(text, at, end, f"{value.path}[{number}]")
        at, number = _past(text, end), number + 1


def _documents(value: Value) -> Iterator[Value]:
    """The documents of JSON Lines: each on a line of its own, empty lines don't count."""
    at, number = 0, 0
    for line in value.text.split("\n"):
        if line.strip():
            start = _space(line, 0)
            end = _end(line, start)
            if _space(line, end) != len(line):
                raise ValueError("more than one document on a line")
            yield Value(value.text, at + start, at + end, f"{value.path}[{number}]")
            number += 1
        at += len(line) + 1


def _past(text: str, end: int) -> int:
    """Where the next member starts after a value that ends at `end`, or where the closing bracket stands."""
    found = _NEXT.match(text, end)
    if not found:
        raise ValueError("no comma")
    return found.end() if found[1] == "," else found.start(1)


def _spelled(key: str) -> str:
    return f".{key}" if key.isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]"


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _end(text: str, start: int) -> int:
    """Where the value that starts there ends. Raises ValueError and, for values nested too deeply, RecursionError."""
    return _DECODER.raw_decode(text, start)[1]
