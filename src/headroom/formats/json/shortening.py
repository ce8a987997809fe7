"""What a JSON document can do without: the middle of long series, the rest of long strings. Every gap says its size."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, TypeVar

from headroom import marker
from headroom.formats.json.compact import Gap, Shown, inline
from headroom.formats.json.read import Pairs, path_step
from headroom.formats.json.records import Reach
from headroom.formats.json.statistics import is_measurement, standing_out, summary
from headroom.formats.json.tables import Table
from headroom.formats.prose.extracts import Extract, extracts, written
from headroom.model import Context, Level, Omission
from headroom.text.query import parse_query

Key = TypeVar("Key")
_OWN_LINES, _OWN_SIZE = 20, 2000  # lines or characters from which it is tried as a text of its own type
_DIGITS = re.compile(r"\d+")
_DATED = re.compile(r"[12]\d{3}-\d\d-\d\d")
_RARE = 0.05
_NESTING = frozenset((list, dict))
_NOISE = re.compile(r"(?:data:[\w/+.-]*;base64,)?[A-Za-z0-9+/=_-]+\s*\Z")
_PLACES = 24  # of one kind of loss that are told one by one
_PREVIEW = 5  # the part of a very long string that stays
_BLOCK, _MARKER = 5, 60  # rows that stay together; characters below which a gap is not worth its marker
_WIDE_SHARE = 0.1  # of what a table of wide rows has beyond its free characters
_OUTLIERS, _SAID = 3, 600
_SPARED = 12  # a gap of fewer items stays as it is


@dataclass(frozen=True, slots=True)
class Limits:
    """How much stays: items of a series, entries of a map and texts of a list, rows, characters of a string and noise.

    `looked_at` is the length from which a string may be too long, or no more than noise (base64, hex); of a table whose
    rows have more than so many `characters` only some more stay.
    """

    items: int
    named: int
    item_share: float
    rows: int
    row_share: float
    string: int | None
    noise: int
    looked_at: int
    any_rows: bool = False
    characters: int | None = None


_LIMITS = {
    Level.BALANCED: Limits(
        items=80, named=400, item_share=0.05, rows=400, row_share=0.25, string=None, noise=60, looked_at=400
    ),
    Level.AGGRESSIVE: Limits(
        items=24,
        named=24,
        item_share=0.0,
        rows=120,
        row_share=0.15,
        string=240,
        noise=16,
        looked_at=80,
        any_rows=True,
        characters=1_500,
    ),
}


class Shortener:
    """Shortens one document and remembers what it left out. Paths in markers are JSON paths of the original."""

    def __init__(self, context: Context, root: str, tight: float = 1.0) -> None:
        limits = _LIMITS[context.level]
        self.limits = replace(
            limits,
            items=max(12, int(limits.items * tight)),
            named=max(12, int(limits.named * (tight if tight == 1 else 0.1 * tight))),
            rows=max(30, int(limits.rows * tight)),
            row_share=limits.row_share * tight,
        )
        self.context, self.root = context, root
        self.query = parse_query(context.query)
        self._losses: list[Omission] = []
        self.extracts: dict[str, Extract] = {}
        self.plain: set[str] = set()  # strings that are no shorter in any type's form
        self.saved = 0  # characters of strings and series, not of rows; noise counts thrice, as its tokens are short

    @property
    def lost(self) -> bool:
        """Whether anything was left out so far."""
        return bool(self._losses)

    @property
    def omissions(self) -> tuple[Omission, ...]:
        """What was left out; of one kind in many places only how much."""
        kinds = Counter((o.kind, o.unit) for o in self._losses)
        many = {kind for kind, n in kinds.items() if n > _PLACES}
        sums: Counter[tuple[str, str]] = Counter()
        for o in self._losses:
            sums[o.kind, o.unit] += o.count
        single = [o for o in self._losses if (o.kind, o.unit) not in many]
        return (*single, *(Omission(kind, sums[kind, unit], unit) for kind, unit in kinds if (kind, unit) in many))

    def document(self, value: Any, reach: Reach, share: float | None = None) -> Any:
        """The whole document shortened; its written texts are weighed together, as passages of one result.

        `reach` tells in which containers to look for long strings and series.
        """
        self.reach = reach
        found: dict[str, str] = {}
        for text, path in self._long_texts(value):
            found.setdefault(text, path)
        texts = [text for text, prose in zip(found, written(list(found)), strict=True) if prose]
        if texts:
            made = extracts(texts, [found[text] for text in texts], self.context, share)
            self.extracts = {text: one for text, one in zip(texts, made, strict=True) if one is not None}
        return self.value(value, "$")

    def value(self, value: Any, path: str) -> Any:
        """The value with long strings and series shortened; the same object where nothing changed."""
        if type(value) is str:
            made = self.text(value, path) if len(value) >= self.limits.looked_at else value
            self.saved += len(value) - len(made.text if type(made) is Shown else made)
            return made
        if type(value) is list:
            return self._list(value, path)
        if type(value) is dict:
            return self._map(value, path)
        return value

    def _list(self, value: list[Any], path: str) -> Any:
        changed = self._below(enumerate(value), lambda i: f"{path}[{i}]")
        if self._may_thin(value) and dict not in map(type, value):
            most = self.limits.items if _is_series(value) else self.limits.named
            if len(value) > most + _SPARED:
                names = [v for v in value if type(v) is str]
                parts = list(map(_part, value))
                kept = self._around(parts, names, _extremes(value))
                items = [changed.get(i, v) for i, v in enumerate(value)] if changed else value
                return self._thinned(items, parts, kept, path, "rows")
        return [changed.get(i, v) for i, v in enumerate(value)] if changed else value

    def _map(self, value: dict[str, Any], path: str) -> Any:
        changed = self._below(value.items(), lambda key: path + path_step(key))
        if self._may_thin(value) and _NESTING.isdisjoint(map(type, value.values())):
            most = self.limits.items if all(map(_DATED.match, value)) else self.limits.named
            if len(value) > most + _SPARED:
                parts = [f"{k}:{_part(v)}" for k, v in value.items()]
                kept = self._around(parts, list(value), _extremes(list(value.values())))
                pairs = [(k, changed.get(k, v)) for k, v in value.items()]
                return Pairs(self._thinned(pairs, parts, kept, path, "items"))
        return {**value, **changed} if changed else value

    def _may_thin(self, value: list[Any] | dict[str, Any]) -> bool:
        return len(value) > min(self.limits.items, self.limits.named) + _SPARED

    def _below(self, items: Iterable[tuple[Key, Any]], path_of: Callable[[Key], str]) -> dict[Key, Any]:
        """What changes inside a container: its keys or positions with the new values."""
        changed: dict[Key, Any] = {}
        for key, value in self._worth(items):
            made = self.value(value, path_of(key))
            if made is not value:
                changed[key] = made
        return changed

    def _worth(self, items: Iterable[tuple[Key, Any]]) -> list[tuple[Key, Any]]:
        """The long strings among the items, and the containers in which there may be something to shorten."""
        least, reach = self.limits.looked_at, self.reach
        return [(k, v) for k, v in items if (len(v) if type(v) is str else reach.get(id(v), 0)) >= least]

    def _long_texts(self, value: Any) -> Iterator[tuple[str, str]]:
        """The strings that are looked at with their paths, in document order."""
        stack = [(v, path) for path, v in self._worth([("$", value)])]
        while stack:
            value, path = stack.pop()
            if type(value) is str:
                yield value, path
            elif type(value) is list:
                stack += [(v, f"{path}[{i}]") for i, v in reversed(self._worth(enumerate(value)))]
            elif type(value) is dict:
                stack += [(v, path + path_step(k)) for k, v in reversed(self._worth(value.items()))]

    def _around(self, parts: list[str], names: list[str], floor: Iterable[int]) -> set[int]:
        """Positions that stay: both ends, what the question asks for, items of rare form, and the floor."""
        last = len(parts)
        limit = max(self.limits.items, int(last * self.limits.item_share))
        kept = set(range(limit // 2)) | set(range(last - limit // 4, last)) | set(floor)
        if self.query:
            kept |= set(self.query.best("\n".join(parts), parts))
        if len(names) < last:
            return kept
        forms = _forms(names)
        counts = Counter(forms)
        rare = [i for i, form in enumerate(forms) if counts[form] <= last * _RARE]
        firsts = list({forms[i]: i for i in reversed(rare)}.values())
        return kept | set(sorted(firsts)[:limit]) | set(rare[:limit])

    def _thinned(self, items: list[Any], parts: list[str], kept: set[int], path: str, unit: str) -> list[Any]:
        out: list[Any] = []
        ranges: list[tuple[int, int]] = []
        for first, end in _gaps(sorted(kept), len(items)):
            if end - first < _SPARED or first in kept:
                out += items[first:end]
            else:
                mark = self._marker(end - first, unit, (first + 1, end), path)
                out.append((None, Gap(mark)) if unit == "items" else Gap(mark))
                self.saved += sum(map(len, parts[first:end])) + end - first
                ranges.append((first + 1, end))
        if ranges:
            self._lost("items of long series", sum(b - a + 1 for a, b in ranges), unit, ranges, path)
        return out

    def too_long(self, size: int) -> bool:
        """Whether a table of so many rows may lose some."""
        return self.limits.characters is not None or size > self._budget(size) + _SPARED

    def _budget(self, size: int, characters: int = 0) -> int:
        most = max(self.limits.rows, int(size * self.limits.row_share))
        free = self.limits.characters
        if free is None or characters <= free:
            return most
        return min(most, int(size * (free + _WIDE_SHARE * (characters - free)) / characters))

    def rows(self, table: Table, path: str, word: str) -> list[str]:
        """The lines of a table that stay, its gaps marked, below what is true of all its rows; all when none can go."""
        size = len(table.lines)
        most = self._budget(size, sum(map(len, table.lines)))
        if size <= most + (_SPARED if most >= self.limits.rows else 0):
            return table.lines
        if not self.limits.any_rows and not all(is_measurement(c) for columns in table.columns for c in columns):
            return table.lines
        kept = self._floor(table, most)
        blocks = (most - len(kept)) // _BLOCK
        kept |= {i * size // blocks + j for i in range(blocks) for j in range(_BLOCK)}
        out = [_truths(table, _SAID if most < self.limits.rows else None)] if len(table.columns) == 1 else []
        unit = "rows" if word == "rows" else "items"
        ranges: list[tuple[int, int]] = []
        for first, end in _gaps(sorted(kept), size):
            if first in kept or sum(map(len, table.lines[first:end])) < _MARKER:
                out += table.lines[first:end]
            else:
                out.append(self._marker(end - first, unit, (first + 1, end), path))
                ranges.append((first + 1, end))
        if not ranges:
            return table.lines
        self._lost("rows", sum(b - a + 1 for a, b in ranges), unit, ranges, path)
        return out

    def _floor(self, table: Table, most: int) -> set[int]:
        size = len(table.lines)
        wide = most < self.limits.rows
        head, tail = (3, 2) if wide else (5, 5)
        kept = set(range(min(head, size))) | set(range(max(0, size - tail), size))
        if self.query:
            kept |= set(self.query.best("\n".join(table.lines), table.lines))
        kept |= {i for i, kind in enumerate(table.kinds) if kind < 0}
        outliers: set[int] = set()
        for number, columns in enumerate(table.columns):
            members = [i for i, kind in enumerate(table.kinds) if kind == number]
            outliers |= {members[i] for column in columns for i in standing_out(column)}
        # Among wide rows, with many columns each, what every third row has is no outlier.
        return kept if wide and len(outliers) * _OUTLIERS > size else kept | outliers

    def text(self, value: str, path: str) -> Any:
        """A long string: by the compressor of its own type, or its beginning with the length of the rest."""
        if _NOISE.match(value):
            self.saved += 2 * max(0, len(value) - self.limits.noise)
            return self._preview(value, self.limits.noise, path)
        if (extract := self.extracts.get(value)) is not None:
            self._losses += [replace(o, path=self._at(path)) for o in extract.omissions]
            return Shown(extract.text) if "\n" in value else extract.text
        own = len(value) >= _OWN_SIZE or value.count("\n") >= _OWN_LINES or value[0] in "{[<"
        if own and value not in self.plain:
            nested = self.context.nested(value, path)
            if nested is not None and len(nested.text) < len(value):
                self._losses += [o if o.path else replace(o, path=self._at(path)) for o in nested.omissions]
                return Shown(nested.text)
            self.plain.add(value)
        if self.limits.string is None or len(value) < self.limits.string * 1.5:
            return value
        return self._preview(value, max(self.limits.string, len(value) // _PREVIEW), path)

    def _preview(self, value: str, size: int, path: str) -> str:
        cut = max(value.rfind("\n", size // 2, size), value.rfind(" ", size // 2, size)) + 1 or size
        pieces, end = [value[:cut]], cut
        lines = value.split("\n") if self.query else []
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line) + 1)
        for i in self.query.best(value, lines, limit=4) if self.query else ():
            if starts[i] > end and len(lines[i]) <= size * 2:
                pieces += [marker.omitted(starts[i] - end, "characters"), lines[i]]
                end = starts[i] + len(lines[i])
        if end < len(value):
            pieces.append(marker.omitted(len(value) - end, "characters"))
        missing = len(value) - sum(map(len, pieces[::2]))
        self._lost("rest of long strings", missing, "characters", (), path)
        return "".join(pieces)

    def _at(self, path: str) -> str:
        return self.root + path[1:] if self.root else path

    def _marker(self, count: int, unit: str, range_: tuple[int, int], path: str) -> str:
        at = self._at(path)
        return marker.place(marker.omitted(count, unit, (range_,)), "" if at == "$" else at)

    def _lost(self, kind: str, count: int, unit: str, ranges: Sequence[tuple[int, int]], path: str) -> None:
        if count:
            at = self._at(path)
            self._losses.append(Omission(kind, count, unit, tuple(ranges), "" if at == "$" else at))


def _is_series(value: list[Any]) -> bool:
    """Whether a list holds measurements or the times of some, not names."""
    texts = [v for v in value if type(v) is str]
    return not texts or (len(texts) == len(value) and all(map(_DATED.match, texts)) and texts == sorted(texts))


def _part(value: Any) -> str:
    """A value on one line, to be searched and measured."""
    return value if type(value) is str and value.isprintable() else inline(value)


def _forms(names: list[str]) -> list[str]:
    """The names with a zero for each run of digits."""
    joined = "\n".join(names)
    if joined.count("\n") == len(names) - 1:
        return _DIGITS.sub("0", joined).split("\n")
    return [_DIGITS.sub("0", name) for name in names]


def _truths(table: Table, most: int | None) -> str:
    """What is true of all rows, column by column, in at most so many characters."""
    said = [text for column in table.columns[0] if (text := summary(column))]
    if most is not None:
        ends = accumulate(len(text) + 2 for text in said)
        said = [text for text, end in zip(said, ends, strict=True) if end <= most]
    return f"[of all {len(table.lines)} rows: {'; '.join(said)}]" if said else f"[{len(table.lines)} rows]"


def _extremes(values: Sequence[Any]) -> set[int]:
    numbers = [(float(v), i) for i, v in enumerate(values) if type(v) is bytes]
    return {min(numbers)[1], max(numbers)[1]} if len(numbers) > 2 else set()


def _gaps(kept: Sequence[int], size: int) -> Iterable[tuple[int, int]]:
    """Runs of kept and of other positions in turn, covering 0 to `size`."""
    at = 0
    for first, last in marker.ranges_of(kept):
        if first > at:
            yield at, first
        yield first, last + 1
        at = last + 1
    if at < size:
        yield at, size
