"""Cells of one build, taken apart: what all rows share goes into the layout, what two cells share is told once."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from operator import eq

from headroom.formats.table.layout import WIDEST, Column, Layout, Slot, clean_names, most_frequent, spread

_WORD = re.compile(r"(\w+)")
_NO_WORD = re.compile(r"[\d/_=:]")
_PROBE, _MIN_ROWS, _MIN_WORDS, _MAX_WORDS = 48, 20, 3, 30
_MIN_CUT, _MIN_ENDING, _MIN_START = 64, 12, 4
_ENDING_SHARE, _FREQUENT_SHARE, _PLAIN_SHARE, _LONG_WORD = 0.5, 0.25, 0.7, 20


@dataclass(frozen=True, slots=True)
class _Parts:
    """What takes the place of one column: literals around slots of these names, and the columns that are new."""

    literals: tuple[str, ...]
    names: tuple[str, ...]
    columns: dict[str, Column]


def simplify(layout: Layout, columns: list[Column], intact: str = "") -> tuple[Layout, list[Column]]:
    """The same rows with constant cells in the layout's text and equal columns under one name.

    The cells of the column `intact` are not cut.
    """
    return _drop_constants(*_merge_copies(*_taken_apart(layout, columns, intact)))


def join_words(
    layout: Layout, columns: list[Column], apart: Collection[str] = (), only_prose: bool = False
) -> tuple[Layout, list[Column]]:
    """Neighbouring words of running text, with one blank between them and no padding, as one cell.

    Columns named in `apart` stay by themselves, and with `only_prose` those that hold no words of a text.
    """
    by_name = dict(zip(layout.names, columns, strict=True))
    words = _joinable(layout) - {*apart}
    if only_prose:
        words = {name for name in words if _is_prose(by_name[name], name == layout.names[-1])}
    if len(words) < 2:
        return layout, columns
    literals, slots = [layout.literals[0]], [layout.slots[0]]
    for before, slot in zip(layout.literals[1:], layout.slots[1:], strict=False):
        last = slots[-1]
        if before == " " and last.name in words and slot.name in words:
            by_name[last.name] = tuple(map("%s %s".__mod__, zip(by_name[last.name], by_name[slot.name], strict=True)))
        else:
            literals.append(before)
            slots.append(slot)
    joined = Layout((*literals, layout.literals[-1]), tuple(slots), layout.cut)
    return joined, [by_name[name] for name in joined.names]


def _joinable(layout: Layout) -> set[str]:
    """The names that are printed once, without padding, and stand one blank from their neighbour."""
    uses = Counter([slot.name for slot in layout.slots])
    free = [not slot.width and uses[slot.name] == 1 for slot in layout.slots]
    return {
        layout.slots[at].name
        for i, between in enumerate(layout.literals[1:-1])
        if between == " " and free[i] and free[i + 1]
        for at in (i, i + 1)
    }


def _is_prose(column: Column, ends: bool) -> bool:
    """Whether a column is coded better as a word of a text than by itself: not often one value, no names or numbers.

    A column that `ends` a row may be anything: it is the rest of the line.
    """
    probe = column[: 4 * _PROBE]
    if most_frequent(probe)[1] > len(probe) * _FREQUENT_SHARE:
        return False
    return ends or sum([len(c) <= _LONG_WORD and not _NO_WORD.search(c) for c in probe]) >= len(probe) * _PLAIN_SHARE


def _taken_apart(layout: Layout, columns: list[Column], intact: str) -> tuple[Layout, list[Column]]:
    """Columns that are printed once and not padded, cut where their cells have something in common.

    Short lists and names of few words (`app.py`) stay whole: they are quoted as they are. Of others at least half
    of the words stay in the row, so that a cell can still be recognised there.
    """
    if not columns or len(columns[0]) < _MIN_ROWS:
        return layout, columns
    parts: dict[str, _Parts] = {}
    whole = dict(zip(layout.names, columns, strict=True))
    by_name = dict(whole)
    uses = Counter([slot.name for slot in layout.slots])
    padded = {slot.name for slot in layout.slots if slot.width}
    step = spread(len(columns[0]), 8).step
    for name, column in whole.items():
        if name == intact or uses[name] > 1 or name in padded:
            continue
        if sum(map(len, column[::step])) < _MIN_CUT or _is_constant(column):
            continue
        cut = _by_words(name, column, by_name, whole) or _by_start(name, column)
        cut = cut or _by_ending(name, column, by_name)
        if cut is not None:
            parts[name] = cut
            by_name.update(cut.columns)
    if not parts:
        return layout, columns
    new = _spliced(layout, parts)
    return new, [by_name[name] for name in new.names]


def _is_constant(column: Column) -> bool:
    return column[0] == column[-1] and column.count(column[0]) == len(column)


def _spliced(layout: Layout, parts: dict[str, _Parts]) -> Layout:
    literals, slots = [layout.literals[0]], []
    for slot, literal in zip(layout.slots, layout.literals[1:], strict=True):
        inner = parts.get(slot.name)
        if inner is None:
            slots.append(slot)
        else:
            literals[-1] += inner.literals[0]
            slots += (Slot(name) for name in inner.names)
            literals += inner.literals[1:]
            literals[-1] += literal
            continue
        literals.append(literal)
    return Layout(tuple(literals), tuple(slots), layout.cut)


def _by_start(name: str, column: Column) -> _Parts | None:
    """Paths that all begin in the same directory: it becomes text."""
    if len(_same_directory(column[0], column[-1])) < _MIN_START:
        return None
    start = _same_directory(min(column), max(column))
    size = len(start)
    if size < _MIN_START or 2 * _words_in(start) * len(column[:_PROBE]) > sum(map(_words_in, column[:_PROBE])):
        return None
    return _Parts((start, ""), (name,), {name: tuple([cell[size:] for cell in column])})


def _same_directory(one: str, other: str) -> str:
    """The directories that two paths have in common, with the slash behind them."""
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[: one.rfind("/", 0, same) + 1]


def _by_ending(name: str, column: Column, taken: Collection[str]) -> _Parts | None:
    """Cells of several words that mostly end in the same words: the ending becomes a column, blank where usual."""
    ending = _usual_ending(column)
    if not ending:
        return None
    end = clean_names([f"{name} end"], frozenset(taken))[0]
    size = len(ending)
    ends = tuple([ending if cell.endswith(ending) else "" for cell in column])
    starts = tuple([cell[:-size] if cell.endswith(ending) else cell for cell in column])
    return _Parts(("", "", ""), (name, end), {name: starts, end: ends})


def _words_in(cell: str) -> int:
    return len(_WORD.findall(cell))


def _usual_ending(column: Column) -> str:
    """The longest run of last words that more than half of the cells share and that leaves half of their words."""
    sample = column[:: spread(len(column), 64).step]
    best = ""
    for words in range(1, 5):
        several = [cell for cell in sample if cell.count(" ") >= words]
        if len(several) <= len(sample) * _ENDING_SHARE:
            break
        ending, uses = most_frequent([cell[len(cell.rsplit(" ", words)[0]) :] for cell in several])
        if uses <= len(sample) * _ENDING_SHARE:
            break
        inside = sum([_words_in(cell) for cell in sample if cell.endswith(ending)])
        if 2 * _words_in(ending) * uses > inside:
            break
        best = ending
    if len(best) < _MIN_ENDING:
        return ""
    uses = sum([cell.endswith(best) for cell in column])
    return best if len(column) * _ENDING_SHARE < uses < len(column) else ""


def _drop_constants(layout: Layout, columns: list[Column]) -> tuple[Layout, list[Column]]:
    by_name = dict(zip(layout.names, columns, strict=True))
    constant = {name: c[0] for name, c in by_name.items() if len(c) > 1 and _is_constant(c)}
    if not constant:
        return layout, columns
    literals, slots = [layout.literals[0]], []
    for slot, literal in zip(layout.slots, layout.literals[1:], strict=True):
        if slot.name in constant and slot.width != WIDEST:
            literals[-1] += slot.pad(constant[slot.name]) + literal
        else:
            slots.append(slot)
            literals.append(literal)
    rest = Layout(tuple(literals), tuple(slots), layout.cut)
    return rest, [by_name[name] for name in rest.names]


def _merge_copies(layout: Layout, columns: list[Column]) -> tuple[Layout, list[Column]]:
    """Columns that are equal in every row share one name, and so one cell."""
    alike: dict[tuple[str, ...], list[tuple[str, Column]]] = defaultdict(list)
    names: dict[str, str] = {}
    for name, column in zip(layout.names, columns, strict=True):
        known = alike[column[0], column[len(column) // 2], column[-1]]
        names[name] = next((n for n, other in known if other == column), name) if len(column) > 1 else name
        known.append((name, column))
    if all(map(eq, names, names.values())):
        return layout, columns
    slots = tuple(Slot(names[s.name], s.align, s.width) for s in layout.slots)
    kept = set(names.values())
    return Layout(layout.literals, slots, layout.cut), [
        column for name, column in zip(layout.names, columns, strict=True) if name in kept
    ]


def _by_words(name: str, column: Column, taken: Collection[str], whole: Mapping[str, Column]) -> _Parts | None:
    """Cells with the same signs between words (`[**x**](y.md#x)`): words all share become text, copies one cell."""
    probe = _WORD.split(column[0])
    fixed = probe[::2]
    framed = len(probe) == 3 and any(fixed)
    if not framed and not 2 * _MIN_WORDS < len(probe) <= 2 * _MAX_WORDS:
        return None
    for cell in islice(column, 1, _PROBE):
        if _WORD.split(cell)[::2] != fixed:
            return None
    split = [_WORD.split(cell) for cell in column]
    if any(s[::2] != fixed for s in split):
        return None
    known = {cells: other for other, cells in whole.items()}
    words = list(zip(*[s[1::2] for s in split], strict=True))
    constant = list(map(_is_constant, words))
    first = {w: i for i, w in reversed(list(enumerate(words)))}
    copied = [not constant[i] and (first[w] != i or words.count(w) > 1 or w in known) for i, w in enumerate(words)]
    if not any(constant) and not any(copied) and not framed:
        return None
    if 2 * sum(constant) > len(words):
        return None
    literals, groups = _grouped(fixed, words, constant, copied)
    columns: dict[str, Column] = {}
    names: list[str] = []
    fresh = iter(clean_names([name, *(f"{name} {n}" for n in range(2, len(groups) + 1))], frozenset(taken) - {name}))
    for group in groups:
        column = words[group[0]]
        if len(group) > 1:
            glue = "%s" + "".join(fixed[i].replace("%", "%%") + "%s" for i in group[1:])
            column = tuple([glue % cells for cells in zip(*[words[i] for i in group], strict=True)])
        if column not in known:
            known[column] = next(fresh)
            columns[known[column]] = column
        names.append(known[column])
    return _Parts(literals, tuple(names), columns)


def _grouped(
    fixed: list[str], words: list[Column], constant: list[bool], copied: list[bool]
) -> tuple[tuple[str, ...], list[list[int]]]:
    """The text around cells and the words of each: neighbouring words that vary and are no copy stay together."""
    literals = [fixed[0]]
    groups: list[list[int]] = []
    for i, word in enumerate(words):
        if constant[i]:
            literals[-1] += word[0] + fixed[i + 1]
        elif groups and not copied[i] and groups[-1][-1] == i - 1 and not copied[i - 1]:
            groups[-1].append(i)
            literals[-1] = fixed[i + 1]
        else:
            groups.append([i])
            literals.append(fixed[i + 1])
    return tuple(literals), groups
