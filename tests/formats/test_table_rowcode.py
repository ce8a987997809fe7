"""Layouts and coded rows: what a header says is what decoding does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headroom.formats.table.layout import Column, Layout, Slot, parse
from headroom.formats.table.rowcode import decode, encode

LITERALS = st.text(alphabet="ab {}%\n\t|\"'", max_size=6)
SLOTS = st.builds(Slot, st.sampled_from(["PID", "%CPU", "a b", "x"]), st.sampled_from("<>"), st.integers(0, 30))


@given(st.lists(st.tuples(LITERALS, SLOTS), max_size=6), LITERALS)
def test_a_layout_is_its_spec(parts: list[tuple[str, Slot]], end: str) -> None:
    slots = tuple(slot if slot.width else Slot(slot.name) for _, slot in parts)
    layout = Layout((*(literal for literal, _ in parts), end), slots)
    assert parse(layout.spec()) == layout


def test_a_header_can_be_followed_by_hand() -> None:
    coded = """before
[table: the next 4 lines; cells are split by "|"; a row reads "{USER:<8} {PID:>5} {CMD}"; blank means USER="root"]
|1|/sbin/init
|2|[kthreadd]
>--- as it was ---
dev|812|vim a|b
after"""
    assert (
        decode(coded)
        == """before
root         1 /sbin/init
root         2 [kthreadd]
--- as it was ---
dev        812 vim a|b
after"""
    )


def test_what_is_known_from_a_key_is_told_once() -> None:
    layout = Layout(("", " (", ") ", ""), (Slot("commit"), Slot("author"), Slot("code")))
    forms = ("c{}", "Author Number {}", "line {1}")
    columns: list[Column] = [tuple([form.format(i // 9, i) for i in range(90)]) for form in forms]
    printed = list(layout.printed(columns))
    coded = encode(printed, [1] * 90, [(layout, columns)])
    assert coded is not None
    assert coded[0].count("Author Number 4") == 1
    assert not any("Author" in line for line in coded[1:])
    assert decode("\n".join(coded)) == "\n".join(printed)


def test_lines_that_are_no_row_stand_as_they_are() -> None:
    layout = Layout(("", " -> ", ""), (Slot("a", ">", 4), Slot("b")))
    columns: list[Column] = [("1", "22", "333"), (">x", "y", "")]
    rows = iter(layout.printed(columns))
    printed = [next(rows), "--- apart ---", next(rows), "", next(rows)]
    coded = encode(printed, bytearray(b"\1\0\1\0\1"), [(layout, columns)])
    assert coded is not None
    assert coded[2] == ">--- apart ---"
    assert decode("\n".join(coded)) == "\n".join(printed)
