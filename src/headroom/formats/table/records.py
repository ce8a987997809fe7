"""Records: groups of lines of one build (`Key: value`), read as rows of a table whose layout has several lines.

A record begins behind a blank line, at a line like `-[ RECORD 1 ]-`, or at each line with the key of the first line.
Records with the same keys in the same order share a form; where a form's lines are all equal they become its text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from operator import ne

from headroom.formats.table.cells import join_words, simplify
from headroom.formats.table.fitting import Fit, fit_words, verified
from headroom.formats.table.layout import Column, Layout, Slot, clean_names, letters

_KEY = re.compile(r"\s*(?:[^\s:=|][^:=|]{0,60}?\s*(?::|=|\|)(?=\s|$)|[A-Z]\w+(?= 0x|\s*$))")
_NUMBER = re.compile(r"\d+|-{2,}")
_RULE = re.compile(r"-{4}|={4}|\*{4}")
_PADDED = re.compile(r"  |\t")
_MIN_ALIKE = 3
_MAX_FORMS = 200
_MAX_LINES = 400
_MANY, _FEW = 20, 8


class Keys(dict[str, str]):
    """The key of each line, found once: lines come back."""

    def __missing__(self, line: str) -> str:
        self[line] = key = key_of(line)
        return key


def split_records(lines: Sequence[str], keys: Keys) -> list[tuple[int, int]]:
    """Where records begin and end (end exclusive), blank lines between them included in the one before."""
    starts = _by_blank(lines)
    if len(starts) < 2 * _MIN_ALIKE or len(lines) > _MAX_LINES * len(starts):
        starts = _by_first_key([keys[line] for line in lines])
    if 2 * len(starts) > len(lines):
        return []
    return list(zip(starts, [*starts[1:], len(lines)], strict=False))


def _by_blank(lines: Sequence[str]) -> list[int]:
    return [i for i, line in enumerate(lines) if line and (not i or not lines[i - 1].strip()) and line.strip()]


def _by_first_key(keys: Sequence[str]) -> list[int]:
    """Lines with the key that opens the most regular groups: the one whose first line is met first and often."""
    counts = Counter(filter(None, keys))
    often = [key for key, n in counts.items() if n >= 2 * _MIN_ALIKE]
    if not often:
        return []
    top = max(counts[key] for key in often)
    opener = next(key for key in often if counts[key] >= top * 0.4)
    return [i for i, key in enumerate(keys) if key == opener]


def key_part(line: str) -> str:
    """The part of a line that names what follows, with the blank behind it; "" where there is none."""
    match = _KEY.match(line)
    return "" if match is None else line[: match.end() + line.startswith(" ", match.end())]


def key_of(line: str) -> str:
    """The key of a line with numbers masked; of a line without one its text, or that it holds numbers."""
    key = key_part(line)
    if key or _RULE.search(line):
        return _NUMBER.sub("0", key or line)
    return "0" if _NUMBER.search(line) else line


@dataclass(slots=True)
class Records:
    """Records as units of coded rows: as printed, the number of the form of each (0: none), and the forms."""

    units: list[str]
    kinds: list[int]
    tables: list[tuple[Layout, list[Column]]]


def forms_of(lines: Sequence[str], records: Sequence[tuple[int, int]], keys: Keys) -> Records:
    """Every record as a unit of a form, or as it is where fewer than three are alike."""
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, (start, end) in enumerate(records):
        if end - start <= _MAX_LINES:
            alike[tuple([keys[line] for line in lines[start:end]])].append(i)
    units = ["\n".join(lines[a:b]) for a, b in records]
    found = Records(units, [0] * len(units), [])
    for members in _merged(alike):
        if len(members) < _MIN_ALIKE or len(found.tables) >= _MAX_FORMS:
            continue
        form = _fit_form([lines[records[i][0] : records[i][1]] for i in members])
        fit = verified(form.layout, form.hits, form.columns, [units[i] for i in members])
        if fit.covered < _MIN_ALIKE:
            continue
        found.tables.append((fit.layout, fit.columns))
        for i in compress(members, fit.hits):
            found.kinds[i] = len(found.tables)
    return found


def _merged(alike: dict[tuple[str, ...], list[int]]) -> list[list[int]]:
    """The records of each form; shapes that differ in few of their keys (a name in the key's place) are one."""
    shapes: dict[int, list[tuple[str, ...]]] = defaultdict(list)
    members: dict[tuple[str, ...], list[int]] = {}
    for shape in sorted(alike, key=lambda s: -len(alike[s])):
        known = shapes[len(shape)]
        few = len(shape) // _FEW
        base = next((b for b in known if sum(map(ne, b, shape)) <= few), shape) if few else shape
        if base is shape and len(known) < _MANY:
            known.append(shape)
        members.setdefault(base, []).extend(alike[shape])
    return [sorted(found) for found in members.values()]


def _fit_form(group: Sequence[Sequence[str]]) -> Fit:
    """One layout for records that have the same keys: each line of it is fitted by itself."""
    literals = [""]
    slots: list[Slot] = []
    columns: list[Column] = []
    for number, column in enumerate(zip(*group, strict=True)):
        if number:
            literals[-1] += "\n"
        if column.count(column[0]) == len(column):
            literals[-1] += column[0]
            continue
        layout, found = _fit_line(column, frozenset([slot.name for slot in slots]))
        literals[-1] += layout.literals[0]
        literals += layout.literals[1:]
        slots += layout.slots
        columns += found
    return Fit(Layout(tuple(literals), tuple(slots)), bytearray(b"\1" * len(group)), columns)


def _fit_line(column: Column, taken: frozenset[str]) -> tuple[Layout, list[Column]]:
    """The layout of one line of a form: its words where they line up, or its key and the rest."""
    name = _name(column[0])
    common = _common_start(column)
    if len(column) < _MANY:  # what a few values have in common is no key
        size = len(key_part(column[0]))
        common = common[: size + len(common[size:]) - len(common[size:].lstrip(" \t"))]
    words = min([len(line.split()) for line in column[:: max(1, len(column) // 50)]])
    if words >= 4 and (len(column) >= _MANY or _PADDED.search(column[0].strip())):
        fit = fit_words(column, words)
        if fit is not None and fit.covered == len(column):
            layout, cut = join_words(*simplify(fit.layout, fit.columns))
            if cut and not layout.needs_widest:
                fresh = clean_names([name] * len(layout.names), taken)
                names = dict(zip(layout.names, fresh, strict=True))
                slots = tuple([Slot(names[slot.name], slot.align, slot.width) for slot in layout.slots])
                return Layout(layout.literals, slots), cut
    size = len(common)
    return Layout((common, ""), (Slot(clean_names([name], taken)[0]),)), [tuple([line[size:] for line in column])]


def _common_start(column: Column) -> str:
    """What all lines begin with, up to the end of a word."""
    low, high = min(column), max(column)
    size = 0
    while size < len(low) and size < len(high) and low[size] == high[size]:
        size += 1
    while size and (low[size - 1].isalnum() or low[size - 1] in "._-") and size < max(len(low), len(high)):
        size -= 1
    return low[:size]


def _name(line: str) -> str:
    match = _KEY.match(line)
    return match[0].strip(" \t:=|") if match else letters(0)
