"""What a sentence is worth: what it says, whether it was said before, and how well it answers the question."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from headroom.formats.prose.sentences import Piece
from headroom.text.query import Query

_WORD = re.compile(r"\w{3,}")
# Runs that numbers, names, abbreviations, quotes, code and addresses have and plain words lack: what people quote.
_FACT = re.compile(r"[A-Z0-9`\"“«_@/=]+")
_MAX_FACTS, _MAX_RARE = 8, 8
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
    """For each piece its score per character, the question's matches (0 to 1), and the earlier piece that it repeats;
    for each passage its best match.

    `asked` says that the text answers the user's question, so that the rest of it may go sooner.
    """

    density: list[float]
    match: list[float]
    source: dict[int, int]
    relevance: dict[int, float]
    asked: bool

    @classmethod
    def of(cls, pieces: Sequence[Piece], question: Query, own: Query) -> Worth:
        """By the user's question and the text's own one. Linear: each word is looked at a fixed number of times."""
        source = _repeats(pieces)
        said = [i for i, p in enumerate(pieces) if p.text and i not in source and not p.text.isspace()]
        texts = [pieces[i].text for i in said]
        words = [set(_WORD.findall(text.lower())) for text in texts]
        scores, asked = _matches(question, texts, words)
        own_scores, answered = _matches(own, texts, words)
        match = [0.0] * len(pieces)
        for i, score, own_score in zip(said, scores, own_scores, strict=True):
            match[i] = max(score, own_score * (_OWN_WEIGHT if asked else 1.0))
        relevance = _by_passage(pieces, match) if asked or answered else {}
        counts = Counter(chain.from_iterable(words))
        once = {word for word, count in counts.items() if count == 1}
        density = [0.0] * len(pieces)
        for i, found in zip(said, words, strict=True):
            p = pieces[i]
            if p.free:
                facts, rare = len(_FACT.findall(p.text)), len(found & once)
                says = 1.0 + _PER_FACT * (facts if facts < _MAX_FACTS else _MAX_FACTS) + _OPENING * p.opens
                says += _PER_RARE * (rare if rare < _MAX_RARE else _MAX_RARE)
                value = says * (_UNRELATED + relevance.get(p.passage, 1 - _UNRELATED)) + _PER_MATCH * match[i]
                density[i] = value / (len(p.text) + _OVERHEAD)
        for at in source.values():
            density[at] *= _SAID_AGAIN
        return cls(_evened(pieces, density), match, source, relevance, asked)


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


def _matches(query: Query, texts: list[str], words: list[set[str]]) -> tuple[list[float], bool]:
    """How well each sentence matches (1 is best), and whether the best one holds a good part of what is asked."""
    if not query or not texts:
        return [0.0] * len(texts), False
    lines = [t.replace("\n", " ") for t in texts]
    found = query.scores("\n".join(lines), lines)
    scores = [found.get(i, 0.0) for i in range(len(texts))]
    for i, score in _stem_scores(query, words):
        scores[i] += score
    best = max(range(len(texts)), key=lambda i: scores[i])
    if not scores[best]:
        return scores, False
    lower = texts[best].lower()
    plain = [term for term, weight in query.terms if weight >= 1.0]
    holds = sum(term in lower or (len(term) > _STEM and term[:_STEM] in lower) for term in plain)
    answers = holds >= _MIN_COVERED and holds >= _MIN_COVER * len(plain)
    return [score / scores[best] for score in scores], answers


def _stem_scores(query: Query, words: list[set[str]]) -> Iterator[tuple[int, float]]:
    """What other forms of the question's words add to each sentence; stems that most of them hold say nothing."""
    stems = {term[:_STEM]: weight for term, weight in query.terms if len(term) > _STEM and term.isalpha()}
    if not stems:
        return
    forms = {word for word in set().union(*words) if word[:_STEM] in stems}
    holding = (i for i, found in enumerate(words) if not forms.isdisjoint(found))
    hits = [(i, {form[:_STEM] for form in forms & words[i]}) for i in holding]
    held = Counter(chain.from_iterable(hit for _, hit in hits))
    limit = max(_FEW, len(words) // _FEW)
    for i, hit in hits:
        yield i, sum(_STEM_WEIGHT * stems[stem] for stem in sorted(hit) if held[stem] <= limit)


def _by_passage(pieces: Sequence[Piece], match: Sequence[float]) -> dict[int, float]:
    """The best match in each passage."""
    best: dict[int, float] = {}
    for piece, score in zip(pieces, match, strict=True):
        best[piece.passage] = max(score, best.get(piece.passage, 0.0))
    return best


def _repeats(pieces: Sequence[Piece]) -> dict[int, int]:
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
        if len(piece.text) < _MIN_REPEAT or (not piece.free and len(piece.text) < _MIN_REPEATED_BLOCK):
            continue
        key = " ".join(piece.text.split())
        at = seen.setdefault(key, i)
        if at == i and piece.free:
            for edge, known in ((key[:_EDGE], heads), (key[-_EDGE:], tails)):
                other = known.setdefault(edge, i)
                if other != i and _cut_off(key, keys[other]):
                    at = other
            keys[i] = key
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
