"""Columns of cells, made smaller without losing a cell: constants, copies, usual values, repeats, counters, lookups."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from headroom.text.layout import WIDEST, Cells, Layout, Slot, clean_names, spread

Column = tuple[str, ...]

EMPTY = '""'
_WORD = re.compile(r"(\w+)")
_SHARE = 0.5
_EVERY = 10
_PROBE = 48
_MAX_LOOKUP = 60
_MIN_ENDING = 12


@dataclass(slots=True)
class Coding:
    """What a blank cell means, column by column, and which columns follow from another one.

    `usual`: name → the value a blank stands for. `above`: a blank repeats the row above. `counts`: a blank is one more
    than the row above. `lookups`: key name → (names that follow from it, key cell → their cells).
    """

    usual: dict[str, str] = field(default_factory=dict)
    above: list[str] = field(default_factory=list)
    counts: list[str] = field(default_factory=list)
    lookups: dict[str, tuple[tuple[str, ...], dict[str, Cells]]] = field(default_factory=dict)


def weight(cell: str) -> int:
    """Roughly the tokens of a cell; comparisons only."""
    return 1 + len(cell) // 4


def simplify(layout: Layout, rows: Sequence[Cells]) -> tuple[Layout, list[Column]]:
    """The same rows with constant cells in the layout's text and equal columns under one name."""
    columns = list(zip(*rows, strict=True))
    layout, columns = _split_endings(*_split_cells(layout, columns))
    return _drop_constants(*_merge_copies(layout, columns))


def _split_endings(layout: Layout, columns: list[Column]) -> tuple[Layout, list[Column]]:
    """Cells of several words that mostly end in the same words: the ending becomes a column, blank where usual."""
    parts: dict[str, tuple[tuple[str, ...], tuple[Slot, ...]]] = {}
    by_name = dict(zip(layout.names, columns, strict=True))
    widths = {slot.name: slot.width for slot in layout.slots}
    for name, column in zip(layout.names, columns, strict=True):
        ending = "" if widths[name] or len(column) < 8 else _usual_ending(column)
        if not ending:
            continue
        end = clean_names([f"{name} end"], frozenset(by_name))[0]
        size = len(ending)
        by_name[end] = tuple([ending if c.endswith(ending) else "" for c in column])
        by_name[name] = tuple([c[:-size] if c.endswith(ending) else c for c in column])
        parts[name] = ("", "", ""), (Slot(name), Slot(end))
    new = _spliced(layout, parts)
    return new, [by_name[name] for name in new.names]


def _usual_ending(column: Column) -> str:
    """The longest run of last words that more than half of the cells share and that leaves half of their words."""
    sample = [column[i] for i in spread(len(column), 64)]
    best = ""
    for words in range(1, 5):
        ends = Counter(" " + " ".join(c.split(" ")[-words:]) for c in sample if c.count(" ") >= words)
        if not ends:
            break
        ending, uses = ends.most_common(1)[0]
        bearing = [_WORD.findall(c) for c in sample if c.endswith(ending)]
        if uses <= len(sample) * _SHARE or len(_WORD.findall(ending)) * 2 * len(bearing) > sum(map(len, bearing)):
            break
        best = ending
    if len(best) < _MIN_ENDING or sum(c.endswith(best) for c in column) <= len(column) * _SHARE:
        return ""
    return best if sum(c.endswith(best) for c in column) < len(column) else ""


def _drop_constants(layout: Layout, columns: list[Column]) -> tuple[Layout, list[Column]]:
    constant = {
        name: column[0]
        for name, column in zip(layout.names, columns, strict=True)
        if len(column) > 1 and column.count(column[0]) == len(column)
    }
    literals, slots = [layout.literals[0]], []
    for slot, literal in zip(layout.slots, layout.literals[1:], strict=True):
        if slot.name in constant and slot.width != WIDEST:
            literals[-1] += slot.pad(constant[slot.name]) + literal
        else:
            slots.append(slot)
            literals.append(literal)
    kept = {slot.name for slot in slots}
    return Layout(tuple(literals), tuple(slots), layout.cut), [
        column for name, column in zip(layout.names, columns, strict=True) if name in kept
    ]


def _merge_copies(layout: Layout, columns: list[Column]) -> tuple[Layout, list[Column]]:
    """Columns that are equal in every row share one name, and so one cell."""
    first: dict[Column, str] = {}
    names: dict[str, str] = {}
    for name, column in zip(layout.names, columns, strict=True):
        names[name] = first.setdefault(column, name) if len(column) > 1 else name
    slots = tuple(Slot(names[s.name], s.align, s.width) for s in layout.slots)
    kept = set(names.values())
    return Layout(layout.literals, slots, layout.cut), [
        column for name, column in zip(layout.names, columns, strict=True) if name in kept
    ]


