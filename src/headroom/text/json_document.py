"""A whole JSON document in its compact form: a header, the document's frame, and numbered sections.

Arrays and maps of like objects become tables, objects that stand in many places become records, long texts stand
unescaped. `encode` and `decode` are inverse as JSON goes: key order, duplicate keys and the spelling of numbers stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from headroom.text.json_columns import dotted
from headroom.text.json_compact import Gap, Reader, Ref, inline, laid_out
from headroom.text.json_read import MAX_DEPTH, escape_surrogates, minified_document
from headroom.text.json_records import Records, extract, resolve
from headroom.text.json_relations import text_of
from headroom.text.json_table import Table, read_table, table_of

_HEADING = re.compile(r"#(\d+): (\d+) (rows|entries|records by|object|lines of text)(?: in (\d+) kinds)?(.*)")
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x85\u2028\u2029\ud800-\udfff]")
_TEXT_LINES, _TEXT_SIZE, _MIN_ROWS, _FEW, _ADDRESSES, _HEADING_SIZE = 8, 300, 2, 8, 6, 30
_START = "[JSON"
_LEGEND = tuple(
    (re.compile(pattern, re.M), meaning)
    for pattern, meaning in (
        (r"(?:^|\t)[^\t\n]*\w\.\w", "a.b: key b inside a"),
        (r"(?:^|\t)\.\w", ".c: beside the column before"),
        (r"\[0\]", "a[0]: the only item of list a"),
        (r"(?:^|\t)[^\t\n=:]+=", "a=x: x in every row"),
        (r"(?:^|\t)[^\t\n=:]+~", "a~x: x where the cell is empty"),
        (r"(?:^|\t)[^\t\n=:]+\?", "a?b=x, a?b~x: the same, in rows that have b"),
        (r":[^\t\n]*<[^\t\n]+>", "a:x<b>y: built from column b"),
        (r"→#", "a→#2: the record of section #2 with that key"),
        (r"(?:^|\t)[^\t\n=:]*\w[\[{][^\t\n0]", "a[b,c]: objects of which only the values of b and c are written, in brackets"),
        (r"\(text\)", "a(text): all strings"),
        (r"^#\d+: \d+ \w+ in \d+ kinds", "a row's letter names its kind"),
    )
)


@dataclass(frozen=True, slots=True)
class _Section:
    """A table with the line that says what it is."""

    heading: str
    heads: list[str]
    lines: list[str]


class _Writer:
    """Takes tables and texts out of a document and numbers them."""

    def __init__(self, first: int) -> None:
        self.next = first
        self.tables: list[_Section] = []
        self.texts: list[list[str]] = []

    def number(self) -> int:
        self.next += 1
        return self.next - 1

    def frame(self, value: Any, path: str, depth: int = 0) -> Any:
        """The value with references where sections took something out."""
        if type(value) is str:
            return self.text(value, path)
        if type(value) not in (dict, list):
            return value
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        table = self.table(value, path) or self.object(value, path)
        if table is not None:
            return table
        if type(value) is dict:
            return {k: self.frame(v, f"{path}.{k}", depth + 1) for k, v in value.items()}
        if not any(type(v) in (str, dict, list) for v in value):
            return value
        return [self.frame(v, f"{path}[{i}]", depth + 1) for i, v in enumerate(value)]

    def text(self, value: str, path: str) -> str | Ref:
        if len(value) < _TEXT_SIZE or value.count("\n") < _TEXT_LINES or _UNWRITABLE.search(value):
            return value
        number, lines = self.number(), value.split("\n")
        self.texts.append([_heading(number, f"{len(lines)} lines of text", 1, f" at {path}"), *lines])
        return Ref(number)

    def table(self, value: Any, path: str) -> Ref | None:
        """A reference to the table of a list or map of like objects; None where a table is no shorter."""
        if len(value) < _MIN_ROWS:
            return None
        literal = ""
        if type(value) is list:
            if sum(type(v) is dict for v in value) * 2 < len(value):
                return None
            rows, word = value, "rows"
        else:
            if not all(type(v) is dict and v for v in value.values()):
                return None
            literal = "key" if not any("key" in v for v in value.values()) else "(key)"
            if any(literal in v for v in value.values()):
                return None
            rows, word = [{literal: k, **v} for k, v in value.items()], "entries"
        rows = [self.inside(row, path) for row in rows] if _has_long_text(rows) else rows
        table = table_of(rows, literal)
        if table is None or (len(rows) <= _FEW and _longer(table, value)):
            return None
        number, count = self.number(), sum(type(row) is not Gap for row in rows)
        self.tables.append(_section(number, f"{count} {word}", table, f" of {path}"))
        return Ref(number)

    def object(self, value: Any, path: str) -> Ref | None:
        """A reference to a single object in which many addresses are built from one another."""
        if type(value) is not dict or sum(type(v) is str and "://" in v for v in value.values()) < _ADDRESSES:
            return None
        table = table_of([self.inside(value, path)])
        if table is None or _longer(table, value):
            return None
        number = self.number()
        self.tables.append(_section(number, "1 object", table, f" at {path}"))
        return Ref(number)

    def inside(self, row: Any, path: str) -> Any:
        if type(row) is not dict:
            return row
        return {k: self.text(v, f"{path}[].{k}") if type(v) is str else v for k, v in row.items()}


def _has_long_text(rows: list[Any]) -> bool:
    return any(type(v) is str and len(v) >= _TEXT_SIZE for row in rows if type(row) is dict for v in row.values())


def _longer(table: Table, value: Any) -> bool:
    return sum(map(len, (*table.heads, *table.lines))) + _HEADING_SIZE > len(inline(value))


def _heading(number: int, what: str, kinds: int, rest: str) -> str:
    return f"#{number}: {what}{f' in {kinds} kinds' if kinds > 1 else ''}{rest}".replace("\n", " ")


def _section(number: int, what: str, table: Table, rest: str) -> _Section:
    return _Section(_heading(number, what, len(table.heads), rest), table.heads, table.lines)


def _records(records: Records) -> _Section:
    table = table_of(list(records.rows.values()), dotted("", records.key))
    if table is None:
        raise ValueError("records without a shape")
    return _section(records.section, f"{len(records.rows)} records by", table, f" {records.key}")


def encode(value: Any, lines: bool) -> str:
    """The compact form of a document, or of JSON Lines' list of documents. ValueError for what nests too deep."""
    pooled, records = extract(value, 1)
    writer = _Writer(1 + len(records))
    frame = laid_out(writer.frame(pooled, "$"))
    parts = [*writer.tables, *map(_records, records)]
    tables = [line for table in parts for line in (table.heading, *table.heads, *table.lines)]
    heads = "\n".join([line for table in parts for line in (table.heading, *table.heads)])
    texts = [line for text in writer.texts for line in text]
    return escape_surrogates("\n".join([_header(lines, heads, bool(texts)), frame, *tables, *texts]))


