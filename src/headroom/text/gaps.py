"""Runs of left-out lines: which are worth a marker, and the text with their markers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Gap = tuple[int, int]  # lines that are left out (0-based, end exclusive)
MIN_GAP = 70  # characters that a marker costs


def gaps_between(lines: Sequence[str], chosen: Sequence[bool]) -> list[Gap]:
    """The runs of lines that are not `chosen` and longer than a marker."""
    gaps: list[Gap] = []
    start = size = 0
    for i, kept in enumerate((*chosen, True)):
        if not kept:
            size += len(lines[i]) + 1
            continue
        if size > MIN_GAP:
            gaps.append((start, i))
        start, size = i + 1, 0
    return gaps


def with_markers(lines: Sequence[str], gaps: Sequence[Gap], marked: Callable[[Gap, int], str]) -> list[str]:
    """The lines with one line for each gap: what `marked` says of the gap and its position among them."""
    out: list[str] = []
    at = 0
    for i, gap in enumerate(gaps):
        out += lines[at : gap[0]]
        out.append(marked(gap, i))
        at = gap[1]
    return [*out, *lines[at:]]