def _split_cells(layout: Layout, columns: list[Column]) -> tuple[Layout, list[Column]]:
    """Cells of one build (`[**x**](y.md#x)`) are cut where their fixed parts and copied parts are.

    At least half of a cell's words stay in the row, so that it can still be recognised there.
    """
    parts: dict[str, tuple[tuple[str, ...], tuple[Slot, ...]]] = {}
    by_name: dict[str, Column] = {}
    whole = {column: name for name, column in zip(layout.names, columns, strict=True)}
    taken = frozenset(layout.names)
    for name, column in zip(layout.names, columns, strict=True):
        slots = [s for s in layout.slots if s.name == name]
        cut = _cut_cells(name, column, taken, whole) if len(slots) == 1 and not slots[0].width else None
        if cut is None:
            by_name[name] = column
            continue
        literals, names, pieces = cut
        taken |= frozenset(names)
        parts[name] = literals, tuple(Slot(n) for n in names)
        by_name.update(pieces)
    new = _spliced(layout, parts)
    return new, [by_name[name] for name in new.names]


def _spliced(layout: Layout, parts: dict[str, tuple[tuple[str, ...], tuple[Slot, ...]]]) -> Layout:
    literals, slots = [layout.literals[0]], []
    for slot, literal in zip(layout.slots, layout.literals[1:], strict=True):
        inner = parts.get(slot.name)
        if inner is None:
            slots.append(slot)
            literals.append(literal)
            continue
        literals[-1] += inner[0][0]
        slots.extend(inner[1])
        literals.extend(inner[0][1:])
        literals[-1] += literal
    return Layout(tuple(literals), tuple(slots), layout.cut)


def _cut_cells(
    name: str, column: Column, taken: frozenset[str], whole: dict[Column, str]
) -> tuple[tuple[str, ...], list[str], dict[str, Column]] | None:
    """Literals, slot names and columns of a cell's parts, or None where cutting brings nothing."""
    if len(column) < 3 or sum(len(column[i]) for i in spread(len(column), 8)) < 64 or column.count(column[0]) == len(column):
        return None
    probe = _WORD.split(column[0])
    if len(probe) < 5 or len(probe) > 61:
        return None
    fixed = probe[::2]
    for cell in islice(column, 1, _PROBE):
        if _WORD.split(cell)[::2] != fixed:
            return None
    split = [_WORD.split(cell) for cell in column]
    if any(s[::2] != fixed for s in split):
        return None
    words = [tuple(w) for w in zip(*[s[1::2] for s in split], strict=True)]
    constant = [w.count(w[0]) == len(w) for w in words]
    first = {w: i for i, w in reversed(list(enumerate(words)))}
    copied = [not constant[i] and (first[w] != i or words.count(w) > 1 or w in whole) for i, w in enumerate(words)]
    if not any(constant) and not any(copied):
        return None
    return _pieces(name, fixed, words, constant, copied, taken, whole)


def _pieces(
    name: str,
    fixed: list[str],
    words: list[Column],
    constant: list[bool],
    copied: list[bool],
    taken: frozenset[str],
    whole: dict[Column, str],
) -> tuple[tuple[str, ...], list[str], dict[str, Column]] | None:
    """Neighbouring words that vary stay together as one cell; fixed ones become text, copied ones share a name."""
    hidden = sum(constant)
    if 2 * (len(words) - hidden) < len(words):
        return None
    literals, groups = [fixed[0]], []  # groups: lists of word positions
    for i in range(len(words)):
        if constant[i]:
            literals[-1] += words[i][0] + fixed[i + 1]
        elif groups and not copied[i] and groups[-1][-1] == i - 1 and not copied[i - 1]:
            groups[-1].append(i)
            literals[-1] = fixed[i + 1]
        else:
            groups.append([i])
            literals.append(fixed[i + 1])
    columns: dict[str, Column] = {}
    names: list[str] = []
    known: dict[Column, str] = {}
    fresh = iter(clean_names([f"{name} {n}" if n > 1 else name for n in range(1, len(groups) + 1)], taken - {name}))
    for group in groups:
        column = words[group[0]]
        if len(group) > 1:
            glue = "%s" + "".join(fixed[i].replace("%", "%%") + "%s" for i in group[1:])
            column = tuple([glue % cells for cells in zip(*[words[i] for i in group], strict=True)])
        other = whole.get(column) or known.get(column)
        if other is None:
            other = known[column] = next(fresh)
            columns[other] = column
        names.append(other)
    return tuple(literals), names, columns


# --- codings of whole columns -------------------------------------------------------------------------------------


