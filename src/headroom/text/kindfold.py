"""Folding by kind: of many lines of one kind the first and the extreme ones stay, the others are counted or listed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from headroom.text.folding import KEPT, Plan, Values, Why, listing, short
from headroom.text.kinds import WILDCARD, Kinds, is_number

_QUANTITY = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?(ms|s|sec|seconds?|m|min|kB|KB|MB|GB|KiB|MiB|GiB|B|bytes)\b")
_SCALE = {
    **dict.fromkeys(("s", "sec", "second", "seconds", "kB", "KB", "KiB"), 1e3),
    **dict.fromkeys(("MB", "MiB"), 1e6),
    **dict.fromkeys(("GB", "GiB"), 1e9),
    **dict.fromkeys(("m", "min"), 6e4),
}
_PUNCTUATION = re.compile(r"[\W_]+$")
_LONG_LINE, _MARKER_SIZE = 300, 60
_KEPT_SHARE, _LISTED_SHARE, _LISTED_OF_KIND = 0.05, 0.12, 0.6
_FEW_NAMES, _LARGE, _MANY_LINES, _FEW_LINES = 2, 16_000, 3, 6

Named = Callable[[int], str | None]


def quantity(line: str) -> float | None:
    """The first duration or size in a line, in ms or bytes; None when there is none."""
    found = _QUANTITY.search(line)
    return float(found.group(1)) * _SCALE.get(found.group(2), 1.0) if found else None


class KindFolder:
    """Folds the lines of frequent kinds in a plan.

    A kind is worth folding when it has more than a few lines. The smallest kinds stay whole and the varying parts of
    the next ones are listed, each as far as a small share of the text goes: what is left out without its values is
    only the mass. `trouble[kind]` tells of warnings and errors: two of those stay, and their values are always listed.
    `names` holds what to list for lines whose values are not single words.
    """

    def __init__(
        self,
        lines: Sequence[str],
        plan: Plan,
        kinds: Kinds,
        trouble: Sequence[bool],
        wanted: Collection[int],
        names: Mapping[int, str],
    ) -> None:
        self.lines, self.plan, self.kinds = lines, plan, kinds
        self.trouble, self.wanted, self.names = trouble, wanted, names
        size = sum(map(len, lines)) + len(lines)
        self.most = _MANY_LINES if size >= _LARGE else _FEW_LINES
        self.to_keep, self.to_list = size * _KEPT_SHARE, size * _LISTED_SHARE

    def fold(self, candidates: Iterable[int], named: Named) -> set[int]:
        """Fold what can be folded of the lines `candidates`; returns the left-out lines of trouble.

        `named(kind)` gives a kind a text of its own, for lines that the output itself repeats elsewhere.
        """
        members: dict[int, list[int]] = defaultdict(list)
        of = self.kinds.of
        for i in candidates:
            members[of[i]].append(i)
        left_out: set[int] = set()
        for kind, where in sorted(members.items(), key=lambda item: len(item[1])):
            least = 1 if len(self.lines[where[0]]) >= _LONG_LINE else self.most
            if len(where) > least:
                left_out.update(self._fold_kind(kind, where, named(kind)))
        return left_out

    def _fold_kind(self, kind: int, where: list[int], name: str | None) -> list[int]:
        trouble = self.trouble[kind]
        keep = self._exemplars(where, 2 if trouble else 1)
        gone = [i for i in where if i not in keep]
        size = sum(len(self.lines[i]) + 1 for i in gone)
        cost = size + _MARKER_SIZE * len(gone)
        if not trouble and cost <= self.to_keep:
            self.to_keep -= cost
            return []
        values = None if name else self.values(kind, where)
        if values is not None and not trouble:
            written = len(listing([values(i) for i in gone]))
            if written <= min(self.to_list, size * _LISTED_OF_KIND):
                self.to_list -= written
            else:
                values = None
        text = name or f"like “{short(self.kinds.templates[kind])}”"
        loss = "repeated messages" if trouble else "lines of kinds already shown"
        reason = self.plan.reason(Why(loss, text, values))
        for i in gone:
            self.plan.of[i] = reason
        return gone if trouble else []

    def _exemplars(self, where: list[int], first: int) -> set[int]:
        """The lines of a kind that stay: the first ones, the wanted ones, the largest and the smallest quantity."""
        keep = {*where[:first], *(i for i in where if i in self.wanted)}
        if quantity(self.lines[where[0]]) is not None:
            amounts = [(amount, i) for i in where if (amount := quantity(self.lines[i])) is not None]
            keep.add(max(amounts, key=lambda pair: (pair[0], -pair[1]))[1])
            keep.add(min(amounts)[1])
        return keep

    def values(self, kind: int, where: list[int]) -> Values | None:
        """How to read a line's varying names off it; None when only numbers vary, or nothing."""
        if where[0] in self.names:
            return lambda i: self.names.get(i, "")
        places = [place for place, word in enumerate(self.kinds.templates[kind].split(" ")) if WILDCARD in word]
        rows = [self.lines[i].split() for i in (*where[:12], *where[-12:])]
        varying = []
        for place in places:
            seen = {row[place] for row in rows if place < len(row)}
            if len(seen) > (1 if self.trouble[kind] else _FEW_NAMES) and not all(map(_PUNCTUATION.match, seen)):
                varying.append(place)
        names = [p for p in varying if not is_number(rows[0][p])] or (varying if self.trouble[kind] else [])
        if not names:
            return None
        lines = self.lines

        def values(i: int) -> str:
            row = lines[i].split()
            return " ".join(row[p].rstrip(":,;") for p in names if p < len(row))

        return values


def kept(plan: Plan, lines: Iterable[int]) -> list[int]:
    """Those of the lines that nothing has left out so far."""
    return [i for i in lines if plan.of[i] == KEPT]
