"""Cuts a mixed text into parts of one content type each.

Seams are structure, never guesses: tags around an output, code fences, JSON documents between other lines, Markdown
tables, a diff after something else, the separators that people echo between commands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# What a line that opens a part begins with; few lines do, so nothing but the line starts of a text is looked at.
_OPENING = r"(?:\||```|~~~|diff --git |</?[A-Za-z]|={3}|-{3}|#{3}|\*{3}|[{\[])"
_FIRST_OPENER, _OPENER = re.compile(_OPENING), re.compile(r"\n" + _OPENING)
_TAG = re.compile(r"</?[A-Za-z][\w-]*>")
_SEPARATOR = re.compile(r"(={3,}|-{3,}|#{3,}|\*{3,})(?: ?[^=\-#*\n][^\n]{0,100}(?:\1)?)?$", re.MULTILINE)
_AFTER_TABLE = re.compile(r"\n(?!\|)")
_REMINDER, _REMINDER_END = "<system-reminder>", re.compile(r"</system-reminder>$", re.MULTILINE)
_SOON = re.compile(r"(?:.*\n){0,399}.*")  # so many lines a reminder may have
_MIN_PART_CHARS, _MIN_TABLE_LINES, _MAX_PARTS, _MAX_JSON_TRIES = 320, 6, 200, 12
_MAX_TAG, _MAX_SEPARATOR, _TAIL = 120, 160, 200
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Part:
    """Lines `start` to `end` (0-based, end exclusive). A verbatim part is left as it is."""

    start: int
    end: int
    verbatim: bool = False


# Characters `start` to `end` of a text, from a line's first to a line's last, and whether they stay as they are.
_Span = tuple[int, int, bool]


def split_parts(text: str) -> list[Part]:
    """The parts in order, covering all lines; one part where the text is of one kind. Linear in the text."""
    if not (_FIRST_OPENER.match(text) or _OPENER.search(text)):
        return [Part(0, text.count("\n") + 1)]
    parts: list[Part] = []
    line = 0
    for start, end, verbatim in _merged(_covering(text, _marked(text))):
        if len(parts) == _MAX_PARTS:
            return [Part(0, text.count("\n") + 1)]
        after = line + text.count("\n", start, end) + 1
        parts.append(Part(line, after, verbatim))
        line = after
    return parts if len(parts) > 1 else [Part(0, line)]


def _merged(spans: Iterable[_Span]) -> Iterator[_Span]:
    """Neighbouring verbatim spans as one, small ones among them."""
    kept: _Span | None = None
    for start, end, verbatim in spans:
        if not verbatim and end - start + 1 >= _MIN_PART_CHARS:
            if kept:
                yield kept
            kept = None
            yield start, end, False
        else:
            kept = (kept[0] if kept else start, end, True)
    if kept:
        yield kept


def _covering(text: str, marked: Iterable[_Span]) -> Iterator[_Span]:
    """The spans, and what stands between them."""
    at = 0
    for span in marked:
        if span[0] > at:
            yield at, span[0] - 1, False
        yield span
        at = span[1] + 1
    if at <= len(text):
        yield at, len(text), False


def _marked(text: str) -> Iterator[_Span]:
    """Spans that announce themselves, and the lines that separate, in order."""
    tries = _MAX_JSON_TRIES
    if text[:1] in ("{", "["):  # a document of its own, unless something stands behind it
        tries = 0 if text[-_TAIL:].rstrip()[-1:] in ("}", "]") else 1
    last = -1
    for start in _openers(text):
        if start <= last:
            continue
        found: list[_Span] = []
        if text[start] not in "{[":
            found = _announced(text, start)
        elif tries:
            tries -= 1
            found = _document(text, start)
        for span in found:
            yield span
            last = span[1]


def _openers(text: str) -> Iterator[int]:
    """Where the lines begin that may open a part."""
    if _FIRST_OPENER.match(text):
        yield 0
    for found in _OPENER.finditer(text):
        yield found.start() + 1


def _announced(text: str, start: int) -> list[_Span]:
    """The spans that the first characters of a line open, none for an ordinary line."""
    first = text[start]
    if first == "|":
        return _table(text, start)
    if first in "`~":
        return _fence(text, start)
    if first == "d":
        return [(start, len(text), False)] if start and not text.startswith(("diff ", "commit ")) else []
    end = _line_end(text, start)
    if first == "<":
        return _tags(text, start, end) if end - start <= _MAX_TAG else []
    return [(start, end, True)] if end - start < _MAX_SEPARATOR and _SEPARATOR.match(text, start) else []


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return end if end >= 0 else len(text)


def _table(text: str, start: int) -> list[_Span]:
    after = _AFTER_TABLE.search(text, start)
    end = after.start() if after else len(text)
    return [(start, end, False)] if text.count("\n", start, end) + 1 >= _MIN_TABLE_LINES else []


def _fence(text: str, start: int) -> list[_Span]:
    """The fence's lines and what stands between them; just its own line where it is never closed."""
    end = _line_end(text, start)
    close = text.find("\n" + text[start : start + 3], end)
    if close < 0:
        return [(start, end, True)]
    inside = [(end + 1, close, False)] if close > end else []
    return [(start, end, True), *inside, (close + 1, _line_end(text, close + 1), True)]


def _document(text: str, start: int) -> list[_Span]:
    """The JSON document that starts here and fills whole lines, none where there is none."""
    try:
        _, stop = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return []
    if stop - start < _MIN_PART_CHARS or text[stop : stop + 1] not in ("", "\n", "\r"):
        return []
    return [(start, _line_end(text, stop), False)]


def _tags(text: str, start: int, end: int) -> list[_Span]:
    """A tag that stands alone, or a reminder that a client put behind a result."""
    if text.startswith(_REMINDER, start, end):
        return [(start, _reminder_end(text, start, end), True)]
    return [(start, end, True)] if text[end - 1] == ">" and _TAG.match(text, start, end) else []


def _reminder_end(text: str, start: int, end: int) -> int:
    """Where the line ends that closes a reminder; its first line's `end` where none does soon."""
    soon = _SOON.match(text, start)
    closed = soon and _REMINDER_END.search(text, start, soon.end())
    return closed.end() if closed else end
