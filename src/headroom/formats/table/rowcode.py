"""Rows of cells as text that says itself how to read it, and back to the printed lines, byte for byte.

    [table: the next 3 lines; cells are split by "|"; a row reads "{USER:<8} {PID:>5} {CMD}"; blank means USER="root"]
    |1|/sbin/init
    |2|[kthreadd]
    dev|812|vim notes.txt

A row may stand for several printed lines (a record). Lines that are no row stand as they are after ">".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, groupby, repeat
from operator import not_

from headroom.formats.listing.paths import from_tree, to_tree
from headroom.formats.table.cells import join_words, simplify
from headroom.formats.table.columns import Coding, code, restore
from headroom.formats.table.layout import Column, Layout, letters, parse

START = "[table: the next "
PARTS = "[table: rows follow"
_HEADER = re.compile(r"^\[table: the next (\d+) lines", re.MULTILINE)
_MARKS = ("|", "\t", ",", ";", "~", "^", "¦")
_RAW = ">"
_TREE = 'a line ending in "/" is a directory, what is indented below it is inside, {a..b} stands for all from a to b'
_DECODER = json.JSONDecoder()


class UnreadableError(ValueError):
    """A coded table that does not follow the grammar."""


@dataclass(slots=True)
class _Form:
    layout: Layout
    coding: Coding
    names: list[str]
    columns: list[Column]
    rows: int = 0
    tree: str = ""


def encode(
    units: Sequence[str],
    kinds: Sequence[int],
    tables: Sequence[tuple[Layout, list[Column]]],
    *,
    tree: str = "",
    parts: bool = False,
    counter: str = "",
) -> list[str] | None:
    """The coded lines, the header first, or None where no separator is free.

    `units` are lines or records as printed. The kind of each is the number of its table, a layout with the cells of
    its rows by column; 0 for a unit that stands as it is. `tree` names a column of paths to be factored (first and only
    table), `counter` one of line numbers, of which every tenth is enough. `parts` makes rows that can be read without
    the ones above and a header that does not count them, for texts that lose lines.
    """
    if any(unit.startswith(START) or "\n[table: " in unit for unit in compress(units, map(not_, kinds))):
        return None
    counts = [kinds.count(kind) for kind in range(1, len(tables) + 1)]
    if not all(counts):
        return None
    forms = [_form(*table, rows, parts, tree, counter) for table, rows in zip(tables, counts, strict=True)]
    mark = _free_mark(forms)
    if not mark:
        return None
    rows = _rows(units, kinds, forms, mark)
    if rows is None:
        return None
    clauses = [f"cells are split by {_quoted(mark)}"] if len(forms) > 1 or len(forms[0].names) > 1 else []
    several = len(forms) > 1
    clauses += [_clauses(form, letters(i).upper() if several else "") for i, form in enumerate(forms)]
    start = PARTS if parts else f"{START}{len(rows)} lines"
    return ["; ".join([start, *clauses]) + "]", *rows]


def _form(layout: Layout, columns: list[Column], rows: int, stateless: bool, tree: str, counter: str) -> _Form:
    layout, columns = simplify(layout, columns, tree)
    layout, columns = join_words(layout, columns, (tree, counter), only_prose=True)
    names = layout.names
    if tree not in names or not columns:
        return _Form(layout, *code(names, columns, stateless, counter), rows)
    at = names.index(tree)
    paths = columns[at]
    coding, kept, coded = code([n for n in names if n != tree], columns[:at] + columns[at + 1 :], stateless, counter)
    return _Form(layout, coding, [tree, *kept], [paths, *coded], rows, tree)


def _free_mark(forms: Sequence[_Form]) -> str:
    """A separator that stands in no cell but the last one of a row; a blank where no other cell is empty."""
    inner = ["\0".join(column) for form in forms for column in form.columns[:-1]]
    if not any(form.tree for form in forms) and not any(" " in x or "\0\0" in f"\0{x}\0" for x in inner):
        return " "
    return next((mark for mark in _MARKS if not any(mark in x for x in inner)), "")


def _rows(units: Sequence[str], kinds: Sequence[int], forms: Sequence[_Form], mark: str) -> list[str] | None:
    """The lines below the header."""
    if forms[0].tree:
        return _tree_rows(units, kinds, forms[0], mark)
    coded = [_form_rows(form, letters(i).upper() if len(forms) > 1 else "", mark) for i, form in enumerate(forms)]
    whole = not any(map(_reads_raw, coded))
    if whole and 0 not in kinds and len(forms) == 1:
        return coded[0]
    leaning = any(f.layout.needs_widest or f.coding.above or f.coding.counts for f in forms)
    if not whole and leaning:
        return None  # rows around those that stand as they are lean on them
    rows = [iter(()), *map(iter, coded)]
    out: list[str] = []
    for unit, kind in zip(units, kinds, strict=True):
        row = next(rows[kind]) if kind else _RAW
        if row.startswith(_RAW) or "\n" in row:
            out.extend([_RAW + line for line in unit.split("\n")])
        else:
            out.append(row)
    return out


def _form_rows(form: _Form, letter: str, mark: str) -> list[str]:
    """The rows of one form; blank cells at a row's end are left out (no cell but a last one holds the mark)."""
    columns = [(letter,) * form.rows, *form.columns] if letter else form.columns
    return _joined(columns, mark) if columns else [""] * form.rows


