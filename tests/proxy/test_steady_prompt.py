"""A system prompt with a clock in it goes on in its first words; the time of day travels behind the newest message."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aiohttp import web

from headroom.cache_aligner import CacheAligner
from headroom.ccr.pins import MemoryPins, SQLitePins
from headroom.marker import RETRIEVE_TOOL
from headroom.plugins import dialects
from headroom.proxy.differences import in_system
from headroom.proxy.engine import Engine
from headroom.proxy.heads import head_of, texts
from headroom.proxy.steady_prompt import SteadyPrompt
from tests.proxy.test_breakers import FILLER, PATHS
from tests.proxy.world import ANTHROPIC_REPLY, LOG, World, real_engine, world

RULES = "You help.\nCurrent time: {}\nBe careful."
NOTE = "<system-reminder>\nNow current in the system prompt:\n{}\n</system-reminder>"


def clock(turn: int) -> str:
    return RULES.format(f"2026-03-01T10:{turn:02}:07Z") + FILLER


def said(turn: int) -> str:
    return NOTE.format(f"Current time: 2026-03-01T10:{turn:02}:07Z")


def anthropic(system: Any, turns: int) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "why is it slow"}]
    for i in range(turns - 1):
        call = {"type": "tool_use", "id": f"t{i}", "name": "Bash", "input": {"command": f"cat {i}.log"}}
        answer = {"type": "tool_result", "tool_use_id": f"t{i}", "content": f"{i}\n{LOG}"}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [answer]}]
    tools = [{"name": "Bash", "description": "runs", "input_schema": {"type": "object"}}]
    return {"model": "m", "max_tokens": 9, "system": system, "tools": tools, "messages": messages}


def openai_chat(system: Any, turns: int) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": system},
        {"role": "user", "content": "why is it slow"},
    ]
    for i in range(turns - 1):
        call = {"id": f"t{i}", "type": "function", "function": {"name": "Bash", "arguments": '{"command":"cat"}'}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"t{i}", "content": f"{i}\n{LOG}"})
    tools = [{"type": "function", "function": {"name": "Bash", "parameters": {"type": "object"}}}]
    return {"model": "m", "messages": messages, "tools": tools}


def openai_responses(system: Any, turns: int) -> dict[str, Any]:
    items: list[dict[str, Any]] = [{"role": "user", "content": "why is it slow"}]
    for i in range(turns - 1):
        items.append({"type": "function_call", "call_id": f"t{i}", "name": "Bash", "arguments": '{"command":"cat"}'})
        items.append({"type": "function_call_output", "call_id": f"t{i}", "output": f"{i}\n{LOG}"})
    tools = [{"type": "function", "name": "Bash", "parameters": {"type": "object"}}]
    return {"model": "m", "instructions": system, "input": items, "tools": tools}


def gemini(system: Any, turns: int) -> dict[str, Any]:
    contents: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": "why is it slow"}]}]
    for i in range(turns - 1):
        answer = {"functionResponse": {"name": "Bash", "response": {"output": f"{i}\n{LOG}"}}}
        contents.append({"role": "model", "parts": [{"functionCall": {"name": "Bash", "args": {"command": "cat"}}}]})
        contents.append({"role": "user", "parts": [answer]})
    tools = [{"functionDeclarations": [{"name": "Bash", "parameters": {"type": "object"}}]}]
    return {"contents": contents, "systemInstruction": {"parts": [{"text": system}]}, "tools": tools}


BODIES: dict[str, Callable[[Any, int], dict[str, Any]]] = {
    "anthropic": anthropic,
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "gemini": gemini,
}


def pieces(body: bytes, dialect: str) -> list[bytes]:
    """What a provider caches, in its order: tools, system prompt, messages."""
    head = head_of(body, dialects()[dialect])
    return [body[start:end] for start, end in (head.top["tools"], *head.system, *head.messages)]


def sent(steady: SteadyPrompt, body: Any, dialect: str = "anthropic", **more: Any) -> dict[str, Any]:
    raw = json.dumps(body).encode()
    found = steady.steadied(raw, dialects()[dialect], **more)
    again: dict[str, Any] = json.loads(found.with_notes(found.body, dialects()[dialect]))
    return again


async def converse(w: World, dialect: str, turns: Sequence[int]) -> None:
    for turn in turns:
        status, _ = await w.post(PATHS[dialect], json.dumps(BODIES[dialect](clock(turn), turn)).encode())
        assert status == 200


@pytest.mark.parametrize("dialect", PATHS)
async def test_without_it_every_request_is_read_again(dialect: str) -> None:
    async with world(retrieve=False) as w:
        await converse(w, dialect, (1, 2, 3))
        for turn, got in enumerate(w.got, 1):
            head = head_of(got.body, dialects()[dialect])
            assert clock(turn) in [json.loads(got.body[slice(*s)]) for v in head.system for s in texts(got.body, v)]
            assert b"system-reminder" not in got.body
        breakers = (await w.stats())["cache_breakers"]
        assert [found["what"] for found in breakers] == ["system prompt, 1 line: a time"]


@pytest.mark.parametrize("dialect", PATHS)
async def test_what_was_sent_is_a_prefix_of_what_follows(dialect: str, tmp_path: Any) -> None:
    """Also after a restart and through another worker, which share nothing but the pins on disk."""
    forwarded: list[bytes] = []
    for turns in ((1, 2), (3,), (4, 5)):
        pins = SQLitePins(tmp_path / "pins.sqlite3")
        engine = real_engine(aligner=CacheAligner(pins), steady_prompt=SteadyPrompt(pins))
        async with world(engine=engine, align=True) as w:
            await converse(w, dialect, turns)
            forwarded += [got.body for got in w.got]
            assert (await w.stats())["cache_breakers"] == []
    for turn, (before, now) in enumerate(itertools.pairwise(forwarded), 2):
        earlier, later = pieces(before, dialect), pieces(now, dialect)
        assert later[: len(earlier)] == earlier
        assert json.dumps(said(turn))[1:-1].encode() in later[-1]  # and the model reads what time it is
        assert b"".join(later).count(b"Now current") == turn - 1
    first = json.loads(forwarded[0])
    first["tools"] = first["tools"][:1] if dialect != "gemini" else BODIES[dialect]("", 1)["tools"]
    assert first == BODIES[dialect](clock(1), 1)  # the first request goes unchanged, but for the tool that is offered


async def test_workers_take_turns(tmp_path: Any) -> None:
    def engine() -> Engine:
        pins = SQLitePins(tmp_path / "pins.sqlite3")
        return real_engine(aligner=CacheAligner(pins), steady_prompt=SteadyPrompt(pins))

    async with (
        world(engine=engine(), align=True) as one,
        world(engine=engine(), align=True) as other,
    ):
        before: list[bytes] = []
        for turn in range(1, 7):
            w = (one, other)[turn % 2]
            await converse(w, "anthropic", [turn])
            now = pieces(w.got[-1].body, "anthropic")
            assert now[: len(before)] == before
            before = now
        assert b"".join(before).count(b"Now current") == 5


async def test_hidden_exchanges_and_notes_keep_their_places() -> None:
    """The model asks for an original in the second turn, and the client never sees it."""

    async def asking(request: web.Request) -> web.StreamResponse:
        await request.read()
        if len(w.got) != 2:
            return web.json_response(ANTHROPIC_REPLY)
        call = {"type": "tool_use", "id": "h1", "name": RETRIEVE_TOOL, "input": {"id": "unknown"}}
        return web.json_response({**ANTHROPIC_REPLY, "content": [call], "stop_reason": "tool_use"})

    async with world(asking, align=True) as w:
        for turn in (1, 2, 3):
            body = anthropic(clock(turn), min(turn, 2))
            if turn == 3:
                body["messages"] += [{"role": "assistant", "content": ANTHROPIC_REPLY["content"]}]
                body["messages"] += [{"role": "user", "content": "and now"}]
            await w.post(PATHS["anthropic"], json.dumps(body).encode())
        first, second, following, third = [pieces(got.body, "anthropic") for got in w.got]
        for before, now in itertools.pairwise((first, second, following, third)):
            assert now[: len(before)] == before
        assert b"h1" in following[-1]
        assert b"10:03:07Z" in third[-1]


@pytest.mark.parametrize("dialect", PATHS)
def test_nothing_else_of_the_client_changes(dialect: str) -> None:
    steady, form = SteadyPrompt(MemoryPins()), dialects()[dialect]
    for turn in (1, 2, 3):
        raw = json.dumps({"odd": [1.50, "\u00e9"], **BODIES[dialect](clock(turn), turn)}, indent=1).encode()
        found = steady.steadied(raw, form)
        out = found.with_notes(found.body, form)
        for value in (clock(turn), *map(said, range(2, turn + 1))):
            for spelled in (json.dumps(value), json.dumps(value)[1:-1]):
                out, raw = out.replace(spelled.encode(), b""), raw.replace(spelled.encode(), b"")
        out = out.replace(json.dumps(clock(1)).encode(), b"")
        assert _bare(out) == _bare(raw)


def _bare(body: bytes) -> bytes:
    """Without what stands around a note."""
    for around in (
        b',"system_reminder":',
        b',{"type":"text","text":}',
        b',{"type":"input_text","text":}',
        b',{"text":}',
        rb"\n\n",
        b'[{"type":"text","text":',
        b"}]",
    ):
        body = body.replace(around, b"")
    return b"".join(body.split())


def test_a_note_goes_where_providers_take_it() -> None:
    def last(dialect: str, newest: dict[str, Any]) -> Any:
        steady = SteadyPrompt(MemoryPins())
        member = dialects()[dialect].conversation
        for turn in (1, 2):
            body = BODIES[dialect](clock(turn), turn)
            body[member] = [*body[member][:-1], newest] if turn > 1 else body[member]
            out = sent(steady, body, dialect)
        return out[member][-1]

    part = {"type": "text", "text": said(2)}
    question = {"role": "user", "content": "go on"}
    assert last("anthropic", question)["content"] == [{"type": "text", "text": "go on"}, part]
    result = {"type": "tool_result", "tool_use_id": "t0"}
    for content, noted in (("done", f"done\n\n{said(2)}"), ([{"type": "text", "text": "x"}], None)):
        message = {"role": "user", "content": [{**result, "content": content}]}
        assert last("anthropic", message)["content"] == [{**result, "content": noted or [*content, part]}]
    assert last("anthropic", {"role": "user", "content": [result]})["content"] == [result, part]
    mixed = [{**result, "content": "done"}, {"type": "text", "text": "and now"}]
    assert last("anthropic", {"role": "user", "content": mixed})["content"] == [*mixed, part]

    assert last("openai_chat", question)["content"] == f"go on\n\n{said(2)}"
    parts = [{"type": "text", "text": "go on"}]
    assert last("openai_chat", {"role": "user", "content": parts})["content"] == [*parts, part]

    assert last("openai_responses", question)["content"] == f"go on\n\n{said(2)}"
    items = [{"type": "input_text", "text": "go on"}]
    message = {"type": "message", "role": "user", "content": items}
    assert last("openai_responses", message)["content"] == [*items, {"type": "input_text", "text": said(2)}]

    spoken = {"role": "user", "parts": [{"text": "go on"}]}
    assert last("gemini", spoken)["parts"] == [{"text": "go on"}, {"text": said(2)}]
    assert last("gemini", gemini("", 2)["contents"][-1])["parts"][0]["functionResponse"]["response"] == {
        "output": f"0\n{LOG}",
        "system_reminder": said(2),
    }


def test_where_there_is_no_place_for_a_note_it_goes_as_it_came() -> None:
    steady = SteadyPrompt(MemoryPins())
    sent(steady, openai_responses(clock(1), 1), "openai_responses")
    body = openai_responses(clock(2), 2)
    body["input"][-1] = {"type": "shell_call_output", "call_id": "t0", "output": [{"stdout": "x", "stderr": ""}]}
    assert sent(steady, body, "openai_responses") == body


@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat"])
def test_breakpoints_that_wander_move_no_note(dialect: str) -> None:
    """A client turns a string into a part to mark it as the newest, and back when it no longer is."""
    steady = SteadyPrompt(MemoryPins())
    contents = []
    for turn in (1, 2, 3):
        body = BODIES[dialect](clock(turn), 1)
        start = len(body["messages"]) - 1
        for i in range(1, turn):
            body["messages"] += [{"role": "assistant", "content": f"said {i}"}, {"role": "user", "content": f"go {i}"}]
        newest = body["messages"][-1]
        newest["content"] = [{"type": "text", "text": newest["content"], "cache_control": {"type": "ephemeral"}}]
        contents.append([message["content"] for message in sent(steady, body, dialect)["messages"][start:]])
    (second,) = ([part["text"] for part in request[2]] for request in contents[1:2])
    assert second == ["go 1", said(2)]
    assert [part["text"] for part in contents[2][2]] == second


def test_a_note_is_repeated_as_a_text_where_it_was_one() -> None:
    steady = SteadyPrompt(MemoryPins())
    body: dict[str, Any] = {}
    for turn in (1, 2):
        body = openai_chat(clock(turn), 1)
        if turn == 2:
            body["messages"] += [{"role": "assistant", "content": "a"}, {"role": "user", "content": "two"}]
        sent(steady, body, "openai_chat")
    body["messages"][-1]["content"] = [{"type": "text", "text": "two"}]
    assert sent(steady, body, "openai_chat")["messages"][-1]["content"] == [
        {"type": "text", "text": f"two\n\n{said(2)}"}
    ]


def test_new_instructions_are_the_clients_will() -> None:
    steady = SteadyPrompt(MemoryPins())
    sent(steady, anthropic(clock(1), 1))
    assert sent(steady, anthropic(clock(2), 2))["system"] == clock(1)
    planning = anthropic("Plan first.\n" + clock(3), 3)
    assert sent(steady, planning) == planning
    following = sent(steady, anthropic("Plan first.\n" + clock(4), 4))
    assert following["system"] == planning["system"]  # the one to be kept from then on
    assert json.dumps(following).count("Now current") == 1
    assert said(4) in following["messages"][-1]["content"][0]["content"]


def test_a_note_says_only_what_is_new_to_the_model() -> None:
    steady = SteadyPrompt(MemoryPins())

    def noted(time: str, count: int, turn: int) -> str:
        system = f"It is {time}.\nBe careful.\n{count} files are open."
        newest = sent(steady, anthropic(system, turn))["messages"][-1]["content"]
        found: str = newest if isinstance(newest, str) else newest[0]["content"]
        return found.partition("prompt:\n")[2].partition("\n</")[0]

    assert noted("10:00", 3, 1) == ""
    assert noted("10:00", 4, 2) == "4 files are open."
    assert noted("10:01", 4, 3) == "It is 10:01."
    assert noted("10:01", 4, 4) == ""
    assert noted("10:00", 5, 5) == "It is 10:00.\n5 files are open."  # back to what stands in the prompt, too


def test_the_same_conversation_once_more() -> None:
    """A retry reads what the first try was sent, and behind it what has changed since; it isn't remembered."""
    steady = SteadyPrompt(MemoryPins())
    for turn in (1, 2):
        sent(steady, anthropic(clock(turn), turn))
    for minute in (2, 3, 4, 2):
        newest = sent(steady, anthropic(clock(minute), 2))["messages"][-1]["content"][0]["content"]
        assert newest.endswith("\n\n".join([said(2), *([said(minute)] if minute != 2 else [])]))
    later = sent(steady, anthropic(clock(4), 3))["messages"]
    assert said(3) not in json.dumps(later)
    assert later[2]["content"][0]["content"].endswith(said(2))
    assert later[4]["content"][0]["content"].endswith(said(4))


