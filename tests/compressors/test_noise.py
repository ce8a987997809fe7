"""Laws of noise: repeats fold losslessly, cuts keep a preview and say how much is missing."""

from __future__ import annotations

import base64
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.compressors.noise import COMPRESSOR
from headroom.model import Compressed, Context, Intent, Level
from headroom.text.lines import sample

lines = st.sampled_from(
    ["", " ", "a", "b", "c" * 40, "ddd " * 10, "⟪×3⟫", "⟪2 lines ×3⟫", "x\r", "[repeats folded: ⟪×N⟫"]
)
repetitive = st.lists(st.tuples(st.lists(lines, min_size=1, max_size=5), st.integers(1, 9)), max_size=12).map(
    lambda runs: "\n".join("\n".join(block) for block, times in runs for _ in range(times))
)


def candidates(text: str, **options: object) -> list[Compressed]:
    return list(COMPRESSOR.compress(text, Context(**options)))  # type: ignore[arg-type]


@given(repetitive | st.text())
def test_lossless_forms_decode(text: str) -> None:
    for candidate in candidates(text, level=Level.LOSSLESS):
        assert candidate.lossless
        assert COMPRESSOR.decode(candidate.text) == text


def test_a_long_repetition_folds_losslessly() -> None:
    text = "start\n" + "waiting for the database\n" * 400 + "connect\nfail\nsleep\n" * 50 + "end"
    (folded,) = candidates(text, level=Level.LOSSLESS)
    assert len(folded.text) < len(text) / 20
    assert COMPRESSOR.decode(folded.text) == text


def lossy(text: str, **options: object) -> Compressed:
    return next(c for c in candidates(text, **options) if not c.lossless)


def test_base64_keeps_its_beginning_and_says_its_length() -> None:
    data = base64.b64encode(bytes(range(256)) * 40).decode()
    cut = lossy(f'<img src="data:image/png;base64,{data}"> caption')
    assert f"data:image/png;base64,{data[:48]}[… {len(data) - 48} characters: base64 …]" in cut.text
    assert cut.text.endswith("> caption")
    assert cut.omissions[0].count == len(data) - 48


def test_a_minified_line_keeps_what_the_question_names() -> None:
    line = "var a=1;" * 2000 + "function checkoutTotal(){return 42}" + "b=2;" * 2000
    cut = lossy(line, query="where is checkoutTotal defined?")
    assert "function checkoutTotal(){return 42}" in cut.text
    gone = sum(int(n) for n in re.findall(r"\[… (\d+) characters …\]", cut.text))
    assert gone == cut.omissions[0].count
    assert len(re.sub(r"\[… \d+ characters …\]", "", cut.text)) + gone == len(line)


def test_prose_on_one_line_is_not_cut() -> None:
    assert candidates("It goes on about " + " and ".join(f"w{n}" for n in range(900))) == []


def test_control_sequences_are_declared() -> None:
    shown = lossy("\x1b[32mok\x1b[0m\n10%\r100%\n")
    assert shown.text == "ok\n100%\n"
    assert [(o.kind, o.count, o.unit) for o in shown.omissions] == [("terminal control sequences", 13, "characters")]


def test_a_file_that_is_read_keeps_its_lines() -> None:
    data = base64.b64encode(bytes(range(256)) * 4).decode()
    text = "key = 1   \n" * 30 + f"blob = '{data}'\n"
    kept = [c for c in candidates(text, intent=Intent.READ) if not c.lossless]
    assert [c.text.count("key = 1   \n") for c in kept] == [30]


@pytest.mark.parametrize(
    "text",
    ["\n" * 500_000, "ab " * 300_000, "x" * 2_000_000, "a\nb\n" * 200_000, "QUJD" * 300_000, "\ud800\0" * 200_000],
    ids=["blank", "words", "one line", "two lines", "base64", "surrogates"],
)
def test_hostile_input_is_linear(text: str) -> None:
    start = time.process_time()
    candidates(text)
    assert time.process_time() - start < 2 * max(1, len(text) / 1e6)


@pytest.mark.parametrize(
    ("text", "noisy"),
    [
        ("\x1b[1mbold\x1b[0m\nplain\n", True),
        ("same\n" * 20, True),
        ("var a=1;" * 1000, True),
        ('{"a": "' + "x" * 5000 + '"}', False),
        ("one\ntwo\nthree\n" * 2, False),
    ],
)
def test_sniff(text: str, noisy: bool) -> None:
    assert (COMPRESSOR.sniff(sample(text), Context()) >= 0.5) is noisy
