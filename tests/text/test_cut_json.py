"""JSON that was cut off keeps every complete value and every character of the rest."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from headroom.text.cut_json import cut_json

ROWS = [{"id": i, "name": f"row {i} \"q\" [x", "tags": ["a", {"b": i}], "link": None} for i in range(40)]


@given(st.integers(2, 900), st.sampled_from(["", "... \n\n(The output was too long!)"]), st.sampled_from([None, 1]))
def test_every_cut(cut: int, remark: str, indent: int | None) -> None:
    whole = json.dumps({"object": "list", "results": ROWS}, indent=indent)
    text = whole[:-cut] + remark
    found = cut_json(text)
    if found is None:
        assert text.rstrip()[-1:] in ("}", "]")
        return
    rows = json.loads(found.document)["results"]
    assert rows[:-1] == ROWS[: len(rows) - 1]
    assert rows[-1].items() <= ROWS[len(rows) - 1].items() or "tags" in rows[-1]
    assert text.endswith(found.rest)
    assert text.startswith(found.document.rstrip("}]"))


def test_other_texts_are_not_cut() -> None:
    assert cut_json(json.dumps(ROWS)) is None
    assert cut_json("[log] " + "line\n" * 400) is None
    assert cut_json("{ not json ] " + "x" * 900) is None
