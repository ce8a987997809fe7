"""Thinned listings: what goes has the directory and the ending of what stays, and the counts are exact."""

from __future__ import annotations

from headroom.compressors.listing import COMPRESSOR
from headroom.formats.listing.thinning import thinned
from headroom.model import Context, Level
from headroom.text.selection import render

_PATHS = [f"src/part{i % 3}/unit_{i:03}.{'py' if i % 40 else 'toml'}" for i in range(600)]


def test_of_each_directory_and_ending_some_stay() -> None:
    lines = sorted(_PATHS)
    segments = thinned(lines, [lines.index("src/part1/unit_307.py")])
    shown, lost = render(lines, segments, [s.keep for s in segments], 4)
    text = "\n".join(shown)
    assert all(path in text for path in _PATHS if path.endswith(".toml"))
    assert "src/part1/unit_307.py" in text
    kept = [line for line in shown if not line.startswith("[… ")]
    assert len(kept) + sum(o.count for o in lost) == len(lines)


def test_only_long_lists_lose_names_and_only_at_aggressive() -> None:
    text = "\n".join(sorted(_PATHS))
    assert all(form.lossless for form in COMPRESSOR.compress(text, Context()))
    assert not all(form.lossless for form in COMPRESSOR.compress(text, Context(level=Level.AGGRESSIVE)))
    assert not any(form.omissions for form in COMPRESSOR.compress(text, Context(level=Level.LOSSLESS, target=10)))
