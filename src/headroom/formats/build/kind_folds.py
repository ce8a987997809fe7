"""Folding by kind: of many lines of one kind the first and the extreme ones stay, the others are counted or listed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from headroom.formats.build.folding import Plan, Values, Why, listing, short
from headroom.formats.build.kinds import WILDCARD, Kinds, is_number

_QUANTITY = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?(ms|s|sec|seconds?|m|min|kB|KB|MB|GB|KiB|MiB|GiB|B|bytes)\b")
_SCALE = {
    **dict.fromkeys(("s", "sec", "second", "seconds", "kB", "KB", "KiB"), 1e3),
    **dict.fromkeys(("MB", "MiB"), 1e6),
    **dict.fromkeys(("GB", "GiB"), 1e9),
    **dict.fromkeys(("m", "min"), 6e4),
}
_COUNTER = re.compile(r"[\W_]*$|\[\d+%\]?$|\d+%\]$|[\[(]\d+/\d+[\])]$|\d+:$")  # words that only count progress
_PERCENT = re.compile(r"(\d+)%\W*$")
_LONG_LINE, _MARKER_SIZE = 300, 60
_KEPT_SHARE, _LISTED_OF_KIND = 0.05, 0.6
_FEW_NAMES, _CATEGORIES, _LINES_A_CATEGORY = 2, 8, 4
_SAMPLED, _TELLING, _SHORT_LABEL = 64, 6, 40

# in texts of at least so many characters a kind stays whole up to so many lines, and lists of what is left out may
# take such a share of the text: what is short is read whole
_BY_SIZE = ((16_000, 3, 0.12), (4_000, 6, 0.25), (0, 12, 0.6))
_SHORT_TEXT = 4_000


def quantity(line: str) -> float | None:
    """The first duration or size in a line, in ms or bytes; None when there is none."""
    found = _QUANTITY.search(line)
    return float(found.group(1)) * _SCALE.get(found.group(2), 1.0) if found else None


def _counts_progress(column: Sequence[str]) -> bool:
    """Whether the words of a place only say how far something is: "[3/90]", or percents that rise to 100%."""
    if _COUNTER.match(column[0]):
        return True
    if not column[-1].startswith("100%"):
        return False
    percents = [_PERCENT.match(word) for word in column]
    rising = [int(found[1]) for found in percents if found]
    return len(rising) == len(column) and rising == sorted(rising)


def _bare(word: str) -> str:
    """A word without the punctuation of the sentence around it."""
    word = word.rstrip(":,;")
    return word[:-1] if word[-1:] == "." and word[-2:-1].isalnum() else word


def _by_size(size: int) -> tuple[int, float]:
    return next((most, share) for least, most, share in _BY_SIZE if size >= least)


def may_fold(lines: Sequence[str], classes: Iterable[int], *, tight: bool) -> bool:
    """Whether any of the `classes` of lines, one below 0 for blank ones, may have more lines than stay whole."""
    most = 1 if tight else _by_size(sum(map(len, lines)) + len(lines))[0]
    counts: dict[int, int] = defaultdict(int)
    long: set[int] = set()
    for line, one in zip(lines, classes, strict=True):
        if one >= 0:
            counts[one] += 1
            if len(line) >= _LONG_LINE:
                long.add(one)
            if counts[one] > (1 if one in long else most):
                return True
    return False


class KindFolder:
    """Folds the lines of frequent kinds in a plan.

    A kind is worth folding when it has more than a few lines. The smallest kinds stay whole and the varying parts of
    the next ones are listed, each as far as a small share of the text goes: what is left out without its values is
    only the mass. In a short text no name is left out at all, only numbers and what can be listed.
    `trouble[kind]` tells of warnings and errors: two of those stay, and their values are always listed. `names` holds
    what to list for lines whose values are not single words.
    """

    def __init__(
        self,
        lines: Sequence[str],
        plan: Plan,
        kinds: Kinds,
        *,
        trouble: Sequence[bool],
        wanted: Collection[int],
        names: Mapping[int, str],
        tight: bool,
    ) -> None:
        self.lines, self.plan, self.kinds = lines, plan, kinds
        self.trouble, self.wanted, self.names = trouble, wanted, names
        size = sum(map(len, lines)) + len(lines)
        self.most, listed = _by_size(size)
        self.short = size < _SHORT_TEXT and not tight
        self.to_keep, self.to_list, self.exemplars = size * _KEPT_SHARE, size * listed, 2
        if tight:
            self.to_keep, self.to_list, self.exemplars, self.most = 0.0, 0.0, 1, 1

    def fold(self, candidates: Iterable[int]) -> set[int]:
        """Fold what can be folded of the lines `candidates`; returns the left-out lines of trouble."""
        members: dict[int, list[int]] = defaultdict(list)
        of = self.kinds.of
        for i in candidates:
            members[of[i]].append(i)
        left_out: set[int] = set()
        for kind, where in sorted(members.items(), key=lambda item: len(item[1])):
            least = 1 if len(self.lines[where[0]]) >= _LONG_LINE else self.most
            if len(where) > least:
                left_out.update(self._fold_kind(kind, where))
        return left_out

    def _fold_kind(self, kind: int, where: list[int]) -> list[int]:
        trouble = self.trouble[kind]
        columns = self._varying(kind, where)
        keep = self._exemplars(where, columns, self.exemplars if trouble else 1)
        gone = [i for i in where if i not in keep]
        size = sum(len(self.lines[i]) + 1 for i in gone)
        cost = size + _MARKER_SIZE * len(gone)
        if not gone or (not trouble and cost <= self.to_keep):
            self.to_keep -= cost
            return []
        telling, named = self._telling(kind, columns)
        values = self._affordable(kind, telling, named, gone, size)
        if self.short and values is None and named:
            return []
        loss = "repeated messages" if trouble else "lines of kinds already shown"
        reason = self.plan.reason(Why(loss, f"like “{self._label(kind, where[0])}”", values))
        for i in gone:
            self.plan.of[i] = reason
        return gone if trouble else []

    def _label(self, kind: int, line: int) -> str:
        """What to call a kind: its template, or the beginning of its first line where the template says too little."""
        template = self.kinds.templates[kind].strip("*_ ")
        if sum(map(str.isalpha, template)) < _TELLING:
            return short(self.lines[line], _SHORT_LABEL)
        return short(self.kinds.templates[kind])

    def _varying(self, kind: int, where: list[int]) -> dict[int, tuple[str, ...]]:
        """The places of the words that differ among the lines of a kind, each with its words, line by line."""
        if where[0] in self.names:
            return {}
        places = [place for place, word in enumerate(self.kinds.templates[kind].split(" ")) if WILDCARD in word]
        rows = (self.lines[i].split() for i in where)
        columns = zip(*([row[p] for p in places if p < len(row)] for row in rows), strict=False)
        return {p: column for p, column in zip(places, columns, strict=False) if len(set(column)) > 1}

    def _exemplars(self, where: list[int], columns: dict[int, tuple[str, ...]], first: int) -> set[int]:
        """The lines of a kind that stay: the first, the wanted, the extreme quantities, one of each rare category.

        A word that takes few values over many lines is a category: a status, a phase. Each of its values stays once.
        """
        keep = {*where[:first], *(i for i in where if i in self.wanted)}
        if quantity(self.lines[where[0]]) is not None:
            amounts = [(amount, i) for i in where if (amount := quantity(self.lines[i])) is not None]
            keep.add(max(amounts, key=lambda pair: (pair[0], -pair[1]))[1])
            keep.add(min(amounts)[1])
        for column in columns.values():
            if len(set(column)) * _LINES_A_CATEGORY <= len(where):
                seen: dict[str, int] = {}
                for i, word in zip(where, column, strict=True):
                    seen.setdefault(word, i)
                if len(seen) <= _CATEGORIES:
                    keep.update(seen.values())
        return keep

    def _telling(self, kind: int, columns: dict[int, tuple[str, ...]]) -> tuple[list[int], list[int]]:
        """The places whose words are worth listing, and those of them that are names. Progress is not worth it."""
        few = 1 if self.trouble[kind] else _FEW_NAMES
        telling = [p for p, column in columns.items() if len(set(column)) > few and not _counts_progress(column)]
        return telling, [p for p in telling if not is_number(columns[p][0])]

    def _affordable(self, kind: int, telling: list[int], named: list[int], gone: list[int], size: int) -> Values | None:
        """What to list of the left-out lines: all that varies, else the names, else the first name, else nothing."""
        if self.trouble[kind]:
            return self._reader(gone, named or telling)
        for chosen in (telling, named) if self.short else (telling, named, named[:1]):
            values = self._reader(gone, chosen)
            if values is None:
                continue
            sampled = gone[len(gone) // 2 :][:_SAMPLED]
            written = len(listing([values(i) for i in sampled])) * len(gone) / len(sampled)
            if written <= min(self.to_list, size * _LISTED_OF_KIND):
                self.to_list -= written
                return values
        return None

    def _reader(self, where: list[int], places: list[int]) -> Values | None:
        """How to read a line's varying words off it; None when there are none."""
        lines, names = self.lines, self.names
        if where[0] in names:
            return lambda i: names.get(i, "")
        if not places:
            return None

        def values(i: int) -> str:
            row = lines[i].split()
            return " ".join(_bare(row[p]) for p in places if p < len(row))

        return values

    def all_values(self, kind: int, where: list[int]) -> Values | None:
        """Everything that varies among the lines of a kind, whatever it costs."""
        telling, named = self._telling(kind, self._varying(kind, where))
        return self._reader(where, named or telling)
