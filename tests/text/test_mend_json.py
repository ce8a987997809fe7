"""Broken JSON keeps every complete value and every character of the rest."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from headroom.ccr.memory import MemoryStore
from headroom.ccr.retrieve import retrieve
from headroom.text.mend_json import mend_json

ROWS = [{"id": i, "name": f'row {i} "q" [x', "tags": ["a", {"b": i}], "link": None} for i in range(40)]


@given(st.integers(2, 900), st.sampled_from(["", "... \n\n(The output was too long!)"]), st.sampled_from([None, 1]))
def test_every_cut(cut: int, remark: str, indent: int | None) -> None:
    whole = json.dumps({"object": "list", "results": ROWS}, indent=indent)
    text = whole[:-cut] + remark
    found = mend_json(text)
    if found is None:
        assert text.rstrip()[-1:] in ("}", "]")
        return
    rows = json.loads(found.document)["results"]
    assert rows[:-1] == ROWS[: len(rows) - 1]
    assert rows[-1].items() <= ROWS[len(rows) - 1].items() or "tags" in rows[-1]
    assert text.endswith(found.rest)
    assert text.startswith(found.document.rstrip("}]"))


def test_other_texts_are_not_cut() -> None:
    assert mend_json(json.dumps(ROWS)) is None
    assert mend_json("[log] " + "line\n" * 400) is None
    assert mend_json("{ not json ] " + "x" * 900) is None


def test_quotes_that_were_not_escaped() -> None:
    rows = [{"id": i, "html": f'<a class="x" href="/p/{i}">say \\ "hi"</a>', "n": None} for i in range(20)]
    broken = json.dumps(rows, indent=2).replace('\\"', '"')
    found = mend_json(broken)
    assert found is not None
    assert json.loads(found.document) == rows
    assert found.rest == ""


def test_whole_json_is_left_alone() -> None:
    assert mend_json(json.dumps(ROWS, indent=1)) is None


def test_values_of_broken_texts_are_found_by_path() -> None:
    store = MemoryStore()
    cut = store.put(json.dumps({"results": ROWS})[:-40])
    assert json.loads(retrieve(store, cut, path="$.results[3].tags").text) == ROWS[3]["tags"]
    wrapped = json.dumps({"type": "text", "text": "\n".join(f"line {i} of it" for i in range(200))})
    id = store.put(wrapped[:-60] + "\n(cut)")
    assert retrieve(store, id, path="$.text", lines="41-42").text == "line 40 of it\nline 41 of it"
