"""Characters that carry data for machines: base64, data URIs, hex, minified code. Cut with a preview and a count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from headroom.marker import omitted
from headroom.model import Omission
from headroom.text.query import Query

_RUN = re.compile(r"(?:[A-Za-z0-9+/]{64}){3,}[A-Za-z0-9+/]*={0,2}|(?:[A-Za-z0-9_-]{64}){4,}[A-Za-z0-9_-]*")
# What every run contains, in a line of which each character that runs may hold has become an "x".
_LEAST_RUN = b"x" * 192
_IN_RUNS = bytes(120 if re.match(r"[A-Za-z0-9+/_-]", chr(code)) else 32 for code in range(256))
_HEX = re.compile(r"[0-9a-fA-F]+$")
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)")
_WRAPPED = re.compile(r"[A-Za-z0-9+/]{60,120}\r?$")
_PREVIEW, _HEAD, _TAIL, _AROUND = 48, 400, 120, 120
_LONG, _WIDE, _BLANK_SHARE, _MOST_HITS = 2_000, 192, 0.1, 6
_LEAST_WRAPPED, _LONGEST_ITEM = 6, 48

Lost = dict[str, list[tuple[int, int]]]


def cut_encoded(lines: Sequence[str], query: Query) -> tuple[list[str], list[Omission]]:
    """The lines with encoded runs and minified lines cut, each with a preview and a marker, and the loss report."""
    lost: Lost = {}
    out = list(lines)
    for i, line in enumerate(lines):
        if len(line) < _WIDE:
            continue
        if _LEAST_RUN in line.encode("latin-1", "replace").translate(_IN_RUNS):
            line = _cut_runs(line, i, lost)
        dense = len(line) >= _LONG and line.count(" ") < len(line) * _BLANK_SHARE
        if dense and not _is_json(line) and not _lists(line):
            line = _cut_line(line, i, query, lost)
        out[i] = line
    return out, [
        Omission(kind, sum(count for _, count in where), "characters", tuple((i + 1, i + 1) for i, _ in where))
        for kind, where in lost.items()
    ]


def wrapped_base64(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Blocks of base64 wrapped into lines of one width (PEM, MIME), 0-based, end exclusive, without first and last."""
    start = -1
    for i, line in enumerate((*lines, "")):
        full = len(line) >= 60 and _WRAPPED.match(line) is not None
        if full and start >= 0 and len(line) == len(lines[start]):
            continue
        if start >= 0 and i - start >= _LEAST_WRAPPED and _MIXED.match("".join(lines[start : start + 3])):
            yield start + 1, i
        start = i if full else -1


def _is_json(line: str) -> bool:
    return line[0] in "{[" and line.rstrip()[-1:] in ("}", "]")


def _lists(line: str) -> bool:
    """Whether a line is a list for eyes: names with a comma and a blank between them."""
    return line.count(", ") * _LONGEST_ITEM > len(line) and line.count(";") * _LONGEST_ITEM < len(line)


def _cut_runs(line: str, number: int, lost: Lost) -> str:
    gone: dict[str, int] = {}

    def cut(found: re.Match[str]) -> str:
        run = found.group()
        kind = "hex" if _HEX.match(run) else "base64" if _MIXED.match(run) else ""
        if not kind:
            return run
        gone[kind] = gone.get(kind, 0) + len(run) - _PREVIEW
        return run[:_PREVIEW] + omitted(len(run) - _PREVIEW, "characters", (), kind)

    line = _RUN.sub(cut, line)
    for kind, count in gone.items():
        lost.setdefault(kind, []).append((number, count))
    return line


def _cut_line(line: str, number: int, query: Query, lost: Lost) -> str:
    """A line without room for eyes: its beginning, its end, and what the question names in between."""
    spans = [(0, _HEAD), (len(line) - _TAIL, len(line))]
    lower = line.lower()
    for term, _ in query.terms:
        at = lower.find(term) if len(lower) == len(line) and len(term) > 2 else -1
        if at >= 0 and len(spans) < 2 + _MOST_HITS:
            spans.append((max(0, at - _AROUND), min(len(line), at + len(term) + _AROUND)))
    parts: list[str] = []
    end = gone = 0
    for start, stop in sorted(spans):
        if start > end:
            parts.append(omitted(start - end, "characters"))
            gone += start - end
        if stop > end:
            parts.append(line[max(start, end) : stop])
            end = stop
    lost.setdefault("minified text", []).append((number, gone))
    return "".join(parts)
