"""What a log line says before its message: wrapper, time, level, host, process, thread, component."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from headroom.formats.log.timestamps import CLOCK, STAMP
from headroom.interfaces import paged

_LEVELS = {
    "trace": 0, "verbose": 0, "debug": 0, "fine": 0, "finer": 0, "finest": 0, "info": 1, "information": 1, "notice": 1,
    "warn": 2, "warning": 2, "error": 3, "err": 3, "severe": 3, "fatal": 3, "critical": 3, "crit": 3, "alert": 3,
    "emerg": 3, "emergency": 3, "panic": 3, "failure": 3,
}  # fmt: skip
_LETTERS = {"V": 0, "D": 0, "I": 1, "W": 2, "E": 3, "F": 3}
_ANY = "|".join(sorted(_LEVELS, key=len, reverse=True))
_WRITTEN = "|".join(spelling for name in _ANY.split("|") for spelling in (name.upper(), name.title()))
_WRAPPER = re.compile(r"(?:[\w.-]+ *\| |\[?pods?/[\w./-]+\]? +|\[[\w.-]+/[\w.-]+\] +)?")
_LEVEL_FIRST = re.compile(rf"[\[(<]?(?i:{_ANY})[\])>]?(?=[\s:|\]/]|$)")
_OUTCOME_SIGNS = ('" ', "tatus", '"level"')
_LEVEL_NAMES = ("level", "Level", "LEVEL", "lvl", "everity")
_LEVEL_PAIR = re.compile(
    rf"[\"']?\b(?:level|lvl|severity|levelname|log\.level)[\"']?\s*[=:]\s*[\"']?({_ANY})\b", re.IGNORECASE
)
_LATE_LEVEL = re.compile(r"[ ,|]*(?:[^a-z\s]+ +){0,3}?(INFO|WARN|WARNING|ERROR|SEVERE|FATAL|FAILURE|CRITICAL)(?=[ :,])")
_JSON_LOG = re.compile(r"\"(?:level|severity|lvl|levelname|log\.level)\"\s*:|\"(?:msg|message|event)\"\s*:\s*\"")
_OUTCOME = re.compile(
    r"\" (?P<request>[1-5]\d\d) (?:\d+|-)(?=\s|$)"
    r"|[Ss]tatus(?:_?[Cc]ode)?[\"']?\s*[=:]\s*[\"']?(?P<status>[1-5]\d\d)\b"
    r"|\"level\"\s*:\s*(?P<level>[1-6]0)\b"
)
_FIELD = re.compile(
    rf"""[\s,|]*(?:
    (?P<level>[\[(<|]?(?:{_WRITTEN})[\])>|]?(?=[\s:|\]]|$):?)
    | (?P<letter>[VDIWEF])(?=\ [\w.$/-]|/)/?                    # logcat
    | (?P<low>[\[<|](?:{_ANY})[\]>|])
    | (?P<free>                                                 # says nothing about the kind of line
        -{{1,3}}(?=\s)
        | std(?:out|err)\ [FP](?=\s)                            # CRI
        | \#?\d+(?:\#\d+)?(?=[\s|\]])                           # process, thread
        | \[[^\[\]]{{0,160}}(?:\[[^\[\]]*\][^\[\]]*)*\](?=[\s:|]|$):?
        | <[\w.]+> )
    | (?P<end>                                                  # program or logger, before the message
        [A-Za-z_/][^\s:|\"'=\[\]]*(?:\([^()\s]*\))?(?:\[[^\[\]\s]*\])?
        (?:\ *:(?=\s|$)|\ *\|(?=\S)|\ (?:\*\d+\ )?-(?=\ )))
    | (?P<source>[\w./-]+:\d+\])                                # glog
    | (?P<dotted>[A-Za-z_][\w$-]*(?:[./][\w$-]+){{2,}})(?=\s|$)
    )""",
    re.VERBOSE,
)
_HOST = re.compile(r"[ ,]*([^\s:\[\]\"'=]+) +(?=(?:[^\s:\"'=\[]+(?:\[[^\]\s]*\])?:(?:\s|$)))")
_NO_LOG = re.compile(
    r"[-dlbcps][rwxsStT-]{9}"  # a listing
    r"|\^?[0-9a-f]{7,40}[ |(]"  # a commit
    r"|[^|]* \| [^|]* \| "  # rows of a table
    r"|[^,;\t]*\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?Z?[,;\t](?! |\d{3}(?![\d,;]))"
)
_DIAGNOSTIC = re.compile(
    r"(?:[^\s:(]+(?::\d+(?::\d+)?|\(\d+(?:,\d+)?\)): +)?"
    r"(?:(?:fatal )?(error|warning)(?: ?\[[\w-]+\]| \w+\d+)?:|##\[(error|warning)\])"
)  # a compiler's or a build server's message under a time
_QUOTED = re.compile(r"\s*[\[{,]*\s*[\"{]")
_BETWEEN = re.compile(r"((?:[\[(<\"|]|\w+=\"?)*)\S+")
_TIMED = re.compile(r"\d(?:[:.]\d\d|\d{5})")  # every stamp holds one of these
_LEVEL_LINE = re.compile(rf"\n(?:{_WRAPPER.pattern}[\[(<]?(?:{_ANY})[\])>]?(?:[\s:|\]/]|$)|\{{)")  # on a page
_STAMP_STARTS = frozenset("0123456789IWEFDVMTSJANO")
_MAX_HEADER, _WORDS_BEFORE = 260, 5


@dataclass(frozen=True, slots=True)
class Header:
    """`end` is where the message begins; `level` is 0 debug, 1 info, 2 warning, 3 error, None when none is given.

    `clock` is where the line's own time of day begins, -1 without one. The host is the word `host` blanks before the
    message, 0 without one.
    """

    end: int
    level: int | None
    component: str
    stamped: bool
    clock: int = -1
    host: int = 0


def parse(line: str) -> Header:
    """The header of a line; `end` is 0 for a line without time and level (it continues the record before it)."""
    if line[:1] == "{" and line.rstrip()[-1:] == "}":
        clock, logged = CLOCK.search(line, 0, 1_000), _JSON_LOG.search(line, 0, 1_000) is not None
        return Header(0, _inner_level(line), "", logged, clock.start() if clock else -1)
    if _QUOTED.match(line):
        return Header(0, None, "", False)
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


def may_be_logged(lines: Sequence[str]) -> Sequence[str]:
    """Those of the lines that may begin as log lines do; a look at them as one text first."""
    page = paged(lines)
    if _LEVEL_LINE.search(page.casefold()):
        return lines
    return [line for line in lines if _TIMED.search(line)] if _TIMED.search(page) else ()


def looks_logged(line: str) -> bool:
    """Whether a line begins as log lines do; stricter than `parse`: no table, listing or blame."""
    if line[:1] == "{":
        return parse(line).stamped
    wrapper = _WRAPPER.match(line)
    start = wrapper.end() if wrapper else 0
    if not _QUOTED.match(line) and _TIMED.search(line) and _next_stamp(line, start) is not None:
        return _NO_LOG.match(line) is None
    if _LEVEL_FIRST.match(line, start) is None:
        return False
    header = parse(line)
    return header.stamped and (header.end == 0 or _NO_LOG.match(line) is None)


def _fields(line: str, at: int, level: int | None, wrapper: str) -> Header:
    component, host_at = wrapper, -1
    while at < _MAX_HEADER:
        field = _FIELD.match(line, at)
        if field is None:
            host = _HOST.match(line, at)
            if host is None or component != wrapper:
                break
            host_at, at = host.start(1), host.end()
            continue
        if field.end() == at:
            break
        at, what = field.end(), field.lastgroup
        if what in ("level", "low"):
            level = _LEVELS[field.group(what).strip("[](){}<>|: ").lower()]
        elif what == "letter":
            level = _LETTERS[field.group(what)[0]]
        elif what in ("dotted", "source"):
            component += field.group(what)
        elif what == "end":
            component += field.group(what)
            after = _FIELD.match(line, at) if what == "end" and component[-1] == "-" else None
            if after is not None and after.lastgroup == "level":
                at, level = after.end(), _LEVELS[after.group("level").strip("[](){}<>|: ").lower()]
            break
    late = _LATE_LEVEL.match(line, at) if level is None else None
    if late is not None:
        at, level = late.end(), _LEVELS[late.group(1).lower()]
    while at < len(line) and line[at] in " \t":
        at += 1
    if level is None and (said := _DIAGNOSTIC.match(line, at)):
        level = _LEVELS[said.group(1) or said.group(2)]
    clocks = [found.start() for found in CLOCK.finditer(line, 0, at)]
    level = level if level is not None else _inner_level(line)
    host_blanks = line.count(" ", host_at, at) if host_at >= 0 else 0
    return Header(at, level, component, True, clocks[-1] if clocks else -1, host_blanks)


def _after_stamps(line: str, at: int) -> int | None:
    """The end of the last stamp that still belongs to the header; at most four words may stand before each."""
    end: int | None = None
    for room in (_WORDS_BEFORE, 3, 3):
        found = _next_stamp(line, at, room)
        if found is None:
            return end
        end = found
        while end < len(line) and line[end] in "])|,:Z ":
            end += 1
        at = end
    return end


def _next_stamp(line: str, at: int, room: int = _WORDS_BEFORE) -> int | None:
    """The end of a stamp that begins one of the next `room` words; most stamps stand right here."""
    if line[at : at + 1] in _STAMP_STARTS and (here := STAMP.match(line, at)):
        return here.end()
    for word in islice(_BETWEEN.finditer(line, at, at + 120), room):
        found = STAMP.match(line, word.end(1)) if line[word.end(1)] in _STAMP_STARTS else None
        if found is None and word.end(1) > word.start(1):  # an uptime or an epoch keeps its bracket
            found = STAMP.match(line, word.start(1))
        if found is not None:
            return found.end()
    return None


def outcome(line: str) -> str:
    """What a number tells of a line's outcome: an HTTP status, a level as number ("L50"); "" where none does."""
    if not any(sign in line for sign in _OUTCOME_SIGNS):
        return ""
    found = _OUTCOME.search(line, 0, 2_000)
    if found is None:
        return ""
    return f"L{found['level']}" if found["level"] else found["request"] or found["status"]


def _inner_level(line: str) -> int | None:
    """A level given as a field (`level=warn`, `"severity":"ERROR"`, `"level":50`) or an HTTP status."""
    start = line[:1_000]
    found = _LEVEL_PAIR.search(start) if any(name in start for name in _LEVEL_NAMES) else None
    if found:
        return _LEVELS[found.group(1).lower()]
    told = outcome(line)
    if told.startswith("L"):
        return {"L40": 2, "L50": 3, "L60": 3}.get(told, 1)
    return {"4": 2, "5": 3}.get(told[0], 1) if told else None
