"""Which lines of a long listing stand for the others: of each directory's names of one ending, the first ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from headroom.text.selection import Segment

_DRAWN = re.compile(r"[│|├└─`\-\s\xa0]*(?=\S)")
_NUMBER = re.compile(r"(?<![\w.:-])\d{1,15}(?![\w.:-])")
_SHOWN = 2


def thinned(lines: Sequence[str], asked: Collection[int]) -> list[Segment]:
    """One segment a line; names beyond the first ones of their directory and ending may go.

    Headings, directories that stand above their entries, the largest number, both ends and what was asked for stay.
    """
    seen: Counter[tuple[str, int, str]] = Counter()
    segments: list[Segment] = []
    heading = ""
    depths = [_depth(line) for line in lines]
    largest = _largest(lines)
    last = len(lines) - 1
    for i, line in enumerate(lines):
        if not line or line.endswith(":"):
            heading = line or heading
            segments.append(Segment(i, i + 1, keep=True))
            continue
        name = line.split()[-1] if line.split() else line
        directory, _, base = name.rpartition("/")
        at = base.find(".", 1)
        ending = base[at:] if at > 0 else ""
        key = (directory or heading, depths[i], ending)
        seen[key] += 1
        opens = i < last and depths[i + 1] > depths[i]
        keep = seen[key] <= _SHOWN or opens or i in asked or i in (0, largest, last)
        kind = f"{ending or 'other'} names{f' in {directory}' if directory else ''}"
        segments.append(Segment(i, i + 1, keep=keep, kind=kind))
    return segments


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
