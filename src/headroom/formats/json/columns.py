"""Rows of objects as columns: keys in one order for all, nested objects as dotted columns."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from headroom.formats.json.compact import MISSING, Missing, Reader, Ref, Schema, cells, inline_key, tuples
from headroom.formats.json.read import MAX_DEPTH, quote

Shape = tuple[str, ...]
_SIMILAR, _DENSE, _ORDERLY = 0.4, 0.34, 0.75
_FLAT = frozenset((dict, Missing, type(None), str, bytes, bool))
_OPTIONAL = frozenset((dict, Missing, type(None)))
_MANY_SHAPES = 64  # of rows that share too little to stand in one table
_WIDE = 400  # columns; an object with more keys than this is a map, not a record


@dataclass(slots=True)
class Column:
    """One column: its name with dots for nesting, its values (MISSING where a row has none), its cells."""

    name: str
    values: list[Any]
    schema: Schema | None = None
    cells: list[str] = field(default_factory=list)
    numbers: list[tuple[float, int]] | None = None  # with their rows, once asked for


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
    counts = Counter([tuple(row) if type(row) is dict else None for row in rows])
    if len(counts) > _MANY_SHAPES:
        return [], [-1] * len(rows)
    groups: list[tuple[set[str], list[str]]] = []
    of: dict[Shape | None, int] = {None: -1, (): -1}
    for shape, _ in counts.most_common():
        if not shape:
            continue
        keys = set(shape)
        for i, (known, order) in enumerate(groups):
            if len(keys & known) < _SIMILAR * len(keys | known):
                continue
            both = joined(order, shape)
            if both is not None:
                groups[i] = (known | keys, both)
                of[shape] = i
                break
        else:
            of[shape] = len(groups)
            groups.append((keys, list(shape)))
    members: Counter[int] = Counter()
    for shape, n in counts.items():
        members[of[shape]] += n
    keep = [i for i in range(len(groups)) if members[i] >= min(2, len(rows))]
    renamed = {i: n for n, i in enumerate(keep)}
    return [groups[i][1] for i in keep], [renamed.get(of[tuple(row)], -1) if type(row) is dict else -1 for row in rows]


def columns_of(rows: list[dict[str, Any]], keys: list[str]) -> list[Column]:
    """The columns of rows that share `keys`, nested objects flattened."""
    out: list[Column] = []
    if all(len(row) == len(keys) for row in rows):
        for key, values in zip(keys, zip(*[row.values() for row in rows], strict=True), strict=True):
            _expand(dotted("", key), list(values), out, 0)
    else:
        for key in keys:
            _expand(dotted("", key), [row.get(key, MISSING) for row in rows], out, 0)
    for column in out:
        column.cells = [tuples(v, column.schema) for v in column.values] if column.schema else cells(column.values)
    return out


def dotted(prefix: str, key: str) -> str:
    """A column's name; a key that could be read as something else stands in quotes."""
    safe = inline_key(key)
    if safe == key and any(c in ".~?<>()" or c.isspace() or c in "=→" for c in key):
        safe = quote(key)
    return f"{prefix}.{safe}" if prefix else safe


def _expand(name: str, values: list[Any], out: list[Column], depth: int) -> None:
    """Adds the column, or one column for each key of the objects in it, after one for the values that are none."""
    types = set(map(type, values))
    if dict in types and types <= _FLAT and depth < MAX_DEPTH:
        objects = [v for v in values if type(v) is dict and v]
        shared = _shared(objects)
        if shared and (len(objects) * 2 >= len(values) - values.count(MISSING) or types <= _OPTIONAL):
            keys, shapes = shared
            fitting = [v if type(v) is dict and tuple(v) in shapes else None for v in values]
            if any(f is None and v is not MISSING for f, v in zip(fitting, values, strict=True)):
                out.append(Column(name, [v if f is None else MISSING for f, v in zip(fitting, values, strict=True)]))
            for key in keys:
                below = [MISSING if f is None else f.get(key, MISSING) for f in fitting]
                _expand(dotted(name, key), below, out, depth + 1)
            return
    elif list in types and types <= {list, Missing, type(None), Ref}:
        lists = [v for v in values if type(v) is list]
        items = [item for v in lists for item in v]
        if items and set(map(type, items)) == {dict}:
            if max(map(len, lists)) == 1 and _shared(items) and depth < MAX_DEPTH:
                if any(v is not MISSING and (type(v) is not list or not v) for v in values):
                    out.append(Column(name, [MISSING if type(v) is list and v else v for v in values]))
                _expand(f"{name}[0]", [v[0] if type(v) is list and v else MISSING for v in values], out, depth + 1)
                return
            out.append(Column(name, values, _schema(values, depth)))
            return
    out.append(Column(name, values))


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
    for step, following in itertools.pairwise(path):
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