def test_words_put_into_the_models_mouth() -> None:
    steady, body = SteadyPrompt(MemoryPins()), anthropic("", 1)
    for turn in (1, 2):
        body = anthropic(clock(turn), turn)
        body["messages"].append({"role": "assistant", "content": "{"})
        out = sent(steady, body)
    assert out["messages"][-2]["content"][0]["content"].endswith(said(2))
    body["system"] = clock(3)  # the model goes on with what it said: what was sent before stays as it is
    body["messages"][-1]["content"] = "{..."
    again = sent(steady, body)
    assert (again["system"], again["messages"][:-1]) == (out["system"], out["messages"][:-1])


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("cwd: /home/me", "cwd: /home/me/src dir", "cwd: /home/me/src dir"),
        ("Current branch: main", "Current branch: fix-it", "Current branch: fix-it"),
        ("Status:\n(clean)", "Status:\n M a.py\n?? new file", " M a.py\n?? new file"),
        ("session 0f8fad5b-d9cb-469f-a165-70867728950e", "session 7c9e6679-7425-40de-944b-e07fc1f90ae7", None),
        ("request 1f3a9c77", "request 12345678", None),
        ("1,203 requests so far", "999 requests so far", None),
        ("up 3h", "up 59m", None),
        ("x" * 3_000 + " at 10:00 sharp", "x" * 3_000 + " at 10:01 sharp", f"… {'x' * 92} at 10:01 sharp …"),
    ],
)
def test_values_that_come_and_go(one: str, other: str, told: str | None) -> None:
    steady = SteadyPrompt(MemoryPins())
    sent(steady, anthropic(one, 1))
    out = sent(steady, anthropic(other, 2))
    assert out["system"] == one
    assert out["messages"][-1]["content"][0]["content"].endswith(NOTE.format(told or other))
    assert "text" not in in_system(*((json.dumps(system).encode(),) for system in (one, other)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Be terse.", "Be thorough."),
        ("a\nb", "a\nb\nc"),
        (
            "\n".join(f"{i} at 10:00 {'x' * 300}" for i in range(9)),
            "\n".join(f"{i} at 11:00 {'x' * 300}" for i in range(9)),
        ),
        ([{"type": "text", "text": "a 1"}], [{"type": "text", "text": "a 2"}, {"type": "text", "text": "b"}]),
    ],
)
def test_what_is_more_than_a_value(one: Any, other: Any) -> None:
    steady = SteadyPrompt(MemoryPins())
    sent(steady, anthropic(one, 1))
    assert sent(steady, anthropic(other, 2)) == anthropic(other, 2)


