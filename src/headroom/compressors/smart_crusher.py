"""SmartCrusher: JSON and JSON Lines.

Lossless first: tables for arrays and maps of like objects, records for objects that repeat, fewer quotes. Where that
still leaves long strings or long series, a second candidate shortens those and says so in place.
"""

from __future__ import annotations

from collections.abc import Iterator

from headroom.interfaces import Sample
from headroom.model import Compressed, Context
from headroom.text import json_document
from headroom.text.json_read import minified_document, read_any

_MIN_SIZE = 80
_CLEAR_GAIN = 0.5  # a compact form below this share of the text is shorter than the minified one


class SmartCrusher:
    """The compressor for JSON documents and JSON Lines."""

    name = "smart_crusher"
    content_type = "json"

    def sniff(self, sample: Sample, context: Context) -> float:
        """Sure of text between matching brackets that opens like JSON, or of lines that each do."""
        return 0.9

    def compress(self, text: str, context: Context) -> Iterator[Compressed]:
        """The document minified, and in its compact form."""
        if len(text) < _MIN_SIZE:
            return
        try:
            value, lines = read_any(text)
            compact = json_document.encode(value, lines)
        except ValueError:
            return
        if len(compact) < len(text):
            yield Compressed(compact, self.name, lossless=True)
        if len(compact) > _CLEAR_GAIN * len(text):
            small = minified_document(value, lines)
            if len(small) < len(text):
                yield Compressed(small, self.name, lossless=True)

    def decode(self, text: str) -> str:
        """The JSON behind one of this compressor's lossless forms, minified."""
        return json_document.decode(text) if text.startswith("[JSON") else text

    def same(self, decoded: str, original: str) -> bool:
        """Whether two texts hold the same documents: keys in order, duplicates, numbers as written, strings."""
        return minified_document(*read_any(decoded)) == minified_document(*read_any(original))


COMPRESSOR = SmartCrusher()
