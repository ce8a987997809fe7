"""What belongs to a result in TAP: the comment that announced it above, the block of details under it."""

from __future__ import annotations

import re
from collections.abc import Sequence

_RESULT = re.compile(r"(\s*)(not )?ok \d+(?: - (.*?))?(?: # .*)?\r?$")
_ANNOUNCED = re.compile(r"(\s*)# Subtest: (.*?)\r?$")
_DURATION = re.compile(r"\s*duration_ms: (\d+(?:\.\d+)?)")


def belongings(lines: Sequence[str]) -> tuple[dict[int, list[int]], dict[int, float]]:
    """Result line → the other lines that speak of it, and → its duration in ms; 0-based, both empty without TAP."""
    owned: dict[int, list[int]] = {}
    took: dict[int, float] = {}
    announced: dict[tuple[str, str], int] = {}
    for i, line in enumerate(lines):
        if "# Subtest: " in line and (found := _ANNOUNCED.match(line)):
            announced[found[1], found[2]] = i
        elif "ok " in line[:40] and (found := _RESULT.match(line)):
            indent = found[1]
            heading = announced.pop((indent, found[3] or ""), -1)
            details = range(i + 1, _end_of_details(lines, i + 1, indent))
            owned[i] = [*([heading] if heading >= 0 else ()), *details]
            for k in details:
                if duration := _DURATION.match(lines[k]):
                    took[i] = float(duration[1])
    return owned, took


def _end_of_details(lines: Sequence[str], start: int, indent: str) -> int:
    """The line after a block of details that opens at `start`; `start` itself where there is none."""
    opening = lines[start].rstrip() if start < len(lines) else ""
    if opening.lstrip() != "---" or len(opening) <= len(indent) + 3:
        return start
    closing = opening[:-3] + "..."
    for k in range(start + 1, len(lines)):
        if lines[k].rstrip() == closing:
            return k + 1
        if lines[k].strip() and not lines[k].startswith(opening[:-3]):
            break
    return start
