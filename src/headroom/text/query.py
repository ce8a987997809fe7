"""What the question asks for: its words, weighted by how little they say about the rest of the text."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from math import log

from headroom.text.lines import line_starts

_QUOTED = re.compile(r"`([^`\n]{2,120})`|\"([^\"\n]{2,120})\"|'([^'\n]{2,120})'")
_JOINTS = "./:@#+-"  # what stands inside paths, addresses and versions, but not at their ends
_WORD = re.compile(rf"[\w{re.escape(_JOINTS)}]+")
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
_MAX_TERMS, _MAX_QUERY, _MAX_PAIRS, _COMMON_SHARE, _COMMON_MIN, _MOST_A_LINE = 64, 8_000, 24, 0.2, 12, 4
_QUOTED_WEIGHT, _NAME_WEIGHT, _WORD_WEIGHT, _PART_WEIGHT, _PAIR_WEIGHT = 3.0, 2.0, 1.0, 0.7, 0.5


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
        lower = lowered(text)
        present = [(term, weight, at) for term, weight in self.terms if (at := lower.find(term)) >= 0]
        if not present:
            return {}
        starts = line_starts(lines)
        limit = max(_COMMON_MIN, int(len(lines) * _COMMON_SHARE))
        found: dict[int, float] = {}
        for term, weight, at in present:
            hits = _lines_holding(term, lower, at, starts, limit)
            if hits:
                value = weight * log(1 + len(lines) / len(hits))
                for line in hits:
                    found[line] = found.get(line, 0.0) + value
        return found

    def best(self, text: str, lines: list[str], share: float = 0.6, limit: int = 20) -> list[int]:
        """The lines that answer the question best: all within `share` of the top score, at most `limit`, in order."""
        return best_of(self.scores(text, lines), share, limit)


def best_of(found: dict[int, float], share: float = 0.6, limit: int = 20) -> list[int]:
    """The lines with the best of those scores: all within `share` of the top one, at most `limit`, in order."""
    if not found:
        return []
    top = max(found.values()) * share
    ranked = sorted((line for line, score in found.items() if score >= top), key=lambda i: (-found[i], i))
    return sorted(ranked[:limit])


def lowered(text: str) -> str:
    """The text in lower case, or as it is where a letter changes its length by that: offsets must stay true."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text


def _lines_holding(term: str, lower: str, at: int, starts: list[int], limit: int) -> list[int]:
    """The lines in which `term`, first found at `at`, stands as a word; none when there are more than `limit`.

    Only ASCII letters and digits at a term's ends ask for a word's end there.
    """
    hits: list[int] = []
    opens, closes = term[0].isascii() and term[0].isalnum(), term[-1].isascii() and term[-1].isalnum()
    size, count, behind, tries = len(term), len(lower), 0, limit * _MOST_A_LINE
    while at >= 0:
        end = at + size
        tries -= 1
        if tries < 0:
            return []
        alone = not (opens and at and lower[at - 1].isalnum()) and not (closes and end < count and lower[end].isalnum())
        if alone and at >= behind:
            line = bisect_right(starts, at)
            hits.append(line - 1)
            if len(hits) > limit:
                return []
            behind = starts[line] if line < len(starts) else count
        at = lower.find(term, end)
    return hits


@lru_cache(maxsize=256)
def parse_query(text: str) -> Query:
    """The terms of a question: quoted strings whole, identifiers and paths whole and in parts, other words once."""
    text = text[-_MAX_QUERY:]
    words = (found[0] for found in _WORD.finditer(text))  # the first of them are enough
    terms: dict[str, float] = {}
    for term, weight in chain(_quoted(text), chain.from_iterable(map(_terms_of, words))):
        if len(terms) == _MAX_TERMS:
            break
        if weight > terms.get(term, 0.0):
            terms[term] = weight
    return Query(tuple(terms.items()))


def _quoted(text: str) -> list[tuple[str, float]]:
    found = (groups[0] or groups[1] or groups[2] for groups in _QUOTED.findall(text))
    return [(term, _QUOTED_WEIGHT) for term in (one.strip().lower() for one in found) if _tells(term)]


@lru_cache(maxsize=4096)
def _terms_of(word: str) -> tuple[tuple[str, float], ...]:
    """The weighted terms of one word with the signs around it; questions of one conversation share most words."""
    word = word.strip(_JOINTS)
    if _MARKED.search(word) is not None or word[1:] != word[1:].lower():
        terms = [(word, _NAME_WEIGHT), *((part, _PART_WEIGHT) for part in _PART.findall(word) if len(part) > 2)]
    else:
        terms = [(word, _WORD_WEIGHT)]
        if not word.isascii():  # scripts written without spaces: pairs of characters
            terms += [(word[i : i + 2], _PAIR_WEIGHT) for i in range(min(len(word) - 1, _MAX_PAIRS))]
    return tuple((lower, weight) for term, weight in terms if _tells(lower := term.lower()))


def _tells(term: str) -> bool:
    return len(term) >= 2 and term not in _STOP
