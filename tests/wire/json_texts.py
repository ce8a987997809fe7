"""JSON texts as nobody would write them: odd whitespace, needless escapes, keys given twice, lone surrogates."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from hypothesis import strategies as st

SPACE = st.text(" \t\n\r", max_size=3)
_SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_PLAIN = st.characters(min_codepoint=0x20, exclude_characters='"\\', exclude_categories=["Cs"])
_ESCAPED = st.one_of(
    st.sampled_from(sorted(_SHORT.values())),
    st.integers(0, 0xFFFF).map("\\u{:04x}".format),  # lone surrogates among them
    st.integers(0, 0xFFFF).map("\\u{:04X}".format),
    st.just("\\ud83d\\ude00"),
)
STRINGS = st.lists(st.one_of(_PLAIN, _PLAIN, _ESCAPED), max_size=8).map(lambda parts: f'"{"".join(parts)}"')
KEYS = st.one_of(STRINGS, st.sampled_from(['"a"', '"\\u0061"', '"b"', '""', '"é"', '"\\u00e9"']))  # some of them alike
SCALARS = st.one_of(
    STRINGS,
    st.sampled_from(["true", "false", "null", "-0", "1.50", "1E+2", "1e-400", "1e400", "0.1e0", "9" * 400]),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)


def _array(parts: list[tuple[str, str, str]], inside: str) -> str:
    return f"[{','.join(map(''.join, parts)) or inside}]"


def _object(parts: list[tuple[str, str, str, str, str, str]], inside: str) -> str:
    written = (f"{a}{key}{b}:{c}{value}{d}" for a, key, b, c, value, d in parts)
    return f"{{{','.join(written) or inside}}}"


def arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(_array, st.lists(st.tuples(SPACE, values, SPACE), max_size=4), SPACE)


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(_object, st.lists(st.tuples(SPACE, KEYS, SPACE, SPACE, values, SPACE), max_size=4), SPACE)


VALUES = st.recursive(SCALARS, lambda inner: arrays(inner) | objects(inner), max_leaves=12)
ARRAYS, OBJECTS = arrays(VALUES), objects(VALUES)


def bodies(values: st.SearchStrategy[str] = VALUES) -> st.SearchStrategy[bytes]:
    """Such texts as bytes, with whitespace around them."""
    return st.builds(lambda *parts: "".join(parts).encode(), SPACE, values, SPACE)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def strictly(data: bytes) -> Any:
    """What the standard library reads from it. Raises ValueError for what RFC 8259 doesn't know."""
    return json.loads(data.decode("utf-8"), parse_constant=_refuse)
