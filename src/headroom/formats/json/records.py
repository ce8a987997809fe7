"""Objects that stand in many places, written once: records with a key, and references to them."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import chain
from operator import is_
from typing import Any

from headroom.formats.json.compact import Ref
from headroom.formats.json.read import MAX_DEPTH, Pairs
from headroom.formats.json.relations import text_of

_MIN_SAVED, _MIN_SIZE, _REPEATS, _MAX_KEY, _SERIES = 3, 40, 1.4, 60, 500
LONG_LIST = 16  # of objects, from which a list inside a row is a table of its own
_NAMES = ("login", "full_name", "username", "slug", "email", "name", "key", "code", "id", "number", "title")
_KEY = re.compile(r"(?:id|name|key|login|slug|code|email|title|number|arn|url|uri|href|path|sha|hash|ref)$", re.I)
_CONTAINERS = frozenset((dict, list, Pairs))
_OBJECTS, _NESTING = frozenset((dict,)), frozenset((dict, list))
_LOOKED_AT = 80  # characters; of shorter strings nothing is left out
_FEW = 24  # numbers or names; a list or a map of more may be thinned out
_LEAST = 2  # of all tokens: 0 and 1 would equal False and True
ENDLESS = sys.maxsize
# id of a container → how long the longest string inside is, ENDLESS where some of many items may be left out or a long
# list of objects stands inside. What isn't named may hold anything, but the rows of a named list hold no more than it.
Reach = dict[int, int]


@dataclass(slots=True)
class Records:
    """Equal-shaped objects by their key: `key` names the field that tells them apart."""

    section: int
    key: str
    rows: dict[str, Any]


@dataclass(slots=True)
class Survey:
    """What a document holds: how far into each container it is worth looking, and how many long lists of objects."""

    reach: Reach
    long_lists: int = 0


@dataclass(slots=True)
class _Census:
    """The containers of a document. Equal ones have one token, an int (numbers are bytes, so nothing else is one)."""

    of: dict[int, int] = field(default_factory=dict)  # id of a container → token
    first: list[Any] = field(default_factory=lambda: [None] * _LEAST)  # the first of equals, by token
    alike: dict[int, list[int]] = field(default_factory=dict)  # the objects of each shape
    inside: list[int] = field(default_factory=list)  # what stands in containers, in equal ones once


def _census(document: Any, survey: Survey) -> _Census:
    """All containers of a document, told to the survey too. ValueError when nested deeper than `MAX_DEPTH`."""
    tokens: dict[tuple[Any, ...], int] = {}
    shapes: dict[tuple[Any, ...] | None, int] = {}
    census, reaches = _Census(), [0] * _LEAST

    def look(value: Any, depth: int) -> tuple[int, int]:
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        shape, items, reach = None, value, 0
        if type(value) is dict:
            shape, items = tuple(value), value.values()
        elif type(value) is Pairs:
            shape, items = (Pairs, *[k for k, _ in value]), [v for _, v in value]
        elif len(value) >= LONG_LIST and type(value[0]) is dict:
            survey.long_lists += 1
            if len(value) > _SERIES and (series := _reaches_of_series(value)):
                survey.reach.update(series)
                return -id(value), series[id(value)]  # its rows are no records; no other token is negative
        inside, found, lists = items, [], survey.long_lists
        if not _CONTAINERS.isdisjoint(map(type, items)):
            inside = []
            for item in items:
                if type(item) in _CONTAINERS:
                    item, below = look(item, depth + 1)
                    found.append(item)
                    reach = max(reach, below)
                inside.append(item)
        number = shapes.setdefault(shape, len(shapes))
        key = (number, *inside)
        token = tokens.get(key)
        if token is None:
            token = tokens[key] = len(census.first)
            census.first.append(value)
            census.inside += found
            if type(value) is dict and len(value) > 1:
                census.alike.setdefault(number, []).append(token)
            reaches.append(ENDLESS if survey.long_lists > lists else max(reach, _reach(items, type(value))))
        census.of[id(value)] = token
        survey.reach[id(value)] = reaches[token]
        return token, reaches[token]

    look(document, 0)
    return census


def _reach(items: Collection[Any], kind: type) -> int:
    """How long the longest string among a container's items is; ENDLESS where some items may be left out."""
    if len(items) > _FEW and (_OBJECTS if kind is list else _NESTING).isdisjoint(map(type, items)):
        return ENDLESS
    return max([len(v) for v in items if type(v) is str], default=0)


