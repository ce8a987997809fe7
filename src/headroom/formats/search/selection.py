"""Which hits of a large search result stay: those that say something no shown hit says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from headroom.formats.search.hits import Hit, Hits
from headroom.marker import omitted_among, ranges_of
from headroom.model import Context, Level, Omission

SIMILAR, CONTEXT = "similar", "context"
# What compilers and linters print after a line number: a column and a message.
_MESSAGE = re.compile(r"[0-9]+: \S")
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")
_CHARACTERS_PER_TOKEN = 3
# A marker costs about as much as this many characters of hits.
_MARKER_CHARACTERS = 60
# Context is read as code: up to the first size it stays whole, up to the second one line on each side of a match.
_WHOLE_MATCHES, _WHOLE_CONTEXT, _SOME_CONTEXT = 8_000, 16_000, 48_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """The hits that stay, the markers by group, and the loss report."""

    hits: Hits
    markers: dict[int, str]
    omissions: tuple[Omission, ...]
    matches: int
    shown: int
    files: int


def selects(hits: Hits, context: Context) -> bool:
    """Whether a result is large enough to be thinned out: what fits on few screens stays whole."""
    if context.level is Level.LOSSLESS:
        return False
    size = hits.size()
    separators = {hit[2] for group in hits.groups for hit in group.hits}
    limit = _WHOLE_CONTEXT if separators & {"-", "="} else _WHOLE_MATCHES
    if size <= (limit // 4 if _is_tight(size, context) else limit):
        return False
    messages = sum(1 for group in hits.groups for hit in group.hits if _MESSAGE.match(hit[3]))
    return messages * 2 <= hits.count()


def _is_tight(size: int, context: Context) -> bool:
    wanted = context.target
    return context.level is Level.AGGRESSIVE or (wanted is not None and size > wanted * _CHARACTERS_PER_TOKEN)


def choose(hits: Hits, asked: frozenset[int], context: Context) -> Chosen:
    """Keeps of every file its first and last match, every match with a word that no other shown match has, and the
    lines `asked` for (0-based); leaves out the context that is far from shown matches."""
    tight = _is_tight(hits.size(), context)
    matches = [hit for group in hits.groups for hit in group.hits if hit[2] == ":"]
    kept = _floor(hits, asked, tight)
    _add_new_words(matches, kept, tight)
    reach = 0 if tight or hits.size() > _SOME_CONTEXT else 1
    return _cut(hits, kept, asked, reach, len(matches))


def _floor(hits: Hits, asked: frozenset[int], tight: bool) -> set[int]:
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for group in hits.groups:
        for index, _, separator, _ in group.hits:
            if separator == ":":
                first.setdefault(group.path, index)
                last[group.path] = index
    return {*first.values(), *(() if tight else last.values()), *asked}


def _add_new_words(matches: Iterable[Hit], kept: set[int], tight: bool) -> None:
    """Adds, in source order, each match that has a word which no kept match has (all numbers are one word if tight)."""
    seen: set[str] = set()
    texts: set[str] = set()
    words = _WORD.findall
    waiting: list[tuple[int, str]] = []
    for index, _, _, text in matches:
        if index in kept:
            if text not in texts:
                texts.add(text)
                seen.update(words(_NUMBER.sub("0", text) if tight else text))
        else:
            waiting.append((index, text))
    for index, text in waiting:
        if text in texts:
            continue
        texts.add(text)
        found = words(_NUMBER.sub("0", text) if tight else text)
        if not seen.issuperset(found):
            seen.update(found)
            kept.add(index)


def _near(group: list[Hit], kept: set[int], asked: frozenset[int], reach: int) -> list[Hit]:
    """The kept hits of a group with the context within `reach` lines, all of it around what was asked for."""
    stay = [False] * len(group)
    for at, hit in enumerate(group):
        if hit[0] in kept:
            far = 8 if hit[0] in asked else reach
            for k in range(max(0, at - far), min(len(group), at + far + 1)):
                stay[k] = stay[k] or k == at or group[k][2] != ":"
    return [hit for hit, yes in zip(group, stay, strict=True) if yes]


def _cut(hits: Hits, kept: set[int], asked: frozenset[int], reach: int, matches: int) -> Chosen:
    markers: dict[int, str] = {}
    lost: dict[str, list[int]] = {SIMILAR: [], CONTEXT: []}
    for number, group in enumerate(hits.groups):
        if not group.hits:
            continue
        stay = _near(group.hits, kept, asked, reach)
        left = {hit[0] for hit in stay}
        gone = [hit for hit in group.hits if hit[0] not in left]
        if sum(len(hit[3]) + 6 for hit in gone) <= _MARKER_CHARACTERS:
            continue
        similar = [hit[0] + 1 for hit in gone if hit[2] == ":"]
        others = [hit[0] + 1 for hit in gone if hit[2] != ":"]
        lost[SIMILAR] += similar
        lost[CONTEXT] += others
        kind = SIMILAR if similar else CONTEXT
        if similar and others:
            kind = f"{len(similar)} {SIMILAR}, {len(others)} {CONTEXT}"
        markers[number] = omitted_among(len(gone), gone[0][0] + 1, gone[-1][0] + 1, kind)
        group.hits = stay
    omissions = tuple(Omission(kind, len(at), "lines", ranges_of(at)) for kind, at in lost.items() if at)
    files = len({group.path for group in hits.groups if group.hits})
    return Chosen(hits, markers, omissions, matches, matches - len(lost[SIMILAR]), files)
