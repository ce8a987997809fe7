"""Printed values: what Python and JavaScript print reads as the JSON that says the same."""

from __future__ import annotations

import json
import pprint
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.text.literals import as_json

_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_VALUES = st.recursive(_LEAVES, lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=12)
_FILL = [{"name": "x" * 200}]


@given(st.dictionaries(st.text(min_size=1), _VALUES, min_size=1), st.booleans())
def test_what_python_prints_is_read_or_left(value: dict[str, Any], pretty: bool) -> None:
    printed = pprint.pformat([value, _FILL]) if pretty else repr([value, _FILL])
    read = as_json(printed)
    if read is not None:
        assert json.loads(read) == [value, _FILL]


def test_a_printed_value_with_all_its_kinds() -> None:
    value = [{"id": 1, "note": 'it\'s "so"\n', "ok": True, "none": None, "pair": (1, 2.5), "pad": "x" * 160}]
    read = as_json(repr(value))
    assert read is not None
    assert json.loads(read) == [{**value[0], "pair": [1, 2.5]}]


def test_one_value_a_line_and_calls() -> None:
    lines = [f"{{'id': {i}, 'price': Decimal('1.{i}'), 'pad': '{'y' * 60}'}}" for i in range(4)]
    read = as_json("\n".join(lines))
    assert read is not None
    assert [json.loads(line)["price"] for line in read.split("\n")] == [f"Decimal('1.{i}')" for i in range(4)]


def test_javascript_keys() -> None:
    printed = "[\n" + ",\n".join(f"  {{\n    id: {i},\n    name: 'n{i}',\n    on: true\n  }}" for i in range(9)) + "\n]"
    read = as_json(printed)
    assert read is not None
    assert json.loads(read)[8] == {"id": 8, "name": "n8", "on": True}


@pytest.mark.parametrize("value", ["x + 1", "<object at 0x7f>", "lambda: 0"])
def test_code_is_no_value(value: str) -> None:
    assert as_json(f"{{'a': {value}, " + "'b': 2, " * 40 + "'c': 3}") is None
