"""Cuts a mixed text into parts of one content type each.

Seams are structure, never guesses: tags around an output, code fences, JSON documents between other lines, Markdown
tables, a diff after something else, the separators that people echo between commands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

_TAG = re.compile(r"</?[A-Za-z][\w-]*>")
_SEPARATOR = re.compile(r"(={3,}|-{3,}|#{3,}|\*{3,})(?: ?[^=\-#*\n][^\n]{0,100}(?:\1)?)?$")
_OPENERS = frozenset("|`~d<=-#*{[")  # what the lines begin with that can open a part
_REMINDER, _REMINDER_END = "<system-reminder>", "</system-reminder>"
_MIN_PART_CHARS, _MIN_TABLE_LINES, _MAX_PARTS, _MAX_JSON_TRIES, _MAX_REMINDER = 320, 6, 200, 12, 400
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Part:
    """Lines `start` to `end` (0-based, end exclusive). A verbatim part is left as it is."""

    start: int
    end: int
    verbatim: bool = False


def split_parts(text: str) -> list[Part]:
    """The parts in order, covering all lines; one part where the text is of one kind. Linear in the text."""
    lines = text.split("\n")
    found = list(_marked(text, lines))
    if not found:
        return [Part(0, len(lines))]
    parts: list[Part] = []
    at = 0
    for part in (*found, Part(len(lines), len(lines))):
        if part.start > at:
            parts.append(Part(at, part.start))
        if part.end > part.start:
            parts.append(part)
        at = part.end
    small = (part.verbatim or _size(lines, part) < _MIN_PART_CHARS for part in parts)
    parts = [Part(p.start, p.end, tiny) for p, tiny in zip(parts, small, strict=True)]
    merged = _merged(parts)
    return merged if len(merged) <= _MAX_PARTS else [Part(0, len(lines))]


def _size(lines: list[str], part: Part) -> int:
    return sum(map(len, lines[part.start : part.end])) + part.end - part.start


def _merged(parts: list[Part]) -> list[Part]:
    """Neighbouring verbatim parts as one."""
    out: list[Part] = []
    for part in parts:
        if out and part.verbatim and out[-1].verbatim:
            out[-1] = Part(out[-1].start, part.end, True)
        else:
            out.append(part)
    return out


def _marked(text: str, lines: list[str]) -> Iterator[Part]:
    """Parts that announce themselves, and the lines that separate, in order."""
    tries = _MAX_JSON_TRIES if text[:1] not in ("{", "[") else 0
    offset = at = end = 0
    for i in [i for i, line in enumerate(lines) if line[:1] in _OPENERS]:
        if i < end:
            continue
        found: list[Part] = []
        if lines[i][0] not in "{[":
            found = _announced(lines, i)
        elif tries and i:
            tries -= 1
            offset += sum(map(len, lines[at:i])) + i - at
            at = i
            stop = _json_end(text, offset, lines, i)
            found = [Part(i, stop)] if stop > i else []
        yield from found
        end = found[-1].end if found else i


def _announced(lines: list[str], i: int) -> list[Part]:
    """The parts that the first characters of a line open, none for an ordinary line."""
    line = lines[i]
    first = line[0]
    if first == "|":
        end = _run_of_table(lines, i)
        return [Part(i, end)] if end > i else []
    if line[:3] in ("```", "~~~"):
        return _fence(lines, i)
    if first == "d" and line.startswith("diff --git ") and i and not lines[0].startswith(("diff ", "commit ")):
        return [Part(i, len(lines))]
    if first == "<" and len(line) <= 120:
        end = _tags(lines, i)
        return [Part(i, end, True)] if end > i else []
    if first in "=-#*" and len(line) < 160 and _SEPARATOR.match(line):
        return [Part(i, i + 1, True)]
    return []


def _fence(lines: list[str], i: int) -> list[Part]:
    """The fence's lines and what stands between them; just its own line where it is never closed."""
    close = next((k for k in range(i + 1, len(lines)) if lines[k].startswith(lines[i][:3])), None)
    parts = [Part(i, i + 1, True)]
    if close is not None:
        parts += [Part(i + 1, close)] if close > i + 1 else []
        parts.append(Part(close, close + 1, True))
    return parts


def _json_end(text: str, offset: int, lines: list[str], i: int) -> int:
    """The line after a JSON document that starts here and fills whole lines, or `i` where there is none."""
    try:
        _, stop = _DECODER.raw_decode(text, offset)
    except (ValueError, RecursionError):
        return i
    if stop - offset < _MIN_PART_CHARS or text[stop : stop + 1] not in ("", "\n", "\r"):
        return i
    return i + text.count("\n", offset, stop) + 1


def _run_of_table(lines: list[str], i: int) -> int:
    end = i
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    return end if end - i >= _MIN_TABLE_LINES else i


def _tags(lines: list[str], i: int) -> int:
    """The line after a tag that stands alone, or after a reminder that a client put behind a result."""
    if lines[i].startswith(_REMINDER):
        within = range(i, min(i + _MAX_REMINDER, len(lines)))
        return next((k + 1 for k in within if lines[k].endswith(_REMINDER_END)), i + 1)
    return i + 1 if _TAG.match(lines[i]) and lines[i].endswith(">") else i