def _reads_raw(rows: Sequence[str]) -> bool:
    """Whether one of the rows would be taken for a line that stands as it is, or for several."""
    text = "\n".join(rows)
    return text.startswith(_RAW) or f"\n{_RAW}" in text or text.count("\n") != len(rows) - 1


def _joined(columns: Sequence[Column], mark: str) -> list[str]:
    rows = map(mark.join, zip(*columns, strict=True))
    if "" not in columns[-1]:
        return list(rows)
    return [row if last else row.rstrip(mark) for row, last in zip(rows, columns[-1], strict=True)]


def _tree_rows(units: Sequence[str], kinds: Sequence[int], form: _Form, mark: str) -> list[str] | None:
    paths = form.columns[0]
    rests = _joined([("",) * len(paths), *form.columns[1:]], mark) if len(form.columns) > 1 else []
    out: list[str] = []
    at = place = 0
    for kind, group in groupby(kinds):
        size = len(list(group))
        if kind:
            lines = to_tree(paths[at : at + size], rests[at : at + size], mark if rests else "")
            if lines is None or any(map(str.startswith, lines, repeat(_RAW))):
                return None
            out.extend(lines)
            at += size
        else:
            out.extend([_RAW + line for unit in units[place : place + size] for line in unit.split("\n")])
        place += size
    return out


# --- the header ---------------------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _clauses(form: _Form, letter: str) -> str:
    layout, coding = form.layout, form.coding
    said = [f"{f'form {letter}' if letter else 'a row'} reads {_quoted(layout.spec())}"]
    if tuple(form.names) != layout.names:
        said.append(f"cells are {', '.join(form.names)}")
    if layout.cut:
        said.append("row ends are cut")
    if coding.usual:
        said.append("blank means " + ", ".join(f"{n}={_quoted(v)}" for n, v in coding.usual.items()))
    if coding.above:
        said.append("blank repeats the row above in " + ", ".join(coding.above))
    if coding.counts:
        said.append("blank counts up by 1 in " + ", ".join(coding.counts))
    if coding.same:
        said.append("a blank " + ", a blank ".join(f"{n} is as {other}" for n, other in coding.same.items()))
    for key, (follow, table) in coding.lookups.items():
        values = {k: v[0] if len(follow) == 1 else list(v) for k, v in table.items()}
        said.append(f"{key} gives {', '.join(follow)}: {json.dumps(values, ensure_ascii=False)}")
    if form.tree:
        said.append(_TREE)
    return "; ".join(said)


@dataclass(slots=True)
class _Header:
    count: int
    mark: str
    forms: dict[str, _Form]


def _read_header(text: str, start: int, count: int) -> tuple[_Header, int]:
    """The header whose clauses begin at `start`, and where it ends."""
    header, at = _Header(count, "", {}), start
    form: _Form | None = None
    while text.startswith("; ", at):
        at += 2
        if text.startswith("cells are split by ", at):
            header.mark, at = _string(text, at + 19)
            continue
        match = re.compile(r"(?:form ([A-Z]+)|a row) reads ").match(text, at)
        if match:
            spec, at = _string(text, match.end())
            layout = parse(spec)
            form = _Form(layout, Coding(), list(layout.names), [])
            header.forms[match[1] or ""] = form
        elif form is None:
            raise UnreadableError("clause before layout")
        else:
            at = _read_clause(text, at, form)
    if not text.startswith("]", at) or not header.forms:
        raise UnreadableError("header")
    return header, at + 1


