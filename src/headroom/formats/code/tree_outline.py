"""Outlines of whole files by their syntax trees, a piece of the file at a time: a tree is thirty times its source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from headroom.formats.code.languages import CodeLanguage, best_parse, error_count
from headroom.formats.code.outline import Fold, Function, Outline

_MAX_ERRORS = 30  # a tree with an error in so few lines was made by the wrong grammar
_PIECE_CHARS = 300_000
# Where a file may be cut in two: a declaration at the margin, after a blank line.
_CUT = re.compile(
    r"(?:def|class|async|func|type|export|function|pub|fn|impl|static|void|int|public|template|const|var|struct)\b|[@#]"
)


def tree_outline(
    lines: Sequence[str], language: CodeLanguage, wanted: Sequence[int]
) -> tuple[list[Fold], list[Function], CodeLanguage, bool] | None:
    """Folds, functions, the true language, and whether all was understood; None where too little of the text was.

    Statements that hold one of the `wanted` lines (0-based) are kept.
    """
    folds: list[Fold] = []
    functions: list[Function] = []
    errors, clean = 0, True
    for start, end in _pieces(lines):
        root, language = best_parse("\n".join(lines[start:end]), language)
        errors += 0 if language.macros else error_count(root)
        clean = clean and not root.has_error
        here = [line - start for line in wanted if start <= line < end]
        outline = Outline(lines[start:end], root, here, language.newline_ends, language.declaring)
        if start == 0 and end == len(lines):
            folds, functions = outline.folds, outline.functions
            break
        owners = len(functions)
        folds += (
            replace(f, start=f.start + start, end=f.end + start, owner=f.owner + owners if f.owner >= 0 else f.owner)
            for f in outline.folds
        )
        functions += (replace(f, start=f.start + start, end=f.end + start) for f in outline.functions)
    return None if errors * _MAX_ERRORS > len(lines) else (folds, functions, language, clean)


def _pieces(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The file in runs of lines (0-based, end exclusive), each about as long as a tree is worth its memory."""
    start = size = 0
    if sum(map(len, lines)) + len(lines) <= _PIECE_CHARS:
        yield 0, len(lines)
        return
    for i, line in enumerate(lines):
        size += len(line) + 1
        if size > _PIECE_CHARS and i > start and not lines[i - 1].strip() and _CUT.match(line):
            yield start, i
            start, size = i, 0
    yield start, len(lines)
