"""A whole JSON document in its compact form: a header, the document's frame, and numbered sections.

Arrays and maps of like objects become tables, objects that stand in many places become records, long texts stand
unescaped. `encode` and `decode` are inverse as JSON goes: key order, duplicate keys and the spelling of numbers stay.
"""

from __future__ import annotations

import re
from typing import Any

from headroom.text.json_compact import Gap, Reader, Ref, inline, laid_out
from headroom.text.json_read import MAX_DEPTH, Pairs, minified_document
from headroom.text.json_records import Records, extract, resolve
from headroom.text.json_relations import text_of
from headroom.text.json_table import Table, read_table, table_of

_HEADING = re.compile(r"#(\d+): (\d+) (rows|entries|records by|lines of text)(?: in (\d+) kinds)?(.*)")
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x85\u2028\u2029\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT_LINES, _TEXT_SIZE, _MIN_ROWS, _FEW = 8, 300, 2, 8
_START = "[JSON"
_LEGEND = (
    (re.compile(r"^#\d+: \d+ (?:rows|entries|records)", re.M), "a table: its columns' names, then one row a line, cells between tabs, an empty cell: no such key"),
    (re.compile(r"^#\d+: \d+ entries", re.M), "entries: an object whose keys are the first column"),
    (re.compile(r"^#\d+: \d+ \w+ in \d+ kinds", re.M), "a row's first letter: its kind"),
)


class _Writer:
    def __init__(self) -> None:
        self.sections: list[list[str]] = []
        self.next = 1
        self.marks: set[str] = set()

    def number(self) -> int:
        self.next += 1
        return self.next - 1

    def frame(self, value: Any, path: str, depth: int = 0) -> Any:
        """The value with references where sections took something out."""
        kind = type(value)
        if kind is str:
            return self.text(value, path)
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        if kind is dict:
            return self.table(value, path) or {
                k: self.frame(v, f"{path}.{k}", depth + 1) if type(v) in (str, dict, list) else v
                for k, v in value.items()
            }
        if kind is list:
            return self.table(value, path) or [
                self.frame(v, f"{path}[{i}]", depth + 1) if type(v) in (str, dict, list) else v
                for i, v in enumerate(value)
            ]
        return value

    def text(self, value: str, path: str) -> str | Ref:
        if len(value) < _TEXT_SIZE or value.count("\n") < _TEXT_LINES or _UNWRITABLE.search(value):
            return value
        number, lines = self.number(), value.split("\n")
        self.sections.append([f"#{number}: {len(lines)} lines of text at {path}", *lines])
        return Ref(number)

    def table(self, value: Any, path: str) -> Ref | None:
        """A reference to the table of a list or map of like objects; None where a table is no shorter."""
        if len(value) < _MIN_ROWS:
            return None
        if type(value) is list:
            if sum(type(v) is dict for v in value) * 2 < len(value):
                return None
            rows, word = value, "rows"
        else:
            if not all(type(v) is dict and v for v in value.values()):
                return None
            name = "key" if not any("key" in v for v in value.values()) else "(key)"
            if any(name in v for v in value.values()):
                return None
            rows, word = [{name: k, **v} for k, v in value.items()], "entries"
        rows = [self.inside(row, path) for row in rows] if _has_long_text(rows) else rows
        table = table_of(rows)
        if table is None:
            return None
        if len(rows) <= _FEW and sum(map(len, (*table.heads, *table.lines))) + 30 > len(inline(value)):
            return None
        count = sum(type(row) is not Gap for row in value) if word == "rows" else len(value)
        number = self.number()
        self.sections.append(_section(number, f"{count} {word}", table, f" of {path}"))
        return Ref(number)

    def inside(self, row: Any, path: str) -> Any:
        if type(row) is not dict:
            return row
        return {k: self.text(v, f"{path}[].{k}") if type(v) is str else v for k, v in row.items()}

    def records(self, records: Records) -> None:
        table = table_of(list(records.rows.values()))
        if table is None:
            raise ValueError("records without a shape")
        self.sections.append(_section(records.section, f"{len(records.rows)} records by", table, f" {records.key}"))


def _has_long_text(rows: list[Any]) -> bool:
    return any(type(v) is str and len(v) >= _TEXT_SIZE for row in rows if type(row) is dict for v in row.values())


def _section(number: int, what: str, table: Table, rest: str) -> list[str]:
    kinds = f" in {len(table.heads)} kinds" if len(table.heads) > 1 else ""
    return [f"#{number}: {what}{kinds}{rest}".replace("\n", " "), *table.heads, *table.lines]


def encode(value: Any, lines: bool) -> str:
    """The compact form of a document, or of JSON Lines' list of documents. ValueError for what nests too deep."""
    writer = _Writer()
    pooled, records = extract(value, 1)
    writer.next += len(records)
    frame = laid_out(writer.frame(pooled, "$"))
    for some in records:
        writer.records(some)
    body = "\n".join([frame, *("\n".join(section) for section in writer.sections)])
    text = f"{_header(lines, writer)}\n{body}"
    return _SURROGATE.sub(lambda m: f"\\u{ord(m.group()):04x}", text) if _SURROGATE.search(text) else text


def _header(lines: bool, writer: _Writer) -> str:
    return f"[JSON{' Lines' if lines else ''}, nothing left out]"


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
    if word == "records by":
        return {text_of(row[rest[1:]]): row for row in rows}
    out = {}
    for row in rows:
        (_, key), *pairs = row.items()
        out[key] = dict(pairs)
    return out
