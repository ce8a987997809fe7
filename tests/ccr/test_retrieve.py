"""Parts of an original: exact, addressed as the reader sees them, paged, in plain words where something is wrong."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.ccr.memory import MemoryStore
from headroom.ccr.retrieve import Retrieved, render, retrieve, retrieve_text
from headroom.errors import InputError, NotFound, StoreError
from headroom.interfaces import Store

ANY_TEXT = st.text(st.characters(exclude_categories=()))
LINE = st.text(st.characters(exclude_characters="\n", exclude_categories=()), max_size=30)
LINES = st.lists(LINE, min_size=1, max_size=40)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=15,
)
LOG = "\n".join(f"line {n}" for n in range(1, 121)) + "\n"


def part(text: str, **selectors: Any) -> Retrieved:
    store = MemoryStore()
    return retrieve(store, store.put(text), **selectors)


def answer(text: str, **selectors: Any) -> str:
    store = MemoryStore()
    return retrieve_text(store, store.put(text), **selectors)


# Lines


@given(text=ANY_TEXT)
def test_without_a_selector_it_is_the_original(text: str) -> None:
    found = part(text)
    assert (found.text, found.exact, found.more) == (text, True, None)


@given(lines=LINES, data=st.data())
def test_a_range_is_exactly_those_lines(lines: list[str], data: st.DataObject) -> None:
    text = "\n".join(f"{line}~" for line in lines)  # never a running number in front
    first = data.draw(st.integers(1, len(lines)))
    last = data.draw(st.integers(first, len(lines) + 3))
    dash = data.draw(st.sampled_from(["-", "–", " - ", "..", ":", " to "]))
    found = part(text, lines=f"{first}{dash}{last}")
    assert found.text == "\n".join(text.split("\n")[first - 1 : last])
    assert (found.unit, found.total, found.more) == ("lines", len(lines), None)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("3", "line 3"),
        (3, "line 3"),
        ("119-", "line 119\nline 120\n"),
        ("1-2,118-119", "line 1\nline 2\nline 118\nline 119"),
        ("[7, 5]", "line 7\nline 5"),
        ("120-9999", "line 120\n"),
        ("1,500", "line 1"),
        ("7+5", "7"),
    ],
)
def test_forms_of_ranges(lines: str | int, expected: str) -> None:
    assert part(LOG, lines=lines).text == expected


def test_only_line_feeds_end_lines() -> None:
    assert part("a\r\nb\u2028c\x0bd\re\r\nf", lines="2").text == "b\u2028c\x0bd\re\r"


def test_lines_go_by_the_numbers_printed_in_front_of_them() -> None:
    text = "\n".join(f"{n:6}\tcode {n}" for n in range(200, 240))
    found = part(text, lines="210-212")
    assert found.text.split("\n") == ["   210\tcode 210", "   211\tcode 211", "   212\tcode 212"]
    assert "lines 210-212 of 200-239]" in render(found)
    assert "has lines 200 to 239" in answer(text, lines="5")
    assert part(text).text == text


def test_numbered_lines_below_others_are_all_reached() -> None:
    text = "Here is the file:\n\n" + "\n".join(f"{n:6}\tcode {n}" for n in range(1, 40))
    assert part(text, lines="1").text == "     1\tcode 1"
    assert pages(text, limit=1) == text.split("\n")


# Pages


def pages(text: str, **selectors: Any) -> list[str]:
    """All pages' texts, and every cursor leads on."""
    out, cursor, seen = [], None, set()
    while True:
        found = part(text, cursor=cursor, **selectors)
        out.append(found.text)
        if found.more is None:
            return out
        assert found.more not in seen
        seen.add(found.more)
        cursor = found.more


