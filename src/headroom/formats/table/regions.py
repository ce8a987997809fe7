"""Stretches of a text that are tables, and the layout that prints each: found by structure, whatever the command.

A stretch is a run of lines without a blank one. The candidates for its layout are cells under one another (gutters), a
fixed number of words, and fields between marks; the one that leaves the fewest characters wins. What it does not print
is looked at again, so two tables that follow each other without a blank line are both found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import methodcaller

from headroom.formats.listing.paths import are_plain, is_plain
from headroom.formats.table import rowcode
from headroom.formats.table.fitting import Fit, fit_gutters, fit_split, fit_words
from headroom.formats.table.layout import Cells, Layout, Slot, spread
from headroom.formats.table.rowcode import Placed
from headroom.tokens import count_tokens

_MIN_ROWS = 4
_MIN_PATHS = 80
_MIN_COVER = 0.6
_DEPTH = 4
_WORTH = 0.95
_CHOICE, _MAX_STRETCHES = 120, 2_000
_SLICE, _MAX_SLICE = 200, 2_000
_RAW_COST, _MAY_LOSE = 4, 3
_BARS = ("|", "│", "║")
_PIPE = re.compile(r"(?<!\\)\|")
_TITLE = re.compile(r"[|/+]+|\[[A-Z][a-z]+\]|[A-Z%#(][A-Za-z%/_()#:.+-]*")
_TITLE_WORD = re.compile(r"[a-z_]{1,12}|-")
_GAP = re.compile(r" {2,}|\t")
_PLAIN_PATH = re.compile(r"(?=[^>])[^ \t{]*(?:\{(?!\d+\.\.\d+\})[^ \t{]*)*(?<!/)")


@dataclass(slots=True)
class Region:
    """Lines `start` to `end` (end exclusive), the layout of most of them and the cells of each (None: no row)."""

    start: int
    end: int
    layout: Layout
    rows: list[Cells | None]
    header: str = ""
    mark: str = ""

    def placed(self, lines: Sequence[str], verbatim: Collection[int] = ()) -> list[Placed]:
        """The region's lines as units; those in `verbatim` stand as they are, where no width hangs on them."""
        whole = () if self.layout.needs_widest else verbatim
        return [
            Placed(lines[i]) if row is None or i in whole else Placed(lines[i], 0, row)
            for i, row in enumerate(self.rows, self.start)
        ]


def regions(lines: Sequence[str]) -> list[Region]:
    """All tables of the text that are worth a layout of their own, in order."""
    out: list[Region] = []
    start = tried = 0
    for i in range(len(lines) + 1):
        if tried > _MAX_STRETCHES:
            break
        if i < len(lines) and lines[i].strip() and not (i - start >= _MIN_ROWS and heads_table(lines[i])):
            continue
        if i - start >= _MIN_ROWS:
            tried += 1
            _find(lines, start, i, out, _DEPTH)
        start = i if i < len(lines) and lines[i].strip() else i + 1
    return out


def heads_table(line: str) -> bool:
    """Whether a line is surely the titles of another table, though no blank line stands before it."""
    return line.lstrip(" |/+[")[:1].isupper() and len(_GAP.findall(line.strip())) > 0 and _titles(line)


def _find(lines: Sequence[str], start: int, end: int, out: list[Region], depth: int) -> None:
    """The best region of the stretch, and those in what it leaves over before and behind."""
    if end - start < _MIN_ROWS or not depth:
        return
    region = _best(lines, start, end)
    if region is None:
        return
    _find(lines, start, region.start, out, depth - 1)
    out.append(region)
    _find(lines, region.end, end, out, depth - 1)


