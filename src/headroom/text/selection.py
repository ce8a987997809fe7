"""Segments → scores → selection → text: the idea that all lossy compressors share.

A compressor's parser cuts the lines into segments and says of each how much it is worth, whether the floor protects it,
and what it is a case of. `select` keeps the floor and fills what is left of a budget by rank; `render` writes the kept
lines verbatim and one marker for each gap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import compress

from headroom.marker import omitted
from headroom.model import Omission


@dataclass(slots=True)
class Segment:
    """Lines `start` to `end` (0-based, end exclusive). `keep`: under the floor; `kind`: for the loss report."""

    start: int
    end: int
    score: float = 0.0
    keep: bool = False
    kind: str = ""


def select(scores: Sequence[float], floor: Container[int], costs: Sequence[int], budget: int) -> list[bool]:
    """Which of the parts stay: the floor always, others by falling score while the sum of `costs` is within `budget`.

    What scores nothing goes. Ties go to the earlier part.
    """
    chosen = [i in floor for i in range(len(scores))]
    left = budget - sum(compress(costs, chosen))
    for i in sorted(range(len(scores)), key=scores.__getitem__, reverse=True):
        if scores[i] <= 0:
            break
        if not chosen[i] and costs[i] <= left:
            chosen[i] = True
            left -= costs[i]
    return chosen


def render(
    lines: Sequence[str], segments: Sequence[Segment], chosen: Sequence[bool], min_gap: int = 2
) -> tuple[list[str], tuple[Omission, ...]]:
    """The output lines and the loss report. Segments must be in order and cover all lines.

    A gap shorter than `min_gap` lines stays as it is: its marker would cost more. Each gap's marker names the kinds of
    what it hides, most frequent first.
    """
    out: list[str] = []
    lost: dict[str, list[tuple[int, int]]] = {}
    i = 0
    while i < len(segments):
        if chosen[i]:
            out.extend(lines[segments[i].start : segments[i].end])
            i += 1
            continue
        j = i
        while j < len(segments) and not chosen[j]:
            j += 1
        first, last = segments[i].start, segments[j - 1].end
        if last - first < min_gap:
            out.extend(lines[first:last])
        else:
            kinds: Counter[str] = Counter()
            for s in segments[i:j]:
                kinds[s.kind] += s.end - s.start
                ranges = lost.setdefault(s.kind, [])
                if ranges and ranges[-1][1] == s.start:
                    ranges[-1] = (ranges[-1][0], s.end)
                else:
                    ranges.append((s.start + 1, s.end))
            out.append(omitted(last - first, "lines", ((first + 1, last),), _describe(kinds)))
        i = j
    return out, tuple(
        Omission(kind or "lines", sum(b - a + 1 for a, b in ranges), "lines", tuple(ranges))
        for kind, ranges in lost.items()
    )


def _describe(kinds: Counter[str], most: int = 3) -> str:
    named = [(kind, n) for kind, n in kinds.most_common() if kind]
    if not named:
        return ""
    if len(named) == 1 and len(kinds) == 1:
        return named[0][0]
    text = ", ".join(f"{n} {kind}" for kind, n in named[:most])
    return text + (f", {sum(n for _, n in named[most:])} others" if len(named) > most else "")
