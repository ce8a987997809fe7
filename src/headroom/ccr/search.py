"""Search inside one original: the lines (or rows) that answer a few words best, with what stands around them."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from headroom.ccr.ranges import Range, spelled
from headroom.marker import omitted
from headroom.text.query import parse_query

_AROUND = 2
_WORD = re.compile(r"[^\W_]+")
_MAX_WORDS = 32
_SHARE = 0.25  # of the best score: less is a text that shares a common word with the query and no more
_LONG, _SEGMENT = 800, 400


class Piece(NamedTuple):
    """An item (0-based position), or 400 characters of a long one from `offset` on."""

    item: int
    offset: int
    text: str
    cut: bool = False

    @property
    def end(self) -> int:
        return self.offset + len(self.text)


def pieces(items: Sequence[str], wanted: Sequence[Range], first: int) -> list[Piece]:
    """The items in the ranges, long ones in segments; `first` is the address of the first item."""
    chosen = sorted({i - first for one in wanted for i in range(one.first, one.last + 1)})
    return [piece for i in chosen for piece in _segments(i, items[i])]


def _segments(item: int, text: str) -> Iterator[Piece]:
    if len(text) <= _LONG:
        yield Piece(item, 0, text)
        return
    for offset in range(0, len(text), _SEGMENT):
        yield Piece(item, offset, text[offset : offset + _SEGMENT], cut=True)


def ranked(texts: list[str], query: str) -> list[int]:
    """The positions of the texts that hold words of the query, best first, ties in order.

    Two readings are added up: full text search (words and their forms, bm25), and the question's identifiers, quoted
    strings and pairs of letters of scripts without spaces, which full text search takes apart or doesn't see.
    """
    # A piece of a text is one line here even where a row holds several.
    flat = [text.replace("\n", " ") if "\n" in text else text for text in texts]
    parsed = parse_query(query)
    scores = parsed.scores("\n".join(flat), flat)
    # Words like "what is the" are no terms; where the query has no others they are what is looked for.
    for position, score in _full_text(flat, " ".join(term for term, _ in parsed.terms) or query):
        scores[position] = scores.get(position, 0.0) + score
    if not scores and query.strip():  # only signs, or a part of a word
        plain = query.strip().lower()
        scores = {i: 1.0 for i, text in enumerate(flat) if plain in text.lower()}
    least = max(scores.values(), default=0.0) * _SHARE
    return sorted((i for i, score in scores.items() if score >= least), key=lambda i: (-round(scores[i], 6), i))


def _full_text(texts: list[str], terms: str) -> list[tuple[int, float]]:
    words = list(dict.fromkeys(_valid(word.lower()) for word in _WORD.findall(terms)))[:_MAX_WORDS]
    if not words:
        return []
    db = sqlite3.connect(":memory:", isolation_level=None)
    try:
        db.execute("CREATE VIRTUAL TABLE piece USING fts5(text, content='', detail=none, tokenize='porter unicode61')")
        db.execute("BEGIN")
        rows = ((i, _valid(text)) for i, text in enumerate(texts) if text)
        db.executemany("INSERT INTO piece(rowid, text) VALUES (?, ?)", rows)
        wanted = " OR ".join(f'"{word}"' for word in words)
        return db.execute("SELECT rowid, -rank FROM piece WHERE piece MATCH ?", (wanted,)).fetchall()
    except sqlite3.Error:  # a Python whose SQLite was built without FTS5: the other reading is left
        return []
    finally:
        db.close()


def _valid(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def excerpt(found: Sequence[Piece], best: Sequence[int], limit: int, characters: int | None) -> list[int]:
    """The pieces to show, in order: the best ones with two neighbours on each side, as many as fit, at least one."""
    shown: set[int] = set()
    room = sys.maxsize if characters is None else characters
    for position in best:
        near = range(max(0, position - _AROUND), min(len(found), position + _AROUND + 1))
        for wanted in (set(near) - shown, {position} - shown):
            cost = sum(len(found[i].text) + 1 for i in wanted)
            if len(shown) + len(wanted) <= limit and cost <= room:
                break
        else:
            if shown:
                break
        shown |= wanted
        room -= cost
    return sorted(shown)


def written(shown: Sequence[Piece], sizes: Sequence[int], unit: str, first: int, numbered: bool) -> str:
    """Pieces with their addresses in front (not where the lines carry them) and a marker with exact counts at each gap.

    `sizes` are the lengths of all items.
    """
    out: list[str] = []
    item, at = 0, 0  # where the reader is: before this character of this item
    for piece in shown:
        out += _gap(sizes, unit, first, (item, at), (piece.item, piece.offset))
        where = f"{piece.item + first}, characters {piece.offset + 1}–{piece.end}: " if piece.cut else ""
        out.append((where or ("" if numbered else f"{piece.item + first}: ")) + piece.text)
        item, at = (piece.item, piece.end) if piece.end < sizes[piece.item] else (piece.item + 1, 0)
    out += _gap(sizes, unit, first, (item, at), (len(sizes), 0))
    return "\n".join(out)


def _gap(sizes: Sequence[int], unit: str, first: int, start: tuple[int, int], end: tuple[int, int]) -> Iterator[str]:
    (item, at), (next_item, next_at) = start, end
    if item == next_item:
        if next_at > at:
            yield omitted(next_at - at, "characters")
        return
    if at:
        yield omitted(sizes[item] - at, "characters")
        item += 1
    if next_item > item:
        yield omitted(next_item - item, unit, ((item + first, next_item - 1 + first),))
    if next_at:
        yield omitted(next_at, "characters")


def addresses(chosen: Sequence[Piece], first: int, most: int | None = None) -> str:
    """Where pieces stand, in the form that ranges are read in; at most the first `most`."""
    ranges: list[Range] = []
    for piece in chosen:
        address = piece.item + first
        if piece.offset:
            ranges.append(Range(address, address, piece.offset))
        elif most is None and ranges and ranges[-1].last == address - 1 and not ranges[-1].offset:
            ranges[-1] = Range(ranges[-1].first, address)
        else:
            ranges.append(Range(address, address))
    return spelled(ranges[:most])
