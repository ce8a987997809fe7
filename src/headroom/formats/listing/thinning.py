"""Which lines of a long listing stand for the others: of each directory's names of one ending, the first ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from headroom.text.selection import Segment

_DRAWN = re.compile(r"[│|├└─`\-\s\xa0]*(?=\S)")
_NUMBER = re.compile(r"(?<![\w.:-])\d{1,15}(?![\w.:-])")
_SHOWN, _RARE = 2, 0.05
_Kind = tuple[str, int, str]


def thinned(lines: Sequence[str], asked: Collection[int]) -> list[Segment]:
    """One segment a line; names beyond the first ones of their directory and ending may go.

    Headings, directories that stand above their entries, names of rare endings, the largest number, both ends and what
    was asked for stay.
    """
    kinds = _kinds(lines)
    sizes = Counter(kinds)
    directories = Counter(kind[:2] for kind in kinds if kind)
    floor = {0, len(lines) - 1, _largest(lines), *asked}
    seen: Counter[_Kind] = Counter()
    segments: list[Segment] = []
    for i, kind in enumerate(kinds):
        if kind is None:
            segments.append(Segment(i, i + 1, keep=True))
            continue
        seen[kind] += 1
        directory, depth, ending = kind
        rare = sizes[kind] <= max(_SHOWN, _RARE * directories[kind[:2]])
        below = kinds[i + 1] if i + 1 < len(kinds) else None
        keep = rare or seen[kind] <= _SHOWN or i in floor or (below is not None and below[1] > depth)
        said = f"{ending or 'other'} names{f' in {directory}' if directory else ''}"
        segments.append(Segment(i, i + 1, keep=keep, kind=said))
    return segments


def _kinds(lines: Sequence[str]) -> list[_Kind | None]:
    """Directory (or heading), depth and ending of the name at the end of each line; None for a heading or a blank."""
    out: list[_Kind | None] = []
    heading = ""
    for line in lines:
        if not line.strip() or line.endswith(":"):
            heading = line[:-1] or heading
            out.append(None)
            continue
        directory, _, name = line.split()[-1].rpartition("/")
        at = name.find(".", 1)
        out.append((directory or heading, _depth(line), name[at:] if at > 0 else ""))
    return out


def _depth(line: str) -> int:
    match = _DRAWN.match(line)
    return match.end() if match else 0


def _largest(lines: Sequence[str]) -> int:
    """The line with the largest number that stands by itself, -1 where there is none."""
    most, at = 0, -1
    for i, line in enumerate(lines):
        top = max(map(int, _NUMBER.findall(line)), default=0)
        if top > most:
            most, at = top, i
    return at
