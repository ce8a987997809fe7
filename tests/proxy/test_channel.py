"""Retrieval through a tool that the client has: nothing is offered, and its complaint becomes the answer upstream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from headroom.cache_aligner import CacheAligner
from headroom.ccr.memory import MemoryStore
from headroom.ccr.pins import SQLitePins
from headroom.ccr.retrieve import retrieve_text
from headroom.marker import RETRIEVE_TOOL, footer_ids
from headroom.proxy.engine import Engine
from tests.proxy.test_relay import LEFT_OUT, retrieving
from tests.proxy.test_websocket import answering, create, dial, reply_of, sockets
from tests.proxy.world import LOG, World, proxied, real_engine, world
from tests.replies.test_openai_responses import message, text

SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}}
TOOLS = [{"name": "Bash", "input_schema": SCHEMA}]
NOT_FOUND = "/bin/bash: line 1: headroom: command not found"


def ran(n: int, command: str, result: str, **more: Any) -> list[Any]:
    """A call of the client's shell, and what it returned."""
    call = {"type": "tool_use", "id": f"t{n}", "name": "Bash", "input": {"command": command}}
    answer = {"type": "tool_result", "tool_use_id": f"t{n}", "content": result, **more}
    return [{"role": "assistant", "content": [call]}, {"role": "user", "content": [answer]}]


def body(messages: list[Any], **more: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 9, "tools": TOOLS, "messages": messages, **more}).encode()


BEGUN: list[Any] = [{"role": "user", "content": "why is it slow"}]
SHOWN = [*BEGUN, *ran(1, "cat worker.log", LOG)]


def last_result(w: World) -> Any:
    return json.loads(w.got[-1].body)["messages"][-1]["content"][-1]


async def shortened(w: World) -> str:
    """A conversation that has come to its first result; the id of the original."""
    await w.post("/v1/messages", body(BEGUN))
    assert w.got[-1].body == body(BEGUN)
    await w.post("/v1/messages", body(SHOWN))
    assert RETRIEVE_TOOL.encode() not in w.got[-1].body
    shown = last_result(w)["content"]
    [id] = footer_ids(shown)
    assert shown.endswith(f'[headroom: original kept, call Bash(headroom retrieve id="{id}" --lines= or --query=)]')
    return id


@pytest.mark.parametrize("failed", [False, True])
async def test_what_the_clients_shell_did_not_know_is_answered(failed: bool) -> None:
    async with world() as w:
        id = await shortened(w)
        error = {"is_error": True} if failed else {}
        asked = [*SHOWN, *ran(2, f'headroom retrieve id="{id}" --lines=138', NOT_FOUND, **error)]
        await w.post("/v1/messages", body(asked))
        expected = retrieve_text(w.engine.store_of("default"), id, lines="138")
        assert LEFT_OUT in expected
        prefix = "[no error: headroom answered instead of the tool]\n" if failed else ""
        assert last_result(w) == {"type": "tool_result", "tool_use_id": "t2", "content": prefix + expected, **error}
        await w.post("/v1/messages/count_tokens", body(asked))
        await w.post("/v1/messages", body([*asked, *ran(3, "ls", "a.txt")]))
        assert w.got[-1].body.startswith(w.got[-3].body[: -len(b"]}")])
        stats = await w.stats()
        assert stats["retrievals"]["count"] == 1
        assert stats["reasons"]["answered"] == 1
        assert [one["retrieved"] for one in await w.lines()] == [0, 0, 1, 0, 0]


async def test_what_else_a_shell_was_told_stays_as_it_came() -> None:
    async with world() as w:
        id = await shortened(w)
        for command in (f"headroom retrieve {id} | head", f"ls; headroom retrieve {id}", "headroom retrieve zzzzzzzz"):
            await w.post("/v1/messages", body([*SHOWN, *ran(2, command, NOT_FOUND)]))
            assert last_result(w)["content"] == NOT_FOUND
        assert (await w.stats())["retrievals"]["count"] == 0


