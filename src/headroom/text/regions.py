"""Stretches of a text that are tables, and the layout that prints each: found by structure, whatever the command.

A stretch is a run of lines without a blank one. The candidates for its layout are cells under one another (gutters), a
fixed number of words, and fields between marks; the one that leaves the fewest characters wins. What it does not print
is looked at again, so two tables that follow each other without a blank line are both found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from headroom.text import rowcode
from headroom.text.layout import Cells, Fit, Layout, fit_gutters, fit_split, fit_words, spread
from headroom.text.rowcode import Placed
from headroom.tokens import count_tokens

_MIN_ROWS = 4
_MIN_COVER = 0.6
_DEPTH = 4
_WORTH = 0.96
_PIPE = re.compile(r"(?<!\\)\|")
_TITLE = re.compile(r"[A-Z%#(][A-Za-z%/_()#:.+-]*|[a-z]{1,3}|-")
_GAP = re.compile(r" {2,}|\t")


@dataclass(slots=True)
class Region:
    """Lines `start` to `end` (end exclusive), the layout of most of them and the cells of each (None: no row)."""

    start: int
    end: int
    layout: Layout
    rows: list[Cells | None]
    header: str = ""
    mark: str = ""

    def placed(self, lines: Sequence[str]) -> list[Placed]:
        return [
            Placed(lines[self.start + i]) if row is None else Placed(lines[self.start + i], 0, row)
            for i, row in enumerate(self.rows)
        ]


def regions(lines: Sequence[str]) -> list[Region]:
    """All tables of the text that are worth a layout of their own, in order."""
    out: list[Region] = []
    start = 0
    for i in range(len(lines) + 1):
        if i < len(lines) and lines[i].strip() and not (i - start >= _MIN_ROWS and _heads(lines[i])):
            continue
        if i - start >= _MIN_ROWS:
            _find(lines, start, i, out, _DEPTH)
        start = i if i < len(lines) and lines[i].strip() else i + 1
    return out


def _heads(line: str) -> bool:
    """Whether a line is surely the titles of another table, though no blank line stands before it."""
    return line[:1].isupper() and len(_GAP.findall(line.strip())) > 1 and _titles(line)


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
    part = lines[start:end]
    best: Region | None = None
    best_gain = 0
    for fit, header in _fits(part):
        region = _trimmed(fit, start, header)
        if region is None:
            continue
        gain = _gain(region)
        if gain > best_gain:
            best, best_gain = region, gain
    return best


def _fits(part: Sequence[str]) -> list[tuple[Fit, str]]:
    found: list[tuple[Fit | None, str]] = []
    skip = _header_line(part)
    header = part[skip] if skip >= 0 else ""
    if len(part) <= skip + _MIN_ROWS:
        return []
    sample = [part[i] for i in spread(len(part), 60)]
    if sum("|" in line for line in sample) > len(sample) * 0.7:
        names = _PIPE.split(part[0].strip("| ")) if part[0].count("|") > 1 else []
        split = _PIPE.split if any("\\|" in line for line in sample) else _by_pipe
        fit = fit_split(part, split, "|", names)
        if fit is not None and fit.covered >= len(part) * 0.8:
            return [(fit, part[0])]
    gapped = sum(_GAP.search(line.strip()) is not None for line in sample)
    if gapped >= len(sample) * 0.5:
        found.append((_shifted(fit_gutters(part[skip + 1 :], header), skip + 1), header))
    counts = Counter(len(line.split()) for line in sample)
    least = sorted(counts.elements())[len(sample) // 10]
    titles = header.split()
    for count in sorted({least, counts.most_common(1)[0][0], len(titles)}):
        if sum(n for c, n in counts.items() if c >= count) >= len(sample) * _MIN_COVER:
            found.append((_shifted(fit_words(part[skip + 1 :], count, titles), skip + 1), header))
    return [(fit, header) for fit, header in found if fit is not None]


def _by_pipe(line: str) -> list[str]:
    return line.split("|")


def _header_line(part: Sequence[str]) -> int:
    """The line with the column titles: the first or the second one, or -1."""
    return next((i for i in (0, 1) if i < len(part) and _titles(part[i])), -1)


def _titles(line: str) -> bool:
    """Whether a line reads like column titles: words in capitals or with a capital, no numbers."""
    words = line.split()
    return len(words) > 1 and all(_TITLE.fullmatch(word) for word in words)


def _shifted(fit: Fit | None, by: int) -> Fit | None:
    return fit and Fit(fit.layout, [None] * by + fit.rows)


def _trimmed(fit: Fit, start: int, header: str) -> Region | None:
    """The densest part of the stretch: from the first row on, until rows become rare."""
    rows = fit.rows
    hits = [i for i, row in enumerate(rows) if row is not None]
    if len(hits) < _MIN_ROWS:
        return None
    first = last = hits[0]
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
    sample = [cells[i] for i in spread(len(cells), 80)]
    coded = rowcode.encode([Placed("", 0, row) for row in sample], [region.layout])
    if coded is None:
        return 0
    body = sum(len(_narrow(line)) for line in coded[1:])
    printed = sum(len(_narrow(line)) for line in map(region.layout.printer(region.layout.widest(sample)), sample))
    return (printed - body) * len(cells) // len(sample) - len(region.layout.spec())


def _narrow(line: str) -> str:
    return _GAP.sub("  ", line)


def coded(region: Region, lines: Sequence[str], mark: str = "", stateless: bool = False) -> list[str] | None:
    """The region as coded rows, or None where that is not smaller."""
    out = rowcode.encode(region.placed(lines), [region.layout], mark=mark, stateless=stateless)
    if out is None:
        return None
    before = count_tokens("\n".join(lines[region.start : region.end]))
    return out if count_tokens("\n".join(out)) < before * _WORTH else None
