"""Listings: paths, drawings and columns come back in their order; short lists keep their paths whole."""

from __future__ import annotations

from operator import add

from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.compressors.listing import COMPRESSOR
from headroom.formats.listing import drawing
from headroom.formats.listing.paths import from_tree, is_plain, to_tree
from headroom.model import Context
from headroom.text.lines import sample

PARTS = st.sampled_from([*"src app a_b x1 x2 x3 x4 x5 x6 x009 x010 é .. { v{1..2} t.py".split(), "", "a b"])
PATHS = st.lists(st.lists(PARTS, min_size=1, max_size=5).map("/".join), min_size=1, max_size=60)
DEPTHS = st.lists(st.integers(0, 5), min_size=1, max_size=40)


@settings(max_examples=400, deadline=None)
@given(PATHS, st.booleans())
def test_a_tree_gives_its_paths_back(paths: list[str], in_order: bool) -> None:
    paths = [path for path in (sorted(paths) if in_order else paths) if is_plain(path)]
    lines = to_tree(paths)
    assert lines is not None
    assert from_tree(lines) == paths


@settings(max_examples=200, deadline=None)
@given(PATHS)
def test_a_tree_keeps_the_other_cells(paths: list[str]) -> None:
    paths = list(filter(is_plain, paths))
    rests = ["" if i % 3 else f"|{i}/" for i in range(len(paths))]
    lines = to_tree(paths, rests, "|")
    assert lines is not None
    assert from_tree(lines, "|") == list(map(add, paths, rests))


@settings(max_examples=200, deadline=None)
@given(DEPTHS, st.booleans(), st.booleans())
def test_a_drawing_is_drawn_again(steps: list[int], ascii_only: bool, sized: bool) -> None:
    depths = [0]
    for step in steps:
        depths.append(min(step, depths[-1] + 1))
    branch = "|-- " if ascii_only else "├── "
    header = f'[tree: the next {len(depths)} lines stand one blank deeper for each branch "{branch}"'
    header += ', sizes were printed as "[ {11}]  "]' if sized else "]"
    names = [" " * depth + f"n{i}" + (f"  {i * 97}" if sized else "") for i, depth in enumerate(depths)]
    drawn = drawing.decode([header, *names])
    coded = drawing.encode(drawn)
    assert coded is not None
    assert drawing.decode(coded) == drawn
    assert len("".join(coded[1:])) < len("".join(drawn))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(PATHS.map(lambda paths: paths[0]), min_size=80, max_size=200),
    st.sampled_from(["%s", "4.0K\t%s", "\tmodified:   %s"]),
)
def test_any_listing_comes_back(paths: list[str], printed: str) -> None:
    text = "\n".join(printed % path for path in paths)
    for form in COMPRESSOR.compress(text, Context()):
        assert form.lossless
        assert COMPRESSOR.decode(form.text) == text


def test_ranges_of_names_count_up() -> None:
    text = "\n".join(f"data/case_{i:03d}.json" for i in range(1, 121))
    (form,) = COMPRESSOR.compress(text, Context())
    assert form.text.split("\n")[1:] == ["data/", " case_{001..120}.json"]


def test_short_lists_keep_their_paths() -> None:
    paths = [f"src/app/part{i % 4}/module_{i * 7}.py" for i in range(60)]
    forms = list(COMPRESSOR.compress("\n".join(paths), Context()))
    assert all(path in form.text for form in forms for path in paths)


def test_sniffing_tells_listings_from_search_results() -> None:
    paths = "\n".join(f"src/app/module_{i}.py" for i in range(30))
    hits = "\n".join(f"src/app/module_{i}.py:{i}:def run(value):" for i in range(30))
    assert COMPRESSOR.sniff(sample(paths), Context()) >= 0.9
    assert COMPRESSOR.sniff(sample(hits), Context()) < 0.5
