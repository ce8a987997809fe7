"""Sentences and what stands between them: where written text can be cut without cutting a thought in half.

A text becomes a run of pieces that joined give it back. A free piece is a whole sentence: a part of a long line, a
group of hard-wrapped lines up to one that ends a sentence, or a list item with its continuation lines. All other pieces
are fixed: blank lines, headings, passage headers, code, tables, labels, and paragraphs that don't read like prose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from headroom.formats.prose.passages import is_header

# A sentence ends after a mark, inside a line only where a space and something that opens a sentence follow; CJK marks
# need neither. The mark comes first in the patterns: what a match can begin with is found fast.
_ENDS_INSIDE = re.compile(
    r"[.!?…。！？](?:(?<=[.!?…])[\"')\]”’*_`]{0,3}(?: +(?=[A-Z0-9\"'(\[“‘*_`À-ÞЀ-Я])|\n)"
    r"|(?<=[。！？])[」』”）]?\n?(?=.))",
    re.DOTALL,
)
_ENDS_LINE = re.compile(r"[.!?…。！？][\"')\]”’*_`」』）]{0,3}[ \t\r]*\n")
_ABBREVIATED = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|Mr|Mrs|Ms|Dr|Prof|St|No|Fig|Eq|Sec|al|approx|ca|resp|Inc|Ltd|Jr|Sr|z\.B|bzw|[A-Z]))\.\Z"
)
_ITEM = re.compile(r"[ \t]*(?:[-*+•◦‣▪–]|\(?\d{1,3}[.)]|\(?[a-z][.)])[ \t]+\S")
_SPECIAL = re.compile(
    r"[ \t]*(?:(?P<blank>\Z)|(?P<fence>```|~~~)|(?P<table>\||\+[-=]{3})|(?P<heading>#{1,6} )"
    r"|(?P<rule>[-=*_~^\"]{3,}[ \t\r]*\Z))"
)
_SPECIAL_STARTS = ' \t`~|+#-=*_^"'  # what those lines can begin with; an empty one begins with nothing
_LINK = re.compile(r"\[[^\]\n]{0,200}\]\([^)\s]{1,600}\)|https?://\S+")
_ADDRESS = re.compile(r"http(?<!\]\(http)s?://\S+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SOFT_WRAPPED = 200  # characters: a longer line is a paragraph of its own and is cut inside
_ABBREVIATION, _MIN_WORDS, _SHORT = 8, 6, 60
_FENCES, _STOPS = ("```", "~~~"), ".!?…。！？"
_LONG_BLOCK, _HEAD = 6, 2  # lines

_SAMPLED, _SAMPLED_WIDTH, _SAMPLED_CHARS = 40, 120, 4_000
# The commonest words of a few languages; each text of such a language is full of them.
_FUNCTION_WORDS = frozenset(
    "the of and to in is for that a be with as it are this de la le les et que en el los der die das und ist nicht di "
    "il che e o os да и в не на что het een van og i på som att är jest się nie na".split()
)
_NO_SYMBOL = bytes(set(range(256)) - set(b'0123456789{}[]<>=;|\\/_@#$%^&*~+"'))
_WRITTEN = re.compile(r"[\s>]*(?:[-*+•]\s|\d+[.)]\s)?[\"'(“*_`\[]{0,3}[^\W\d_][^{};=|<>\\]{24,}\Z")
_CODE = re.compile(
    r"\s*(?:\d+[:\t|]\s*)?(?:"
    r"(?:def|class|async|elif|return|raise|import|func|const|let|var|public|private|static|pub|fn|impl) \S"
    r"|(?:#include|package|struct|assert) \S|from \S+ import "
    r"|(?:if|for|while|with|try|except|else)\b.*[:{]\s*\Z|@\w|//|/\*|[})\]];?\s*\Z"
    r"|self\.|\w[\w.\[\]]* [-+*]?= \S|[\w.]+\(.*\)?[;,:]?\s*\Z)"
)
_DATA = re.compile(r"\s*(?:[{<]|\[\s*(?:[\[{\"]|\Z))")
_CELLS = 3  # commas without a space
_CODE_SHARE = 5  # one line in so many
_LIKELY, _MAYBE = 0.58, 0.52  # below what a more specific type says of itself
_MAYBE_WORDY, _MIN_WORDY, _WORDY, _MAX_SYMBOLS, _MIN_WRITTEN, _MIN_HEADERS = 8.0, 14.0, 24.0, 110.0, 0.35, 2


@dataclass(slots=True)
class Piece:
    """A stretch of the text: verbatim, with its first and last line (0-based) and the passage it belongs to.

    `free` pieces are sentences, `opens` marks the first one of a paragraph, `folds` the rest of a long block below its
    head; `inline` says that the piece stands on the line on which the one before it ended (otherwise a line break
    stands between them).
    """

    text: str
    line: int
    last: int
    passage: int
    free: bool = False
    opens: bool = False
    inline: bool = False
    folds: bool = False


def pieces_of(lines: Sequence[str], passage: int = 0) -> list[Piece]:
    """The pieces of a text given as its lines, in order, its passages numbered from `passage` on; linear."""
    out: list[Piece] = []
    start = 0  # of the open paragraph, after the last block
    for i, line in enumerate(lines):
        if i < start or line[:1] not in _SPECIAL_STARTS:
            continue
        found = _SPECIAL.match(line)
        if found is None:
            continue
        kind = found.lastgroup or ""
        if start < i:
            titled = kind == "rule" and i - start == 1 and len(lines[start]) <= _SHORT * 2
            passage = _add_paragraph(out, lines, start, i, passage, titled)
        if kind == "heading" and is_header(line):
            passage += 1
        start = _block_end(lines, i, kind)
        _add_block(out, lines, i, start, passage)
    if start < len(lines):
        _add_paragraph(out, lines, start, len(lines), passage)
    return out


def joined(pieces: Sequence[Piece]) -> str:
    """The text behind its pieces."""
    return "".join(p.text if p.inline or not i else "\n" + p.text for i, p in enumerate(pieces))


def _block_end(lines: Sequence[str], i: int, kind: str) -> int:
    """The line after a fenced block or a table that begins at `i`; of anything else, the next line."""
    end = i + 1
    if kind == "fence":
        mark = lines[i].lstrip()[:3]
        while end < len(lines) and not lines[end].lstrip().startswith(mark):
            end += 1
        return min(end + 1, len(lines))
    if kind == "table":
        while end < len(lines) and lines[end].lstrip()[:1] in ("|", "+"):
            end += 1
    return end


def _add_block(out: list[Piece], lines: Sequence[str], start: int, end: int, passage: int) -> None:
    """Adds lines that stay: as one piece, or as their head, the rest that may be folded, and a closing fence."""
    if end - start < _LONG_BLOCK:
        out.append(Piece("\n".join(lines[start:end]), start, end - 1, passage))
        return
    fenced = lines[start].lstrip().startswith(_FENCES)
    seams = [start, start + _HEAD + fenced, end - 1, end] if fenced else [start, start + _HEAD, end]
    for k, (a, b) in enumerate(pairwise(seams)):
        out.append(Piece("\n".join(lines[a:b]), a, b - 1, passage, folds=k == 1))


def _add_paragraph(
    out: list[Piece], lines: Sequence[str], start: int, end: int, passage: int, titled: bool = False
) -> int:
    """Adds the pieces of the lines between two seams; each header among them opens another passage: the last one."""
    while start < end and is_header(lines[start]):
        passage += 1
        out.append(Piece(lines[start], start, start, passage))
        start += 1
    if start == end:
        return passage
    text = "\n".join(lines[start:end])
    if titled or not reads_as_written(text):
        _add_block(out, lines, start, end, passage)
        return passage
    items = [i for i in range(start, end) if _ITEM.match(lines[i])]
    if not items or items[0] > start:
        stop = items[0] if items else end
        _add_sentences(out, "\n".join(lines[start:stop]) if items else text, start, passage, True)
    for a, b in pairwise([*items, end]):
        _add_item(out, lines, a, b, passage, a == start)
    return passage


def _add_item(out: list[Piece], lines: Sequence[str], start: int, end: int, passage: int, opens: bool) -> None:
    """Adds a list item with its continuation lines, or what looked like one: a numbered heading, a sentence."""
    head = lines[start]
    if end - start == 1 or _indent(lines[start + 1]) > _indent(head):
        text = "\n".join(lines[start:end])
        out.append(Piece(text, start, end - 1, passage, not is_reference(text, linked=False), opens))
    elif len(head) <= _SHORT and head.rstrip()[-1:] not in _STOPS:
        out.append(Piece(head, start, start, passage))
        _add_sentences(out, "\n".join(lines[start + 1 : end]), start + 1, passage, opens=True)
    else:
        _add_sentences(out, "\n".join(lines[start:end]), start, passage, opens)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _add_sentences(out: list[Piece], text: str, line: int, passage: int, opens: bool) -> None:
    """Adds the sentences of running text that begins at `line`; only soft-wrapped lines are cut inside."""
    inline, linked, several = False, "://" in text, "\n" in text
    for part, breaks in _cut(text):
        last = line + part.count("\n") if several else line
        free = not (linked and is_reference(part, linked=False))
        out.append(Piece(part, line, last, passage, free, opens, inline))
        line, inline, opens = last + breaks, not breaks, False


def sentence_count(text: str) -> int:
    """How many sentences a piece holds: hard-wrapped lines and list items may hold several."""
    return len(_split(text.rstrip(), _ENDS_INSIDE))


def _cut(text: str) -> list[tuple[str, bool]]:
    """The sentences of a paragraph, inside its lines only where those are long."""
    long = len(text) > _SOFT_WRAPPED and ("\n" not in text or max(map(len, text.split("\n"))) > _SOFT_WRAPPED)
    return _split(text, _ENDS_INSIDE if long or (not text.isascii() and _CJK.search(text, 0, 80)) else _ENDS_LINE)


def _split(text: str, ends: re.Pattern[str]) -> list[tuple[str, bool]]:
    """A text cut at `ends`, each part with whether a line break follows it."""
    parts: list[tuple[str, bool]] = []
    start = 0
    for found in ends.finditer(text):
        at, stop = found.span()
        if text[at] == "." and _ABBREVIATED.search(text, max(start, at + 1 - _ABBREVIATION), at + 1):
            continue
        breaks = text[stop - 1] == "\n"
        parts.append((text[start : stop - breaks], breaks))
        start = stop
    parts.append((text[start:], True))
    return parts


def is_reference(text: str, linked: bool) -> bool:
    """Whether a sentence or item is little more than a bare address, or with `linked` a link that has words."""
    return "://" in text and 2 * sum(map(len, (_LINK if linked else _ADDRESS).findall(text))) >= len(text)


def reads_as_written(text: str) -> bool:
    """Whether a paragraph is written language rather than code, data or a label."""
    words = text.split()
    if '{"' in text or '": ' in text:
        return False
    if len(words) < _MIN_WORDS:
        return len(text) >= 12 and len(_CJK.findall(text)) * 3 >= len(text)
    if len(text) < _SHORT and text[-1] not in _STOPS:
        return False
    return sum(map(str.isalpha, words)) * 2 >= len(words) or len(_CJK.findall(text)) * 3 >= len(text)


def _looks_like_code(lines: Sequence[str], plain: set[str]) -> bool:
    """Whether more than a few lines are statements or comma-separated cells, and none is a passage's header."""
    limit = len(lines) // _CODE_SHARE
    cells = sum(line.count(",") - line.count(", ") >= _CELLS for line in lines)
    code = sum(_CODE.match(line) is not None for line in lines if line not in plain)
    return max(cells, code) > limit and not any(map(is_header, lines))


