"""Search inside one original: the lines that answer a few words best, with the lines around them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

from headroom.text.query import parse_query

_CONTEXT = 2
_WORD = re.compile(r"\w+")
_MAX_WORDS = 32


def matches(lines: Sequence[str], query: str) -> list[int]:
    """The lines (0-based) that hold words of the query, best first, ties in order.

    Two readings are added up: full text search (words and their forms, bm25) and the question's identifiers, quoted
    strings and pairs of letters of scripts without spaces, which full text search takes apart or doesn't see.
    """
    kept = list(lines)
    scores = parse_query(query).scores("\n".join(kept), kept)
    for line, score in _full_text(kept, query).items():
        scores[line] = scores.get(line, 0.0) + score
    if not scores and query.strip():
        plain = query.strip().lower()
        scores = {i: 1.0 for i, line in enumerate(kept) if plain in line.lower()}
    return sorted(scores, key=lambda i: (-round(scores[i], 6), i))


def _full_text(lines: list[str], query: str) -> dict[int, float]:
    words = list(dict.fromkeys(word.lower() for word in _WORD.findall(query)))[:_MAX_WORDS]
    if not words:
        return {}
    db = sqlite3.connect(":memory:")
    try:
        db.execute("CREATE VIRTUAL TABLE line USING fts5(text, content='', tokenize='porter unicode61')")
        rows = ((i + 1, line.encode("utf-8", "replace").decode()) for i, line in enumerate(lines) if line)
        db.executemany("INSERT INTO line(rowid, text) VALUES (?, ?)", rows)
        wanted = " OR ".join(f'"{word}"' for word in words).encode("utf-8", "replace").decode()
        found = db.execute("SELECT rowid, -rank FROM line WHERE line MATCH ?", (wanted,)).fetchall()
        return {number - 1: score for number, score in found}
    except sqlite3.Error:  # a Python whose SQLite was built without FTS5
        return {}
    finally:
        db.close()


def excerpt(count: int, ranked: Sequence[int], limit: int) -> tuple[list[int], int]:
    """The lines to show, in order, of `count` lines: the best matches with two lines around each, at most `limit`.

    The second number says how many of the ranked matches are among them.
    """
    shown: set[int] = set()
    for line in ranked:
        around = set(range(max(0, line - _CONTEXT), min(count, line + _CONTEXT + 1))) - shown
        if len(shown) + len(around) > limit:
            around = {line} - shown
            if len(shown) + len(around) > limit:
                break
        shown |= around
    return sorted(shown), sum(1 for line in ranked if line in shown)
