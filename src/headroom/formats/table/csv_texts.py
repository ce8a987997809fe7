"""Delimited tables whose cells are texts: quoted cells with separators and line breaks inside, as data sets have them.

A table is its raw fields, quotes and all, so that joined they give the text back byte for byte. The coded form says in
its first line what its signs mean:

    [CSV split at ",": 533 records; in column 2 ^ stands for the cell above; in column 4 ~ stands for https://example.org/]
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

START = '[CSV split at "'
_MARKS = (",", "\t", ";", "|")
_FIELD = {
    mark: re.compile(rf'("[^"]*(?:""[^"]*)*"|[^"{no}\r\n][^{no}\r\n]*|)({no}|\r?\n|\Z)')
    for mark, no in ((mark, re.escape(mark)) for mark in _MARKS)
}
_ADDRESS = re.compile(r'"?(https?://[^/\s"]+/(?:[\w.~-]+/)?)')
_ABOVE, _PREFIX = "^", "~"
_MIN_RECORDS, _FEWEST_SEEN, _MAX_COLUMNS, _PROBED = 8, 3, 60, 24_000
_LONG_CELL, _MANY_QUOTED, _MAX_CUTS = 60, 4, 200
_MIN_ABOVE, _MIN_PREFIXED = 0.2, 0.3
_HEADER = re.compile(
    r"\[CSV split at (\"(?:\\t|.)\"): \d+ records((?:; in columns? [\d, ]+ \^ stands for the cell above)?"
    r"(?:; in column \d+ ~ stands for [^\s;]+)*)(?:; … says what is left out)?\]\n"
)
_ABOVE_IN = re.compile(r"in columns? ([\d, ]+) \^")
_PREFIX_IN = re.compile(r"in column (\d+) ~ stands for ([^\s;\]]+)")


@dataclass(slots=True)
class TextTable:
    """Records of as many raw fields each, the first one the titles; `line_end` and `last_end` are what closes them."""

    mark: str
    records: list[list[str]]
    line_end: str
    last_end: str

    def joined(self, records: Sequence[Sequence[str]]) -> str:
        """Records as text, in the way of this table."""
        return self.line_end.join([self.mark.join(record) for record in records]) + self.last_end


def text_table(text: str) -> TextTable | None:
    """The text as one table with texts in quoted cells; None where its records differ in their number of fields."""
    mark = _mark_of(text)
    return _table(text, mark, _MIN_RECORDS) if mark else None


def holds_texts(text: str) -> bool:
    """Whether a text begins as a table with texts in its cells; costs a look at its beginning."""
    mark = _mark_of(text)
    if not mark:
        return False
    head = text[:_PROBED]
    if len(head) < len(text):
        head = head[: head.rfind("\n") + 1]
    for _ in range(_MAX_CUTS):
        if head.count('"') % 2 == 0:
            break
        head = head[: head.rfind("\n", 0, len(head) - 1) + 1]  # it was cut inside a quoted cell
    return _table(head, mark, _FEWEST_SEEN) is not None


def _mark_of(text: str) -> str:
    """The separator of the titles where a quoted cell follows soon, or ""."""
    end = text.find("\n", 0, 2_000)
    if end < 3 or text.count('"', end, end + _PROBED) < _MANY_QUOTED:
        return ""
    titles = text[:end]
    if titles.lstrip("\ufeff")[:1] in " {[<#-" or titles.rstrip()[-1:] in ".:;{":
        return ""
    mark = max(_MARKS, key=titles.count)
    near = text[end : end + _PROBED]
    return mark if titles.count(mark) and (f'{mark}"' in near or f'"{mark}' in near) else ""


def _table(text: str, mark: str, least: int) -> TextTable | None:
    """The text's records, where all have as many fields as the titles and some cells are long and quoted."""
    found = _fields(text, mark)
    if not found:
        return None
    ends = [end for _, end in found if end != mark]
    width, rest = divmod(len(found), len(ends))
    if rest or not 2 <= width <= _MAX_COLUMNS or len(ends) <= least:
        return None
    if any(end == mark for _, end in found[width - 1 :: width]):
        return None
    line_end, last_end = ends[0], ends[-1]
    if ends.count(line_end) < len(ends) - 1 or last_end not in ("", line_end):
        return None
    fields = [field for field, _ in found]
    records = [fields[i : i + width] for i in range(0, len(fields), width)]
    if any(len(title) > _LONG_CELL * 2 for title in records[0]):
        return None
    long = [field for field in fields if len(field) >= _LONG_CELL]
    if len(long) < len(records) // 2 or sum([field[0] == '"' for field in long]) < least:
        return None
    return TextTable(mark, records, line_end, last_end)


