"""Lines as everything else counts them: split at "\\n" only, 1-based in markers, 0-based in code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate

from headroom.interfaces import Sample
from headroom.text.terminal import without_styles

_HEAD, _MIDDLE, _TAIL, _WIDTH = 60, 30, 30, 400


def split_lines(text: str) -> list[str]:
    """The lines of a text without their "\\n"; `"\\n".join` gives the text back. A final newline leaves a last ""."""
    return text.split("\n")


def line_starts(lines: list[str]) -> list[int]:
    """The character offset at which each line starts, for `bisect`."""
    return [0, *accumulate(len(line) + 1 for line in lines[:-1])]


def sample(text: str) -> Sample:
    """What sniffs look at; costs one newline count and three short slices, whatever the size of the text."""
    count = text.count("\n") + 1
    if count <= _HEAD + _MIDDLE + _TAIL:
        return Sample(text, _cut(text.split("\n")), count)
    head = _parted(str.split, text, text[: _HEAD * _WIDTH], _HEAD)[:-1]
    tail = _parted(str.rsplit, text, text[-_TAIL * _WIDTH :], _TAIL)[1:]
    middle = text.find("\n", len(text) // 2) + 1
    mid = text[middle : middle + _MIDDLE * 2 * _WIDTH].split("\n", _MIDDLE)[:_MIDDLE] if middle else []
    return Sample(text, _cut([*head, *mid, *tail]), count)


def _parted(split: Callable[[str, str, int], list[str]], text: str, end: str, count: int) -> list[str]:
    """So many lines off one end of a text and the rest; of a long text whose lines are not, nothing more is copied."""
    parts = split(end, "\n", count)
    return parts if len(parts) > count else split(text, "\n", count)


def unstyled(sample: Sample) -> Sample:
    """The sample with its lines as a terminal shows them, without colours."""
    if "\x1b" not in sample.page:
        return sample
    return replace(sample, lines=tuple(map(without_styles, sample.lines)))


def _cut(lines: list[str]) -> tuple[str, ...]:
    return tuple(lines if max(map(len, lines)) <= _WIDTH else [line[:_WIDTH] for line in lines])
