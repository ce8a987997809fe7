"""What varies between the lines of one kind: ranges of numbers, few values with their counts, how many others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from headroom.text.templates import SLOT, SLOT_SIGN, words

_NUMBER = re.compile(r"[^\w-]*0([A-Za-z%µ]{0,6})[.:;!?]*$")
_LABEL = re.compile(r"[A-Za-z_][\w.\-/]*[:#]?$")
_UNIT = re.compile(r"(?:bytes?|[KMGT]i?B|[mnuµ]?s|secs?|seconds?|min(?:utes?|s)?|h(?:ours?)?|days?|times?|lines?|%)[.:]?$")
_FEW, _VALUE_WIDTH, _RARE_TOTAL, _RARE_DISTINCT, _CUT_FROM = 3, 40, 20, 8, 3


@dataclass(frozen=True, slots=True)
class Variant:
    """Lines of one shape inside a kind: the message's shape and the indices of the lines, grouped by digit layout."""

    message: str
    layouts: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Slot:
    """One place whose values differ: the words before it and a unit after it, the counts of its values, and for numbers their extremes.

    `lowest` and `highest` are (value as written, line index), None where the values are not numbers. `notable` are
    the lines of far outliers and of values that are rare among few.
    """

    label: str
    unit: str
    counts: Counter[str]
    lowest: tuple[str, int] | None = None
    highest: tuple[str, int] | None = None
    notable: tuple[int, ...] = ()


def slots(variants: Sequence[Variant], lines: Sequence[str]) -> Iterator[Slot]:
    """The places that vary, left to right; none when the shapes have different numbers of words."""
    rows = [words(variant.message) for variant in variants]
    if len({len(row) for row in rows}) != 1:
        return
    order: list[int] = []
    columns = [_columns(variant, lines, order) for variant in variants]
    sizes = [sum(map(len, variant.layouts)) for variant in variants]
    used = [0] * len(rows)
    label = ""
    for place in range(len(rows[0])):
        tokens = [row[place] for row in rows]
        if SLOT_SIGN not in tokens[0] and all(token == tokens[0] for token in tokens):
            label = tokens[0]
            continue
        values: list[str] = []
        for n, token in enumerate(tokens):
            holes = token.count(SLOT_SIGN)
            values += _filled(token, columns[n][used[n] : used[n] + holes], sizes[n])
            used[n] += holes
        counts = Counter(values)
        if len(counts) > 1:
            numeric = all(_NUMBER.match(token) for token in tokens)
            after = rows[0][place + 1] if place + 1 < len(rows[0]) else ""
            yield _slot(label, after if numeric and _UNIT.match(after) else "", counts, values, order, numeric=numeric)
        label = ""


def _columns(variant: Variant, lines: Sequence[str], order: list[int]) -> list[list[str]]:
    """The values of each slot of a shape's messages; appends to `order` the indices of the lines they are from.

    Where many lines have one digit layout the slots are cut out by position. The others are scanned together: equal
    shapes have equally many slots, so that strides are columns.
    """
    holes = variant.message.count(SLOT_SIGN)
    columns: list[list[str]] = [[] for _ in range(holes)]
    rest: list[int] = []
    for layout in variant.layouts:
        if len(layout) < _CUT_FROM or not holes:
            rest += layout
            continue
        order += layout
        same = [lines[i] for i in layout]
        for column, (a, b) in zip(columns, [found.span() for found in SLOT.finditer(same[0])][-holes:], strict=True):
            column += [line[a:b] for line in same]
    order += rest
    if rest and holes:
        # slots hold no blank, so the message begins after equally many blanks in all lines of a shape
        blanks = lines[rest[0]].count(" ") - variant.message.count(" ")
        found = SLOT.findall("\n".join([lines[i].split(" ", blanks)[-1] for i in rest]))
        width, odd = divmod(len(found), len(rest))
        if odd or width < holes:
            raise ValueError("lines of one shape differ in their slots")
        for j, column in enumerate(columns):
            column += found[width - holes + j :: width]
    return columns


def _filled(token: str, columns: list[list[str]], count: int) -> list[str]:
    if not columns:
        return [token] * count
    if token == SLOT_SIGN:
        return columns[0]
    parts = token.split(SLOT_SIGN)
    if len(columns) == 1:
        before, after = parts
        return [before + value + after for value in columns[0]]
    return [
        "".join(chain.from_iterable(zip(parts, (*row, ""), strict=True))) for row in zip(*columns, strict=True)
    ]


def _slot(label: str, unit: str, counts: Counter[str], values: list[str], order: list[int], *, numeric: bool) -> Slot:
    label = label.strip("-:#") if _LABEL.match(label) else ""
    numbers = _numbers(counts) if numeric else None
    notable = _rare(counts, values, order)
    if numbers is None:
        return Slot(label, unit, counts, notable=notable)
    low, high = (pick(numbers, key=lambda word: numbers[word]) for pick in (min, max))
    lowest, highest = (low, order[values.index(low)]), (high, order[values.index(high)])
    far = tuple(where[1] for where in _far_out(numbers, counts, lowest, highest))
    return Slot(label, unit, counts, lowest, highest, tuple(dict.fromkeys((*far, *notable))))


def _numbers(counts: Counter[str]) -> dict[str, float] | None:
    found: dict[str, float] = {}
    for word in counts:
        number = SLOT.search(word)
        try:
            found[word] = float(number.group()) if number else 0.0
        except ValueError:
            return None
    return found


def _rare(counts: Counter[str], values: list[str], order: list[int]) -> tuple[int, ...]:
    """The first line of each value that hardly occurs where few values do."""
    if len(counts) > _RARE_DISTINCT or len(values) < _RARE_TOTAL:
        return ()
    most = max(1, len(values) // 100)
    return tuple(order[values.index(value)] for value, count in counts.items() if count <= most)


def _far_out(
    numbers: dict[str, float], counts: Counter[str], lowest: tuple[str, int], highest: tuple[str, int]
) -> Iterator[tuple[str, int]]:
    """The extremes that lie more than three quartile distances outside the middle half."""
    if sum(counts.values()) < _RARE_TOTAL:
        return
    spread = sorted(chain.from_iterable([number] * counts[word] for word, number in numbers.items()))
    q1, q3 = spread[len(spread) // 4], spread[len(spread) * 3 // 4]
    reach = 3 * (q3 - q1)
    if reach and numbers[highest[0]] > q3 + reach:
        yield highest
    if reach and numbers[lowest[0]] < q1 - reach:
        yield lowest


def describe(slot: Slot, total: int, when: str = "") -> str:
    """A slot in few words: `len 176–23370 at 00:04:58`, `state 6 ×300, 7 ×40`, `user 23 values (root ×80 …)`.

    Empty when every line has its own value and it is no number: the exemplar shows one, the count says the rest.
    """
    name = f"{slot.label} " if slot.label else ""
    unit = f" {slot.unit}" if slot.unit else ""
    if len(slot.counts) <= _FEW:
        return name + ", ".join(f"{_short(value)} ×{count}" for value, count in slot.counts.most_common()) + unit
    if slot.lowest and slot.highest:
        return f"{name}{slot.lowest[0]}–{slot.highest[0]}{unit}{f' at {when}' if when else ''}"
    if len(slot.counts) == total:
        return ""
    often = ", ".join(f"{_short(value)} ×{count}" for value, count in slot.counts.most_common(2) if count >= 3)
    return f"{name}{len(slot.counts)} values" + (f" ({often} …)" if often else "")


def _short(value: str) -> str:
    return value if len(value) <= _VALUE_WIDTH else value[:_VALUE_WIDTH] + "…"
