"""Kinds of lines: which lines of a text say the same thing with other values.

Three steps, each on fewer strings than the one before. Every number and id in a line becomes a slot, which gives the
line's *shape*; equal shapes are one. Shapes with the same punctuation are then compared word by word: a place
where few different words stand tells kinds apart ("session opened" and "session closed"), a place with many is a
value. In doubt two shapes stay two kinds: showing a kind too many costs a line, merging two hides one.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache

SLOT = re.compile(
    r"""[-0-9A-Fa-f](?:
    (?<=[0-9])(?:
        (?<![A-Za-z0-9].)(?:
            [xX][0-9A-Fa-f]+
            | [0-9A-Fa-f]{7}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])
            | (?:[0-9a-f]{6,}|[0-9A-F]{6,})(?![0-9A-Za-z.]))
        | [0-9]*(?:\.[0-9]+)*)
    | (?<![A-Za-z0-9].)(?:
        (?<=-)[0-9]+(?:\.[0-9]+)*
        | (?<!-)(?=[A-Fa-f]{0,7}[0-9])(?:
            [0-9A-Fa-f]{7}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])
            | (?:(?<=[a-f])[0-9a-f]{6,}|(?<=[A-F])[0-9A-F]{6,})(?![0-9A-Za-z.])))
    )""",
    re.VERBOSE | re.DOTALL,
)
"""A number, or an address or id in hexadecimal. The same places match when other digits stand there.

It begins with a plain set of characters, which lets the scanner skip what cannot begin a slot. No blank or line end is
in a slot, and next to one it is no matter what is behind that.
"""

SLOT_SIGN = "0"
LONGEST = 2_000
"""Characters of a line that its shape tells of."""

AT_ONCE = 4_096
"""Lines that are taken apart at a time: their many small pieces need more room than the lines."""

_DIGITS = str.maketrans("123456789", "000000000")
_WORDS = re.compile(r"([^\s=,;()\[\]{}\"'|<>&:][^\s=,;()\[\]{}\"'|<>&]*)")
_VALUE_CHARS = re.compile(r"[0/@\\~%*?&]|[^.]\.[^.]+\.")
_ERROR_NAME = re.compile(r"(?:Exception|Error|Failure|Fault|Throwable)\b")
_MAX_WORDS = 80
_WORD_VARIANTS, _VALUE_VARIANTS, _ALIKE = 8, 2, 12


def shape_of(line: str) -> str:
    """The line with a "0" in the place of each number and id."""
    return SLOT.sub(SLOT_SIGN, line[:LONGEST])


def shapes(text: str) -> dict[str, list[list[int]]]:
    """Shape → its lines (split at "\n") as groups of indices, in order of first appearance.

    In the lines of one group every digit stands at the same place, so that slots can be cut out by position.
    """
    layouts: dict[str, list[int]] = {}
    for i, line in enumerate(text.translate(_DIGITS).split("\n")):
        if line in layouts:
            layouts[line].append(i)
        else:
            layouts[line] = [i]
    found: dict[str, list[list[int]]] = {}
    for shape, indices in zip(_shapes_of([*layouts]), layouts.values(), strict=True):
        if shape in found:
            found[shape].append(indices)
        else:
            found[shape] = [indices]
    return found


def _shapes_of(lines: Sequence[str]) -> Iterator[str]:
    """The shape of each line. What stands between two blanks is looked at once, however often it comes."""
    for at in range(0, len(lines), AT_ONCE):
        words = "\n".join([line[:LONGEST] for line in lines[at : at + AT_ONCE]]).split(" ")
        different = list(dict.fromkeys(words))
        masks = SLOT.sub(SLOT_SIGN, " ".join(different)).split(" ")
        yield from " ".join(map(dict(zip(different, masks, strict=True)).__getitem__, words)).split("\n")


def parts(line: str) -> list[str]:
    """What separates the words and the words in turn, beginning and ending with a separator (or "")."""
    return _WORDS.split(line)


def words(line: str) -> list[str]:
    """What stands between blanks and brackets; paths, hosts and dotted names are one word."""
    return _WORDS.split(line)[1::2]


def word_spans(line: str, start: int = 0) -> list[tuple[int, int]]:
    """Where the words of a line stand, from `start` on."""
    return [found.span() for found in _WORDS.finditer(line, start)]


def kinds(messages: Sequence[tuple[Hashable, str]]) -> list[list[int]]:
    """Groups of indices into `messages`, each a pair of what must be equal and the shape of the message."""
    buckets: dict[tuple[Hashable, tuple[str, ...]], list[int]] = {}
    rows: list[tuple[str, ...]] = []
    for i, (key, shape) in enumerate(messages):
        pieces = parts(shape)
        rows.append(tuple(pieces[1 : 2 * _MAX_WORDS : 2]))
        buckets.setdefault((key, tuple(pieces[::2])), []).append(i)
    groups = [group for bucket in buckets.values() for group in _split(bucket, rows)]
    return sorted(_join_lists([messages[g[0]][0] for g in groups], groups, rows))


def _split(bucket: list[int], rows: Sequence[tuple[str, ...]]) -> list[list[int]]:
    """Splits shapes of one punctuation at the place with the fewest different words, until only values differ."""
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
    """The place whose words tell kinds apart, None when all that differs are values.

    Few different words tell. Many do only where hardly any word is common to all: lines that share nothing but their
    punctuation are no kind.
    """
    best: tuple[int, int] | None = None
    common = differing = 0
    for place, column in enumerate(zip(*group, strict=True)):
        different = set(column)
        count = len(different)
        if count == 1:
            common += not _is_value(column[0])
            continue
        values = sum(1 for word in different if _is_value(word))
        plain = count - values
        if plain > 1 or (plain and count <= _VALUE_VARIANTS):
            differing += 1
            if best is None or count < best[0]:
                best = (count, place)
    if best is None or (best[0] > _WORD_VARIANTS and common >= differing):
        return None
    return best[1]


@lru_cache(maxsize=1 << 14)
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
