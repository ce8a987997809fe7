"""SmartCrusher: JSON and JSON Lines.

Lossless first: tables for arrays and maps of like objects, records for objects that repeat, fewer quotes. Where that
still leaves long strings or long series, a second candidate shortens those and says so in place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from headroom.formats.json.document import Document, decode
from headroom.formats.json.read import minified_document, packed, read_any
from headroom.formats.json.shortening import Shortener
from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Level
from headroom.text.literals import PRINTED, as_json

_MIN_SIZE = 80
_OPENING = re.compile(r'\s*([{\[])\s*(?:["{}\[\]]|-?\d|true\b|false\b|null\b)')
_TAIL = 400
_ESCAPED_LINES = 8  # line breaks in strings from which a string may be a text that stands by itself
_ARRAYS = 0.01  # a text with more brackets than this is one of coordinates
_TIGHTEST, _CHARACTERS = 0.1, 3  # the least share of the usual limits; characters that a token has at least
_WORTH = 0.075  # of the characters; where less can go, the form can't lose a tenth of its tokens and win
_FAR = 2  # times as long as the shortened document: no lossless form wins then, and it need not be weighed
_SMALL = 3000  # characters; in a longer document the compact form's header is paid for by the quotes it saves


class SmartCrusher:
    """The compressor for JSON documents and JSON Lines."""

    name = "smart_crusher"
    content_type = "json"

    def sniff(self, sample: Sample, context: Context) -> float:
        """Sure of text between matching brackets that opens like JSON, or of lines that each do."""
        text = sample.text
        opening = _OPENING.match(text)
        closing = text[-_TAIL:].rstrip()[-1:]
        if opening is None or closing != {"{": "}", "[": "]"}[opening[1]]:
            return 0.0
        return 0.95

    def compress(self, text: str, context: Context) -> Iterator[Compressed]:
        """The document in its compact form, minified where that may be shorter, and shortened where that says less."""
        if len(text) >= _MIN_SIZE:
            # All forms are made before the first is weighed: what was read takes many times the room of the text.
            yield from _forms(text, context)

    def decode(self, text: str) -> str:
        """The JSON behind one of this compressor's lossless forms, minified."""
        note, _, form = text.partition("\n")
        if form.startswith("[JSON") and note == f"[{PRINTED}]":
            return decode(form)
        return decode(text) if text.startswith("[JSON") else text

    def same(self, decoded: str, original: str) -> bool:
        """Whether two texts hold the same documents: keys in order, duplicates, numbers as written, strings."""
        return minified_document(*read_any(decoded)) == minified_document(*read_any(as_json(original) or original))


def _forms(text: str, context: Context) -> list[Compressed]:
    lift = "\\" in text and text.count("\\n") >= _ESCAPED_LINES
    try:
        value, lines = read_any(text)
        if text.count("[") > _ARRAYS * len(text):
            value = packed(value)
        document = Document(value, lines, lift)
        compact = document.text()
    except ValueError:
        return []
    lossless = [compact]
    if len(compact) < _SMALL:
        lossless.append(minified_document(value, lines))
    forms = [Compressed(form, SmartCrusher.name, lossless=True) for form in lossless if len(form) < len(text)]
    short = [] if context.level is Level.LOSSLESS else _shortened(value, document, len(compact), context)
    far = any(_FAR * len(form.text) < min(map(len, lossless)) for form in short)
    return short if far else forms + short


def _shortened(value: Any, document: Document, size: int, context: Context) -> list[Compressed]:
    """The document, `size` characters long in its compact form, without what it can do without."""
    tight, target = 1.0, context.target
    while True:
        shortener = Shortener(context, context.path, tight)
        short = shortener.document(value, document.seen.reach, None if tight == 1.0 else tight)
        if not shortener.too_long(document.longest):
            # What lifts nothing may get shorter by the tables that lists get below, not only by what is left out.
            little = document.lift and target is None and shortener.saved < size * _WORTH
            if short is value or little:
                return []
        form = document if short is value else Document(short, document.lines, like=document)
        text = form.text(shortener)
        if not text:
            return []
        if target is None or tight < _TIGHTEST or len(text) < target * _CHARACTERS:
            return [Compressed(text, SmartCrusher.name, lossless=False, omissions=shortener.omissions)]
        tight *= max(_TIGHTEST, min(0.5, target * _CHARACTERS / len(text)))


COMPRESSOR = SmartCrusher()
