"""Records: groups of lines of one build (`Key: value`), read as rows of a table whose layout has several lines.

A record begins behind a blank line, at a line like `-[ RECORD 1 ]-`, or at each line with the key of the first line.
Records with the same keys in the same order share a form; where a form's lines are all equal they become its text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from operator import ne

from headroom.formats.table.cells import join_words, simplify
from headroom.formats.table.fitting import Fit, fit_words, verified
from headroom.formats.table.layout import Cells, Layout, Slot, clean_names, letters, spread
from headroom.formats.table.rowcode import Placed

_KEY = re.compile(r"\s*(?:[^\s:=|][^:=|]{0,60}?\s*(?::|=|\|)(?=\s|$)|[A-Z]\w+(?= 0x|\s*$))")
_NUMBER = re.compile(r"\d+|-{2,}")
_RULE = re.compile(r"-{4}|={4}|\*{4}")
_PADDED = re.compile(r"  |\t")
_MIN_ALIKE = 3
_MAX_FORMS = 200
_MAX_LINES = 400
_MANY, _FEW = 20, 8


def split_records(lines: Sequence[str]) -> list[tuple[int, int]]:
    """Where records begin and end (end exclusive), blank lines between them included in the one before."""
    starts = _by_blank(lines)
    if len(starts) < 2 * _MIN_ALIKE or len(lines) > _MAX_LINES * len(starts):
        starts = _by_first_key(lines)
    if 2 * len(starts) > len(lines):
        return []
    return list(zip(starts, [*starts[1:], len(lines)], strict=False))


def _by_blank(lines: Sequence[str]) -> list[int]:
    return [i for i, line in enumerate(lines) if line and (not i or not lines[i - 1].strip()) and line.strip()]


def _by_first_key(lines: Sequence[str]) -> list[int]:
    """Lines with the key that opens the most regular groups: the one whose first line is met first and often."""
    keys = [key_of(line) for line in lines]
    counts = Counter(key for key in keys if key)
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


def forms_of(lines: Sequence[str], records: Sequence[tuple[int, int]]) -> tuple[list[Placed], list[Layout]]:
    """Every record as a unit of a form, or as it is where fewer than three are alike."""
    keys: dict[str, str] = {}
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, (start, end) in enumerate(records):
        if end - start <= _MAX_LINES:
            alike[tuple([keys.get(x) or keys.setdefault(x, key_of(x)) for x in lines[start:end]])].append(i)
    placed = [Placed("\n".join(lines[a:b])) for a, b in records]
    layouts: list[Layout] = []
    for members in _merged(alike):
        if len(members) < _MIN_ALIKE or len(layouts) >= _MAX_FORMS:
            continue
        fit = _fit_form([lines[records[i][0] : records[i][1]] for i in members])
        fit = verified(fit.layout, fit.rows, [placed[i].text for i in members])
        if fit.covered < _MIN_ALIKE:
            continue
        for i, row in zip(members, fit.rows, strict=True):
            if row is not None:
                placed[i] = Placed(placed[i].text, len(layouts), row)
        layouts.append(fit.layout)
    return placed, layouts


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
    columns: list[Sequence[str | None]] = []
    taken: frozenset[str] = frozenset()
    for number, column in enumerate(zip(*group, strict=True)):
        if number:
            literals[-1] += "\n"
        if column.count(column[0]) == len(column):
            literals[-1] += column[0]
            continue
        layout, found = _fit_line(column, taken)
        taken |= frozenset(layout.names)
        literals[-1] += layout.literals[0]
        literals += layout.literals[1:]
        slots += layout.slots
        empty = (None,) * len(layout.names)
        columns += zip(*[row if row is not None else empty for row in found], strict=True)
    if not slots:
        return Fit(Layout(tuple(literals), ()), [()] * len(group))
    rows: list[Cells | None] = [None if None in row else row for row in zip(*columns, strict=True)]
    return Fit(Layout(tuple(literals), tuple(slots)), rows)


def _fit_line(column: tuple[str, ...], taken: frozenset[str]) -> tuple[Layout, list[Cells | None]]:
    """The layout of one line of a form: its words where they line up, or its key and the rest."""
    name = _name(column[0])
    common = _common_start(column)
    if len(column) < _MANY:  # what a few values have in common is no key
        size = len(key_part(column[0]))
        common = common[: size + len(common[size:]) - len(common[size:].lstrip(" \t"))]
    plain = Layout((common, ""), (Slot(clean_names([name], taken)[0]),))
    size = len(common)
    rows: list[Cells | None] = [(line[size:],) for line in column]
    words = min(len(line.split()) for line in column[:: max(1, len(column) // 50)])
    if words < 4 or (len(column) < _MANY and not _PADDED.search(column[0].strip())):
        return plain, rows
    fit = fit_words(column, words)
    if fit is None or fit.covered < len(column):
        return plain, rows
    layout, cut = simplify(fit.layout, [row for row in fit.rows if row is not None])
    layout, cut = join_words(layout, cut)
    names = dict(zip(layout.names, clean_names([name] * len(layout.names), taken), strict=True))
    renamed = Layout(layout.literals, tuple(Slot(names[s.name], s.align, s.width) for s in layout.slots))
    if renamed.needs_widest or not cut:
        return plain, rows
    return renamed, list(zip(*cut, strict=True))


def _common_start(column: tuple[str, ...]) -> str:
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


def share_alike(lines: Sequence[str], records: Sequence[tuple[int, int]]) -> float:
    """The share of a sample's records whose keys another record has too."""
    shapes = [tuple(key_of(x) for x in lines[a:b]) for a, b in (records[i] for i in spread(len(records), 60))]
    counts = Counter(shapes)
    return sum(n for n in counts.values() if n >= 2) / max(1, len(shapes))
