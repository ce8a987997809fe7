"""How much each line of a text of no known kind tells: new words, words of the question, its place, its form."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from headroom.text.query import Query

_WORD = re.compile(r"[A-Za-z_]\w{2,}|\d{2,}|[^\x00-\x7f]{1,4}")
_DIGITS = re.compile(r"\d+")
# What a word is worth that was not read before: a plain one, a name or number, and those that stand in many lines.
_PLAIN, _NAME, _COMMON, _OFTEN = 1.0, 1.8, 0.5, 3
_SPREAD, _LENGTH_POWER, _NEWS, _AGAIN = 20, 0.7, 10.0, 0.3
_ASKED, _EARLY, _OPENING, _CLOSING = 1.0, 0.8, 0.6, 0.3
_OPENING_SHARE, _CLOSING_SHARE = 0.15, 0.1


def told_by(text: str, lines: Sequence[str], query: Query) -> list[float]:
    """A score for each line, higher for those that say more for their length; 0 for blank ones. Linear in the text."""
    words = [set(_WORD.findall(line)) for line in lines]
    spread: Counter[str] = Counter()
    for found in words:
        spread.update(found)
    forms = [_DIGITS.sub("0", line).strip() for line in lines]
    same = Counter(forms)
    asked = query.scores(text, list(lines))
    top = max(asked.values(), default=1.0)
    known: set[str] = set()
    scores: list[float] = []
    for i, (line, found, form) in enumerate(zip(lines, words, forms, strict=True)):
        news = sum(_worth(word, spread[word]) for word in found - known)
        known |= found
        score = _NEWS * news / (len(line) + _SPREAD) ** _LENGTH_POWER
        score += _ASKED * asked.get(i, 0.0) / top + _placed(i / len(lines))
        scores.append((score * _AGAIN if same[form] > 1 else score) if form else 0.0)
    return scores


def _worth(word: str, lines: int) -> float:
    worth = _PLAIN if word.isalpha() and word.islower() else _NAME
    return worth * _COMMON if lines >= _OFTEN else worth


def _placed(at: float) -> float:
    """What a line is worth for where it stands: a text says most at its beginning, and something at its end."""
    ends = _OPENING if at < _OPENING_SHARE else _CLOSING if at > 1 - _CLOSING_SHARE else 0.0
    return ends + _EARLY * (1 - at)
