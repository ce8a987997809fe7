"""Progress that was drawn line under line: many states of one line, of which the last tells all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_PERCENT = re.compile(r"(\d{1,3})(?:\.\d+)? ?%")
_MOVING = re.compile(
    r"\d+(?:\.\d+)? ?%|\(?\d[\d.,]*/\d[\d.,]*\)?|-?\d+:\d\d(?::\d\d)?|--?:--(?::--)?"
    r"|\d[\d.,]* ?(?:[kKMGT]i?)?(?:B|bytes|bit)(?:/s|ps)?\b|\d[\d.,]* ?(?:it/s|s/it|ms|s)\b|\?it/s"
    r"|[\s█▉▊▋▌▍▎▏░▒▓━╸╺─=#>.|\[\]-]+"
)
_UNMOVED = str.maketrans("", "", "0123456789 .,:%()/[]|-")
FEWEST_STATES = 4
_LONGEST = 400


def progress_runs(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Runs of states of one line whose percentage never falls: 0-based, end exclusive, without the last state."""
    start, done, last = -1, -1, ""
    for i, line in enumerate((*lines, "")):
        percent = -1
        if "%" in line and len(line) <= _LONGEST and (found := _PERCENT.search(line)):
            # "[ 12%] Building x": how far all is, before what this line alone says
            percent = -1 if line[: found.start()].rstrip().endswith("[") else int(found[1])
        if start >= 0 and (percent < done or not _same(last, line)):
            if i - start >= FEWEST_STATES:
                yield start, i - 1
            start = -1
        if start < 0 and percent >= 0:
            start = i
        done, last = percent, line


def _same(one: str, other: str) -> bool:
    """Whether two states of progress are of one line; most lines that are not differ in what never moves."""
    a, b = one.translate(_UNMOVED), other.translate(_UNMOVED)
    if a != b and not ("B" in a and "B" in b) and a.isascii():
        return False
    return _MOVING.sub("", one) == _MOVING.sub("", other)


def shows_progress(lines: Sequence[str]) -> bool:
    """Whether some of the lines are states of one progress line."""
    return sum(1 for line in lines if "%" in line) >= FEWEST_STATES and next(progress_runs(lines), None) is not None
