"""JSON with fewer quotes: strings stand bare where nothing else could be meant.

Two spellings share the rules. *Inline* values stand inside brackets (`{name:left-pad,tags:[a,b],n:1}`), *cells* stand
between tabs and may hold commas. A string that reads like a number, a literal or a bracket keeps its quotes, so every
spelling has one meaning. `#2` stands for what section 2 holds, `#2/key` for that section's record `key`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from headroom.formats.json.read import MAX_DEPTH, Packed, Pairs, quote


class Ref(NamedTuple):
    """A place where a value stood that section `section` holds: whole, or its record `key`."""

    section: int
    key: str | None = None


class Shown(NamedTuple):
    """The shortened form of a long text; it stands in a section of its own."""

    text: str


class Gap(NamedTuple):
    """What was left out of a list or an object, as the marker that stands in its place."""

    marker: str


class Missing:
    """The value of a key that a row does not have."""

    __slots__ = ()


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Schema:
    """The keys that objects share, written once: `many` for arrays of such objects, otherwise single objects."""

    many: bool
    fields: tuple[tuple[str, Schema | None], ...]


_NUMBER = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?"
_LITERALS: dict[str, Any] = {"null": None, "true": True, "false": False}
_CONSTANTS = ("NaN", "Infinity", "-Infinity")
_IS_NUMBER = re.compile(rf"{_NUMBER}|NaN|-?Infinity")
_WORDS = rf"(?:{_NUMBER}|null|true|false|NaN|-?Infinity)"
_ANY = "\x00-\x1f\u2028\u2029\x85\ud800-\udfff"
_STRINGS = json.JSONDecoder(strict=False)
_INLINE = re.compile(rf"(?![\s#=<])(?=([^,\[\]{{}}\"{_ANY}]+))\1(?<!\s)\Z")  # what is taken is not given back
_KEY = re.compile(rf"(?![\s#=<])[^,:\[\]{{}}\"{_ANY}]*[^,:\[\]{{}}\"\s{_ANY}]\Z")
_CELL = re.compile(rf"(?!{_WORDS}\Z)(?![#=\[{{\"])[^{_ANY}]+\Z")
_UNWRITABLE = re.compile(rf"[{_ANY}]")
_RISKY = re.compile(rf"\n(?:[#=\[{{\"\n]|{_WORDS}\n)")
_TOKEN = re.compile(r"[^,\[\]{}\"]*")
_KEY_TOKEN = re.compile(r"[^,:\[\]{}\"]*")
_REF = re.compile(r"#(\d+)(?:/(.*))?", re.S)
_CONTAINERS = frozenset((list, dict, Pairs))
_SCALARS = frozenset((str, bytes, Packed, bool, type(None), Missing, Ref))
_NO_TEXTS, _ENDS = frozenset(("null", "true", "false", *_CONSTANTS)), "0123456789y"  # of numbers and -Infinity
_LINE = 100  # the items of a longer container stand on lines of their own: after a comma that costs nothing
_WIDE_ITEM = 40  # a list of shorter items runs on


def inline(value: Any, depth: int = 0) -> str:
    """A value as it stands inside brackets."""
    kind = type(value)
    if kind is str:
        return value if _is_bare(value) else quote(value)
    if kind is list or kind is dict or kind is Pairs:
        return _container(value, depth)
    return scalar(value)


def _is_bare(text: str) -> bool:
    """Whether a string can stand inside brackets without quotes."""
    if text.isidentifier():  # as most short ones are
        return text not in _NO_TEXTS
    return _INLINE.match(text) is not None and not (text[-1] in _ENDS and _IS_NUMBER.fullmatch(text))


def _container(value: Any, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if type(value) is list:
        if set(map(type, value)) == {bytes}:
            return f"[{b','.join(value).decode('ascii')}]"
        parts, ends = [inline(item, depth + 1) for item in value], "[]"
    else:
        pairs = value.items() if type(value) is dict else value
        parts, ends = [_entry(k, inline(v, depth + 1)) for k, v in pairs], "{}"
    return ends[0] + ",".join(parts) + ends[1]


def _entry(key: str | None, value: str) -> str:
    return value if key is None else f"{inline_key(key)}:{value}"  # what was left out of an object has no key


def laid_out(value: Any, depth: int = 0) -> str:
    """A value as `inline` writes it, with the items of long containers on lines of their own."""
    if type(value) not in _CONTAINERS:
        return inline(value)
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if type(value) is list:
        if not _CONTAINERS.intersection(map(type, value)):
            return inline(value)
        parts, ends = [laid_out(item, depth + 1) for item in value], "[]"
        wide = sum(map(len, parts)) > _WIDE_ITEM * len(parts)
    else:
        pairs = value.items() if type(value) is dict else value
        parts, ends = [_entry(k, laid_out(v, depth + 1)) for k, v in pairs], "{}"
        wide = True
    glue = ",\n" if wide and sum(map(len, parts)) > _LINE else ","
    return ends[0] + glue.join(parts) + ends[1]


def scalar(value: Any) -> str:
    """A number, a literal, a reference or what stands in place of something left out."""
    kind = type(value)
    if kind is bytes or kind is Packed:
        return str(value, "ascii")
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is Ref:
        if value.key is None:
            return f"#{value.section}"
        return f"#{value.section}/{value.key if _KEY.match(value.key) else quote(value.key)}"
    return quote(value.text) if kind is Shown else str(value.marker)


def inline_key(key: str) -> str:
    """An object's key as it stands before its colon, or in a list of keys."""
    return key if key.isidentifier() or _KEY.match(key) else quote(key)


