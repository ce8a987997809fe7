"""Blocks of lines that stand in a text more than once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_SEED = 3


@dataclass(frozen=True, slots=True)
class Repeat:
    """Lines `start` to `end` (0-based, end exclusive) equal the ones from `source` on."""

    start: int
    end: int
    source: int


def repeated_blocks(lines: Sequence[str], usable: Sequence[bool], least: int = 80) -> Iterator[Repeat]:
    """Runs of at least three usable lines (and `least` characters) that an earlier run of shown lines equals.

    Sources are never repeats themselves, so that the reader finds them whole. Linear: each line is looked up once.
    """
    first: dict[tuple[str, str, str], int] = {}
    shown = list(usable)
    i, count = 0, len(lines)
    while i + _SEED <= count:
        if not (usable[i] and usable[i + 1] and usable[i + 2]):
            i += 1
            continue
        source = first.setdefault((lines[i], lines[i + 1], lines[i + 2]), i)
        if source == i or not (shown[source] and shown[source + 1] and shown[source + 2]):
            first[lines[i], lines[i + 1], lines[i + 2]] = i
            i += 1
            continue
        end, most = i, min(count - i, i - source)
        while end - i < most and usable[end] and shown[source + end - i] and lines[end] == lines[source + end - i]:
            end += 1
        if end - i < _SEED or sum(map(len, lines[i:end])) < least:
            i = max(i + 1, end - _SEED + 1)
            continue
        shown[i:end] = [False] * (end - i)
        yield Repeat(i, end, source)
        i = end