def _header(lines: bool, heads: str, texts: bool) -> str:
    """What the reader must know, of what this document uses."""
    parts = [f"[JSON{' Lines' if lines else ''} rewritten, nothing left out: quotes only where needed"]
    if heads or texts:
        parts.append("#1 stands for section #1")
    if heads:
        parts.append("a table names its columns, then has one row a line, cells between tabs, an empty cell is an absent key")
        parts += [meaning for pattern, meaning in _LEGEND if pattern.search(heads)]
    return "; ".join(parts) + "]"


def decode(text: str) -> str:
    """The JSON that a compact form stands for, minified. ValueError for other text."""
    header, _, body = text.partition("\n")
    if not header.startswith(_START):
        raise ValueError("not a compact form")
    lines = body.split("\n")
    start = next((i for i, line in enumerate(lines) if _HEADING.match(line)), len(lines))
    frame = Reader("\n".join(lines[:start])).value()
    sections: dict[int, Any] = {}
    at = start
    while at < len(lines):
        match = _HEADING.match(lines[at])
        if match is None:
            raise ValueError("not a section")
        number, count, word, heads = int(match[1]), int(match[2]), match[3], int(match[4] or 1)
        if word == "lines of text":
            sections[number] = "\n".join(lines[at + 1 : at + 1 + count])
            at += 1 + count
            continue
        rows = read_table(lines[at + 1 : at + 1 + heads], lines[at + 1 + heads : at + 1 + heads + count])
        sections[number] = _rows(word, rows, match[5])
        at += 1 + heads + count
    return minified_document(resolve(frame, sections), header.startswith(f"{_START} Lines"))


def _rows(word: str, rows: list[Any], rest: str) -> Any:
    if word == "rows":
        return rows
    if word == "object":
        return rows[0]
    if word == "records by":
        return {text_of(row[rest[1:]]): row for row in rows}
    out = {}
    for row in rows:
        (_, key), *pairs = row.items()
        out[key] = dict(pairs)
    return out
