"""Facts of a payload, and whether a reader of a shortened form still sees them.

A fact is one string of the original, or several. A string is visible where the shortened text holds it as it is, or up
to spacing, quotes and letter case; or re-encoded: all of its words stand within three neighbouring lines, or at least
half of them do and the others stand further up (the header of a table, the path that heads a group of search results).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")
_WORD = re.compile(r"\d+(?:\.\d+)+|\w+")  # a version or a decimal is one word
_SPELLING = re.compile(r"[\s\"'\\]+")


@dataclass(frozen=True, slots=True)
class Fact:
    """A question and the strings of the original that answer it together."""

    question: str
    answers: tuple[str, ...]


class Reader:
    """A text as somebody reads it who looks for facts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._plain = _spelled(text)
        lines = [set(_WORD.findall(line.lower())) for line in text.split("\n")]
        self._first: dict[str, int] = {}
        for number, words in enumerate(lines):
            for word in words:
                self._first.setdefault(word, number)
        padded = [set[str](), *lines, set[str]()]
        self._near = [before | here | after for before, here, after in zip(padded, lines, padded[2:], strict=False)]

    def sees(self, answer: str) -> bool:
        """Whether the string can be read off the text, by the rule at the head of this module."""
        if answer in self._text or _spelled(answer) in self._plain:
            return True
        words = {word for word in _WORD.findall(answer.lower()) if len(word) > 1 or word.isdigit()}
        if not words or not words <= self._first.keys():
            return False
        for number, near in enumerate(self._near):
            far = words - near
            if not far or (2 * len(far) <= len(words) and all(self._first[word] < number for word in far)):
                return True
        return False


def missing(text: str, facts: Iterable[Fact]) -> list[Fact]:
    """The facts that a reader of the text doesn't see."""
    reader = Reader(text)
    return [fact for fact in facts if not all(map(reader.sees, fact.answers))]


def spread(items: Sequence[_T], most: int) -> list[_T]:
    """At most so many of the items, the first and the last among them, evenly spaced."""
    if len(items) <= most:
        return list(items)
    return [items[i * (len(items) - 1) // (most - 1)] for i in range(most)]


def _spelled(text: str) -> str:
    return _SPELLING.sub(" ", text).strip().lower()
