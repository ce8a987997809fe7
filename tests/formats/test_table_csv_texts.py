"""Tables of texts: fields as written, an exact way back, and cells that say what they lost."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from headroom.formats.table.csv_extracts import shortened
from headroom.formats.table.csv_texts import coded, decode, holds_texts, text_table
from headroom.model import Context, Level

CELLS = st.one_of(
    st.sampled_from(["", "^", "~", "~x", '"', "leaf", "a, b", "x\ny", "https://example.org/wiki/Oak#a, b"]),
    st.sampled_from(["https://example.org/wiki/Oak", "https://example.org/wiki/Elm", "one; two; three; " * 8]),
    st.text(st.sampled_from('ab ,;"\n~^é'), max_size=90),
)
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=9, max_size=30)
LONG = "the oak bears acorns, which jays carry away; the oak bears nothing in its first forty years; oaks bear galls"


def written(rows: list[tuple[str, ...]], end: str = "\n", quoting: int = csv.QUOTE_MINIMAL) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator=end, quoting=quoting).writerows([("a", "b", "c", "d"), *rows])  # type: ignore[arg-type]
    return out.getvalue()


@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.booleans())
def test_the_way_back_is_exact(rows: list[tuple[str, ...]], end: str, quoting: int, closed: bool) -> None:
    text = written([("k", LONG, *row[2:]) for row in rows], end, quoting)
    text = text if closed else text[: -len(end)]
    table = text_table(text)
    if table is not None:
        assert table.joined(table.records) == text
        assert decode(coded(table, table.records)) == text


def test_lists_keep_their_first_item_and_say_how_many_follow() -> None:
    text = written([(f"oak {i}", LONG, "x", "y") for i in range(20)])
    table = text_table(text)
    assert table is not None
    records, lost = shortened(table, Context(Level.AGGRESSIVE))
    assert records[3][1] == '"the oak bears acorns, which jays carry away; [… 2 items …]"'
    assert [(o.count, o.unit) for o in lost] == [(40, "items")]


def test_the_record_that_is_asked_for_stays_whole() -> None:
    rows = [(f"oak {i}", LONG, "x", "y") for i in range(20)]
    rows[7] = ("juniper", LONG.replace("oak", "juniper"), "x", "y")
    table = text_table(written(rows))
    assert table is not None
    records, _ = shortened(table, Context(Level.AGGRESSIVE, query="What does the juniper bear?"))
    assert records[8][1] == f'"{rows[7][1]}"'


def test_passages_in_cells_become_extracts_with_the_lines_of_the_whole_text() -> None:
    body = "\n".join(
        f"The keeper of pier {k} wrote down the height of the tide, and nobody read it." for k in range(12)
    )
    table = text_table(written([(f"{i}", f"Pier {i} is old.\n{body}", "x", "y") for i in range(20)]))
    assert table is not None
    records, lost = shortened(table, Context(Level.AGGRESSIVE))
    assert sum(map(len, map("".join, records))) < sum(map(len, map("".join, table.records))) / 2
    assert max(last for o in lost for _, last in o.ranges) > 200


def test_other_texts_are_none() -> None:
    assert not holds_texts("a,b\n" * 50)
    assert not holds_texts("Dear reader, this is a letter.\n" + 'He said, "yes", and "no", and "maybe".\n' * 20)
    assert text_table('a,b\n"1",2\n3\n' * 20) is None
