"""Which function bodies of an outline stay whole: those the question speaks of first, then small and public ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt

from headroom.formats.code.outline import Fold, Function

_MARKER_CHARS = 48
_MAX_NAMED = 120  # lines of a function that stays whole because the question names it
_ASKED, _SMALL, _PUBLIC = 1.0, 1.0, 0.02


@dataclass(frozen=True, slots=True)
class Wish:
    """What should stay: `scores` say how much a line speaks of the question, `named` are names in lower case that it
    holds, `budget` is how many characters the whole form may have."""

    scores: dict[int, float]
    named: frozenset[str]
    budget: int


def kept_whole(
    folds: Sequence[Fold], functions: Sequence[Function], lines: Sequence[str], wish: Wish
) -> frozenset[int]:
    """The owners whose folds are not taken: the functions that are named, and of the others, by rank, what fits."""
    whole = _named(functions, wish.named)
    hidden: dict[int, int] = {}
    sizes = list(accumulate(map(len, lines), initial=0))
    shown = sizes[-1] + len(lines)
    for fold in folds:
        if fold.owner not in whole:
            saved = sizes[fold.end] - sizes[fold.start] + fold.end - fold.start - _MARKER_CHARS
            hidden[fold.owner] = hidden.get(fold.owner, 0) + saved
            shown -= saved
    left = wish.budget - shown
    if left > 0:
        asked = _asked(functions, wish.scores)
        for owner in sorted(hidden, key=lambda o: (-_rank(o, functions, asked, hidden[o]), o)):
            if hidden[owner] <= left:
                whole.add(owner)
                left -= hidden[owner]
    return frozenset(whole)


def _named(functions: Sequence[Function], names: frozenset[str]) -> set[int]:
    """The functions of those names, with all that stand inside them. Outer functions come before inner ones."""
    whole: set[int] = set()
    end = 0
    for owner, function in enumerate(functions):
        if function.name.lower() in names and function.end - function.start <= _MAX_NAMED:
            end = max(end, function.end)
        if function.start < end:
            whole.add(owner)
    return whole


def _asked(functions: Sequence[Function], scores: dict[int, float]) -> dict[int, float]:
    """For each function how much its lines speak of the question; lines of inner functions count for those."""
    innermost: dict[int, int] = {}
    lines = sorted(scores)
    for owner, function in enumerate(functions):  # outer functions come before inner ones
        for line in lines:
            if function.start <= line < function.end:
                innermost[line] = owner
    asked: dict[int, float] = {}
    for line, owner in innermost.items():
        asked[owner] = asked.get(owner, 0.0) + scores[line]
    return asked


def _rank(owner: int, functions: Sequence[Function], asked: dict[int, float], size: int) -> float:
    public = 0.0 if owner < 0 or functions[owner].name.startswith("_") else _PUBLIC
    return (_ASKED * asked.get(owner, 0.0) + _SMALL) / sqrt(max(size, 1)) + public
