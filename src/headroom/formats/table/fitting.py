"""Layouts learned from printed lines: cells under one another, a fixed number of words, or fields between marks.

A fit counts only those lines that its layout prints again to the byte.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress, islice, repeat
from operator import add, eq

from headroom.formats.table.layout import SAMPLE, WIDEST, Column, Layout, Slot, clean_names, most_frequent, spread

_MAX_COLUMNS, _MAX_FIELDS, _BATCH = 40, 200, 20_000
_MAX_SCAN, _MAX_WIDE = 20_000, 500
_FEW_IN_GUTTER = 40
_TAIL = " \t\r"


@dataclass(slots=True)
class Fit:
    """A layout, which lines it prints exactly (a byte a line, 1 or 0), and the cells of those by column."""

    layout: Layout
    hits: bytearray
    columns: list[Column]

    @property
    def covered(self) -> int:
        return self.hits.count(1)


def fit_words(lines: Sequence[str], count: int, names: Sequence[str] = ()) -> Fit | None:
    """Lines of `count` words split by blanks, the last one taking the rest of the line."""
    if not 2 <= count <= _MAX_COLUMNS:
        return None
    hits, columns = _words_of(lines, count)
    found = len(columns[0])
    if found < 2:
        return None
    step = spread(found).step
    gaps = _gaps_of(islice(compress(lines, hits), 0, None, step), count)
    plain = [not "".join(own).strip(_TAIL) for own in gaps]  # other white space than blanks is no padding
    if not any(plain):
        return None
    literals, slots = _learn_gaps(
        list(zip(*compress(gaps, plain), strict=True)),
        [tuple(compress(column[::step], plain)) for column in columns],
        _names_for(names, count),
    )
    return verified(Layout(literals, slots), hits, columns, lines)


def _words_of(lines: Sequence[str], count: int) -> tuple[bytearray, list[Column]]:
    """Which lines have so many words, and those words by column."""
    hits = bytearray(len(lines))
    columns: list[list[str]] = [[] for _ in range(count)]
    flat: list[str] = []
    for i, line in enumerate(lines):
        words = line.split(None, count - 1)
        if len(words) == count:
            words[-1] = words[-1].rstrip(_TAIL)
        elif len(words) == count - 1 and line.rstrip("\r")[-1:] in (" ", "\t"):
            words.append("")
        else:
            continue
        hits[i] = 1
        flat += words
        if len(flat) > _BATCH:
            _deal(flat, columns)
    _deal(flat, columns)
    return hits, list(map(tuple, columns))


def _deal(flat: list[str], columns: list[list[str]]) -> None:
    """Moves the cells of many rows to their columns; those that come back become one string."""
    for i, column in enumerate(columns):
        cells = flat[i :: len(columns)]
        if len(flat) > _BATCH and 2 * len({*cells[:SAMPLE]}) < SAMPLE:
            cells = list(map(dict(zip(cells, cells, strict=True)).__getitem__, cells))
        column += cells
    flat.clear()


def _names_for(titles: Sequence[str], count: int) -> list[str]:
    """Slot names from titles, letters where there is not one for each column."""
    return clean_names(titles if len(titles) == count else [""] * count)


def _gaps_of(lines: Iterable[str], count: int) -> list[tuple[str, ...]]:
    """The white space before each of `count` words, and that behind the last one, for each of the lines."""
    found = map(_gaps_around(count).match, lines)
    return [gaps.groups() for gaps in found if gaps]


@lru_cache(maxsize=_MAX_COLUMNS)
def _gaps_around(count: int) -> re.Pattern[str]:
    """A pattern whose groups are the white space around so many words, the last one taking the rest of the line."""
    before = r"(\s*)\S+" * (count - 1)
    return re.compile(rf"{before}([ \t]*)(?:.*[^{_TAIL}])?([{_TAIL}]*)\Z", re.DOTALL)


def _learn_gaps(
    gaps: list[tuple[str, ...]], cells: list[Column], names: list[str]
) -> tuple[tuple[str, ...], tuple[Slot, ...]]:
    """Which gaps are fixed text, which pad the cell before (left-aligned), which the cell behind (right-aligned)."""
    literals, slots = [], [Slot(name) for name in names]
    last = len(cells)
    for i, gap in enumerate(gaps):
        text, fixed = most_frequent(gap)
        if fixed == len(gap):
            literals.append(text)
            continue
        sizes = list(map(len, gap))
        if "\t" in text:
            tail = text[text.index("\t") :]
            before = _same_sums(sizes, cells[i - 1]) if i and all(g.endswith(tail) for g in gap) else (0, 0)
            padded = before[1] > fixed
            literals.append(tail if padded else text)
            if padded:
                slots[i - 1] = Slot(names[i - 1], "<", before[0] - len(tail))
            continue
        least = min(gap, key=len) if 0 < i < last else ""
        behind = _same_sums(sizes, cells[i]) if i < last else (0, 0)
        # A cell that is padded on its left already has no padding on its right.
        before = _same_sums(sizes, cells[i - 1]) if i and not slots[i - 1].width else (0, 0)
        best = max(fixed, behind[1], before[1])
        widths = (
            _widths_around(sizes, cells[i - 1], cells[i], best) if 0 < i < last and not slots[i - 1].width else None
        )
        if widths:
            literals.append(" ")
            slots[i - 1], slots[i] = Slot(names[i - 1], "<", widths[0]), Slot(names[i], ">", widths[1])
        elif best == fixed:
            literals.append(text)
        elif best == before[1] and not (best == behind[1] and cells[i][0][-1:].isdigit()):
            literals.append(least)
            slots[i - 1] = Slot(names[i - 1], "<", before[0] - len(least))
        else:
            literals.append(least)
            slots[i] = Slot(names[i], ">", behind[0] - len(least) if behind[1] > 0.6 * len(gap) else WIDEST)
    return tuple(literals), tuple(slots)


def _same_sums(gaps: Sequence[int], cells: Column) -> tuple[int, int]:
    """The most frequent length of gap and cell together, and how often it is met."""
    return most_frequent(map(add, gaps, map(len, cells)))


def _widths_around(gaps: Sequence[int], before: Column, behind: Column, best: int) -> tuple[int, int] | None:
    """The widths of a left-aligned cell and the right-aligned one behind it, where that explains more than `best` gaps.

    What does not add up is a cell too wide for its slot: it shows the width of the other one.
    """
    right_sizes = list(map(len, behind))
    sums = list(map(add, map(add, gaps, map(len, before)), right_sizes))
    total, same = most_frequent(sums)
    if same < 0.5 * len(gaps) or same <= best:
        return None
    if 4 * same < 5 * best and sum(cell[-1:].isdigit() for cell in behind) <= 0.9 * len(behind):
        return None
    pushed = [gap + size for gap, size, whole in zip(gaps, right_sizes, sums, strict=True) if whole > total]
    width, seen = most_frequent(pushed) if pushed else (0, 0)
    fitting = max([size for size, whole in zip(right_sizes, sums, strict=True) if whole == total])
    right = width - 1 if seen > 1 and width > fitting else fitting
    left = total - 1 - right
    return (left, right) if left > 0 and right > 0 else None


def fit_gutters(lines: Sequence[str], header: str = "") -> Fit | None:
    """Lines whose cells stand under one another: columns are what blank gutters leave between them."""
    full = lines[:_MAX_SCAN]
    widest = max(map(len, full))
    wide = min(widest, _MAX_WIDE)
    if any("\t" in line for line in full[:SAMPLE]):
        return None
    padded = "".join([line[:wide].ljust(wide) for line in full])
    titles = header[:wide].ljust(wide)
    most = len(full) - len(full) // _FEW_IN_GUTTER
    blanks = [padded[at::wide].count(" ") for at in range(wide)]
    dense = "".join(["0" if n >= most and title == " " else "1" for n, title in zip(blanks, titles, strict=True)])
    spans = [m.span() for m in re.finditer("1+", dense)]
    spans = _with_open_end(spans, header)
    if not 2 <= len(spans) <= _MAX_COLUMNS:
        return None
    spans[-1] = spans[-1][0], max(spans[-1][1], widest if widest > wide else 0)
    names = clean_names(_titles_over(spans, header))
    slots = [_span_slot(name, span, blanks) for name, span in zip(names[:-1], spans, strict=False)]
    ends = max([len(line) for line in full if line[-1:] == " "], default=0)
    literals, bounds, slots = _bounds(spans, slots)
    columns = [
        tuple([line[a:b].rstrip(" ") for line in lines] if left else [line[a:b].lstrip(" ") for line in lines])
        for a, b, left in bounds
    ]
    cut = Layout(literals, (*slots, Slot(names[-1])), cut=True)
    fit = verified(cut, bytearray(b"\1" * len(lines)), columns, lines)
    if ends and fit.covered < len(lines):
        padded_to = Slot(names[-1], "<", ends - spans[-1][0])
        whole = verified(Layout(literals, (*slots, padded_to)), bytearray(b"\1" * len(lines)), columns, lines)
        fit = max(fit, whole, key=lambda fit: fit.covered)
    return _without_titles(fit)


def _without_titles(fit: Fit) -> Fit:
    """The fit without the few lines that fill one of many columns: headings and totals, no rows."""
    size = len(fit.columns)
    if size < 3:
        return fit
    filled = bytes([cells.count("") < size - 1 for cells in zip(*fit.columns, strict=True)])
    return kept(fit, filled) if filled.count(0) * 5 < len(filled) else fit


def _bounds(
    spans: Sequence[tuple[int, int]], slots: Sequence[Slot]
) -> tuple[tuple[str, ...], list[tuple[int, int | None, bool]], list[Slot]]:
    """Literals, where each cell begins and ends and whether it is left-aligned, and the slots; the last cell is open.

    A right-aligned cell may reach into the gap before it, as printf lets it.
    """
    literals, columns, out = [" " * spans[0][0]], [], []
    for i, (slot, (start, end)) in enumerate(zip(slots, spans, strict=False)):
        gap = start - spans[i - 1][1] if i else 0
        if slot.align == ">":
            reach = max(gap - 1, 0)
            literals[-1] = literals[-1][reach:]
            out.append(Slot(slot.name, ">", slot.width + reach))
            columns.append((start - reach, end, False))
        else:
            out.append(slot)
            columns.append((start, spans[i + 1][0], True))
        literals.append(" " * (spans[i + 1][0] - end))
    rights = [*columns[1:], (spans[-1][0], None, True)]
    cells = [(a, min(b, c[0]) if left else b, left) for (a, b, left), c in zip(columns, rights, strict=True)]
    return (*literals, ""), [*cells, (spans[-1][0], None, True)], out


def _with_open_end(spans: list[tuple[int, int]], header: str) -> list[tuple[int, int]]:
    """The spans with those behind the last title as one: running text (a command line) has no columns."""
    last = re.search(r"\S+\s*$", header)
    if last is None:
        return spans
    inside = [i for i, (start, _) in enumerate(spans) if start < last.end()]
    end = inside[-1] if inside else 0
    return [*spans[:end], (spans[end][0], spans[-1][1])] if spans else spans


def _span_slot(name: str, span: tuple[int, int], blanks: Sequence[int]) -> Slot:
    """Left-aligned unless the cells end together more often than they start together; `blanks` of each position."""
    start, end = span
    return Slot(name, ">" if blanks[end - 1] < blanks[start] else "<", end - start)


def _titles_over(spans: Sequence[tuple[int, int]], header: str) -> list[str]:
    """The header's words, each given to the column that it overlaps most or stands nearest to."""
    titles = [""] * len(spans)
    for word in re.finditer(r"\S+", header):
        overlap = [min(word.end(), end) - max(word.start(), start) for start, end in spans]
        best = overlap.index(max(overlap))
        titles[best] = f"{titles[best]} {word[0]}".strip()
    return titles