def coded(table: TextTable, records: Sequence[Sequence[str]], whole: bool = True) -> str:
    """Records of the table (its own, or with less in their cells) in the coded form; `whole`: nothing is missing."""
    columns = [list(column) for column in zip(*records[1:], strict=True)]
    above: list[int] = []
    prefixes: dict[int, str] = {}
    for i, column in enumerate(columns):
        if any(cell.lstrip('"')[:1] in (_ABOVE, _PREFIX) for cell in column if cell):
            continue
        repeats = [a == b and len(b) > 1 for a, b in pairwise(column)]
        prefix = _prefix(column)
        if prefix:
            prefixes[i] = prefix
            column = [_shortened(cell, prefix) for cell in column]
        if sum(repeats) > _MIN_ABOVE * len(column):
            above.append(i)
            column = [column[0], *(_ABOVE if same else b for same, b in zip(repeats, column[1:], strict=True))]
        columns[i] = column
    said = [f"[CSV split at {json.dumps(table.mark)}: {len(records) - 1} records"]
    if above:
        said.append(
            f"in column{'s' * (len(above) > 1)} {', '.join(str(i + 1) for i in above)} ^ stands for the cell above"
        )
    said += [f"in column {i + 1} ~ stands for {prefix}" for i, prefix in prefixes.items()]
    if not whole:
        said.append("… says what is left out")
    return f"{'; '.join(said)}]\n{table.joined([records[0], *zip(*columns, strict=True)])}"


def _prefix(column: Sequence[str]) -> str:
    """The beginning of an address that many of the column's cells share, or ""."""
    starts = Counter(found[1] for found in map(_ADDRESS.match, column) if found)
    prefix, uses = max(starts.items(), key=lambda item: (item[1] * len(item[0]), item[0]), default=("", 0))
    return prefix if uses >= _MIN_PREFIXED * len(column) and not set(prefix) & set(";]") else ""


def _shortened(cell: str, prefix: str) -> str:
    quote = '"' if cell[:1] == '"' else ""
    return quote + _PREFIX + cell[len(quote) + len(prefix) :] if cell.startswith(quote + prefix) else cell


def decode(text: str) -> str:
    """The table behind a coded form. ValueError for other text."""
    header = _HEADER.match(text)
    if header is None:
        raise ValueError("not a coded table of texts")
    mark = json.loads(header[1])
    fields = _fields(text[header.end() :], mark)
    ends = [end for _, end in fields if end != mark]
    width = len(fields) // len(ends)
    columns = [[field for field, _ in fields[i::width]] for i in range(width)]
    found = _ABOVE_IN.search(header[2])
    prefixes = {int(i) - 1: prefix for i, prefix in _PREFIX_IN.findall(header[2])}
    for i in [int(number) - 1 for number in found[1].split(", ")] if found else []:
        column = columns[i]
        for k in range(2, len(column)):
            if column[k] == _ABOVE:
                column[k] = column[k - 1]
    for i, prefix in prefixes.items():
        columns[i][1:] = [_prefixed(cell, prefix) for cell in columns[i][1:]]
    return TextTable(mark, [], ends[0], ends[-1]).joined(list(zip(*columns, strict=True)))


def _prefixed(cell: str, prefix: str) -> str:
    quote = '"' if cell[:1] == '"' else ""
    return quote + prefix + cell[len(quote) + 1 :] if cell.startswith(quote + _PREFIX) else cell


def _fields(text: str, mark: str) -> list[tuple[str, str]]:
    """The fields of a text, each with what closes it; empty where a quoted one has no end."""
    match, size, at = _FIELD[mark].match, len(text), 0
    out: list[tuple[str, str]] = []
    while at < size or (out and out[-1][1] == mark):
        found = match(text, at)
        if found is None:
            return []
        out.append((found[1], found[2]))
        at = found.end()
    return out
