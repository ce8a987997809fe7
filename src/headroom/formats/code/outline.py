"""Which lines of a source file an outline may leave out, found in its syntax tree.

Only whole items of a list go (statements of a body, elements of a literal, lines of a comment or string), where they
have their lines to themselves: a comment in their place parses wherever they did, so that an outline of a source
without errors needs no second parse. Declarations stay, nested ones too, and with them whatever stands around them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tree_sitter import Node

# Node types mean the same in all grammars that have them, so one list serves all languages.
_FUNCTIONS = frozenset(
    "function_definition function_declaration generator_function_declaration generator_function function_expression "
    "arrow_function method_definition method_declaration func_literal function_item closure_expression "
    "constructor_declaration compact_constructor_declaration lambda_expression".split()
)
_DECLARED = frozenset(
    "function_definition function_declaration generator_function_declaration method_definition method_declaration "
    "function_item constructor_declaration compact_constructor_declaration class_definition decorated_definition "
    "class_declaration abstract_class_declaration interface_declaration enum_declaration record_declaration "
    "type_alias_declaration type_declaration struct_item enum_item union_item trait_item impl_item type_item mod_item "
    "const_item static_item macro_definition class_specifier struct_specifier enum_specifier type_definition "
    "preproc_def preproc_function_def static_assert_declaration".split()
)
# Where an unnamed function stands for a declaration: `const run = () => {`, `exports.run = function () {`.
_NAMING = frozenset("variable_declarator assignment_expression pair public_field_definition field_definition".split())
_ARGUMENTS = frozenset(("arguments", "argument_list"))
_BODIES = frozenset(("block", "statement_block", "compound_statement", "constructor_body"))
_LITERALS = frozenset(
    "dictionary list set tuple object array literal_value array_expression array_initializer initializer_list".split()
)
_COMMENTS = frozenset(("comment", "line_comment", "block_comment"))
_STRINGS = frozenset(
    "string template_string raw_string_literal string_literal interpreted_string_literal text_block".split()
)
_LEADING = frozenset(("comment", "statement_list"))
_SUBSTITUTIONS = frozenset(("template_substitution", "interpolation"))
_MIN_ROWS, _MIN_CHARS, _TEXT_HEAD, _LITERAL_HEAD, _MIN_LITERAL, _MAX_WANTED = 2, 90, 2, 2, 8, 40
_MAX_DEPTH = 60  # nesting beyond this is left out or kept as one piece
_NO_OWNER = -1

BODIES, DOCUMENTED, LITERALS, COMMENTS, DOCSTRINGS, STRINGS = (
    "function bodies", "docstrings and bodies", "long literals", "comments", "docstrings", "long strings"
)  # fmt: skip
_CLOSING = frozenset(('"""', "'''", "*/"))


