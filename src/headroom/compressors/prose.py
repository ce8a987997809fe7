"""Prose and retrieved passages: whole sentences by what is asked, by what they say, and by where they stand.

No model and no download. Headings, passage headers, code and tables stay; a sentence or block that stands in an earlier
passage too is folded into a reference to it; what goes first are the sentences that say least for their length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Intent, Level
from headroom.text.extracts import Shares, chosen_pieces, rendered
from headroom.text.lines import split_lines
from headroom.text.passages import questions_of
from headroom.text.query import parse_query
from headroom.text.sentences import pieces_of, reads_like_prose
from headroom.text.worth import Worth
from headroom.tokens import count_tokens

_MIN_CHARS, _MIN_SENTENCES, _MIN_PASSAGES = 480, 4, 3
# The share of the sentences' characters that stays, without and with a question that the text answers.
_RETRIEVED = {Level.BALANCED: Shares(0.60, 0.42), Level.AGGRESSIVE: Shares(0.36, 0.28)}
_UNKNOWN = {Level.BALANCED: Shares(0.86, 0.70), Level.AGGRESSIVE: Shares(0.50, 0.40)}
# A text among like ones in a JSON list is a retrieved passage where its key says so.
_PASSAGE_PATH = re.compile(
    r"\[\d+\](?:\.\w+)?\.(?:text|content|passage|chunk|snippet|body|page_content|document|context|excerpt|description|summary)\Z",
    re.IGNORECASE,
)


class Prose:
    """Extracts of written text; always lossy, whole sentences only."""

    name = "prose"
    content_type = "prose"

    def sniff(self, sample: Sample, context: Context) -> float:
        """Likely where lines read like sentences, code and tables between them allowed; never sure."""
        return reads_like_prose(sample.lines) if len(sample.text) >= _MIN_CHARS else 0.0

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        """One extract, none where the level or a file read asks for every line."""
        if context.level is Level.LOSSLESS or len(text) < _MIN_CHARS:
            return
        if context.level is Level.BALANCED and context.intent is Intent.READ:
            return
        lines = split_lines(text)
        pieces = pieces_of(lines)
        if sum(p.free for p in pieces) < _MIN_SENTENCES:
            return
        question, own = questions_of(context.query, text)
        worth = Worth.of(pieces, parse_query(question), parse_query(own))
        shares = (_RETRIEVED if _is_retrieved(context, pieces[-1].passage) else _UNKNOWN)[context.level]
        share = shares.asked if worth.asked else shares.plain
        if context.target is not None:
            share = min(share, context.target / max(count_tokens(text), 1))
        kept = chosen_pieces(pieces, worth, share)
        if not all(kept):
            yield rendered(self.name, pieces, kept, worth.source)

    def decode(self, text: str) -> str:
        """An extract has no way back; the original is in the store."""
        return text

    def same(self, decoded: str, original: str) -> bool:
        """Whether two texts are equal."""
        return decoded == original


def _is_retrieved(context: Context, passages: int) -> bool:
    """Whether the text is the answer to a search: passages with headers, or one of a list of texts."""
    return (
        passages >= _MIN_PASSAGES
        or context.intent in (Intent.SEARCH, Intent.FETCH)
        or _PASSAGE_PATH.search(context.path) is not None
    )


COMPRESSOR = Prose()
