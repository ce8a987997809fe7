"""By which names left-out lines are told: a reader who looks for one of them knows where to fetch it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain

from headroom.text.gaps import Gap

_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_SHORTEST, _LONGEST, _MIN_TERM = 5, 60, 4
_MOST = 5  # names in one marker


def hidden_names(lines: Sequence[str], gaps: Sequence[Gap], terms: Sequence[str]) -> list[list[str]]:
    """For each of the gaps (in order) the most telling names that stand in it and nowhere in what is shown.

    Those come first that speak of the question's `terms` (lower case), then those that the file holds least often.
    A name is told once.
    """
    shown = _NAME.findall("\n".join(_around(lines, gaps)))
    hidden = [_NAME.findall("\n".join(lines[start:end])) for start, end in gaps]
    counts = Counter(chain(shown, *hidden))
    told = {*shown, *(name.rsplit(".", 1)[0] for name in shown if "." in name)}
    untold = {name for name in counts if _is_telling(name)} - told
    asked = [term for term in terms if len(term) >= _MIN_TERM]
    found: list[list[str]] = []
    for names in hidden:
        new = [name for name in dict.fromkeys(names) if name in untold]
        ranks = {name: (-_speaks_of(name, asked), counts[name], "." not in name, -len(name)) for name in new}
        best = sorted(new, key=ranks.__getitem__)[:_MOST]
        untold.difference_update(best)
        found.append([name for name in new if name in best])
    return found


def _around(lines: Sequence[str], gaps: Sequence[Gap]) -> list[str]:
    shown: list[str] = []
    at = 0
    for start, end in gaps:
        shown += lines[at:start]
        at = end
    return [*shown, *lines[at:]]


def _is_telling(name: str) -> bool:
    """Whether a name is one that somebody made up: joined from words, or reached through another."""
    if not _SHORTEST <= len(name) <= _LONGEST:
        return False
    return "." in name or "_" in name.strip("_") or not (name[1:].islower() or name.isupper())


def _speaks_of(name: str, terms: Sequence[str]) -> bool:
    lower = name.lower()
    return any(term in lower for term in terms)
