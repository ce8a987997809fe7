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
_BARE_PATH = re.compile(r"((?:[A-Za-z]:[\\/])?[^\s:\x00]{1,1024}):(?!//|:)")
_PATH_SIGN = re.compile(r"[./\\]")
_CONTEXT = re.compile(r"([\-=])([0-9]{1,9})\1")
_LONGEST_PATH, _ROOT_TRIES = 1024, 40


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
    """A search result: its groups in source order.

    `root` is what context lines put before the paths of matches (some agents shorten only the paths of lines with a
    colon: then `root_spares_colons`). `gaps` says that "--" stands exactly between hits that are not neighbours, so
    that it need not be written.
    """

    groups: list[Group]
    headed: bool
    root: str = ""
    root_spares_colons: bool = False
    gaps: bool = False

    def size(self) -> int:
        """About how many characters the hits take below their paths."""
        return sum([sum([len(hit[3]) for hit in group.hits]) + 6 * len(group.hits) for group in self.groups])

    def root_of(self, separator: str, text: str) -> str:
        """What stands before the path of a hit."""
        return self.root if separator in "-=" and not (self.root_spares_colons and ":" in text) else ""

    def count(self) -> int:
        """How many lines were read as hits."""
        return sum(len(group.hits) for group in self.groups)


def parse_flat(text: str, lines: list[str]) -> Hits:
    """Reads `path:line:text` lines (also without the line number, and context lines)."""
    known = set(_MATCH_PATHS.findall(text))
    parser = _FlatParser(known, find_root=True)
    parser.read(lines)
    if parser.root and not parser.root_rule():
        parser = _FlatParser(known, find_root=False)
        parser.read(lines)
    spares = parser.root_rule() == "without colons"
    hits = Hits(parser.groups, headed=False, root=parser.root, root_spares_colons=spares)
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

    def __init__(self, known: set[str], find_root: bool) -> None:
        self.known = known
        self.find_root = find_root
        self.root = ""
        self.tries = _ROOT_TRIES
        self.context_forms: set[tuple[bool, bool]] = set()  # does the root stand before the path, is there a colon
        self.groups: list[Group] = []
        self.prefixes: tuple[tuple[str, str, bool], ...] = ()

    def read(self, lines: list[str]) -> None:
        for index, line in enumerate(lines):
            self._line(index, line)

    def root_rule(self) -> str:
        """Which context lines have the root before their path, "" where no rule says so."""
        if all(rooted for rooted, _ in self.context_forms):
            return "all"
        return "without colons" if all(rooted != colon for rooted, colon in self.context_forms) else ""

    def _line(self, index: int, line: str) -> None:
        for prefix, separator, rooted in self.prefixes:
            if line.startswith(prefix):
                number, found, rest = line[len(prefix) :].partition(separator)
                if found and number.isdecimal() and number.isascii() and len(number) < 10:
                    self._append(index, (index, number, separator, rest))
                    if separator != ":":
                        self.context_forms.add((rooted, ":" in rest))
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
            path, text = line[: found.start()], line[found.end() :]
            rooted = path not in self.known
            if rooted:
                path = self._relative(path)
            if path:
                self._add(path, (index, found[2], found[1], text))
                self.context_forms.add((rooted, ":" in text))
                return True
        return False

    def _relative(self, path: str) -> str:
        """The path as matches name it, "" for none; the first context line that has a root settles it for all."""
        at = len(self.root) - 1 if path.startswith(self.root) else -1
        if not self.root and self.find_root:
            at = path.find("/")
            while at >= 0 and path[at + 1 :] not in self.known:
                at = path.find("/", at + 1)
            self.root = path[: at + 1]
            self.tries -= 1
            self.find_root = self.tries > 0
        return path[at + 1 :] if at >= 0 and path[at + 1 :] in self.known else ""

    def _match(self, index: int, line: str) -> bool:
        found = _MATCH_PATH.match(line)
        if found:
            self._add(found[1], (index, found[2], ":", line[found.end() :]))
            return True
        bare = _BARE_PATH.match(line)
        if bare and _PATH_SIGN.search(bare[1]):
            self._add(bare[1], (index, "", ":", line[bare.end() :]))
            return True
        return False

    def _add(self, path: str, hit: Hit) -> None:
        index = hit[0]
        if not self.groups or not self.groups[-1].hits or self.groups[-1].path != path:
            self.groups.append(Group(index, index, path))
        self.prefixes = ((path + ":", ":", False), (path + "-", "-", False), (path + "=", "=", False))
        if self.root:
            self.prefixes += ((f"{self.root}{path}-", "-", True), (f"{self.root}{path}=", "=", True))
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