def fit_split(
    lines: Sequence[str], split: Callable[[str], list[str]], mark: str, header: Sequence[str] = ()
) -> Fit | None:
    """Lines that `split` cuts at `mark` into the same number of fields; blanks around a field are its padding."""
    count, hits, flat = _fields_of(lines, split)
    if not 2 <= count <= _MAX_FIELDS or len(flat) < 2 * count:
        return None
    columns = [tuple(flat[i::count]) for i in range(count)]
    del flat
    step = spread(len(columns[0])).step
    literals, slots = [""], []
    names = _names_for([h.strip() for h in header], count)
    for i, (column, name) in enumerate(zip(columns, names, strict=True)):
        before, slot, after = _learn_field(column[::step], name)
        literals[-1] += before
        slots.append(slot)
        literals.append(after + (mark if i < count - 1 else ""))
    layout = Layout(tuple(literals), tuple(slots))
    if any(slot.width for slot in slots) or any(x.strip(mark) for x in literals):
        columns = [tuple([cell.strip(" ") for cell in column]) for column in columns]
    return verified(layout, hits, columns, lines)


def _fields_of(lines: Sequence[str], split: Callable[[str], list[str]]) -> tuple[int, bytearray, list[str]]:
    """How many fields most lines have, which lines those are, and their fields, one line's after the other's."""
    flat: dict[int, list[str]] = defaultdict(list)
    sizes: list[int] = []
    for line in lines:
        fields = split(line)
        sizes.append(len(fields))
        flat[len(fields)] += fields
    count = most_frequent(sizes)[0]
    return count, bytearray([size == count for size in sizes]), flat[count]


