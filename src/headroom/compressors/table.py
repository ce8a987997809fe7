"""Tables: CSV and TSV, Markdown, psql, and whatever a command prints in columns.

Lossless: padding, dividers and constant columns go into the layout of the row, usual and repeated cells are blank.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Level
from headroom.text import rowcode
from headroom.text.delimited import delimited
from headroom.text.lines import split_lines
from headroom.text.regions import coded, regions


class Table:
    """Tables of any kind, alone or between other lines."""

    name = "table"
    content_type = "table"

    def sniff(self, sample: Sample, context: Context) -> float:
        return 0.7

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        lines = split_lines(text)
        if rowcode.START in text:
            return
        whole = delimited(lines)
        found = [whole] if whole else regions(lines)
        body = list(_replaced(lines, found))
        if body:
            yield Compressed("\n".join(body), self.name, lossless=True)

    def decode(self, text: str) -> str:
        return rowcode.decode(text)

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _replaced(lines, found):
    at = 0
    for region in found:
        rows = coded(region, lines, region.mark if hasattr(region, "mark") else "")
        if rows is None:
            continue
        yield from lines[at : region.start]
        yield from rows
        at = region.end
    if at:
        yield from lines[at:]


COMPRESSOR = Table()
