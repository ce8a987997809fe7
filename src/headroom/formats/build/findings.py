"""Reports of linters, type checkers and compilers, regrouped: each message once, with all the places it was found at.

A finding is one line "path:line:col: message" (or eslint's heading with the path and "line:col  severity  message"
under it), and the source excerpt under it. Regrouping loses no finding, no place and no word of a message; what goes
is the order of the findings and the excerpts of all but the first of each kind.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from headroom.marker import plural, ranges_of
from headroom.model import Omission

_FINDING = re.compile(
    r"((?:[A-Za-z]:)?[^\s:()]{0,200}?(?:\.[A-Za-z]\w{0,8}|/[^\s:()./]+))"
    r"(?::(\d+(?::\d+)?)(?:-\d+(?::\d+)?)?(?::| -(?= (?:error|warning)\b))|\((\d+(?:,\d+)?)\):) (\S.*)"
)
# each begins with a letter of its own, so that a text without findings is searched at the speed of memory
_MARKS = (
    re.compile(r":\d+: "),
    re.compile(r"\(\d+,\d+\): "),
    re.compile(r":\d+ - (?:error|warning)"),
    re.compile(r"--> \S"),
)
_HEADED = ("  error  ", "  warning  ")
_UNDER_PATH = re.compile(r"\s+(\d+:\d+) +(error|warning|info)  +(.*\S)")
_PATH = re.compile(r"\S.*[\w\])]\.\w{1,8}$")
_HEADING = re.compile(r"\*{5,} Module ")
_ARROW = re.compile(r"\s*--> (\S.*?):(\d+(?::\d+)?)\r?$")
_SLOT = re.compile(r"\"[^\"]{0,200}\"|(?<!\w)'[^']{0,200}'|‘[^’]{0,200}’|`[^`]{0,200}`|(?<![\w.\-])\d+(?![\w\-])")
_EXCERPT = re.compile(r"\s|\||\^|~")
_SOURCE = re.compile(r"\s*\d*\s*\||[\s|]*[\^~][\s^~|-]*\r?$")
_CARETS = re.compile(r"[\s|]*[\^~][\s^~|-]*\r?$")
_NUMBERED = re.compile(r"\s*\d+ ")
_LABEL = re.compile(r"(?:\|.*[\^~-]|[\^~]) +([A-Za-z`‘'\"].*)|((?:help|note|hint)\b.*)")
_LEAST, _MOST_UNDER, _MOST_APART, _WRAPPED, _MOST_WRAPPED, _SHORT_FOLDER, _MOST_BLOCK = 12, 4, 3, 70, 4, 6, 60
_LABELLED = 400


@dataclass(slots=True)
class Finding:
    """Where it is, what it says, and the lines (0-based, end exclusive) that it takes, `excerpt` those of source.

    `joined` tells that the message stands on several lines, `headed` that it stands above its place.
    """

    path: str
    place: str
    message: str
    start: int
    end: int
    excerpt: list[int]
    joined: bool = False
    headed: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A regrouped run of findings, standing for the lines `start` to `end` (0-based, end exclusive)."""

    start: int
    end: int
    lines: list[str]
    omissions: tuple[Omission, ...]


def reports(text: str, lines: Sequence[str]) -> list[Report]:
    """Every run of findings that is long enough, regrouped; empty for texts that are no such report."""
    out: list[Report] = []
    run: list[Finding] = []
    path = ""
    headed = any(word in text for word in _HEADED)
    if not headed and not any(_several(mark, text) for mark in _MARKS):
        return out
    arrows = "--> " in text
    i, count = 0, len(lines)
    while i < count:
        line = lines[i]
        if arrows and i + 1 < count and "--> " in lines[i + 1]:
            finding = _headed(lines, i)
        else:
            finding = _parse(line, i, path) if path or ": " in line else None
        if finding is None:
            if headed and line[:1] not in ("", " ", "\t") and _PATH.match(line):
                path = line
            elif run and run[-1].end == i and not run[-1].headed:
                _continue(run[-1], lines, i)
            i = max(i + 1, run[-1].end) if run else i + 1
            continue
        if run and (finding.start - run[-1].end > _MOST_APART or not _between(lines, run[-1].end, i, path)):
            _add(out, lines, run)
            run = []
        run.append(finding)
        i = finding.end
    _add(out, lines, run)
    return out


