"""What is true of a whole column: its range, its values with their counts, and the rows that stand out in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from math import fsum, isfinite

from headroom.formats.json.columns import Column
from headroom.formats.json.relations import text_of

_TIME = re.compile(r"\d{4}[-/]\d\d|\d\d?:\d\d")
_STATE = re.compile(
    r"(?:^|[._])(?:status|state|level|severity|code|errors?|result|conclusion|outcome|type|kind)\W?$", re.I
)
_NUMERIC, _FEW, _LISTED, _RARE, _MOST_RARE, _GROUP = 0.9, 40, 12, 0.05, 40, 8


def texts_of(column: Column) -> list[str | None]:
    """The column's scalar values as text, None for all else."""
    return [text_of(v) for v in column.values]


def numbers_of(column: Column) -> list[tuple[float, int]]:
    """The column's numbers with their rows; none where the column holds mostly other things."""
    if column.numbers is None:
        found = [(float(v), i) for i, v in enumerate(column.values) if type(v) is bytes]
        usual = len(found) >= _NUMERIC * len(column.values) and all(isfinite(n) for n, _ in found)
        column.numbers = found if usual else []
    return column.numbers


def is_measurement(column: Column) -> bool:
    """Whether the column holds numbers, times or a few values again and again: nothing that is read one by one."""
    if numbers_of(column):
        return True
    texts = texts_of(column)
    if None in texts and any(type(v) in (dict, list) for v in column.values):
        return False
    distinct = set(texts)
    if len(distinct) <= max(12, len(texts) // 8):
        return True
    return all(t is None or (_TIME.match(t) is not None and len(t) < 40) for t in distinct)


def summary(column: Column) -> str:
    """Range and mean of numbers, counts of few values, the ends of times; nothing for what has no short truth."""
    numbers = numbers_of(column)
    counts = Counter(c for c in column.cells if c)
    if len(counts) < 2:
        return ""
    if len(counts) <= _FEW:
        listed = [f"{value} ({n})" for value, n in sorted(counts.items(), key=lambda item: -item[1])[:_LISTED]]
        more = f" and {len(counts) - _LISTED} other values" if len(counts) > _LISTED else ""
        return f"{column.name} {', '.join(listed)}{more}"
    if numbers:
        low, high = min(numbers), max(numbers)
        mean = fsum(n for n, _ in numbers) / len(numbers)
        cells = column.cells
        return f"{column.name} min {cells[low[1]]} max {cells[high[1]]} mean {mean:.6g}"
    texts = sorted(counts)
    if _are_times(texts):
        return f"{column.name} {texts[0]} to {texts[-1]}"
    return f"{column.name} {len(counts)} values"


def standing_out(column: Column) -> set[int]:
    """Rows that a reader would miss: extremes, a first case of each of few values, rare states, first rows of runs."""
    rows: set[int] = set()
    numbers = numbers_of(column)
    if numbers:
        rows |= {min(numbers)[1], max(numbers)[1]}
    counts = Counter(column.cells)
    if len(counts) > (_LISTED if numbers else max(_FEW, len(column.cells) // _GROUP)) or _are_times(counts):
        return rows
    where: dict[str, list[int]] = {}
    for i, c in enumerate(column.cells):
        where.setdefault(c, []).append(i)
    state = _STATE.search(column.name) is not None
    few = max(1, int(len(column.cells) * _RARE))
    for at in where.values():
        rows.add(at[0])
        if state and len(at) <= few:
            rows |= set(at[:_MOST_RARE])
    return rows


def _are_times(texts: Iterable[str]) -> bool:
    return all(not t or (len(t) < 40 and _TIME.match(t) is not None) for t in texts)
