"""A whole JSON document in its compact form: a header, the document's frame, and numbered sections.

Arrays and maps of like objects become tables, objects that stand in many places become records, long texts stand
unescaped. `Document.text` and `decode` are inverse as JSON goes: key order, duplicate keys and numbers as written stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import is_ as _is
from typing import Any, Protocol

from headroom.formats.json.columns import dotted, read_head
from headroom.formats.json.compact import Reader, Ref, Shown, inline, laid_out
from headroom.formats.json.read import MAX_DEPTH, escape_surrogates, minified_document, path_step
from headroom.formats.json.records import ENDLESS, LONG_LIST, Reach, Records, Survey, extract, resolve
from headroom.formats.json.relations import text_of
from headroom.formats.json.tables import Table, read_table, table_of

_HEADING = re.compile(r"#(\d+): (\d+) (rows|entries|records by|object|lines of text)(?: in (\d+) kinds)?(.*)")
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x85\u2028\u2029\ud800-\udfff]")
_TEXT_LINES, _TEXT_SIZE, _MIN_ROWS, _FEW, _ADDRESSES, _HEADING_SIZE = 8, 300, 2, 8, 6, 30
_START = "[JSON"
_TABLE_DEPTH = 16  # what stands deeper is written in place
_LIFTED, _NESTING = frozenset((str, dict, list, Shown)), frozenset((dict, list))
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
        (r"(?:^|\t)[^\t\n=:]*\w[\[{][^\t\n0]", "a[b,c]: objects as their values of b and c in brackets"),
        (r"\(text\)", "a(text): all strings"),
    )
)


class Thinner(Protocol):
    """Chooses among the lines of a table at a path; `lost` says whether anything of the document was left out."""

    @property
    def lost(self) -> bool: ...

    def rows(self, table: Table, path: str, word: str) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class _Section:
    """A table with the line that says what it is."""

    heading: str
    heads: list[str]
    lines: list[str]


class _Writer:
    """Takes tables and texts out of a document and numbers them."""

    def __init__(self, first: int, lift: bool, reach: Reach, known: dict[int, Table], thinner: Thinner | None) -> None:
        self.next = first
        self.reach = reach
        self.lift, self.known, self.thinner = lift, known, thinner
        self.tables: list[_Section] = []
        self.texts: list[str] = []

    def number(self) -> int:
        self.next += 1
        return self.next - 1

    def frame(self, value: Any, path: str, depth: int = 0) -> Any:
        """The value with references where sections took something out."""
        kind = type(value)
        if kind is str or kind is Shown:
            return self.text(value, path)
        if kind is not dict and kind is not list:
            return value
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        if kind is list and _LIFTED.isdisjoint(map(type, value)):
            return value
        table = self.table(value, path) or self.object(value, path) if depth < _TABLE_DEPTH else None
        if table is not None:
            return table
        if kind is dict:
            return {k: self.frame(v, path + path_step(k), depth + 1) if _may_lift(v) else v for k, v in value.items()}
        return [self.frame(v, f"{path}[{i}]", depth + 1) if _may_lift(v) else v for i, v in enumerate(value)]

    def text(self, value: Any, path: str) -> Any:
        """A reference to a long text, the value itself where it is none."""
        if type(value) is Shown:
            what, text = "shortened text", value.text
        elif len(value) < _TEXT_SIZE or value.count("\n") < _TEXT_LINES or _UNWRITABLE.search(value):
            return value
        else:
            what, text = f"{value.count(chr(10)) + 1} lines of text", value
        number = self.number()
        self.texts.append(f"{_heading(number, what, 1, f' at {path}')}\n{text}")
        return Ref(number)

    def table(self, value: Any, path: str) -> Ref | None:
        """A reference to the table of a list or map of like objects; None where a table is no shorter."""
        if len(value) < _MIN_ROWS:
            return None
        literal = ""
        if type(value) is list:
            if list(map(type, value)).count(dict) * 2 < len(value):
                return None
            rows, word = value, "rows"
        else:
            if set(map(type, value.values())) != {dict} or not all(value.values()):
                return None
            literal = "key" if not any("key" in v for v in value.values()) else "(key)"
            if any(literal in v for v in value.values()):
                return None
            rows, word = [{literal: k, **v} for k, v in value.items()], "entries"
        table = self.known.get(id(value))
        if table is None:
            texts, tables = len(self.texts), len(self.tables)
            if self.lift and self.reach.get(id(value), ENDLESS) >= _TEXT_SIZE:
                steps = map(path_step, value) if word == "entries" else (f"[{i}]" for i in range(len(rows)))
                rows = [self.lifted(row, path + step) for row, step in zip(rows, steps, strict=True)]
            table = table_of(rows, literal)
            if table is None or (len(rows) <= _FEW and _longer(table, value)):
                del self.texts[texts:], self.tables[tables:]
                return None
            if (len(self.texts), len(self.tables)) == (texts, tables):
                self.known[id(value)] = table
        else:
            tables = len(self.tables)
        number = self.number()
        lines = table.lines if self.thinner is None else self.thinner.rows(table, path, word)
        section = _section(number, f"{len(table.lines)} {word}", table, lines, f" of {path}")
        self.tables.insert(tables, section)  # before the tables of lists inside its rows
        return Ref(number)

    def object(self, value: Any, path: str) -> Ref | None:
        """A reference to a single object in which many addresses are built from one another."""
        if type(value) is not dict or len(value) < _ADDRESSES:
            return None
        if sum(type(v) is str and "://" in v for v in value.values()) < _ADDRESSES:
            return None
        texts, tables = len(self.texts), len(self.tables)
        table = table_of([self.lifted(value, path) if self.lift else value])
        if table is None or _longer(table, value):
            del self.texts[texts:], self.tables[tables:]
            return None
        number = self.number()
        self.tables.insert(tables, _section(number, "1 object", table, table.lines, f" at {path}"))
        return Ref(number)

    def lifted(self, value: Any, path: str) -> Any:
        """The value with references in place of its long texts and lists; the same object where it has none."""
        kind = type(value)
        if kind is str or kind is Shown:
            return self.text(value, path)
        if kind is dict:
            changed: dict[str, Any] = {}
            for key, below in value.items():
                if self.may_lift(below) and (made := self.lifted(below, path + path_step(key))) is not below:
                    changed[key] = made
            return {**value, **changed} if changed else value
        if kind is list:
            if len(value) >= LONG_LIST and type(value[0]) is dict and (table := self.table(value, path)) is not None:
                return table
            items = [self.lifted(v, f"{path}[{i}]") if self.may_lift(v) else v for i, v in enumerate(value)]
            return value if all(map(_is, items, value)) else items
        return value

    def may_lift(self, value: Any) -> bool:
        """Whether a value is or may hold a long text or a long list of objects."""
        if type(value) is list and len(value) >= LONG_LIST:
            return True
        return _may_lift(value) and (type(value) not in _NESTING or self.reach.get(id(value), ENDLESS) >= _TEXT_SIZE)


def _may_lift(value: Any) -> bool:
    return len(value) >= _TEXT_SIZE if type(value) is str else type(value) in _LIFTED


def _longer(table: Table, value: Any) -> bool:
    return sum(map(len, (*table.heads, *table.lines))) + _HEADING_SIZE > len(inline(value))


def _heading(number: int, what: str, kinds: int, rest: str) -> str:
    return f"#{number}: {what}{f' in {kinds} kinds' if kinds > 1 else ''}{rest}"


def _section(number: int, what: str, table: Table, lines: list[str], rest: str) -> _Section:
    return _Section(_heading(number, what, len(table.heads), rest), table.heads, lines)


def _records(records: Records) -> _Section:
    name = dotted("", records.key)
    table = table_of(list(records.rows.values()), name)
    if table is None:
        raise ValueError("records without a shape")
    return _section(records.section, f"{len(table.lines)} records by", table, table.lines, f" {name}")


class Document:
    """A document (or JSON Lines' list of documents) ready to be written, whole or thinned out.

    ValueError for what nests too deep. `lift` is false where no text is long enough to stand by itself.
    """

    def __init__(self, value: Any, lines: bool, lift: bool = True, like: Document | None = None) -> None:
        self.frame: Any = value
        self.records: list[Records] = []
        self.seen: Survey
        if like is not None and not like.records:  # what is left out of unlike objects makes no two of them alike
            self.seen = like.seen
        else:
            self.frame, self.records, self.seen = extract(value, 1)
        self.lines, self.lift = lines, lift or self.seen.long_lists > 1
        # By the id of its rows. What shares parts with another document, none of them rewritten, shares their tables.
        self.known: dict[int, Table] = {} if like is None or like.records else dict(like.known)
        self.longest = 0  # rows of the longest table, once written

    def text(self, thinner: Thinner | None = None) -> str:
        """The compact form, with a thinner what is left of it: nothing where nothing was left out."""
        writer = _Writer(1 + len(self.records), self.lift, self.seen.reach, self.known, thinner)
        frame = laid_out(writer.frame(self.frame, "$"))
        if thinner is not None and not thinner.lost:
            return ""
        self.longest = max((len(table.lines) for table in writer.tables), default=0)
        sections = [*writer.tables, *map(_records, self.records)]
        tables = [line for table in sections for line in (table.heading, *table.heads, *table.lines)]
        heads = "\n".join([head for table in sections for head in table.heads])
        lettered = any(len(table.heads) > 1 for table in sections)
        alone = frame == "#1" and len(sections) + len(writer.texts) == 1
        legend = _legend(heads, lettered, any(map(_has_gaps, sections))) if heads else []
        if (heads or writer.texts) and not alone:
            legend.insert(0, "#1 stands for section #1")
        header = _header(self.lines, legend, thinner is None)
        return escape_surrogates("\n".join([header, *([] if alone else [frame]), *tables, *writer.texts]))


def _has_gaps(section: _Section) -> bool:
    """Whether a row of the table may have an empty cell; those at a row's end are not written."""
    if len(section.heads) > 1 or len({line.count("\t") for line in section.lines}) > 1:
        return True
    return any(not line or line[0] == "\t" or "\t\t" in line for line in section.lines)


def _legend(heads: str, lettered: bool, gaps: bool) -> list[str]:
    """What the reader must know of the tables: only what these use."""
    legend = ["tables: columns, then a row a line, cells between tabs"]
    legend[0] += ", an empty cell is an absent key" if gaps else ""
    legend += [meaning for pattern, meaning in _LEGEND if pattern.search(heads)]
    return [*legend, "a row's letter names its kind"] if lettered else legend


def _header(lines: bool, legend: list[str], whole: bool) -> str:
    left = "nothing left out" if whole else "[… …] says what is left out"
    said = f"{_START}{' Lines' if lines else ''} rewritten, {left}: quotes only where needed"
    return "; ".join([said, *legend]) + "]"


def decode(text: str) -> str:
    """The JSON that a compact form stands for, minified. ValueError for other text."""
    header, _, body = text.partition("\n")
    if not header.startswith(_START):
        raise ValueError("not a compact form")
    lines = body.split("\n")
    start = next((i for i, line in enumerate(lines) if _HEADING.match(line)), len(lines))
    frame = Reader("\n".join(lines[:start])).value() if start else Ref(1)
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
        key = read_head(rest[1:])[0][0]
        return {text_of(row[key]): row for row in rows}
    out = {}
    for row in rows:
        (_, key), *pairs = row.items()
        out[key] = dict(pairs)
    return out