def test_what_is_left_as_it_is() -> None:
    steady, dialect = SteadyPrompt(MemoryPins()), dialects()["anthropic"]
    for body in (
        {"messages": [{"role": "user", "content": "no system prompt"}]},
        {"system": "nobody asks", "messages": []},
        {"system": [[[7]], {"text": None}], "messages": [{"role": "user", "content": "x"}]},
        {"system": "s", "messages": [{"role": "assistant", "content": "x"}]},
        {"system": "s", "messages": ["x", 7]},
        [],
    ):
        raw = json.dumps(body).encode()
        assert steady.steadied(raw, dialect).body is raw
    for raw in (b"", b"{", b'{"system":' + b"[" * 5_000):
        assert steady.steadied(raw, dialect).body is raw
    responses = dialects()["openai_responses"]
    for turn in (1, 2):
        raw = json.dumps({**openai_responses(clock(turn), 1), "previous_response_id": "resp_1"}).encode()
        assert steady.steadied(raw, responses).body is raw


def test_what_claude_code_tells_the_provider_stays_current() -> None:
    steady = SteadyPrompt(MemoryPins())
    for turn in (1, 2):
        header = {"type": "text", "text": f"x-anthropic-billing-header: cch=0000{turn};"}
        out = sent(steady, anthropic([header, {"type": "text", "text": clock(turn)}], turn))
    assert out["system"] == [header, {"type": "text", "text": clock(1)}]


def test_without_a_record_nothing_is_remembered() -> None:
    steady = SteadyPrompt(MemoryPins())
    sent(steady, anthropic(clock(1), 1))
    counted = sent(steady, anthropic(clock(2), 2), record=False)
    assert counted["system"] == clock(1)
    assert sent(steady, anthropic(clock(3), 3))["messages"][2] == anthropic("", 3)["messages"][2]


async def test_a_request_that_was_refused_changed_is_the_last_one_changed() -> None:
    async def refusing(request: web.Request) -> web.StreamResponse:
        if b"Now current" in await request.read():
            return web.json_response({"type": "error", "error": {"type": "invalid_request_error"}}, status=400)
        return web.json_response(ANTHROPIC_REPLY)

    async with world(refusing, align=True, retrieve=False) as w:
        await converse(w, "anthropic", (1, 2, 3))
        assert [json.loads(got.body)["system"] for got in w.got] == [clock(1), clock(1), clock(2), clock(3)]