def reads_like_prose(lines: Sequence[str]) -> float:
    """How surely a sample of lines is written language with code, lists or tables between: 0.0, or a little above 0.5.

    Language has one of its few function words every 20 to 60 characters, few digits and symbols, and lines that begin
    with a word; logs, code and listings lack at least one of the three.
    """
    sampled = lines[:: max(1, len(lines) // _SAMPLED)][:_SAMPLED]
    width = max(_SAMPLED_WIDTH, _SAMPLED_CHARS // max(len(sampled), 1))
    taken = [line[:width] for line in sampled if len(line) > 2]
    if not taken or _DATA.match(taken[0]):
        return 0.0
    text = " \n".join(taken)
    size = len(text)
    data = text.encode("utf-8", "replace")
    symbolic = len(data.translate(None, _NO_SYMBOL)) * 1000 > _MAX_SYMBOLS * len(data)
    if symbolic and text.isascii():
        return 0.0
    lower = text.lower()
    words = sum(map(_FUNCTION_WORDS.__contains__, lower.split()))
    named = _MAYBE_WORDY * size <= words * 1000 < _MIN_WORDY * size and sum(map(is_header, taken)) >= _MIN_HEADERS
    if words * 1000 < _MIN_WORDY * size and not named:
        return _LIKELY if not text.isascii() and len(_CJK.findall(text)) * 2 >= size else 0.0
    if symbolic:
        return 0.0
    plain = [line for line in taken if _WRITTEN.match(line)]
    written = sum(map(len, plain))
    if written < _MIN_WRITTEN * size or (len(plain) < len(taken) and _looks_like_code(taken, set(plain))):
        return 0.0
    return _LIKELY if words * 1000 >= _WORDY * size and written * 2 >= size else _MAYBE
