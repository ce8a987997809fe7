"""Diffs as files and hunks, read from every unified form: git, svn, `diff -u`, combined merges, `git log -p`."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_HUNK = re.compile(r"(@@+) ((?:-[0-9]+(?:,[0-9]+)? )+)\+([0-9]+)(?:,([0-9]+))? \1(.*)", re.DOTALL)
_OLD = re.compile(r"-([0-9]+)(?:,([0-9]+))?")
_GIT = re.compile(r'diff --(?:git|cc|combined) "?(?:a/)?(.*?)"?(?: "?b/(.*?)"?)?\r?')
_BINARY_PATCH = "GIT binary patch"
_MOST_DIGITS = 12


@dataclass(slots=True)
class Hunk:
    """Lines `start` (the header) to `end` (exclusive). `olds` and `new` are (first line, count), `parents` wide.

    `kinds` holds one character for each body line: " " unchanged, "+", "-" or "\\\\" (no newline at the end of file).
    """

    start: int
    end: int
    olds: tuple[tuple[int, int], ...]
    new: tuple[int, int]
    section: str
    kinds: str


@dataclass(slots=True)
class FileDiff:
    """One file: header lines `start` to `body`, hunks or a binary part up to `end` (0-based, exclusive)."""

    start: int
    body: int
    end: int
    path: str
    hunks: list[Hunk] = field(default_factory=list)

    def added(self) -> int:
        """How many lines the file gains."""
        return sum(hunk.kinds.count("+") for hunk in self.hunks)

    def removed(self) -> int:
        """How many lines the file loses."""
        return sum(hunk.kinds.count("-") for hunk in self.hunks)


def parse_diff(lines: Sequence[str]) -> list[FileDiff]:
    """The files of a diff in order; lines of no file (commit messages) lie between them."""
    files: list[FileDiff] = []
    index, size = 0, len(lines)
    while index < size:
        line = lines[index]
        opens = _opens(lines, index)
        if opens:
            files.append(FileDiff(index, index + 1, index + 1, opens))
            index = _header_end(lines, index)
            files[-1].body = files[-1].end = index
        elif files and line.startswith("@@") and files[-1].end == index:
            hunk = _hunk(lines, index)
            if hunk is None:
                index += 1
                continue
            files[-1].hunks.append(hunk)
            index = files[-1].end = hunk.end
        elif files and line == _BINARY_PATCH and files[-1].end == index:
            index = files[-1].end = _binary_end(lines, index)
        else:
            index += 1
    return files


def _opens(lines: Sequence[str], index: int) -> str:
    """The path of the file whose header starts here, "" where none does."""
    line = lines[index]
    if line.startswith("diff --"):
        found = _GIT.fullmatch(line)
        return (found[2] or found[1]) if found else ""
    if line.startswith("Index: "):
        return line[7:].strip()
    if line.startswith("--- ") and index + 2 < len(lines):
        if lines[index + 1].startswith("+++ ") and lines[index + 2].startswith("@@"):
            return lines[index + 1][4:].split("\t")[0].strip()
    return ""


def _header_end(lines: Sequence[str], index: int) -> int:
    """The first line after a file's header: a hunk, a binary part, or what does not belong to the file."""
    end = index if lines[index].startswith("--- ") else index + 1
    while end < len(lines):
        line = lines[end]
        if line.startswith("--- ") and end + 1 < len(lines) and lines[end + 1].startswith("+++ "):
            return end + 2
        if not line.startswith(_EXTENDED):
            break
        end += 1
    return end


_EXTENDED = (
    "index ", "old mode ", "new mode ", "deleted file mode ", "new file mode ", "copy from ", "copy to ", "rename from ",
    "rename to ", "similarity index ", "dissimilarity index ", "mode ", "Binary files ", "=====",
)  # fmt: skip


def _binary_end(lines: Sequence[str], index: int) -> int:
    end = index + 1
    while end < len(lines) and not lines[end].startswith(("diff --", "commit ", "From ")):
        end += 1
    return end


def _hunk(lines: Sequence[str], start: int) -> Hunk | None:
    """The hunk whose header stands at `start`, None where its body does not hold the lines that the header counts."""
    found = _HUNK.match(lines[start])
    if not found or len(lines[start].split("@@")[1]) > _MOST_DIGITS * 8:
        return None
    olds = tuple((int(a), int(b) if b else 1) for a, b in _OLD.findall(found[2]))
    parents = len(olds)
    if parents != len(found[1]) - 1:
        return None
    new = (int(found[3]), int(found[4]) if found[4] else 1)
    left_old, left_new = [count for _, count in olds], new[1]
    kinds: list[str] = []
    index = start + 1
    while index < len(lines) and (left_new > 0 or any(left > 0 for left in left_old) or lines[index].startswith("\\")):
        columns = lines[index][:parents].ljust(parents)
        kind = _kind(columns)
        if not kind:
            return None
        if kind == "-":
            left_old = [left - (column == "-") for left, column in zip(left_old, columns, strict=True)]
        elif kind != "\\":
            left_old = [left - (column == " ") for left, column in zip(left_old, columns, strict=True)]
            left_new -= 1
        kinds.append(kind)
        index += 1
    if left_new or any(left_old):
        return None
    return Hunk(start, index, olds, new, found[5], "".join(kinds))


def _kind(columns: str) -> str:
    if columns.startswith("\\"):
        return "\\"
    if columns.strip(" +-\r"):
        return ""
    return "-" if "-" in columns else "+" if "+" in columns else " "
