"""Git history: log in all forms, blame.

Lossless: the lines above a commit's message become one row, blame's commit, author and date a legend. Lossy, for long
logs: every hash, author, date and subject stays; bodies and lists of changed files are left out and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from headroom.formats.table import rowcode
from headroom.formats.table.fitting import verified
from headroom.formats.table.layout import Column, Layout, Slot
from headroom.interfaces import Sample
from headroom.marker import omitted
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.lines import split_lines
from headroom.text.query import parse_query

_BLAME = re.compile(
    r"(\^?[0-9a-f]{7,40})( +[^\s(]\S* *)? \((.*?) +(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) ([+-]\d{4}) +(\d+)\) ?(.*)",
    re.DOTALL,
)
_BLAME_SHORT = re.compile(r"(\^?[0-9a-f]{7,40})( +[^\s(]\S*)? +(\d+)\) ?(.*)", re.DOTALL)
_BLAME_SLOTS = ("commit", "file", "author", "date", "time", "zone", "line", "code")
_SHORT_SLOTS = ("commit", "file", "line", "code")
_COMMIT = re.compile(r"commit [0-9a-f]{7,40}\b.*")
_SIGN = re.compile(r"\n(?:commit |\^?[0-9a-f]{7})")
_FIELD = re.compile(r"(Author|AuthorDate|Commit|CommitDate|Date|Merge|Reflog|Reflog message):\s.*")
_TOTAL = re.compile(r" \d+ files? changed")
_WEIGHTY = re.compile(r"\bCVE-\d|BREAKING|[Tt]his reverts commit")
_MIN_LINES, _MIN_SHARE, _MIN_BODIES, _MIN_GAP = 6, 0.8, 12, 2


class GitHistory:
    """`git log` and `git blame`."""

    name = "git_history"
    content_type = "git_history"

    def sniff(self, sample: Sample, context: Context) -> float:
        if not _SIGN.search(sample.page):
            return 0.0
        lines = [line for line in sample.lines if line]
        if len(lines) < _MIN_LINES:
            return 0.0
        if _blamed(lines):
            return 0.95
        commits = [i for i, line in enumerate(sample.lines) if line.startswith("commit ") and _COMMIT.fullmatch(line)]
        if not commits:
            return 0.0
        headed = sum(_FIELD.fullmatch(line) is not None for i in commits for line in sample.lines[i + 1 : i + 2])
        indented = sum(line.startswith(("    ", " ")) or line == "" for line in sample.lines)
        if headed < len(commits) * 0.7 or any(line.startswith(("diff --git", "@@ ")) for line in lines):
            return 0.0
        return 0.93 if indented >= 0.4 * len(sample.lines) or len(commits) > 3 else 0.0

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        if rowcode.START in text:
            return
        lines = split_lines(text)
        blamed = _blame(lines)
        if blamed:
            yield Compressed("\n".join(blamed), self.name, lossless=True)
            return
        commits = _commits(lines)
        if len(commits) < 3:
            return
        whole = _log(lines, commits)
        if whole:
            yield Compressed("\n".join(whole), self.name, lossless=True)
        if context.level is not Level.LOSSLESS and len(commits) >= _MIN_BODIES:
            yield from self._folded(text, lines, commits, context)

    def _folded(
        self, text: str, lines: list[str], commits: Sequence[_Commit], context: Context
    ) -> Iterator[Compressed]:
        """The log with bodies and file lists left out."""
        asked = {*parse_query(context.query).best(text, lines)}
        kinds = [int(commit.usual) for commit in commits]
        coded = rowcode.encode([commit.head for commit in commits], kinds, [_table(commits)], parts=True)
        if coded is None or len(coded) != len(commits) + 1:
            return
        out = [*lines[: commits[0].start], coded[0]]
        ranges: list[tuple[int, int]] = []
        for commit, row in zip(commits, coded[1:], strict=True):
            out.append(row)
            start = commit.body
            for at in range(commit.body, commit.end + 1):
                kept = at < commit.end and (at in asked or _TOTAL.match(lines[at]) or _WEIGHTY.search(lines[at]))
                if not kept and at < commit.end:
                    continue
                out += _gap(lines, start, at, ranges)
                if at < commit.end:
                    out.append(lines[at])
                start = at + 1
        count = sum(b - a + 1 for a, b in ranges)
        if count:
            lost = Omission("message bodies and file lists", count, "lines", tuple(ranges))
            yield Compressed("\n".join(out), self.name, lossless=False, omissions=(lost,))

    def decode(self, text: str) -> str:
        return rowcode.decode(text)

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _gap(lines: Sequence[str], start: int, end: int, ranges: list[tuple[int, int]]) -> list[str]:
    """The lines from `start` to `end`, or their marker where they say something; blank lines alone just go."""
    said = [line for line in lines[start:end] if line.strip()]
    if not said or end - start < _MIN_GAP:
        return list(lines[start:end])
    ranges.append((start + 1, end))
    return [omitted(end - start, "lines", ((start + 1, end),))]


@dataclass(slots=True)
class _Commit:
    """Lines `start` to `body` are what stands above the message's second line, its `head`; `end` is exclusive.

    `usual` says that the layout of most heads prints this one from its cells.
    """

    start: int
    body: int
    end: int
    head: str
    cells: tuple[str, ...]
    fields: tuple[str, ...]
    usual: bool = False


def _commits(lines: Sequence[str]) -> list[_Commit]:
    """The commits of a log; those whose first lines have the same fields as most are `usual`."""
    starts = [i for i, line in enumerate(lines) if line.startswith("commit ") and _COMMIT.fullmatch(line)]
    out: list[_Commit] = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=False):
        at = start + 1
        while at < end and _FIELD.fullmatch(lines[at]):
            at += 1
        names = tuple([line.partition(":")[0] for line in lines[start + 1 : at]])
        body = at + 2 if at + 1 < end and lines[at] == "" and lines[at + 1].startswith("    ") else at
        values = [lines[start][7:], *(line.partition(":")[2].lstrip(" ") for line in lines[start + 1 : at])]
        subject = (lines[at + 1][4:],) if body == at + 2 else ()
        out.append(_Commit(start, body, end, "\n".join(lines[start:body]), (*values, *subject), names))
    counts = Counter([commit.fields for commit in out])
    usual = max(counts, key=lambda fields: (counts[fields], fields), default=())
    layout = _layout_for(usual)
    alike = [c for c in out if c.fields == usual and len(c.cells) == len(layout.names)]
    printed = layout.printed(list(zip(*[c.cells for c in alike], strict=True))) if alike else ()
    for commit, head in zip(alike, printed, strict=True):
        commit.usual = commit.head == head
    return out


def _table(commits: Sequence[_Commit]) -> tuple[Layout, list[Column]]:
    usual = [commit for commit in commits if commit.usual]
    layout = _layout_for(usual[0].fields if usual else ())
    return layout, list(zip(*[commit.cells for commit in usual], strict=True))


def _layout_for(fields: tuple[str, ...]) -> Layout:
    """`commit …`, the fields as git prints them, a blank line and the indented subject."""
    width = 12 if "AuthorDate" in fields or "CommitDate" in fields else 8
    literals = ["commit ", *("\n" + f"{name}:".ljust(width) for name in fields), "\n\n    ", ""]
    return Layout(tuple(literals), tuple(Slot(name) for name in ("commit", *fields, "subject")))


def _log(lines: Sequence[str], commits: Sequence[_Commit]) -> list[str] | None:
    """The log with each commit's first lines as one row."""
    units: list[str] = []
    kinds: list[int] = []
    for commit in commits:
        below = lines[commit.body : commit.end]
        units += (commit.head, *below)
        kinds += (int(commit.usual), *[0] * len(below))
    coded = rowcode.encode(units, kinds, [_table(commits)])
    return [*lines[: commits[0].start], *coded] if coded else None


