"""Columns of cells, made smaller without losing a cell: usual values, repeats, counters, copies, lookups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, compress, islice, pairwise
from operator import eq, ne, not_

from headroom.formats.table.layout import Cells, Column, letters, most_frequent, spread

EMPTY = '""'
_SHARE, _SHARE_LONG, _LONG_CELL = 0.5, 0.3, 8
_EVERY, _MAX_DIGITS = 10, 9
_PROBE = 48
_MAX_LOOKUP = 200
_USUAL, _MUCH_SHORTER = 0.9, 0.7


@dataclass(slots=True)
class Coding:
    """What a blank cell means, column by column, and which columns follow from another one.

    `usual`: name → the value a blank stands for. `above`: a blank repeats the row above. `counts`: a blank is one more
    than the row above. `same`: a blank is the cell of another column. `lookups`: key name → (names that follow from it,
    key cell → their cells).
    """

    usual: dict[str, str] = field(default_factory=dict)
    above: list[str] = field(default_factory=list)
    counts: list[str] = field(default_factory=list)
    same: dict[str, str] = field(default_factory=dict)
    lookups: dict[str, tuple[tuple[str, ...], dict[str, Cells]]] = field(default_factory=dict)


def weight(cell: str) -> int:
    """Roughly the tokens of a cell; comparisons only."""
    return 1 + len(cell) // 4


def code(
    names: Sequence[str], columns: list[Column], stateless: bool = False, counter: str = ""
) -> tuple[Coding, list[str], list[Column]]:
    """The coding that pays for each column, the names that still have cells, and those cells.

    `counter` names a column whose numbers may be left to count up. `stateless` leaves out what needs the row above, for
    tables that lose rows.
    """
    coding = Coding()
    kept = dict(zip(names, columns, strict=True))
    if not columns or len(columns[0]) < 3:
        return coding, list(kept), list(kept.values())
    _find_lookups(coding, kept)
    out: dict[str, Column] = {}
    for name, column in kept.items():
        short = None if name in coding.lookups else _letters(column)
        if short is not None and f"{name}#" not in kept:
            coding.lookups[f"{name}#"] = (name,), {letter: (cell,) for letter, cell in zip(short, column, strict=True)}
            out[f"{name}#"] = short
        else:
            out[name] = _same_cells(name, kept, coding) or _coded(name, column, coding, stateless, name == counter)
    return coding, list(out), list(out.values())


def _letters(column: Column) -> Column | None:
    """A column of few long values as letters, where telling each value once is much shorter than anything else."""
    probe = column[: 4 * _PROBE]
    if sum(map(len, probe)) < _LONG_CELL * len(probe) or len(set(probe)) * 3 > len(probe):
        return None
    counts = Counter(column)
    changes = sum(map(ne, column, islice(column, 1, None)))
    usual, uses = counts.most_common(1)[0]
    total = sum(weight(cell) * n for cell, n in counts.items())
    otherwise = min(total - weight(usual) * uses, total * (changes + 1) // len(column) + len(column) // 8)
    legend = sum(weight(cell) + 4 for cell in counts)
    if 2 * len(counts) > _MAX_LOOKUP or len(column) + legend > otherwise * _MUCH_SHORTER:
        return None
    known = {cell: letters(i) for i, (cell, _) in enumerate(counts.most_common())}
    return tuple([known[cell] for cell in column])


def _same_cells(name: str, columns: dict[str, Column], coding: Coding) -> Column | None:
    """The column with blanks where it repeats an earlier column of long cells, if that is often."""
    column = columns[name]
    probe = column[: 4 * _PROBE]
    if sum(map(len, probe)) < 12 * len(probe) or EMPTY in column:
        return None
    for other, cells in columns.items():
        if other == name:
            return None
        if other in coding.same or f"{other}#" in coding.lookups:
            continue
        if sum([a == b != "" for a, b in zip(cells, probe, strict=False)]) * 4 >= len(probe):
            coding.same[name] = other
            return tuple(["" if a == b else b or EMPTY for a, b in zip(cells, column, strict=True)])
    return None


def _coded(name: str, column: Column, coding: Coding, stateless: bool, counter: bool) -> Column:
    rows = len(column)
    if EMPTY in column:
        return column
    above = b"" if stateless else bytes(map(eq, column, chain(("",), column)))
    repeated = above.count(1) - sum(map(not_, compress(column, above)))
    if counter and not stateless and (counted := _counter(column)).count("") > rows * _SHARE:
        coding.counts.append(name)
        return counted
    if repeated < rows * _SHARE_LONG and not _has_usual(column):
        return column
    value, uses = most_frequent(column)
    if uses >= rows * _SHARE and uses >= repeated * 0.7:
        if value:
            coding.usual[name] = value
            return tuple(["" if c == value else c or EMPTY for c in column])
        return column
    if repeated >= rows * (_SHARE if len(value) < _LONG_CELL else _SHARE_LONG):
        coding.above.append(name)
        return tuple(["" if same and c else c or EMPTY for c, same in zip(column, above, strict=True)])
    return column


def _has_usual(column: Column) -> bool:
    """Whether some value may fill half of the column: it is then frequent among its first or its spread cells."""
    if len(column) < 4 * _PROBE:
        return True
    probes = column[:_PROBE], column[:: spread(len(column), 2 * _PROBE).step]
    return any(most_frequent(probe)[1] > len(probe) * _SHARE_LONG for probe in probes)


def _next(cell: str) -> str:
    """The number after the one in the cell, or "" where there is none."""
    return str(int(cell) + 1) if cell.isascii() and cell.isdigit() and len(cell) <= _MAX_DIGITS else ""


def _counter(column: Column) -> Column:
    """The column with blanks where it counts up, but for every tenth cell."""
    out = [column[0]]
    for i, (before, cell) in enumerate(pairwise(column), 1):
        out.append("" if i % _EVERY and cell == _next(before) else cell or EMPTY)
    return tuple(out)


def _find_lookups(coding: Coding, kept: dict[str, Column]) -> None:
    """Columns whose cell follows from another column's cell are told once per value of that column."""
    rows = len(next(iter(kept.values())))
    few: dict[str, int] = {}
    for name, column in kept.items():
        probe = column[: 4 * _PROBE]
        if len(set(probe)) * 3 <= len(probe) * 2 and 1 < (distinct := len(set(column))) <= min(rows // 4, _MAX_LOOKUP):
            few[name] = distinct
    told = {name: counts for name in few if (counts := Counter(kept[name])).most_common(1)[0][1] < rows * _USUAL}
    gone: set[str] = set()
    for key in sorted(few, key=lambda n: -few[n]):
        if key in gone:
            continue
        follow = tuple(
            n
            for n, counts in told.items()
            if n != key
            and n not in gone
            and n not in coding.lookups
            and few[n] <= few[key]
            and _lookup_gain(counts, rows, few[key]) > 0
            and _follows(kept[key], kept[n], few[key])
        )
        if follow:
            table = dict(zip(kept[key], zip(*[kept[n] for n in follow], strict=True), strict=True))
            coding.lookups[key] = follow, table
            gone.update(follow)
    for name in gone:
        del kept[name]


def _follows(key: Column, column: Column, distinct: int) -> bool:
    probe = key[:_PROBE]
    if len({*zip(probe, column[:_PROBE], strict=True)}) != len({*probe}):
        return False
    return len({*zip(key, column, strict=True)}) == distinct


def _lookup_gain(counts: Counter[str], rows: int, distinct: int) -> int:
    """Tokens won: the cells that differ from the usual one, less the entries of the lookup."""
    total = sum(weight(cell) * n for cell, n in counts.items())
    usual, uses = counts.most_common(1)[0]
    left = total - weight(usual) * uses if uses >= rows * _SHARE else total
    return left - 3 * distinct - distinct * total // rows - total // 4


def restore(coding: Coding, names: Sequence[str], rows: list[list[str]]) -> dict[str, list[str]]:
    """Name → cells, for what `code` wrote."""
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    blanks = (*coding.usual, *coding.above, *coding.counts)
    for name, value in coding.usual.items():
        columns[name] = [c or value for c in columns[name]]
    for name in (*coding.above, *coding.counts):
        last, step, out = "", int(name in coding.counts), []
        for cell in columns[name]:
            last = cell or (_next(last) if step else last)
            out.append(last)
        columns[name] = out
    for name, other in coding.same.items():
        columns[name] = [b or a for a, b in zip(columns[other], columns[name], strict=True)]
    for name in (*blanks, *coding.same):
        columns[name] = ["" if c == EMPTY else c for c in columns[name]]
    for key, (follow, table) in coding.lookups.items():
        cells = [table[c] for c in columns[key]]
        for i, name in enumerate(follow):
            columns[name] = [c[i] for c in cells]
    return columns
