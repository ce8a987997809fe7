"""Lines that a tool printed with their numbers (`cat -n`, `nl`, Read and view tools), and how they are addressed.

Where the lines of a text carry running numbers, markers and retrieval speak of those numbers, because they are what the
reader sees; anywhere else of the position in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain, count, islice

_NUMBER = r"( *)(\d{1,7})(\t|→|: ?|\| ?| \| | │ )"
_PREFIX, _NEXT_PREFIX = re.compile(_NUMBER), re.compile(r"\n" + _NUMBER)
_MIN_RUN, _BLOCK = 4, 128


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
    if not found:
        return []
    number, width = _number(found)
    return [Run(0, 1, number, width, separator) for separator in _separators(found)]


def _number(found: re.Match[str]) -> tuple[int, int]:
    """A line's number, and how wide it is printed."""
    return int(found[2]), found.end(2) - found.start(1)


def _separators(found: re.Match[str]) -> tuple[str, ...]:
    separator = found[3]
    return (separator, separator[0]) if separator in (": ", "| ") else (separator,)


@lru_cache(maxsize=8)
def runs_of(text: str) -> tuple[Run, ...]:
    """The runs of a text's lines; remembered, because each of those that handle a text asks."""
    return tuple(numbered_runs(text))


def numbered_runs(text: str) -> list[Run]:
    """All runs of at least four lines with consecutive numbers in one format, in order."""
    runs: list[Run] = []
    found = _PREFIX.match(text) or _NEXT_PREFIX.search(text)
    lines = text.split("\n") if found else []
    at = line = 0  # the line begins at that character
    while found:
        line += text.count("\n", at, found.start(1))
        end = line + 1
        # most lines that begin so are times or counts: the next one does not go on counting
        if end < len(lines) and lines[end].lstrip(" ").startswith(str(int(found[2]) + 1)):
            run = _longest(lines, line, found)
            end = run.end
            if end - line >= _MIN_RUN:
                runs.append(run)
            if end == len(lines):
                break
        at = found.start(1) + sum(map(len, lines[line:end])) + end - line
        line = end
        found = _NEXT_PREFIX.search(text, at - 1)
    return runs


def _longest(lines: Sequence[str], start: int, found: re.Match[str]) -> Run:
    """The longest run that can be read from a line's number on."""
    number, width = _number(found)
    ends = {separator: _end(lines, start, number, f"%{width}d{separator}") for separator in _separators(found)}
    separator = max(ends, key=ends.__getitem__)
    return Run(start, ends[separator], number, width, separator)


def _end(lines: Sequence[str], start: int, number: int, prefix: str) -> int:
    """The line after those that go on counting."""
    following = map(lines.__getitem__, range(start + 1, len(lines)))
    counted = map(str.startswith, following, _prefixes(prefix, number + 1))
    return next((line for line, fits in enumerate(counted, start + 1) if not fits), len(lines))


def _prefixes(prefix: str, number: int) -> Iterator[str]:
    """What stands before the lines from a number on."""
    block, skipped = divmod(number, _BLOCK)
    return islice(chain.from_iterable(map(partial(_block, prefix), count(block))), skipped, None)


@lru_cache(maxsize=64)  # files are read from their first line on, in few formats
def _block(prefix: str, block: int) -> tuple[str, ...]:
    return tuple(map(prefix.__mod__, range(block * _BLOCK, (block + 1) * _BLOCK)))


def dominant_run(text: str, lines: list[str]) -> Run | None:
    """The one run that holds at least four fifths of the lines that say something, if there is one."""
    runs = runs_of(text)
    if not runs:
        return None
    longest = max(runs, key=lambda run: run.end - run.start)
    size = (longest.end - longest.start) * 5
    return longest if size >= len(lines) * 4 or size >= sum(map(bool, map(str.strip, lines))) * 4 else None


def address_offset(text: str, lines: list[str]) -> int:
    """What to add to a 1-based position to get the number the reader sees (0 where lines carry no running numbers)."""
    if not any(map(_PREFIX.match, lines[:8])):
        return 0
    run = dominant_run(text, lines)
    return run.number - (run.start + 1) if run else 0
