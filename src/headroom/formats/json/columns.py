"""Rows of objects as columns: keys in one order for all, nested objects as dotted columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import chain, pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from headroom.formats.json.compact import MISSING, Missing, Reader, Ref, Schema, cells, inline_key, tuples
from headroom.formats.json.read import MAX_DEPTH, quote

Shape = tuple[str, ...]
_SIMILAR, _DENSE, _ORDERLY = 0.4, 0.34, 0.75
_FLAT = frozenset((dict, Missing, type(None), str, bytes, bool))
_OPTIONAL = frozenset((dict, Missing, type(None)))
_LISTS = frozenset((list, Missing, type(None), Ref))
_MANY_SHAPES = 64  # of rows that share too little to stand in one table
_MARKS = re.compile(r"[.~?<>()=→\s]")  # what says something after a column's name
_WIDE = 400  # columns; an object with more keys than this is a map, not a record


class Numbers(NamedTuple):
    """What is true of a column's numbers: the rows of the least and the greatest, and the mean."""

    low: int
    high: int
    mean: float


@dataclass(slots=True)
class Column:
    """One column: its name with dots for nesting, its values (MISSING where a row has none) and their types."""

    name: str
    values: list[Any]
    kinds: Set[type]
    schema: Schema | None = None
    numbers: Numbers | tuple[()] | None = None  # once asked for; nothing where it holds mostly other things
    _cells: list[str] | None = None

    @property
    def cells(self) -> list[str]:
        """The values as they are written. Those of numbers aren't kept: they take as much room as the document."""
        if self._cells is not None:
            return self._cells
        made = [tuples(v, self.schema) for v in self.values] if self.schema else cells(self.values, self.kinds)
        if self.kinds != {bytes}:
            self._cells = made
        return made


def joined(order: list[str], shape: Shape) -> list[str] | None:
    """The key order with a shape's keys in it, each in its own order; None when the two contradict."""
    known, out, at = set(order), list(order), 0
    for key in shape:
        if key in known:
            try:
                at = out.index(key, at) + 1
            except ValueError:
                return None
        else:
            out.insert(at, key)
            at += 1
    return out if len(out) <= _WIDE else None


def kinds_of(rows: Sequence[Any]) -> tuple[list[list[str]], list[int]]:
    """Groups of rows that share keys: each group's key order, and each row's group (-1 for a row that fits none)."""
    numbers: dict[Shape, int] = {(): 0}
    of = [numbers.setdefault(tuple(row), len(numbers)) if type(row) is dict else 0 for row in rows]
    if len(numbers) > _MANY_SHAPES + 1:
        return [], [-1] * len(rows)
    shapes, counts = list(numbers), Counter(of)
    groups: list[tuple[set[str], list[str]]] = []
    members: Counter[int] = Counter()
    group_of = [-1] * len(shapes)
    for number, count in counts.most_common():
        if number == 0:  # no keys, or no object
            continue
        group = group_of[number] = _group(shapes[number], groups)
        members[group] += count
    keep = [i for i in range(len(groups)) if members[i] >= min(2, len(rows))]
    renamed = {i: n for n, i in enumerate(keep)}
    kinds = [renamed.get(group, -1) for group in group_of]
    return [groups[i][1] for i in keep], [kinds[number] for number in of]


def _group(shape: Shape, groups: list[tuple[set[str], list[str]]]) -> int:
    """The first group that a shape fits, which then has its keys too, or a new one."""
    keys = set(shape)
    for i, (known, order) in enumerate(groups):
        if len(keys & known) < _SIMILAR * len(keys | known):
            continue
        both = joined(order, shape)
        if both is not None:
            groups[i] = (known | keys, both)
            return i
    groups.append((keys, list(shape)))
    return len(groups) - 1


def columns_of(rows: list[dict[str, Any]], keys: list[str]) -> list[Column]:
    """The columns of rows that share `keys`, nested objects flattened."""
    out: list[Column] = []
    for key, values in zip(keys, _transposed(rows, keys), strict=True):
        _expand(dotted("", key), values, out, 0)
    return out


