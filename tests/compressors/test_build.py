"""Laws of build and test output: nothing uncounted, trouble stays, each kind has its exemplar."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.compressors.build import COMPRESSOR
from headroom.formats.build.findings import reports
from headroom.formats.build.kinds import kinds_of
from headroom.formats.build.outcomes import trouble_words, troubled
from headroom.model import Compressed, Context, Level, ToolCall
from headroom.text.lines import sample

MARKER = re.compile(r"\[… (\d+) lines? \((\d+)(?:–(\d+))?\)")
NAMES = ("alpha", "beta", "gamma", "delta")

names = st.sampled_from(NAMES)
numbers = st.integers(0, 9999)
build_lines = st.one_of(
    st.builds("tests/test_{}.py::test_{} PASSED [{:3}%]".format, names, numbers, numbers),
    st.builds("[{:3}%] Building C object src/{}.c.o".format, numbers, names),
    st.builds("Downloading {}-{}.tar.gz ({} kB)".format, names, numbers, numbers),
    st.builds("src/{}.c:{}: warning: unused variable 'v{}'".format, names, numbers, numbers),
    st.builds("error: cannot open {}{}".format, names, numbers),
    st.builds("    at {} (line {})".format, names, numbers),
    st.sampled_from(["", "", "=== FAILURES ===", "=== done ===", "E   assert 1 == 2", "  - one", "make: *** Error 2"]),
)
build_texts = st.lists(st.tuples(build_lines, st.integers(1, 30)), min_size=1, max_size=60).map(
    lambda runs: "\n".join(line for line, times in runs for _ in range(times))
)


def compress(text: str, **options: object) -> Compressed | None:
    return next(iter(COMPRESSOR.compress(text, Context(**options))), None)  # type: ignore[arg-type]


def shown_lines(compressed: Compressed, text: str) -> set[int]:
    """The 0-based numbers of the shown lines; fails where output and markers do not tile the text exactly."""
    lines, at, shown = text.split("\n"), 0, set()
    for line in compressed.text.split("\n"):
        marker = MARKER.match(line)
        if marker is not None and line.endswith("…]"):
            first, last = int(marker[2]), int(marker[3] or marker[2])
            assert first == at + 1
            assert last - first + 1 == int(marker[1])
            at = last
        else:
            assert line == lines[at]
            shown.add(at)
            at += 1
    assert at == len(lines)
    return shown


@given(build_texts)
def test_markers_and_lines_tile_the_text(text: str) -> None:
    if reports(text, text.split("\n")):
        return
    compressed = compress(text)
    if compressed is not None:
        shown = shown_lines(compressed, text)
        lost = [i for o in compressed.omissions for a, b in o.ranges for i in range(a - 1, b)]
        assert sorted(lost) == sorted(set(range(text.count("\n") + 1)) - shown)
        assert sum(o.count for o in compressed.omissions) == len(lost)


def test_a_report_repeats_another_only_where_all_its_lines_do() -> None:
    def report(word: str) -> list[str]:
        return [f"src/{word}.c:{i}:1: warning: unused variable '{word}{i}'" for i in range(20)]

    around = [f"checking the {name} of all the modules again" for name in NAMES]
    other = compress("\n".join([*around, *report("one"), *around, *report("two"), *around]))
    same = compress("\n".join([*around, *report("one"), *around, *report("one"), *around]))
    assert other is not None
    assert same is not None
    assert other.text.count("20 findings") == 2
    assert same.text.count("20 findings") == 1


@given(build_texts)
def test_every_kind_keeps_an_exemplar(text: str) -> None:
    lines = text.split("\n")
    if reports(text, lines):
        return
    compressed = compress(text)
    if compressed is not None:
        shown = shown_lines(compressed, text)
        kinds = kinds_of(["" if "PASSED" in line else line for line in lines], trouble_words()).of
        assert {kinds[i] for i in shown} >= set(kinds) - {-1}


@given(build_texts)
def test_trouble_is_shown_or_named(text: str) -> None:
    compressed = compress(text)
    if compressed is not None:
        for number in re.findall(r"error: cannot open ([a-z]+\d+)", text):
            assert number in compressed.text


@given(build_texts)
def test_lossless_level_yields_no_loss(text: str) -> None:
    assert all(c.lossless for c in COMPRESSOR.compress(text, Context(Level.LOSSLESS)))


def test_the_slowest_pass_stays() -> None:
    lines = [f"  ✓ step {n} (12 ms)" for n in range(40)]
    lines[23] = "  ✓ step 23 (4180 ms)"
    compressed = compress("\n".join([*lines, "", "Tests: 40 passed, 40 total"]))
    assert compressed is not None
    assert "step 23 (4180 ms)" in compressed.text
    assert "38 lines" not in compressed.text
    assert sum(o.count for o in compressed.omissions if o.kind == "passed tests") == 35


def test_marks_of_other_tools_are_no_passes() -> None:
    text = "\n".join(["copying files", *(f"✓ {n}.csv -> {n}.json" for n in "abcdefghijkl"), "all files copied"])
    assert compress(text) is None


def test_what_the_question_names_stays() -> None:
    text = "\n".join(f"tests/test_{n % 5}.py::test_case_{n} PASSED [ 10%]" for n in range(400))
    compressed = compress(text, query="did test_case_137 pass?")
    assert compressed is not None
    assert "test_case_137 PASSED" in compressed.text


def test_colours_are_declared() -> None:
    text = "\n".join(f"\x1b[32mtests/test_a.py::test_{n} PASSED\x1b[0m" for n in range(30))
    compressed = compress(text)
    assert compressed is not None
    assert "\x1b" not in compressed.text
    assert ("terminal control sequences", 30 * 9) in [(o.kind, o.count) for o in compressed.omissions]


def test_findings_lose_nothing_but_their_order() -> None:
    findings = [f"src/m{n % 7}.py:{n}:{n % 3 + 1}: E{n % 4}01 name 'v{n % 11}' is odd" for n in range(90)]
    compressed = compress("\n".join([*findings, "Found 90 errors."]))
    assert compressed is not None
    assert [o.kind for o in compressed.omissions] == ["order of the findings"]
    places = re.findall(r"\b\d+:[123]\b", compressed.text)
    assert sorted(places) == sorted(f"{n}:{n % 3 + 1}" for n in range(90))
    assert compressed.text.endswith("\nFound 90 errors.")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("TypeError: x is not a function", True),
        ("error[E0382]: borrow of moved value", True),
        ("warning: unused import", True),
        ("Tests run: 5, Failures: 0, Errors: 0", False),
        ("Tests run: 5, Failures: 1, Errors: 0", True),
        ("0 errors", False),
        ("compiling src/errors.py", False),
        ("GET /error-pages/404 200", False),
    ],
)
def test_trouble_is_told_by_words_that_stand_alone(line: str, expected: bool) -> None:
    tells = trouble_words()
    assert troubled(kinds_of([line], tells).templates, tells) == [expected]


@pytest.mark.parametrize(
    ("text", "command", "least"),
    [
        ("\n".join(f"tests/a.py::t{n} PASSED [{n:3}%]" for n in range(20)), "", 0.9),
        ("\n".join(f"src/a.py:{n}: error: bad  [no-untyped-def]" for n in range(20)), "", 0.9),
        ("\n".join(f"ok {n} does a thing" for n in range(20)), "", 0.9),
        ("\n".join(f"[INFO] Compiling module {n}" for n in range(20)), "mvn package", 0.9),
        ("\n".join(f"src/a.py:{n}:    return x[{n}]" for n in range(20)), "grep -rn return src", 0.0),
        ("\n".join(f"2024-05-01 10:00:{n:02} INFO started worker {n}" for n in range(20)), "", 0.0),
        ("def f():\n    return 1\n" * 10, "", 0.0),
    ],
)
def test_sniff(text: str, command: str, least: float) -> None:
    score = COMPRESSOR.sniff(sample(text), Context(call=ToolCall(command=command)))
    assert score >= least if least else score == 0.0
