"""Search results: the grouped form gives every byte back, and a selection says exactly what it leaves out."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom import marker
from headroom.compressors.search import COMPRESSOR
from headroom.model import Compressed, Context, Intent, Level
from headroom.text.lines import sample

PATHS = st.sampled_from("src/app.py|a-1-b.go|C:\\work\\x.py|docs/with space.md|2024-01-02.log|Makefile".split("|"))
TEXTS = st.sampled_from("|return None|    return None|12:30:45|x = {'a': 1}|--|é漢|\r|a-7-b".split("|"))
OTHERS = "|--|Binary file x.bin matches|grep: x: Permission denied|12,45:both|/abs/src/app.py-3-x".split("|")
LINES = st.one_of(
    st.builds(lambda p, n, s, t: f"{p}{s}{n}{s}{t}", PATHS, st.integers(0, 30), st.sampled_from(":-="), TEXTS),
    st.builds(lambda n, s, t: f"{n}{s}{t}", st.integers(0, 30), st.sampled_from(":-="), TEXTS),
    st.builds(lambda p, t: f"{p}:{t}", PATHS, TEXTS),
    st.builds(lambda p, n: f"{p}:{n}", PATHS, st.integers(0, 9)),
    PATHS,
    st.sampled_from(OTHERS),
)
RESULTS = st.tuples(st.lists(LINES, max_size=40), st.sampled_from(["", "\n"])).map(lambda t: "\n".join(t[0]) + t[1])


def forms(text: str, level: Level = Level.BALANCED, query: str = "") -> list[Compressed]:
    return list(COMPRESSOR.compress(text, Context(level, query)))


def lossless(text: str) -> str:
    (form,) = forms(text, Level.LOSSLESS)
    assert form.lossless
    assert COMPRESSOR.decode(form.text) == text
    return form.text


def lossy(text: str, level: Level = Level.BALANCED, query: str = "") -> Compressed:
    return next(form for form in forms(text, level, query) if not form.lossless)


def likelihood(text: str, intent: Intent = Intent.OTHER) -> float:
    return COMPRESSOR.sniff(sample(text), Context(intent=intent))


def large() -> str:
    """Many matches of few kinds, and one that is like no other."""
    lines = [f"src/module_{f}.py:{n}:    assert_equal(result, expected)" for f in range(12) for n in range(10, 400, 20)]
    lines[130] = "src/module_6.py:211:    assert_equal(quota_exceeded, True)"
    return "\n".join(lines) + "\n"


@settings(max_examples=400, deadline=None)
@given(RESULTS)
def test_grouped_form_decodes(text: str) -> None:
    for form in forms(text, Level.LOSSLESS):
        assert form.lossless
        assert COMPRESSOR.decode(form.text) == text


@settings(max_examples=200, deadline=None)
@given(RESULTS, st.sampled_from([Level.BALANCED, Level.AGGRESSIVE]))
def test_never_raises(text: str, level: Level) -> None:
    likelihood(text)
    for form in forms(text * 20, level):
        assert form.lossless or form.omissions


def test_a_path_stands_once_and_a_repeated_text_once() -> None:
    text = "src/a.py:3:import os\nsrc/a.py:9:x = 1\nsrc/a.py:40:x = 1\nsrc/b.py:1:import os\n"
    assert lossless(text).split("\n", 1)[1] == "src/a.py\n3:import os\n9,40:x = 1\n\nsrc/b.py:1:import os\n"


def test_context_keeps_its_order_and_its_gaps() -> None:
    text = "a/b-2-c.go-1-// x\na/b-2-c.go:2:func A()\na/b-2-c.go-3-}\n--\na/b-2-c.go-8-// y\na/b-2-c.go:9:func B()\n"
    body = lossless(text).split("\n", 1)[1]
    assert body == "a/b-2-c.go\n1-// x\n2:func A()\n3-}\n8-// y\n9:func B()\n"


def test_absolute_context_paths_are_said_once() -> None:
    text = "cmd/x.go:5:func A() {\n/home/dev/p/cmd/x.go-6-\treturn\ncmd/x.go-7-\ta: b\n/home/dev/p/cmd/x.go-8-}\n"
    form = lossless(text)
    assert form.count("/home/dev/p/") == 1
    assert "\n6-\treturn\n7-\ta: b\n8-}" in form


@pytest.mark.parametrize(
    "other", ["Binary file ./logo.png matches", "grep: ./private: Permission denied", "", "rg: ./x: No such file"]
)
def test_other_lines_stay(other: str) -> None:
    text = "\n".join(["src/a.py:1:one", "src/a.py:2:two", "src/a.py:3:three", other, "src/b.py:1:x", "src/b.py:2:y"])
    assert other in lossless(text).split("\n")


def test_counts_lose_only_their_directories() -> None:
    text = "".join(f"src/deep/down/f{i}.py:{i}\n" for i in range(9)) + "README.md:2\n"
    form = lossless(text)
    assert form.count("src/deep/down/") == 1
    assert "f7.py:7" in form


def test_a_large_result_keeps_every_word_every_file_and_exact_counts() -> None:
    text = large()
    form = lossy(text)
    assert "quota_exceeded" in form.text
    assert all(f"src/module_{f}.py" in form.text for f in range(12))
    lines = text.split("\n")
    gone = {n for o in form.omissions for a, b in o.ranges for n in range(a, b + 1)}
    assert sum(o.count for o in form.omissions) == len(gone)
    marked = [tuple(map(int, m)) for m in re.findall(r"\[… (\d+) of lines (\d+)–(\d+)", form.text)]
    assert sum(count for count, _, _ in marked) == len(gone)
    assert all(any(a <= n <= b for _, a, b in marked) for n in gone)
    shown = set(re.findall(r"\w+", form.text))
    assert all(set(re.findall(r"\w+", lines[n - 1].split(":", 2)[2])) <= shown for n in gone)
    assert "of 240 matches in 12 files shown" in form.text


def test_a_group_that_is_left_out_whole_leaves_its_marker() -> None:
    said = "    assert_equal(result, expected)"
    lines = [f"src/module_{f % 12}.py:{f * 40 + n}:{said}" for f in range(36) for n in range(10)]
    form = lossy("\n".join(lines), Level.AGGRESSIVE)
    left_out = [int(count) for count in re.findall(r"\[… (\d+) of lines", form.text)]
    assert sum(left_out) == sum(omission.count for omission in form.omissions)


def test_the_question_keeps_its_line() -> None:
    place = "src/module_3.py:250:    "
    text = large().replace(f"{place}assert_equal(result", f"{place}assert_equal( result")
    assert "250:" not in lossy(text).text.partition("src/module_3.py")[2].partition("src/module_4")[0]
    asked = lossy(text, query='what does "assert_equal( result" compare?').text
    assert "250:    assert_equal( result" in asked


def test_ripgrep_json_becomes_lines() -> None:
    match = {"path": {"text": "a/b.py"}, "lines": {"text": "x = 1\n"}, "line_number": 4, "absolute_offset": 90}
    end = {"path": {"text": "a/b.py"}, "binary_offset": None}
    records = [("begin", {"path": {"text": "a/b.py"}}), ("match", match), ("match", {**match, "line_number": 9})]
    records += [("end", end), ("summary", {"stats": {"matches": 2}})]
    text = "\n".join(json.dumps({"type": t, "data": d}, separators=(",", ":")) for t, d in records)
    form = lossy(text)
    assert "a/b.py\n4,9:x = 1" in form.text
    assert '{"stats":{"matches":2}}' in form.text
    assert {o.kind: o.count for o in form.omissions}["begin and end records"] == 2


def test_long_matches_keep_their_beginning() -> None:
    text = "".join(f"dist/app.min.js:{n}:var a{n}={'function(){return 1};' * 900}\n" for n in range(1, 4))
    form = lossy(text)
    assert len(form.text) < len(text) / 10
    assert "var a2=function" in form.text
    assert re.search(r"\[… \d+ characters", form.text)


def test_colours_are_left_out_and_said_so() -> None:
    text = "\n".join(f"\x1b[35msrc/a.py\x1b[0m:\x1b[32m{n}\x1b[0m:x = \x1b[31m{n}\x1b[0m" for n in range(1, 9))
    assert likelihood(text) > 0.9
    form = lossy(text)
    assert "src/a.py\n1:x = 1\n2:x = 2" in form.text
    assert form.omissions[0].count == 48


@pytest.mark.parametrize(
    "text",
    [
        "src/main.c:12:5: error: expected ';'\nsrc/main.c:14:1: warning: unused\nsrc/x.c:9:3: note: here\n" * 4,
        "2024-05-01 12:34:56,789 INFO start\n2024-05-01 12:34:57,100 INFO stop\n" * 8,
        "[10.30 16:49:06] chrome.exe - proxy:5070 open\n" * 9,
        '10.0.0.7 - - [12/Mar/2024:10:00:01 +0000] "GET / HTTP/1.1" 200 12\n' * 9,
        "app.log.1:2017-05-16 00:00:00.008 25746 INFO nova up\n" * 3 + "Traceback (most recent call last):\n" * 9,
        "tests/test_a.py::test_x PASSED\ntests/test_a.py::test_y PASSED\n" * 6,
        "".join(f"{n * 7}: {n * 3.5}\n" for n in range(40)),
        "commit 3f2a\nAuthor: A <a@example.org>\nDate: Mon\n\n    Fix 12:30 bug\n" * 5,
        "-rw-r--r-- 1 root root 120 May  1 12:34 a.txt\n" * 9,
    ],
)
def test_other_kinds_of_text_are_not_claimed(text: str) -> None:
    assert likelihood(text) < 0.5


def test_markers_move_with_their_part() -> None:
    form = lossy(large())
    moved = marker.shift_lines(form.text, 100)
    before, after = (re.findall(r"of lines (\d+)–(\d+): similar", text) for text in (form.text, moved))
    assert [(int(a) + 100, int(b) + 100) for a, b in before] == [(int(a), int(b)) for a, b in after]


def test_matches_in_logs_are_matches() -> None:
    assert likelihood("".join(f"var/app.log:{n}:10:30:{n} stopped\n" for n in range(10, 30))) > 0.9
