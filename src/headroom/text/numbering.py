"""Lines that a tool printed with their numbers (`cat -n`, `nl`, Read and view tools), and how they are addressed.

Where the lines of a text carry running numbers, markers and retrieval speak of those numbers, because they are what the
reader sees; anywhere else of the position in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_PREFIX = re.compile(r"( *)(\d{1,7})(\t|→|: ?|\| ?| \| | │ )")
_NUMBER_FIRST = re.compile(r"\n *\d")
_MIN_RUN = 4


@dataclass(frozen=True, slots=True)
class Run:
    """Lines `start` to `end` (0-based, end exclusive) numbered from `number`, right-justified to `width`.

    What stands between number and text is the `separator`.
    """

    start: int
    end: int
    number: int
    width: int
    separator: str

    def prefix(self, line: int) -> str:
        """What stands before the text of a line (0-based position in the whole text)."""
        return str(self.number + line - self.start).rjust(self.width) + self.separator

    def indent(self, line: int) -> int:
        """The length of that prefix."""
        return max(self.width, len(str(self.number + line - self.start))) + len(self.separator)

    def bare(self, lines: Sequence[str]) -> list[str]:
        """The run's lines, out of all lines of the text, without what stands before their text."""
        out: list[str] = []
        at = self.start
        while at < self.end:  # prefixes are of one length as long as the numbers have as many digits
            size = self.indent(at)
            wider = 10 ** (size - len(self.separator))
            end = min(self.end, self.start + wider - self.number)
            out += [line[size:] for line in lines[at:end]]
            at = end
        return out


def prefixes(line: str) -> list[Run]:
    """The ways to read a line's beginning as a number: ": " may be a separator, or one and a space of the text."""
    found = _PREFIX.match(line)
    return _readings(found) if found else []


def _readings(found: re.Match[str]) -> list[Run]:
    width, number, separator = len(found[1]) + len(found[2]), int(found[2]), found[3]
    options = [separator, separator[0]] if len(separator) == 2 and separator[0] in ":|" else [separator]
    return [Run(0, 1, number, width, option) for option in options]


@lru_cache(maxsize=8)
def runs_of(text: str) -> tuple[Run, ...]:
    """The runs of a text's lines; remembered, because each of those that handle a text asks."""
    some = _PREFIX.match(text) or _NUMBER_FIRST.search(text)
    return tuple(numbered_runs(text.split("\n"))) if some else ()


def numbered_runs(lines: Sequence[str]) -> list[Run]:
    """All runs of at least four lines with consecutive numbers in one format, in order."""
    runs: list[Run] = []
    end = 0
    for i, found in enumerate(map(_PREFIX.match, lines)):
        if found is None or i < end:
            continue
        longest = max([_extend(lines, i, first) for first in _readings(found)], key=lambda run: run.end)
        end = longest.end
        if end - i >= _MIN_RUN:
            runs.append(longest)
    return runs


def _extend(lines: Sequence[str], start: int, first: Run) -> Run:
    prefix = f"%{first.width}d{first.separator}"
    number, count = first.number + 1, len(lines)
    end = start + 1
    while end < count and lines[end].startswith(prefix % number):
        end += 1
        number += 1
    return Run(start, end, first.number, first.width, first.separator)


def dominant_run(text: str, lines: list[str]) -> Run | None:
    """The one run that holds at least four fifths of the lines that say something, if there is one."""
    runs = runs_of(text)
    if not runs:
        return None
    longest = max(runs, key=lambda run: run.end - run.start)
    return longest if (longest.end - longest.start) * 5 >= sum(map(bool, map(str.strip, lines))) * 4 else None


def address_offset(text: str, lines: list[str]) -> int:
    """What to add to a 1-based position to get the number the reader sees (0 where lines carry no running numbers)."""
    if not any(map(_PREFIX.match, lines[:8])):
        return 0
    run = dominant_run(text, lines)
    return run.number - (run.start + 1) if run else 0
