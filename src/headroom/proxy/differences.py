"""What differs between two system prompts or two lists of tools, in words that repeat nothing of either."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, TypeVar

# Marks of a cache breakpoint wander from request to request; no provider counts them as text.
_NO_TEXT = frozenset(("cache_control", "type", "role"))
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AaPp][Mm]\b)?(?:Z|[+-]\d\d:?\d\d)?"
_DATES = (
    r"\b\d{4}[-/.]\d\d?[-/.]\d\d?\b",
    r"\b\d\d?[/.]\d\d?[/.]\d{2,4}\b",
    rf"\b(?:\d\d? )?{_MONTH}\b(?: \d\d?\b)?(?:,? \d{{4}}\b)?",
    r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b",
    r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b",
)
# A changed file, one that git doesn't track, a commit in short, or that there is nothing to say.
_STATUS = r"(?:(?!  )[ MTADRCU?!]{2} \S.*|[0-9a-f]{7,40} \S.*|\(clean\)|nothing to commit.*)"
_WHERE = r"[Cc]wd|CWD|[Pp]wd|PWD|(?:[Ww]orking|[Cc]urrent) [Dd]irectory|[Bb]ranch"
_KINDS = {
    "Claude Code's billing header": r"^x-anthropic-billing-header:.*$",
    "git's status": rf"\A{_STATUS}(?:\n{_STATUS})*\Z",
    "a directory or branch": rf"\b(?:{_WHERE})\b[^:=\n]{{0,20}}[:=].*$",
    "a UUID": r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b",
    "a time": rf"\b\d{{4}}-\d\d-\d\d[T ]{_CLOCK}|\b{_CLOCK}",
    "a date": "|".join(_DATES),
    "a number": r"\b\d+(?:[.,]\d+)*(?:[mnµ]?s|[mhd]|[kKMG]i?B?)?\b",
    "an id": r"\b(?=[A-Za-z_-]{0,64}\d)[\w-]{6,}\b",
}
_NAMES = list(_KINDS)
_VOLATILE = re.compile("|".join(f"({pattern})" for pattern in _KINDS.values()))
_IS_STATUS = re.compile(_STATUS).fullmatch
_OTHER = "text"
_LONG, _MARGIN = 1_000, 64  # characters of a line of which only what differs is looked at, and what stands around it

Comparable = TypeVar("Comparable", bytes, str, list[str])


def alike(one: Comparable, other: Comparable) -> int:
    """How far both begin with the same."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def in_system(before: Sequence[bytes], now: Sequence[bytes]) -> str:
    """What differs between system prompts, each given as pieces of JSON; "" where their texts are the same."""
    if before == now:
        return ""
    old, new = _lines(before), _lines(now)
    if old == new:
        return ""
    start = alike(old, new)
    gone, come = old[start:][::-1], new[start:][::-1]
    end = alike(gone, come)
    gone, come = gone[end:], come[end:]
    if len(gone) != len(come):
        return _said(max(len(gone), len(come)), [_OTHER])
    pairs = [(one, other) for one, other in zip(gone, come, strict=True) if one != other]
    found = {kind for one, other in pairs for kind in _kinds(one, other)}
    return _said(len(pairs), [kind for kind in (*_NAMES, _OTHER) if kind in found])


def units(text: str) -> list[str]:
    """The lines of a text, of which those that are git's status count as one, however many there are."""
    lines = text.split("\n")
    if not any(map(_IS_STATUS, lines)):
        return lines
    runs = ((is_status, list(run)) for is_status, run in groupby(lines, lambda line: _IS_STATUS(line) is not None))
    return [unit for is_status, run in runs for unit in (["\n".join(run)] if is_status else run)]


def is_volatile(one: str, other: str) -> bool:
    """Whether two lines say the same but for values that come and go: times, ids, counts, where one is."""
    return _OTHER not in _kinds(one, other)


def in_tools(before: bytes, now: bytes) -> str:
    """What differs between two lists of tools; "" where they define the same in the same order."""
    if before == now:
        return ""
    old, new = _definitions(before), _definitions(now)
    if old == new:
        return ""
    was, is_now = dict(old), dict(new)
    counts = {
        "added": sum(name not in was for name in is_now),
        "gone": sum(name not in is_now for name in was),
        "changed": sum(name in was and was[name] != text for name, text in is_now.items()),
    }
    said = [f"{count} {what}" for what, count in counts.items() if count]
    if [name for name in was if name in is_now] != [name for name in is_now if name in was] or not said:
        said.append("another order")
    return "tools: " + ", ".join(said)


def _said(lines: int, kinds: Sequence[str]) -> str:
    return f"system prompt, {lines} line{'s' if lines > 1 else ''}: {', '.join(kinds)}"


def _kinds(one: str, other: str) -> list[str]:
    """Which kinds of values differ between two lines that are otherwise the same; "text" where they aren't."""
    if max(len(one), len(other)) > _LONG and "\n" not in one:
        start = max(0, alike(one, other) - _MARGIN)
        one, other = one[start:], other[start:]
        end = max(0, alike(one[::-1], other[::-1]) - _MARGIN)
        one, other = one[: len(one) - end], other[: len(other) - end]
        if max(len(one), len(other)) > _LONG:
            return [_OTHER]
    if _VOLATILE.sub("\0", one) != _VOLATILE.sub("\0", other):
        return [_OTHER]
    pairs = zip(_VOLATILE.finditer(one), _VOLATILE.finditer(other), strict=False)
    return [_name(value) for value, later in pairs if value[0] != later[0]]


def _name(found: re.Match[str]) -> str:
    return _NAMES[(found.lastindex or 1) - 1]


def _lines(pieces: Sequence[bytes]) -> list[str]:
    return [line for piece in pieces for text in _strings(json.loads(piece)) for line in units(text)]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _NO_TEXT:
                yield from _strings(item)


def _definitions(tools: bytes) -> list[tuple[str, str]]:
    """Names and definitions in their order, Gemini's groups opened."""
    found = json.loads(tools) if tools else []
    flat = [one for tool in found for one in _grouped(tool)] if isinstance(found, list) else [found]
    return [(_called(tool), json.dumps(_unmarked(tool), sort_keys=True)) for tool in flat]


def _grouped(tool: Any) -> list[Any]:
    for key in ("functionDeclarations", "function_declarations"):
        if isinstance(tool, dict) and isinstance(tool.get(key), list):
            return [*tool[key], *([rest] if (rest := {k: v for k, v in tool.items() if k != key}) else [])]
    return [tool]


def _unmarked(tool: Any) -> Any:
    return {key: value for key, value in tool.items() if key != "cache_control"} if isinstance(tool, dict) else tool


def _called(tool: Any) -> str:
    """A tool's name; what has none is called by what it is."""
    if not isinstance(tool, dict):
        return repr(tool)
    function = tool.get("function")
    name = tool.get("name") or (function.get("name") if isinstance(function, dict) else None)
    return str(name or tool.get("type") or sorted(tool))
