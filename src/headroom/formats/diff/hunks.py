"""Diffs as files and hunks, read from every unified form: git, svn, `diff -u`, combined merges, `git log -p`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

_HUNK = re.compile(r"(@@+) ((?:-[0-9]+(?:,[0-9]+)? )+)\+([0-9]+)(?:,([0-9]+))? \1(.*)", re.DOTALL)
_OLD = re.compile(r"-([0-9]+)(?:,([0-9]+))?")
_GIT = re.compile(r'diff --(?:git|cc|combined) "?(?:a/)?(.*?)"?(?: "?b/(.*?)"?)?\r?')
# Lines between a file's first line and its hunks.
_EXTENDED = (
    "index ", "old mode ", "new mode ", "deleted file mode ", "new file mode ", "copy from ", "copy to ",
    "rename from ", "rename to ", "similarity index ", "dissimilarity index ", "mode ", "Binary files ", "=====",
)  # fmt: skip
_BINARY_PATCH = "GIT binary patch"
_LONGEST_HEADER = 2_048
_BODY = re.compile(r"[ +\-\\]*")
_CHANGED = re.compile(r"[^ ]+")
# A piece's own header costs about as much as this many unchanged lines.
_MIN_CUT = 2


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
    first_characters = "".join([line[:1] or " " for line in lines])
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
            hunk = _hunk(lines, first_characters, index)
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
        found = _GIT.fullmatch(line[:_LONGEST_HEADER])
        return (found[2] or found[1]) if found else ""
    if line.startswith("Index: "):
        return line[7:].strip()
    if line.startswith("--- ") and index + 2 < len(lines):
        new, hunk = lines[index + 1 : index + 3]
        return new[4:].split("\t")[0].strip() if new.startswith("+++ ") and hunk.startswith("@@") else ""
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


def _binary_end(lines: Sequence[str], index: int) -> int:
    end = index + 1
    while end < len(lines) and not lines[end].startswith(("diff --", "commit ", "From ")):
        end += 1
    return end


def _hunk(lines: Sequence[str], first_characters: str, start: int) -> Hunk | None:
    """The hunk whose header stands at `start`, None where its body does not hold the lines that the header counts."""
    found = _HUNK.match(lines[start])
    if not found:
        return None
    olds = tuple((int(a), int(b) if b else 1) for a, b in _OLD.findall(found[2]))
    new = (int(found[3]), int(found[4]) if found[4] else 1)
    if len(olds) != len(found[1]) - 1:
        return None
    if len(olds) == 1:
        kinds = _simple_body(first_characters, start + 1, olds[0][1], new[1])
    else:
        kinds = _combined_body(lines, start + 1, [count for _, count in olds], new[1])
    return None if kinds is None else Hunk(start, start + 1 + len(kinds), olds, new, found[5], kinds)


def _simple_body(first_characters: str, start: int, old: int, new: int) -> str | None:
    longest = _BODY.match(first_characters, start)
    assert longest is not None
    kinds = longest[0]
    same = kinds.count(" ")
    if (same + kinds.count("-"), same + kinds.count("+")) == (old, new):
        return kinds
    for end, kind in enumerate(kinds):  # what follows looks like changed lines: the next file's "--- "
        if not old and not new and kind != "\\":
            return kinds[:end]
        old -= kind in " -"
        new -= kind in " +"
    return None if old or new else kinds


def _combined_body(lines: Sequence[str], start: int, old: list[int], new: int) -> str | None:
    kinds: list[str] = []
    for index in range(start, len(lines)):
        line = lines[index]
        columns = line[: len(old)].ljust(len(old))
        if not new and not any(old) and not line.startswith("\\"):
            break
        if line.startswith("\\"):
            kinds.append("\\")
            continue
        if columns.strip(" +-"):
            return None
        kinds.append("-" if "-" in columns else "+" if "+" in columns else " ")
        mark = "-" if "-" in columns else " "
        old = [left - (column == mark) for left, column in zip(old, columns, strict=True)]
        new -= mark == " "
    return None if new or any(old) else "".join(kinds)


@dataclass(frozen=True, slots=True)
class Piece:
    """Body lines `start` to `end` (0-based offsets into the hunk's body) of a trimmed hunk, with their own header."""

    start: int
    end: int
    header: str


def trim(hunk: Hunk, lines: Sequence[str], reach: int, keep: Collection[int] = ()) -> list[Piece]:
    """The hunk in pieces with at most `reach` unchanged lines around each change; body offsets in `keep` stay too.

    Pieces are cut only where that leaves out more lines than a header costs. One piece with the whole body means that
    nothing is left out.
    """
    kinds = hunk.kinds
    if reach >= len(kinds):
        return [Piece(0, len(kinds), lines[hunk.start])]
    if keep:
        marked = list(kinds)
        for offset in keep:
            marked[offset] = "*"
        kinds = "".join(marked)
    spans: list[list[int]] = []
    for run in _CHANGED.finditer(kinds):
        start, end = max(0, run.start() - reach), min(len(kinds), run.end() + reach)
        if spans and start - spans[-1][1] <= _MIN_CUT:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    if not spans or spans == [[0, len(kinds)]]:
        return [Piece(0, len(kinds), lines[hunk.start])]
    return [Piece(start, end, header) for (start, end), header in zip(spans, _headers(hunk, lines, spans), strict=True)]


def _headers(hunk: Hunk, lines: Sequence[str], spans: list[list[int]]) -> Iterator[str]:
    """Hunk headers for parts of a hunk's body, as the tool would have written them."""
    width = len(hunk.olds)
    # the next line's number on each side; a side without lines is numbered by the line before it
    position = [first + (count == 0) for first, count in (*hunk.olds, hunk.new)]
    at = 0
    section = hunk.section
    for start, end in spans:
        position = _advance(hunk, lines, position, at, start)
        after = _advance(hunk, lines, position, start, end)
        ranges = [_range(before, left - before) for before, left in zip(position, after, strict=True)]
        marks = "@" * (width + 1)
        yield f"{marks} {' '.join('-' + old for old in ranges[:width])} +{ranges[width]} {marks}{section}"
        position, at, section = after, end, ""


def _advance(hunk: Hunk, lines: Sequence[str], position: list[int], start: int, end: int) -> list[int]:
    kinds = hunk.kinds[start:end]
    width = len(hunk.olds)
    if width == 1:
        same = kinds.count(" ")
        return [position[0] + same + kinds.count("-"), position[1] + same + kinds.count("+")]
    out = list(position)
    for offset, kind in enumerate(kinds, start):
        if kind == "\\":
            continue
        mark = "-" if kind == "-" else " "
        columns = lines[hunk.start + 1 + offset][:width].ljust(width)
        out = [*(n + (column == mark) for n, column in zip(out, columns, strict=False)), out[width] + (kind != "-")]
    return out


def _range(first: int, count: int) -> str:
    return f"{first - (count == 0)}" + ("" if count == 1 else f",{count}")
