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
_FEW, _VALUE_WIDTH, _RARE_TOTAL, _RARE_DISTINCT = 3, 40, 20, 8


@dataclass(frozen=True, slots=True)
class Variant:
    """Lines of one shape inside a kind: the message's shape and the indices of the lines."""

    message: str
    indices: Sequence[int]


@dataclass(frozen=True, slots=True)
class Slot:
    """One place whose values differ: what stands before it, the counts of its values, and for numbers their extremes.

    `lowest` and `highest` are (value as written, line index), None where the values are not numbers. `notable` are
    the lines of far outliers and of values that are rare among few.
    """

    label: str
    counts: Counter[str]
    lowest: tuple[str, int] | None = None
    highest: tuple[str, int] | None = None
    notable: tuple[int, ...] = ()


def slots(variants: Sequence[Variant], lines: Sequence[str]) -> Iterator[Slot]:
    """The places that vary, left to right; none when the shapes have different numbers of words."""
    rows = [words(variant.message) for variant in variants]
    if len({len(row) for row in rows}) != 1:
        return
    columns = [_columns(variant, lines) for variant in variants]
    order = list(chain.from_iterable(variant.indices for variant in variants))
    used = [0] * len(rows)
    label = ""
    for place in range(len(rows[0])):
        tokens = [row[place] for row in rows]
        if SLOT_SIGN not in tokens[0] and all(token == tokens[0] for token in tokens):
            label = tokens[0]
            continue
        values: list[str] = []
        for n, (token, variant) in enumerate(zip(tokens, variants, strict=True)):
            holes = token.count(SLOT_SIGN)
            values += _filled(token, columns[n][used[n] : used[n] + holes], len(variant.indices))
            used[n] += holes
        counts = Counter(values)
        if len(counts) > 1:
            unit = _NUMBER.match(tokens[0]) if all(_NUMBER.match(token) for token in tokens) else None
            yield _slot(label, counts, values, order, numeric=unit is not None)
        label = ""


def _columns(variant: Variant, lines: Sequence[str]) -> list[list[str]]:
    """The slot values of a shape's messages, one list a slot: equal shapes have equally many, so strides are columns."""
    holes = variant.message.count(SLOT_SIGN)
    found = SLOT.findall("\n".join([lines[i] for i in variant.indices]))
    width, rest = divmod(len(found), len(variant.indices))
    if rest or width < holes:
        raise ValueError("lines of one shape differ in their slots")
    return [found[width - holes + j :: width] for j in range(holes)]


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


def _slot(label: str, counts: Counter[str], values: list[str], order: list[int], *, numeric: bool) -> Slot:
    label = label.strip("-:#") if _LABEL.match(label) else ""
    numbers = _numbers(counts) if numeric else None
    notable = _rare(counts, values, order)
    if numbers is None:
        return Slot(label, counts, notable=notable)
    low, high = (pick(numbers, key=lambda word: numbers[word]) for pick in (min, max))
    lowest, highest = (low, order[values.index(low)]), (high, order[values.index(high)])
    far = tuple(where[1] for where in _far_out(numbers, counts, lowest, highest))
    return Slot(label, counts, lowest, highest, tuple(dict.fromkeys((*far, *notable))))


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
    if len(slot.counts) <= _FEW:
        return name + ", ".join(f"{_short(value)} ×{count}" for value, count in slot.counts.most_common())
    if slot.lowest and slot.highest:
        return f"{name}{slot.lowest[0]}–{slot.highest[0]}{f' at {when}' if when else ''}"
    if len(slot.counts) == total:
        return ""
    often = ", ".join(f"{_short(value)} ×{count}" for value, count in slot.counts.most_common(2) if count >= 3)
    return f"{name}{len(slot.counts)} values" + (f" ({often} …)" if often else "")


def _short(value: str) -> str:
    return value if len(value) <= _VALUE_WIDTH else value[:_VALUE_WIDTH] + "…"