async def test_a_restart_and_another_worker_repeat_the_answer(tmp_path: Path) -> None:
    store, pins = MemoryStore(), SQLitePins(tmp_path / "pins")

    def engine() -> Engine:
        return real_engine(aligner=CacheAligner(pins), store_of=lambda project: store)

    async with world(engine=engine()) as w, proxied(w.upstream_port, engine()) as other:
        id = await shortened(w)
        asked = [*SHOWN, *ran(2, f"headroom retrieve {id} --query 'request 137'", NOT_FOUND)]
        await w.post("/v1/messages", body(asked))
        sent = w.got[-1].body
        store.purge()  # what was sent holds, whatever becomes of the original
        for one in (other, w):
            await one.post("/v1/messages", body(asked))
            assert w.got[-1].body == sent
        async with proxied(w.upstream_port, engine()) as restarted:
            await restarted.post("/v1/messages", body([*asked, *ran(3, "ls", "a.txt")]))
        assert w.got[-1].body.startswith(sent[: -len(b"]}")])


@pytest.mark.parametrize("stream", [True, False])
async def test_a_model_that_calls_headroom_retrieve_all_the_same_is_answered(stream: bool) -> None:
    async with world(retrieving(stream)) as w:
        await w.post("/v1/messages", body(BEGUN, stream=stream))
        status, answer = await w.post("/v1/messages", body(SHOWN, stream=stream))
        assert status == 200
        assert b"found it" in answer
        assert b"headroom" not in answer
        _, sent, followed = w.got
        assert RETRIEVE_TOOL.encode() not in sent.body
        assert LEFT_OUT.encode() in followed.body
        assert (await w.stats())["retrievals"]["count"] == 1


async def test_where_retrieval_is_switched_off_nothing_is_left_out() -> None:
    async with world(retrieve=False) as w:
        await w.post("/v1/messages", body(BEGUN))
        await w.post("/v1/messages", body(SHOWN))
        assert b"[headroom: " not in w.got[-1].body


async def test_a_client_that_is_told_nothing_but_ids_is_answered_over_http_too() -> None:
    """Requests that name the reply they go on from, after a first one that went as it came."""
    tools = [{"type": "function", "name": "shell", "parameters": SCHEMA}]

    async def upstream(request: Any) -> Any:
        number = len(w.got)
        call = {"type": "function_call", "call_id": f"c{number}", "name": "shell", "arguments": '{"command": "logs"}'}
        return web.json_response(message(call | {"id": f"fc{number}"}, id=f"resp_{number}"))

    async with world(upstream) as w:
        await w.post(
            "/v1/responses", json.dumps({"tools": tools, "input": [{"role": "user", "content": "why"}]}).encode()
        )
        more = {"type": "function_call_output", "call_id": "c1", "output": LOG}
        again = {"tools": tools, "previous_response_id": "resp_1", "input": [more]}
        await w.post("/v1/responses", json.dumps(again).encode())
        assert b"call shell(headroom retrieve id=" in w.got[-1].body


async def test_over_a_socket_it_is_the_same() -> None:
    tools = [{"type": "function", "name": "shell", "parameters": SCHEMA}]
    calls = [
        {"type": "function_call", "id": f"f{n}", "call_id": f"c{n}", "name": "shell", "arguments": arguments}
        for n, arguments in enumerate(['{"command": ["cat", "worker.log"]}', '{"command": "later"}'])
    ]
    replies = message(calls[0]), message(calls[1], id="resp_2"), message(text("ok"), id="resp_3")
    async with sockets(answering(*replies)) as (w, upstream), dial(w) as socket:
        await socket.send_json(create({"role": "user", "content": "why"}, tools=tools))
        await reply_of(socket)
        outputs = [
            {"type": "function_call_output", "call_id": f"c{n}", "output": t} for n, t in ((0, LOG), (1, NOT_FOUND))
        ]
        await socket.send_json(create(outputs[0], tools=tools, previous_response_id="resp_1"))
        await reply_of(socket)
        [id] = footer_ids(upstream.sent[1]["input"][0]["output"])
        command = {"type": "function_call", "call_id": "c1", "name": "shell"}
        command["arguments"] = json.dumps({"command": ["bash", "-lc", f"headroom retrieve {id} --lines 138"]})
        await socket.send_json(create(command, outputs[1], tools=tools, previous_response_id="resp_2"))
        await reply_of(socket)
        assert [sent["tools"] for sent in upstream.sent] == [tools] * 3
        assert LEFT_OUT in upstream.sent[2]["input"][1]["output"]
        assert (await w.stats())["retrievals"]["count"] == 1
