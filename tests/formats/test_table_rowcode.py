"""Layouts and coded rows: what a header says is what decoding does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headroom.formats.table.layout import Layout, Slot, parse
from headroom.formats.table.rowcode import Placed, decode, encode

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
    rows = [(f"c{i // 9}", f"Author Number {i // 9}", f"line {i}") for i in range(90)]
    printed = [layout.printer()(row) for row in rows]
    coded = encode([Placed(line, 0, row) for line, row in zip(printed, rows, strict=True)], [layout])
    assert coded is not None
    assert coded[0].count("Author Number 4") == 1
    assert not any("Author" in line for line in coded[1:])
    assert decode("\n".join(coded)) == "\n".join(printed)