@given(lines=LINES, limit=st.integers(1, 7))
@settings(deadline=None)
def test_pages_cover_everything_once(lines: list[str], limit: int) -> None:
    text = "\n".join(lines)
    found = pages(text, limit=limit)
    assert "\n".join(found) == text
    assert len(found) == -(-len(lines) // limit)


@given(lines=LINES, limit=st.integers(1, 7), characters=st.integers(1, 50))
@settings(deadline=None)
def test_pages_within_a_size_lose_nothing(lines: list[str], limit: int, characters: int) -> None:
    text = "\n".join(lines)
    found, cursor, joined = part(text, limit=limit, characters=characters), None, ""
    while True:
        assert len(found.text) <= characters or found.text.count("\n") == 0
        assert len(found.text) <= max(characters, 1)
        joined += found.text
        if found.more is None:
            break
        cursor = found.more
        joined += "" if "+" in cursor else "\n"
        found = part(text, limit=limit, characters=characters, cursor=cursor)
    assert joined == text


def test_a_page_of_several_ranges_says_what_is_left() -> None:
    found = part(LOG, lines="1-5,90-95", limit=3)
    assert (found.text, found.shown, found.more) == ("line 1\nline 2\nline 3", "1-3", "4-5,90-95")
    assert part(LOG, lines="1-5,90-95", limit=3, cursor=found.more).shown == "4-5,90"


def test_a_model_gets_pages_with_the_call_for_the_next_one() -> None:
    text = "\n".join(f"line {n}" for n in range(1, 1001))
    first = answer(text)
    assert first.startswith("[original ")
    assert first.count("\n") == 401
    call = first.rsplit("\n", 1)[1]
    assert re.fullmatch(r'\[for the rest call headroom_retrieve\(id="[0-9a-z]{8}", lines="401-1000"\)\]', call)
    assert answer(text, lines="401-1000", limit=1000).endswith("\nline 1000")


def test_a_model_gets_a_long_line_in_pieces() -> None:
    text = "x" * 40_000 + "y" * 10
    assert answer(text).endswith('lines="1+32000")]')
    assert answer(text, lines="1+32000").endswith("x" * 8_000 + "y" * 10)


# Rows

ITEMS = '{"n": 2, "items": [ {"a":1.0} ,{"a": 1e3,\n"b":[1, 2]}, "x\\u0041", null]}'


@pytest.mark.parametrize(
    ("rows", "expected"),
    [("1", '{"a":1.0}'), ("2-3", '{"a": 1e3,\n"b":[1, 2]}\n"x\\u0041"'), ("4-", "null")],
)
def test_rows_are_the_source_of_the_elements(rows: str, expected: str) -> None:
    found = part(ITEMS, path="$.items", rows=rows)
    assert (found.text, found.unit, found.total) == (expected, "rows", 4)


def test_rows_of_json_lines() -> None:
    text = '{"a":1}\n\n{"a":2.50}\r\n{"a":3}\n'
    assert part(text, rows="2-3").text == '{"a":2.50}\n{"a":3}'
    assert part(text, path="$[1].a").text == "2.50"


@pytest.mark.parametrize(
    ("table", "heading", "row"),
    [
        ("name,age\nbo,3\nal,4\n", "name,age", "al,4"),
        ("| n | a |\n|---|--:|\n| bo | 3 |\n| al | 4 |", "| n | a |\n|---|--:|", "| al | 4 |"),
        (" n  | a\n----+---\n bo | 3\n al | 4\n", " n  | a\n----+---", " al | 4"),
    ],
)
def test_rows_of_tables_stand_below_the_header(table: str, heading: str, row: str) -> None:
    found = part(table, rows="2")
    assert (found.text, found.heading, found.total) == (row, heading, 2)
    assert render(found).split("\n", 1)[1] == f"{heading}\n{row}"


def test_rows_inside_an_envelope() -> None:
    text = json.dumps({"content": [{"type": "text", "text": json.dumps({"rows": [{"v": 1.0}, {"v": 2}]})}]})
    assert part(text, path="$.content[0].text.rows", rows="1").text == '{"v": 1.0}'
    assert part(text, path="$.content[0].text.rows[1].v").text == "2"


def test_a_document_between_other_lines() -> None:
    rows = ",\n".join(json.dumps({"id": n, "name": "x" * 40}) for n in range(20))
    text = f"Exit code: 0\n\n[{rows}]\n\ndone in 3 s"
    assert part(text, rows="2").text == json.dumps({"id": 1, "name": "x" * 40})
    assert part(text, path="$[3].id").text == "3"


# Paths


@given(value=st.dictionaries(ANY_TEXT, JSON_VALUES, min_size=1, max_size=4), ascii=st.booleans(), data=st.data())
@settings(deadline=None)
def test_a_path_leads_to_the_exact_source(value: dict[str, Any], ascii: bool, data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=ascii, indent=data.draw(st.sampled_from([None, 1])))
    path, at = "$", value
    while isinstance(at, (dict, list)) and at:
        key = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else list(range(len(at)))))
        at = at[key]
        path += f"[{json.dumps(key, ensure_ascii=ascii)}]"
    found = part(text, path=path).text
    if isinstance(at, str):
        assert found == at
    else:
        assert found in text
        assert json.dumps(json.loads(found)) == json.dumps(at)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.a.b", "1.0"),
        ("a.b", "1.0"),
        ("$['a']['b']", "1.0"),
        ('$.a["odd key.[0]"]', "x\ny"),
        ("$.list[-1]", "30000000000000000000000000000000"),
        ("$.list[0:2]", "1\n2.50"),
        ("$.list[*]", "1\n2.50\n30000000000000000000000000000000"),
        ("$.rows[].k", '"p"\n"q"'),
        ("$.a.*", '1.0\n"x\\ny"'),
        ("$.twice", "2"),
        ("$.big", "1" * 5_000),
    ],
)
def test_forms_of_paths(path: str, expected: str) -> None:
    text = (
        '{"a": {"b": 1.0, "odd key.[0]": "x\\ny"}, "list": [1, 2.50, 30000000000000000000000000000000],'
        f'"rows":[{{"k":"p"}},{{"k":"q"}}], "twice":1, "twice":2, "big":{"1" * 5_000}}}'
    )
    assert part(text, path=path).text == expected


