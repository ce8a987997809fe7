"""Lines and blocks of lines that stand in a text more than once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

_Item = TypeVar("_Item", bound=Hashable)

_SEED = 3
_LONGEST_PERIOD = 64
_SIGNS = ("⟪⟫", "⟦⟧", "«»", "‹›")
_HEADER = re.compile(r"\[repeats folded: (.)×N(.) after a line[^\n]*\]\n")


@dataclass(frozen=True, slots=True)
class Repeat:
    """Lines `start` to `end` (0-based, end exclusive) equal the ones from `source` on (again and again if adjacent)."""

    start: int
    end: int
    source: int


def repeated_blocks(lines: Sequence[str], usable: Sequence[bool], least: int = 80) -> Iterator[Repeat]:
    """Runs of at least three usable lines (and `least` characters) that an earlier run of shown lines equals.

    Sources are never repeats themselves, so that the reader finds them whole. Linear: each line is looked up once.
    """
    seeds = list(zip(lines, lines[1:], lines[2:], strict=False))
    again = _more_than_once(seeds)
    first: dict[tuple[str, ...], int] = {}
    shown = list(usable)
    at, count = 0, len(lines)
    for i in [i for i, seed in enumerate(seeds) if seed in again] if again else ():
        if i < at or not (usable[i] and usable[i + 1] and usable[i + 2]):
            continue
        source = first.setdefault(seeds[i], i)
        if source == i or not (shown[source] and shown[source + 1] and shown[source + 2]):
            first[seeds[i]] = i
            continue
        end, most = i, min(count, i + i - source)
        while end < most and usable[end] and shown[source + end - i] and lines[end] == lines[source + end - i]:
            end += 1
        if end - i < _SEED or sum(map(len, lines[i:end])) < least:
            at = end - _SEED + 1
            continue
        shown[i:end] = [False] * (end - i)
        yield Repeat(i, end, source)
        at = end


def adjacent_repeats(lines: Sequence[str]) -> Iterator[Repeat]:
    """A line, or a block of up to 64 lines, that follows itself at once; its first copy is the source."""
    again = _more_than_once(lines)
    last: dict[str, int] = {}
    at, count = 0, len(lines)
    for i in [i for i, line in enumerate(lines) if line in again] if again else ():
        if i < at:
            continue
        source = last.get(lines[i], -1)
        last[lines[i]] = i
        period = i - source
        if source < 0 or period > _LONGEST_PERIOD or (period > 1 and lines[source:i] != lines[i : i + period]):
            continue
        end = i + period
        while end < count and lines[end] == lines[end - period]:
            end += 1
        end -= (end - i) % period
        yield Repeat(i, end, source)
        last.clear()
        at = end


def _more_than_once(items: Sequence[_Item]) -> set[_Item]:
    """Those of the items that stand there twice: nothing else can begin a repeat."""
    return {item for item, count in Counter(items).items() if count > 1}


def fold_repeats(text: str) -> str | None:
    """A text with its repeats written as references, losslessly; None when that is no shorter.

    "⟪×N⟫" after a line: it stands N times in a row; "⟪M lines ×N⟫": so do the M lines above; "⟪M lines from A⟫": here
    stand again the M lines that begin at line A.
    """
    signs = next((pair for pair in _SIGNS if pair[0] not in text), None)
    if signs is None:
        return None
    lines = text.split("\n")
    adjacent = {run.start: run for run in adjacent_repeats(lines)}
    usable = [True] * len(lines)
    for run in adjacent.values():
        usable[run.source : run.end] = [False] * (run.end - run.source)
    blocks = {block.start: block for block in repeated_blocks(lines, usable)}
    if not adjacent and not blocks:
        return None
    opening, closing = signs[0], signs[1]
    out = [
        f"[repeats folded: {opening}×N{closing} after a line: that line N times in a row; "
        f"{opening}M lines ×N{closing}: the M lines above N times; "
        f"{opening}M lines from A{closing}: the M lines that begin at line A of the text again]"
    ]
    at = 0
    for start in sorted({*adjacent, *blocks}):
        out += lines[at:start]
        again, block = adjacent.get(start), blocks.get(start)
        if again is not None:
            size = again.start - again.source
            times = (again.end - again.start) // size + 1
            if size == 1:
                out[-1] += f"{opening}×{times}{closing}"
            else:
                out.append(f"{opening}{size} lines ×{times}{closing}")
            at = again.end
        elif block is not None:
            out.append(f"{opening}{block.end - block.start} lines from {block.source + 1}{closing}")
            at = block.end
    out += lines[at:]
    folded = "\n".join(out)
    return folded if len(folded) < len(text) else None


def unfold_repeats(text: str) -> str:
    """The inverse of `fold_repeats`; a text without its header is returned as it is."""
    header = _HEADER.match(text)
    if header is None:
        return text
    opening, closing = map(re.escape, header.groups())
    line_times = re.compile(rf"{opening}×(\d+){closing}$")
    block_times = re.compile(rf"{opening}(\d+) lines ×(\d+){closing}$")
    again = re.compile(rf"{opening}(\d+) lines from (\d+){closing}$")
    out: list[str] = []
    for line in text[header.end() :].split("\n"):
        if (found := block_times.match(line)) is not None:
            out.extend(out[-int(found.group(1)) :] * (int(found.group(2)) - 1))
        elif (found := again.match(line)) is not None:
            start = int(found.group(2)) - 1
            out.extend(out[start : start + int(found.group(1))])
        elif (found := line_times.search(line)) is not None:
            out.extend([line[: found.start()]] * int(found.group(1)))
        else:
            out.append(line)
    return "\n".join(out)
