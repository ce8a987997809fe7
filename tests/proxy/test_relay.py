"""Replies stream: at once, unchanged, no faster than the client reads, and their end is the client's end."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import zstandard
from aiohttp import web

from headroom.marker import footer_ids
from tests.proxy.world import anthropic_body, eventually, proxied, raw_served, real_engine, world

USAGE = {"input_tokens": 10, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 3, "output_tokens": 1}
EVENTS = [
    (
        "message_start",
        {"message": {"id": "m", "type": "message", "role": "assistant", "model": "m-2", "content": [], "usage": USAGE}},
    ),
    ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
    *(("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": f"wörd {i} "}}) for i in range(9)),
    ("content_block_stop", {"index": 0}),
    ("message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 20}}),
    ("message_stop", {}),
]


def written(events: list[tuple[str, Any]]) -> bytes:
    parts = [(name, json.dumps({"type": name, **data}, ensure_ascii=False)) for name, data in events]
    return "".join(f"event: {name}\r\ndata: {data}\r\n\r\n" for name, data in parts).encode()


STREAM = written(EVENTS)


def streaming(
    *chunks: bytes, headers: dict[str, str] | None = None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream", **(headers or {})})
        await reply.prepare(request)
        for chunk in chunks:
            await reply.write(chunk)
            await asyncio.sleep(0)
        await reply.write_eof()
        return reply

    return handler


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
async def test_a_stream_passes_byte_for_byte_and_is_read_on_the_way(size: int) -> None:
    chunks = [STREAM[i : i + size] for i in range(0, len(STREAM), size)]
    async with world(streaming(*chunks)) as w:
        assert await w.post("/v1/messages", anthropic_body(stream=True)) == (200, STREAM)
        stats = await w.stats()
        billed = [stats["billed"][name] for name in ("input", "cache_read", "cache_write", "output")]
        assert billed == [10, 3, 4, 20]
        assert (await w.line())["model"] == "m-2"


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
async def test_an_encoded_stream_is_relayed_encoded_and_read_decoded(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(STREAM)
    async with world(streaming(packed[:50], packed[50:], headers={"Content-Encoding": encoding})) as w:
        assert await w.post("/v1/messages", b"{}") == (200, packed)
        assert (await w.stats())["billed"]["output"] == 20


@pytest.mark.parametrize(
    "garbage", [b"\xff\xfe\x00", b"data: {\n\n", b"event: message_start\ndata: 7\n\n", b"data: [[[[\n\n" * 9]
)
@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
async def test_what_can_not_be_understood_passes(garbage: bytes, content_type: str) -> None:
    async with world(streaming(garbage, headers={"Content-Type": content_type})) as w:
        for path in ("/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1beta/models/g:generateContent"):
            assert await w.post(path, b"{}") == (200, garbage)


async def test_a_failing_observer_is_not_noticed() -> None:
    class Failing:
        name = "anthropic"

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("a bug")

    engine = real_engine(replies={"anthropic": Failing()})
    async with world(streaming(STREAM), engine) as w:
        assert await w.post("/v1/messages", b"{}") == (200, STREAM)


async def test_each_chunk_comes_when_it_was_sent() -> None:
    go_on = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        for i in range(3):
            await reply.write(b"data: %d\n\n" % i)
            await go_on.wait()
            go_on.clear()
        return reply

    async with world(slowly) as w, w.client.post(w.url + "/v1/messages", data=b"{}") as reply:
        assert reply.status == 200  # the headers are here before anything else
        for i in range(3):
            assert await reply.content.readany() == b"data: %d\n\n" % i
            go_on.set()
        assert await reply.content.readany() == b""


def dying(part: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    return die


@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndata\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ndata",
    ],
)
async def test_an_upstream_that_dies_ends_the_client_without_a_clean_end(part: bytes) -> None:
    async with raw_served(dying(part)) as port, proxied(port) as w:
        async with w.client.post(w.url + "/v1/messages", data=b"{}") as reply:
            assert await reply.content.readany() == b"data"
            with pytest.raises(aiohttp.ClientPayloadError):
                await reply.read()
        head = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
        assert not (await w.raw(head)).endswith(b"0\r\n\r\n")
        assert (await w.stats())["reasons"]["upstream_broke_off"] == 2


async def test_a_client_that_goes_ends_the_upstream_request() -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        try:
            while True:
                await reply.write(b"data: more\n\n")
                begun.set()
                await asyncio.sleep(0.01)
        finally:
            gone.set()

    async with world(endless) as w:
        async with w.client.post(w.url + "/v1/messages", data=b"{}") as reply:
            await begun.wait()
            reply.close()
        await asyncio.wait_for(gone.wait(), 10)
        await eventually(lambda: w.engine.reading.summary()["reasons"].get("client_gone") == 1)


async def test_a_client_that_goes_before_the_reply_ends_the_upstream_request() -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def thinking(request: web.Request) -> web.StreamResponse:
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            gone.set()
        return web.Response()

    async with world(thinking) as w:
        asking = asyncio.create_task(w.post("/v1/messages", b"{}"))
        await begun.wait()
        asking.cancel()
        await asyncio.wait_for(gone.wait(), 10)


async def test_a_slow_client_slows_the_upstream_down() -> None:
    written = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal written
        reply = web.StreamResponse()
        await reply.prepare(request)
        for _ in range(2000):
            await reply.write(b"x" * 50_000)
            written += 50_000
        return reply

    async with world(flood) as w:
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port, limit=1000)
        writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
        await reader.readline()
        before = -1
        while written != before:
            before = written
            await asyncio.sleep(0.3)
        assert written < 50_000_000
        writer.transport.abort()


async def test_nothing_is_left_behind() -> None:
    """After clients that came and went, no task runs and no connection is open."""

    async def endless(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        while True:
            await reply.write(b"data: more\n\n")
            await asyncio.sleep(0.01)

    async with world(endless) as w:
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", w.port)
            writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
            await asyncio.sleep(0.01)
            writer.transport.abort()
        await eventually(lambda: w.booked() == 20)
        connector: Any = w.proxy._shared.connections.session.connector
        await eventually(lambda: not connector._acquired)
        await eventually(lambda: len(asyncio.all_tasks()) < 10)


LEFT_OUT = "handled request 137 in 4 ms"


def retrieving(stream: bool) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A model that asks for an original first and answers when it has got it."""

    async def handler(request: web.Request) -> web.StreamResponse:
        last = json.loads(await request.read())["messages"][-1]["content"]
        ids = footer_ids(last[-1]["content"]) if isinstance(last, list) else []
        part = {"type": "text", "text": "found it" if LEFT_OUT in str(last) else "hello"}
        if ids:
            arguments = {"id": ids[0], "lines": "138"}
            part = {"type": "tool_use", "id": "r1", "name": "headroom_retrieve", "input": arguments}
        return await (_events(request, part) if stream else _message(part))

    return handler


