"""Tokens of the pieces of a request, for the ledger: counted by the tokenizer, or estimated where it is not installed.

A provider's template decides whether the model reads a JSON string decoded or as the literal it is; so every size is
taken both ways, and `calibration` finds out which one a provider counts by. All counts depend on the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from headroom.ledger.pieces import Pieces, of_part
from headroom.recent import Recent
from headroom.tokens import count_tokens, exact_counter
from headroom.wire.splice import literal

ENCODING, ESTIMATE = "o200k_base", "estimate"

# The tokenizer keeps all other threads waiting while it runs: after as many characters they get their turn.
_PIECE = 4_096
# Right before a space or a newline between two ASCII letters a token always ends: counts of both sides add up.
_JOINT = re.compile(r"(?<=[A-Za-z])(?=[ \n][A-Za-z])")
_SEARCHED = 1_024  # characters in which a joint is looked for; where there is none, a token may be counted twice
_MOST_KNOWN = 50_000


class Size(NamedTuple):
    """Tokens of texts, with the strings decoded and with them as the literals they are, and how many texts there are.

    For each a template adds something of its own.
    """

    decoded: int = 0
    literal: int = 0
    texts: int = 0

    def plus(self, other: Size) -> Size:
        return Size(self.decoded + other.decoded, self.literal + other.literal, self.texts + other.texts)

    def minus(self, other: Size) -> Size:
        return Size(self.decoded - other.decoded, self.literal - other.literal, self.texts - other.texts)


class Counter:
    """Counts texts and JSON; `counting` says by what. For one thread at a time."""

    def __init__(self, exact: bool = True) -> None:
        counter = exact_counter() if exact else None
        self.counting = ENCODING if counter else ESTIMATE
        self._count: Callable[[str], int] = counter or count_tokens
        self._known: Recent[tuple[int, ...], Size] = Recent(_MOST_KNOWN)

    def text(self, text: str) -> int:
        """Tokens of a text."""
        return sum(map(self._count, _pieces(text)))

    def size(self, pieces: Pieces) -> Size:
        """The size of pieces of a request."""
        decoded = escaped = sum(map(self.text, pieces.values))
        for text in pieces.texts:
            tokens = self.text(text)
            written = str(literal(text), "utf-8")[1:-1]
            decoded += tokens
            escaped += tokens if written == text else self.text(written)
        return Size(decoded, escaped, len(pieces.texts))

    def difference(self, before: bytes, after: bytes, definition: bool) -> Size:
        """How much more `before` is than `after`, two parts of a request's JSON; known ones are not counted again.

        `definition` says that they are none of messages but of what tools are.
        """
        key = definition, len(before), hash(before), len(after), hash(after)
        known = self._known.get(key)
        if known is None:
            known = self.size(of_part(before, definition)).minus(self.size(of_part(after, definition)))
            self._known.put(key, known)
        return known


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > _PIECE:
        end = start + _PIECE
        joint = _JOINT.search(text, end - _SEARCHED, end)
        end = joint.start() if joint else end
        yield text[start:end]
        start = end
    yield text[start:]
