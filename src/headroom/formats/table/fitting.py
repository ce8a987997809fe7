"""Layouts learned from printed lines: cells under one another, a fixed number of words, or fields between marks.

A fit counts only those lines that its layout prints again to the byte.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headroom.formats.table.layout import SAMPLE, WIDEST, Cells, Layout, Slot, clean_names, spread

_MAX_COLUMNS = 40
_MAX_SCAN, _MAX_WIDE = 20_000, 500
_FEW_IN_GUTTER = 40


@dataclass(slots=True)
class Fit:
    """A layout and the cells of the lines it prints exactly; None for a line it does not."""

    layout: Layout
    rows: list[Cells | None]

    @property
    def covered(self) -> int:
        return len(self.rows) - self.rows.count(None)


def fit_words(lines: Sequence[str], count: int, names: Sequence[str] = ()) -> Fit | None:
    """Lines of `count` words split by blanks, the last one taking the rest of the line."""
    if not 2 <= count <= _MAX_COLUMNS:
        return None
    pattern = re.compile(r"([ \t]*)" + r"(\S+)([ \t]+)" * (count - 1) + r"(\S(?:.*\S)?|)([ \t\r]*)", re.DOTALL)
    # Of most matches only the cells are kept: all groups of all lines would fill the memory.
    cells_only = range(2, 2 * count + 1, 2)
    rows: list[Cells | None] = [m.group(*cells_only) if (m := pattern.fullmatch(line)) else None for line in lines]
    found = [line for line, row in zip(lines, rows, strict=True) if row is not None]
    if len(found) < 2:
        return None
    sample = [m.groups() for i in spread(len(found)) if (m := pattern.fullmatch(found[i]))]
    gaps = [[g[2 * i] for g in sample] for i in range(count + 1)]
    cells = [[g[2 * i + 1] for g in sample] for i in range(count)]
    literals, slots = _learn_gaps(gaps, cells, clean_names(list(names) if len(names) == count else [""] * count))
    return verified(Layout(literals, slots), rows, lines)


def _learn_gaps(
    gaps: list[list[str]], cells: list[list[str]], names: list[str]
) -> tuple[tuple[str, ...], tuple[Slot, ...]]:
    """Which gaps are fixed text, which pad the cell before (left-aligned), which the cell behind (right-aligned)."""
    literals, slots = [], [Slot(name) for name in names]
    last = len(cells)
    for i, gap in enumerate(gaps):
        text, fixed = Counter(gap).most_common(1)[0]
        if fixed == len(gap):
            literals.append(text)
            continue
        if "\t" in text:
            tail = text[text.index("\t") :]
            before = _same_sums(gap, cells[i - 1]) if i and all(g.endswith(tail) for g in gap) else (0, 0)
            padded = before[1] > fixed
            literals.append(tail if padded else text)
            if padded:
                slots[i - 1] = Slot(names[i - 1], "<", before[0] - len(tail))
            continue
        least = min(gap, key=len) if 0 < i < last else ""
        behind = _same_sums(gap, cells[i]) if i < last else (0, 0)
        # A cell that is padded on its left already has no padding on its right.
        before = _same_sums(gap, cells[i - 1]) if i and not slots[i - 1].width else (0, 0)
        best = max(fixed, behind[1], before[1])
        widths = _widths_around(gap, cells[i - 1], cells[i], best) if 0 < i < last and not slots[i - 1].width else None
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


def _same_sums(gap: Sequence[str], cells: Sequence[str]) -> tuple[int, int]:
    """The most frequent length of gap and cell together, and how often it is met."""
    return Counter(len(g) + len(c) for g, c in zip(gap, cells, strict=True)).most_common(1)[0]


def _widths_around(
    gap: Sequence[str], before: Sequence[str], behind: Sequence[str], best: int
) -> tuple[int, int] | None:
    """The widths of a left-aligned cell and the right-aligned one behind it, where that explains more than `best` gaps.

    What does not add up is a cell too wide for its slot: it shows the width of the other one.
    """
    sums = [len(g) + len(a) + len(b) for g, a, b in zip(gap, before, behind, strict=True)]
    total, same = Counter(sums).most_common(1)[0]
    numbers = sum(b[-1:].isdigit() for b in behind) > 0.9 * len(behind)
    if same < 0.5 * len(gap) or same <= best or (4 * same < 5 * best and not numbers):
        return None
    pushed = [len(g) + len(b) for g, b, size in zip(gap, behind, sums, strict=True) if size > total]
    width, seen = Counter(pushed).most_common(1)[0] if pushed else (0, 0)
    fitting = [len(b) for b, size in zip(behind, sums, strict=True) if size == total]
    right = width - 1 if seen > 1 and width > max(fitting) else max(fitting)
    left = total - 1 - right
    return (left, right) if left > 0 and right > 0 else None


def fit_gutters(lines: Sequence[str], header: str = "") -> Fit | None:
    """Lines whose cells stand under one another: columns are what blank gutters leave between them."""
    full = lines[:_MAX_SCAN]
    widest = max(map(len, full))
    wide = min(widest, _MAX_WIDE)
    if "\t" in "".join(full[:SAMPLE]):
        return None
    padded = [line[:wide].ljust(wide) for line in full]
    titles = header[:wide].ljust(wide)
    most = len(padded) - len(padded) // _FEW_IN_GUTTER
    blanks = [signs.count(" ") for signs in zip(*padded, strict=True)]
    dense = "".join(["0" if n >= most and title == " " else "1" for n, title in zip(blanks, titles, strict=True)])
    spans = [m.span() for m in re.finditer("1+", dense)]
    spans = _with_open_end(spans, header)
    if not 2 <= len(spans) <= _MAX_COLUMNS:
        return None
    spans[-1] = spans[-1][0], max(spans[-1][1], widest if widest > wide else 0)
    names = clean_names(_titles_over(spans, header))
    slots = [_span_slot(name, span, blanks) for name, span in zip(names[:-1], spans, strict=False)]
    ends = max((len(line) for line in full if line.endswith(" ")), default=0)
    literals, columns, slots = _bounds(spans, slots)
    cells: list[Cells | None] = [
        tuple([line[a:b].rstrip(" ") if left else line[a:b].lstrip(" ") for a, b, left in columns]) for line in lines
    ]
    fits = [verified(Layout(literals, (*slots, Slot(names[-1])), cut=True), cells, lines)]
    if ends:
        fits.append(verified(Layout(literals, (*slots, Slot(names[-1], "<", ends - spans[-1][0]))), cells, lines))
    return _without_titles(max(fits, key=lambda fit: fit.covered))


def _without_titles(fit: Fit) -> Fit:
    """The fit without the few lines that fill one of many columns: headings and totals, no rows."""
    if len(fit.layout.slots) > 2:
        lone = [i for i, row in enumerate(fit.rows) if row is not None and row.count("") > len(row) - 2]
        if len(lone) * 5 < fit.covered:
            for i in lone:
                fit.rows[i] = None
    return fit


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
    fields = [split(line) for line in lines]
    count, seen = Counter(map(len, fields)).most_common(1)[0]
    if count < 2 or count > 200 or seen < 2:
        return None
    good = [f for f in fields if len(f) == count]
    columns = list(zip(*[good[i] for i in spread(len(good))], strict=True))
    names = clean_names([h.strip() for h in header] if len(header) == count else [""] * count)
    literals, slots = [""], []
    for i, (column, name) in enumerate(zip(columns, names, strict=True)):
        before, slot, after = _learn_field(column, name)
        literals[-1] += before
        slots.append(slot)
        literals.append(after + (mark if i < count - 1 else ""))
    layout = Layout(tuple(literals), tuple(slots))
    strip = any(slot.width for slot in slots) or any(x.strip(mark) for x in literals)
    rows: list[Cells | None] = [
        (tuple([x.strip(" ") for x in f]) if strip else tuple(f)) if len(f) == count else None for f in fields
    ]
    return verified(layout, rows, lines)


def _learn_field(column: Sequence[str], name: str) -> tuple[str, Slot, str]:
    """The fixed blanks before and after a padded field and its slot."""
    if not any(f[:1] == " " or f[-1:] == " " for f in column):
        return "", Slot(name), ""
    filled = [f for f in column if f.strip(" ")] or list(column)
    leads = Counter(len(f) - len(f.lstrip(" ")) for f in filled).most_common(1)[0]
    trails = Counter(len(f) - len(f.rstrip(" ")) for f in filled).most_common(1)[0]
    width, same = Counter(map(len, column)).most_common(1)[0]
    left = leads[1] >= trails[1]
    before, after = (leads[0], 0) if left else (0, trails[0])
    if same < 2 or same < len(column) * 0.5 or min(map(len, column)) < width:  # padding leaves no field shorter
        return " " * leads[0], Slot(name), " " * trails[0]
    if left and min(len(f) - len(f.rstrip(" ")) for f in filled) > 0:
        after = 1
    if not left and min(len(f) - len(f.lstrip(" ")) for f in filled) > 0:
        before = 1
    return " " * before, Slot(name, "<" if left else ">", max(0, width - before - after)), " " * after


def verified(layout: Layout, rows: list[Cells | None], lines: Sequence[str]) -> Fit:
    """The fit with only those rows that the layout prints exactly."""
    if layout.needs_widest:
        return _verified_runs(layout, rows, lines)
    printed = layout.printer()
    exact = [row is not None and printed(row) == line for row, line in zip(rows, lines, strict=True)]
    return Fit(layout, [row if same else None for row, same in zip(rows, exact, strict=True)])


def _verified_runs(layout: Layout, rows: list[Cells | None], lines: Sequence[str]) -> Fit:
    """Widths depend on the run, so a run counts only as a whole."""
    out: list[Cells | None] = [None] * len(rows)
    start = 0
    while start < len(rows):
        end = start
        while end < len(rows) and rows[end] is not None:
            end += 1
        run = [row for row in rows[start:end] if row is not None]
        if run:
            printed = layout.printer(layout.widest(run))
            if all(printed(row) == line for row, line in zip(run, lines[start:end], strict=True)):
                out[start:end] = run
        start = end + 1
    return Fit(layout, out)
