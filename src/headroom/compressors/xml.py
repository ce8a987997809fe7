"""XML as an outline without closing tags, with tables for runs of like elements; long tables are cut to what differs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from xml.parsers import expat

from headroom.interfaces import Sample
from headroom.marker import omitted, ranges_of
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.query import Query, parse_query
from headroom.text.xml_events import same_document
from headroom.text.xml_outline import Item, NotOutlined, lines_of, outline, restore

_HEADER = (
    "[XML as an outline: one element a line as name attributes: text, its children indented below; "
    '"name × 3: @a | b" is followed by 3 lines, one an element, with its attribute a and child b; "|" continues a text]'
)
_FIRST = re.compile(r"\s*<(?!!doctype\s+html|html[\s>])(\?xml\s|!--|!DOCTYPE\s|[A-Za-z_][\w:.-]*[\s/>])", re.IGNORECASE)
_ROOT = re.compile(r"<([A-Za-z_][\w:.-]*)[\s/>]")
_PAGE = re.compile(r"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_ROWS, _HEAD, _TAIL, _FEW = {Level.BALANCED: 60, Level.AGGRESSIVE: 20}, 8, 4, 12


class Xml:
    """Lossless: the outline. Lossy: tables keep their first, last, extreme, rare and asked rows; comments at aggressive."""

    name = "xml"
    content_type = "xml"

    def sniff(self, sample: Sample, context: Context) -> float:
        head = sample.text[:2000]
        first = _FIRST.match(head)
        if first is None or _PAGE.search(head):
            return 0.0
        tail = sample.text[-200:].rstrip()
        if first[1].startswith("?xml"):
            return 0.95 if tail.endswith(">") else 0.0
        root = _ROOT.search(head)
        if root is None or not tail.endswith((f"</{root[1]}>", "-->", "/>")):
            return 0.0
        # A tag around other text is no document: most lines must begin with one
        told = [line.lstrip() for line in sample.lines if line.strip()]
        return 0.85 if sum(line.startswith("<") for line in told) * 2 > len(told) > 3 else 0.0

    def compress(self, text: str, context: Context) -> Iterator[Compressed]:
        if "<!ENTITY" in text or not _well_formed(text):
            return
        try:
            items = outline(text)
        except NotOutlined:
            return
        yield Compressed("\n".join([_HEADER, *lines_of(items)]), self.name, True)
        if context.level is not Level.LOSSLESS:
            omissions: list[Omission] = []
            lines = list(_selected(items, context, omissions))
            if omissions:
                yield Compressed("\n".join([_HEADER, *lines]), self.name, False, tuple(omissions))

    def decode(self, text: str) -> str:
        return restore(text.split("\n")[1:])

    def same(self, decoded: str, original: str) -> bool:
        return same_document(decoded, original)


def _well_formed(text: str) -> bool:
    try:
        expat.ParserCreate().Parse(text, True)
    except (expat.ExpatError, ValueError):
        return False
    return True


def _selected(items: list[Item], context: Context, omissions: list[Omission]) -> Iterator[str]:
    query = parse_query(context.query)
    limit = _ROWS[context.level]
    comments = 0
    for item in items:
        if context.level is Level.AGGRESSIVE and item.head.startswith("<!--"):
            comments += 1
            continue
        yield " " * item.depth + item.head
        if len(item.rows) <= limit:
            yield from (" | ".join(row) for row in item.rows)
            continue
        kept = _kept_rows(item.rows, query)
        name = item.head.split(" ", 1)[0]
        for first, last, shown in _runs(kept, len(item.rows)):
            if shown or last - first < 1:
                yield from (" | ".join(row) for row in item.rows[first : last + 1])
            else:
                yield omitted(last - first + 1, "rows", ((first + 1, last + 1),), f"more {name}")
        ranges = tuple((a + 1, b + 1) for a, b, shown in _runs(kept, len(item.rows)) if not shown and b > a)
        if ranges:
            omissions.append(Omission(f"{name} rows", sum(b - a + 1 for a, b in ranges), "rows", ranges))
    if comments:
        yield omitted(comments, "items", (), "comments")
        omissions.append(Omission("comments", comments, "items"))


def _kept_rows(rows: Sequence[tuple[str, ...]], query: Query) -> list[int]:
    """First and last rows, one of each value of a column with few, the extremes of numbers, and what was asked for."""
    kept = {*range(_HEAD), *range(len(rows) - _TAIL, len(rows))}
    for values in zip(*rows, strict=True):
        counts = Counter(values)
        if len(counts) <= max(_FEW, len(rows) // 20):
            kept.update(map(values.index, counts))
        elif sum(1 for value in counts if _NUMBER.fullmatch(value)) >= 0.9 * len(counts):
            numbers = [float(value) if _NUMBER.fullmatch(value) else 0.0 for value in values]
            kept |= {numbers.index(min(numbers)), numbers.index(max(numbers))}
        else:
            rare = [value for value, n in counts.items() if n == 1]
            if len(rare) <= _FEW:
                kept.update(map(values.index, rare))
    if query:
        lines = [" | ".join(row).replace("\n", " ") for row in rows]
        kept.update(query.best("\n".join(lines), lines))
    return sorted(kept)


def _runs(kept: list[int], count: int) -> Iterator[tuple[int, int, bool]]:
    """The rows as (first, last, shown) runs in order, 0-based inclusive."""
    at = 0
    for first, last in ranges_of(kept):
        if first > at:
            yield at, first - 1, False
        yield first, last, True
        at = last + 1
    if at < count:
        yield at, count - 1, False


COMPRESSOR = Xml()