def _learn_field(column: Column, name: str) -> tuple[str, Slot, str]:
    """The fixed blanks before and after a padded field and its slot."""
    if not any(map(str.startswith, column, repeat(" "))) and not any(map(str.endswith, column, repeat(" "))):
        return "", Slot(name), ""
    filled = [f for f in column if f.strip(" ")] or column
    leads = [len(f) - len(f.lstrip(" ")) for f in filled]
    trails = [len(f) - len(f.rstrip(" ")) for f in filled]
    lead, led = most_frequent(leads)
    trail, trailed = most_frequent(trails)
    sizes = list(map(len, column))
    width, same = most_frequent(sizes)
    left = led >= trailed
    if same < 2 or same < len(column) * 0.5 or min(sizes) < width:  # padding leaves no field shorter
        return " " * lead, Slot(name), " " * trail
    before, after = (lead, int(min(trails) > 0)) if left else (int(min(leads) > 0), trail)
    return " " * before, Slot(name, "<" if left else ">", max(0, width - before - after)), " " * after


def verified(layout: Layout, hits: bytearray, columns: list[Column], lines: Sequence[str]) -> Fit:
    """The fit with only those of its rows that the layout prints exactly."""
    if layout.needs_widest:
        return kept(Fit(layout, hits, columns), _same_runs(layout, hits, columns, lines))
    return kept(Fit(layout, hits, columns), bytes(map(eq, layout.printed(columns), compress(lines, hits))))


def kept(fit: Fit, rows: bytes) -> Fit:
    """The fit without those of its rows for which `rows` holds 0."""
    if 0 not in rows:
        return fit
    hits = bytearray(fit.hits)
    for at, row in zip(list(compress(range(len(hits)), hits)), rows, strict=True):
        hits[at] = row
    return Fit(fit.layout, hits, [tuple(compress(column, rows)) for column in fit.columns])


def _same_runs(layout: Layout, hits: bytearray, columns: list[Column], lines: Sequence[str]) -> bytes:
    """Widths depend on the run, so a run counts only as a whole."""
    same: list[bytes] = []
    at = 0
    for run in re.finditer(b"\1+", hits):
        start, end = run.span()
        part = [column[at : at + end - start] for column in columns]
        whole = all(map(eq, layout.printed(part, layout.widest(part)), lines[start:end]))
        same.append(bytes([whole]) * (end - start))
        at += end - start
    return b"".join(same)
