"""What varies between the lines of one kind: ranges of numbers, few values with their counts, how many others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from headroom.formats.log.templates import AT_ONCE, LONGEST, SLOT, SLOT_SIGN, parts, shape_of, word_spans, words

_NUMBER = re.compile(r"[^\w-]*0([A-Za-z%µ]{0,6})[.:;!?]*$")
_LABEL = re.compile(r"[A-Za-z_][\w.\-/]*[:#]?$")
_UNIT = re.compile(
    r"(?:bytes?|[KMGT]i?B|[mnuµ]?s|secs?|seconds?|min(?:utes?|s)?|h(?:ours?)?|days?|times?|lines?|%)[.:]?$"
)
_EXTREME = re.compile(
    r"\b(?:larg|small|great|high|low|long|short|slow|fast|big|quick)est\b"
    r"|\b(?:max|min)(?:imum|imal)?\b|\b(?:most|least|peak|outlier)\b",
    re.IGNORECASE,
)
_FEW, _VALUE_WIDTH, _RARE_TOTAL, _RARE_DISTINCT, _FEWEST_CUT, _FEW_FIRST, _PROBE = 3, 60, 12, 8, 3, 12, 1_000


@dataclass(frozen=True, slots=True)
class Variant:
    """Lines of one shape inside a kind: the message's shape and the indices of the lines, grouped by digit layout."""

    message: str
    layouts: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Slot:
    """One place whose values differ: the word before it, a unit after it, its values' counts (none for many numbers).

    `lowest` and `highest` are (value as written, line index), None where the values are not numbers. `notable` are
    the lines of far outliers and of values that are rare among few. `first` is the first line of each of at most a
    dozen values that are not numbers.
    """

    label: str
    unit: str
    counts: Counter[str]
    lowest: tuple[str, int] | None = None
    highest: tuple[str, int] | None = None
    notable: tuple[int, ...] = ()
    first: dict[str, int] = field(default_factory=dict)


def slots(variants: Sequence[Variant], lines: Sequence[str]) -> Iterator[Slot]:
    """The places that vary, left to right; none when the shapes have different numbers of words."""
    rows = [words(variant.message) for variant in variants]
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        return
    tokens = [list(dict.fromkeys(column)) for column in zip(*rows, strict=True)]
    varying = [place for place in range(width) if len(tokens[place]) > 1 or SLOT_SIGN in tokens[place][0]]
    columns, order = _columns(variants, lines, varying, width)
    for place in varying:
        values = columns[place]
        if values.count(values[0]) == len(values):
            continue
        before = tokens[place - 1] if place else [""]
        named = len(before) == 1 and SLOT_SIGN not in before[0] and _LABEL.match(before[0])
        label = before[0].strip("-:#") if named else ""
        if all(_NUMBER.match(token) for token in tokens[place]):
            after = tokens[place + 1] if place + 1 < width else [""]
            yield number_slot(label, after[0].strip(".:,") if _UNIT.match(after[0]) else "", values, order)
        else:
            yield _word_slot(label, values, order)


def host_slot(variants: Sequence[Variant], lines: Sequence[str], blanks_before_message: int) -> Iterator[Slot]:
    """The word so many blanks before the message, where it varies."""
    counts: Counter[str] = Counter()
    for variant in variants:
        first = lines[variant.layouts[0][0]]
        blanks = max(0, first.count(" ") - variant.message.count(" "))
        for i in chain.from_iterable(variant.layouts):
            header = lines[i].split(" ", blanks)
            if len(header) > blanks_before_message:
                counts[header[-1 - blanks_before_message]] += 1
    if len(counts) > 1:
        yield Slot("host", "", counts)


def _columns(
    variants: Sequence[Variant], lines: Sequence[str], places: Sequence[int], width: int
) -> tuple[dict[int, list[str]], list[int]]:
    """The words at the given places of the messages, one list a place, and the indices of the lines they are from."""
    columns: dict[int, list[str]] = {place: [] for place in places}
    order: list[int] = []
    for variant in variants:
        # slots hold no blank, so the message begins after equally many blanks in all lines of a shape
        first = lines[variant.layouts[0][0]]
        blanks = max(0, first.count(" ") - variant.message.count(" "))
        own = list(chain.from_iterable(variant.layouts))
        order += own
        if len(own) >= _FEWEST_CUT * len(variant.layouts):
            _cut_by_position(variant, lines, blanks, width, columns)
        elif len(own) >= _FEWEST_CUT:
            for at in range(0, len(own), AT_ONCE):
                some = [lines[i][:LONGEST] for i in own[at : at + AT_ONCE]]
                _cut_between_blanks(some, blanks, width, columns)
        else:
            for i in own:
                row = words(lines[i].split(" ", blanks)[-1])[-width:]
                for place, column in columns.items():
                    column.append(row[place])
    return columns, order


def _cut_by_position(
    variant: Variant, lines: Sequence[str], blanks: int, width: int, columns: Mapping[int, list[str]]
) -> None:
    """Adds the words of a variant in which many lines have one digit layout: they stand where the first's do."""
    for layout in variant.layouts:
        same = [lines[i] for i in layout]
        start = len(same[0]) - len(same[0].split(" ", blanks)[-1])
        spans = word_spans(same[0], start)[-width:]
        for place, column in columns.items():
            a, b = spans[place]
            column += [line[a:b] for line in same]