def _best(lines: Sequence[str], start: int, end: int) -> Region | None:
    """The best layout for the stretch; on a long one the choice is made on a sample of it."""
    part = lines[start:end]
    some = part
    if len(part) > 2 * _CHOICE:
        some = [*part[:2], *(part[i] for i in spread(len(part), _CHOICE) if i > 1)]
    tried: list[tuple[int, _Way, Region]] = []
    least = -_MAY_LOSE * len(some)
    for way in _ways(some):
        region = _trimmed(way.fit(some), start, way.header)
        gain = _gain(region) if region else least
        if region and gain > least:
            tried.append((gain, way, region))
            if way.sure:
                break
    tried.sort(key=lambda t: -t[0])
    if some is part:
        return tried[0][2] if tried else None
    # What prints the sample best may fail on what the sample did not hold.
    fits = (_trimmed(way.fit(part), start, way.header) for _, way, _ in tried)
    return next((region for region in fits if region is not None), None)


@dataclass(slots=True)
class _Way:
    """One way to read a stretch: how to fit lines, how many lines stand above the rows, whether to look no further."""

    read: Callable[[Sequence[str]], Fit | None]
    skip: int
    header: str
    sure: bool = False

    def fit(self, part: Sequence[str]) -> Fit | None:
        fit = self.read(part[self.skip :])
        if fit is not None:
            fit.rows[:0] = [None] * self.skip
        return fit


