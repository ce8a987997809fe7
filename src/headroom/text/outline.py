"""Which lines of a source file an outline leaves out: bodies, long literals and long comments, never a declaration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tree_sitter import Node, QueryCursor, Tree

from headroom.text.languages import CodeLanguage, parser

_MIN_FOLD, _LITERAL_HEAD, _MIN_LITERAL, _COMMENT_HEAD, _MIN_COMMENT, _DOC_HEAD = 3, 2, 10, 2, 6, 1
_MAX_KEPT_STATEMENT = 40
_WRAPPERS = frozenset(("decorated_definition", "export_statement", "template_declaration"))
_CONTAINERS = frozenset(
    "module program source_file translation_unit block statement_block class_body interface_body enum_body "
    "declaration_list field_declaration_list compound_statement constructor_body".split()
)


@dataclass(frozen=True, slots=True)
class Fold:
    """Lines `start` to `end` (0-based, end exclusive) to leave out. `body` folds may be kept by rank, in `units`."""

    start: int
    end: int
    kind: str
    whole: bool = False


def parse(source: bytes, language: CodeLanguage, old: Tree | None = None) -> Tree:
    """The syntax tree of UTF-8 source; `old` (edited) makes it incremental."""
    return parser(language)[0].parse(source, old) if old is not None else parser(language)[0].parse(source)


def folds(tree: Tree, language: CodeLanguage, wanted: Iterable[int], line_count: int) -> list[Fold]:
    """What may be left out, in order and without overlap. Statements that hold a wanted line stay whole."""
    captures = QueryCursor(parser(language)[1]).captures(tree.root_node)
    hidden = bytearray(line_count + 1)
    for kind, code in (("data", 2), ("comment", 3), ("doc", 4)):
        for node in captures.get(kind, ()):
            _hide(hidden, _inside(node, kind), code)
    _hide_comment_runs(hidden, captures.get("comment", ()))
    wanted_lines = sorted(wanted)
    bodies = captures.get("body", ())
    for body in bodies:
        _hide(hidden, _body_lines(body), 1)
    for body in bodies:
        _show_wanted(hidden, body, wanted_lines)
        _show_docstring(hidden, body, language)
    for node in captures.get("keep", ()):
        _show_declaration(hidden, node)
    return _runs(hidden, line_count)


def _hide(hidden: bytearray, lines: tuple[int, int], code: int) -> None:
    start, end = lines
    if end - start >= _MIN_FOLD:
        hidden[start:end] = bytes([code]) * (end - start)


def _inside(node: Node, kind: str) -> tuple[int, int]:
    """The lines of a long literal, comment or docstring that an outline leaves out."""
    start, end = node.start_point.row, node.end_point.row
    if kind == "data":
        return (start + 1 + _LITERAL_HEAD, end) if end - start > _MIN_LITERAL else (0, 0)
    if kind == "doc":
        return (start + 1 + _DOC_HEAD, end) if end - start >= _MIN_FOLD else (0, 0)
    return (start + _COMMENT_HEAD, end) if end - start >= _MIN_COMMENT else (0, 0)


def _hide_comment_runs(hidden: bytearray, comments: Iterable[Node]) -> None:
    """Runs of comment lines (`//`, `#`) of six and more, but for their first two."""
    start = last = -2
    for row in (*sorted(n.start_point.row for n in comments if n.start_point.row == n.end_point.row), 1 << 30):
        if row == last + 1:
            last = row
            continue
        if last - start + 1 >= _MIN_COMMENT:
            _hide(hidden, (start + _COMMENT_HEAD, last + 1), 3)
        start = last = row


def _body_lines(body: Node) -> tuple[int, int]:
    """The lines strictly inside a body: braces and the signature's last line stay."""
    start, end = body.start_point.row, body.end_point.row
    if body.type == "block" and body.child_count and body.children[0].type != "{":  # a suite by indentation
        return (start, end + 1) if body.start_point.column and _own_line(body) else (0, 0)
    return start + 1, end


def _own_line(body: Node) -> bool:
    """Whether a Python suite starts on a line of its own."""
    parent = body.parent
    return parent is not None and parent.start_point.row < body.start_point.row


def _show_wanted(hidden: bytearray, body: Node, wanted: list[int]) -> None:
    start, end = body.start_point.row, body.end_point.row
    inside = [line for line in wanted if start <= line <= end]
    if not inside:
        return
    for statement in body.named_children:
        first, last = statement.start_point.row, statement.end_point.row
        if last - first < _MAX_KEPT_STATEMENT and any(first <= line <= last for line in inside):
            hidden[first : last + 1] = bytes(last + 1 - first)


def _show_docstring(hidden: bytearray, body: Node, language: CodeLanguage) -> None:
    if language.name != "python" or not body.named_children:
        return
    first = body.named_children[0]
    if first.type == "expression_statement" and first.named_children and first.named_children[0].type == "string":
        start, end = first.start_point.row, first.end_point.row
        hidden[start] = 0
        hidden[end] = 0
        if end - start >= _MIN_FOLD:
            hidden[start + 1 : end] = bytes([4]) * (end - start - 1)
        else:
            hidden[start : end + 1] = bytes(end + 1 - start)


def _show_declaration(hidden: bytearray, node: Node) -> None:
    """The lines of a declaration up to its body, its decorators, and the line that closes it.

    Inside a folded body only where the declaration is a statement of its own: half a statement would not parse.
    """
    body = node.child_by_field_name("body")
    start, end = node.start_point.row, node.end_point.row
    top = _statement(node)
    if hidden[start] and (top.end_point.row != end or (top.start_point.row != start and top.type not in _WRAPPERS)):
        return
    start = min(start, top.start_point.row) if top.type in _WRAPPERS else start
    if body is not None and body.type == "block" and body.children and body.children[0].type != "{":
        last = body.start_point.row - 1 if _own_line(body) else end
    else:
        last = body.start_point.row if body is not None else start
        hidden[end] = 0
    hidden[start : last + 1] = bytes(last + 1 - start)


def _statement(node: Node) -> Node:
    """The outermost node that begins with this one's statement: the child of a body, a class body or the file."""
    while (parent := node.parent) is not None and parent.type not in _CONTAINERS:
        node = parent
    return node


def _runs(hidden: bytearray, line_count: int) -> list[Fold]:
    names = {1: "function bodies", 2: "long literals", 3: "comments", 4: "docstrings"}
    out: list[Fold] = []
    i = 0
    while i < line_count:
        code = hidden[i]
        j = i + 1
        while j < line_count and hidden[j] == code:
            j += 1
        if code and j - i >= _MIN_FOLD:
            out.append(Fold(i, j, names[code]))
        i = j
    return out
