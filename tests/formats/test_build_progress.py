"""Progress that was drawn line under line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headroom.formats.build.progress import progress_runs, shows_progress

NAMES = st.sampled_from(["a.bin", "Receiving objects", "コピー", ""])


def bar(name: str, percent: int) -> str:
    drawn = "█" * (percent // 10)
    return f"{name}: {percent:3d}%|{drawn:10}| {percent}/100 [00:0{percent % 9}<?, {percent / 7:.1f}MB/s]"


@given(st.lists(st.tuples(NAMES, st.integers(0, 100)), max_size=30))
def test_only_earlier_states_of_the_line_below_go(states: list[tuple[str, int]]) -> None:
    lines = [bar(name, percent) for name, percent in states]
    for start, end in progress_runs(lines):
        assert end - start >= 3
        run = states[start : end + 1]
        assert len({name for name, _ in run}) == 1
        assert [percent for _, percent in run] == sorted(percent for _, percent in run)


def test_a_download() -> None:
    lines = [bar("a.bin", percent) for percent in range(0, 101, 10)] + [bar("b.bin", 5), "done"]
    assert list(progress_runs(lines)) == [(0, 10)]
    assert shows_progress(lines)


def test_tests_and_files_with_percents_are_no_progress() -> None:
    pytest_lines = [f"tests/test_a.py::test_x[{n}] FAILED [ {n}%]" for n in range(10, 30)]
    make_lines = [f"[ {n}%] Building C object x.c.o" for n in range(10, 30)]
    coverage = [f"src/m{n}.py   {n}   0   {n}%" for n in range(10, 30)]
    for lines in (pytest_lines, make_lines, coverage):
        assert not shows_progress(lines)
