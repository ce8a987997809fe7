"""Laws of log compression: what stays, what the markers say, what is recognised as a log."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.compressors.log import COMPRESSOR
from headroom.model import Compressed, Context, Level
from headroom.text.lines import sample

MARKER = re.compile(r"\[… (\d+) (?:lines? \(|of lines )(\d+)(?:–(\d+))?\)?(?:: .*)? …\]")
LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")


def compressed(text: str, **options: object) -> Compressed | None:
    return next(iter(COMPRESSOR.compress(text, Context(**options))), None)  # type: ignore[arg-type]


def must(text: str, **options: object) -> str:
    found = compressed(text, **options)
    assert found is not None
    return found.text


def sniff(text: str) -> float:
    return COMPRESSOR.sniff(sample(text), Context())


def tick(n: int, message: str, level: str = "INFO") -> str:
    return f"2026-03-09 08:{n // 60 % 60:02}:{n % 60:02},{n * 7 % 1000:03} {level} app.service: {message}"


EVENT = st.tuples(
    st.sampled_from(LEVELS),
    st.sampled_from(
        ["started worker {}", "finished job {} in {} ms", "queue is full", "user {} left", "retry {} of {}"]
    ),
)
LOG = st.lists(EVENT, min_size=20, max_size=200).map(
    lambda events: [tick(n, message.format(n * 3 % 17, n % 5), level) for n, (level, message) in enumerate(events)]
)


@settings(max_examples=60, deadline=None)
@given(LOG)
def test_counts_are_exact_and_lines_verbatim(lines: list[str]) -> None:
    found = compressed("\n".join(lines))
    if found is None:
        return
    hidden = 0
    for line in found.text.split("\n")[1:]:
        marker = MARKER.fullmatch(line)
        if marker is None:
            assert line in lines
            continue
        hidden += int(marker[1])
        first, last = int(marker[2]), int(marker[3] or marker[2])
        assert 1 <= first <= last <= len(lines)
    shown = sum(1 for line in found.text.split("\n")[1:] if MARKER.fullmatch(line) is None)
    assert shown + hidden == len(lines)
    assert hidden == sum(omission.count for omission in found.omissions)
    gone = sorted(n for o in found.omissions for a, b in o.ranges for n in range(a, b + 1))
    assert len(gone) == len(set(gone)) == hidden
    kept = [line for n, line in enumerate(lines, 1) if n not in set(gone)]
    assert [line for line in found.text.split("\n")[1:] if MARKER.fullmatch(line) is None] == kept


@settings(max_examples=60, deadline=None)
@given(LOG, st.sampled_from([Level.BALANCED, Level.AGGRESSIVE]), st.sampled_from([None, 10]))
def test_every_level_and_message_keeps_a_line(lines: list[str], level: Level, target: int | None) -> None:
    found = compressed("\n".join(lines), level=level, target=target)
    if found is None:
        return

    def kind(line: str) -> str:
        return re.sub(r"\d+", "0", line.split(",", 1)[1][4:])

    assert {kind(line) for line in lines} <= {kind(line) for line in found.text.split("\n") if line in lines}
    assert {lines[0], lines[-1]} <= set(found.text.split("\n"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet='ab 01:-[]\t\r{"}=', max_size=40), max_size=60).map("\n".join))
def test_any_text_is_survived(text: str) -> None:
    for level in Level:
        for candidate in COMPRESSOR.compress(text, Context(level=level)):
            assert not candidate.lossless or COMPRESSOR.decode(candidate.text) == text


def test_lossless_level_has_no_omissions() -> None:
    text = "\n".join(tick(n, f"finished job {n} in {n % 9} ms") for n in range(100))
    found = compressed(text, level=Level.LOSSLESS)
    assert found is not None
    assert found.lossless
    assert not found.omissions
    assert COMPRESSOR.decode(found.text) == text
    assert len(found.text) < len(text) / 2


def test_outliers_rare_values_and_last_error_stay() -> None:
    lines = [tick(n, f"request done status=200 ms={10 + n % 7}") for n in range(300)]
    lines[120] = tick(120, "request done status=200 ms=9214")
    lines[180] = tick(180, "request done status=503 ms=12")
    lines[90], lines[260] = tick(90, "lost shard 4", "ERROR"), tick(260, "lost shard 9", "ERROR")
    out = must("\n".join(lines))
    for n in (90, 120, 180, 260):
        assert lines[n] in out
    assert "ms 10–9214" in out


def test_question_keeps_its_lines_and_the_extremes_it_asks_for() -> None:
    lines = [tick(n, f"job {n * 13 % 997} took {n % 50} ms on node{n % 9}") for n in range(300)]
    assert lines[60] in must("\n".join(lines), query="what happened to job 780?")
    assert any("took 49 ms" in line for line in must("\n".join(lines), query="Which job took longest?").split("\n")[1:])


def test_equal_traces_are_shown_once_with_cause_and_own_frames() -> None:
    library = [f"\tat org.springframework.web.Filter{n}.doFilter(Filter{n}.java:{n})" for n in range(20)]
    trace = ["java.lang.IllegalStateException: no shard", *library[:10], "\tat com.example.Shop.buy(Shop.java:7)"]
    trace += [*library[10:], "Caused by: java.net.ConnectException: refused", "\tat com.example.Net.dial(Net.java:3)"]
    lines: list[str] = []
    for n in range(20):
        lines += [tick(n, f"order {n} failed", "ERROR"), *trace]
    lines.append(tick(21, "shutting down"))
    out = must("\n".join(lines))
    for line in (trace[0], "\tat com.example.Shop.buy(Shop.java:7)", *trace[-2:]):
        assert out.count(line) == 1
    assert "19 traces" in out


def test_pause_is_said() -> None:
    lines = [tick(n, "tick") for n in [*range(30), *range(400, 430)]]
    assert "longest pause 6 min 11 s until 08:06:40,800" in must("\n".join(lines))


@pytest.mark.parametrize(
    "line",
    [
        "Mar  9 08:14:02 gw1 sshd[{n}]: Connection closed",
        "web_1  | 2026-03-09 08:14:02 INFO up {n}",
        "2026-03-09T08:14:02.117000000Z stdout F up {n}",
        "I0309 08:14:02.117000       1 main.go:{n}] up",
        "03-09 08:14:02.117  1702  2644 D PowerManager: state {n}",
        '10.0.0.1 - - [09/Mar/2026:08:14:02 +0000] "GET /{n} HTTP/1.1" 200 12',
        'time="2026-03-09T08:14:02Z" level=info msg="up {n}"',
        '{{"ts":"2026-03-09T08:14:02Z","level":"info","msg":"up {n}"}}',
        "INFO:root:up {n}",
        "[{n}.123456] usb 1-1: new device",
    ],
)
def test_logs_are_recognised(line: str) -> None:
    assert sniff("\n".join(line.format(n=n) for n in range(20))) >= 0.9


@pytest.mark.parametrize(
    "line",
    [
        "2026-03-09,{n},14.5,3.2",
        "-rw-r--r-- 1 dev dev {n} 2026-03-09 08:14:02 file{n}.txt",
        "4b68a5f12 (dev  2026-03-09 08:14:02 +0100 {n}) return x",
        "2026-03-09 08:14:02,{n}.5,west,3",
        '{{"id": {n}, "created": "2026-03-09T08:14:02Z"}}',
        "tests/test_a.py::test_{n} PASSED",
        "src/main.py:{n}: error: Incompatible types",
        " 2026-03-09 08:14:02 | {n} | west",
        "+    log.info('2026-03-09 08:14:02 {n}')",
        "commit {n}",
    ],
)
def test_other_texts_are_not(line: str) -> None:
    assert sniff("\n".join(line.format(n=n) for n in range(20))) == 0


def test_hosts_of_a_kind_are_counted() -> None:
    lines = [f"Mar  9 08:14:{n:02} node{n % 4} ntpd[{900 + n}]: synchronized, stratum 3" for n in range(60)]
    assert "host 4 values (node0 ×15" in must("\n".join(lines))


def test_requests_are_told_by_method_and_status() -> None:
    line = '10.0.0.{} - - [09/Mar/2026:10:00:{:02} +0000] "GET /item/{} HTTP/1.1" {} {} "-" "agent {}"'
    lines = [line.format(n % 3, n % 60, n, 500 if n == 33 else 200, 100 + n, "x" * (n % 5)) for n in range(60)]
    out = must("\n".join(lines))
    assert lines[33] in out
    assert "size 100–159" in out
    assert "2 kinds" in out


@pytest.mark.parametrize("line", ['{{"level":{code},"time":1773044042{n:03},"msg":"job done"}}'])
def test_numeric_levels_are_levels(line: str) -> None:
    lines = [line.format(code=50 if n in (20, 40) else 30, n=n) for n in range(80)]
    out = must("\n".join(lines))
    assert lines[20] in out
    assert lines[40] in out
    assert "2 kinds" in out
