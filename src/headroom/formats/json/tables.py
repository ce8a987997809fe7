"""A list of objects as a table: keys once, one row a line, cells between tabs, nothing lost.

The head names the columns in key order, between tabs. What follows a name says what the cells leave out:
`name=x` every row has x, `name~x` an empty cell means x (`name?b=x`, `name?b~x`: in rows that have column b),
`name:a<b>c` built from column b of the row, `name→#2` the cell is the key of a record of section 2, `name(text)` cells
are strings however they read. Rows of several kinds start with their kind's letter; a row that fits none is written
whole after a "=".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from headroom.formats.json.columns import Column, columns_of, kinds_of, put, read_head
from headroom.formats.json.compact import MISSING, Missing, Reader, Ref, inline, read_cell, schema_text
from headroom.formats.json.read import quote
from headroom.formats.json.relations import fill, lengthened, read_template, shortened, template_text, templates

_CONTROL = re.compile("[\x00-\x1f\x85\u2028\u2029\ud800-\udfff]")
_NUMERIC = re.compile(r"-?\d[\d.eE+-]*\Z")
_NUMBERS = {bytes}
_REFERRING, _TEXTS = frozenset((Ref, Missing, type(None))), frozenset((str, Missing))
_DEFAULT_SHARE, _DEFAULT_ROWS = 0.6, 4


@dataclass(frozen=True, slots=True)
class Table:
    """A table's heads and columns (one of each for each kind of row), its rows' kinds and lines."""

    heads: list[str]
    lines: list[str]
    columns: list[list[Column]]
    kinds: list[int]


def table_of(rows: Sequence[Any], literal: str = "") -> Table | None:
    """The table of a list, or None for items that share too little.

    The column named `literal` is never built from others: readers look rows up by it.
    """
    keys, kinds = kinds_of(rows)
    if not keys or kinds.count(-1) * 2 > len(rows) or len(keys) > 26:
        return None
    heads: list[str] = []
    bodies: list[list[str]] = []
    all_columns: list[list[Column]] = []
    for i, order in enumerate(keys):
        members = [row for row, kind in zip(rows, kinds, strict=True) if kind == i]
        columns = columns_of(members, order)
        specs, body = _encoded(columns, literal)
        letter = f"{chr(65 + i)}\t" if len(keys) > 1 else ""
        heads.append(letter + "\t".join(specs))
        bodies.append([letter + line for line in body] if letter else body)
        all_columns.append(columns)
    if set(kinds) == {0}:
        return Table(heads, bodies[0], all_columns, kinds)
    following = list(map(iter, bodies))
    lines = ["=" + inline(row) if kind < 0 else next(following[kind]) for row, kind in zip(rows, kinds, strict=True)]
    return Table(heads, lines, all_columns, kinds)


def _encoded(columns: list[Column], literal: str) -> tuple[list[str], list[str]]:
    """The columns' heads and the rows' lines."""
    built = templates(columns, literal)
    specs: list[str] = []
    shown: list[Iterable[str]] = []
    ragged = False
    presence: dict[bytes, str] = {}  # which rows have a column → the first column that shows it
    size = len(columns[0].values)
    beside = ""
    for i, column in enumerate(columns):
        name, beside = shortened(column.name, beside), column.name
        if i in built:
            specs.append(f"{name}:{template_text(built[i], column.name)}")
            continue
        mark, cells = _marked(column)
        spec = name + (schema_text(column.schema) if column.schema else "") + mark
        absent = "" in cells
        only = _common(cells, size)
        witness = presence.get(_presence(cells)) if only and absent else None
        if only is None or (absent and witness is None):
            specs.append(spec)
            shown.append(map(bytes.decode, column.values) if column.kinds == _NUMBERS else cells)
            ragged = absent
            if absent:
                presence.setdefault(_presence(cells), column.name)
            continue
        value, everywhere = only
        where = f"?{shortened(witness, column.name)}" if witness else ""
        specs.append(f"{spec}{where}{'=' if everywhere else '~'}{value}")
        if not everywhere:
            shown.append(["" if c == value else c for c in cells])
            ragged = True
    if not shown:
        return specs, [""] * size
    lines = list(map("\t".join, zip(*shown, strict=True)))
    return specs, [line.rstrip("\t") for line in lines] if ragged else lines


def _marked(column: Column) -> tuple[str, list[str]]:
    """The mark that says how to read the column's cells, and the cells as they are then written."""
    if Ref in column.kinds and column.kinds <= _REFERRING:
        sections = {v.section for v in column.values if type(v) is Ref}
        if len(sections) == 1 and all(v.key is not None for v in column.values if type(v) is Ref):
            cells = [
                _plain(v.key) if type(v) is Ref and v.key is not None else "null" if v is None else ""
                for v in column.values
            ]
            return f"→#{sections.pop()}", cells
    if column.kinds <= _TEXTS and column.cells is not column.values and not column.schema:
        quoted = sum(c[:1] == '"' for c in column.cells)
        if quoted * 4 > len(column.cells):
            cells = [_plain(v) if type(v) is str else "" for v in column.values]
            if sum(c[:1] == '"' for c in cells) * 2 < quoted:
                return "(text)", cells
    return "", column.cells


