"""Tables: CSV and TSV, Markdown, psql, and whatever a command prints in columns.

Lossless: padding, dividers and constant columns go into the layout of the row, usual and repeated cells are blank.
Lossy, for long tables: exact statistics of every column and the rows that say most, the others counted; of a long data
set with texts in its cells every record, with less in its long cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import compress

from headroom.formats.table import csv_extracts, csv_texts, rowcode
from headroom.formats.table.csv_texts import TextTable
from headroom.formats.table.delimited import delimited
from headroom.formats.table.regions import Region, coded, regions
from headroom.formats.table.series import ColumnFacts, facts, is_series, telling_rows
from headroom.formats.table.signs import reads_source, sure_table
from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Intent, Level
from headroom.text.lines import split_lines
from headroom.text.query import parse_query
from headroom.text.selection import Segment, render
from headroom.tokens import count_tokens

# A table that a model reads at one go stays whole at `balanced`; beyond, series are sampled, lists are not.
_WHOLE_TOKENS = 24_000
_AGGRESSIVE_TOKENS = 2_000
_WHOLE_TEXTS = 12_000  # what a model looks up in many texts is in few of them
_SURE_TEXTS = 0.95
_MIN_ROWS = 200
_PROBE = 400
_SLICES, _SLICE, _UNSURE = 8, 2_000, 0.25
# A row that the question surely means is there to be quoted: so many, of at least this share of the best score.
_QUOTED, _QUOTED_SHARE = 3, 0.9


class Table:
    """Tables of any kind, alone or between other lines."""

    name = "table"
    content_type = "table"

    def sniff(self, sample: Sample, context: Context) -> float:
        if reads_source(context):
            return 0.0
        return _SURE_TEXTS if csv_texts.holds_texts(sample.text) else sure_table(sample)

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        if rowcode.START in text or csv_texts.START in text:
            return
        texts = csv_texts.text_table(text)
        if texts:
            yield from self._texts(text, texts, context)
            return
        lines = split_lines(text)
        whole = delimited(lines)
        found = [whole] if whole else regions(lines)
        if context.level is not Level.LOSSLESS:
            selected = self._selected(text, lines, found, context)
            if selected is not None:
                yield selected
                return
        asked = cache(lambda: parse_query(context.query).best(text, lines, _QUOTED_SHARE, _QUOTED))
        body = list(_coded(lines, found, asked))
        if body:
            yield Compressed("\n".join(body), self.name, lossless=True)

    def _texts(self, text: str, table: TextTable, context: Context) -> Iterator[Compressed]:
        """A data set with texts in its cells: repeats coded, and less of each long cell where the whole is long."""
        yield Compressed(csv_texts.coded(table, table.records), self.name, lossless=True)
        tight = context.level is Level.AGGRESSIVE or context.target is not None
        whole = _WHOLE_TOKENS if context.intent is Intent.READ else _WHOLE_TEXTS
        limit = _AGGRESSIVE_TOKENS if tight else whole
        if context.level is not Level.LOSSLESS and _is_longer(text, limit):
            records, lost = csv_extracts.shortened(table, context)
            if lost:
                form = csv_texts.coded(table, records, whole=False)
                yield Compressed(form, self.name, lossless=False, omissions=tuple(lost))

    def _selected(self, text: str, lines: list[str], found: Sequence[Region], context: Context) -> Compressed | None:
        """The text with its long tables sampled, or None where none is long enough: lossless is best then."""
        limit = _AGGRESSIVE_TOKENS if context.level is Level.AGGRESSIVE or context.target is not None else _WHOLE_TOKENS
        long = [r for r in found if r.end - r.start >= _MIN_ROWS]
        if not long or not _is_longer(text, limit):
            return None
        asked = {*parse_query(context.query).best(text, lines)}
        said: dict[int, str] = {}
        segments: list[Segment] = []
        at = 0
        for region in long:
            if context.level is Level.BALANCED and context.target is None and not is_series(_columns(region, _PROBE)):
                continue
            columns = _columns(region)
            segments.append(Segment(at, region.start, keep=True))
            said[region.start] = _statistics(region, columns)
            segments += _row_segments(region, columns, asked, context)
            at = region.end
        if not said:
            return None
        segments.append(Segment(at, len(lines), keep=True))
        shown = [s for s in segments if s.end > s.start]
        body, lost = render(_with_statistics(lines, said), shown, [s.keep for s in shown])
        return Compressed("\n".join(body), self.name, lossless=False, omissions=lost) if lost else None

    def decode(self, text: str) -> str:
        return csv_texts.decode(text) if text.startswith(csv_texts.START) else rowcode.decode(text)

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _is_longer(text: str, limit: int) -> bool:
    """Whether a text holds more tokens than `limit`; where slices of it tell that clearly, no more of it is counted."""
    if len(text) <= limit:
        return False
    starts = range(0, len(text), -(-len(text) // _SLICES))
    slices = "".join([text[at : at + _SLICE] for at in starts])
    likely = count_tokens(slices) * len(text) / len(slices)
    if abs(likely / limit - 1) > _UNSURE:
        return likely > limit
    return count_tokens(text) > limit


def _coded(lines: Sequence[str], found: Sequence[Region], asked: Callable[[], Sequence[int]]) -> Iterator[str]:
    """The lines with every table replaced that gets smaller, rows asked for as printed; nothing where none does."""
    at = 0
    for region in found:
        rows = coded(region, lines)
        if rows is not None and any(region.start <= line < region.end for line in asked()):
            rows = coded(region, lines, verbatim=asked())
        if rows is not None:
            yield from lines[at : region.start]
            yield from rows
            at = region.end
    if at:
        yield from lines[at:]


def _columns(region: Region, most: int | None = None) -> list[ColumnFacts]:
    """The facts of the region's columns, from all rows or from at most so many."""
    columns = region.columns if most is None else region.sampled(most)
    return [facts(name, column) for name, column in zip(region.layout.names, columns, strict=True)]


def _statistics(region: Region, columns: Sequence[ColumnFacts]) -> str:
    return f"[{region.rows} rows in all: {'; '.join(c.text for c in columns)}]"


def _with_statistics(lines: Sequence[str], said: dict[int, str]) -> list[str]:
    """The lines, with what is said of a table on top of its first row (which always stays)."""
    out = list(lines)
    for at, text in said.items():
        out[at] = f"{text}\n{out[at]}"
    return out


def _row_segments(region: Region, columns: Sequence[ColumnFacts], asked: set[int], context: Context) -> list[Segment]:
    """One segment a row or run of rows; lines that are no row stay."""
    rows = region.rows
    count = max(120, rows // 25) if context.level is Level.BALANCED else max(40, rows // 100)
    if context.target is not None:
        count = min(count, max(20, rows * context.target // (40 * rows + 1)))
    places = range(rows) if 0 not in region.hits else list(compress(range(len(region.hits)), region.hits))
    keep = {places[i] for i in telling_rows(columns, region.columns, count)}
    keep |= {i for i, hit in enumerate(region.hits) if not hit or region.start + i in asked}
    segments: list[Segment] = []
    at = 0
    for i in sorted(keep):
        line = region.start + i
        segments += (Segment(region.start + at, line, kind="rows"), Segment(line, line + 1, keep=True))
        at = i + 1
    return [*segments, Segment(region.start + at, region.end, kind="rows")]


COMPRESSOR = Table()
