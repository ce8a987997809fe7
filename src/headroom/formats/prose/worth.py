"""What a sentence is worth: what it says, whether it was said before, and how well it answers the question."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from headroom.formats.prose.sentences import Piece
from headroom.text.lines import line_starts
from headroom.text.query import Query, lowered

_WORD = re.compile(r"\w{3,}")
_LATIN = [chr(code) for code in range(256)]
# What is part of a word in ASCII in lower case, all else as a blank.
_WORDS_ONLY = bytes(ord(char.lower()) if re.match(r"\w", char, re.ASCII) else 32 for char in _LATIN)
# Numbers, names, abbreviations, quotes, code and addresses have runs of these and plain words lack them: what people
# quote. Each as a "+", line ends as they are, all else as a blank.
_FACTS = bytes(43 if re.match(r"[A-Z0-9`\"«_@/=]", char) else 10 if char == "\n" else 32 for char in _LATIN)
_MAX_FACTS, _MAX_RARE, _SHORTEST = 8, 8, 3
_PER_FACT, _PER_RARE, _OPENING, _PER_MATCH = 0.3, 0.35, 0.5, 6.0
_UNRELATED = 0.7  # of what a sentence says counts in a passage that has nothing to do with the question
_OWN_WEIGHT = 0.5  # of the match with the text's own question where the user asks something
_OVERHEAD = 60  # characters that every sentence is taken to cost on top of its own, so that short ones don't always win
_STEM, _STEM_WEIGHT, _FEW, _MIN_COVER, _MIN_COVERED = 5, 0.7, 3, 0.34, 2
_SAID_AGAIN = 1.3  # what several passages say is more likely to matter
_FROM_AROUND = 0.4
_EDGE, _MIN_REPEAT, _MIN_REPEATED_BLOCK = 32, 48, 120


@dataclass(frozen=True, slots=True)
class Worth:
    """For each piece how well it matches the question (0 to 1), and the earlier piece that it repeats; for each passage
    its best match.

    `said` are the pieces that say something first and `lines` what they say, on one line each; `asked` says that the
    text answers the user's question, so that the rest of it may go sooner.
    """

    pieces: Sequence[Piece]
    source: dict[int, int]
    said: list[int]
    lines: list[str]
    match: list[float]
    relevance: dict[int, float]
    asked: bool

    @classmethod
    def of(cls, pieces: Sequence[Piece], source: dict[int, int], question: Query, own: Query) -> Worth:
        """By the user's question and the text's own one. Linear: each word is looked at a fixed number of times."""
        said = [i for i, p in enumerate(pieces) if i not in source and p.text and not p.text.isspace()]
        lines = [pieces[i].text.replace("\n", " ") for i in said]
        scores, asked = _matches(question, lines)
        own_scores, answered = _matches(own, lines)
        match = [0.0] * len(pieces)
        share = _OWN_WEIGHT if asked else 1.0
        for i, score, own_score in zip(said, scores, own_scores, strict=True) if question or own else ():
            match[i] = max(score, own_score * share)
        relevance = _by_passage(pieces, match) if asked or answered else {}
        return cls(pieces, source, said, lines, match, relevance, asked)

    def density(self) -> list[float]:
        """For each piece its score per character; 0 for those that are no sentences."""
        density = [0.0] * len(self.pieces)
        unrelated = 1 - _UNRELATED
        for i, facts, rare in zip(self.said, _facts(self.lines), _rare(self.lines), strict=True):
            p = self.pieces[i]
            if p.free:
                says = 1.0 + _PER_FACT * (facts if facts < _MAX_FACTS else _MAX_FACTS) + _OPENING * p.opens
                says += _PER_RARE * (rare if rare < _MAX_RARE else _MAX_RARE)
                value = says * (_UNRELATED + self.relevance.get(p.passage, unrelated)) + _PER_MATCH * self.match[i]
                density[i] = value / (len(p.text) + _OVERHEAD)
        for at in self.source.values():
            density[at] *= _SAID_AGAIN
        return _evened(self.pieces, density)


def _facts(lines: Sequence[str]) -> list[int]:
    """How many facts each line holds: one translation for all of them, a byte a character."""
    text = "\n".join(lines).replace("“", "«").encode("latin-1", "replace").translate(_FACTS)
    return [line.count(b" +") for line in (b" " + text.replace(b"\n", b"\n ")).split(b"\n")]


def _rare(lines: Sequence[str]) -> list[int]:
    """How many words each line holds that no other line holds."""
    words = list(map(_words_of, lines))
    counts = Counter(chain.from_iterable(words))
    once = {word for word, count in counts.items() if count == 1 and len(word) >= _SHORTEST}
    return [len(found & once) for found in words]


def _words_of(line: str) -> set[bytes]:
    """The words of a line in lower case; of an ASCII line short ones too, as nothing cuts a text faster than blanks."""
    if line.isascii():
        return set(line.encode().translate(_WORDS_ONLY).split())
    return set(map(str.encode, _WORD.findall(line.lower())))


def _evened(pieces: Sequence[Piece], density: list[float]) -> list[float]:
    """The scores with a part of each taken from the sentences around it, so that what goes goes in runs: one gap of
    three sentences costs one marker and reads better than three gaps."""
    out = density[:]
    before, passage = 0.0, -1
    for i, (own, behind) in enumerate(zip(density, chain(density[1:], (0.0,)), strict=True)):
        here = pieces[i].passage
        if here != passage:
            before, passage = 0.0, here
        if own:
            if behind and pieces[i + 1].passage != here:
                behind = 0.0
            around = (before + behind) / 2 if before and behind else before or behind
            if around:
                out[i] = own + _FROM_AROUND * (around - own)
        before = own
    return out


def could_answer(query: Query, texts: Sequence[str]) -> bool:
    """Whether the texts hold enough of the question's words for one of their sentences to answer it; mostly not."""
    lower = "\n".join(texts).lower()
    named = [term[:_STEM] for term, weight in query.terms if weight >= 1.0]
    return _suffices(sum(map(lower.__contains__, named)), len(named))


