"""A first look at a page may only spare work: what it finds nothing in holds nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headroom.formats.build.signs import built_lines, has_banner, may_be_built
from headroom.formats.code.signs import possible_signs, signs
from headroom.formats.log.header import looks_logged, may_be_logged
from headroom.text.lines import sample

TELLING = (
    "===== test session starts =====|=== 3 passed, 1 failed in 1.20s ===| 2 passed in 0.1s|12 failed, 3 errors in 4s|"
    "Ran 3 tests in 0.1s|  3 passing (4s)|3 passing|ok 1 - x|FAIL src/a.test.ts|--- PASS: T (0.0s)|ok  \tpkg\t0.1s|"
    "[ 12%] Building C object|[INFO] x|[3/45] x|> Task :a|#5 [1/2] RUN|0123456789ab: Pull complete|✓ works|"
    "   Compiling serde v1.0|creating build/x|--> src/a.rs:1:2|./a.js 1.5 KiB [emitted]|  1:2  error  no|"
    "src/a.py:12: error: x|a.c:1:2: W123 x|a(1,2): error TS1234: x|C:\\a.py:3: x [no-x]|pkg build: done|web:dev$ run|"
    "aws_x.y[0]: Creating...|test a ... ok|tests/a.py::t PASSED [  3%]|Found 3 errors in 2 files|# tests 4|"
    "def f(x):|class A:|import os|from a import b|const x = 1;|func main() {|#include <a.h>|#[derive(X)]|self.x = 1|"
    "@cached|} else {|'use strict';|std::vector<int> x;|return x;|public static void main(String[] a) {|"
    "2024-01-02 10:00:00,123 INFO x|[10.5] x|INFO: x|error x|<warn> x|web | ERROR x|Jan  2 10:00:00 host x[1]: y|"
    '{"level": "info", "msg": "x"}|ſevere: x|E0102 10:00:00.1 1 a.go:1] x|1700000000.123 x|[app/web.1] WARN x|'
    "text: more|a 12: b|$ build|   |\t|\r|٣ passing|\x1cx|…"
).split("|")
LINES = st.lists(
    st.builds(
        lambda before, line, after: before + line + after,
        st.sampled_from(("", "", "", " ", "    ", "\t", "\xa0", "web | ")),
        st.sampled_from(TELLING) | st.text("=[]#>:$%. \t\r09afATx-", max_size=16),
        st.sampled_from(("", "", "\r", " x")),
    ),
    max_size=8,
)


@given(LINES)
def test_build_lines_and_banners_are_not_overlooked(lines: list[str]) -> None:
    seen = sample("\n".join(lines))
    if built_lines(seen.page) or has_banner(seen.page):
        assert may_be_built(seen)


@given(LINES)
def test_signs_of_code_are_not_overlooked(lines: list[str]) -> None:
    seen = sample("\n".join(lines))
    assert signs(seen.lines).signs <= possible_signs(seen)


@given(LINES)
def test_log_lines_are_not_overlooked(lines: list[str]) -> None:
    assert {line for line in lines if looks_logged(line)} <= {*may_be_logged(lines)}