def _cut_between_blanks(lines: Sequence[str], blanks: int, width: int, columns: Mapping[int, list[str]]) -> None:
    """Adds the words of lines of one shape, whatever their digit layouts.

    All lines have equally many blanks, and between two blanks the same text around each slot.
    """
    pieces = shape_of(lines[0]).split(" ")
    cells = " ".join(lines).split(" ")
    place = width
    for n in reversed(range(blanks, len(pieces))):
        around = parts(pieces[n])
        held = around[1::2]
        place -= len(held)
        if any(place + k in columns for k in range(len(held))):
            column = cells[n :: len(pieces)]
            for k, found in enumerate(_words_of(column, around, held)):
                if place + k in columns:
                    columns[place + k] += found


def _words_of(column: list[str], around: Sequence[str], held: Sequence[str]) -> Iterator[list[str]]:
    """The words of texts with no blank that have one shape, a list for each of its words (`held`)."""
    slotted = [k for k, word in enumerate(held) if SLOT_SIGN in word]
    if len(slotted) > 1:
        found = words("\n".join(column))
        yield from (found[k :: len(held)] for k in range(len(held)))
        return
    for k, word in enumerate(held):
        if k in slotted:
            start, end = len("".join(around[: 2 * k + 1])), -len("".join(around[2 * k + 2 :])) or None
            yield [text[start:end] for text in column]
        else:
            yield [word] * len(column)


def _word_slot(label: str, values: list[str], order: Sequence[int]) -> Slot:
    counts = Counter(values)
    few = len(counts) <= _FEW_FIRST
    first = {value: order[values.index(value)] for value in counts} if few else {}
    return Slot(label, "", counts, notable=_rare(counts, values, order), first=first)


def number_slot(label: str, unit: str, values: list[str], order: Sequence[int]) -> Slot:
    """A slot from the values of the lines `order`; with extremes where all values are numbers."""
    numbers = _numbers(values)
    if numbers is None:
        return _word_slot(label, values, order)
    low, high = numbers.index(min(numbers)), numbers.index(max(numbers))
    # values are counted only where they are few: a counter of a million numbers is memory for nothing
    counts = Counter(values) if len(set(values[:_PROBE])) <= _FEW_FIRST else Counter[str]()
    notable = dict.fromkeys(order[n] for n in _far_out(numbers, low, high))
    notable.update(dict.fromkeys(_rare(counts, values, order)))
    return Slot(label, unit, counts, (values[low], order[low]), (values[high], order[high]), tuple(notable))


def _numbers(values: Sequence[str]) -> list[float] | None:
    """Each value as a number, None when one is not: an address, a version, an id in hexadecimal."""
    try:
        return list(map(float, values))
    except ValueError:
        pass
    found = SLOT.findall("\n".join(values))
    try:
        return list(map(float, found)) if len(found) == len(values) else None
    except ValueError:
        return None


def _rare(counts: Counter[str], values: list[str], order: Sequence[int]) -> tuple[int, ...]:
    """The first line of each value that hardly occurs where few values do."""
    if not 1 < len(counts) <= _RARE_DISTINCT or len(values) < _RARE_TOTAL:
        return ()
    most = max(1, len(values) // 100)
    return tuple(order[values.index(value)] for value, count in counts.items() if count <= most)


def _far_out(numbers: list[float], low: int, high: int) -> Iterator[int]:
    """The positions of the extremes that lie more than three quartile distances outside the middle half."""
    if len(numbers) < _RARE_TOTAL:
        return
    spread = sorted(numbers)
    q1, q3 = spread[len(spread) // 4], spread[len(spread) * 3 // 4]
    reach = 3 * (q3 - q1)
    if reach and spread[-1] > q3 + reach:
        yield high
    if reach and spread[0] < q1 - reach:
        yield low


def describe(slot: Slot, when: str = "") -> str:
    """A slot in few words: `len 176–23370 at 00:04:58`, `state 6 ×300, 7 ×40`, `user 23 values (root ×80 …)`.

    Empty when every line has its own value and it is no number: the exemplar shows one, the count says the rest.
    """
    name = f"{slot.label} " if slot.label else ""
    unit = f" {slot.unit}" if slot.unit else ""
    if 0 < len(slot.counts) <= _FEW:
        return name + ", ".join(f"{_short(v)}{f' ×{n}' if n > 1 else ''}" for v, n in slot.counts.most_common()) + unit
    if slot.lowest and slot.highest:
        low, high = slot.lowest[0].rstrip(":;,"), slot.highest[0].rstrip(":;,")
        return f"{name}{low}–{high}{unit}{f' at {when}' if when else ''}"
    total = sum(slot.counts.values())
    if len(slot.counts) == total:
        return ""
    telling = len(slot.counts) <= _FEW_FIRST or slot.counts.most_common(1)[0][1] * 10 >= total
    often = [(v, n) for v, n in slot.counts.most_common(_FEW) if telling and len(v) <= _VALUE_WIDTH and n > 1]
    examples = ", ".join(f"{value} ×{count}" for value, count in often)
    return f"{name}{len(slot.counts)} values" + (f" ({examples} …)" if examples else "")


def _short(value: str) -> str:
    return value if len(value) <= _VALUE_WIDTH else value[:_VALUE_WIDTH] + "…"


def asks_for_extremes(question: str) -> bool:
    """Whether a question is about the largest or smallest of something."""
    return _EXTREME.search(question) is not None
