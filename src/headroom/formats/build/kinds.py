"""Kinds of lines: lines that differ only in numbers, paths, names and other values are of one kind."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

WILDCARD = "*"
# what a value is told by: a sign in it, else its form
_SIGN = re.compile(r"[0-9/\\@=_]")
_FORM = re.compile(r"\w[.:]\w|\w-\w+-\w|[a-z][A-Z]|^[\"'`‘“<({\[]\S*[\"'`’”>)}\]][.,;:]?$")
_ZERO = re.compile(r"\W?0\W?$")
_NUMBER = re.compile(r"[\W_]*\d[\d.,:\-–]*\s*(?:[a-zA-Zµ%]{1,3}|/)?[\W_]*$")
_LONGEST_WORD, _MOST_WORDS, _CACHE, _KNOWN_WORDS = 200, 400, 50_000, 8_192
_RARE, _MOST_RARE, _ALIKE, _MERGED_WORDS, _MERGED_PLAIN = 2, 20_000, 8, 12, 2


class _Words(dict[str, str]):
    """Word → itself, or the wildcard where it is a value. A plain 0 stays: "0 errors" is not the kind of "3 errors"."""

    def __init__(self, fixed: Callable[[str], bool]) -> None:
        self.fixed = fixed

    def __missing__(self, word: str) -> str:
        if len(word) > _LONGEST_WORD:
            return WILDCARD
        varies = (_SIGN.search(word) or _FORM.search(word)) and not _ZERO.match(word)
        shape = WILDCARD if varies and ("/" in word or not self.fixed(word)) else word
        if len(self) >= _KNOWN_WORDS:
            self.clear()
        self[word] = shape
        return shape


@lru_cache(maxsize=1)
def _words(fixed: Callable[[str], bool]) -> _Words:
    """The words that are known already: those of tools come again in text after text."""
    return _Words(fixed)


@dataclass(frozen=True, slots=True)
class Kinds:
    """`of[i]` is the kind of line i, -1 for a blank one; `templates` and `counts` belong to kinds."""

    of: list[int]
    templates: list[str]
    counts: list[int]


def width(line: str) -> int:
    """How many words of a line count, -1 for a blank one; lines of one kind have equally many."""
    return min(len(line.split(None, _MOST_WORDS)), _MOST_WORDS) or -1


def kinds_of(lines: Sequence[str], fixed: Callable[[str], bool]) -> Kinds:
    """The kind of every line. Words that are `fixed` are never taken for values."""
    shape = _words(fixed).__getitem__
    known: dict[str, int] = {"": -1}
    ids: dict[str, int] = {}
    # what is assigned to is a name, however it is spelt; of many names that hardly come again each is a value
    assigned: dict[str, str] = {}
    of: list[int] = []
    for line in lines:
        kind = known.get(line)
        if kind is None:
            words = line.split(None, _MOST_WORDS)[:_MOST_WORDS]
            template = " ".join(map(shape, words))
            if " = " in line and "=" in words[1:]:
                unnamed, at = template, words.index("=", 1) - 1
                template = " ".join([*map(shape, words[:at]), *words[at : at + 1], *map(shape, words[at + 1 :])])
                if template != unnamed:
                    assigned[template] = unnamed
            kind = ids.setdefault(template, len(ids)) if words else -1
            if len(known) < _CACHE:
                known[line] = kind
        of.append(kind)
    templates = list(ids)
    counts = _counted(of, len(templates))
    merged = _merge_rare(templates, counts, fixed) | _merge_assigned(ids, counts, assigned)
    if merged:
        moved = {kind: ids.setdefault(template, len(ids)) for kind, template in merged.items()}
        of = [moved.get(kind, kind) for kind in of]
        templates = list(ids)
        counts = _counted(of, len(templates))
    return Kinds(of, templates, counts)


def _counted(of: Sequence[int], size: int) -> list[int]:
    counts = Counter(of)
    return [counts[kind] for kind in range(size)]


def _merge_rare(templates: list[str], counts: list[int], fixed: Callable[[str], bool]) -> dict[int, str]:
    """Rare kinds that differ from several others in one plain word, with the template they share.

    "Looking for setlocale" and "Looking for getsockname" hold no digit or path to tell that a name varies; that four
    lines differ in this one place does.
    """
    rare = [(kind, templates[kind].split(" ")) for kind, count in enumerate(counts) if count <= _RARE]
    if not _ALIKE <= len(rare) <= _MOST_RARE:
        return {}
    frequent = {templates[kind] for kind, count in enumerate(counts) if count > _RARE}
    widths = Counter(len(words) for _, words in rare)
    widths.update({template.count(" ") + 1: _ALIKE for template in frequent})
    groups: dict[str, list[int]] = defaultdict(list)
    for kind, words in rare:
        if len(words) > _MERGED_WORDS or widths[len(words)] < _ALIKE:
            continue
        plain = len(words) - words.count(WILDCARD)
        if plain <= _MERGED_PLAIN:
            continue
        for place, word in enumerate(words):
            if word != WILDCARD and not fixed(word):
                words[place] = WILDCARD
                groups[" ".join(words)].append(kind)
                words[place] = word
    merged: dict[int, str] = {}
    for template, members in sorted(groups.items(), key=lambda group: -len(group[1])):
        if len(members) < _ALIKE and template not in frequent:
            continue
        free = [kind for kind in members if kind not in merged]
        if len(free) >= _ALIKE or (free and template in frequent):
            merged.update(dict.fromkeys(free, template))
    return merged


def _merge_assigned(ids: Mapping[str, int], counts: Sequence[int], assigned: Mapping[str, str]) -> dict[int, str]:
    """Rare kinds that assign to names of their own, with the template in which the name is a value."""
    groups: dict[str, list[int]] = defaultdict(list)
    for template, unnamed in assigned.items():
        if counts[ids[template]] <= _RARE:
            groups[unnamed].append(ids[template])
    many = (group for group in groups.items() if len(group[1]) >= _ALIKE)
    return {kind: unnamed for unnamed, kinds in many for kind in kinds}


def is_number(word: str) -> bool:
    """Whether a word is a plain quantity ("62.6", "[40%]", "18ms") rather than a name."""
    return _NUMBER.match(word) is not None
