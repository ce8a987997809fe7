"""References to what the conversation already shows: exact, only to what is visible, only backwards."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom import marker
from headroom.ccr.memory import MemoryStore
from headroom.conversation import Conversation, Worth, read
from headroom.model import Block, Role, ToolCall
from headroom.options import Options
from headroom.pipeline import compress_blocks
from headroom.plugins import compressors

WORDS = "alpha bridge cedar delta ember fjord grove harbor island jetty kelp lagoon meadow".split()
# Lines of no common shape, each of them once: nothing but a reference can make them shorter.
FILE = [
    " ".join(WORDS[(i * k) % 13] + "."[: i % 2] for k in range(1, 8 + i % 5)) + f" {i}" for i in range(60)
]  # fmt: skip
READ = ToolCall("Read", "", "", "src/steps.py")


def result(lines: list[str], call: ToolCall = READ) -> Block:
    return Block("\n".join(lines), (0,), Role.TOOL, call)


def numbered(lines: list[str], start: int = 1) -> list[str]:
    return [f"{i:>6}\t{line}" for i, line in enumerate(lines, start)]


def test_second_read_refers_to_the_first() -> None:
    changed = [*FILE[:30], "a line that was changed", *FILE[31:]]
    first, second = compress_blocks([result(numbered(FILE)), result(numbered(changed))], Options(), MemoryStore())
    assert FILE[30] in first.text
    assert "a line that was changed" in second.text
    assert "[… 30 lines (1–30): same as lines 1–30 of tool result 1 (Read: src/steps.py) …]" in second.text
    assert "[… 29 lines (32–60): same as lines 32–60 of tool result 1 …]" in second.text


def test_what_the_model_wrote_itself_is_referred_to() -> None:
    call = ToolCall("Write", "", "", "src/steps.py")
    written = Block("\n".join(FILE), (0,), Role.CALL, call)
    _, read = compress_blocks([written, result(numbered(FILE))], Options(), MemoryStore())
    assert "same as lines 1–60 of your Write call (Write: src/steps.py)" in read.text


def test_hidden_lines_are_not_referred_to() -> None:
    seen = Conversation()
    shown = "\n".join([*FILE[:5], marker.omitted(50, "lines", ((6, 55),)), *FILE[55:]])
    seen.add(result(FILE), shown)
    found = seen.repeats_in(read("\n".join(FILE)), Worth(160, 360))
    assert [(r.start, r.end) for r in found] == [(0, 5), (55, 60)]


def test_off_by_option() -> None:
    blocks = [result(FILE), result(FILE)]
    assert "same as" not in compress_blocks(blocks, Options(repeats=False), MemoryStore())[1].text


LINES = st.lists(st.sampled_from([*FILE[:6], "}", "", "    return None  # the usual way out of here"]), max_size=40)


@given(LINES, LINES)
def test_references_are_exact(first: list[str], second: list[str]) -> None:
    """Replacing every reference by the lines it names gives the text back."""
    seen = Conversation()
    seen.add(result(first), "\n".join(first))
    out: list[str] = []
    at = 0
    for repeat in seen.repeats_in(read("\n".join(second)), Worth(160, 360)):
        text = seen.source(repeat, 0)
        a, b = map(int, re.search(r"lines (\d+)–(\d+)", text).groups())  # type: ignore[union-attr]
        out += [*second[at : repeat.start], *first[a - 1 : b]]
        at = repeat.end
    assert [*out, *second[at:]] == second


def test_lines_inside_an_envelope_are_referred_to() -> None:
    def wrapped(lines: list[str]) -> Block:
        return Block(json.dumps({"type": "text", "text": "\n".join(lines)}), (0,), Role.TOOL, ToolCall("snapshot"))

    first, second = compress_blocks([wrapped(FILE), wrapped(["new first line", *FILE[1:]])], Options(), MemoryStore())
    assert first.text == first.block.text
    text = json.loads(second.text)["text"]
    assert text.startswith("new first line\n[… 59 lines (2–60): same as lines 2–60 of tool result 1 (snapshot) …]\n")
    assert 'path="$.text"' in text


def test_one_long_line_again() -> None:
    line = json.dumps([{"value": f"cell {i} of the only row", "n": i * i} for i in range(40)])
    _, second = compress_blocks([result([line]), result([line])], Options(), MemoryStore())
    assert second.text.startswith("[… 1 line (1): same as line 1 of tool result 1")


def test_a_block_is_worked_on_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversation comes again with every turn; only what is new costs anything."""
    calls: list[str] = []
    compressor = compressors()["table"]
    monkeypatch.setattr(
        type(compressor), "sniff", lambda self, sample, context: calls.append(sample.text) or 0.0, raising=True
    )
    first, second = (
        result([f"{word} {i} {line}" for i, line in enumerate(FILE)], ToolCall("Bash")) for word in ("once", "twice")
    )
    compress_blocks([first], Options(), MemoryStore())
    seen = len(calls)
    compress_blocks([first, second], Options(), MemoryStore())
    assert first.text in calls[:seen]
    assert first.text not in calls[seen:]
    assert second.text in calls[seen:]
