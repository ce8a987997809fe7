"""Long runs of measurements: exact statistics of every column, and the rows that say most.

A table is a series when its cells are numbers, dates or one of few words: a row is then a sample of a curve, and the
curve is known from its statistics, its extremes, its jumps and evenly spaced points. Rows with names and texts are not.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from heapq import nlargest
from itertools import islice
from operator import sub

from headroom.formats.table.layout import spread

_NUMERIC = re.compile(r"\s*[-+]?[\d.,]*\d[\d.,]*(?:[eE][-+]?\d+)?\s*%?\s*")
_DATE = re.compile(r"[\d\-/:.TZ+ ]{4,40}")
_FEW = 40
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What is true of a whole column: its kind, its least and greatest cell, its mean, or its values with counts."""

    name: str
    kind: str  # "number", "date", "category", "text"
    text: str
    numbers: Sequence[float] = ()


def facts(name: str, column: Sequence[str]) -> ColumnFacts:
    """The facts of one column; a number is told as it is written."""
    filled = [cell for cell in column if cell and not cell.isspace()]
    blank = f", {len(column) - len(filled)} blank" if len(filled) < len(column) else ""
    numbers = _numbers(filled)
    if numbers:
        low, high = (filled[numbers.index(end)] for end in (min(numbers), max(numbers)))
        told = f"{low} to {high}, mean {_mean(filled)}{blank}"
        return ColumnFacts(name, "number", f"{name} {told}", numbers if len(filled) == len(column) else ())
    counts = Counter(filled)
    if len(counts) <= _FEW:
        shown = ", ".join(f"{value} {n}×" for value, n in counts.most_common(_SHOWN))
        more = f" and {len(counts) - _SHOWN} other values" if len(counts) > _SHOWN else ""
        return ColumnFacts(name, "category", f"{name} {shown}{more}{blank}")
    sample = [filled[i] for i in spread(len(filled), 60)]
    if all(_DATE.fullmatch(cell) for cell in sample):
        return ColumnFacts(name, "date", f"{name} {min(filled)} to {max(filled)}, {len(counts)} distinct{blank}")
    return ColumnFacts(name, "text", f"{name} {len(counts)} distinct{blank}")


def _numbers(cells: Sequence[str]) -> Sequence[float]:
    """The cells as numbers, eight bytes each; none where one is no number."""
    try:
        return array("d", map(float, cells))
    except ValueError:
        return ()


def _mean(cells: Sequence[str]) -> str:
    """The mean, rounded to one decimal more than the cells have."""
    try:
        total = sum(map(Decimal, cells), Decimal(0)) / len(cells)
        places = max((len(cell.partition(".")[2]) for cell in cells[:100]), default=0)
        return str(round(total, places + 1))
    except (InvalidOperation, ValueError):
        return "?"


def is_series(columns: Sequence[ColumnFacts]) -> bool:
    """Whether no column holds free text and at least half of them are numbers."""
    kinds = [c.kind for c in columns]
    return "text" not in kinds and kinds.count("number") * 2 >= len(kinds)


def telling_rows(columns: Sequence[ColumnFacts], cells: Sequence[Sequence[str]], count: int) -> set[int]:
    """Rows of extremes, jumps and first uses of a value, the first and last ones, and evenly spaced others."""
    rows = len(cells[0])
    keep = {*range(min(3, rows)), *range(max(0, rows - 3), rows)}
    numeric = [c.numbers for c in columns if c.kind == "number" and c.numbers]
    for numbers in numeric:
        keep |= {numbers.index(min(numbers)), numbers.index(max(numbers))}
    for facts_, column in zip(columns, cells, strict=True):
        if facts_.kind == "category":
            keep |= _first_uses(column, _FEW)
    jumps = max(2, count // (4 * max(1, len(numeric))))
    for numbers in numeric:
        keep |= _jumps(numbers, jumps)
    left = max(0, count - len(keep))
    keep.update(spread(rows, left) if left else ())
    return keep


def _first_uses(column: Sequence[str], most: int) -> set[int]:
    first: dict[str, int] = {}
    for i, cell in enumerate(column):
        if cell not in first:
            first[cell] = i
            if len(first) >= most:
                break
    return set(first.values())


def _jumps(numbers: Sequence[float], most: int) -> set[int]:
    """The rows after the largest steps from one row to the next, the first ones of equal steps."""
    steps = array("d", map(abs, map(sub, islice(numbers, 1, None), numbers)))
    least = min(nlargest(most, steps), default=0.0)
    larger = {i for i, step in enumerate(steps, 1) if step > least}
    if least > 0:
        larger.update(islice((i for i, step in enumerate(steps, 1) if step == least), most - len(larger)))
    return larger
