"""Stretches of a text that are tables, and the layout that prints each: found by structure, whatever the command.

A stretch is a run of lines without a blank one. The candidates for its layout are cells under one another (gutters), a
fixed number of words, and fields between marks; the one that leaves the fewest characters wins. What it does not print
is looked at again, so two tables that follow each other without a blank line are both found.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import compress, islice
from operator import methodcaller

from headroom.formats.listing.paths import are_plain, is_plain
from headroom.formats.table import rowcode
from headroom.formats.table.fitting import Fit, fit_gutters, fit_split, fit_words, kept
from headroom.formats.table.layout import Column, Layout, Slot, most_frequent, spread
from headroom.tokens import count_tokens

_MIN_ROWS = 4
_MIN_PATHS = 80
_MIN_COVER = 0.6
_DEPTH = 4
_WORTH = 0.95
_CHOICE, _MAX_STRETCHES = 120, 2_000
_SLICE, _MAX_SLICE = 200, 2_000
_RAW_COST, _MAY_LOSE = 4, 3
_FIXED, _HOPELESS = 40, 0.07
_MANY, _SLICES, _SLICED, _CLOSE = 96, 8, 4, 0.05
_LOOKED_AT, _WEIGHED, _MAX_BETWEEN = 60, 40, 8
_SHORT, _HEADER = 40, len(f'{rowcode.START}4 lines; cells are split by " "; a row reads "{{a}} {{b}}"]')
_BARS = ("|", "│", "║")
_PIPE = re.compile(r"(?<!\\)\|")
_TITLE = re.compile(r"[|/+]+|\[[A-Z][a-z]+\]|[A-Z%#(][A-Za-z%/_()#:.+-]*")
_TITLE_WORD = re.compile(r"[a-z_]{1,12}|-")
_GAP = re.compile(r" {2,}|\t")
_WORD = re.compile(r"\w+|[^\w\s]+")
_PADDING = re.compile(r"   +")


@dataclass
class Region:
    """Lines `start` to `end` (end exclusive), the layout of most of them, and the cells of those by column.

    `hits` holds a byte for each line: 1 where it is a row of the layout, 0 where it stands as it is.
    """

    start: int
    end: int
    layout: Layout
    hits: bytearray
    columns: list[Column]
    header: str = ""
    mark: str = ""

    @property
    def rows(self) -> int:
        return self.hits.count(1)

    @cached_property
    def gain(self) -> int:
        """Characters saved, roughly: padding and literals of each row, less a separator for each cell."""
        sample = self.sampled(_WEIGHED)
        rows = len(sample[0])
        body = 0
        for column in sample:
            value = sorted(column)[rows // 2]  # the only one that can fill more than half of the column
            uses = column.count(value)
            if uses < rows:
                size = _narrow_size("|".join(column))
                body += size - uses * (len(value) + 1) if 2 * uses > rows else size
        printed = _narrow_size("\n".join(self.layout.printed(sample, self.layout.widest(sample)))) - rows + 1
        count = self.rows
        raw = len(self.hits) - count
        return (printed - body) * count // rows - len(self.layout.spec()) - _RAW_COST * raw

    def sampled(self, most: int) -> list[Column]:
        """The columns of at most so many evenly spaced rows."""
        step = spread(len(self.columns[0]), most).step
        return [column[::step] for column in self.columns]

    def part(self, start: int, end: int) -> Region:
        """The region's lines from `start` to `end`, counted from its first one."""
        first = self.hits.count(1, 0, start)
        last = first + self.hits.count(1, start, end)
        columns = [column[first:last] for column in self.columns]
        return replace(self, start=self.start + start, end=self.start + end, hits=self.hits[start:end], columns=columns)

    def without(self, rows: bytes) -> Region:
        """The region with those of its rows as they are printed for which `rows` holds 0."""
        fit = kept(Fit(self.layout, self.hits, self.columns), rows)
        return replace(self, hits=fit.hits, columns=fit.columns)


def regions(lines: Sequence[str]) -> list[Region]:
    """All tables of the text that are worth a layout of their own, in order."""
    out: list[Region] = []
    for start, end in islice(_stretches(lines), _MAX_STRETCHES + 1):
        _find(lines, start, end, out, _DEPTH)
    return out


