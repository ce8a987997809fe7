"""Lists of names: every listing comes back; names stay as they are quoted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headroom.formats.listing import name_lists

_NAMES = st.text('ab./ :{}"\\>é\t-_', min_size=1, max_size=7)
_LINES = st.sampled_from([".:", "./a:", "./a/b:", "b/c:", "a", "b", "c.py", "d.py", "x y", "", "a:b", ">q", "{x"])


@given(st.lists(_NAMES, min_size=1, max_size=12))
def test_names_come_back(names: list[str]) -> None:
    coded = name_lists.encode_names(names)
    assert coded is not None
    assert name_lists.decode(coded) == names
    assert name_lists.size_of(coded[0]) == len(coded) - 1


@given(st.lists(_LINES, min_size=1, max_size=20))
def test_directories_come_back(lines: list[str]) -> None:
    coded = name_lists.encode_directories(lines)
    if coded is not None:
        assert name_lists.decode(coded) == lines
        assert name_lists.size_of(coded[0]) == len(coded) - 1


def test_a_directory_is_one_line_below_its_parent() -> None:
    listing = [".:", "app", "x.md", "", "./app:", "a b.py", "sub", "", "./app/sub:", "", "./docs:", "i.md"]
    coded = name_lists.encode_directories(listing)
    assert coded is not None
    assert coded[1:] == [".: app x.md", ' app: "a b.py" sub', "  sub:", " docs: i.md"]


def test_only_long_endings_are_shared() -> None:
    compiled = [f"{name}.cpython-311.pyc" for name in ("a", "b", "c")]
    short = ["a.py", "b.py", "c.py"]
    coded = name_lists.encode_names([*compiled, *short])
    assert coded is not None
    assert coded[1:] == ["{a b c}.cpython-311.pyc a.py b.py c.py"]
