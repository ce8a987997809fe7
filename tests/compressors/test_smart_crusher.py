"""SmartCrusher's laws: what it calls lossless is, what it leaves out it counts, and what it says of columns is true."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.compressors.smart_crusher import COMPRESSOR
from headroom.formats.json.document import Document, decode
from headroom.formats.json.read import minified_document, read_any
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.lines import sample

NUMBERS = st.one_of(
    st.integers().map(str),
    st.sampled_from(["-0", "0", "1.0", "1.10", "1e5", "1E+5", "-1.5e-300", "9007199254740993", "0.1", "1e999"]),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
# What the compact form gives a meaning of its own, and what it must not mistake for something else.
TRICKY = st.sampled_from(
    [
        *("null", "true", "-1", "1.0", "NaN", "", " a ", "[1]", "{a:1}", '"', "\\", "a,b", "a:b", "a\tb", "A\tb"),
        *("a\nb", "=x", "#1", "#1/a", "a.b", "x<y>", "a=b", "a~b", "a?b", "→#2", "(text)", "key", "(key)", "é"),
        *("漢", "\u2028", "[… 3 rows …]", "#1: 2 rows of $", "\r\n", "\x00", "\x7f", "\x85", "18446744073709551616"),
        *("https://api.example.com/items/7", "https://api.example.com/items/8"),
    ]
)
STRINGS = st.one_of(TRICKY, st.text(max_size=12)).map(json.dumps) | st.sampled_from(
    ['"\\ud800"', '"\\ud83d\\ude00"', '"\\/"', '"\\u0041"']
)
SCALARS = st.one_of(NUMBERS, STRINGS, st.sampled_from(["null", "true", "false"]))
KEYS = st.one_of(st.sampled_from(["id", "a", "b", "name", "url", "key", "x.y", "0"]), TRICKY).map(json.dumps)


def array_of(items: st.SearchStrategy[list[str]]) -> st.SearchStrategy[str]:
    return items.map(lambda texts: "[" + ", ".join(texts) + "]")


def object_of(pairs: st.SearchStrategy[list[tuple[str, str]]]) -> st.SearchStrategy[str]:
    return pairs.map(lambda items: "{" + ", ".join(f"{k}: {v}" for k, v in items) + "}")


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return array_of(st.lists(inner, max_size=5)) | object_of(st.lists(st.tuples(KEYS, inner), max_size=5))


VALUES = st.recursive(SCALARS, nested, max_leaves=30)


@st.composite
def tables(draw: st.DrawFn) -> str:
    """Arrays whose rows draw from a few values, some missing, some in another order, some of another kind."""
    keys = draw(st.lists(KEYS, min_size=1, max_size=5, unique=True))
    pools = {key: draw(st.lists(VALUES, min_size=1, max_size=3)) for key in keys}
    rows = []
    for _ in range(draw(st.integers(2, 12))):
        mine = draw(st.permutations(keys)) if draw(st.integers(0, 9)) == 0 else keys
        pairs = [(key, draw(st.sampled_from(pools[key]))) for key in mine if draw(st.integers(0, 5))]
        rows.append(draw(object_of(st.just(pairs))))
    if draw(st.booleans()):
        rows.insert(draw(st.integers(0, len(rows))), draw(VALUES))
    return draw(st.sampled_from(["[{}]", '{{"data": [{}], "n": 1}}', '{{"x": {{"y": [{}]}}}}'])).format(", ".join(rows))


@settings(max_examples=400, deadline=None)
@given(VALUES)
def test_compact_form_gives_any_document_back(text: str) -> None:
    value, lines = read_any(text)
    assert decode(Document(value, lines).text()) == minified_document(value, lines)


@settings(max_examples=600, deadline=None)
@given(tables())
def test_compact_form_gives_tables_back(text: str) -> None:
    value, lines = read_any(text)
    assert decode(Document(value, lines).text()) == minified_document(value, lines)


@settings(max_examples=150, deadline=None)
@given(st.lists(object_of(st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=4)), min_size=2, max_size=8))
def test_compact_form_gives_json_lines_back(documents: list[str]) -> None:
    text = "\n".join(documents) + "\n"
    for candidate in COMPRESSOR.compress(text * 3, Context(Level.LOSSLESS)):
        assert candidate.lossless
        assert COMPRESSOR.same(COMPRESSOR.decode(candidate.text), text * 3)


OWNER = {"login": "ada", "id": 7, "url": "https://api.forge.example/users/ada", "bio": "writes\nparsers" * 4}
REPO = {f"{name}_url": f"https://api.forge.example/repos/ada/pad/{name}" for name in "abcdefg"}
WHOLE: dict[str, Any] = {
    "long lists inside rows": [
        {"file": f"src/{i}.py", "found": [{"line": n, "rule": "E501", "fix": None} for n in range(i * 11)]}
        for i in range(4)
    ],
    "lists of one object, of none, of several": [{"id": i, "tags": [{"k": "a", "v": i}] * (i % 3)} for i in range(9)],
    "one object a list, one list for a reference": [
        {"id": i, "tags": [{"k": "a"}] if i else [{"k": str(n)} for n in range(20)]} for i in range(5)
    ],
    "keys in another order": [*[{"id": 1, "at": {"x": 1, "y": 2}}] * 6, {"id": 2, "at": {"y": 2, "x": 1}}],
    "records in rows, lists and records": [
        {"id": i, "by": OWNER, "seen": [OWNER, {**OWNER, "login": "eve", "id": 8}], "in": {"id": i % 2, "by": OWNER}}
        for i in range(6)
    ],
    "one object of addresses": {**REPO, "url": "https://api.forge.example/repos/ada/pad", "full_name": "ada/pad"},
    "long texts": [{"id": i, "body": "\n".join(f'#1: {n} rows "{i}"' for n in range(40))} for i in range(8)],
    "a map of maps": {f"k{i}": {f"m{j}": {"a": j, "b": [i]} for j in range(3)} for i in range(4)},
    "coordinates": {"arcs": [[[n, -n], [n / 2, 1e-7]] for n in range(60)], "box": [1, 2.5]},
}


@pytest.mark.parametrize("document", WHOLE.values(), ids=WHOLE.keys())
def test_lossless_candidates_give_documents_back(document: Any) -> None:
    text = json.dumps(document, indent=1)
    made = [c for c in COMPRESSOR.compress(text, Context()) if c.lossless]
    assert made
    for candidate in made:
        assert COMPRESSOR.same(COMPRESSOR.decode(candidate.text), text)
        assert len(candidate.text) < len(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1.0", "1"), ("1.10", "1.1"), ("-0", "0"), ("1e5", "100000"), ('"1"', "1"), ("null", '""'), ("true", "1"),
     ('{"a":1,"b":2}', '{"b":2,"a":1}'), ('{"a":1,"a":2}', '{"a":2}'), ('"\\ud800"', '"\\ud801"'), ("[]", "{}")],
)  # fmt: skip
def test_same_tells_documents_apart(one: str, other: str) -> None:
    assert not COMPRESSOR.same(f"[{one}]", f"[{other}]")
    assert COMPRESSOR.same(f"[ {one} ]", f"[{one}]")


def test_same_ignores_only_whitespace_and_escapes() -> None:
    assert COMPRESSOR.same('{"a":"\\u00e9/"}', '{ "a" : "é\\/" }\n')


def rows(count: int) -> str:
    kinds = ["ok"] * 40 + ["degraded"]
    return json.dumps(
        [
            {"time": f"2024-01-{1 + i // 100:02} 10:00", "load": i * 7 % 101, "state": kinds[i % 41]}
            for i in range(count)
        ]
    )


def lossy(text: str, level: Level = Level.BALANCED, query: str = "", target: int | None = None) -> Compressed | None:
    made = list(COMPRESSOR.compress(text, Context(level, query=query, target=target)))
    return next((c for c in made if not c.lossless), None)


def marked(text: str) -> int:
    return sum(int(n) for n in re.findall(r"\[… (\d+) (?:rows?|items?) ", text))


def test_long_series_keeps_counts_extremes_and_rare_states() -> None:
    text = rows(2000)
    made = lossy(text)
    assert made is not None
    assert "#1: 2000 rows" in made.text
    shown = [line for line in made.text.split("\n") if line.startswith("2024-")]
    gone = marked(made.text)
    assert len(shown) + gone == 2000
    assert sum(o.count for o in made.omissions) == gone
    assert sum(b - a + 1 for o in made.omissions for a, b in o.ranges) == gone
    assert any(line.split("\t")[1] == "100" for line in shown)
    assert sum("degraded" in line for line in shown) >= 40
    assert "of all 2000 rows" in made.text
    assert "load min 0 max 100 mean" in made.text


def test_a_row_that_is_asked_for_stays() -> None:
    data = [{"time": f"2024-01-01 10:{i // 60:02}:{i % 60:02}", "load": 1000 + i} for i in range(3000)]
    made = lossy(json.dumps(data), query="what was the time when load was 2717?")
    assert made is not None
    assert "\t2717" in made.text


def test_tables_of_text_keep_every_row_at_balanced() -> None:
    data = [{"id": f"ticket-{i}", "title": f"{i} things about subject {i * 31}"} for i in range(1500)]
    assert lossy(json.dumps(data)) is None
    assert lossy(json.dumps(data), Level.AGGRESSIVE) is not None


def test_long_lists_and_maps_say_what_is_missing() -> None:
    versions = [f"{i // 100}.{i // 10 % 10}.{i % 10}-dev.{i}" for i in range(900)] + ["10.0.0-rc"]
    times = {version: f"2020-01-01T00:00:{i % 60:02}Z" for i, version in enumerate(versions)}
    made = lossy(json.dumps({"versions": versions, "time": times}))
    assert made is not None
    assert "10.0.0-rc" in made.text
    by_path = {o.path: o for o in made.omissions}
    assert set(by_path) == {"$.versions", "$.time"}
    assert by_path["$.versions"].unit == "rows"
    assert marked(made.text) == sum(o.count for o in made.omissions)
    assert "of $.versions" in made.text


def test_noise_keeps_its_beginning_and_length() -> None:
    blob = "QUJD" * 1000
    made = lossy(json.dumps({"name": "logo.png", "content": blob, "size": 3000}))
    assert made is not None
    (omission,) = made.omissions
    assert omission.unit == "characters"
    assert omission.path == "$.content"
    assert blob[: 4000 - omission.count] + f"[… {omission.count} characters …]" in made.text


def test_nested_texts_go_to_their_own_compressor() -> None:
    log = "\n".join(f"INFO step {i} done" for i in range(50))

    def compress(text: str, path: str) -> Compressed:
        assert (text, path) == (log, "$.output")
        left_out = Omission("INFO lines", 49, "lines", ((2, 50),), "$.output")
        return Compressed("INFO step 0 done\n[… 49 lines (2–50) of $.output …]", "log", False, (left_out,))

    text = json.dumps({"exit": 0, "output": log, "command": "make all"})
    made = next(c for c in COMPRESSOR.compress(text, Context(nested=compress)) if "49 lines" in c.text)
    assert "INFO step 0 done\n[… 49 lines" in made.text


def test_texts_inside_rows_stand_in_sections_of_their_own() -> None:
    def compress(text: str, path: str) -> Compressed:
        return Compressed("first\n[… 59 lines (2–60) …]", "log", False, (Omission("lines", 59, "lines", ((2, 60),)),))

    body = "\n".join(f"line {i}" for i in range(60))
    text = json.dumps([{"id": i, "body": body, "state": "open"} for i in range(3)])
    made = next(c for c in COMPRESSOR.compress(text, Context(nested=compress)) if not c.lossless)
    assert made.text.count("first\n[… 59 lines") == 3
    assert [o.path for o in made.omissions] == ["$[0].body", "$[1].body", "$[2].body"]


def test_hashes_are_cut_only_at_aggressive() -> None:
    data = [{"name": f"package-{i}", "integrity": "sha512-" + chr(65 + i) * 88} for i in range(20)]
    assert lossy(json.dumps(data)) is None
    made = lossy(json.dumps(data), Level.AGGRESSIVE)
    assert made is not None
    assert "package-7\tsha512-HHHHHHHHH[… 79 characters …]" in made.text


def test_a_target_tightens() -> None:
    text = rows(4000)
    free, tight = lossy(text), lossy(text, target=1500)
    assert free is not None
    assert tight is not None
    assert len(tight.text) < len(free.text) / 2


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000 + "]" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, "[1,2" * 40, "{}", "", "7", "[1\n2]" * 30],
)
def test_what_it_cannot_help_it_leaves_alone(text: str) -> None:
    assert list(COMPRESSOR.compress(text, Context())) == []


@pytest.mark.parametrize(
    ("text", "sure"),
    [('{"a": 1}', True), ('[\n  {"a": 1}\n]\n', True), ('{"a":1}\n{"a":2}\n', True), ("[INFO] started", False),
     ("{ echo hi; }", False), ("[section]\nkey=1", False), ("plain text", False), ("", False)],
)  # fmt: skip
def test_sniff(text: str, sure: bool) -> None:
    score = COMPRESSOR.sniff(sample(text), Context())
    assert (score >= 0.9) if sure else (score < 0.5)
