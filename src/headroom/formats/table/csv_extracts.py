"""What a data set of texts can do without: the rest of long lists of alternatives, sentences of long passages.

Every record stays, and so do its short cells. A cell that is a list keeps its first item and says how many follow; a
cell of written language becomes an extract; records that the question speaks of stay whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from headroom import marker
from headroom.formats.prose.extracts import Extract, extracts
from headroom.formats.prose.sentences import reads_like_prose
from headroom.formats.table.csv_texts import TextTable
from headroom.formats.table.layout import spread
from headroom.model import Context, Omission
from headroom.text.query import parse_query

_SEPARATORS = ("; ", " | ", "\n", ";", "|")
_LISTS = 0.5  # of a column's cells have several items
_MIN_LIST, _MIN_PROSE, _MIN_GAP = 80, 200, 48  # characters on average of a column's cells; of what a marker replaces
_PROBE = 60


def shortened(table: TextTable, context: Context) -> tuple[list[list[str]], list[Omission]]:
    """The records with less in their long cells, and what is missing; linear in the table."""
    rows = table.records[1:]
    asked = _asked(rows, context)
    columns = [list(column) for column in zip(*rows, strict=True)]
    omissions: list[Omission] = []
    written: list[int] = []
    for i, column in enumerate(columns):
        probed = [column[k] for k in spread(len(column), _PROBE) if column[k]]
        size = sum(map(len, probed)) // max(len(probed), 1)
        separator = _separator(probed) if size >= _MIN_LIST else ""
        if separator:
            missing = _first_items(column, separator, asked)
            title = table.records[0][i].strip('" \ufeff') or f"column {i + 1}"
            omissions += [Omission(f"further items of the lists in {title}", missing, "items")] if missing else []
        elif size >= _MIN_PROSE and reads_like_prose([cell.strip('"') for cell in probed]) > 0:
            written.append(i)
    omissions += _extracted(table, columns, written, asked, context)
    return [table.records[0], *map(list, zip(*columns, strict=True))], omissions


def _asked(rows: Sequence[Sequence[str]], context: Context) -> set[int]:
    """The records that match the question best."""
    query = parse_query(context.query)
    if not query:
        return set()
    lines = [" ".join(row).replace("\n", " ") for row in rows]
    return set(query.best("\n".join(lines), lines))


def _separator(cells: Sequence[str]) -> str:
    """What stands between the items of most of the cells, or "" where they are no lists."""
    several = {mark: sum([mark in cell.strip('"') for cell in cells]) for mark in _SEPARATORS}
    best = max(_SEPARATORS, key=lambda mark: several[mark])
    if several[best] < _LISTS * len(cells):
        return ""
    items = [item for cell in cells for item in cell.strip('"').split(best)]
    closed = sum([item.rstrip()[-1:] in ".!?" for item in items])
    return best if best != "\n" or 2 * closed < len(items) else ""  # sentences on lines of their own are prose


def _first_items(column: list[str], separator: str, asked: set[int]) -> int:
    """Cuts the lists of a column to their first items where that pays; how many items are missing."""
    missing = 0
    for i, cell in enumerate(column):
        if i in asked:
            continue
        quote = '"' if cell[:1] == '"' else ""
        first, found, rest = cell[len(quote) : len(cell) - len(quote)].partition(separator)
        if not found or len(rest) < _MIN_GAP:
            continue
        count = sum([bool(item.strip()) for item in rest.split(separator)])
        column[i] = f"{quote}{first}{separator}{marker.omitted(count, 'items')}{quote}"
        missing += count
    return missing


def _extracted(
    table: TextTable, columns: list[list[str]], written: Sequence[int], asked: set[int], context: Context
) -> list[Omission]:
    """Replaces the cells of written columns by extracts, all weighed together; what is missing."""
    places = [(k, i) for k in range(len(table.records) - 1) if k not in asked for i in written if columns[i][k]]
    if not places:
        return []
    bodies = [columns[i][k].strip('"') for k, i in places]
    made = extracts(bodies, [f"record {k + 1}" for k, _ in places], context, retrieved=True)
    lines = _first_lines(table, places)
    omissions: list[Omission] = []
    for (k, i), body, extract, line in zip(places, bodies, made, lines, strict=True):
        if extract is None:
            continue
        text, lost = _placed(extract, line, "\n" in body)
        columns[i][k] = columns[i][k].replace(body, text, 1)
        omissions += lost
    return omissions


def _first_lines(table: TextTable, places: Sequence[tuple[int, int]]) -> list[int]:
    """The line (0-based) on which each of the cells at (record, column) begins."""
    starts, line = [], 0
    for record in table.records:
        starts.append(line)
        line += 1 + sum([cell.count("\n") for cell in record])
    return [starts[k + 1] + sum([c.count("\n") for c in table.records[k + 1][:i]]) for k, i in places]


def _placed(extract: Extract, line: int, several: bool) -> tuple[str, list[Omission]]:
    """An extract of a cell that begins on `line`, its ranges as they count in the whole text."""
    text = marker.shift_lines(extract.text, line) if several else extract.text
    moved = [
        replace(o, ranges=tuple((a + line, b + line) for a, b in o.ranges)) if o.unit in ("lines", "sentences") else o
        for o in extract.omissions
    ]
    return text, moved
