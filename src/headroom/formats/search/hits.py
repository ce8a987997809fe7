"""Search results as hits grouped by file, read from every form that grep, ripgrep and their kin print.

Two layouts: `flat` (each line is `path:12:text`, context `path-12-text`) and `headed` (a path line, then `12:text`
lines, files separated by an empty line; a search of one file has no path line).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, compress, pairwise

GAP = "--"
HIT_LINE = re.compile(r"(?:([0-9]{1,9}(?:,[0-9]{1,9})*)([:=\-])|():)(.*)", re.DOTALL)
# the separators of rows; a break is a "--" line, a plain row no hit at all
MATCH, CONTEXT, FUNCTION, BREAK, PLAIN = b":-= ."
_AROUND = b"-="
_NUMBERED = re.compile(r"[0-9]{1,9}([:=\-])")
_PLACE = re.compile(r"([:\-=])[0-9]{1,9}\1")
_MATCH_PATH = re.compile(r"((?:[A-Za-z]:[\\/])?[^:\n\x00]+?):([0-9]{1,9}):")
_MATCH_PATHS = re.compile(r"^((?:[A-Za-z]:[\\/])?[^:\n\x00]+):[0-9]{1,9}:", re.MULTILINE)
_BARE_PATH = re.compile(r"((?:[A-Za-z]:[\\/])?[^\s:\x00]{1,1024}):(?!//|:)")
_PATH_SIGN = re.compile(r"[./\\]")
_CONTEXT = re.compile(r"([\-=])([0-9]{1,9})\1")
_LONGEST_PATH, _ROOT_TRIES = 1024, 40


@dataclass(slots=True)
class Hits:
    """A search result as columns of rows: what follows the path in each line ("12:text", ":text", "--").

    `cuts` says where the text begins in each row, `signs` which separator stands before it, `at` (set when all are
    read) which line of the original it is, 0-based. Consecutive rows of one file are a group: `paths` and `firsts`
    give its path ("" in a search of one file) and its first row. Other lines of the tool are rows as they came, in
    groups of their own.

    `root` is what context lines put before the paths of matches (some agents shorten only the paths of lines with a
    colon: then `root_spares_colons`). `gaps` says that "--" stands exactly between hits that are not neighbours, so
    that it need not be written. `distinct` remembers groups that hold no text twice.
    """

    headed: bool
    rows: list[str] = field(default_factory=list)
    cuts: bytearray = field(default_factory=bytearray)
    signs: bytearray = field(default_factory=bytearray)
    at: Sequence[int] = ()
    paths: list[str] = field(default_factory=list)
    firsts: array[int] = field(default_factory=lambda: array("Q"))
    root: str = ""
    root_spares_colons: bool = False
    gaps: bool = False
    distinct: set[int] = field(default_factory=set)

    def open(self, path: str = "") -> None:
        """Begin a group."""
        self.paths.append(path)
        self.firsts.append(len(self.rows))

    def add(self, row: str, cut: int, sign: int) -> None:
        """Add a row to the last group."""
        self.rows.append(row)
        self.cuts.append(cut)
        self.signs.append(sign)

    def add_plain(self, lines: Sequence[str]) -> None:
        """Add lines that are no hits to the last group."""
        self.rows += lines
        self.cuts += bytes(len(lines))
        self.signs += bytes((PLAIN,)) * len(lines)

    def groups(self) -> Iterator[tuple[int, int, str]]:
        """The first row, the row after the last, and the path of each group."""
        return zip(self.firsts, [*self.firsts[1:], len(self.rows)], self.paths, strict=True)

    def keep(self, stay: Sequence[bool]) -> None:
        """Drop the rows that do not stay."""
        before = [0, *accumulate(stay)]
        self.firsts = array("Q", [before[first] for first in self.firsts])
        self.rows = list(compress(self.rows, stay))
        self.cuts = bytearray(compress(self.cuts, stay))
        self.signs = bytearray(compress(self.signs, stay))
        self.at = array("Q", compress(self.at, stay))

    def texts(self, start: int, end: int) -> list[str]:
        """What the hits in these rows say."""
        return [row[cut:] for row, cut in zip(self.rows[start:end], self.cuts[start:end], strict=True)]

    def numbers(self, start: int, end: int) -> list[str]:
        """The line numbers of the hits in these rows as written, "" for one without."""
        return [row[: cut - 1] for row, cut in zip(self.rows[start:end], self.cuts[start:end], strict=True)]

    def plain(self) -> list[str]:
        """The lines that are no hits."""
        if PLAIN not in self.signs:
            return []
        return [row for row, sign in zip(self.rows, self.signs, strict=True) if sign == PLAIN]

    def are_matches(self, start: int, end: int) -> bool:
        """Whether these rows are matches, all of them."""
        return self.signs.count(MATCH, start, end) == end - start

    def size(self) -> int:
        """About how many characters the hits take below their paths."""
        return sum(map(len, self.rows)) - sum(map(len, self.plain())) - sum(self.cuts) + 6 * self.count()

    def count(self) -> int:
        """How many lines were read as hits."""
        return len(self.rows) - self.signs.count(PLAIN)


def parse_flat(text: str, lines: list[str]) -> Hits:
    """Reads `path:line:text` lines (also without the line number, and context lines)."""
    parser = _FlatParser(text, lines, find_root=True)
    rule = _root_rule(parser.hits, lines, parser.root) if parser.root else ""
    if parser.root and not rule:
        parser = _FlatParser(text, lines, find_root=False)
    hits = parser.hits
    hits.at = range(len(lines))
    hits.root, hits.root_spares_colons = parser.root, rule == "without colons"
    _drop_gaps(hits)
    return hits


def _root_rule(hits: Hits, lines: list[str], root: str) -> str:
    """Which context lines have the root before their path, "" where no rule says so."""
    forms: set[tuple[bool, bool]] = set()  # does the root stand before the path, is there a colon in the text
    for start, end, path in hits.groups():
        for place in range(start, end):
            if hits.signs[place] in _AROUND:
                text = hits.rows[place][hits.cuts[place] :]
                forms.add((lines[place].startswith(root + path), ":" in text))
    if all(rooted for rooted, _ in forms):
        return "all"
    return "without colons" if all(rooted != colon for rooted, colon in forms) else ""


def parse_headed(lines: list[str]) -> Hits:
    """Reads paragraphs of `line:text` lines below their path, and the search of one file."""
    hits = Hits(headed=True)
    at = array("Q")
    start = 0
    for end in [*(i for i, line in enumerate(lines) if not line), len(lines)]:
        first = start if start < end and HIT_LINE.match(lines[start]) else start + 1
        rows = lines[first:end]
        places = list(map(_NUMBERED.match, rows))
        if rows and places[0] and all(found or row == GAP for found, row in zip(places, rows, strict=True)):
            hits.open(lines[start] if start < first else "")
            for row, found in zip(rows, places, strict=True):
                hits.add(row, found.end() if found else len(GAP), ord(found[1]) if found else BREAK)
            at.extend(range(first, end))
        else:
            hits.open()
            hits.add_plain(lines[start:end])
            at.extend(range(start, end))
        start = end + 1
    hits.at = at
    _drop_gaps(hits)
    return hits


class _FlatParser:
    """Reads runs of lines that belong to the same file as the line before, and what stands between runs one by one."""

    def __init__(self, text: str, lines: list[str], find_root: bool) -> None:
        self.text = text
        self.known: set[str] | None = None
        self.find_root = find_root
        self.root = ""
        self.tries = _ROOT_TRIES
        self.hits = Hits(headed=False)
        self.path = ""  # of the group that is open, "" where that holds no hits
        index = 0
        while index < len(lines):
            index = self._run(lines, index) if self.path else index
            if index < len(lines):
                self._line(lines[index])
                index += 1

    def _run(self, lines: list[str], start: int) -> int:
        """Takes the lines from `start` on that go on with the same file; returns where they end."""
        path, rooted, hits = self.path, self.root + self.path if self.root else "", self.hits
        short, long, place, around = len(path), len(rooted), _PLACE.match, _CONTEXT.match
        add_row, add_cut, add_sign = hits.rows.append, hits.cuts.append, hits.signs.append
        for index in range(start, len(lines)):
            line = lines[index]
            found = place(line, short) if line.startswith(path) else None
            if found is None and rooted and line.startswith(rooted):
                found = around(line, long)
            if found is not None:
                size = found.start()
                add_row(line[size + 1 :])
                add_cut(found.end() - size - 1)
                add_sign(ord(line[size]))
            elif line == GAP:
                hits.add(GAP, len(GAP), BREAK)
            else:
                return index
        return len(lines)

    def _line(self, line: str) -> None:
        if not self._context(line) and not self._match(line):
            if self.path or not self.hits.paths:
                self.hits.open()
            self.hits.add_plain((line,))
            self.path = ""

    def _context(self, line: str) -> bool:
        """A context line of another file: one that has matches too, so that a dash in its path is no riddle."""
        for found in _CONTEXT.finditer(line, 1, _LONGEST_PATH):
            path = line[: found.start()]
            if path not in self._known():
                path = self._relative(path)
            if path:
                self._add(path, line[found.start() + 1 :], len(found[2]) + 1, ord(found[1]))
                return True
        return False

    def _known(self) -> set[str]:
        """The paths of all matches."""
        if self.known is None:
            self.known = set(_MATCH_PATHS.findall(self.text))
        return self.known

    def _relative(self, path: str) -> str:
        """The path as matches name it, "" for none; the first context line that has a root settles it for all."""
        known = self._known()
        at = len(self.root) - 1 if path.startswith(self.root) else -1
        if not self.root and self.find_root:
            at = path.find("/")
            while at >= 0 and path[at + 1 :] not in known:
                at = path.find("/", at + 1)
            self.root = path[: at + 1]
            self.tries -= 1
            self.find_root = self.tries > 0
        return path[at + 1 :] if at >= 0 and path[at + 1 :] in known else ""

    def _match(self, line: str) -> bool:
        found = _MATCH_PATH.match(line)
        if found:
            self._add(found[1], line[found.end(1) + 1 :], len(found[2]) + 1, MATCH)
            return True
        bare = _BARE_PATH.match(line)
        if bare and _PATH_SIGN.search(bare[1]):
            self._add(bare[1], line[bare.end(1) :], 1, MATCH)
            return True
        return False

    def _add(self, path: str, row: str, cut: int, sign: int) -> None:
        """Take a hit that names its file in full: it opens a group where the file is another."""
        if self.path != path:
            self.hits.open(path)
            self.path = path
        self.hits.add(row, cut, sign)


def _drop_gaps(hits: Hits) -> None:
    """Removes the "--" lines where they follow from the line numbers."""
    if BREAK in hits.signs and _gaps_follow(hits):
        hits.keep([sign != BREAK for sign in hits.signs])
        hits.gaps = True


def _gaps_follow(hits: Hits) -> bool:
    """Whether "--" stands between all hits that are not neighbours, and nowhere else."""
    pending = known = False
    for start, end, _ in hits.groups():
        signs = hits.signs[start:end]
        is_plain = not signs or signs[0] == PLAIN
        if hits.headed or is_plain:
            if pending:
                return False
            known = False
        if is_plain:
            continue
        if (known and not pending) or 1 in hits.cuts[start:end]:
            return False
        runs = signs.split(b" ")
        pending, known = not runs[-1], True
        if pending:
            runs.pop()
        numbers = [int(number) for number, sign in zip(hits.numbers(start, end), signs, strict=True) if sign != BREAK]
        leaps = [place for place, (one, other) in enumerate(pairwise(numbers), 1) if other != one + 1]
        if not all(runs) or leaps != list(accumulate(map(len, runs)))[:-1]:
            return False
    return not pending


def adjacent(path: str, number: str, next_path: str, next_number: str) -> bool:
    """Whether two hits are neighbouring lines of one file."""
    return path == next_path and int(next_number) == int(number) + 1


def with_gaps(rows: Iterable[tuple[str, str, str]], gaps: bool) -> Iterator[str]:
    """The lines of (path, number, line) rows, with "--" between rows that are not neighbours where `gaps` says so."""
    last: tuple[str, str] | None = None
    for path, number, line in rows:
        if gaps and last is not None and number and not adjacent(last[0], last[1], path, number):
            yield GAP
        yield line
        last = (path, number) if number else None