@dataclass(frozen=True, slots=True)
class Fold:
    """Lines `start` to `end` (0-based, end exclusive) to leave out.

    `owner` is the position of the function whose statements they are, -1 for what no function owns; `empties` says that
    a body is left without any statement; `inside` that the gap lies in a comment or string, which `closing` ends.
    """

    start: int
    end: int
    kind: str
    owner: int = _NO_OWNER
    empties: bool = False
    inside: bool = False
    closing: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method that an outline shows: its lines (0-based, end exclusive) and its name, if it has one."""

    start: int
    end: int
    name: str


class Outline:
    """Folds and functions of one tree. `wanted` are lines to keep with the statement that they stand in.

    `newline_ends` says that a line's end may stand for a semicolon, depending on what the next line begins with;
    without a word of `declaring` a body holds no declaration.
    """

    def __init__(
        self,
        lines: Sequence[str],
        root: Node,
        wanted: Sequence[int] = (),
        newline_ends: bool = False,
        declaring: tuple[str, ...] = (),
    ) -> None:
        self.functions: list[Function] = []
        self._lines = lines
        self._wanted = wanted
        self._newline_ends = newline_ends
        self._declaring = declaring
        self.folds: list[Fold] = self._among(_top_level(root), 0)
        self.folds.sort(key=lambda fold: fold.start)

    def _among(self, items: Iterable[Node], depth: int) -> list[Fold]:
        """Folds inside a list whose items all stay: a file, the members of a class."""
        folds: list[Fold] = []
        comments: list[Node] = []
        for i, node in enumerate(items):
            rows = _last_row(node) - node.start_point[0]
            if i == 0 and (document := self._docstring(node, _NO_OWNER)) is not None:
                folds += document
            elif rows == 0 and node.type in _COMMENTS and self._begins_line(node):
                if comments and comments[-1].start_point[0] + 1 != node.start_point[0]:
                    folds += self._comment_run(comments)
                    comments = []
                comments.append(node)
            elif rows >= _MIN_ROWS:
                folds += self._within(node, _NO_OWNER, depth)[0]
        return folds + self._comment_run(comments)

    def _within(self, node: Node, owner: int, depth: int, named: bool = False) -> tuple[list[Fold], bool]:
        """Folds inside a node that stays, and whether it holds a declaration."""
        kind = node.type
        declared = named or kind in _DECLARED
        if depth > _MAX_DEPTH:
            return [], declared
        if kind in _FUNCTIONS:
            declared = declared or node.child_by_field_name("name") is not None
            body = node.child_by_field_name("body")
            if body is not None and body.type in _BODIES:
                return self._function(node, body, depth), declared
        if kind in _COMMENTS:
            return self._text(node, COMMENTS, owner), False
        if kind in _STRINGS:
            return self._text(node, STRINGS, owner), False
        if kind in _LITERALS and _last_row(node) - node.start_point[0] > _MIN_LITERAL:
            folds, inner = self._list(node, LITERALS, owner, depth)
            return folds, declared or inner
        if owner != _NO_OWNER and kind in _BODIES:
            folds, inner = self._list(node, BODIES, owner, depth)
            return folds, declared or inner
        if owner == _NO_OWNER and (kind in _BODIES or kind.endswith(("_body", "_list"))):
            return self._among(_items(node), depth + 1), declared
        return self._children(node, owner, depth, declared)

    def _children(self, node: Node, owner: int, depth: int, declared: bool) -> tuple[list[Fold], bool]:
        folds: list[Fold] = []
        children = node.named_children
        naming = node.type in _NAMING or (
            node.type in _ARGUMENTS and len(children) > 1 and children[0].type in _STRINGS
        )
        for child in children:
            rows = child.end_point[0] - child.start_point[0]
            if rows >= _MIN_ROWS or (rows and child.type in _BODIES):
                more, inner = self._within(child, owner, depth + 1, naming and child.type in _FUNCTIONS)
                folds += more
                declared = declared or inner
        return folds, declared

    def _function(self, node: Node, body: Node, depth: int) -> list[Fold]:
        name = node.child_by_field_name("name") or node.child_by_field_name("declarator")
        text = (name.text or b"").decode("utf-8", "replace") if name is not None else ""
        owner = len(self.functions)
        self.functions.append(Function(node.start_point[0], _last_row(node) + 1, text.split("(")[0].strip("*& ")))
        folds, _ = self._list(body, BODIES, owner, depth)
        return folds

    def _list(self, node: Node, kind: str, owner: int, depth: int) -> tuple[list[Fold], bool]:
        """Folds of the runs of items that hold neither declarations nor wanted lines."""
        items = _items(node)
        folds: list[Fold] = []
        run: list[int] = []
        declared = False
        head = node.start_point[0] + _LITERAL_HEAD if kind == LITERALS else -1
        if kind == BODIES and len(items) > 1 and self._plain(node, items[0].start_point[0]):
            return self._whole_body(node, items, owner), False
        for i, item in enumerate(items):
            first, last = item.start_point[0], _last_row(item)
            more: list[Fold] = []
            inner = item.type in _DECLARED
            if i and not inner and not self._wanted and last - first < _MIN_ROWS and first > head:
                run.append(i)  # most statements: one line, nothing to look at
                continue
            functions = len(self.functions)
            if last - first >= _MIN_ROWS:
                more, inner = self._within(item, owner, depth + 1)
            declared = declared or inner
            kept = more if inner else self._kept(item, more)
            if kept is None and i == 0 and kind == BODIES:
                kept = self._docstring(item, owner)
            if kept is None and first > head:
                del self.functions[functions:]
                run.append(i)
                continue
            folds += self._run(node, items, run, kind, owner)
            folds += kept or []
            run = []
        folds += self._run(node, items, run, kind, owner)
        return (self._joined(folds) if len(folds) == 2 else folds), declared

    def _whole_body(self, node: Node, items: list[Node], owner: int) -> list[Fold]:
        """The folds of a body of which nothing but a docstring's first line has to stay."""
        document = self._docstring(items[0], owner)
        run = list(range(0 if document is None else 1, len(items)))
        folds = (document or []) + self._run(node, items, run, BODIES, owner)
        return self._joined(folds) if len(folds) == 2 else folds

    def _plain(self, body: Node, start: int) -> bool:
        """Whether a body whose first item stands in row `start` certainly holds neither declaration nor wanted line."""
        end = _last_row(body)
        if not self._declaring or body.has_error or any(start <= row <= end for row in self._wanted):
            return False
        text = "\n".join(self._lines[start : end + 1])
        return not any(word in text for word in self._declaring)

    def _joined(self, folds: list[Fold]) -> list[Fold]:
        """A docstring's rest and the body after it as one gap, where nothing else stands between them."""
        document, body = folds
        if not document.closing or body.kind != BODIES or any(map(str.strip, self._lines[document.end : body.start])):
            return folds
        return [replace(document, end=body.end, kind=DOCUMENTED)]

    def _kept(self, item: Node, inside: list[Fold]) -> list[Fold] | None:
        """The folds inside an item that holds a wanted line, None for one that may go."""
        first, last = item.start_point[0], _last_row(item)
        if any(first <= row <= last for row in self._wanted):
            return inside if last - first >= _MAX_WANTED else []
        return None

    def _run(self, node: Node, items: list[Node], run: list[int], kind: str, owner: int) -> list[Fold]:
        """One fold for neighbouring items, without those that share a line with something that stays."""
        whole = len(run) == len(items)
        head = next((i for i in run if self._begins_line(items[i])), None)
        tail = next((i for i in reversed(run) if self._ends_line(node, items, i)), None)
        if head is None or tail is None or tail < head:
            return []
        first, last = items[head], items[tail]
        start, end = first.start_point[0], _last_row(last) + 1
        if end - start < _MIN_ROWS or last.end_byte - first.start_byte < _MIN_CHARS or self._joins(end):
            return []
        return [Fold(start, end, kind, owner, whole and kind == BODIES)]

    def _begins_line(self, item: Node) -> bool:
        line = self._lines[item.start_point[0]]
        return len(line) - len(line.lstrip()) == item.start_point[1]

    def _ends_line(self, node: Node, items: list[Node], i: int) -> bool:
        row = _last_row(items[i])
        if i + 1 < len(items):
            return items[i + 1].start_point[0] > row
        # the last item: on a line before the closing bracket, or of a suite by indentation, which has none
        return _last_row(node) > row or items[i].end_byte == node.end_byte

    def _joins(self, end: int) -> bool:
        """Whether the line after the gap would go on with the statement before it, for want of a semicolon."""
        after = self._lines[end].lstrip() if self._newline_ends and end < len(self._lines) else ""
        return after.startswith(tuple("([`/+-*.,<")) and not after.startswith(("//", "/*"))

    def _docstring(self, item: Node, owner: int) -> list[Fold] | None:
        """The folds of a Python docstring, whose first words stay; None for another statement."""
        if item.type != "expression_statement" or not item.named_children or item.named_children[0].type != "string":
            return None
        words = self._lines[item.start_point[0]].strip().lstrip("rRbBuUfF").strip("\"'")
        return self._rest(item, 1 if words else 2, DOCSTRINGS, owner)

    def _text(self, node: Node, kind: str, owner: int) -> list[Fold]:
        """The lines of a long comment or string but for its first two."""
        if kind == STRINGS and any(child.type in _SUBSTITUTIONS for child in node.children):
            return []
        return self._rest(node, _TEXT_HEAD, kind, owner)

    def _rest(self, node: Node, head: int, kind: str, owner: int) -> list[Fold]:
        """The lines after the first `head`. What closes the text stays, in the marker's line where it has its own."""
        start, end = node.start_point[0] + head, _last_row(node)
        if end - start < _MIN_ROWS:
            return []
        last = self._lines[end].strip()
        if last in _CLOSING:
            return [Fold(start, end + 1, kind, owner, inside=True, closing=last)]
        return [Fold(start, end, kind, owner, inside=True)]

    def _comment_run(self, comments: list[Node]) -> list[Fold]:
        if len(comments) < _TEXT_HEAD + _MIN_ROWS:
            return []
        return [Fold(comments[0].start_point[0] + _TEXT_HEAD, comments[-1].start_point[0] + 1, COMMENTS)]


def _top_level(root: Node) -> Iterator[Node]:
    """The items of a file one by one: a node keeps the children it was asked for, so the root is never asked."""
    cursor = root.walk()
    more = cursor.goto_first_child()
    while more:
        if (node := cursor.node) is not None and node.is_named:
            yield node
        more = cursor.goto_next_sibling()


def _items(node: Node) -> list[Node]:
    """The items of a list; Go wraps statements in a node of their own."""
    children = node.named_children
    if children and children[0].type in _LEADING and any(child.type == "statement_list" for child in children):
        wrapped = (child.named_children if child.type == "statement_list" else [child] for child in children)
        return [item for items in wrapped for item in items]
    return children


def _last_row(node: Node) -> int:
    """The last line that holds a part of the node; some nodes end with their newline."""
    row, column = node.end_point
    return row - 1 if column == 0 and row > node.start_point[0] else row
