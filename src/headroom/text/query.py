"""What the question asks for: its words, weighted by how little they say about the rest of the text."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from math import log

from headroom.text.lines import line_starts

_QUOTED = re.compile(r"`([^`\n]{2,120})`|\"([^\"\n]{2,120})\"|'([^'\n]{2,120})'")
_TOKEN = re.compile(r"[\w][\w./:@#+\-]*[\w]|\w")
_MARKED = re.compile(r"[_./:@#+\-\d]")  # what identifiers, paths and addresses hold and words don't
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")
_STOP = frozenset(
    "a about above after all also am an and any are as at be because been before being below between both but by can "
    "could did do does doing down during each few file files find for from further get give given had has have having "
    "he her here hers him his how i if in into is it its itself just know let line lines list look make matters me "
    "more most my need no nor not now of off on once only or other our out output over own please run said same say "
    "says she should show so some such tell than that the their them then there these they this those through to too "
    "under until up us use used user value very want was we were what when where which while who whom why will with "
    "would you your command content text result results answer question exact quote mentions mentioning full".split()
)
_MAX_TERMS, _MAX_QUERY, _COMMON_SHARE, _COMMON_MIN = 64, 8_000, 0.2, 12


@dataclass(frozen=True, slots=True)
class Query:
    """Weighted lower-case terms of a question; compare lines with `scores`."""

    terms: tuple[tuple[str, float], ...]

    def __bool__(self) -> bool:
        return bool(self.terms)

    def scores(self, text: str, lines: list[str]) -> dict[int, float]:
        """Line index → score for the lines that hold query terms.

        A term weighs its own weight times the log of how rare it is here; one that stands in more than a fifth of the
        lines says nothing. Linear in the text: one scan a term, at most 64 terms.
        """
        if not self.terms:
            return {}
        lower, starts = text.lower(), line_starts(lines)
        if len(lower) != len(text):  # a few letters change length when lowered; offsets must stay true
            lower = text
        limit = max(_COMMON_MIN, int(len(lines) * _COMMON_SHARE))
        found: dict[int, float] = {}
        for term, weight in self.terms:
            hits = _lines_holding(term, lower, starts, limit)
            if hits:
                value = weight * log(1 + len(lines) / len(hits))
                for line in hits:
                    found[line] = found.get(line, 0.0) + value
        return found

    def best(self, text: str, lines: list[str], share: float = 0.6, limit: int = 20) -> list[int]:
        """The lines that answer the question best: all within `share` of the top score, at most `limit`, in order."""
        found = self.scores(text, lines)
        if not found:
            return []
        top = max(found.values()) * share
        ranked = sorted((line for line, score in found.items() if score >= top), key=lambda i: (-found[i], i))
        return sorted(ranked[:limit])


def _lines_holding(term: str, lower: str, starts: list[int], limit: int) -> list[int]:
    """The lines in which `term` stands as a word, none when there are more than `limit`."""
    hits: list[int] = []
    at = lower.find(term)
    size, tries = len(term), 0
    while at >= 0:
        end = at + size
        tries += 1
        if tries > limit * 4:
            return []
        before_ok = at == 0 or not (lower[at - 1].isalnum() and term[0].isalnum()) or not term[0].isascii()
        after_ok = end >= len(lower) or not (lower[end].isalnum() and term[-1].isalnum()) or not term[-1].isascii()
        if before_ok and after_ok:
            line = bisect_right(starts, at) - 1
            if not hits or hits[-1] != line:
                hits.append(line)
                if len(hits) > limit:
                    return []
        at = lower.find(term, end)
    return hits


@lru_cache(maxsize=256)
def parse_query(text: str) -> Query:
    """The terms of a question: quoted strings whole, identifiers and paths whole and in parts, other words once."""
    text = text[-_MAX_QUERY:]
    terms: dict[str, float] = {}

    def add(term: str, weight: float) -> None:
        term = term.lower()
        if len(term) >= 2 and term not in _STOP and len(terms) < _MAX_TERMS:
            terms[term] = max(weight, terms.get(term, 0.0))

    for groups in _QUOTED.findall(text):
        add(next(g for g in groups if g).strip(), 3.0)
    for found in _TOKEN.finditer(text):
        if len(terms) >= _MAX_TERMS:
            break
        token = found[0]
        special = _MARKED.search(token) is not None or token[1:] != token[1:].lower()
        add(token, 2.0 if special else 1.0)
        if special:
            for part in _PART.findall(token):
                if len(part) > 2:
                    add(part, 0.7)
        elif not token.isascii():
            for i in range(min(len(token) - 1, 24)):  # scripts written without spaces: pairs of characters
                add(token[i : i + 2], 0.5)
    return Query(tuple(terms.items()))
