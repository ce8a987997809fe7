"""Delimited text (CSV, TSV and their like): the separator, the fields as written, quotes and all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from headroom.formats.table.fitting import fit_split
from headroom.formats.table.layout import spread
from headroom.formats.table.regions import Region, is_too_little

MARKS = ("\t", ",", ";", "|", ":")
_FIELD = {
    mark: re.compile(rf"""[^{no}"']*(?:(?:"[^"]*"|'[^']*')[^{no}"']*)*({no}|$)""")
    for mark, no in ((mark, re.escape(mark)) for mark in MARKS)
}
_DATUM = re.compile(r"^\W*[\d.,:/\- ]*\d\W*$|\(\d+$|^ *'|://|^/\w")  # what stands in rows, not in a title
_LONG = 20_000  # characters; a longer line is no row of fields
_MANY = 6  # fields; fewer between colons are times and keys


def separator(lines: Sequence[str]) -> str:
    """The mark that cuts nearly all lines into the same number of at least two fields, or ""."""
    sample = [lines[i] for i in spread(len(lines), 60) if lines[i]]
    together = "".join(sample)
    for mark in MARKS:
        if together.count(mark) < 0.9 * len(sample) or sum([mark in line for line in sample]) < 0.9 * len(sample):
            continue
        counts = Counter(map(len, map(splitter(mark), sample)))
        count, seen = counts.most_common(1)[0] if counts else (0, 0)
        ends = sum(line.endswith(mark) for line in sample)
        if count == 2 and 2 * ends > len(sample):
            continue  # it ends statements
        if mark == ":" and (count < _MANY or seen < len(sample)):
            continue
        if count >= 2 and seen >= max(3, 0.9 * len(sample)):
            return mark
    return ""


def splitter(mark: str) -> Callable[[str], list[str]]:
    """A function that cuts a line at `mark` outside quotes and keeps the fields as written.

    An apostrophe is a quote only in lines in which it begins a field.
    """
    field = _FIELD[mark].match
    begins = re.compile(rf"""{re.escape(mark)} ?'|\('""").search

    def split(line: str) -> list[str]:
        if '"' not in line and ("'" not in line or not begins(line)):
            return line.split(mark)
        if len(line) > _LONG:
            return line.split(mark)
        fields, at = [], 0
        while match := field(line, at):
            start, at = at, match.end()
            if not match[1]:
                fields.append(line[start:])
                return fields
            fields.append(line[start : at - 1])
        return line.split(mark)

    return split


def delimited(lines: Sequence[str]) -> Region | None:
    """The whole text as one delimited table."""
    end = len(lines)
    while end and not lines[end - 1]:
        end -= 1
    mark = separator(lines[:end])
    if not mark or is_too_little(lines[:end]):
        return None
    split = splitter(mark)
    titles = split(lines[0])
    start = 0 if any(map(_DATUM.search, titles)) else 1
    fit = fit_split(lines[start:end], split, mark, titles if start else ())
    if fit is None or fit.covered < 0.8 * (end - start):
        return None
    return Region(start, end, fit.layout, fit.hits, fit.columns, lines[0] if start else "", mark)
