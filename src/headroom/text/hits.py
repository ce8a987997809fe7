"""Search results as hits grouped by file, read from every form that grep, ripgrep and their kin print.

Two layouts: `flat` (each line is `path:12:text`, context `path-12-text`) and `headed` (a path line, then `12:text`
lines, files separated by an empty line; a search of one file has no path line).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# line index in the original, number as written ("" where the tool printed none), separator, text
Hit = tuple[int, str, str, str]

GAP = "--"
HIT_LINE = re.compile(r"(?:([0-9]{1,9}(?:,[0-9]{1,9})*)([:=\-])|():)(.*)", re.DOTALL)
_MATCH_PATH = re.compile(r"((?:[A-Za-z]:[\\/])?[^:\n\x00]+?):([0-9]{1,9}):")
_MATCH_PATHS = re.compile(r"^((?:[A-Za-z]:[\\/])?[^:\n\x00]+?):[0-9]{1,9}:", re.MULTILINE)
_BARE_PATH = re.compile(r"((?:[A-Za-z]:[\\/])?[^\s:\x00]*[./\\][^\s:\x00]*):(?!//)")
_CONTEXT = re.compile(r"([\-=])([0-9]{1,9})\1")
_LONGEST_PATH = 1024


@dataclass(slots=True)
class Group:
    """Consecutive hits of one file at lines `start` to `end` (0-based, end exclusive) of the original.

    A group without hits holds other lines of the tool as they are, in `plain`. `path` is "" under `plain` and in a
    search of one file.
    """

    start: int
    end: int
    path: str = ""
    hits: list[Hit] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Hits:
    """A search result: its groups in source order; `root` is what context lines put before the paths of matches;
    `gaps` says that "--" stands exactly between hits that are not neighbours, so that it need not be written."""

    groups: list[Group]
    headed: bool
    root: str = ""
    gaps: bool = False

    def count(self) -> int:
        """How many lines were read as hits."""
        return sum(len(group.hits) for group in self.groups)


def parse_flat(text: str, lines: list[str]) -> Hits:
    """Reads `path:line:text` lines (also without the line number, and context lines)."""
    parser = _FlatParser(text)
    for index, line in enumerate(lines):
        parser.line(index, line)
    hits = Hits(parser.groups, headed=False, root=parser.root)
    _drop_gaps(hits)
    return hits


def parse_headed(lines: list[str]) -> Hits:
    """Reads paragraphs of `line:text` lines below their path, and the search of one file."""
    groups: list[Group] = []
    start = 0
    for end in [*(i for i, line in enumerate(lines) if not line), len(lines)]:
        groups.append(_headed_group(lines, start, end))
        start = end + 1
    hits = Hits(groups, headed=True)
    _drop_gaps(hits)
    return hits


def _headed_group(lines: list[str], start: int, end: int) -> Group:
    first = start if start < end and HIT_LINE.match(lines[start]) else start + 1
    group = Group(start, end, "" if first == start else lines[start] if start < end else "")
    for index in range(first, end):
        line = lines[index]
        found = HIT_LINE.match(line)
        if found and found[1] and "," not in found[1]:
            group.hits.append((index, found[1], found[2], found[4]))
        elif line == GAP and group.hits:
            group.hits.append((index, "", GAP, ""))
        else:
            return Group(start, end, plain=lines[start:end])
    return group if group.hits else Group(start, end, plain=lines[start:end])


class _FlatParser:
    """Reads lines one by one; most belong to the same file as the line before."""

    def __init__(self, text: str) -> None:
        self.known = set(_MATCH_PATHS.findall(text))
        self.root = ""
        self.context_seen = False
        self.groups: list[Group] = []
        self.prefixes: tuple[tuple[str, str], ...] = ()

    def line(self, index: int, line: str) -> None:
        for prefix, separator in self.prefixes:
            if line.startswith(prefix):
                number, found, rest = line[len(prefix) :].partition(separator)
                if found and number.isdecimal() and number.isascii() and len(number) < 10:
                    self._append(index, (index, number, separator, rest))
                    return
        if line == GAP and self.groups and self.groups[-1].hits:
            self._append(index, (index, "", GAP, ""))
        elif not self._context(index, line) and not self._match(index, line):
            self._plain(index, line)

    def _append(self, index: int, hit: Hit) -> None:
        group = self.groups[-1]
        group.hits.append(hit)
        group.end = index + 1

    def _plain(self, index: int, line: str) -> None:
        if not self.groups or self.groups[-1].hits:
            self.groups.append(Group(index, index))
        self.groups[-1].plain.append(line)
        self.groups[-1].end = index + 1
        self.prefixes = ()

    def _context(self, index: int, line: str) -> bool:
        """A context line of another file: one that has matches too, so that a dash in its path is no riddle."""
        for found in _CONTEXT.finditer(line, 1, _LONGEST_PATH):
            path = self._relative(line[: found.start()])
            if path:
                self.context_seen = True
                self._add(path, (index, found[2], found[1], line[found.end() :]))
                return True
        return False

    def _relative(self, path: str) -> str:
        """The path as matches name it, "" for none; the first context line settles what stands before all of them."""
        if self.root:
            path = path[len(self.root) :] if path.startswith(self.root) else ""
        elif path not in self.known and not self.context_seen:
            at = path.find("/")
            while at >= 0 and path[at + 1 :] not in self.known:
                at = path.find("/", at + 1)
            self.root, path = (path[: at + 1], path[at + 1 :]) if at >= 0 else ("", "")
        return path if path in self.known else ""

    def _match(self, index: int, line: str) -> bool:
        found = _MATCH_PATH.match(line)
        if found:
            self._add(found[1], (index, found[2], ":", line[found.end() :]))
            return True
        bare = _BARE_PATH.match(line)
        if bare:
            self._add(bare[1], (index, "", ":", line[bare.end() :]))
            return True
        return False

    def _add(self, path: str, hit: Hit) -> None:
        index = hit[0]
        if not self.groups or not self.groups[-1].hits or self.groups[-1].path != path:
            self.groups.append(Group(index, index, path))
        self.prefixes = ((path + ":", ":"), (f"{self.root}{path}-", "-"), (f"{self.root}{path}=", "="))
        self._append(index, hit)


def _drop_gaps(hits: Hits) -> None:
    """Removes the "--" lines where they follow from the line numbers."""
    if not any(hit[2] == GAP for group in hits.groups for hit in group.hits):
        return
    kept: list[list[Hit]] = []
    last: tuple[int, str, str] | None = None
    pending = False
    for number, group in enumerate(hits.groups):
        if hits.headed or not group.hits:
            if pending:
                return
            last = None
        stay: list[Hit] = []
        for hit in group.hits:
            if hit[2] == GAP:
                if pending or last is None:
                    return
                pending = True
                continue
            if not hit[1]:
                return
            here = (number, group.path, hit[1])
            if last is not None and pending == adjacent(last[1], last[2], group.path, hit[1]):
                return
            last, pending = here, False
            stay.append(hit)
        kept.append(stay)
    if pending:
        return
    for group, stay in zip(hits.groups, kept, strict=True):
        group.hits = stay
    hits.gaps = True


def adjacent(path: str, number: str, next_path: str, next_number: str) -> bool:
    """Whether two hits are neighbouring lines of one file."""
    return path == next_path and int(next_number) == int(number) + 1


def with_gaps(rows: Iterator[tuple[str, str, str]], gaps: bool) -> Iterator[str]:
    """The lines of (path, number, line) rows, with "--" between rows that are not neighbours where `gaps` says so."""
    last: tuple[str, str] | None = None
    for path, number, line in rows:
        if gaps and last is not None and number and not adjacent(last[0], last[1], path, number):
            yield GAP
        yield line
        last = (path, number) if number else None