def _parse(line: str, i: int, path: str) -> Finding | None:
    """The finding on a line; `path` is the heading above it, "" where there is none."""
    found = _FINDING.match(line) if ": " in line else None
    if found is not None:
        named, place, bracketed, message = found.groups()
        return Finding(named, place or bracketed, message.rstrip(), i, i + 1, [])
    under = _UNDER_PATH.match(line) if path else None
    if under is None:
        return None
    place, severity, message = under.groups()
    said, _, rule = message.rpartition("  ")  # the columns are padded to one width
    return Finding(path, place, "  ".join(part for part in (severity, said.rstrip(), rule) if part), i, i + 1, [])


def _headed(lines: Sequence[str], i: int) -> Finding | None:
    """The finding whose message is line i and whose place is on the next line ("--> src/a.rs:3:9"), to a blank line."""
    place = _ARROW.match(lines[i + 1])
    if place is None or not lines[i][:1].strip():
        return None
    end = i + 2
    while end < len(lines) and end - i < _MOST_BLOCK and lines[end].strip():
        end += 1
    return Finding(place[1], place[2], lines[i].rstrip(), i, end, list(range(i + 2, end)), headed=True)


def _several(mark: re.Pattern[str], text: str) -> bool:
    return next(islice(mark.finditer(text), _LEAST - 1, None), None) is not None


def _continue(finding: Finding, lines: Sequence[str], i: int) -> None:
    """Take the next line into a finding: an excerpt, or the rest of its message."""
    line, following = lines[i], lines[i + 1] if i + 1 < len(lines) else ""
    if not line.strip():
        if _NUMBERED.match(following) and i + 2 < len(lines) and _CARETS.match(lines[i + 2]):
            finding.excerpt += range(i, i + 3)
            finding.end += 3
        elif finding.excerpt and following[:1] == " " and following.strip():
            finding.excerpt.append(i)
            finding.end += 1
        return
    if _SOURCE.match(line) or _CARETS.match(following):
        finding.excerpt.append(i)
        finding.end += 1
    elif _EXCERPT.match(line) or (not finding.excerpt and len(lines[i - 1]) >= _WRAPPED and _excerpt_follows(lines, i)):
        finding.message = f"{finding.message} {line.strip()}"
        finding.joined = True
        finding.end += 1


def _excerpt_follows(lines: Sequence[str], i: int) -> bool:
    """Whether the lines from i on lead to an excerpt: what is wrapped stands between the first line and that."""
    for line in lines[i + 1 : i + 1 + _MOST_WRAPPED]:
        if _EXCERPT.match(line):
            return True
        if not line or _FINDING.match(line):
            return False
    return False


def _between(lines: Sequence[str], start: int, end: int, path: str) -> bool:
    """Whether the lines between two findings belong to the report's layout: blank ones, headings."""
    return all(not line.strip() or line == path or _HEADING.match(line) for line in lines[start:end])


def _add(out: list[Report], lines: Sequence[str], run: list[Finding]) -> None:
    if len(run) < _LEAST:
        return
    start, end = run[0].start, run[-1].end
    while start > 0 and (lines[start - 1] == run[0].path or _HEADING.match(lines[start - 1])):
        start -= 1
    out.append(_report(lines, run, start, end))