def test_lines_and_search_inside_a_string() -> None:
    log = "\n".join(f"step {n}" if n != 70 else "step 70 failed: ENOSPC" for n in range(1, 101))
    text = json.dumps({"output": log, "code": 0})
    assert part(text, path="$.output", lines="69-70").text == "step 69\nstep 70 failed: ENOSPC"
    assert "70: step 70 failed: ENOSPC" in part(text, path="$.output", query="ENOSPC").text


# Search


def test_search_gives_the_best_lines_with_numbers_neighbours_and_exact_gaps() -> None:
    text = "\n".join("connection timed out" if n == 50 else f"request {n} served" for n in range(1, 101))
    assert part(text, query="timeout timed").text.split("\n") == [
        "[… 47 lines (1–47) …]",
        "48: request 48 served",
        "49: request 49 served",
        "50: connection timed out",
        "51: request 51 served",
        "52: request 52 served",
        "[… 48 lines (53–100) …]",
    ]


@pytest.mark.parametrize(
    ("line", "query"),
    [
        ("retried three times", "retries"),
        ("数据库连接失败，正在重试", "连接失败"),
        ("x = a[i] >>= 3;", ">>="),
        ("user_id=4711 rejected", "who has the user_id 4711?"),
        ("caf\u00e9 opened", "cafe"),
        ("\ud800 broken surrogate here", "surrogate"),
    ],
)
def test_search_finds(line: str, query: str) -> None:
    text = "\n".join([*(f"row {n} of filler" for n in range(30)), line, *(f"row {n} of filler" for n in range(30))])
    assert f"31: {line}" in part(text, query=query).text


def test_small_words_of_a_question_do_not_count() -> None:
    text = "\n".join(["what is the matter", *(f"order {n} shipped" for n in range(4700, 4730))])
    assert part(text, query="what is the status of the order 4711?", limit=5).shown == "11-15"
    assert part(text, query="what is the").shown == "1-3"


def test_search_keeps_to_its_limit_and_names_the_other_matches() -> None:
    text = "\n".join(f"error {n}" if n % 10 == 0 else "fine" for n in range(1, 101))
    found = part(text, query="error", limit=8)
    assert sum(1 for line in found.text.split("\n") if not line.startswith("[…")) <= 8
    assert found.more is not None
    shown = {int(n) for n in re.findall(r"^(\d+): error", found.text, re.M)}
    assert shown | set(map(int, found.more.split(","))) == set(range(10, 101, 10))


def test_search_in_a_one_line_array_finds_rows() -> None:
    text = json.dumps([{"id": n, "name": f"user{n}"} for n in range(500)])
    found = part(text, query="user417")
    assert found.unit == "rows"
    assert '418: {"id": 417, "name": "user417"}' in found.text
    assert found.shown == "416-420"


