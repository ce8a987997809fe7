"""Listings: find, ls -l, tree, du, git status, ls-files, diffstat and other lists of files.

Lossless: directories are said once and names stand indented below them, drawings become indentation, and what the
rows have in common (mode, owner, date, status) goes into the layout of the row. Lossy, for long lists at
`aggressive`: of each directory's names of one ending the first ones, the others counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from headroom.formats.listing import drawing, name_lists
from headroom.formats.listing.thinning import thinned
from headroom.formats.table import rowcode
from headroom.formats.table.regions import Region, coded, path_column, path_lists, regions
from headroom.formats.table.signs import reads_source, sure_listing
from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Level
from headroom.text.lines import split_lines
from headroom.text.query import parse_query
from headroom.text.selection import render

_TREE_HEADER = re.compile(r"^\[tree: the next (\d+) lines", re.MULTILINE)
_MIN_FACTORED = 80
_MIN_DRAWN, _MIN_NAMES = 6, 12
_LONG, _MIN_GAP = 200, 4


class Listing:
    """Lists of files and directories, with or without columns."""

    name = "listing"
    content_type = "listing"

    def sniff(self, sample: Sample, context: Context) -> float:
        return 0.0 if reads_source(context) else sure_listing(sample)

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        if rowcode.START in text or drawing.START in text:
            return
        lines = split_lines(text)
        if name_lists.is_coded(lines[0]):
            return
        for body in (list(_named(lines)), list(_drawn(lines)) or list(_listed(lines))):
            if body:
                yield Compressed("\n".join(body), self.name, lossless=True)
        if len(lines) > _LONG and (context.level is Level.AGGRESSIVE or context.target is not None):
            segments = thinned(lines, parse_query(context.query).best(text, lines))
            rest, lost = render(lines, segments, [s.keep for s in segments], _MIN_GAP)
            if lost and context.level is not Level.LOSSLESS:
                yield Compressed("\n".join(rest), self.name, lossless=False, omissions=lost)

    def decode(self, text: str) -> str:
        out: list[str] = []
        lines = text.split("\n")
        at = 0
        if name_lists.is_coded(lines[0]):
            end = 1 + name_lists.size_of(lines[0])
            return "\n".join((*name_lists.decode(lines[:end]), *lines[end:]))
        while at < len(lines):
            match = _TREE_HEADER.match(lines[at])
            end = at + 1 + int(match[1]) if match else at + 1
            out += drawing.decode(lines[at:end]) if match else lines[at:end]
            at = end
        return rowcode.decode("\n".join(out))

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _named(lines: Sequence[str]) -> Iterator[str]:
    """The lines with bare names written side by side, where all of them are such names or directories of them."""
    end = len(lines) - (lines[-1] == "")
    if end < _MIN_NAMES:
        return
    body = lines[:end]
    headed = any(line.endswith(":") for line in body) and "" in body
    if headed:
        coded = name_lists.encode_directories(body)
    else:  # paths are factored where the list is long, and quoted where it is short
        coded = None if any("/" in line for line in body) else name_lists.encode_names(body)
    if coded:
        yield from coded
        yield from lines[end:]


def _drawn(lines: Sequence[str]) -> Iterator[str]:
    """The lines with each drawn tree indented; nothing where there is none."""
    at = start = 0
    for i in range(len(lines) + 1):
        if i < len(lines) and drawing.is_drawn(lines[i]):
            continue
        if i - start >= _MIN_DRAWN and (rows := drawing.encode(lines[start:i])):
            yield from lines[at:start]
            yield from rows
            at = i
        start = i + 1
    if at:
        yield from lines[at:]


def _listed(lines: Sequence[str]) -> Iterator[str]:
    """The lines with each list coded; nothing where none gets smaller."""
    at = 0
    for region in path_lists(lines) or regions(lines):
        rows = _smallest(region, lines)
        if rows is not None:
            yield from lines[at : region.start]
            yield from rows
            at = region.end
    if at:
        yield from lines[at:]


def _smallest(region: Region, lines: Sequence[str]) -> list[str] | None:
    """The region coded, with its paths factored where the list is long."""
    tree = path_column(region) if region.end - region.start >= _MIN_FACTORED else ""
    factored = coded(region, lines, tree) if tree else None
    return factored if factored is not None else coded(region, lines)


COMPRESSOR = Listing()
