"""Tables: every lossless form prints again to the byte; a sampled table keeps what its floor promises."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.compressors.table import COMPRESSOR
from headroom.model import Compressed, Context, Intent, Level, ToolCall
from headroom.text.lines import sample

CELLS = st.sampled_from(
    ["root", "0", "0.0", "", "a b", "x|y", '""', ">", "12", "7", "a,b", "{x}", "{1..4}", "%s", "漢字", "\ud800", "-"]
)
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=4, max_size=40)
PRINTED = st.sampled_from(
    ["%-8s %5s  %-4s %s", "| %s | %s | %-6s | %s |", "%s,%s,%s,%s", "%s\t%s\t%s\t%s", " %-6s | %6s | %s| %s"]
)


def forms(text: str, level: Level = Level.BALANCED, query: str = "") -> list[Compressed]:
    return list(COMPRESSOR.compress(text, Context(level, query)))


@settings(max_examples=300, deadline=None)
@given(ROWS, PRINTED, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_a_lossless_table_prints_again(rows: list[tuple[str, ...]], printed: str, titled: bool, newline: str) -> None:
    lines = [printed % row for row in rows]
    if titled:
        lines.insert(0, printed % ("USER", "PID", "STAT", "COMMAND"))
    text = newline.join(lines)
    for form in forms(text, Level.LOSSLESS):
        assert form.lossless
        assert COMPRESSOR.decode(form.text) == text


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='ab 0|,\t\n>[]{}"\\', max_size=300))
def test_any_text_prints_again(text: str) -> None:
    for form in forms(text, Level.LOSSLESS):
        assert COMPRESSOR.decode(form.text) == text


def measurements(rows: int) -> list[str]:
    values = [20 + (i * 37 % 101) / 10 for i in range(rows)]
    values[rows // 3] = 99.5
    return [f"2026-01-{1 + i // 288:02d}T{i // 12 % 24:02d}:{i * 5 % 60:02d},{v:.1f},ok" for i, v in enumerate(values)]


def test_a_sampled_series_keeps_its_floor() -> None:
    rows = measurements(900)
    rows[411] = rows[411].replace("ok", "failed")
    (form,) = forms("\n".join(["time,celsius,status", *rows]), Level.AGGRESSIVE)
    kept = form.text.split("\n")
    assert not form.lossless
    assert {rows[0], rows[-1], rows[300], rows[411]} <= set(kept)
    assert all(line in rows for line in kept if line[:2] == "20")
    assert "ok 899×, failed 1×" in form.text
    assert "celsius 20.0 to 99.5" in form.text


def test_what_is_left_out_is_counted_exactly() -> None:
    rows = ["time,celsius,status", *measurements(900)]
    (form,) = forms("\n".join(rows), Level.AGGRESSIVE)
    (lost,) = form.omissions
    hidden = {i for a, b in lost.ranges for i in range(a, b + 1)}
    assert lost.count == len(hidden)
    assert [row for i, row in enumerate(rows, 1) if i not in hidden] == [
        line for line in form.text.split("\n") if line.startswith(("20", "time,"))
    ]


def test_the_row_that_was_asked_for_stays() -> None:
    rows = measurements(900)
    question = f"What was measured at {rows[517].split(',')[0]}?"
    (form,) = forms("\n".join(["time,celsius,status", *rows]), Level.AGGRESSIVE, question)
    assert rows[517] in form.text.split("\n")


def test_a_list_of_things_is_not_sampled_at_balanced() -> None:
    rows = [f"{i},name {i * 7919 % 10_007},city {i * 31 % 997},{i / 7:.4f}" for i in range(4_000)]
    assert all(form.lossless for form in forms("\n".join(["id,name,city,score", *rows])))


def test_sniffing_tells_tables_from_text() -> None:
    prose = "Some words, and more words.\nThey go on, line by line,\nand say nothing in columns.\n" * 5
    code = "def f(a, b):\n    x = a  # one\n    return x, b\n\n" * 8
    table = "USER       PID %CPU\n" + "".join(f"root     {i:>5}  0.0\n" for i in range(20))
    assert COMPRESSOR.sniff(sample(table), Context()) >= 0.9
    assert COMPRESSOR.sniff(sample("a,b,c\n" + "1,2,3\n" * 20), Context()) >= 0.9
    assert COMPRESSOR.sniff(sample(prose), Context()) < 0.5
    assert COMPRESSOR.sniff(sample(code), Context()) < 0.5
    edited = Context(call=ToolCall(path="/home/dev/project/Makefile"), intent=Intent.READ)
    assert COMPRESSOR.sniff(sample(table), edited) == 0
