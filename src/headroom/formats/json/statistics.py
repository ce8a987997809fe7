"""What is true of a whole column: its range, its values with their counts, and the rows that stand out in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from math import fsum, isfinite
from typing import Any

from headroom.formats.json.columns import Column, Numbers
from headroom.formats.json.relations import text_of

_NESTING = frozenset((dict, list))
_TIME = re.compile(r"\d{4}[-/]\d\d|\d\d?:\d\d")
_STATE = re.compile(
    r"(?:^|[._])(?:status|state|level|severity|code|errors?|result|conclusion|outcome|type|kind)\W?$", re.I
)
_NUMERIC, _FEW, _LISTED, _RARE, _MOST_RARE, _GROUP = 0.9, 40, 12, 0.05, 40, 8


def numbers_of(column: Column) -> Numbers | tuple[()]:
    """What the column's numbers are between; nothing where it holds mostly other things."""
    if column.numbers is None:
        found = [v for v in column.values if type(v) is bytes] if bytes in column.kinds else []
        values = list(map(float, found)) if len(found) >= _NUMERIC * len(column.values) else []
        column.numbers = _numbers(values, column.values) if values and all(map(isfinite, values)) else ()
    return column.numbers


def _numbers(numbers: list[float], values: list[Any]) -> Numbers:
    """Where among the values the first least and the last greatest of these numbers are, and their mean."""
    low, high = numbers.index(min(numbers)), len(numbers) - 1 - numbers[::-1].index(max(numbers))
    mean = fsum(numbers) / len(numbers)
    if len(numbers) == len(values):
        return Numbers(low, high, mean)
    rows = [i for i, v in enumerate(values) if type(v) is bytes]
    return Numbers(rows[low], rows[high], mean)


def is_measurement(column: Column) -> bool:
    """Whether the column holds numbers, times or a few values again and again: nothing that is read one by one."""
    if numbers_of(column):
        return True
    if not column.kinds.isdisjoint(_NESTING):
        return False
    distinct = set(column.values if column.kinds == {str} else map(text_of, column.values))
    if len(distinct) <= max(12, len(column.values) // 8):
        return True
    return all(t is None or (_TIME.match(t) is not None and len(t) < 40) for t in distinct)


def summary(column: Column) -> str:
    """Range and mean of numbers, counts of few values, the ends of times; nothing for what has no short truth."""
    numbers, cells = numbers_of(column), column.cells
    counts = Counter(cells)
    counts.pop("", None)
    if len(counts) < 2:
        return ""
    if len(counts) <= _FEW:
        listed = [f"{value} ({n})" for value, n in sorted(counts.items(), key=lambda item: -item[1])[:_LISTED]]
        more = f" and {len(counts) - _LISTED} other values" if len(counts) > _LISTED else ""
        return f"{column.name} {', '.join(listed)}{more}"
    if isinstance(numbers, Numbers):
        low, high, mean = numbers
        return f"{column.name} min {cells[low]} max {cells[high]} mean {mean:.6g}"
    texts = sorted(counts)
    if _are_times(texts):
        return f"{column.name} {texts[0]} to {texts[-1]}"
    return f"{column.name} {len(counts)} values"


def standing_out(column: Column) -> set[int]:
    """Rows that a reader would miss: extremes, a first case of each of few values, rare states, first rows of runs."""
    numbers, cells = numbers_of(column), column.cells
    rows = {numbers.low, numbers.high} if isinstance(numbers, Numbers) else set()
    counts = Counter(cells)
    if len(counts) > (_LISTED if numbers else max(_FEW, len(cells) // _GROUP)) or _are_times(counts):
        return rows
    where: dict[str, list[int]] = {}
    for i, c in enumerate(cells):
        where.setdefault(c, []).append(i)
    state = _STATE.search(column.name) is not None
    few = max(1, int(len(cells) * _RARE))
    for at in where.values():
        rows.add(at[0])
        if state and len(at) <= few:
            rows |= set(at[:_MOST_RARE])
    return rows


def _are_times(texts: Iterable[str]) -> bool:
    return all(not t or (len(t) < 40 and _TIME.match(t) is not None) for t in texts)
