"""Cells of one build, taken apart: what all rows share goes into the layout, what two cells share is told once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from headroom.formats.table.layout import WIDEST, Cells, Column, Layout, Slot, clean_names, spread

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


def simplify(layout: Layout, rows: Sequence[Cells], intact: str = "") -> tuple[Layout, list[Column]]:
    """The same rows with constant cells in the layout's text and equal columns under one name.

    The cells of the column `intact` are not cut.
    """
    columns = list(zip(*rows, strict=True))
    return _drop_constants(*_merge_copies(*_taken_apart(layout, columns, intact)))


def join_words(layout: Layout, columns: list[Column], apart: Collection[str] = ()) -> tuple[Layout, list[Column]]:
    """Neighbouring words of running text, with one blank between them and no padding, as one cell.

    Columns named in `apart` stay by themselves.
    """
    uses = Counter(dict.fromkeys(apart, 2))
    uses.update(slot.name for slot in layout.slots)
    by_name = dict(zip(layout.names, columns, strict=True))
    literals, slots = [layout.literals[0]], [layout.slots[0]] if layout.slots else []
    for before, slot in zip(layout.literals[1:], layout.slots[1:], strict=False):
        last = slots[-1]
        if before == " " and not last.width and not slot.width and uses[last.name] == uses[slot.name] == 1:
            by_name[last.name] = tuple(map("%s %s".__mod__, zip(by_name[last.name], by_name[slot.name], strict=True)))
        else:
            literals.append(before)
            slots.append(slot)
    literals.append(layout.literals[-1])
    joined = Layout(tuple(literals) if slots else layout.literals, tuple(slots), layout.cut)
    return joined, [by_name[name] for name in joined.names]


def no_prose(names: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """The columns better coded by themselves than as a word of a text: often one value, or names and numbers.

    The last one may be anything: it is the rest of the line.
    """
    out: list[str] = []
    for name, column in zip(names, columns, strict=True):
        probe = column[: 4 * _PROBE]
        plain = sum(len(cell) <= _LONG_WORD and not _NO_WORD.search(cell) for cell in probe)
        if (name != names[-1] and plain < len(probe) * _PLAIN_SHARE) or Counter(probe).most_common(1)[0][1] > (
            len(probe) * _FREQUENT_SHARE
        ):
            out.append(name)
    return out


def _taken_apart(layout: Layout, columns: list[Column], intact: str) -> tuple[Layout, list[Column]]:
    """Columns that are printed once and not padded, cut where their cells have something in common.

    Short lists and names of few words (`app.py`) stay whole: they are quoted as they are. Of others at least half
    of the words stay in the row, so that a cell can still be recognised there.
    """
    parts: dict[str, _Parts] = {}
    by_name = dict(zip(layout.names, columns, strict=True))
    whole = {column: name for name, column in by_name.items()}
    uses = Counter(slot.name for slot in layout.slots)
    padded = {slot.name for slot in layout.slots if slot.width}
    for name, column in zip(layout.names, columns, strict=True):
        long = len(column) >= _MIN_ROWS and sum(len(column[i]) for i in spread(len(column), 8)) >= _MIN_CUT
        apart = name == intact or uses[name] > 1 or name in padded
        if apart or not long or column.count(column[0]) == len(column):
            continue
        cut = _by_words(name, column, by_name, whole) or _by_start(name, column) or _by_ending(name, column, by_name)
        if cut is not None:
            parts[name] = cut
            by_name.update(cut.columns)
    new = _spliced(layout, parts)
    return new, [by_name[name] for name in new.names]


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
    low, high = min(column), max(column)
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    size = low.rfind("/", 0, same) + 1
    start = low[:size]
    if size < _MIN_START or 2 * _words_in(start) * len(column[:_PROBE]) > sum(map(_words_in, column[:_PROBE])):
        return None
    return _Parts((start, ""), (name,), {name: tuple([cell[size:] for cell in column])})


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
    sample = [column[i] for i in spread(len(column), 64)]
    best = ""
    for words in range(1, 5):
        ends = Counter(" " + " ".join(c.split(" ")[-words:]) for c in sample if c.count(" ") >= words)
        ending, uses = ends.most_common(1)[0] if ends else ("", 0)
        inside = sum(_words_in(c) for c in sample if c.endswith(ending))
        if uses <= len(sample) * _ENDING_SHARE or 2 * _words_in(ending) * uses > inside:
            break
        best = ending
    uses = sum(cell.endswith(best) for cell in column)
    return best if len(best) >= _MIN_ENDING and len(column) * _ENDING_SHARE < uses < len(column) else ""


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


def _by_words(name: str, column: Column, taken: Collection[str], whole: dict[Column, str]) -> _Parts | None:
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
    words = [tuple(w) for w in zip(*[s[1::2] for s in split], strict=True)]
    constant = [w.count(w[0]) == len(w) for w in words]
    first = {w: i for i, w in reversed(list(enumerate(words)))}
    copied = [not constant[i] and (first[w] != i or words.count(w) > 1 or w in whole) for i, w in enumerate(words)]
    if not any(constant) and not any(copied) and not framed:
        return None
    if 2 * sum(constant) > len(words):
        return None
    literals, groups = _grouped(fixed, words, constant, copied)
    columns: dict[str, Column] = {}
    names: list[str] = []
    known = dict(whole)
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
