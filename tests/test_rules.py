"""Rules by name and glob, for tools' levels and for compressors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headroom import MemoryStore, compress, compress_text
from headroom.errors import InputError
from headroom.model import BlockReport, Level, Reason, Role
from headroom.rules import REPEATS, Switch, level_of, lossless_only, strategies, switch_of, tool_levels
from tests.test_api import OUTPUT, SHAPES, anthropic, every_dialect

RULES = tool_levels(
    {"mcp__*": "lossless", "mcp__github__*": "aggressive", "mcp__github__get_file": "none", "Re?d": None}
)


@pytest.mark.parametrize(
    ("tool", "level"),
    [
        ("mcp__github__get_file", None),
        ("mcp__github__get_files", Level.AGGRESSIVE),
        ("mcp__slack__post", Level.LOSSLESS),
        ("Read", None),
        ("read", Level.BALANCED),
        ("xmcp__", Level.BALANCED),
        ("", Level.BALANCED),
    ],
)
def test_the_very_name_wins_then_the_longest_glob(tool: str, level: Level | None) -> None:
    assert level_of(RULES, tool, Level.BALANCED) == level
    assert level_of(RULES[::-1], tool, Level.BALANCED) == level


def test_without_rules_nothing_is_special() -> None:
    assert level_of((), "Read", Level.AGGRESSIVE) is Level.AGGRESSIVE
    assert lossless_only((), "Read") == frozenset()


def test_names_with_the_signs_of_globs_are_found_as_they_are() -> None:
    assert level_of(tool_levels({"a[b]": "none"}), "a[b]", Level.BALANCED) is None


@pytest.mark.parametrize("given", [{"Read": "none"}, [("Read", None)], ["Read=none"], {"Read": None}])
def test_rules_are_given_in_several_ways(given: Any) -> None:
    assert tool_levels(given) == (("Read", None),)


def test_a_glob_may_hold_an_equals_sign() -> None:
    assert tool_levels(["a=b=lossless"]) == (("a=b", Level.LOSSLESS),)


@pytest.mark.parametrize("given", ["Read=none", 3, ["Read"], ["=none"], {"Read": "much"}, {"Read": 1}, {3: "none"}])
def test_wrong_levels_are_said_to_be_wrong(given: Any) -> None:
    with pytest.raises(InputError, match=r"tools|level"):
        tool_levels(given)


def test_strategies_are_for_all_tools_or_for_some() -> None:
    rules = strategies({"log": "off", "log:Bash": "on", "log:mcp__*": "auto", "repeats": "off"})
    assert switch_of(rules, "log", "Read") is Switch.OFF
    assert switch_of(rules, "log", "Bash") is Switch.ON
    assert switch_of(rules, "log", "mcp__x") is Switch.AUTO
    assert switch_of(rules, "diff", "Bash") is Switch.AUTO
    assert lossless_only(rules, "Read") == {"log", REPEATS}
    assert lossless_only(rules, "Bash") == {REPEATS}


def test_a_strategy_may_be_every_compressor() -> None:
    rules = strategies({"*": "off", "*:Bash": "on"})
    assert "table" in lossless_only(rules, "Read")
    assert lossless_only(rules, "Bash") == frozenset()


@pytest.mark.parametrize(("given", "said"), [({"lgo": "off"}, "no compressor"), ({"log": "maybe"}, "on, off, auto")])
def test_wrong_strategies_are_said_to_be_wrong(given: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        strategies(given)


# In the library and on the command line.


@every_dialect
def test_the_library_has_levels_by_tool(dialect: str) -> None:
    name = "shell" if dialect in ("gemini", "openai_responses") else "Bash"
    body = SHAPES[dialect](OUTPUT)

    def tool_block(**options: Any) -> BlockReport:
        return next(b for b in compress(body, store=MemoryStore(), **options).blocks if b.role is Role.TOOL)

    assert tool_block(tools={"Read": "none"}) == tool_block()
    assert tool_block(tools={name[:2] + "*": "none"}).reason is Reason.POLICY
    assert tool_block(tools={name: "lossless"}) == tool_block(level="lossless")
    assert tool_block(tools={name: "balanced", "*": "none"}, level="lossless") == tool_block()


def test_rules_for_tools_are_for_their_results_alone() -> None:
    blocks = compress(
        anthropic(OUTPUT), store=MemoryStore(), roles=("user", "tool"), tools={"*": "none"}, repeats=False
    ).blocks
    assert {b.role: b.reason for b in blocks if b.role in (Role.USER, Role.TOOL)} == {
        Role.USER: Reason.COMPRESSED,
        Role.TOOL: Reason.POLICY,
    }


def test_a_compressor_that_is_off_writes_what_it_does_without_loss() -> None:
    lossless = compress_text(OUTPUT, tool="Bash", level="lossless", store=MemoryStore())
    off = compress_text(OUTPUT, tool="Bash", strategies={"log:B*": "off"}, store=MemoryStore())
    assert off.report.lossless
    assert off.text == lossless.text
    assert not compress_text(OUTPUT, tool="Read", strategies={"log:B*": "off"}, store=MemoryStore()).report.lossless


def test_a_compressor_that_is_off_is_off_inside_json_too() -> None:
    rows = json.dumps({"exit_code": 0, "stdout": OUTPUT, "stderr": ""})
    assert not compress_text(rows, tool="Bash", store=MemoryStore()).report.lossless
    assert compress_text(rows, tool="Bash", strategies={"log": "off"}, store=MemoryStore()).report.lossless


def test_references_to_earlier_results_are_a_strategy() -> None:
    calls = [
        {
            "id": f"c{i}",
            "type": "function",
            "function": {"name": "Bash", "arguments": json.dumps({"command": f"cat {i}"})},
        }
        for i in range(2)
    ]
    code = "\n".join(f"value_{i} = compute({i * 37 % 101}, {i * 53 % 97})  # {i * 7919 % 1013}" for i in range(60))
    said = {"role": "assistant", "content": None, "tool_calls": calls}
    body = [said, *({"role": "tool", "tool_call_id": f"c{i}", "content": code} for i in range(2))]
    names = [b.compressor for b in compress(body, store=MemoryStore()).blocks]
    assert REPEATS in names
    assert REPEATS not in [
        b.compressor for b in compress(body, store=MemoryStore(), strategies={"repeats": "off"}).blocks
    ]


@pytest.mark.parametrize("options", [{"tools": {"Read": "non"}}, {"strategies": {"lgo": "off"}}])
def test_wrong_rules_are_wrong_options(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        compress_text(OUTPUT, **options)
