"""Kinds of lines: which lines of a text say the same thing with other values.

Three steps, each on fewer strings than the one before. Every number and id in a line becomes a slot, which gives the
line's *shape*; equal shapes are one. Shapes with the same punctuation are then compared word by word: a place
where few different words stand tells kinds apart ("session opened" and "session closed"), a place with many is a
value. In doubt two shapes stay two kinds: showing a kind too many costs a line, merging two hides one.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

SLOT = re.compile(
    r"(?<![A-Za-z0-9])(?=[0-9A-Fa-fx]{0,8}[0-9])(?:"
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])"
    r"|0[xX][0-9a-fA-F]+"
    r"|(?:[0-9a-f]{7,}|[0-9A-F]{7,})(?![0-9A-Za-z.]))"
    r"|(?:(?<![A-Za-z0-9])-)?[0-9]+(?:\.[0-9]+)*"
)
"""A number, an address or an id in hexadecimal. The same places match when other digits stand there."""

SLOT_SIGN = "0"
_DIGITS = str.maketrans("123456789", "000000000")
_WORD = re.compile(r"[^\s=,;()\[\]{}\"'|<>&]+")
_VALUE_CHARS = re.compile(r"[0/@\\~%*?&]|[^.]\.[^.]+\.")
_ERROR_NAME = re.compile(r"(?:Exception|Error|Failure|Fault|Throwable)\b")
_MAX_SHAPE, _MAX_WORDS = 2_000, 80
_WORD_VARIANTS, _VALUE_VARIANTS, _ALIKE = 8, 2, 12


def shape_of(line: str) -> str:
    """The line with a "0" in the place of each number and id."""
    return SLOT.sub(SLOT_SIGN, line[:_MAX_SHAPE])


def shapes(text: str) -> dict[str, list[int]]:
    """Shape → indices of its lines (split at "\\n"), in order of first appearance."""
    rough: dict[str, list[int]] = {}
    for i, line in enumerate(text.translate(_DIGITS).split("\n")):
        if line in rough:
            rough[line].append(i)
        else:
            rough[line] = [i]
    found: dict[str, list[int]] = {}
    for line, indices in rough.items():
        shape = shape_of(line)
        if shape in found:
            found[shape] += indices
        else:
            found[shape] = indices
    for indices in found.values():
        indices.sort()
    return found


def words(shape: str) -> list[str]:
    """What stands between blanks and brackets; paths, hosts and dotted names are one word."""
    return _WORD.findall(shape)


def kinds(messages: Sequence[tuple[Hashable, str]]) -> list[list[int]]:
    """Groups of indices into `messages`, each a pair of what must be equal and the shape of the message."""
    buckets: dict[tuple[Hashable, str], list[int]] = {}
    rows: list[tuple[str, ...]] = []
    for i, (key, shape) in enumerate(messages):
        rows.append(tuple(_WORD.findall(shape)[:_MAX_WORDS]))
        buckets.setdefault((key, _WORD.sub("w", shape)), []).append(i)
    groups = [group for bucket in buckets.values() for group in _split(bucket, rows)]
    return sorted(_join_lists([messages[g[0]][0] for g in groups], groups, rows))


def _split(bucket: list[int], rows: Sequence[tuple[str, ...]]) -> list[list[int]]:
    """Splits shapes with the same punctuation at the place with the fewest different words, until only values differ."""
    done: list[list[int]] = []
    todo = [bucket]
    while todo:
        group = todo.pop()
        place = _telling_place([rows[i] for i in group]) if len(group) > 1 else None
        if place is None:
            done.append(sorted(group))
            continue
        parts: dict[str, list[int]] = {}
        for i in group:
            parts.setdefault(rows[i][place], []).append(i)
        todo.extend(parts.values())
    return done


def _telling_place(group: list[tuple[str, ...]]) -> int | None:
    """The place whose words tell kinds apart, None when all that differs are values."""
    best: tuple[int, int] | None = None
    for place, column in enumerate(zip(*group, strict=True)):
        different = set(column)
        count = len(different)
        if 1 < count <= _WORD_VARIANTS and (best is None or count < best[0]):
            values = sum(1 for word in different if _is_value(word))
            if count - values > 1 or (values and count <= _VALUE_VARIANTS and count > values):
                best = (count, place)
    return best[1] if best else None


def _is_value(word: str) -> bool:
    return _VALUE_CHARS.search(word) is not None and _ERROR_NAME.search(word) is None


def _join_lists(keys: list[Hashable], groups: list[list[int]], rows: Sequence[tuple[str, ...]]) -> list[list[int]]:
    """Joins many groups that begin alike: free text or a list of varying length after the same opening words."""
    begin: dict[tuple[Hashable, tuple[str, ...]], list[int]] = {}
    for n, group in enumerate(groups):
        begin.setdefault((keys[n], rows[group[0]][:3]), []).append(n)
    out: list[list[int]] = []
    for (_, opening), members in begin.items():
        if len(members) >= _ALIKE and len(opening) == 3 and not all(_is_value(word) for word in opening):
            out.append(sorted(i for n in members for i in groups[n]))
        else:
            out.extend(groups[n] for n in members)
    return out