def _report(lines: Sequence[str], run: list[Finding], start: int, end: int) -> Report:
    folder = _common_folder(run)
    kinds: dict[str, list[Finding]] = defaultdict(list)
    templates: dict[str, str] = {}
    for finding in run:
        message = finding.message
        finding.path = finding.path[len(folder) :]
        if message not in templates:
            templates[message] = _SLOT.sub("…", message)
        kinds[templates[message]].append(finding)
    excerpts: list[int] = []
    body: list[str] = []
    for group in kinds.values():
        body.extend(_group(group))
        labels: set[str] = set()
        for place, finding in enumerate(group):
            said = {_SLOT.sub("…", label) for label in _labels(lines, finding)}
            if place == 0 or not said <= labels or (len(finding.excerpt) > _MOST_UNDER and not finding.headed):
                body.extend(lines[i] for i in finding.excerpt)
                labels |= said
            else:
                excerpts.extend(finding.excerpt)
    excerpts.sort()
    notes = [f"[{len(run)} findings (lines {start + 1}–{end}) regrouped: each message once, … where it varies"]
    notes.append("under it all its places as path: line:column, what varies in brackets after a place or before places")
    if folder:
        notes.append(f"all {'paths are under' if folder.endswith('/') else 'are in'} {folder}")
    if any(finding.joined for finding in run):
        notes.append("messages wrapped over several lines are joined")
    if excerpts:
        notes.append(f"{plural(len(excerpts), 'lines')} of source excerpts left out, the first of each kind shown")
    omissions = [Omission("order of the findings", len(run), "items", ((start + 1, end),))]
    if excerpts:
        omissions.append(Omission("source excerpts", len(excerpts), "lines", ranges_of(i + 1 for i in excerpts)))
    found = {i for finding in run for i in range(finding.start, finding.end)}
    layout = [i + 1 for i in range(start, end) if i not in found]
    if layout:
        omissions.append(Omission("headings and blank lines of the report", len(layout), "lines", ranges_of(layout)))
    return Report(start, end, ["; ".join(notes) + "]", *body], tuple(omissions))


def _labels(lines: Sequence[str], finding: Finding) -> list[str]:
    """What an excerpt says besides the source: labels after carets, notes and hints."""
    found = (_LABEL.search(lines[i], 0, _LABELLED) for i in finding.excerpt)
    return [label[1] or label[2] for label in found if label]


def _common_folder(run: list[Finding]) -> str:
    paths = [finding.path for finding in run]
    common = _common_start(min(paths), max(paths))
    if common == max(paths):
        return common
    folder = common[: common.rfind("/") + 1]
    return folder if len(folder) > _SHORT_FOLDER else ""


def _common_start(a: str, b: str) -> str:
    same = 0
    while same < min(len(a), len(b)) and a[same] == b[same]:
        same += 1
    return a[:same]


def _group(group: list[Finding]) -> list[str]:
    """One kind of message with its places, by message or by file, whichever is shorter."""
    column = _common_column(group)
    messages: dict[str, list[Finding]] = defaultdict(list)
    for finding in group:
        messages[finding.message].append(finding)
    if len(messages) <= 2:
        return [part for message, found in messages.items() for part in (message + column, f"  {_places(found)}")]
    rows = {message: _SLOT.findall(message) for message in messages}
    slots = list(zip(*rows.values(), strict=True))
    varying = [place for place, values in enumerate(slots) if len(set(values)) > 1]
    shown = iter("…" if place in varying else values[0] for place, values in enumerate(slots))
    heading = _SLOT.sub(lambda _: next(shown), group[0].message) + column
    values = {message: " ".join(row[place] for place in varying) for message, row in rows.items()}
    by_message = "; ".join(f"{values[message]}: {_places(found)}" for message, found in messages.items())
    by_file = _places(group, values)
    return [heading, "  " + min(by_message, by_file, key=len)]


def _common_column(group: list[Finding]) -> str:
    """Take the column off the places of a group where it is always the same, and say so: "(column 80)"."""
    columns = {finding.place.partition(":")[2] for finding in group}
    if len(group) <= 2 or len(columns) != 1 or "" in columns:
        return ""
    for finding in group:
        finding.place = finding.place.partition(":")[0]
    return f"  (column {columns.pop()})"


def _places(found: list[Finding], values: dict[str, str] | None = None) -> str:
    """Places by file: "a/x.py: 3:1, 9:5; a/y.py:7:2 (value)"."""
    files: dict[str, list[str]] = defaultdict(list)
    for finding in found:
        value = f" ({values[finding.message]})" if values else ""
        files[finding.path].append(finding.place + value)
    return "; ".join(
        f"{path}{': ' if path else ''}{', '.join(places)}" if len(places) > 1 or not path else f"{path}:{places[0]}"
        for path, places in files.items()
    )