def _plain(text: str) -> str:
    """A string in a column that holds nothing but strings: bare unless a quote is needed to see its ends."""
    if not text or text[0] in '"=' or text == "null" or _CONTROL.search(text):
        return quote(text)
    return text


def _presence(cells: list[str]) -> bytes:
    return bytes(map(bool, cells))


def _common(cells: list[str], size: int) -> tuple[str, bool] | None:
    """The cell that all filled rows share (True), or most of them (False)."""
    if len(set(cells)) - 2 > (1 - _DEFAULT_SHARE) * size:
        return None  # too many others, told without counting them
    counts = Counter(cells)
    absent = counts.pop("", 0)
    if not counts or (size - absent < 2 and absent):
        return None
    n = max(counts.values())
    everywhere = len(counts) == 1
    if everywhere or (size - absent >= _DEFAULT_ROWS and n >= _DEFAULT_SHARE * (size - absent)):
        return max(counts, key=counts.__getitem__), everywhere
    return None


def read_table(heads: Sequence[str], lines: Sequence[str]) -> list[Any]:
    """The rows of a table from its heads and its row lines."""
    lettered = len(heads) > 1
    kinds = [_Kind(head[2:] if lettered else head) for head in heads]
    out: list[Any] = []
    for line in lines:
        if line.startswith("="):
            out.append(Reader(line, 1).value())
        elif lettered:
            out.append(kinds[ord(line[0]) - 65].row(line[2:]))
        else:
            out.append(kinds[0].row(line))
    return out


class _Kind:
    """One head, ready to read rows."""

    def __init__(self, head: str) -> None:
        self.columns: list[_Spec] = []
        beside = ""
        for spec in head.split("\t"):
            self.columns.append(_Spec(lengthened(spec, beside)))
            beside = self.columns[-1].name
        self.by_name = {spec.name: spec for spec in self.columns}

    def row(self, line: str) -> dict[str, Any]:
        cells = iter(line.split("\t"))
        values: dict[str, Any] = {}
        for spec in self.columns:
            if spec.rule != ":":
                values[spec.name] = spec.read(spec.rest if spec.rule == "=" else next(cells, ""), values)
        out: dict[str, Any] = {}
        for spec in self.columns:
            value = self._value(spec, values)
            if value is not MISSING:
                put(out, spec.path, value)
        return out

    def _value(self, spec: _Spec, values: dict[str, Any]) -> Any:
        if spec.name not in values:
            needed = {base: self._value(self.by_name[base], values) for base in spec.parts[1::2]}
            values[spec.name] = fill(spec.parts, needed)
        return values[spec.name]


class _Spec:
    """One column's head: its path, how its cells read, and what stands in for an empty one."""

    def __init__(self, text: str) -> None:
        self.path, self.name, self.schema, at = read_head(text)
        self.section: int | None = None
        self.text = text.startswith("(text)", at)
        at += 6 if self.text else 0
        reference = re.compile(r"→#(\d+)").match(text, at)
        if reference:
            self.section = int(reference[1])
            at = reference.end()
        self.witness = ""
        if text[at : at + 1] == "?":
            start = at + 1 + text.startswith(".", at + 1)
            self.witness = text[at + 1 : start] + read_head(text[start:])[1]
            at += 1 + len(self.witness)
            self.witness = lengthened(self.witness, self.name)
        self.rule, self.rest = text[at : at + 1], text[at + 1 :]
        self.parts = read_template(self.rest, self.name) if self.rule == ":" else ()

    def read(self, cell: str, row: dict[str, Any]) -> Any:
        if self.witness and row[self.witness] is MISSING:
            return MISSING
        if not cell and self.rule == "~":
            cell = self.rest
        if not cell:
            return MISSING
        if self.schema is not None and cell[0] == "[":
            return Reader(cell).structured(self.schema)
        if self.text or self.section is not None:
            if self.section is not None and cell == "null":
                return None
            plain = Reader(cell).value() if cell[0] == '"' else cell
            return plain if self.section is None else Ref(self.section, plain)
        return read_cell(cell)
