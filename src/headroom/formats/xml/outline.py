"""XML without its closing tags: an outline with one element a line, and tables for runs of like siblings.

Equal to the document up to whitespace between tags, attribute order and spelling of empty elements. The grammar, by
the start of a line after its indentation (one space a level):

    name a="1" b="2": text      an element with text (entities as in the source)
    name a="1"                  an element without text; its children follow, indented
    name × 3 a="1": @b | c      three elements with the same a; then a line for each: its attribute b and child c
    <…                          XML as it stands: comments, declarations, elements that mix text and tags
    |…                          the next line of the text or XML above
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_ATTRIBUTE = r"""\s+[^\s=<>"'/]+\s*=\s*(?:"[^"<]*"|'[^'<]*')"""
_TOKEN = re.compile(
    rf"<(?P<leaf>[^\s/<>!?]+)(?P<leaf_attributes>(?:{_ATTRIBUTE})*)\s*(?:/>|>(?P<text>[^<]*)</(?P=leaf)\s*>)"
    rf"|<(?P<open>[^\s/<>!?]+)(?P<attributes>(?:{_ATTRIBUTE})*)\s*>"
    r"|</[^<>]*>"
    r"|<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<!DOCTYPE[^<>\[]*(?:\[[^\]]*\]\s*)?>",
    re.DOTALL,
)
_PAIR = re.compile(r"""([^\s=<>"'/]+)\s*=\s*("[^"<]*"|'[^'<]*')""")
_LINE = re.compile(rf"([^\s:<>|]+(?::[^\s:<>|]+)*)((?:{_ATTRIBUTE})*)(?:(: )(.*)|(:))?$", re.DOTALL)
_TABLE = re.compile(rf"([^\s:<>|]+(?::[^\s:<>|]+)*) × (\d+)((?:{_ATTRIBUTE})*): (.*)$")
_SPACES = str.maketrans("\n\r\t", "   ")
CELL_MARK = " | "
_MAX_DEPTH, _MIN_ROWS, _MAX_COLUMNS = 200, 3, 24


class OutlineError(ValueError):
    """The document can't be written as an outline (too deep, or markup this grammar doesn't know)."""


@dataclass(slots=True)
class Item:
    """An outline line at `depth`; `rows` holds a table's rows. `record` is a sibling that may become a row."""

    depth: int
    head: str
    rows: list[tuple[str, ...]] = field(default_factory=list)
    record: tuple[str, tuple[str, ...], tuple[str, ...]] | None = None
    columns: tuple[str, ...] = ()


def outline(source: str) -> list[Item]:
    """The items of a well-formed document. Raises OutlineError."""
    items: list[Item] = []
    stack: list[tuple[int, int]] = []  # where an open element starts: in the source, in the items
    mixed: set[int] = set()
    end = 0
    for token in _TOKEN.finditer(source):
        start = token.start()
        if start != end and not source[end:start].isspace():
            if "<" in source[end:start] or not stack:
                raise OutlineError("markup that the outline has no form for")
            mixed.add(len(stack))
        end = token.end()
        leaf, leaf_attributes, text, opened, attributes = token.groups()
        if leaf is not None:
            items.append(_leaf(len(stack), leaf, leaf_attributes, text or ""))
        elif opened is not None:
            if len(stack) >= _MAX_DEPTH:
                raise OutlineError("nested too deeply")
            items.append(Item(len(stack), opened + _spelt(_pairs(attributes))))
            stack.append((start, len(items) - 1))
        elif source.startswith("</", start):
            if not stack:
                raise OutlineError("closing tag without an opening one")
            first, at = stack.pop()
            if len(stack) + 1 in mixed:
                mixed.discard(len(stack) + 1)
                items[at:] = [Item(len(stack), _continued(source[first:end]))]
            else:
                _close(items, at)
        elif source.startswith("<![CDATA[", start) and stack:
            mixed.add(len(stack))
        else:
            items.append(Item(len(stack), _continued(source[start:end])))
    if stack or source[end:].strip():
        raise OutlineError("not a whole document")
    return items


def _leaf(depth: int, name: str, attributes: str, text: str) -> Item:
    pairs = _pairs(attributes)
    head = name + _spelt(pairs)
    if not text or text.isspace():
        text = ""
    item = Item(depth, f"{head}: {_continued(text)}" if text else head)
    if "\n" not in text and "|" not in text and "|" not in attributes and text == text.strip():
        keys = tuple("@" + key for key, _ in pairs)
        item.record = (name, (*keys, "."), (*(value[1:-1] for _, value in pairs), text))
    return item


def _close(items: list[Item], at: int) -> None:
    """Ends the element at `at`: runs of like children become tables, an element of plain leaves becomes a record."""
    children = items[at + 1 :]
    if not children:
        return
    head = items[at]
    depth = head.depth + 1
    names = [_spelling(child, depth) for child in children[:_MAX_COLUMNS]]
    if len(children) <= _MAX_COLUMNS and all(names) and len(set(names)) == len(names) and "|" not in head.head:
        pairs = _PAIR.findall(head.head)
        name = head.head.split(" ", 1)[0]
        values = (*(value[1:-1] for _, value in pairs), *(c.record[2][-1] for c in children if c.record))
        head.record = (name, (*("@" + key for key, _ in pairs), *names), values)
        return
    items[at + 1 :] = list(_tabled(children, depth))


def _spelling(child: Item, depth: int) -> str:
    """How a leaf's opening tag is written (a column's name), "" for what can't be a cell."""
    if child.depth != depth or child.record is None or child.record[1][-1] != ".":
        return ""
    text = child.record[2][-1]
    return child.head[: -len(text) - 2] if text else child.head


def _tabled(children: list[Item], depth: int) -> Iterator[Item]:
    i = 0
    while i < len(children):
        record = children[i].record
        if record is None or children[i].depth != depth:
            yield children[i]
            i += 1
            continue
        members, rows = [], []
        j = i
        while j < len(children):
            other = children[j].record
            if children[j].depth == depth:
                if other is None or other[:2] != record[:2]:
                    break
                rows.append(other[2])
            members.append(children[j])
            j += 1
        if len(rows) < _MIN_ROWS:
            yield from members
        else:
            yield _table(depth, record[0], record[1], rows)
        i = j


def _table(depth: int, name: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Item:
    by_column = list(zip(*rows, strict=True))
    varying = [i for i, values in enumerate(by_column) if columns[i][0] != "@" or len(set(values)) > 1]
    if len(varying) > 1 and columns[-1] == "." and not any(by_column[-1]):
        varying.remove(len(columns) - 1)
    constant = [i for i in range(len(columns)) if columns[i][0] == "@" and i not in varying]
    fixed = "".join(f" {columns[i][1:]}={_quoted(rows[0][i])}" for i in constant)
    shown = tuple(columns[i] for i in varying)
    head = f"{name} × {len(rows)}{fixed}: {CELL_MARK.join(shown)}"
    return Item(depth, head, [tuple(row[i] for i in varying) for row in rows], None, shown)


def _quoted(value: str) -> str:
    return f"'{value}'" if '"' in value else f'"{value}"'


def _pairs(attributes: str) -> list[tuple[str, str]]:
    """Attributes as name and quoted value; a newline inside a value is a space to every XML parser."""
    return _PAIR.findall(attributes.translate(_SPACES)) if attributes else []


def _spelt(pairs: list[tuple[str, str]]) -> str:
    return "".join([f" {key}={value}" for key, value in pairs])


def _continued(text: str) -> str:
    return text.replace("\n", "\n|") if "\n" in text else text


def lines_of(items: list[Item]) -> Iterator[str]:
    """The outline's lines."""
    for item in items:
        yield " " * item.depth + item.head
        for row in item.rows:
            yield CELL_MARK.join(row)


def restore(lines: list[str]) -> str:
    """The document an outline stands for, without whitespace between its tags. Raises OutlineError."""
    out: list[str] = []
    open_names: list[str] = []
    i = 0
    while i < len(lines):
        line = lines[i].lstrip(" ")
        depth = len(lines[i]) - len(line)
        i += 1
        while i < len(lines) and lines[i].startswith("|"):
            line += "\n" + lines[i][1:]
            i += 1
        while len(open_names) > depth:
            out.append(f"</{open_names.pop()}>")
        if line.startswith("<"):
            out.append(line)
            continue
        table = _TABLE.match(line)
        if table is not None and "\n" not in line:
            count = int(table[2])
            columns = table[4].split(CELL_MARK)
            out += (_row(table[1], table[3], columns, row.split(CELL_MARK)) for row in lines[i : i + count])
            i += count
            continue
        parts = _LINE.match(line)
        if parts is None:
            raise OutlineError(line[:80])
        out.append(f"<{parts[1]}{parts[2]}>{parts[4] or ''}")
        open_names.append(parts[1])
    out += (f"</{name}>" for name in reversed(open_names))
    return "".join(out)


def _row(name: str, fixed: str, columns: list[str], values: list[str]) -> str:
    attributes, content = fixed, ""
    for column, value in zip(columns, values, strict=True):
        if column.startswith("@"):
            attributes += f" {column[1:]}={_quoted(value)}"
        elif column == ".":
            content += value
        else:
            content += f"<{column}>{value}</{column.split(' ', 1)[0]}>"
    return f"<{name}{attributes}>{content}</{name}>"