def _reaches_of_series(rows: list[Any]) -> Reach:
    """The same for a table whose rows hold no objects, row by row where it matters; nothing for any other list."""
    if set(map(type, rows)) != {dict}:
        return {}
    cells = list(chain.from_iterable(map(dict.values, rows)))
    kinds = set(map(type, cells))
    lists = [v for v in cells if type(v) is list] if list in kinds else []
    if dict in kinds or Pairs in kinds or not _CONTAINERS.isdisjoint(map(type, chain.from_iterable(lists))):
        return {}
    long = max(map(len, chain(rows, lists))) > _FEW
    reach = ENDLESS if long else max([len(v) for v in chain(cells, *lists) if type(v) is str], default=0)
    return dict.fromkeys(map(id, (rows, *rows, *lists) if reach >= _LOOKED_AT else (rows,)), reach)


def extract(value: Any, first_section: int) -> tuple[Any, list[Records], Survey]:
    """The value with references in place of repeated objects, the records they point at, and what it holds."""
    survey = Survey({})
    if type(value) not in _CONTAINERS:
        return value, [], survey
    census = _census(value, survey)
    uses = Counter(census.inside)
    pools: dict[int, tuple[Records, str]] = {}
    made: list[Records] = []
    for tokens in census.alike.values():
        key = _worth(tokens, census, uses)
        if key is None:
            continue
        records = Records(first_section + len(made), key, {})
        made.append(records)
        for token in tokens:
            pools[token] = records, text_of(census.first[token][key]) or ""
    return _Rewrite(census, pools).value(value, top=True) if made else value, made, survey


def _worth(tokens: list[int], census: _Census, uses: Counter[int]) -> str | None:
    """The key field of objects that are worth writing once, None otherwise."""
    used = sum([uses[token] for token in tokens])
    if used - len(tokens) < _MIN_SAVED or used < _REPEATS * len(tokens):
        return None
    found = [census.first[token] for token in tokens]
    size = sum(len(v) if type(v) in (str, bytes) else 8 for d in found[:50] for v in d.values()) // min(50, len(found))
    if size < _MIN_SIZE:
        return None
    names: list[str] = []
    for name in found[0]:
        if not _KEY.search(name) or {type(d[name]) for d in found} not in ({str}, {bytes}):
            continue
        texts = [text_of(d[name]) or "" for d in found]
        if len(set(texts)) == len(texts) and all(texts) and sum(map(len, texts)) <= _MAX_KEY * len(texts):
            names.append(name)
    # The field that people would use: a name before an id, of other fields the first.
    return min(names, key=lambda name: _NAMES.index(name) if name in _NAMES else len(_NAMES), default=None)


class _Rewrite:
    """Puts references in the place of records; what holds none stays the object that it is."""

    def __init__(self, census: _Census, pools: dict[int, tuple[Records, str]]) -> None:
        self.census, self.pools = census, pools
        self.made: dict[int, Any] = {}

    def value(self, value: Any, top: bool = False) -> Any:
        token = self.census.of.get(id(value))
        if token is None:
            return value
        pool = None if top else self.pools.get(token)
        if pool is None:
            return self.below(value, token)
        records, key = pool
        if key not in records.rows:
            records.rows[key] = None  # holds the place: a record never contains itself
            records.rows[key] = self.below(value, token)
        return Ref(records.section, key)

    def below(self, value: Any, token: int) -> Any:
        if token not in self.made:
            self.made[token] = self._made(value)
        return self.made[token]

    def _made(self, value: Any) -> Any:
        pairs = type(value) is Pairs
        items = value.values() if type(value) is dict else [v for _, v in value] if pairs else value
        if _CONTAINERS.isdisjoint(map(type, items)):
            return value
        made = [self.value(v) if type(v) in _CONTAINERS else v for v in items]
        if all(map(is_, made, items)):
            return value
        if pairs:
            return Pairs((k, v) for (k, _), v in zip(value, made, strict=True))
        return dict(zip(value, made, strict=True)) if type(value) is dict else made


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