_NAMES = re.compile(r"([^,;=:\]\[\"]+)(?:, )?")


def _names(text: str, at: int) -> tuple[list[str], int]:
    out = []
    while match := _NAMES.match(text, at):
        out.append(match[1])
        at = match.end()
        if not match[0].endswith(", "):
            break
    return out, at


def _read_clause(text: str, at: int, form: _Form) -> int:
    coding = form.coding
    if text.startswith(_TREE, at):
        form.tree = form.names[0]
        return at + len(_TREE)
    if text.startswith("row ends are cut", at):
        form.layout = Layout(form.layout.literals, form.layout.slots, cut=True)
        return at + 16
    if text.startswith("cells are ", at):
        form.names, at = _names(text, at + 10)
        return at
    if text.startswith("blank repeats the row above in ", at):
        coding.above, at = _names(text, at + 31)
        return at
    if text.startswith("blank counts up by 1 in ", at):
        coding.counts, at = _names(text, at + 24)
        return at
    if text.startswith("blank means ", at):
        at += 10
        while match := re.compile(r"(?:s |, )([^=]+)=").match(text, at):
            coding.usual[match[1]], at = _string(text, match.end())
        return at
    if text.startswith("a blank ", at):
        while match := re.compile(r"(?:, )?a blank ([^,;=:\]\[\"]+?) is as ([^,;=:\]\[\"]+)").match(text, at):
            coding.same[match[1]], at = match[2], match.end()
        return at
    match = re.compile(r"([^;:\"]+?) gives ").match(text, at)
    if not match:
        raise UnreadableError("clause")
    follow, at = _names(text, match.end())
    table, at = _DECODER.raw_decode(text, at + 2)
    coding.lookups[match[1]] = tuple(follow), {k: (v,) if isinstance(v, str) else tuple(v) for k, v in table.items()}
    return at


def _string(text: str, at: int) -> tuple[str, int]:
    value, end = _DECODER.raw_decode(text, at)
    if not isinstance(value, str):
        raise UnreadableError("string")
    return value, end


# --- decoding -----------------------------------------------------------------------------------------------------


def decode(text: str) -> str:
    """The text with every coded table printed again."""
    out, at = [], 0
    while match := _HEADER.search(text, at):
        out.append(text[at : match.start()])
        header, end = _read_header(text, match.end(), int(match[1]))
        lines = text[end + 1 :].split("\n", header.count)
        rest = lines[header.count :]
        out.append("\n".join(_print(header, lines[: header.count])))
        at = len(text) - len(rest[0]) - 1 if rest else len(text)
    out.append(text[at:])
    return "".join(out)


def _print(header: _Header, lines: list[str]) -> list[str]:
    """The printed lines of a coded table."""
    several = "" not in header.forms
    order: list[tuple[str, str]] = []  # (form or ">", what to print or the row)
    cells: dict[str, list[list[str]]] = {name: [] for name in header.forms}
    if not several and header.forms[""].tree:
        lines = [
            row
            for raw, group in groupby(lines, key=lambda line: line.startswith(_RAW))
            for row in (group if raw else from_tree(list(group), header.mark))
        ]
    for line in lines:
        if line.startswith(_RAW):
            order.append((_RAW, line[1:]))
            continue
        name = ""
        if several:
            name, _, line = line.partition(header.mark)
        form = header.forms[name]
        size = len(form.names)
        row = line.split(header.mark, size - 1) if header.mark and size > 1 else [line] if size else []
        cells[name].append(row + [""] * (size - len(row)))
        order.append((name, ""))
    printed = {name: _printed(form, cells[name], [n for n, _ in order], name) for name, form in header.forms.items()}
    return [raw if name == _RAW else next(printed[name]) for name, raw in order]


def _printed(form: _Form, rows: list[list[str]], order: list[str], name: str) -> Iterator[str]:
    columns = restore(form.coding, form.names, rows)
    cells = [columns[n] for n in form.layout.names]
    if not cells:
        text = form.layout.literals[0]
        yield from repeat(text.rstrip(" ") if form.layout.cut else text, len(rows))
        return
    if not form.layout.needs_widest:
        yield from form.layout.printed(cells)
        return
    at = 0
    for is_row, group in groupby(order, key=lambda n: n == name):
        if is_row:
            size = len(list(group))
            run = [column[at : at + size] for column in cells]
            at += size
            yield from form.layout.printed(run, form.layout.widest(run))
