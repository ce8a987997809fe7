"""Objects that stand in many places, written once: records with a key, and references to them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from headroom.formats.json.compact import Ref
from headroom.formats.json.read import MAX_DEPTH, Pairs
from headroom.formats.json.relations import text_of

_MIN_SAVED, _MIN_SIZE, _REPEATS, _MAX_KEY, _SERIES = 3, 40, 1.4, 60, 500
LONG_LIST = 16  # of objects, from which a list inside a row is a table of its own
_NAMES = ("login", "full_name", "username", "slug", "email", "name", "key", "code", "id", "number", "title")
_KEY = re.compile(r"(?:id|name|key|login|slug|code|email|title|number|arn|url|uri|href|path|sha|hash|ref)$", re.I)
_CONTAINERS = frozenset((dict, list, Pairs))


@dataclass(slots=True)
class Records:
    """Equal-shaped objects by their key: `key` names the field that tells them apart."""

    section: int
    key: str
    rows: dict[str, Any]


class _Census:
    """Counts equal objects. A container's token is an int (numbers are bytes, so nothing else is one)."""

    def __init__(self) -> None:
        self.tokens: dict[tuple[Any, ...], int] = {}
        self.uses: Counter[int] = Counter()
        self.first: dict[int, Any] = {}
        self.of: dict[int, int] = {}
        self.shapes: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.long_lists = 0

    def token(self, value: Any, depth: int = 0) -> int:
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        kind = type(value)
        pairs = kind is Pairs
        items = value.values() if kind is dict else [v for _, v in value] if pairs else value
        if kind is list and len(value) >= LONG_LIST and type(value[0]) is dict:
            self.long_lists += 1
        if kind is list and len(value) > _SERIES and _is_series(value):
            return -id(value)  # the rows of a long table are no records; a negative number is no other token
        below = items
        if _CONTAINERS.intersection(map(type, items)):
            below = [self.token(v, depth + 1) if type(v) in _CONTAINERS else v for v in items]
        keys = tuple(value) if kind is dict else tuple(k for k, _ in value) if pairs else ()
        key = (kind, self.shapes.setdefault(keys, keys), *below)
        known = self.tokens.get(key)
        if known is None:
            known = self.tokens[key] = len(self.tokens) + 2  # 0 and 1 would equal False and True
            self.first[known] = value
            if below is not items:
                self.uses.update([item for item in below if type(item) is int and item > 0])
        self.of[id(value)] = known
        return known


def extract(value: Any, first_section: int) -> tuple[Any, list[Records], int]:
    """The value with references in place of repeated objects, the records they point at, the number of long lists."""
    if type(value) not in _CONTAINERS:
        return value, [], 0
    census = _Census()
    census.token(value)
    shapes: dict[tuple[str, ...], list[int]] = {}
    for token, found in census.first.items():
        if type(found) is dict and len(found) > 1:
            shapes.setdefault(tuple(found), []).append(token)
    pools: dict[int, tuple[Records, str]] = {}
    made: list[Records] = []
    for tokens in shapes.values():
        key = _worth(tokens, census)
        if key is None:
            continue
        records = Records(first_section + len(made), key, {})
        made.append(records)
        for token in tokens:
            pools[token] = records, text_of(census.first[token][key]) or ""
    if not made:
        return value, [], census.long_lists
    return _Rewrite(census, pools).value(value, top=True), made, census.long_lists


def _is_series(value: list[Any]) -> bool:
    return set(map(type, value)) == {dict} and not any(_CONTAINERS.intersection(map(type, r.values())) for r in value)


def _worth(tokens: list[int], census: _Census) -> str | None:
    """The key field of objects that are worth writing once, None otherwise."""
    uses = sum(census.uses[t] for t in tokens)
    if uses - len(tokens) < _MIN_SAVED or uses < _REPEATS * len(tokens):
        return None
    found = [census.first[t] for t in tokens]
    size = sum(len(v) if type(v) in (str, bytes) else 8 for d in found[:50] for v in d.values()) // min(50, len(found))
    if size < _MIN_SIZE:
        return None
    names: list[str] = []
    for field in found[0]:
        if not _KEY.search(field) or {type(d[field]) for d in found} not in ({str}, {bytes}):
            continue
        texts = [text_of(d[field]) or "" for d in found]
        if len(set(texts)) == len(texts) and all(texts) and sum(map(len, texts)) <= _MAX_KEY * len(texts):
            names.append(field)
    # The field that people would use: a name before an id, of other fields the first.
    return min(names, key=lambda name: _NAMES.index(name) if name in _NAMES else len(_NAMES), default=None)


class _Rewrite:
    def __init__(self, census: _Census, pools: dict[int, tuple[Records, str]]) -> None:
        self.census, self.pools = census, pools

    def value(self, value: Any, top: bool = False) -> Any:
        if type(value) not in _CONTAINERS:
            return value
        token = self.census.of.get(id(value))
        if token is None:
            return value
        pool = None if top else self.pools.get(token)
        if pool is not None:
            records, key = pool
            if key not in records.rows:
                records.rows[key] = None  # holds the place: a record never contains itself
                records.rows[key] = self.below(value)
            return Ref(records.section, key)
        return self.below(value)

    def below(self, value: Any) -> Any:
        if type(value) is dict:
            return {k: self.value(v) for k, v in value.items()}
        if type(value) is list:
            return [self.value(v) for v in value]
        return Pairs((k, self.value(v)) for k, v in value)


def resolve(value: Any, sections: dict[int, Any]) -> Any:
    """The value with every reference replaced by what `sections` holds (whole values, or records by key)."""
    if type(value) is Ref:
        found = sections[value.section]
        return resolve(found if value.key is None else found[value.key], sections)
    if type(value) is dict:
        return {k: resolve(v, sections) for k, v in value.items()}
    if type(value) is list:
        return [resolve(v, sections) for v in value]
    if type(value) is Pairs:
        return Pairs((k, resolve(v, sections)) for k, v in value)
    return value
