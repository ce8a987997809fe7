"""Times in log lines: where they stand, what second they mean, where a log pauses and where it bursts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_CLOCK = r"\d{1,2}:\d\d:\d\d(?:[.,:]\d{1,9})?"
_ZONE = r"(?:\ ?(?:Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d\b))?"
STAMP = re.compile(
    rf"""(?:(?<=[\s\[("|<=])|^)(?:
    \d{{4}}[-/.]\d\d?[-/.]\d\d?(?:[T_\ :-]+\d\d?[:.]\d\d(?:[:.]\d\d(?:[.,:]\d{{1,9}})?)?{_ZONE})?(?![\w-])
    | (?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ +)?(?:{_MONTHS})\ +\d{{1,2}},?(?:\ \d{{4}},?)?\ {_CLOCK}{_ZONE}(?:\ \d{{4}}\b)?
    | (?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ +)?\d{{1,2}}[/\ -](?:{_MONTHS})[/\ -]\d{{2,4}}[:\ T]{_CLOCK}{_ZONE}
    | \d{{1,2}}[-/.]\d{{1,2}}(?:[-/.]\d{{2,4}})?,?[T\ ]+{_CLOCK}(?:\ [AP]M\b)?{_ZONE}
    | \d{{8}}[-T\ ]\d{{1,2}}:?\d{{1,2}}:?\d{{1,2}}(?:[.,:]\d{{1,9}})?{_ZONE}(?!\w)
    | [IWEFDV]\d{{4}}\ {_CLOCK}
    | \d{{6}}\ \d{{6}}(?=\s)
    | {_CLOCK}{_ZONE}(?![\w:])
    | \[\ *\d{{1,7}}\.\d{{3,9}}\]
    | 1\d{{9}}(?:\.\d{{1,9}}|\d{{3}})?(?=[\s\]|])
    )""",
    re.VERBOSE,
)
"""A point in time as logs write it: ISO, syslog, access log, day/month, glog, compact, clock only, uptime, epoch."""

TIME_OF_DAY = re.compile(r"\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?|(?<=\d\d\d\d\d\d )\d{6}(?= )")
_ISO = re.compile(r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)")
_DAY_MONTH = re.compile(rf"(\d{{1,2}})[ /-]({_MONTHS})|({_MONTHS}) +(\d{{1,2}})")
_NUMERIC_DAY = re.compile(r"(?:^|[^\d.])(\d{1,2})[-/.](\d{1,2})(?![\d:])")
_HMS = re.compile(r"(\d{1,2}):(\d\d):(\d\d)")
_SIX = re.compile(r"^\d{4}(\d\d) (\d\d)(\d\d)(\d\d)")
_MONTH_NUMBER = {name: n for n, name in enumerate(_MONTHS.split("|"), 1)}


def clock_of(line: str) -> str:
    """The time of day in a line as it is written there, "" when there is none."""
    found = TIME_OF_DAY.search(line, 0, 200)
    return found.group() if found else ""


def second_of(stamp: str) -> int | None:
    """Seconds on a scale that only differences of the same log make sense on; None when the stamp has no time of day."""
    clock = _HMS.search(stamp)
    if clock is None:
        six = _SIX.match(stamp)
        if six is None:
            return None
        day, h, m, s = (int(part) for part in six.groups())
        return ((day * 24 + h) * 60 + m) * 60 + s
    h, m, s = (int(part) for part in clock.groups())
    return ((_day_of(stamp[: clock.start()] + " ") * 24 + h) * 60 + m) * 60 + s


def _day_of(date: str) -> int:
    iso = _ISO.search(date)
    try:
        if iso:
            return datetime(int(iso[1]), int(iso[2]), int(iso[3])).toordinal()
        named = _DAY_MONTH.search(date)
        if named:
            month, day = named[2] or named[3], named[1] or named[4]
            return datetime(2000, _MONTH_NUMBER[month], int(day)).toordinal()
        plain = _NUMERIC_DAY.search(date)
        if plain:
            return datetime(2000, int(plain[1]), int(plain[2])).toordinal()
    except ValueError:
        pass
    return 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How the lines of a log lie in time: `gap` is (seconds, line before, line after), lines 0-based; `burst` is
    (lines in the busiest minute, its first line)."""

    seconds: int
    gap: tuple[int, int, int] | None
    burst: tuple[int, int] | None


def pace(lines: Sequence[str]) -> Pace | None:
    """The span, longest pause and busiest minute of the lines that begin with a time; None when too few do."""
    times: list[tuple[int, int]] = []
    known: dict[str, int | None] = {}
    for i, line in enumerate(lines):
        found = TIME_OF_DAY.search(line, 0, 90)
        if found is None:
            continue
        stamp = line[max(0, found.start() - 26) : found.start() + 8]
        if stamp not in known:
            known[stamp] = second_of(stamp if ":" in found.group() else line[max(0, found.start() - 7) : found.end()])
        second = known[stamp]
        if second is not None:
            times.append((second, i))
    if len(times) < 8 or any(b[0] < a[0] for a, b in zip(times, times[1:], strict=False)):
        return None
    return _pace(times)


def _pace(times: list[tuple[int, int]]) -> Pace:
    whole = times[-1][0] - times[0][0]
    gap = max(((b[0] - a[0], a[1], b[1]) for a, b in zip(times, times[1:], strict=False)), key=lambda g: (g[0], -g[1]))
    minutes: dict[int, list[int]] = {}
    for second, i in times:
        minutes.setdefault(second // 60, []).append(i)
    busiest = max(minutes.values(), key=lambda lines: (len(lines), -lines[0]))
    typical = len(times) / len(minutes)
    return Pace(
        whole,
        gap if gap[0] >= 5 and gap[0] * 10 >= whole else None,
        (len(busiest), busiest[0]) if len(minutes) > 2 and len(busiest) >= 3 * typical else None,
    )


def duration(seconds: int) -> str:
    """Seconds in words: "7 s", "9 min 7 s", "3 h 5 min", "2 days 4 h"."""
    span = timedelta(seconds=seconds)
    hours, rest = divmod(span.seconds, 3600)
    parts = ((span.days, "days"), (hours, "h"), (rest // 60, "min"), (rest % 60, "s"))
    named = [f"{n} {unit}" for n, unit in parts if n]
    return " ".join(named[:2]) or "0 s"
