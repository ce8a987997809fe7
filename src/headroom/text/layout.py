"""How a printed row is made from its cells: literal text, slots, padding. Learned from aligned lines, exact both ways.

A layout reads like a format string: `root {PID:>9} {TTY:<8} {COMMAND}`. `{NAME:<8}` pads with spaces to 8 characters
on the right, `{NAME:>8}` on the left, `{NAME:>*}` to the widest cell of its run of rows. A cell that is wider than its
slot pushes the rest of the row to the right, as printf does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Cells = tuple[str, ...]

WIDEST = -1
_SPEC = re.compile(r"\{\{|\}\}|\{([^{}:]+)(?::([<>])(\d+|\*))?\}")
_NOT_IN_NAMES = re.compile(r"[^\w.%#/@+\- ]+")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one cell. `width` is 0 for no padding, WIDEST for the widest cell of the run of rows it stands in."""

    name: str
    align: str = "<"
    width: int = 0

    def spec(self) -> str:
        if not self.width:
            return f"{{{self.name}}}"
        return f"{{{self.name}:{self.align}{'*' if self.width == WIDEST else self.width}}}"

    def pad(self, cell: str) -> str:
        return cell.rjust(self.width) if self.align == ">" else cell.ljust(self.width)


@dataclass(frozen=True, slots=True)
class Layout:
    """`literals[0] slot literals[1] slot … literals[-1]`; several slots may show the same name's cell.

    `cut` says that the printed row has no spaces at its end.
    """

    literals: tuple[str, ...]
    slots: tuple[Slot, ...]
    cut: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The cells of a row, in order of their first slot."""
        return tuple(dict.fromkeys(slot.name for slot in self.slots))

    def spec(self) -> str:
        """The layout as a format string; `parse` reads it back."""
        parts = [_escaped(self.literals[0])]
        for slot, literal in zip(self.slots, self.literals[1:], strict=True):
            parts += (slot.spec(), _escaped(literal))
        return "".join(parts)

    def printer(self, widest: dict[str, int] | None = None) -> Callable[[Cells], str]:
        """A function from the cells (by `names`) to the printed row; `widest` is needed for WIDEST slots."""
        parts = [_percent(self.literals[0])]
        for slot, literal in zip(self.slots, self.literals[1:], strict=True):
            width = (widest or {}).get(slot.name, 0) if slot.width == WIDEST else slot.width
            parts.append(f"%{'-' if slot.align == '<' else ''}{width}s" if width else "%s")
            parts.append(_percent(literal))
        pattern, names = "".join(parts), self.names
        if len(names) == len(self.slots):
            return (lambda cells: (pattern % cells).rstrip(" ")) if self.cut else (lambda cells: pattern % cells)
        where = [names.index(slot.name) for slot in self.slots]
        if self.cut:
            return lambda cells: (pattern % tuple([cells[i] for i in where])).rstrip(" ")
        return lambda cells: pattern % tuple([cells[i] for i in where])

    @property
    def needs_widest(self) -> bool:
        return any(slot.width == WIDEST for slot in self.slots)

    def widest(self, rows: Sequence[Cells]) -> dict[str, int]:
        """The widths of the WIDEST slots for a run of rows."""
        names = self.names
        wanted = {slot.name for slot in self.slots if slot.width == WIDEST}
        return {name: max(len(row[i]) for row in rows) for i, name in enumerate(names) if name in wanted}


def parse(spec: str, cut: bool = False) -> Layout:
    """The layout that a format string stands for."""
    literals, slots, literal, at = [], [], [], 0
    for match in _SPEC.finditer(spec):
        literal.append(spec[at : match.start()])
        at = match.end()
        if match[1] is None:
            literal.append(match[0][0])
            continue
        literals.append("".join(literal))
        literal = []
        width = WIDEST if match[3] == "*" else int(match[3] or 0)
        slots.append(Slot(match[1], match[2] or "<", width))
    literal.append(spec[at:])
    literals.append("".join(literal))
    return Layout(tuple(literals), tuple(slots), cut)


def clean_names(titles: Sequence[str], taken: frozenset[str] = frozenset()) -> list[str]:
    """Column titles as distinct slot names; a column without a title gets a letter."""
    out: list[str] = []
    seen = set(taken)
    for i, title in enumerate(titles):
        name = _NOT_IN_NAMES.sub("", title).strip() or letters(i)
        base, n = name, 2
        while name in seen:
            name, n = f"{base}{n}", n + 1
        seen.add(name)
        out.append(name)
    return out


def letters(i: int) -> str:
    """0 → a, 25 → z, 26 → aa: short names for what has none."""
    name = ""
    i += 1
    while i:
        i, r = divmod(i - 1, 26)
        name = chr(97 + r) + name
    return name


def _escaped(literal: str) -> str:
    return literal.replace("{", "{{").replace("}", "}}")


def _percent(literal: str) -> str:
    return literal.replace("%", "%%")


# --- learning a layout from lines ---------------------------------------------------------------------------------

_SAMPLE = 240
_MAX_COLUMNS = 40
_MAX_SCAN = 20_000


@dataclass(slots=True)
class Fit:
    """A layout and the cells of the lines it prints exactly; None for a line it does not."""

    layout: Layout
    rows: list[Cells | None]

    @property
    def covered(self) -> int:
        return len(self.rows) - self.rows.count(None)


def spread(count: int, most: int = _SAMPLE) -> range:
    """At most `most` evenly spaced positions of `count`."""
    return range(0, count, max(1, -(-count // most)))


def fit_words(lines: Sequence[str], count: int, names: Sequence[str] = ()) -> Fit | None:
    """Lines of `count` words split by blanks, the last one taking the rest of the line."""
    if not 2 <= count <= _MAX_COLUMNS:
        return None
    pattern = re.compile(r"([ \t]*)" + r"(\S+)([ \t]+)" * (count - 1) + r"(\S(?:.*\S)?|)([ \t\r]*)", re.DOTALL)
    matches = [pattern.fullmatch(line) for line in lines]
    found = [m.groups() for m in matches if m]
    if len(found) < 2:
        return None
    sample = [found[i] for i in spread(len(found))]
    gaps = [[g[2 * i] for g in sample] for i in range(count + 1)]
    cells = [[g[2 * i + 1] for g in sample] for i in range(count)]
    literals, slots = _learn_gaps(gaps, cells, clean_names(list(names) if len(names) == count else [""] * count))
    layout = Layout(literals, slots)
    wanted = slice(1, None, 2)
    rows: list[Cells | None] = [m.groups()[wanted] if m else None for m in matches]
    return verified(layout, rows, lines)


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
        before = _same_sums(gap, cells[i - 1]) if i else (0, 0)
        best = max(fixed, behind[1], before[1])
        if best == fixed:
            literals.append(text)
        elif best == before[1]:
            literals.append(least)
            slots[i - 1] = Slot(names[i - 1], "<", before[0] - len(least))
        else:
            literals.append(least)
            slots[i] = Slot(names[i], ">", behind[0] - len(least) if behind[1] > 0.6 * len(gap) else WIDEST)
    return tuple(literals), tuple(slots)


def _same_sums(gap: Sequence[str], cells: Sequence[str]) -> tuple[int, int]:
    """The most frequent length of gap and cell together, and how often it is met."""
    return Counter(len(g) + len(c) for g, c in zip(gap, cells, strict=True)).most_common(1)[0]


def fit_gutters(lines: Sequence[str], header: str = "") -> Fit | None:
    """Lines whose cells stand under one another: columns are what blank gutters leave between them."""
    full = list(lines[:_MAX_SCAN])
    wide = max(map(len, full))
    if wide > 2_000 or "\t" in "".join(full[:_SAMPLE]):
        return None
    allowed = len(full) // 40
    most = len(full) + (1 if header else 0) - allowed
    padded = [line.ljust(wide) for line in (*full, *([header[:wide]] if header else ()))]
    dense = "".join(["0" if column.count(" ") >= most else "1" for column in zip(*padded, strict=True)])
    spans = [(m.start(), m.end()) for m in re.finditer("1+", dense)]
    if not 2 <= len(spans) <= _MAX_COLUMNS:
        return None
    names = clean_names(_titles_over(spans, header))
    ends = max((len(line) for line in full if line.endswith(" ")), default=0)
    slots = [_span_slot(name, span, padded[: len(full)]) for name, span in zip(names, spans, strict=True)]
    if ends or slots[-1].align == "<":
        slots[-1] = Slot(names[-1], "<", 0)
    literals, fields = [" " * spans[0][0]], []
    for i, (slot, (start, end)) in enumerate(zip(slots, spans, strict=True)):
        gap = start - spans[i - 1][1] if i else 0
        if slot.align == ">" and gap > 1:  # a longer cell may reach into the gap, as printf lets it
            literals[-1] = " "
            slots[i] = Slot(slot.name, ">", slot.width + gap - 1)
        fields.append((start - max(gap - 1, 0), end) if slot.align == ">" else (start, None))
        literals.append(" " * (spans[i + 1][0] - end) if i + 1 < len(spans) else "")
    bounds = [(a, b if b is not None else c, b is None) for (a, b), c in zip(fields, [*[a for a, _ in fields[1:]], None], strict=True)]
    cells: list[Cells | None] = [
        tuple([line[a:b].rstrip(" ") if left else line[a:b].lstrip(" ") for a, b, left in bounds]) for line in lines
    ]
    fits = [verified(Layout(tuple(literals), tuple(slots), cut=True), cells, lines)]
    if ends:
        slots[-1] = Slot(names[-1], "<", ends - spans[-1][0])
        fits.append(verified(Layout(tuple(literals), tuple(slots)), cells, lines))
    return max(fits, key=lambda fit: fit.covered)


def _span_slot(name: str, span: tuple[int, int], lines: Sequence[str]) -> Slot:
    """Left-aligned unless the cells of the span end together more often than they start together."""
    start, end = span
    left = sum(line[start] != " " for line in lines)
    right = sum(line[end - 1] != " " for line in lines)
    return Slot(name, ">" if right > left else "<", end - start)


def _titles_over(spans: Sequence[tuple[int, int]], header: str) -> list[str]:
    """The header's words, each given to the column that it overlaps most or stands nearest to."""
    titles = [""] * len(spans)
    for word in re.finditer(r"\S+", header):
        overlap = [min(word.end(), end) - max(word.start(), start) for start, end in spans]
        best = overlap.index(max(overlap))
        titles[best] = f"{titles[best]} {word[0]}".strip()
    return titles


def fit_split(lines: Sequence[str], split: Callable[[str], list[str]], mark: str, header: Sequence[str] = ()) -> Fit | None:
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
    before = min(len(f) - len(f.lstrip(" ")) for f in filled)
    after = min(len(f) - len(f.rstrip(" ")) for f in filled)
    width, same = Counter(map(len, column)).most_common(1)[0]
    if same < 2 or same < len(column) * 0.5:
        return " " * before, Slot(name), " " * after
    left = sum(len(f) - len(f.lstrip(" ")) == before for f in filled)
    right = sum(len(f) - len(f.rstrip(" ")) == after for f in filled)
    return " " * before, Slot(name, ">" if right > left else "<", width - before - after), " " * after


def verified(layout: Layout, rows: list[Cells | None], lines: Sequence[str]) -> Fit:
    """The fit with only those rows that the layout prints exactly."""
    if layout.needs_widest:
        return _verified_runs(layout, rows, lines)
    printed = layout.printer()
    return Fit(layout, [row if row is not None and printed(row) == line else None for row, line in zip(rows, lines, strict=True)])


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