def _suffices(held: int, asked: int) -> bool:
    return held >= _MIN_COVERED and held >= _MIN_COVER * asked


def _matches(query: Query, lines: list[str]) -> tuple[list[float], bool]:
    """How well each sentence matches (1 is best), and whether the best one holds a good part of what is asked."""
    scores = [0.0] * len(lines)
    if not query or not lines:
        return scores, False
    text = "\n".join(lines)
    lower = lowered(text)
    present = Query(tuple((term, weight) for term, weight in query.terms if term[:_STEM] in lower))
    for i, score in present.scores(text, lines).items():
        scores[i] = score
    for i, score in _stem_scores(present, lower, lines).items():
        scores[i] += score
    best = max(scores)
    if not best:
        return scores, False
    answer = lines[scores.index(best)].lower()
    named = [term for term, weight in present.terms if weight >= 1.0]
    holds = sum(term in answer or (len(term) > _STEM and term[:_STEM] in answer) for term in named)
    plain = sum(weight >= 1.0 for _, weight in query.terms)
    return [score / best for score in scores], _suffices(holds, plain)


def _stem_scores(query: Query, lower: str, lines: list[str]) -> dict[int, float]:
    """What other forms of the question's words add to each sentence; stems that most of them hold say nothing."""
    stems = {term[:_STEM]: weight for term, weight in query.terms if len(term) > _STEM and term.isalpha()}
    if not stems:
        return {}
    starts, limit = line_starts(lines), max(_FEW, len(lines) // _FEW)
    found: dict[int, float] = {}
    for stem, weight in sorted(stems.items()):
        for i in _with_a_form(stem, lower, starts, limit):
            found[i] = found.get(i, 0.0) + _STEM_WEIGHT * weight
    return found


def _with_a_form(stem: str, lower: str, starts: list[int], limit: int) -> list[int]:
    """The lines in which a word begins with the stem; none when there are more than `limit`."""
    hits: list[int] = []
    at = lower.find(stem)
    while at >= 0:
        before = lower[at - 1 : at]
        if before.isalnum() or before == "_":
            at = lower.find(stem, at + _STEM)
            continue
        line = bisect_right(starts, at)
        hits.append(line - 1)
        if len(hits) > limit:
            return []
        at = lower.find(stem, starts[line]) if line < len(starts) else -1
    return hits


def _by_passage(pieces: Sequence[Piece], match: Sequence[float]) -> dict[int, float]:
    """The best match in each passage."""
    best: dict[int, float] = {}
    for piece, score in zip(pieces, match, strict=True):
        best[piece.passage] = max(score, best.get(piece.passage, 0.0))
    return best


def repeats_in(pieces: Sequence[Piece]) -> dict[int, int]:
    """Pieces that stand earlier, up to spacing and line breaks → where.

    A sentence cut off at the edge of a passage counts as repeated where an earlier one begins or ends with it. Nothing
    is folded that differs by a word: in another version of a text the difference is what matters.
    """
    seen: dict[str, int] = {}
    heads: dict[str, int] = {}
    tails: dict[str, int] = {}
    keys: dict[int, str] = {}
    found: dict[int, int] = {}
    for i, piece in enumerate(pieces):
        if len(piece.text) < (_MIN_REPEAT if piece.free else _MIN_REPEATED_BLOCK):
            continue
        key = " ".join(piece.text.split())
        at = seen.setdefault(key, i)
        if at == i and piece.free:
            keys[i] = key
            for other in (heads.setdefault(key[:_EDGE], i), tails.setdefault(key[-_EDGE:], i)):
                if other != i and _cut_off(key, keys[other]):
                    at = other
        if at != i:
            found[i] = found.get(at, at)
    return found


def _cut_off(short: str, whole: str) -> bool:
    """Whether `short` is the beginning or the end of `whole`, cut between words."""
    size = len(short)
    if size >= len(whole):
        return False
    return (whole.startswith(short) and not whole[size].isalnum()) or (
        whole.endswith(short) and not whole[-size - 1].isalnum()
    )
