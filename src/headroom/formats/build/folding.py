"""Lines left out in place of others like them: why each is left out, and the markers that say so.

A plan gives each line a reason or none. Neighbouring left-out lines become one gap; its marker counts every reason and
lists the varying parts of the lines where the reason asks for them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from headroom.formats.build.findings import Report
from headroom.marker import omitted
from headroom.model import Omission

KEPT = -1
_SHORT, _SHORT_HEAD, _LONG_LIST = 72, 12, 60
# lines of a gap, and how much longer than its marker so few must be: what stands there is read more easily
_WORTH = ((2, 2.0), (4, 1.5))
_WILD = re.compile(r"\*(?: \*)+")
_MOST_PARTS = 8
_GONE = re.compile(rb"\x01+")

Values = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Why:
    """One reason: `kind` names it in the loss report, `text` in the marker (`one` where it is one line's reason).

    `values` gives the part of a line that varies, where that is to be listed.
    """

    kind: str
    text: str
    values: Values | None = None
    one: str = ""


@dataclass(slots=True)
class Plan:
    """`of[i]` is the index in `reasons` of line i's reason, or KEPT; a report stands for the lines from its key on."""

    of: list[int]
    reasons: list[Why] = field(default_factory=list)
    reports: dict[int, Report] = field(default_factory=dict)
    _index: dict[tuple[str, str], int] = field(default_factory=dict)

    def reason(self, why: Why) -> int:
        """The index of a reason, the same for the same kind and text; one that lists values is always its own."""
        key = (why.kind, why.text)
        if why.values is not None:
            self.reasons.append(why)
            return len(self.reasons) - 1
        if key not in self._index:
            self._index[key] = len(self.reasons)
            self.reasons.append(why)
        return self._index[key]


def short(text: str, most: int = _SHORT) -> str:
    """A label for a line or a template: its beginning, with "…" where it is cut, and runs of wildcards as one."""
    text = _WILD.sub("*", text.strip())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def render(lines: Sequence[str], plan: Plan) -> tuple[list[str], tuple[Omission, ...]]:
    """The kept lines with a marker for each gap, and the loss report.

    A gap whose marker would be longer than its lines (or hardly shorter, for a few lines) stays as it is.
    """
    out: list[str] = []
    lost: dict[str, list[tuple[int, int]]] = {}
    regrouped: list[Omission] = []
    at = 0
    for start, end in _replaced(plan):
        out.extend(lines[at:start])
        at = end
        report = plan.reports.get(start)
        if report is not None:
            out.extend(report.lines)
            regrouped.extend(report.omissions)
            continue
        marker = omitted(end - start, "lines", ((start + 1, end),), _describe(plan, start, end))
        size = sum(map(len, lines[start:end])) + end - start
        if size <= len(marker) * next((worth for most, worth in _WORTH if end - start <= most), 1):
            out.extend(lines[start:end])
        else:
            out.append(marker)
            _record(lost, plan, start, end)
    out.extend(lines[at:])
    folded = (Omission(kind, sum(b - a + 1 for a, b in r), "lines", tuple(r)) for kind, r in lost.items())
    return out, (*regrouped, *folded)


def _replaced(plan: Plan) -> list[tuple[int, int]]:
    """The gaps and the reports in order, each from its first line to after its last."""
    gaps = [run.span() for run in _GONE.finditer(bytes(map(KEPT.__ne__, plan.of)))]
    return sorted([*gaps, *((start, report.end) for start, report in plan.reports.items())])


def _record(lost: dict[str, list[tuple[int, int]]], plan: Plan, start: int, end: int) -> None:
    """Add the lines of a gap to the ranges of their kinds."""
    for reason, run in groupby(plan.of[start:end]):
        end = start + sum(1 for _ in run)
        ranges = lost.setdefault(plan.reasons[reason].kind, [])
        if ranges and ranges[-1][1] == start:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((start + 1, end))
        start = end


def _describe(plan: Plan, start: int, end: int) -> str:
    """What a gap hides: each reason with its count, most frequent first, and the values that the reason lists."""
    counts = Counter(plan.of[start:end])
    parts: list[str] = []
    rest = 0
    said: dict[str, str] = {}
    for place, (reason, count) in enumerate(counts.most_common()):
        why = plan.reasons[reason]
        if place >= _MOST_PARTS and why.values is None:
            rest += count
            continue
        text = why.one if why.one and count == 1 else why.text
        head = text if len(counts) == 1 else f"{count} {text}"
        if why.values is not None:
            values = [why.values(i) for i in range(start, end) if plan.of[i] == reason]
            listed = listing(values)
            first = said.setdefault(listed, why.text) if len(listed) > _LONG_LIST else why.text
            listed = listed if first == why.text else f"the same as those {first}"
            head += f": {listed}" if listed else ""
        parts.append(head)
    if rest:
        parts.append(f"{rest} others")
    return "; ".join(parts)


def listing(values: Sequence[str]) -> str:
    """Values in order, each once with its count, those of one folder or file under its name: "a/x.py::{f, g ×2}, b"."""
    groups: dict[str, dict[str, None]] = defaultdict(dict)
    counts = Counter(values)
    for value in counts:
        if value:
            head, tail = _split(value)
            groups[head][tail] = None
    written: list[str] = []
    for head, tails in groups.items():
        names = [tail if counts[head + tail] == 1 else f"{tail} ×{counts[head + tail]}" for tail in tails]
        if len(head) > _SHORT_HEAD and len(names) > 1:
            written.append(f"{head}{{{', '.join(names)}}}")
        else:
            written.extend(head + name for name in names)
    return ", ".join(written)


def _split(value: str) -> tuple[str, str]:
    """A value's folder or file, and the rest: "tests/test_x.py::" and "test_a", "lib/" and "url.c"."""
    stop = value.find("[")
    head = value if stop < 0 else value[:stop]
    at = head.rfind("::")
    if at >= 0:
        return value[: at + 2], value[at + 2 :]
    at = head.find(":", head.rfind("/") + 1)
    if 0 <= at < len(head) - 1:
        return value[: at + 1], value[at + 1 :]
    at = head.rfind("/", 0, len(head) - 1)
    return value[: at + 1], value[at + 1 :]
