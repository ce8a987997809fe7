"""What a log line says before its message: wrapper, time, level, host, process, thread, component."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headroom.text.timestamps import CLOCK, STAMP

_LEVELS = {
    "trace": 0, "verbose": 0, "debug": 0, "fine": 0, "finer": 0, "finest": 0, "info": 1, "information": 1, "notice": 1,
    "warn": 2, "warning": 2, "error": 3, "err": 3, "severe": 3, "fatal": 3, "critical": 3, "crit": 3, "alert": 3,
    "emerg": 3, "emergency": 3, "panic": 3, "failure": 3,
}  # fmt: skip
_LETTERS = {"V": 0, "D": 0, "I": 1, "W": 2, "E": 3, "F": 3}
_NAMES = "|".join(sorted(_LEVELS, key=len, reverse=True))
_WRAPPER = re.compile(r"(?:[\w.-]+ *\| |\[?pods?/[\w./-]+\]? +|\[[\w.-]+/[\w.-]+\] +)?")
_LEVEL_FIRST = re.compile(rf"[\[(<]?(?i:{_NAMES})[\])>]?(?=[\s:|\]/]|$)")
_LEVEL_PAIR = re.compile(rf"[\"']?\b(?:level|lvl|severity|levelname|log\.level)[\"']?\s*[=:]\s*[\"']?(?i:({_NAMES}))\b", re.I)
_STATUS = re.compile(r"\" ([1-5])\d\d (?:\d+|-)")
_FIELD = re.compile(
    rf"""[\s,|]*(?:
    (?P<level>[\[(<|]?(?:{"|".join(n.upper() for n in _NAMES.split("|"))}|{"|".join(n.title() for n in _NAMES.split("|"))})[\])>|]?(?=[\s:|\]]|$):?)
    | (?P<letter>[VDIWEF])(?=\ [\w.$/-]|/)/?
    | (?P<low>[\[<|](?:{_NAMES})[\]>|])
    | (?P<free>-{1,3}(?=\s) | \#?\d+(?:\#\d+)?(?=[\s|\]]) | \[[^\[\]]{{0,160}}(?:\[[^\[\]]*\][^\[\]]*)*\](?=[\s:|]|$):? | <[\w.]+> )
    | (?P<end>[A-Za-z_/][^\s:|\"'=\[\]]*(?:\([^()\s]*\))?(?:\[[^\[\]\s]*\])?(?:\ *:(?=\s|$)|\ *\|(?=\S)|\ (?:\*\d+\ )?-(?=\ )))
    | (?P<dotted>[A-Za-z_][\w$-]*(?:[./][\w$-]+){{2,}})(?=\s|$)
    )""",
    re.VERBOSE,
)
_HOST = re.compile(r"[ ,]*([^\s:\[\]\"'=]+) +(?=(?:[^\s:\"'=\[]+(?:\[[^\]\s]*\])?:(?:\s|$)))")
_BETWEEN = re.compile(r"\S+")
_MAX_HEADER = 260


@dataclass(frozen=True, slots=True)
class Header:
    """`end` is where the message begins; `level` is 0 debug, 1 info, 2 warning, 3 error, None when none is given.

    `clock` is where the line's own time of day begins, -1 without one.
    """

    end: int
    level: int | None
    component: str
    stamped: bool
    clock: int = -1


def parse(line: str) -> Header:
    """The header of a line; `end` is 0 for a line without time and level (it continues the record before it)."""
    if line[:1] == "{" and line.rstrip()[-1:] == "}":
        clock = CLOCK.search(line, 0, 1_000)
        return Header(0, _inner_level(line), "", True, clock.start() if clock else -1)
    start = _WRAPPER.match(line)
    wrapper = start.end() if start else 0
    at = _after_stamps(line, wrapper)
    if at is None:
        first = _LEVEL_FIRST.match(line, wrapper)
        if first is None:
            return Header(0, _inner_level(line), "", False)
        at = wrapper
    level: int | None = None
    if line[wrapper : wrapper + 1] in _LETTERS and line[wrapper + 1 : wrapper + 5].isdigit():
        level = _LETTERS[line[wrapper]]
    return _fields(line, at, level, line[:wrapper])


def _fields(line: str, at: int, level: int | None, wrapper: str) -> Header:
    component = wrapper
    while at < _MAX_HEADER:
        field = _FIELD.match(line, at)
        if field is None:
            host = _HOST.match(line, at)
            if host is None or component != wrapper:
                break
            at = host.end()
            continue
        if field.end() == at:
            break
        at, what = field.end(), field.lastgroup
        if what in ("level", "low"):
            level = _LEVELS[field.group(what).strip("[](){}<>|: ").lower()]
        elif what == "letter":
            level = _LETTERS[field.group(what)[0]]
        elif what == "dotted":
            component += field.group(what)
        elif what == "end":
            component += field.group(what)
            after = _FIELD.match(line, at) if what == "end" and component[-1] == "-" else None
            if after is not None and after.lastgroup == "level":
                at, level = after.end(), _LEVELS[after.group("level").strip("[](){}<>|: ").lower()]
            break
    while at < len(line) and line[at] in " \t":
        at += 1
    clocks = [found.start() for found in CLOCK.finditer(line, 0, at)]
    return Header(at, level if level is not None else _inner_level(line), component, True, clocks[-1] if clocks else -1)


def _after_stamps(line: str, at: int) -> int | None:
    """The end of the last stamp that still belongs to the header; at most four words may stand before each."""
    end: int | None = None
    for room in (4, 2, 2):
        found = STAMP.search(line, at, at + 120)
        if found is None or len(_BETWEEN.findall(line, at, found.start())) > room:
            return end
        end = at = found.end()
        while end < len(line) and line[end] in "])|,:Z ":
            end += 1
        at = end
    return end


def _inner_level(line: str) -> int | None:
    """A level given as a field (`level=warn`, `"severity":"ERROR"`) or an access log's status."""
    found = _LEVEL_PAIR.search(line, 0, 1_000)
    if found:
        return _LEVELS[found.group(1).lower()]
    status = _STATUS.search(line, 0, 2_000)
    if status:
        return {"4": 2, "5": 3}.get(status.group(1), 1)
    return None
