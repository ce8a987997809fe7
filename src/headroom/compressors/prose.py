"""Prose and retrieved passages: whole sentences by what is asked, by what they say, and by where they stand.

No model and no download. Headings, passage headers, code and tables stay (long ones as their head in passages that have
little to do with the question); a sentence or block that stands in an earlier passage too is folded into a reference to
it; what goes first are the sentences that say least for their length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from headroom.formats.prose.addresses import with_short_addresses, with_whole_addresses
from headroom.formats.prose.extracts import extracts
from headroom.formats.prose.sentences import reads_like_prose
from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Intent, Level
from headroom.tokens import count_tokens

_MIN_CHARS = 320
# An extract that can't leave out as much is no tenth smaller with its closing line, and would lose the contest.
_LEAST_SHARE, _LEAST = 0.1, 80
_DOCUMENT = re.compile(r"\.(?:md|mdx|markdown|rst|txt|text|adoc|org|tex|pdf|docx?|odt|rtf|epub)\b", re.IGNORECASE)


class Prose:
    """Extracts of written text; always lossy, whole sentences only."""

    name = "prose"
    content_type = "prose"

    def sniff(self, sample: Sample, context: Context) -> float:
        """Likely where lines read like sentences, code and tables between them allowed; never sure."""
        if len(sample.text) < _MIN_CHARS or _shows_no_document(context):
            return 0.0
        return reads_like_prose(sample.filled)

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        """The text with its addresses shortened, and an extract; none for a file read that asks for every line."""
        if len(text) < _MIN_CHARS or (context.level is not Level.AGGRESSIVE and context.intent is Intent.READ):
            return
        short = with_short_addresses(text)
        if short is not text:
            yield Compressed(short, self.name, lossless=True)
        share = None if context.target is None else context.target / max(count_tokens(text), 1)
        least = 0.0 if context.level is Level.AGGRESSIVE else _LEAST_SHARE * len(short) + _LEAST
        (extract,) = extracts([text], [""], context, share, least=least)
        if extract is not None:
            yield Compressed(extract.text, self.name, False, extract.omissions)

    def decode(self, text: str) -> str:
        """The text with its addresses as written; an extract has no way back, its original is in the store."""
        return with_whole_addresses(text)

    def same(self, decoded: str, original: str) -> bool:
        """Whether two texts are equal."""
        return decoded == original


def _shows_no_document(context: Context) -> bool:
    """Whether the call says that its result is no document: a shell's search or listing, a read of a file of code."""
    if context.intent is Intent.READ:
        named = context.call.path or context.call.command
        return bool(named) and _DOCUMENT.search(named) is None
    return bool(context.call.command) and context.intent in (Intent.SEARCH, Intent.LIST)


COMPRESSOR = Prose()
