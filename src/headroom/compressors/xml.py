"""XML as an outline without closing tags, with tables for runs of like elements; long tables keep what differs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from xml.parsers import expat

from headroom.formats.xml.events import same_document
from headroom.formats.xml.outline import CELL_MARK, Item, OutlineError, lines_of, outline, restore
from headroom.interfaces import Sample
from headroom.marker import omitted, ranges_of
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.query import Query, parse_query

_HEADER = (
    '[XML as an outline: name attributes: text, children indented below; "name × 3: @a | b" heads 3 lines, '
    'one an element, with its attribute a and child b; "|" continues a text]'
)
_FIRST = re.compile(r"\s*<(?!!doctype\s+html|html[\s>])(\?xml\s|!--|!DOCTYPE\s|[A-Za-z_][\w:.-]*[\s/>])", re.IGNORECASE)
_ROOT = re.compile(r"<([A-Za-z_][\w:.-]*)[\s/>]")
_PAGE = re.compile(r"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_ROWS, _HEAD, _TAIL, _FEW = {Level.BALANCED: 60, Level.AGGRESSIVE: 20}, 8, 4, 12
_LONG_COMMENT = 40  # characters: a shorter comment costs no more than its marker


class Xml:
    """Lossless: the outline. Lossy: tables keep first, last, extreme, rare and asked rows; aggressive: no comments."""

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
        except OutlineError:
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
    """The outline's lines with comments (at aggressive) and the inner rows of long tables as markers."""
    query = parse_query(context.query)
    limit = _ROWS[context.level]
    comments = 0
    aggressive = context.level is Level.AGGRESSIVE
    for item, following in zip(items, [*items[1:], None], strict=True):
        if aggressive and _is_comment(item):
            comments += 1
            if following is None or not _is_comment(following):
                yield " " * item.depth + omitted(comments, "items", (), "comments")
                omissions.append(Omission("comments", comments, "items"))
                comments = 0
            continue
        yield " " * item.depth + item.head
        if len(item.rows) <= limit:
            yield from map(CELL_MARK.join, item.rows)
        else:
            yield from _cut_table(item, query, omissions)


def _is_comment(item: Item) -> bool:
    return item.head.startswith("<!--") and len(item.head) >= _LONG_COMMENT


def _cut_table(item: Item, query: Query, omissions: list[Omission]) -> Iterator[str]:
    name = item.head.split(" ", 1)[0]
    lost: list[tuple[int, int]] = []
    for first, last, shown in _runs(_kept_rows(item.rows, query), len(item.rows)):
        if shown or first == last:
            yield from map(CELL_MARK.join, item.rows[first : last + 1])
        else:
            lost.append((first + 1, last + 1))
            yield omitted(last - first + 1, "rows", (lost[-1],), f"more {name}")
    if lost:
        omissions.append(Omission(f"{name} rows", sum(b - a + 1 for a, b in lost), "rows", tuple(lost)))


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
        lines = [CELL_MARK.join(row).replace("\n", " ") for row in rows]
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
