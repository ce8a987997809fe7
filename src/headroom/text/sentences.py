"""Sentences and passages: where prose can be cut without cutting a thought in half."""

from __future__ import annotations

import re
from dataclasses import dataclass

_END = re.compile(r"(?<=[.!?…])[\"')\]”’*_`]{0,3} +(?=[A-Z0-9\"'(\[“‘*_`À-ÞА-Я])|(?<=[。！？])")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|Mr|Mrs|Ms|Dr|Prof|St|No|Fig|Eq|al|approx|ca|resp|Inc|Ltd|Jr|Sr)|\b[A-Z])\.$")
# A passage's header: a rank, a source, a score, a page, alone on its line.
_HEADER = re.compile(
    r"(?:\[\d{1,4}\]|\(\d{1,4}\)|#{1,6} |-{2,} ?|={2,} ?)?\s*"
    r"(?:(?:passage|document|doc|source|result|chunk|context|page|title|file|url|snippet|score|rank)\b[^.]{0,160}$|"
    r"[^.]{0,120}\b(?:score|similarity|relevance|distance)\b[^.]{0,12}\d.*$)",
    re.IGNORECASE,
)
_RANKED = re.compile(r"\[\d{1,4}\] \S|#{1,6} \S|={3,} .+ ={3,}$")


@dataclass(slots=True)
class Sentence:
    """A sentence: its verbatim text with the space that follows it, its line (0-based), and whether it opens its paragraph."""

    text: str
    line: int
    opens: bool


def is_header(line: str) -> bool:
    """Whether a line names a passage or a section and is never left out."""
    return len(line) <= 220 and (_RANKED.match(line) is not None or _HEADER.match(line) is not None)


def sentences_of(line: str) -> list[str]:
    """The sentences of a line, each with the space behind it; joined they are the line."""
    if len(line) < 80:
        return [line]
    out: list[str] = []
    start = 0
    for found in _END.finditer(line):
        if _ABBREVIATION.search(line, max(start, found.start() - 8), found.start()):
            continue
        out.append(line[start : found.end()])
        start = found.end()
    out.append(line[start:])
    return [s for s in out if s]


def prose_share(lines: tuple[str, ...]) -> float:
    """How much of the lines' text stands in lines that read like sentences: words of letters, spaces, few symbols."""
    total = written = 0
    for line in lines:
        size = len(line)
        if size < 3:
            continue
        total += size
        words = line.split()
        if len(words) >= 5 and sum(map(str.isalpha, words)) * 2 >= len(words) and line[-1] not in "{};\\":
            written += size
    return written / total if total else 0.0
