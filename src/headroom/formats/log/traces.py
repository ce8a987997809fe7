"""Stack traces between log lines: where they stand, which are the same, which of their lines matter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

FRAME = re.compile(
    r"\s*(?:"
    r"at (?:async |new )?[\w$.<>\[\]/@:\\-]+(?: ?\(| \[as |:\d|$)"  # Java, JavaScript, C#
    r"|\.{3} \d+ (?:more|common frames omitted)"
    r"|File \"[^\"]+\", line \d"  # Python
    r"|\d+: +0[x0-9a-f]* - "  # Rust
    r"|from [^\s:]+:\d+:in "  # Ruby
    r"|#\d+:? +(?:\S+ in )?[^\s(]+ ?\("  # PHP, gdb
    r"|(?:/|[A-Z]:\\|[\w.-]+/)[^\s:]+\.\w+:\d+(?: \+0[x0-9a-f]*)?\s*$"  # Go and others
    r")"
)
"""One call in a stack trace."""

_LIBRARY = re.compile(
    r"\bat (?:java|javax|jdk|sun|com\.sun|scala|kotlin|clojure|groovy|io\.netty|android|com\.android|dalvik"
    r"|System|Microsoft|org\.(?:apache|springframework|eclipse|jboss|hibernate|junit))\."
    r"|node_modules|\(node:|\(internal/|site-packages|dist-packages|<frozen "
    r"|/usr/lib|/lib/python|/rustc/|/\.cargo/|/usr/local/go/|/vendor/|/gems/"
)
_FRAMES_PER_HEADER, _OWN_FRAMES, _LAST_LINES, _SHORT, _LEAST_GAP = 2, 6, 4, 10, 3


@dataclass(frozen=True, slots=True)
class Trace:
    """Lines `start` to `end` (0-based, end exclusive) under the line `start - 1`."""

    start: int
    end: int


def traces(loose: Sequence[bool], frames: Sequence[bool]) -> list[Trace]:
    """Runs of lines without a header or with a frame as their message that hold at least two frames."""
    found: list[Trace] = []
    i, count = 0, len(loose)
    while i < count:
        if not loose[i]:
            i += 1
            continue
        start = i
        while i < count and loose[i]:
            i += 1
        if sum(frames[start:i]) >= 2:
            found.append(Trace(start, i))
    return found


def alike(found: Sequence[Trace], shape_of_line: Sequence[int]) -> list[list[Trace]]:
    """Traces grouped by equal shapes of all their lines, in order of the first of each group.

    A trace that has no line of a new shape joins the first group that begins as it does (or the latest).
    """
    groups: list[list[Trace]] = []
    equal: dict[tuple[int, ...], list[Trace]] = {}
    heads: dict[int, list[Trace]] = {}
    seen: set[int] = set()
    for trace in found:
        key = tuple(shape_of_line[trace.start : trace.end])
        home = equal.get(key)
        if home is None and seen.issuperset(key):
            home = heads.get(key[0], groups[-1])
        if home is None:
            home = equal[key] = []
            groups.append(home)
            heads.setdefault(key[0], home)
            seen.update(key)
        home.append(trace)
    return groups


def telling(trace: Trace, lines: Sequence[str], frames: Sequence[bool]) -> list[int]:
    """The lines of a trace that stay: messages, causes, the frames next to them, the user's frames, the last lines."""
    if trace.end - trace.start <= _SHORT:
        return list(range(trace.start, trace.end))
    keep: set[int] = set(range(trace.end - _LAST_LINES, trace.end))
    own = since = 0
    for i in range(trace.start, trace.end):
        if not frames[i]:
            keep.add(i)
            under_frame = i > 0 and frames[i - 1] and lines[i][:4] == "    "  # the source line of a Python frame
            since = since if under_frame else 0
            continue
        since += 1
        if since <= _FRAMES_PER_HEADER:
            keep.add(i)
        elif own < _OWN_FRAMES and not _LIBRARY.search(lines[i]):
            keep.add(i)
            own += 1
    return _without_small_gaps(sorted(keep))


def _without_small_gaps(kept: list[int]) -> list[int]:
    """Gaps of one or two lines are filled: their marker would cost as much."""
    out = kept[:1]
    for i in kept[1:]:
        if i - out[-1] <= _LEAST_GAP:
            out += range(out[-1] + 1, i)
        out.append(i)
    return out
