"""Times as logs write them."""

from __future__ import annotations

import pytest

from headroom.formats.log.timestamps import STAMP, clock_of, duration, note_seconds, pace, second_of


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-03-09T08:14:02Z", "2026-03-09 08:14:02,117", "2026-03-09 08:14:02.117 +0100", "2026/03/09 08:14:02",
        "Mar  9 08:14:02", "Mon Mar 09 08:14:02 2026", "09/Mar/2026:08:14:02 +0000", "03-09 08:14:02.117",
        "26/03/09 08:14:02", "20260309-08:14:02:117", "I0309 08:14:02.117000", "081109 203615 ", "08:14:02",
        "[  12.345678]", "1773044042 ", "2026-03-09-08.14.02.117000",
    ],
)  # fmt: skip
def test_stamps(stamp: str) -> None:
    assert STAMP.match(stamp)


@pytest.mark.parametrize("text", ["2026-03-09,12.5", "100644 100644 ", "12:00", "1.2.3.4", "v2.0.1", "3/4 done"])
def test_no_stamps(text: str) -> None:
    assert STAMP.match(text) is None


def test_seconds_differ_as_the_times_do() -> None:
    def gap(a: str, b: str) -> int:
        first, second = second_of(a), second_of(b)
        assert first is not None
        assert second is not None
        return second - first

    assert gap("2026-03-09 23:59:58", "2026-03-10 00:00:03") == 5
    assert gap("Feb 28 10:00:00", "Mar  1 10:00:00") == 2 * 86_400
    assert gap("081109 203615", "081110 203616") == 86_401
    assert gap("[09/Mar/2026:08:00:00", "[09/Mar/2026:08:01:00") == 60


def test_clock_is_looked_for_where_the_first_line_has_it() -> None:
    line = "api.log.1.2026-03-09_13:53:08 2026-03-09 00:00:01.250 INFO up"
    assert clock_of(line, 41) == "00:00:01.250"
    assert clock_of("[09/Mar/2026:10:00:26 +0000]") == "10:00:26"
    assert clock_of("no time") == ""


def test_pauses_and_bursts() -> None:
    lines = [f"2026-03-09 08:{m:02}:{s:02} INFO tick" for m in (0, 1, 2, 30) for s in range(0, 60, 30)]
    lines += [f"2026-03-09 08:31:{s:02} INFO tick" for s in range(40)]
    seconds: list[int | None] = [None] * len(lines)
    note_seconds(lines, range(len(lines)), 11, seconds)
    found = pace(seconds)
    assert found is not None
    assert found.seconds == 31 * 60 + 39
    assert found.gap == (27 * 60 + 30, 6)
    assert found.burst == (40, 8)


def test_no_pace_when_time_runs_backwards() -> None:
    assert pace([*range(10_000, 10_010), *range(10)]) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (7, "7 s"), (547, "9 min 7 s"), (2 * 86_400 + 3_600, "2 days 1 h")]
)
def test_durations(seconds: int, words: str) -> None:
    assert duration(seconds) == words
