"""Which hits of a large search result stay: those that say something no shown hit says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headroom.formats.search.hits import CONTEXT as CONTEXT_SIGN
from headroom.formats.search.hits import FUNCTION, MATCH, PLAIN, Hits
from headroom.marker import omitted_among, ranges_of
from headroom.model import Context, Level, Omission

SIMILAR, CONTEXT = "similar", "context"
# What compilers and linters print after a line number: a column and a message.
_MESSAGE = re.compile(r"[0-9]+: \S")
_WORD = re.compile(r"\w+")
_BLANKS = bytes(code if _WORD.match(chr(code)) else ord(" ") for code in range(256))
_NUMBER = re.compile(r"\d+")
_CHARACTERS_PER_TOKEN = 3
# A marker costs about as much as this many characters of hits.
_MARKER_CHARACTERS = 60
_ASKED_REACH = 8
# Context is read as code: up to the first size it stays whole, up to the second one line on each side of a match.
_WHOLE_MATCHES, _WHOLE_CONTEXT, _SOME_CONTEXT = 8_000, 16_000, 48_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which rows stay, the markers by group, and the loss report."""

    stay: list[bool]
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
    limit = _WHOLE_CONTEXT if CONTEXT_SIGN in hits.signs or FUNCTION in hits.signs else _WHOLE_MATCHES
    if size <= (limit // 4 if _is_tight(size, context) else limit):
        return False
    return not _are_messages(hits)


def _are_messages(hits: Hits) -> bool:
    """Whether more than half of the hits are what a compiler or a linter says of a place."""
    found = list(map(_MESSAGE.match, hits.rows, hits.cuts))
    if PLAIN in hits.signs:
        found = [one for one, sign in zip(found, hits.signs, strict=True) if sign != PLAIN]
    return found.count(None) * 2 < len(found)


def _is_tight(size: int, context: Context) -> bool:
    wanted = context.target
    return context.level is Level.AGGRESSIVE or (wanted is not None and size > wanted * _CHARACTERS_PER_TOKEN)


def choose(hits: Hits, asked: frozenset[int], context: Context) -> Chosen:
    """Keeps of every file its first and last match, every match with a word that no other shown match has, and the
    lines `asked` for (0-based); leaves out the context that is far from shown matches."""
    size = hits.size()
    tight = _is_tight(size, context)
    wanted = {row for row, index in enumerate(hits.at) if index in asked} if asked else set()
    kept = wanted | _floor(hits, tight)
    _add_new_words(hits, kept, tight)
    reach = 0 if tight or size > _SOME_CONTEXT else 1
    return _cut(hits, kept, wanted, reach)


def _floor(hits: Hits, tight: bool) -> set[int]:
    """The rows of the first match of every file, and of the last one if not tight."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for start, end, path in hits.groups():
        head = hits.signs.find(MATCH, start, end)
        if head >= 0:
            first.setdefault(path, head)
            last[path] = hits.signs.rfind(MATCH, start, end)
    return {*first.values(), *(() if tight else last.values())}


def _add_new_words(hits: Hits, kept: set[int], tight: bool) -> None:
    """Adds, in source order, each match that has a word which no kept match has (all numbers are one word if tight)."""
    known = {hits.rows[row][hits.cuts[row] :] for row in kept if hits.signs[row] == MATCH}
    seen = {word for text in known for word in _words(text, tight)}
    for place, (row, cut, sign) in enumerate(zip(hits.rows, hits.cuts, hits.signs, strict=True)):
        if sign == MATCH and place not in kept and (text := row[cut:]) not in known:
            known.add(text)
            words = _words(text, tight)
            if not seen.issuperset(words):
                seen.update(words)
                kept.add(place)


def _words(text: str, tight: bool) -> list[bytes]:
    if tight:
        text = _NUMBER.sub("0", text)
    if text.isascii():
        return text.encode().translate(_BLANKS).split()
    return [word.encode("utf-8", "surrogatepass") for word in _WORD.findall(text)]


def _cut(hits: Hits, kept: set[int], wanted: set[int], reach: int) -> Chosen:
    """Leaves out the rows that are not kept, where that is worth a marker."""
    markers: dict[int, str] = {}
    lost: dict[str, list[int]] = {SIMILAR: [], CONTEXT: []}
    stay = [True] * len(hits.rows)
    matches = hits.signs.count(MATCH)
    for number, (start, end, _) in enumerate(hits.groups()):
        if kept.issuperset(range(start, end)) or hits.signs[start] == PLAIN:
            continue
        near = _near(hits, start, end, kept, wanted, reach)
        gone = [row for row, stays in enumerate(near, start) if not stays]
        if sum([len(hits.rows[row]) - hits.cuts[row] + 6 for row in gone]) <= _MARKER_CHARACTERS:
            continue
        stay[start:end] = near
        similar = [hits.at[row] + 1 for row in gone if hits.signs[row] == MATCH]
        others = [hits.at[row] + 1 for row in gone if hits.signs[row] != MATCH]
        lost[SIMILAR] += similar
        lost[CONTEXT] += others
        kind = SIMILAR if similar else CONTEXT
        if similar and others:
            kind = f"{len(similar)} {SIMILAR}, {len(others)} {CONTEXT}"
        markers[number] = omitted_among(len(gone), hits.at[gone[0]] + 1, hits.at[gone[-1]] + 1, kind)
    omissions = tuple(Omission(kind, len(at), "lines", ranges_of(at)) for kind, at in lost.items() if at)
    files = {path for start, end, path in hits.groups() if any(stay[start:end]) and hits.signs[start] != PLAIN}
    return Chosen(stay, markers, omissions, matches, matches - len(lost[SIMILAR]), len(files))


def _near(hits: Hits, start: int, end: int, kept: set[int], wanted: set[int], reach: int) -> list[bool]:
    """Which rows of a file stay: the kept ones, the context within `reach` of them, more around what was asked for."""
    stay = [row in kept for row in range(start, end)]
    if hits.are_matches(start, end):
        return stay
    for row in [row for row, stays in enumerate(stay, start) if stays]:
        far = _ASKED_REACH if row in wanted else reach
        for near in range(max(start, row - far), min(end, row + far + 1)):
            stay[near - start] = stay[near - start] or hits.signs[near] != MATCH
    return stay