def test_search_in_a_long_line_counts_characters() -> None:
    text = "a" * 10_000 + " needle " + "b" * 10_000
    found = part(text, query="needle")
    assert "needle" in found.text
    left_out = sum(map(int, re.findall(r"\[… (\d+) characters …\]", found.text)))
    kept = sum(b - a + 1 for a, b in ((int(a), int(b)) for a, b in re.findall(r"characters (\d+)–(\d+): ", found.text)))
    assert left_out + kept == len(text)


def test_search_inside_a_range_only() -> None:
    text = "\n".join(["needle", *["hay"] * 50, "needle"])
    assert part(text, query="needle", lines="20-60").shown == "50-52"


@given(text=ANY_TEXT, query=st.text(min_size=1, max_size=20))
@settings(deadline=None)
def test_search_never_breaks(text: str, query: str) -> None:
    assert answer(text, query=query) == answer(text, query=query)


# Plain words


def test_a_miss_is_final_for_a_model_and_an_error_for_a_program() -> None:
    store = MemoryStore()
    assert retrieve_text(store, "abcdefgh") == (
        "The original abcdefgh is not kept any more and can't be returned. Run the command again to see its output."
    )
    with pytest.raises(NotFound):
        retrieve(store, "abcdefgh")


def test_an_id_in_quotes_is_understood() -> None:
    store = MemoryStore()
    assert "hello" in retrieve_text(store, f' "{store.put("hello")}" ')


@pytest.mark.parametrize(
    ("selectors", "says"),
    [
        ({"lines": "500-600"}, "the original has lines 1 to 121"),
        ({"lines": "many"}, 'write for example lines="41-852"'),
        ({"lines": "9-3"}, "3 is before 9"),
        ({"lines": "1", "rows": "2"}, "lines or rows, not both"),
        ({"path": "$.a"}, "is not JSON"),
        ({"query": "zebra"}, "nothing matches 'zebra' in the 121 lines"),
        ({"limit": "few"}, "limit a number"),
        ({"lines": {"from": 1}}, "is not a range"),
        ({"path": 7}, "must be strings"),
    ],
)
def test_a_selector_that_does_not_fit_is_explained(selectors: dict[str, Any], says: str) -> None:
    text = answer(LOG, **selectors)
    assert text.startswith("Nothing was returned: ")
    assert says in text


@pytest.mark.parametrize(
    ("selectors", "says"),
    [
        ({"path": "$.c"}, "$ has no key 'c'; its keys: a, list"),
        ({"path": "$.a.b.c"}, "$.a.b is a scalar, not an object with a key 'c'"),
        ({"path": "$.list[9]"}, "$.list has 2 items, 0 to 1: there is no [9]"),
        ({"path": "$.a[0]"}, "$.a is an object with the keys b"),
        ({"path": "$.list[1].x"}, "$.list[1] is a scalar"),
        ({"path": "$.list[5:]"}, "there is nothing at $.list[5:]"),
        ({"path": "$.a["}, "is not a JSON path"),
        ({"rows": "1"}, "$ is an object with the keys a, list (array); rows need an array"),
        ({"path": "$.list", "rows": "3"}, "the original has rows 1 to 2"),
    ],
)
def test_a_path_that_leads_nowhere_is_explained(selectors: dict[str, Any], says: str) -> None:
    text = answer('{"a": {"b": 1}, "list": [1, 2]}', **selectors)
    assert text.startswith("Nothing was returned: ")
    assert says in text


def test_json_nested_too_deeply_for_paths_still_has_lines() -> None:
    text = "[" * 100_000 + "]" * 100_000
    assert "select lines" in answer(text, path="$[0]")
    assert answer(text, lines="1").startswith("[original")


def test_a_store_that_fails_is_explained_to_a_model() -> None:
    class Broken(MemoryStore):
        def get(self, id: str) -> str:
            raise StoreError("the disk is gone")

    broken: Store = Broken()
    assert retrieve_text(broken, "abcdefgh") == "Nothing was returned: the disk is gone."


def test_rendered_text_is_not_taken_for_a_compressed_block() -> None:
    with pytest.raises(InputError):
        part(LOG, lines="500")
    assert "[headroom: " not in answer(LOG, limit=5)
