"""Lines that a tool printed with their numbers (`cat -n`, `nl`, Read and view tools), and how they are addressed.

Where the lines of a text carry running numbers, markers and retrieval speak of those numbers, because they are what the
reader sees; anywhere else of the position in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PREFIX = re.compile(r"( *)(\d{1,7})(\t|→|: ?|\| ?| \| | │ )")
_MIN_RUN = 4


@dataclass(frozen=True, slots=True)
class Run:
    """Lines `start` to `end` (0-based, end exclusive) numbered from `number`, right-justified to `width`, then `separator`."""

    start: int
    end: int
    number: int
    width: int
    separator: str

    def prefix(self, line: int) -> str:
        """What stands before the text of a line (0-based position in the whole text)."""
        return str(self.number + line - self.start).rjust(self.width) + self.separator


def prefixes(line: str) -> list[Run]:
    """The ways to read a line's beginning as a number: ": " may be a separator or a separator and a space of the text."""
    found = _PREFIX.match(line)
    if not found:
        return []
    width, number, separator = len(found[1]) + len(found[2]), int(found[2]), found[3]
    options = [separator, separator[0]] if len(separator) == 2 and separator[0] in ":|" else [separator]
    return [Run(0, 1, number, width, option) for option in options]


def numbered_runs(lines: list[str]) -> list[Run]:
    """All runs of at least four lines with consecutive numbers in one format, in order."""
    runs: list[Run] = []
    i = 0
    while i < len(lines):
        longest = max((_extend(lines, i, p) for p in prefixes(lines[i])), key=lambda run: run.end, default=None)
        if longest is None:
            i += 1
            continue
        if longest.end - longest.start >= _MIN_RUN:
            runs.append(longest)
        i = longest.end
    return runs


def _extend(lines: list[str], start: int, first: Run) -> Run:
    number, width, separator = first.number - start, first.width, first.separator
    end = start + 1
    while end < len(lines) and lines[end].startswith(str(number + end).rjust(width) + separator):
        end += 1
    return Run(start, end, first.number, width, separator)


def dominant_run(lines: list[str], runs: list[Run] | None = None) -> Run | None:
    """The one run that holds at least four fifths of the lines that say something, if there is one."""
    runs = numbered_runs(lines) if runs is None else runs
    if not runs:
        return None
    longest = max(runs, key=lambda run: run.end - run.start)
    return longest if (longest.end - longest.start) * 5 >= sum(1 for line in lines if line.strip()) * 4 else None


def address_offset(lines: list[str]) -> int:
    """What to add to a 1-based position to get the number the reader sees (0 where lines carry no running numbers)."""
    if not any(_PREFIX.match(line) for line in lines[:8]):
        return 0
    run = dominant_run(lines)
    return run.number - (run.start + 1) if run else 0
