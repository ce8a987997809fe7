"""A second cut through a long outline: of the lines that it shows, declarations and those that tell most stay."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from headroom.formats.code.outline import Fold
from headroom.text.gaps import MIN_GAP
from headroom.text.query import Query
from headroom.text.selection import select
from headroom.text.telling import told_by

OTHERS = "other lines of an outline"


def shown_lines(lines: Sequence[str], folds: Sequence[Fold]) -> list[int]:
    """The lines around the folds, which are in order."""
    shown: list[int] = []
    at = 0
    for fold in folds:
        shown += range(at, fold.start)
        at = fold.end
    return [*shown, *range(at, len(lines))]


def thinned(
    lines: Sequence[str],
    folds: Sequence[Fold],
    shown: Sequence[int],
    floor: Collection[int],
    query: Query,
    budget: int,
) -> list[Fold]:
    """The folds with those of the `shown` lines added that are not worth their place within `budget` characters.

    Lines of the `floor` stay.
    """
    texts = [lines[i] for i in shown]
    scores = told_by(texts, query.scores("\n".join(texts), texts))
    kept = select(scores, {at for at, i in enumerate(shown) if i in floor}, [len(text) + 1 for text in texts], budget)
    gone = {i for i, stays in zip(shown, kept, strict=True) if not stays}
    return _with_others(lines, folds, gone)


def _with_others(lines: Sequence[str], folds: Sequence[Fold], gone: set[int]) -> list[Fold]:
    """The folds, grown by the lines beside them that are gone, and folds for other runs of such lines."""
    of_line = {fold.start: fold for fold in folds}
    out: list[Fold] = []
    i = 0
    while i < len(lines):
        if i not in gone and i not in of_line:
            i += 1
            continue
        start, inside = i, []
        while i < len(lines) and (i in gone or i in of_line):
            if i in of_line:
                inside.append(of_line[i])
                i = max(of_line[i].end, i + 1)
            else:
                i += 1
        end = i
        if len(inside) == 1 and (inside[0].start, inside[0].end) == (start, end):
            out.append(inside[0])
        elif inside or sum(len(line) + 1 for line in lines[start:end]) > MIN_GAP:
            out.append(Fold(start, end, inside[0].kind if inside else OTHERS, inside=bool(inside) and inside[0].inside))
    return out