def code(names: Sequence[str], columns: list[Column], stateless: bool = False) -> tuple[Coding, list[str], list[Column]]:
    """The coding that pays for each column, the names that still have cells, and those cells.

    `stateless` leaves out what needs the row above, for tables that lose rows.
    """
    coding = Coding()
    kept = dict(zip(names, columns, strict=True))
    if not columns or len(columns[0]) < 3:
        return coding, list(kept), list(kept.values())
    _find_lookups(coding, kept)
    for name, column in kept.items():
        kept[name] = _coded(name, column, coding, stateless)
    return coding, list(kept), list(kept.values())


def _coded(name: str, column: Column, coding: Coding, stateless: bool) -> Column:
    rows = len(column)
    if EMPTY in column:
        return column
    if not stateless:
        same = [b if a != b else "" for a, b in zip(("", *column), column)]  # noqa: B905
        repeated = same.count("") - column.count("")
        if column[0].isdigit() and not repeated and _counts_up(column) > rows * 0.8:
            coding.counts.append(name)
            return _counter(column)
    else:
        same, repeated = list(column), 0
    value, uses = Counter(column).most_common(1)[0]
    if uses >= rows * _SHARE and uses >= repeated * 0.7:
        if value:
            coding.usual[name] = value
            return tuple(["" if c == value else c or EMPTY for c in column])
        return column
    if repeated >= rows * _SHARE:
        coding.above.append(name)
        return tuple([EMPTY if not c else s for c, s in zip(column, same, strict=True)])
    return column


def _counts_up(column: Column) -> int:
    if any(not c.isascii() or len(c) > 9 for c in column[:_PROBE]):
        return 0
    return sum(a.isdigit() and a.isascii() and len(a) < 10 and str(int(a) + 1) == b for a, b in zip(column, column[1:], strict=False))


def _counter(column: Column) -> Column:
    out = [column[0]]
    for i in range(1, len(column)):
        a, b = column[i - 1], column[i]
        implied = a.isdigit() and a.isascii() and len(a) < 10 and str(int(a) + 1) == b and i % _EVERY
        out.append("" if implied else b or EMPTY)
    return tuple(out)


def _find_lookups(coding: Coding, kept: dict[str, Column]) -> None:
    """Columns whose cell follows from another column's cell are told once per value of that column."""
    rows = len(next(iter(kept.values())))
    few = {}
    for name, column in kept.items():
        probe = column[: 4 * _PROBE]
        if len(set(probe)) * 2 <= len(probe) and 1 < (distinct := len(set(column))) <= min(rows // 6, _MAX_LOOKUP):
            few[name] = distinct
    gone: set[str] = set()
    for key in sorted(few, key=lambda n: -few[n]):
        if key in gone:
            continue
        follow = [
            n for n in few
            if n != key and n not in gone and n not in coding.lookups and few[n] > 1 and _follows(kept[key], kept[n], few[key])
        ]
        follow = [n for n in follow if _lookup_gain(kept[n], few[key]) > 0]
        if not follow:
            continue
        table = dict(zip(kept[key], zip(*[kept[n] for n in follow], strict=True), strict=True))
        coding.lookups[key] = tuple(follow), table
        gone.update(follow)
    for name in gone:
        del kept[name]


def _follows(key: Column, column: Column, distinct: int) -> bool:
    if len(set(zip(key[:_PROBE], column[:_PROBE], strict=True))) != len(set(key[:_PROBE])):
        return False
    return len(set(zip(key, column, strict=True))) == distinct


def _lookup_gain(column: Column, distinct: int) -> int:
    """Tokens won: the cells that differ from the usual one, less the entries of the lookup."""
    counts = Counter(column)
    total = sum(weight(c) * n for c, n in counts.items())
    usual = max(weight(c) * n for c, n in counts.items())
    left = total - usual if counts.most_common(1)[0][1] >= len(column) * _SHARE else total
    return left - 2 * sum(2 + weight(c) for c in counts) - 2 * distinct


def restore(coding: Coding, names: Sequence[str], rows: list[list[str]]) -> dict[str, list[str]]:
    """Name → cells, for what `code` wrote."""
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    blanks = (*coding.usual, *coding.above, *coding.counts)
    for name, value in coding.usual.items():
        columns[name] = [c or value for c in columns[name]]
    for name in (*coding.above, *coding.counts):
        last, step, out = "", int(name in coding.counts), []
        for cell in columns[name]:
            last = cell or (str(int(last) + 1) if step else last)
            out.append(last)
            if last == EMPTY:
                last = EMPTY
        columns[name] = out
    for name in blanks:
        columns[name] = ["" if c == EMPTY else c for c in columns[name]]
    for key, (follow, table) in coding.lookups.items():
        cells = [table[c] for c in columns[key]]
        for i, name in enumerate(follow):
            columns[name] = [c[i] for c in cells]
    return columns
