"""What breaks the client's own prompt caching is found, said and, where that was asked for, mended."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from headroom.ccr.pins import SQLitePins
from headroom.plugins import dialects
from headroom.proxy.breakers import Break, Breakers
from headroom.proxy.differences import in_system, in_tools
from headroom.proxy.tool_order import ToolOrder
from tests.proxy.world import ANTHROPIC_REPLY, reply_ok, world

TOOLS = [{"name": name, "description": f"does {name} " * 20, "input_schema": {}} for name in ("Bash", "Read", "Grep")]
FILLER = "Be careful. " * 300
PATHS = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/g:generateContent",
}


def anthropic(turn: int, system: Any, tools: Any) -> dict[str, Any]:
    said = [{"role": ("user", "assistant")[i % 2], "content": f"said {i} " * 50} for i in range(2 * turn + 1)]
    return {"model": "m", "messages": said, "system": system, "tools": tools}


def openai_chat(turn: int, system: Any, tools: Any) -> dict[str, Any]:
    named = [{"type": "function", "function": tool} for tool in tools]
    body = anthropic(turn, system, named)
    return {"messages": [{"role": "system", "content": body.pop("system")}, *body.pop("messages")], **body}


def openai_responses(turn: int, system: Any, tools: Any) -> dict[str, Any]:
    body = anthropic(turn, system, [{"type": "function", **tool} for tool in tools])
    return {"input": body.pop("messages"), "instructions": body.pop("system"), **body}


def gemini(turn: int, system: Any, tools: Any) -> dict[str, Any]:
    contents = [{"role": ("user", "model")[i % 2], "parts": [{"text": f"said {i} " * 50}]} for i in range(2 * turn + 1)]
    declared = [{"functionDeclarations": tools}]
    return {"contents": contents, "systemInstruction": {"parts": [{"text": system}]}, "tools": declared}


BODIES: dict[str, Callable[[int, Any, Any], dict[str, Any]]] = {
    "anthropic": anthropic,
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "gemini": gemini,
}


def seen(breakers: Breakers, dialect: str, *turns: tuple[int, Any, Any]) -> list[tuple[Break, ...]]:
    bodies = [json.dumps(BODIES[dialect](*turn)).encode() for turn in turns]
    return [breakers.found(body, dialects()[dialect]) for body in bodies]


def dated(day: int) -> str:
    return f"You help.\nToday is 2026-03-{day:02}.\n{FILLER}"


@pytest.mark.parametrize("dialect", PATHS)
def test_a_date_in_the_system_prompt(dialect: str) -> None:
    *before, again, after = seen(Breakers(), dialect, *((turn, dated(turn), TOOLS) for turn in (1, 1, 2, 3)))
    assert before == [(), ()]
    for (found,) in (again, after):
        assert found.what == "system prompt, 1 line: a date"
    assert 900 < again[0].tokens < after[0].tokens < 2_000


@pytest.mark.parametrize("dialect", PATHS)
def test_tools_in_another_order(dialect: str) -> None:
    turns = [(turn, FILLER, TOOLS[:: 1 if turn % 2 else -1]) for turn in range(1, 6)]
    first, second, third, *_ = seen(Breakers(), dialect, *turns)
    assert first == ()
    assert second[0].what == third[0].what == "tools: another order"
    assert third[0].tokens < second[0].tokens  # the first order comes back: only what was said meanwhile is read again


@pytest.mark.parametrize("dialect", PATHS)
def test_what_breaks_nothing(dialect: str) -> None:
    breakers = Breakers()
    assert set(seen(breakers, dialect, *((turn, dated(1), TOOLS) for turn in (0, 1, 2, 3)))) == {()}
    assert seen(breakers, dialect, (1, dated(2), TOOLS)) == [()]  # went back behind what was sent last
    other = json.dumps(BODIES[dialect](4, "Another agent.", TOOLS[:1])).replace("said 0", "asked else").encode()
    assert breakers.found(other, dialects()[dialect]) == ()
    for garbage in (b"", b"[]", b"{", b'{"messages":[1,2,3]}', b'{"contents":[[],[]],"messages":7,"input":""}'):
        assert breakers.found(garbage, dialects()[dialect]) == ()


def test_breakpoints_that_wander_are_no_change() -> None:
    marked = [{"type": "text", "text": "You help.", "cache_control": {"type": "ephemeral"}}]
    plain = [{"type": "text", "text": "You help."}]
    tools = [*TOOLS[:-1], {**TOOLS[-1], "cache_control": {"type": "ephemeral"}}]
    assert set(seen(Breakers(), "anthropic", (1, marked, TOOLS), (2, plain, tools), (3, marked, TOOLS))) == {()}


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("2026-03-01", "2026-12-31", "a date"),
        ("Monday, March 3, 2026", "Tuesday, April 14, 2026", "a date"),
        ("2026-03-01T10:00:01.5Z", "2026-03-01T10:00:09.7Z", "a time"),
        ("9:04 PM", "11:05 AM", "a time"),
        ("0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "a UUID"),
        ("42", "7", "a number"),
        ("sess_ab12cd", "sess_zz99xy", "an id"),
        ("main", "my-secret-branch", "text"),
        ("x" * 5_000 + " on 2026-01-01 " + "y" * 5_000, "x" * 5_000 + " on 2026-01-02 " + "y" * 5_000, "a date"),
        ("x" * 5_000, "y" * 5_000, "text"),
    ],
)
def test_kinds_of_changes(one: str, other: str, kind: str) -> None:
    pieces = [(json.dumps(f"You help.\nThis is {value}.\nGo.").encode(),) for value in (one, other)]
    assert in_system(*pieces) == f"system prompt, 1 line: {kind}"


def test_changes_of_several_lines_and_of_tools() -> None:
    def system(*lines: str) -> tuple[bytes, ...]:
        return (json.dumps("\n".join(lines)).encode(),)

    before, now = system("a", "at 10:00", "b", "on 2026-01-01", "c"), system("a", "at 11:00", "b", "on 2026-02-02", "c")
    assert in_system(before, now) == "system prompt, 2 lines: a time, a date"
    assert in_system(system("a", "c"), system("a", "b", "b", "c")) == "system prompt, 2 lines: text"
    assert in_system((), system("a")) == "system prompt, 1 line: text"
    header = "x-anthropic-billing-header: cc_version=1; cch={};"
    assert in_system(system(header.format("a1")), system(header.format("0b"))).endswith("Claude Code's billing header")
    lists = [json.dumps(tools).encode() for tools in (TOOLS, TOOLS[1:], [{**TOOLS[0], "x": 1}, TOOLS[2], TOOLS[1]])]
    assert in_tools(lists[0], lists[1]) == "tools: 1 gone"
    assert in_tools(lists[1], lists[0]) == "tools: 1 added"
    assert in_tools(lists[0], lists[2]) == "tools: 1 changed, another order"
    assert in_tools(b"", lists[0]) == "tools: 3 added"


@pytest.mark.parametrize("dialect", PATHS)
def test_the_first_order_is_kept_by_the_clients_bytes(dialect: str, tmp_path: Any) -> None:
    def sent(order: ToolOrder, tools: Any) -> bytes:
        body = json.dumps(BODIES[dialect](1, "s", tools), indent=1).encode()
        return order.restored(body, dialects()[dialect])

    order = ToolOrder(SQLitePins(tmp_path / "pins.sqlite3"))
    first = sent(order, TOOLS)
    assert first == json.dumps(BODIES[dialect](1, "s", TOOLS), indent=1).encode()
    for tools in itertools.permutations(TOOLS):
        assert sent(order, tools) == first
        assert sent(ToolOrder(SQLitePins(tmp_path / "pins.sqlite3")), tools) == first  # another process, or a later one
    fewer = TOOLS[:0:-1]
    assert json.loads(sent(order, fewer)) == BODIES[dialect](1, "s", fewer)  # another set has its own order
    twice = [TOOLS[0], TOOLS[1], TOOLS[0]]
    assert json.loads(sent(order, twice)) == BODIES[dialect](1, "s", twice)
    assert json.loads(sent(order, [TOOLS[0], TOOLS[0], TOOLS[1]])) == BODIES[dialect](1, "s", twice)


def test_where_the_order_stays() -> None:
    order, dialect = ToolOrder(_Failing()), dialects()["anthropic"]
    for body in (
        anthropic(1, "s", TOOLS),
        anthropic(1, "s", TOOLS[:1]),
        anthropic(1, "s", []),
        anthropic(1, "s", None),
        anthropic(1, "s", [{**TOOLS[0], "cache_control": {"type": "ephemeral"}}, TOOLS[1]]),
        {"messages": []},
    ):
        raw = json.dumps(body).encode()
        assert order.restored(raw, dialect) is raw


class _Failing(SQLitePins):
    def __init__(self) -> None:
        super().__init__("/proc/nowhere/pins.sqlite3")


@pytest.mark.parametrize("align", [False, True])
async def test_through_the_proxy(align: bool) -> None:
    async with world(align=align) as w:
        for turn in range(1, 7):
            body = json.dumps(anthropic(turn, FILLER, TOOLS[:: 1 if turn % 2 else -1])).encode()
            await w.post("/v1/messages", body)
            counted = await w.post("/v1/messages/count_tokens", body)
            assert counted[0] == 200
        orders = {str([tool["name"] for tool in json.loads(got.body)["tools"]]) for got in w.got}
        stats = await w.stats()
        if align:
            assert len(orders) == 1
            assert (stats["cache_breakers"], stats["warnings"]) == ([], [])
        else:
            assert len(orders) == 2
            (found,) = stats["cache_breakers"]
            assert (found["what"], found["requests"]) == ("tools: another order", 5)
            assert found["tokens"] > 1_000
            assert "5 requests" in stats["warnings"][0]
        assert "Bash" not in json.dumps(stats)


async def test_what_the_provider_has_read_from_its_cache_was_no_break() -> None:
    async def cached(request: web.Request) -> web.StreamResponse:
        return web.json_response({**ANTHROPIC_REPLY, "usage": {"input_tokens": 1, "cache_read_input_tokens": 99_999}})

    for handler, breaks in ((cached, 0), (reply_ok, 2)):
        async with world(handler) as w:
            for turn in (1, 2, 3):
                await w.post("/v1/messages", json.dumps(anthropic(turn, dated(turn), TOOLS)).encode())
            assert sum(found["requests"] for found in (await w.stats())["cache_breakers"]) == breaks
