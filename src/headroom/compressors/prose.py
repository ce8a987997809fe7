"""Prose and retrieved passages: whole sentences by what is asked, by what they say, and by where they stand.

No model and no download. Headings, passage headers, code and tables stay; a sentence or block that stands in an earlier
passage too is folded into a reference to it; what goes first are the sentences that say least for their length.
"""

from __future__ import annotations

from collections.abc import Iterable

from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Intent, Level
from headroom.text.extracts import extracts
from headroom.text.sentences import reads_like_prose
from headroom.tokens import count_tokens

_MIN_CHARS = 320


class Prose:
    """Extracts of written text; always lossy, whole sentences only."""

    name = "prose"
    content_type = "prose"

    def sniff(self, sample: Sample, context: Context) -> float:
        """Likely where lines read like sentences, code and tables between them allowed; never sure."""
        return reads_like_prose(sample.lines) if len(sample.text) >= _MIN_CHARS else 0.0

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        """One extract, none where the level or a file read asks for every line."""
        if len(text) < _MIN_CHARS or (context.level is Level.BALANCED and context.intent is Intent.READ):
            return
        share = None if context.target is None else context.target / max(count_tokens(text), 1)
        (extract,) = extracts([text], [""], context, share)
        if extract is not None:
            yield Compressed(extract.text, self.name, False, extract.omissions)

    def decode(self, text: str) -> str:
        """An extract has no way back; the original is in the store."""
        return text

    def same(self, decoded: str, original: str) -> bool:
        """Whether two texts are equal."""
        return decoded == original


COMPRESSOR = Prose()