def _ways(part: Sequence[str]) -> Iterator[_Way]:
    """The readings worth trying, the surest first."""
    skip = _header_line(part) + 1
    header = part[skip - 1] if skip else ""
    if len(part) < skip + _MIN_ROWS:
        return
    sample = [part[i] for i in spread(len(part), 60)]
    for bar in _BARS:
        if sum(bar in line for line in sample) > len(sample) * 0.7:
            split = _PIPE.split if any("\\|" in line for line in sample) else methodcaller("split", bar)
            titled = next(line for line in part if bar in line)
            titles = split(titled)
            read = partial(fit_split, split=split, mark=bar, header=titles)
            yield _Way(read, 0, titled, sure=len(titles) > 2)
    if sum(_GAP.search(line.strip()) is not None for line in sample) >= len(sample) * 0.5:
        yield _Way(lambda lines: fit_gutters(lines, header), skip, header)
    counts = Counter(len(line.split()) for line in sample)
    least = sorted(counts.elements())[len(sample) // 10]
    names = header.split()
    for count in sorted({least, counts.most_common(1)[0][0], len(names)}):
        if count > 1 and sum(n for c, n in counts.items() if c >= count) >= len(sample) * _MIN_COVER:
            yield _Way(partial(fit_words, count=count, names=names), skip, header)


def _header_line(part: Sequence[str]) -> int:
    """The line with the column titles: the first or the second one, or -1."""
    return next((i for i in (0, 1) if i < len(part) and _titles(part[i])), -1)


def _titles(line: str) -> bool:
    """Whether a line reads like column titles: words in capitals or with a capital, no numbers."""
    words = line.split()
    titles = sum(_TITLE.fullmatch(word) is not None for word in words)
    small = sum(_TITLE_WORD.fullmatch(word) is not None for word in words)
    return len(words) > 1 and titles + small == len(words) and titles > 2 * small


def _trimmed(fit: Fit | None, start: int, header: str) -> Region | None:
    """The densest part of the stretch: from the first row on, until rows become rare."""
    if fit is None:
        return None
    rows = fit.rows
    hits = [i for i, row in enumerate(rows) if row is not None]
    if len(hits) < _MIN_ROWS:
        return None
    first = last = hits[0]
    if hits[-1] - first + 1 == len(hits):  # rows without anything between them
        return Region(start + first, start + hits[-1] + 1, fit.layout, rows[first : hits[-1] + 1], header)
    for i, at in enumerate(hits[1:], 2):
        if at - last > 8 and (at - first) > i / _MIN_COVER:
            if i > _MIN_ROWS:
                break
            first = at
        last = at
    kept = sum(1 for i in hits if first <= i <= last)
    if kept < _MIN_ROWS or kept < (last - first + 1) * _MIN_COVER:
        return None
    return Region(start + first, start + last + 1, fit.layout, rows[first : last + 1], header)


def _gain(region: Region) -> int:
    """Characters saved, roughly: padding and literals of each row, less a separator for each cell."""
    cells = [row for row in region.rows if row is not None]
    sample = [cells[i] for i in spread(len(cells), 40)]
    body = 0
    for column in zip(*sample, strict=True):
        value, uses = Counter(column).most_common(1)[0]
        if uses < len(sample):
            size = len(_narrow("|".join(column)))
            body += size - uses * (len(value) + 1) if 2 * uses > len(sample) else size
    printed = sum(len(_narrow(line)) for line in map(region.layout.printer(region.layout.widest(sample)), sample))
    raw = len(region.rows) - len(cells)
    return (printed - body) * len(cells) // len(sample) - len(region.layout.spec()) - _RAW_COST * raw


def _narrow(line: str) -> str:
    return _GAP.sub("  ", line)


def coded(region: Region, lines: Sequence[str], tree: str = "", verbatim: Collection[int] = ()) -> list[str] | None:
    """The region as coded rows, None where that is not smaller.

    `tree` is the column of paths to factor; the lines in `verbatim` are asked for and stand as they are.
    """
    if not tree and region.end - region.start > _MAX_SLICE and not _pays(region, lines):
        return None
    units = region.placed(lines, verbatim)
    if tree:
        at = region.layout.names.index(tree)
        if not are_plain([u.cells[at] for u in units if u.form >= 0]):
            units = [u if u.form < 0 or is_plain(u.cells[at]) else Placed(u.text) for u in units]
    out = rowcode.encode(units, [region.layout], tree=tree)
    return out if out is not None and _is_smaller(out, lines[region.start : region.end]) else None


def _pays(region: Region, lines: Sequence[str]) -> bool:
    """Whether a slice from the middle of a long region gets smaller."""
    start = (region.end - region.start) // 2
    rows = region.rows[start : start + _SLICE]
    part = Region(region.start + start, region.start + start + len(rows), region.layout, rows)
    out = rowcode.encode(part.placed(lines), [region.layout])
    return out is not None and count_tokens("\n".join(out[1:])) < _WORTH * count_tokens(
        "\n".join(lines[part.start : part.end])
    )


def _is_smaller(coded_lines: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether tokens are won; plain where a third of the characters that are no padding went."""
    after, before = "\n".join(coded_lines), "\n".join(printed)
    widest = len(before) + before.count("\t")  # a tab is one character, a gap counts as two
    if 3 * len(after) < 2 * widest and 3 * len(after) < 2 * _narrow_size(printed):
        return True
    return count_tokens(after) < count_tokens(before) * _WORTH


def _narrow_size(lines: Sequence[str]) -> int:
    """The characters of lines without their padding, line ends between them included."""
    return sum([len(_narrow(line)) for line in lines]) + len(lines) - 1


def path_column(region: Region) -> str:
    """The column that holds paths in most of its rows, or ""."""
    rows = [row for row in region.rows if row is not None]
    sample = [rows[i] for i in spread(len(rows), 80)]
    for name, column in zip(region.layout.names, zip(*sample, strict=True), strict=True):
        if sum("/" in cell and "://" not in cell for cell in column) > len(column) * 0.6:
            return name
    return ""


def path_lists(lines: Sequence[str]) -> list[Region]:
    """Stretches of lines that are nothing but paths."""
    out: list[Region] = []
    start = 0
    layout = Layout(("", ""), (Slot("path"),))
    for i in range(len(lines) + 1):
        if i < len(lines) and _is_path(lines[i]):
            continue
        if i - start >= _MIN_PATHS and "/" in lines[start] + lines[(start + i) // 2] + lines[i - 1]:
            out.append(Region(start, i, layout, [(line,) for line in lines[start:i]]))
        start = i + 1
    return out


def _is_path(line: str) -> bool:
    return _PLAIN_PATH.fullmatch(line) is not None