def _transposed(rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> Iterable[list[Any]]:
    """The values of each key, MISSING where a row lacks it; rows have no other keys, and theirs in this order."""
    if all(len(row) == len(keys) for row in rows):
        return (list(map(itemgetter(key), rows)) for key in keys)
    return ([row.get(key, MISSING) for row in rows] for key in keys)


def dotted(prefix: str, key: str) -> str:
    """A column's name; a key that could be read as something else stands in quotes."""
    safe = inline_key(key)
    if safe == key and not key.isidentifier() and _MARKS.search(key):
        safe = quote(key)
    return f"{prefix}.{safe}" if prefix else safe


def _expand(name: str, values: list[Any], out: list[Column], depth: int) -> None:
    """Adds the column, or one column for each key of the objects in it, after one for the values that are none."""
    types = set(map(type, values))
    if dict in types and types <= _FLAT and depth < MAX_DEPTH:
        objects = [v for v in values if type(v) is dict and v]
        shared = _shared(objects)
        if shared and (len(objects) * 2 >= len(values) - values.count(MISSING) or types <= _OPTIONAL):
            _expand_objects(name, values, shared, out, depth)
            return
    elif list in types and types <= _LISTS:
        lists = [v for v in values if type(v) is list]
        items = list(chain.from_iterable(lists))
        if items and set(map(type, items)) == {dict}:
            if max(map(len, lists)) == 1 and _shared(items) and depth < MAX_DEPTH:
                if any(v is not MISSING and (type(v) is not list or not v) for v in values):
                    _add(name, [MISSING if type(v) is list and v else v for v in values], out)
                _expand(f"{name}[0]", [v[0] if type(v) is list and v else MISSING for v in values], out, depth + 1)
                return
            out.append(Column(name, values, types, _schema(values, depth)))
            return
    out.append(Column(name, values, types))


def _expand_objects(
    name: str, values: list[Any], shared: tuple[list[str], set[Shape]], out: list[Column], depth: int
) -> None:
    keys, shapes = shared
    fitting = [v if type(v) is dict and tuple(v) in shapes else None for v in values]
    if None not in fitting:
        below = _transposed(values, keys)
    else:
        if any(f is None and v is not MISSING for f, v in zip(fitting, values, strict=True)):
            _add(name, [v if f is None else MISSING for f, v in zip(fitting, values, strict=True)], out)
        below = ([MISSING if f is None else f.get(key, MISSING) for f in fitting] for key in keys)
    for key, column in zip(keys, below, strict=True):
        _expand(dotted(name, key), column, out, depth + 1)


def _add(name: str, values: list[Any], out: list[Column]) -> None:
    out.append(Column(name, values, set(map(type, values))))


def _shared(objects: list[dict[str, Any]]) -> tuple[list[str], set[Shape]] | None:
    """The keys of objects of one kind, and the shapes whose keys stand in that order; None for unlike objects."""
    counts = Counter(map(tuple, objects))
    if not counts or len(counts) > _MANY_SHAPES:
        return None
    order: list[str] = []
    fitting: set[Shape] = set()
    for shape, _ in counts.most_common():
        more = joined(order, shape)
        if more is not None:
            order = more
            fitting.add(shape)
    fit = sum(counts[shape] for shape in fitting)
    filled = sum(len(shape) * counts[shape] for shape in fitting)
    fitting.discard(())
    if not order or fit < _ORDERLY * len(objects) or filled < _DENSE * len(order) * fit:
        return None
    return order, fitting


def _schema(values: list[Any], depth: int) -> Schema | None:
    """The keys that the objects (or the objects in the arrays) of a column share; None when there are none."""
    kinds = set(map(type, values)) - {Missing, type(None), str, bytes, bool, Ref}
    if depth > MAX_DEPTH or len(kinds) != 1:
        return None
    kind = kinds.pop()
    found: list[Any] = [v for v in values if type(v) is kind]
    if kind is list:
        found = [item for v in found for item in v]
        if set(map(type, found)) != {dict}:
            return None
    elif kind is not dict:
        return None
    shared = _shared(found)
    if not shared:
        return None
    keys, shapes = shared
    found = [d for d in found if tuple(d) in shapes]
    return Schema(kind is list, tuple((k, _schema([d.get(k, MISSING) for d in found], depth + 1)) for k in keys))


def read_head(text: str) -> tuple[list[str | int], str, Schema | None, int]:
    """The path, name and schema that a column's head begins with, and where they end."""
    reader = _NameReader(text)
    path: list[str | int] = []
    while True:
        path.append(reader.key())
        while text.startswith("[0]", reader.at):
            path.append(0)
            reader.at += 3
        if text[reader.at : reader.at + 1] != ".":
            break
        reader.at += 1
    name = text[: reader.at]
    if text[reader.at : reader.at + 1] not in ("[", "{"):
        return path, name, None, reader.at
    below = Reader(text, reader.at)
    return path, name, below.schema(), below.at


class _NameReader(Reader):
    def key(self) -> str:
        if self.text[self.at : self.at + 1] == '"':
            return self._string()
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ".[{~?=:(→,]}":
            self.at += 1
        return self.text[start : self.at]


def put(row: dict[str, Any], path: list[str | int], value: Any) -> None:
    """Sets the value at a column's path in a row, making the objects and arrays on the way."""
    at: Any = row
    for step, following in pairwise(path):
        fresh: Any = [] if following == 0 and type(following) is int else {}
        if type(step) is int:
            if not at:
                at.append(fresh)
            at = at[0]
        else:
            at = at.setdefault(step, fresh)
    if type(path[-1]) is int:
        at.append(value)
    else:
        at[path[-1]] = value