def cell(value: Any) -> str:
    """A value as it stands between tabs."""
    if type(value) is str:
        return value if _CELL.match(value) else quote(value)
    return inline(value)


def cells(values: list[Any], kinds: Set[type]) -> list[str]:
    """The cells of a column with values of these types; what has one type is written at once, what is equal once."""
    if kinds == {bytes}:
        return b"\n".join(values).decode("ascii").split("\n")
    if not kinds <= _SCALARS:
        known: dict[str, str] = {}  # equal lists are written again, but kept once
        return [known.setdefault(c, c) for c in ("" if v is MISSING else cell(v) for v in values)]
    distinct = dict.fromkeys(values)
    if kinds == {str} and _all_bare(list(distinct)):
        return values
    written = {v: "" if v is MISSING else cell(v) for v in distinct}
    return [written[v] for v in values]


def _all_bare(texts: list[str]) -> bool:
    """Whether each of the texts is its own cell."""
    joined = "\n".join(("", *texts, ""))
    if joined.count("\n") > len(texts) + 1 or _RISKY.search(joined):
        return False
    return "".join(texts).isprintable() or not _UNWRITABLE.search("".join(texts))


def tuples(value: Any, schema: Schema | None) -> str:
    """A value whose objects' keys stand in `schema`: only their values are written, an absent one as nothing.

    An object with other keys, or with them in another order, is written whole.
    """
    if schema is not None and schema.many and type(value) is list:
        one = Schema(False, schema.fields)
        return "[" + ",".join([tuples(item, one) for item in value]) + "]"
    alike = schema is not None and not schema.many and type(value) is dict
    if schema is not None and alike and [k for k, _ in schema.fields if k in value] == list(value):
        return "[" + ",".join([tuples(value.get(k, MISSING), sub) for k, sub in schema.fields]) + "]"
    return "" if value is MISSING else inline(value)


def schema_text(schema: Schema) -> str:
    """A schema as it stands after its column's name: `[a,b{c}]` for arrays of objects, `{a,b}` for objects."""
    ends = "[]" if schema.many else "{}"
    return ends[0] + ",".join(inline_key(k) + (schema_text(s) if s else "") for k, s in schema.fields) + ends[1]


class Reader:
    """Reads what this module writes, from `at` on."""

    def __init__(self, text: str, at: int = 0) -> None:
        self.text, self.at = text, at

    def value(self) -> Any:
        """The next inline value."""
        start = self.text[self.at : self.at + 1]
        if start == "[":
            return list(self._items("]", self.value))
        if start == "{":
            pairs = list(self._items("}", self._pair))
            made = dict(pairs)
            return made if len(made) == len(pairs) else Pairs(pairs)
        if start == '"':
            return self._string()
        return self._bare(_TOKEN)

    def key(self) -> str:
        """The next key, without its colon."""
        if self.text[self.at : self.at + 1] == '"':
            return self._string()
        return self._take(_KEY_TOKEN)

    def schema(self) -> Schema:
        """The next schema."""
        many = self.text[self.at] == "["
        return Schema(many, tuple(self._items("]" if many else "}", self._field)))

    def structured(self, schema: Schema | None) -> Any:
        """The next value whose objects' keys stand in `schema`; MISSING for nothing."""
        start = self.text[self.at : self.at + 1]
        if schema is None or start != "[":
            return MISSING if start in ("", ",", "]") else self.value()
        if schema.many:
            one = Schema(False, schema.fields)
            return list(self._items("]", lambda: self.structured(one)))
        fields = iter(schema.fields)
        made: dict[str, Any] = {}

        def field() -> None:
            key, sub = next(fields)
            value = self.structured(sub)
            if value is not MISSING:
                made[key] = value

        for _ in self._items("]", field):
            pass
        return made

    def _field(self) -> tuple[str, Schema | None]:
        key = self.key()
        return key, self.schema() if self.text[self.at] in "[{" else None

    def _pair(self) -> tuple[str, Any]:
        key = self.key()
        self.at += 1
        return key, self.value()

    def _items(self, end: str, read: Callable[[], Any]) -> Iterator[Any]:
        self.at += 1
        if self.text[self.at] == end:
            self.at += 1
            return
        while True:
            yield read()
            self.at += 1
            if self.text[self.at - 1] == end:
                return
            if self.text[self.at] == "\n":
                self.at += 1

    def _string(self) -> str:
        value, self.at = _STRINGS.raw_decode(self.text, self.at)
        return str(value)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        return match.group()

    def _bare(self, pattern: re.Pattern[str]) -> Any:
        text = self._take(pattern)
        if text.startswith("#") and text.endswith("/") and self.text[self.at : self.at + 1] == '"':
            return Ref(int(text[1:-1]), self._string())
        return bare(text)


def bare(text: str) -> Any:
    """What a token without quotes and brackets stands for."""
    if text in _LITERALS:
        return _LITERALS[text]
    if _IS_NUMBER.fullmatch(text):
        return text.encode("ascii")
    match = _REF.fullmatch(text)
    if match:
        return Ref(int(match[1]), match[2])
    return text


def read_cell(text: str) -> Any:
    """The value of a cell; MISSING for an empty one."""
    if not text:
        return MISSING
    if text[0] in '"[{' or text.startswith("#"):
        return Reader(text).value() if text[0] != "#" or text.endswith('"') else bare(text)
    return bare(text)
