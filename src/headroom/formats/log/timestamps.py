"""Times in log lines: where they stand, what second they mean, where a log pauses and where it bursts."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from operator import sub

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_WEEKDAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ +)?"
_CLOCK = r"\d{1,2}:\d\d:\d\d(?:[.,:]\d{1,9})?"
_ZONE = r"(?:\ ?(?:Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d\b))?"
STAMP = re.compile(
    rf"""(?:(?<=[\s\[("|<=])|^)(?:
    \d{{4}}[-/.]\d\d?[-/.]\d\d?[T_\ :-]+\d\d?[:.]\d\d(?:[:.]\d\d(?:[.,:]\d{{1,9}})?)?{_ZONE}(?![\w-])
    | {_WEEKDAY}(?:{_MONTHS})\ +\d{{1,2}},?(?:\ \d{{4}},?)?\ {_CLOCK}{_ZONE}(?:\ \d{{4}}\b)?
    | {_WEEKDAY}\d{{1,2}}[/\ -](?:{_MONTHS})[/\ -]\d{{2,4}}[:\ T]{_CLOCK}{_ZONE}
    | \d{{1,2}}[-/.]\d{{1,2}}(?:[-/.]\d{{2,4}})?,?[T\ ]+{_CLOCK}(?:\ [AP]M\b)?{_ZONE}
    | \d{{8}}[-T\ ]\d{{1,2}}:?\d{{1,2}}:?\d{{1,2}}(?:[.,:]\d{{1,9}})?{_ZONE}(?!\w)
    | [IWEFDV]\d{{4}}\ {_CLOCK}
    | \d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\ (?:[01]\d|2[0-3])(?:[0-5]\d){{2}}(?=\s)
    | (?<![^\s|\])]\s){_CLOCK}{_ZONE}(?![\w:])
    | \[\ *\d{{1,7}}\.\d{{3,9}}\]
    | 1\d{{9}}(?:\.\d{{1,9}}|\d{{3}})?(?=[\s\]|])
    )""",
    re.VERBOSE,
)
"""A point in time as logs write it: ISO, syslog, access log, day/month, glog, compact, clock only, uptime, epoch."""

CLOCK = re.compile(r"(?<![\d])\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?|(?<=\d\d\d\d\d\d )\d{6}(?= )")
"""A time of day."""


_ISO = re.compile(r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)")
_DAY_MONTH = re.compile(rf"(\d{{1,2}})[ /-]({_MONTHS})|({_MONTHS}) +(\d{{1,2}})")
_FULL_CLOCK = re.compile(r"([ \d]\d):?(\d\d):?(\d\d)")
_NUMERIC_DAY = re.compile(r"(?:^|[^\d.])(\d{1,2})[-/.](\d{1,2})(?![\d:])")
_COMPACT = re.compile(r"(?<!\d)(\d\d|\d{4})(\d\d)(\d\d)[-T ]*$")
_HMS = re.compile(r"(?<!\d)(\d{1,2}):?(\d\d):?(\d\d)(?:[.,]\d*)?$")
_SLACK, _DATE, _FEWEST, _DISORDER, _DAY = 4, 26, 8, 120, 86_400
_MONTH_NUMBER = {name: n for n, name in enumerate(_MONTHS.split("|"), 1)}


def clock_of(line: str, at: int = 0) -> str:
    """The time of day in a line as it is written there, looked for from about `at`; "" when there is none."""
    found = CLOCK.search(line, max(0, at - _SLACK), at + 200) or CLOCK.search(line, 0, 200)
    return found.group() if found else ""


def second_of(stamp: str) -> int | None:
    """Seconds on a scale that only differences within a log make sense on; None when no time of day ends the stamp."""
    clock = _HMS.search(stamp)
    if clock is None:
        return None
    hour, minute, second = map(int, clock.groups())
    return _day_of(stamp[: clock.start()]) * _DAY + hour * 3600 + minute * 60 + second


@lru_cache(maxsize=1 << 13)
def _second_of_day(clock: str) -> int | None:
    found = _FULL_CLOCK.fullmatch(clock)
    return int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3]) if found else None


@lru_cache(maxsize=1024)
def _day_of(date: str) -> int:
    named = _DAY_MONTH.search(date)
    dated = None if named else _COMPACT.search(date) or _ISO.search(date)
    try:
        if named:
            month, day = named[2] or named[3], named[1] or named[4]
            return datetime(2000, _MONTH_NUMBER[month], int(day)).toordinal()
        if dated:
            year = int(dated[1])
            return datetime(year if year > 99 else 2000 + year, int(dated[2]), int(dated[3])).toordinal()
        plain = _NUMERIC_DAY.search(date)
        if plain:
            return datetime(2000, int(plain[1]), int(plain[2])).toordinal()
    except ValueError:
        pass
    return 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How the lines of a log lie in time, lines 0-based: all `seconds`, the longest `gap` (seconds, line that ends it),
    the `burst` (lines in the busiest minute, the first of them); None where nothing stands out."""

    seconds: int
    gap: tuple[int, int] | None
    burst: tuple[int, int] | None


def note_seconds(lines: Sequence[str], indices: Sequence[int], at: int, seconds: list[int | None]) -> None:
    """Writes into `seconds` the second of each line whose clock stands at about `at`, as on the first of them.

    They are cut out by position; each different one is read once.
    """
    first = CLOCK.match(lines[indices[0]], at)
    end = at + len(re.split("[.,]", first.group())[0]) if first else at
    width = 8 if ":" in lines[indices[0]][at:end] else 6
    start, middle = max(0, at - _DATE), end - width
    meant: dict[str, int | None] = {}
    for i in indices:
        stamp = lines[i][start:end]
        if stamp not in meant:
            second = _second_of_day(stamp[middle - start :])
            meant[stamp] = None if second is None else _day_of(stamp[: middle - start]) * _DAY + second
        second = meant[stamp]
        seconds[i] = _moved_second(lines[i], at) if second is None else second


def _moved_second(line: str, at: int) -> int | None:
    """The second of a line in which a day or an hour has one digit less: its clock stands a little elsewhere."""
    clock = CLOCK.search(line, max(0, at - _SLACK), at + 40)
    return second_of(line[max(0, clock.start() - _DATE) : clock.end()]) if clock else None


def pace(noted: Sequence[int | None]) -> Pace | None:
    """The span, longest pause and busiest minute from the seconds of all lines, None for a line without.

    Lines of several writers may be out of order a little; None when time really runs backwards.
    """
    places = [i for i, second in enumerate(noted) if second is not None]
    if len(places) < _FEWEST:
        return None
    written = [second for second in noted if second is not None]
    seconds = list(accumulate(written, max))
    if max(map(sub, seconds, written)) > _DISORDER:
        return None
    whole = seconds[-1] - seconds[0]
    pauses = list(map(sub, seconds[1:], seconds))
    longest = max(pauses)
    before = pauses.index(longest)
    minutes = Counter([second // 60 for second in seconds])
    minute, most = max(minutes.items(), key=lambda pair: (pair[1], -pair[0]))
    gap = (longest, places[before + 1])
    burst = (most, places[bisect_left(seconds, minute * 60)])
    return Pace(
        whole,
        gap if longest >= 5 and longest * 10 >= whole else None,
        burst if len(minutes) > 2 and most * len(minutes) >= 3 * len(seconds) else None,
    )


def duration(seconds: int) -> str:
    """Seconds in words: "7 s", "9 min 7 s", "3 h 5 min", "2 days 4 h"."""
    span = timedelta(seconds=seconds)
    hours, rest = divmod(span.seconds, 3600)
    parts = ((span.days, "day" if span.days == 1 else "days"), (hours, "h"), (rest // 60, "min"), (rest % 60, "s"))
    named = [f"{n} {unit}" for n, unit in parts if n]
    return " ".join(named[:2]) or "0 s"
