"""How much each line of a text of no known kind tells: new words, words of the question, its place, its form."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

_WORD = re.compile(r"[A-Za-z_]\w{2,}|\d{2,}|[^\x00-\x7f]{1,4}")
_DIGITS = re.compile(r"\d+")
# What a word is worth that was not read before: a plain one, a name or number; half of it where many lines hold it.
# Whole numbers, whose sum is the same in any order.
_PLAIN, _NAME, _OFTEN = 10, 18, 3
_SPREAD, _LENGTH_POWER, _AGAIN = 20, 0.7, 0.3
_ASKED, _EARLY, _OPENING, _CLOSING = 1.0, 0.8, 0.6, 0.3
_OPENING_SHARE, _CLOSING_SHARE = 0.15, 0.1


def told_by(lines: Sequence[str], asked: Mapping[int, float]) -> list[float]:
    """A score for each line, higher for those that say more for their length; 0 for blank ones. Linear in the text.

    `asked` holds how well lines match the question, for those that do.
    """
    words = list(map(set, map(_WORD.findall, lines)))
    worth = {word: _worth(word, count) for word, count in Counter(chain.from_iterable(words)).items()}
    forms = list(map(str.strip, _DIGITS.sub("0", "\n".join(lines)).split("\n")))
    same = Counter(forms)
    top = max(asked.values(), default=1.0)
    known: set[str] = set()
    scores: list[float] = []
    for i, (line, found, form) in enumerate(zip(lines, words, forms, strict=True)):
        found -= known
        known |= found
        score = sum(map(worth.__getitem__, found)) / (len(line) + _SPREAD) ** _LENGTH_POWER
        score += _ASKED * asked.get(i, 0.0) / top + _placed(i / len(lines))
        scores.append((score * _AGAIN if same[form] > 1 else score) if form else 0.0)
    return scores


def _worth(word: str, lines: int) -> int:
    worth = _PLAIN if word.isalpha() and word.islower() else _NAME
    return worth // 2 if lines >= _OFTEN else worth


def _placed(at: float) -> float:
    """What a line is worth for where it stands: a text says most at its beginning, and something at its end."""
    ends = _OPENING if at < _OPENING_SHARE else _CLOSING if at > 1 - _CLOSING_SHARE else 0.0
    return ends + _EARLY * (1 - at)