def _stretches(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Runs of enough lines that aren't blank; the titles of a table begin one of their own."""
    start = 0
    for i, line in enumerate(lines):
        blank = not line or line.isspace()
        if not blank and (i - start < _MIN_ROWS or not heads_table(line)):
            continue
        if i - start >= _MIN_ROWS:
            yield start, i
        start = i + blank
    if len(lines) - start >= _MIN_ROWS:
        yield start, len(lines)


def heads_table(line: str) -> bool:
    """Whether a line is surely the titles of another table, though no blank line stands before it."""
    return line.lstrip(" |/+[")[:1].isupper() and _GAP.search(line.strip()) is not None and _titles(line)


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


def is_too_little(part: Sequence[str]) -> bool:
    """Whether not even all words told before and all padding of a short stretch would pay for a header."""
    if len(part) > _SHORT:
        return False
    text = "\n".join(part)
    printed = text.split()
    padding = _narrow_size(text) - sum(map(len, printed)) - len(printed)
    if padding >= _HEADER:
        return False
    words = _WORD.findall(text)
    return padding + sum(map(len, words)) - sum(map(len, {*words})) < _HEADER


def _best(lines: Sequence[str], start: int, end: int) -> Region | None:
    """The best layout for the stretch; on a long one the choice is made on a sample of it."""
    part = some = lines[start:end]
    if len(part) > 2 * _CHOICE:
        some = [*part[:2], *(part[i] for i in spread(len(part), _CHOICE) if i > 1)]
    ways = _ways(some)
    if not ways or is_too_little(part):
        return None
    tried: list[tuple[_Way, Region]] = []
    for way in ways:
        region = way.region(some, start)
        if region and region.gain > -_MAY_LOSE * len(some):
            tried.append((way, region))
            if way.sure:
                break
    tried.sort(key=lambda t: -t[1].gain)
    if some is part:
        return tried[0][1] if tried else None
    # What prints the sample best may fail on what the sample did not hold.
    found = (way.region(part, start) for way, _ in tried)
    return next((region for region in found if region is not None), None)


@dataclass(slots=True)
class _Way:
    """One way to read a stretch: how to fit lines, how many lines stand above the rows, whether to look no further."""

    read: Callable[[Sequence[str]], Fit | None]
    skip: int
    header: str
    sure: bool = False

    def region(self, part: Sequence[str], start: int) -> Region | None:
        """What of a stretch that begins at line `start` this way reads, where that is enough."""
        fit = self.read(part[self.skip :])
        return None if fit is None else _trimmed(fit, start + self.skip, self.header)


def _ways(part: Sequence[str]) -> list[_Way]:
    """The readings worth trying, the surest first."""
    skip = _header_line(part) + 1
    header = part[skip - 1] if skip else ""
    if len(part) < skip + _MIN_ROWS:
        return []
    sample = part[:: spread(len(part), _LOOKED_AT).step]
    signs = "".join(sample)
    ways: list[_Way] = []
    for bar in _BARS:
        if bar in signs and sum([bar in line for line in sample]) > len(sample) * 0.7:
            split = _PIPE.split if "\\|" in signs else methodcaller("split", bar)
            titled = next(line for line in part if bar in line)
            titles = split(titled)
            read = partial(fit_split, split=split, mark=bar, header=titles)
            ways.append(_Way(read, 0, titled, sure=len(titles) > 2))
    gapped = [line for line in sample if ("  " in line or "\t" in line) and _GAP.search(line.strip())]
    if 2 * len(gapped) >= len(sample):
        ways.append(_Way(partial(fit_gutters, header=header), skip, header))
    words = [len(line.split()) for line in sample]
    sizes = sorted(words)
    names = header.split()
    for count in sorted({sizes[len(sizes) // 10], most_frequent(words)[0], len(names)}):
        if count > 1 and len(sizes) - bisect_left(sizes, count) >= len(sizes) * _MIN_COVER:
            ways.append(_Way(partial(fit_words, count=count, names=names), skip, header))
    return ways


def _header_line(part: Sequence[str]) -> int:
    """The line with the column titles: the first or the second one, or -1."""
    return next((i for i in (0, 1) if i < len(part) and _titles(part[i])), -1)


def _titles(line: str) -> bool:
    """Whether a line reads like column titles: words in capitals or with a capital, no numbers."""
    words = line.split()
    small = 0
    for word in words:
        if _TITLE.fullmatch(word) is None:
            if _TITLE_WORD.fullmatch(word) is None:
                return False
            small += 1
    return len(words) > 1 and len(words) > 3 * small


def _trimmed(fit: Fit, start: int, header: str) -> Region | None:
    """The densest part of the stretch: from the first row on, until rows become rare."""
    hits = fit.hits
    count = hits.count(1)
    if count < _MIN_ROWS:
        return None
    first, last = hits.find(1), hits.rfind(1)
    whole = Region(start, start + len(hits), fit.layout, hits, fit.columns, header)
    if last - first + 1 > count:  # there are lines between the rows
        first, last = _dense(hits)
        rows = hits.count(1, first, last + 1)
        if rows < _MIN_ROWS or rows < (last - first + 1) * _MIN_COVER:
            return None
    return whole.part(first, last + 1)


def _dense(hits: bytearray) -> tuple[int, int]:
    """The first and the last row of the densest part; a row far behind the others begins anew or ends it."""
    places = list(compress(range(len(hits)), hits))
    first = last = places[0]
    for i, at in enumerate(places[1:], 2):
        if at - last > _MAX_BETWEEN and (at - first) > i / _MIN_COVER:
            if i > _MIN_ROWS:
                break
            first = at
        last = at
    return first, last


def _narrow_size(text: str) -> int:
    """The characters of a text with two blanks for each of its gaps."""
    wide = _PADDING.sub("  ", text) if "   " in text else text
    return len(wide) + wide.count("\t")


def coded(region: Region, lines: Sequence[str], tree: str = "", verbatim: Collection[int] = ()) -> list[str] | None:
    """The region as coded rows, None where that is not smaller.

    `tree` is the column of paths to factor; the lines in `verbatim` are asked for and stand as they are, where no
    width hangs on them.
    """
    if not tree and region.end - region.start > _MAX_SLICE and not _pays(region, lines):
        return None
    if verbatim and not region.layout.needs_widest:
        rows = compress(range(region.start, region.end), region.hits)
        region = region.without(bytes([i not in verbatim for i in rows]))
    if tree:
        paths = region.columns[region.layout.names.index(tree)]
        if not are_plain(paths):
            region = region.without(bytes(map(is_plain, paths)))
    printed = lines[region.start : region.end]
    if not tree and len(printed) <= 2 * _CHOICE and _is_hopeless(region, printed):
        return None
    out = rowcode.encode(printed, region.hits, [(region.layout, region.columns)], tree=tree)
    return out if out is not None and _is_smaller(out, printed) else None


def _is_hopeless(region: Region, printed: Sequence[str]) -> bool:
    """Whether a table gains so much less than a header costs that nothing found in its cells makes up for it."""
    if region.gain >= _FIXED - _HOPELESS * _narrow_size("\n".join(printed)):
        return False
    return len({*region.sampled(_WEIGHED)}) == len(region.columns)  # columns that are equal are told once


def _pays(region: Region, lines: Sequence[str]) -> bool:
    """Whether a slice from the middle of a long region gets smaller."""
    start = (region.end - region.start) // 2
    part = region.part(start, min(start + _SLICE, len(region.hits)))
    printed = lines[part.start : part.end]
    out = rowcode.encode(printed, part.hits, [(part.layout, part.columns)])
    return out is not None and count_tokens("\n".join(out[1:])) < _WORTH * count_tokens("\n".join(printed))


def _is_smaller(coded_lines: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether tokens are won; plain where a fifth of the characters that are no padding went."""
    after, before = "\n".join(coded_lines), "\n".join(printed)
    if 5 * len(after) < 4 * (len(before) + before.count("\t")) and 5 * len(after) < 4 * _narrow_size(before):
        return True
    if len(printed) >= _MANY and len(coded_lines) == len(printed) + 1:  # each row stands for its line
        share = _sampled_share(coded_lines, printed)
        if abs(share - _WORTH) > _CLOSE:
            return share < _WORTH
    return count_tokens(after) < count_tokens(before) * _WORTH


def _sampled_share(coded_lines: Sequence[str], printed: Sequence[str]) -> float:
    """What share of its tokens a table keeps, judged by the rows of evenly spread slices."""
    step = -(-len(printed) // _SLICES)
    size = -(-step // _SLICED)
    rows, lines = (
        "\n".join([line for at in range(0, len(printed), step) for line in some[at : at + size]])
        for some in (coded_lines[1:], printed)
    )
    return (count_tokens(rows) + count_tokens(coded_lines[0]) * size / step) / count_tokens(lines)


def path_column(region: Region) -> str:
    """The column that holds paths in most of its rows, or ""."""
    for name, column in zip(region.layout.names, region.sampled(80), strict=True):
        if sum(["/" in cell and "://" not in cell for cell in column]) > len(column) * 0.6:
            return name
    return ""


def path_lists(lines: Sequence[str]) -> list[Region]:
    """Stretches of lines that are nothing but paths."""
    if len(lines) < _MIN_PATHS:
        return []
    out: list[Region] = []
    start = 0
    layout = Layout(("", ""), (Slot("path"),))
    others = [i for i, line in enumerate(lines) if not is_plain(line) or " " in line or "\t" in line]
    for end in (*others, len(lines)):
        if end - start >= _MIN_PATHS and "/" in lines[start] + lines[(start + end) // 2] + lines[end - 1]:
            out.append(Region(start, end, layout, bytearray(b"\1" * (end - start)), [tuple(lines[start:end])]))
        start = end + 1
    return out
