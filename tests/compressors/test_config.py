"""Configuration: what is left out is counted line by line, all else stands verbatim, little else is taken for it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.compressors.config import COMPRESSOR
from headroom.model import Compressed, Context, Level
from headroom.text.lines import sample

LINES = st.lists(
    st.sampled_from(
        (
            "managedFields:",
            "- apiVersion: v1",
            "  name: web",
            "  managedFields:",
            "  - manager: kubelet",
            "    operation: Update and a text that is long enough to be worth folding away",
            "# a comment",
            "-----BEGIN CERTIFICATE-----",
            "M" * 64,
            "-----END CERTIFICATE-----",
            "key = " + "A1b2" * 60,
            "",
        )
    ),
    max_size=40,
).map("\n".join)


def lossy(text: str, level: Level = Level.BALANCED, query: str = "") -> Compressed | None:
    return next(iter(COMPRESSOR.compress(text, Context(level, query))), None)


@settings(max_examples=200, deadline=None)
@given(LINES, st.sampled_from((Level.BALANCED, Level.AGGRESSIVE)))
def test_shown_and_missing_lines_add_up(text: str, level: Level) -> None:
    candidate = lossy(text, level)
    if candidate is None:
        return
    lines = text.split("\n")
    missing = {n for o in candidate.omissions for a, b in o.ranges for n in range(a, b + 1)}
    shown = [line for line in candidate.text.split("\n") if not re.match(r"\s*\[… \d+ lines? \(", line)]
    kept = [line for i, line in enumerate(lines, 1) if i not in missing]
    assert len(shown) == len(kept)
    for short, line in zip(shown, kept, strict=True):
        assert short == line or line.startswith(short.split("[… ")[0])


def test_lossless_level_yields_nothing() -> None:
    assert list(COMPRESSOR.compress("a: 1\n" * 50, Context(Level.LOSSLESS))) == []


def test_bookkeeping_of_the_cluster_is_left_out() -> None:
    text = "metadata:\n  managedFields:\n  - manager: kubectl-client-side-apply\n    operation: Update\n  name: web\n"
    candidate = lossy(text)
    assert candidate is not None
    assert candidate.text == "metadata:\n  managedFields:\n  [… 2 lines (3–4): managed fields …]\n  name: web\n"


def test_a_question_about_it_brings_it_back() -> None:
    text = "metadata:\n  managedFields:\n  - manager: kubectl-client-side-apply\n    operation: Update\n  name: web\n"
    assert lossy(text, query="Which manager was it, `kubectl-client-side-apply`?") is None


def test_comments_stay_unless_aggressive() -> None:
    text = "# the first comment of this file\n# and the second one\n[a]\nx = 1\n"
    assert lossy(text) is None
    candidate = lossy(text, Level.AGGRESSIVE)
    assert candidate is not None
    assert candidate.text == "[… 2 lines (1–2): comments …]\n[a]\nx = 1\n"


YAML = "services:\n  web:\n    image: shop/web\n    ports:\n      - '80:80'\n    environment:\n      TZ: UTC\n"


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        (YAML, True),
        ("---\n" + YAML, True),
        ("[core]\neditor = vim\npager = less\n[user]\nname = Ada\nemail = ada@example.com\n", True),
        ("A=1\nB_URL=http://x\nC=3\nD=4\nE=5\n", True),
        ("Note: this is prose.\nIt says: a lot.\nAnd ends here.\nWith lines.\nAnd more.\n", False),
        ("2024-01-01 10:00:00 INFO a: b\n" * 10, False),
        ("- **Bold**: text\n- **More**: text\n# Heading\n" * 4, False),
        ("def f(a):\n    return a\n\n\nclass C:\n    x = 1\n" * 3, False),
        ('{"a": 1,\n "b": 2,\n "c": [\n 1,\n 2\n]}\n', False),
        ("src/a.py:12: error: bad\nsrc/b.py:3: note: worse\n" * 5, False),
    ],
)
def test_sniff(text: str, sure: bool) -> None:
    assert (COMPRESSOR.sniff(sample(text), Context()) >= 0.5) is sure