def _blame(lines: Sequence[str]) -> list[str] | None:
    """Blame as rows, or None where the text is no blame."""
    end = len(lines) - (lines[-1] == "")
    body = lines[:end]
    for pattern, names in ((_BLAME, _BLAME_SLOTS), (_BLAME_SHORT, _SHORT_SLOTS)):
        found = _mostly(pattern, body)
        if end < _MIN_LINES or not found:
            continue
        matches = [match for match in found if match]
        hits = bytearray([match is not None for match in found])
        columns = list(zip(*[m.groups("") for m in matches], strict=True))
        literals, slots = _blame_slots(matches, names)
        layouts = [Layout(literals, slots, cut) for cut in (False, True)]
        fits = [verified(layout, hits, columns, body) for layout in layouts]
        fit = max(fits, key=lambda f: f.covered)
        if fit.covered < _MIN_SHARE * end:
            continue
        coded = rowcode.encode(body, fit.hits, [(fit.layout, fit.columns)], counter="line")
        return [*coded, *lines[end:]] if coded else None
    return None


def _mostly(pattern: re.Pattern[str], lines: Sequence[str]) -> list[re.Match[str] | None]:
    """The pattern's match of each line, or nothing where too many lines have none."""
    others, most = 0, len(lines) - _MIN_SHARE * len(lines)
    out: list[re.Match[str] | None] = []
    for line in lines:
        match = pattern.fullmatch(line)
        others += match is None
        if others > most:
            return []
        out.append(match)
    return out


def _blame_slots(found: Sequence[re.Match[str]], names: Sequence[str]) -> tuple[tuple[str, ...], tuple[Slot, ...]]:
    """The text between the cells of blame and their slots, the author and the number as wide as they are printed."""
    slots = [Slot(name) for name in names]
    number = names.index("line")
    digits = max([m.end(number + 1) - max(m.end(number), m.end(number - 1)) - 1 for m in found])
    slots[number] = Slot("line", ">", digits)
    if names is _SHORT_SLOTS:
        return ("", "", " ", ") ", ""), tuple(slots)
    slots[2] = Slot("author", "<", max([m.start(4) - m.start(3) - 1 for m in found]))
    return ("", "", " (", " ", " ", " ", " ", ") ", ""), tuple(slots)


def _blamed(lines: Sequence[str]) -> bool:
    """Whether nearly all lines are of a blame; most texts show within a few lines that they aren't."""
    others = 0
    most = len(lines) - _MIN_SHARE * len(lines)
    for line in lines:
        if _BLAME.fullmatch(line) is None and _BLAME_SHORT.fullmatch(line) is None:
            others += 1
            if others > most:
                return False
    return True


COMPRESSOR = GitHistory()