async def _message(part: dict[str, Any]) -> web.StreamResponse:
    stop = "tool_use" if part["type"] == "tool_use" else "end_turn"
    message = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m-2",
        "content": [part],
        "stop_reason": stop,
    }
    packed = gzip.compress(json.dumps({**message, "stop_sequence": None, "usage": USAGE}).encode())
    return web.Response(body=packed, content_type="application/json", headers={"Content-Encoding": "gzip", "x-id": "1"})


async def _events(request: web.Request, part: dict[str, Any]) -> web.StreamResponse:
    call = part["type"] == "tool_use"
    start = {**part, "input": {}} if call else {**part, "text": ""}
    delta = (
        {"type": "input_json_delta", "partial_json": json.dumps(part["input"])}
        if call
        else {"type": "text_delta", "text": part["text"]}
    )
    stop = {"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}
    events = [
        EVENTS[0],
        ("content_block_start", {"index": 0, "content_block": start}),
        ("content_block_delta", {"index": 0, "delta": delta}),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": stop, "usage": {"output_tokens": 20}}),
        EVENTS[-1],
    ]
    return await streaming(written(events))(request)


@pytest.mark.parametrize("stream", [True, False])
async def test_the_models_retrievals_are_answered_on_the_way(stream: bool) -> None:
    """Through all of it: offered, called, answered, continued; the client sees one reply without the call."""
    tools = [{"name": "Bash", "input_schema": {"type": "object"}}]
    first = json.dumps({"model": "m", "tools": tools, "messages": [{"role": "user", "content": "why"}]}).encode()
    body = anthropic_body(tools=tools, stream=stream).replace(b"why is it slow", b"why")
    async with world(retrieving(stream)) as w:
        await w.post("/v1/messages", first, x_api_key="k")
        status, answer = await w.post("/v1/messages", body, x_api_key="k")
        assert status == 200
        assert b"found it" in answer
        assert b"headroom_retrieve" not in answer
        assert answer.count(b"message_start") == (2 if stream else 0)  # the event's name, and its type inside
        first_sent, sent, followed = w.got
        assert b"headroom_retrieve" in first_sent.body
        assert LEFT_OUT.encode() not in sent.body
        assert LEFT_OUT.encode() in followed.body
        assert [name for name, _ in sent.headers] == [name for name, _ in followed.headers]
        assert (await w.stats())["retrievals"]["count"] == 1
    async with world(retrieving(stream), retrieve=False) as w:
        await w.post("/v1/messages", first)
        assert w.got[0].body == first
