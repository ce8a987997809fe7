"""Sockets through the proxy: frames, closes and refusals as they came, and Responses worked on as over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from headroom.marker import RETRIEVE_TOOL
from headroom.proxy.engine import Engine
from headroom.wire.sse import EventReader
from tests.proxy.world import LOG, World, eventually, left_out, proxied, raw_served, real_engine, served
from tests.replies.test_openai_responses import OWN, call, events, message, text

Talk = Callable[["Upstream", web.WebSocketResponse], Awaitable[None]]
RESPONSES = "/v1/responses"
TOOLS = [{"type": "function", "name": "shell", "parameters": {"type": "object"}}]
ASKED = {"role": "user", "content": [{"type": "input_text", "text": "why is it slow"}]}
LISTED = {"type": "function_call", "call_id": "c0", "name": "shell", "arguments": '{"command": "cat worker.log"}'}
SHOWN = {"type": "function_call_output", "call_id": "c0", "output": LOG}
ANSWER = {"type": "function_call_output", "call_id": OWN["call_id"], "output": "files"}


@dataclass
class Upstream:
    """The other end, which does what a test says and remembers what it got."""

    talk: Talk
    protocols: tuple[str, ...] = ()
    requests: list[web.Request] = field(default_factory=list)
    frames: list[Any] = field(default_factory=list)
    ends: list[tuple[int | None, str]] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        socket = web.WebSocketResponse(protocols=self.protocols, max_msg_size=1 << 26)
        socket.headers["x-codex-turn-state"] = "sticky"
        await socket.prepare(request)
        await self.talk(self, socket)
        return socket

    async def receive(self, socket: web.WebSocketResponse) -> Any:
        """The next frame: text, bytes, or None at the end."""
        got = await socket.receive()
        if got.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            self.frames.append(got.data)
            return got.data
        self.ends.append((socket.close_code, str(got.extra or "")))
        return None

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in self.frames]


async def echo(upstream: Upstream, socket: web.WebSocketResponse) -> None:
    while (got := await upstream.receive(socket)) is not None:
        await (socket.send_str(got) if isinstance(got, str) else socket.send_bytes(got))


def answering(*replies: dict[str, Any] | str) -> Talk:
    """Answers requests with these replies in turn; a text is sent as it is."""
    left = iter(replies)

    async def talk(upstream: Upstream, socket: web.WebSocketResponse) -> None:
        while (got := await upstream.receive(socket)) is not None:
            if json.loads(got).get("type") == "response.create":
                for frame in frames_of(next(left)):
                    await socket.send_str(frame)

    return talk


def frames_of(reply: dict[str, Any] | str) -> list[str]:
    return [reply] if isinstance(reply, str) else [event.data for event in EventReader().feed(events(reply))]


@asynccontextmanager
async def sockets(talk: Talk, engine: Engine | None = None, **settings: Any) -> AsyncIterator[tuple[World, Upstream]]:
    upstream = Upstream(talk, ("realtime", "other"))
    async with served(upstream.serve) as port, proxied(port, engine, **settings) as w:
        yield w, upstream


def dial(w: World, path: str = RESPONSES, **more: Any) -> Any:
    headers = {"Authorization": "Bearer k", **more.pop("headers", {})}
    return w.client.ws_connect(w.url + path, headers=headers, max_msg_size=1 << 26, **more)


def create(*items: Any, **more: Any) -> dict[str, Any]:
    return {"type": "response.create", "model": "m", "tools": TOOLS, **more, "input": list(items)}


async def reply_of(socket: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
    """The events up to the end of a response."""
    got: list[dict[str, Any]] = []
    while not got or got[-1]["type"] not in ("response.completed", "response.incomplete", "error"):
        got.append(json.loads(await socket.receive_str(timeout=10)))
    return got


def numbers(reply: list[dict[str, Any]]) -> list[int]:
    return [event["sequence_number"] for event in reply]


async def test_the_handshake_passes_both_ways() -> None:
    async with sockets(echo) as (w, upstream):
        headers = {"OpenAI-Beta": "responses_websockets=2026-02-06", "x-headroom-project": "p", "x-b": "1"}
        began = time.perf_counter()
        async with dial(w, RESPONSES + "?a=%20b", headers=headers, protocols=("odd", "realtime")) as socket:
            assert time.perf_counter() - began < 1
            assert socket.protocol == "realtime"
            assert socket._response.headers["x-codex-turn-state"] == "sticky"
        request = upstream.requests[0]
        assert request.raw_path == RESPONSES + "?a=%20b"
        assert request.headers["authorization"] == "Bearer k"
        assert request.headers["openai-beta"] == headers["OpenAI-Beta"]
        assert request.headers["sec-websocket-protocol"] == "odd,realtime"
        assert request.headers["host"] == f"127.0.0.1:{w.upstream_port}"
        names = [name.decode().lower() for name, _ in request.raw_headers]
        assert not [name for name in names if name.startswith("x-headroom")]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("path", [RESPONSES, "/v1/realtime?model=m", "/backend-api/codex/responses"])
async def test_frames_pass_as_they_came(path: str) -> None:
    odd = [
        b"\x00\xff",
        "",
        "not JSON",
        '{"type": "response.create"',
        "[]",
        '{"type":7}',
        '{ "type" : "x" }',
        "\u20ac\n",
    ]
    odd += ['{"type":"response.create","input":7}', '{"type":"response.create", "input":"response.create"}']
    async with sockets(echo) as (w, upstream), dial(w, path) as socket:
        for frame in odd:
            await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
            assert (await socket.receive(timeout=5)).data == frame
        assert upstream.frames == odd


@pytest.mark.parametrize("compress", [0, 15])
@pytest.mark.parametrize("path", [RESPONSES, "/v1/realtime"])
async def test_large_frames_pass(path: str, compress: int) -> None:
    large = json.dumps({"type": "session.update", "x": base64.b64encode(os.urandom(3 << 20)).decode()})
    async with sockets(echo) as (w, _), dial(w, path, compress=compress) as socket:
        await socket.send_str(large)
        assert await socket.receive_str(timeout=20) == large
        await socket.send_bytes(large.encode() * 2)
        assert await socket.receive_bytes(timeout=20) == large.encode() * 2


async def test_a_large_request_is_worked_on() -> None:
    log = "".join(LOG.replace("2026", str(2026 + i)) for i in range(130))
    assert len(log) > 3 << 20
    replies = message(LISTED | {"id": "fc"}), message(text("ok"), id="r2")
    async with sockets(answering(*replies), budget_ms=30_000) as (w, upstream):
        async with dial(w) as socket:
            await socket.send_json(create(ASKED))
            await reply_of(socket)
            await socket.send_json(create({**SHOWN, "output": log}, previous_response_id="resp_1"))
            assert (await reply_of(socket))[-1]["response"]["id"] == "r2"
        assert len(upstream.frames[1]) < len(log)


async def test_a_message_in_pieces_passes() -> None:
    async with sockets(echo) as (w, upstream):
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write(
            b"GET /v1/responses HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer k\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        said = '{"type":"x","y":"\u20ac"}'.encode()
        for at in range(len(said)):  # the euro sign is torn, too
            last = 0x80 if at == len(said) - 1 else 0
            writer.write(bytes([last | (0 if at else 1), 0x81, 0, 0, 0, 0, said[at]]))
            await writer.drain()
        head = await reader.readexactly(2)
        assert head == bytes([0x81, len(said)])
        assert await reader.readexactly(len(said)) == said
        assert upstream.frames == [said.decode()]
        writer.close()
        await eventually(lambda: len(upstream.ends) == 1)


async def test_pings_and_pongs_pass_both_ways() -> None:
    async def talk(upstream: Upstream, socket: web.WebSocketResponse) -> None:
        await socket.ping(b"are you there")
        got = await socket.receive()
        upstream.frames.append((got.type, got.data))
        got = await socket.receive()
        upstream.frames.append((got.type, got.data))
        await socket.close()

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await talk(upstream, socket)
        return socket

    upstream = Upstream(talk)
    async with served(serve) as port, proxied(port) as w, dial(w, autoping=False) as socket:
        got = await socket.receive(timeout=5)
        assert (got.type, got.data) == (WSMsgType.PING, b"are you there")
        await socket.pong(b"I am")
        await socket.ping(b"and you")
        await socket.receive(timeout=5)
        assert upstream.frames == [(WSMsgType.PONG, b"I am"), (WSMsgType.PING, b"and you")]


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1008, "policy"), (1009, "too big"), (4001, "lim\u20act")])
async def test_how_a_side_closes_is_how_the_other_is_closed(code: int, reason: str) -> None:
    async def close(upstream: Upstream, socket: web.WebSocketResponse) -> None:
        await upstream.receive(socket)
        await socket.close(code=code, message=reason.encode())

    async with sockets(close) as (w, _), dial(w) as socket:
        await socket.send_str("x")
        got = await socket.receive(timeout=5)
        assert (got.type, got.data, got.extra) == (WSMsgType.CLOSE, code, reason)
    async with sockets(echo) as (w, upstream):
        async with dial(w) as socket:
            await socket.close(code=code, message=reason.encode())
        await eventually(lambda: upstream.ends == [(code, reason)], 3)


async def test_where_the_upstreams_connection_breaks_so_does_the_clients() -> None:
    async def vanish(upstream: Upstream, socket: web.WebSocketResponse) -> None:
        await socket.send_str("one more thing")
        transport = upstream.requests[-1].transport
        assert transport is not None
        transport.close()

    async with sockets(vanish) as (w, _), dial(w) as socket:
        assert await socket.receive_str(timeout=5) == "one more thing"
        began = time.perf_counter()
        assert (await socket.receive(timeout=5)).type is WSMsgType.CLOSED
        assert (socket.close_code, time.perf_counter() - began < 1) == (1006, True)


async def test_a_client_that_vanishes_is_gone_upstream_at_once() -> None:
    async with sockets(echo) as (w, upstream):
        socket = await dial(w)
        await socket.send_str("x")
        await socket.receive(timeout=5)
        socket._response.connection.transport.abort()
        await eventually(lambda: len(upstream.ends) == 1, 2)
        assert (await w.stats())["requests"] == 0


@pytest.mark.parametrize("by_client", [True, False])
async def test_a_turn_that_breaks_off_is_in_the_books(by_client: bool) -> None:
    async def begin(upstream: Upstream, socket: web.WebSocketResponse) -> None:
        await upstream.receive(socket)
        await socket.send_str(frames_of(message())[0])
        if by_client:
            await upstream.receive(socket)

    async with sockets(begin) as (w, _):
        async with dial(w) as socket:
            await socket.send_json(create(ASKED, LISTED, SHOWN))
            await socket.receive(timeout=5)
            if not by_client:
                await socket.receive(timeout=5)
        await eventually(lambda: w.booked() == 1)
        stats = await w.stats()
        assert stats["reasons"]["client_gone" if by_client else "upstream_broke_off"] == 1
        assert left_out(stats) > 1000


@pytest.mark.parametrize("status", [401, 404, 426, 503])
async def test_a_refused_handshake_is_the_clients_answer(status: int) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": "no"}, status=status, headers={"Retry-After": "7"})

    async with served(refuse) as port, proxied(port) as w:
        handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        key = {"Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}
        async with w.client.get(w.url + RESPONSES, headers={"Authorization": "Bearer k", **handshake, **key}) as reply:
            assert (reply.status, await reply.json()) == (status, {"error": "no"})
            assert reply.headers["Retry-After"] == "7"
        assert (await w.stats())["statuses"] == {str(status): 1}


async def test_an_upstream_that_is_not_there_is_a_bad_gateway() -> None:
    async with raw_served(lambda reader, writer: asyncio.sleep(0)) as port:
        pass
    async with proxied(port) as w:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await dial(w)
        assert refused.value.status == 502


async def test_web_pages_get_no_socket() -> None:
    async with sockets(echo) as (w, upstream):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await dial(w, headers={"Origin": "https://evil.example"})
        assert refused.value.status == 403
        assert upstream.requests == []


PATHS = (RESPONSES, "/responses", "/v1/codex/responses", "/backend-api/responses", "/backend-api/codex/responses")


@pytest.mark.parametrize("path", PATHS)
async def test_new_results_are_shortened_and_what_was_sent_stays(path: str) -> None:
    replies = message(), message(LISTED | {"id": "fc"}, id="resp_2"), message(text("ok"), id="resp_3")
    async with sockets(answering(*replies)) as (w, upstream), dial(w, path) as socket:
        await socket.send_json(create({"role": "developer", "content": "Be brief."}, generate=False))
        await reply_of(socket)
        await socket.send_json(create(ASKED, previous_response_id="resp_1"))
        assert await reply_of(socket) == [json.loads(frame) for frame in frames_of(replies[1])]
        await socket.send_json(last := create(SHOWN, previous_response_id="resp_2", store=False))
        await reply_of(socket)
        assert len({json.dumps(sent["tools"]) for sent in upstream.sent}) == 1
        assert upstream.sent[0]["tools"][1]["name"] == RETRIEVE_TOOL
        sent = upstream.sent[2]
        assert len(sent["input"][0].pop("output")) < 0.4 * len(LOG)
        assert {**sent, "tools": TOOLS} == {**last, "input": [{k: SHOWN[k] for k in ("type", "call_id")}]}
        stats = await w.stats()
        assert (stats["requests"], stats["billed"]["output"], stats["reasons"]["websocket"]) == (3, 15, 3)
        assert left_out(stats) > 1000
        assert (await w.line())["model"] == "gpt-x"


@pytest.mark.parametrize("headers", [{"x-headroom-bypass": "true"}, {"x-headroom-level": "none"}])
async def test_who_wants_nothing_done_gets_nothing_done(headers: dict[str, str]) -> None:
    async with sockets(answering(message())) as (w, upstream), dial(w, headers=headers) as socket:
        await socket.send_str(frame := json.dumps(create(ASKED, LISTED, SHOWN), indent=1))
        await reply_of(socket)
        assert upstream.frames == [frame]


async def test_everything_again_on_another_socket_is_what_was_sent_before() -> None:
    replies = message(LISTED | {"id": "fc"}), message(text("ok"), id="resp_2"), message(text("ok"), id="resp_3")
    async with sockets(answering(*replies)) as (w, upstream):
        async with dial(w) as socket:
            await socket.send_json(create(ASKED))
            await reply_of(socket)
            await socket.send_json(create(SHOWN, previous_response_id="resp_1"))
            await reply_of(socket)
        async with dial(w) as socket:
            own = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ok"}]}
            await socket.send_json(create(ASKED, LISTED, SHOWN, own, {"role": "user", "content": "And?"}))
            await reply_of(socket)
        assert upstream.sent[2]["tools"] == upstream.sent[0]["tools"]
        assert upstream.sent[2]["input"][2] == upstream.sent[1]["input"][0] != SHOWN


def with_original(engine: Engine) -> str:
    return engine.store_of("default").put("first\nsecond\nthird")


async def test_the_models_calls_are_answered_on_the_same_socket() -> None:
    engine = real_engine()
    id = with_original(engine)
    asking = message(text("I look."), call("call_1", id, lines="2"))
    again = message(call("call_2", id, lines="3"), id="resp_2")
    done = message(text("Third."), OWN, id="resp_3")
    async with sockets(answering(asking, again, done, message(id="resp_4")), engine) as (w, upstream):
        async with dial(w) as socket:
            await socket.send_json(create(ASKED, stream_id="main", store=False))
            reply = await reply_of(socket)
            assert numbers(reply) == list(range(len(reply)))
            assert [event["type"] for event in reply].count("response.created") == 1
            final = reply[-1]["response"]
            assert (final["id"], final["output"]) == ("resp_1", [text("I look."), text("Third."), OWN])
            assert final["usage"]["output_tokens"] == 15
            assert RETRIEVE_TOOL not in json.dumps(reply)
            await socket.send_json(create(ANSWER, previous_response_id="resp_1", stream_id="main", store=False))
            await reply_of(socket)
        first, second, third, fourth = upstream.sent
        for asked, earlier, line in ((second, "resp_1", "second"), (third, "resp_2", "third")):
            assert asked.pop("previous_response_id") == earlier
            (output,) = asked.pop("input")
            assert line in output["output"]
            assert asked == {key: value for key, value in first.items() if key != "input"}
        assert (fourth["input"], fourth["previous_response_id"]) == ([ANSWER], "resp_3")
        assert (await w.stats())["retrievals"]["count"] == 2


async def test_a_call_beside_the_clients_own_is_answered_with_its_next_frame() -> None:
    engine = real_engine()
    id = with_original(engine)
    replies = message(OWN, call("call_1", id)), message(text("ok"), id="resp_2")
    async with sockets(answering(*replies), engine) as (w, upstream), dial(w) as socket:
        await socket.send_json(create(ASKED))
        reply = await reply_of(socket)
        assert reply[-1]["response"]["output"] == [OWN]
        assert numbers(reply) == list(range(len(reply)))
        await socket.send_json(create(ANSWER, previous_response_id="resp_1"))
        assert (await reply_of(socket))[-1]["response"]["output"] == [text("ok")]
        ours, theirs = upstream.sent[1]["input"]
        assert (ours["call_id"], theirs) == ("call_1", ANSWER)
        assert "second" in ours["output"]


async def test_what_a_client_sends_during_a_hidden_exchange_waits() -> None:
    engine = real_engine()
    id = with_original(engine)

    async def talk(upstream: Upstream, socket: web.WebSocketResponse) -> None:
        replies = iter((message(call("call_1", id)), message(text("one"), id="r2"), message(text("two"), id="r3")))
        await upstream.receive(socket)
        await upstream.receive(socket)  # what is no request passes at any time
        for reply in replies:
            for frame in frames_of(reply):
                await socket.send_str(frame)
            await upstream.receive(socket)

    async with sockets(talk, engine) as (w, upstream), dial(w) as socket:
        await socket.send_json(create(ASKED, n=1))
        await socket.send_json(create(ASKED, n=2))
        await socket.send_json({"type": "response.processed"})
        assert (await reply_of(socket))[-1]["response"]["output"] == [text("one")]
        assert (await reply_of(socket))[-1]["response"]["output"] == [text("two")]
        assert [(sent["type"], sent.get("n")) for sent in upstream.sent] == [
            ("response.create", 1),
            ("response.processed", None),
            ("response.create", 1),
            ("response.create", 2),
        ]


async def test_who_steers_a_hidden_exchange_names_what_the_upstream_knows() -> None:
    engine = real_engine()
    id = with_original(engine)
    going_on = asyncio.Event()

    async def talk(upstream: Upstream, socket: web.WebSocketResponse) -> None:
        await upstream.receive(socket)
        for frame in frames_of(message(text("I look."), call("call_1", id))):
            await socket.send_str(frame)
        await upstream.receive(socket)
        await going_on.wait()
        first, *others = frames_of(message(text("one"), id="resp_2"))
        await socket.send_str(first)
        for _ in range(2):
            named = json.loads(await upstream.receive(socket))["previous_response_id"]
            steer = {"previous_response_id": named}
            await socket.send_json({"type": "response.steer.accepted", "sequence_number": 1, "steer": steer})
        for frame in others:
            await socket.send_str(frame)
        await upstream.receive(socket)

    steer = {"type": "response.steer", "previous_response_id": "resp_1", "input": [{"role": "user", "content": "no"}]}
    async with sockets(talk, engine) as (w, upstream), dial(w) as socket:
        await socket.send_json(create(ASKED))
        await eventually(lambda: len(upstream.frames) == 2)
        await socket.send_json(steer)  # nothing runs at this moment that it could be about
        await asyncio.sleep(0.1)
        assert len(upstream.frames) == 2
        going_on.set()
        await eventually(lambda: len(upstream.frames) == 3)
        await socket.send_json(steer)
        reply = await reply_of(socket)
        assert upstream.sent[2] == upstream.sent[3] == {**steer, "previous_response_id": "resp_2"}
        accepted = [event["steer"] for event in reply if event["type"] == "response.steer.accepted"]
        assert accepted == [{"previous_response_id": "resp_1"}] * 2
        assert numbers(reply) == list(range(len(reply)))
        await socket.send_json(cancel := {"type": "response.cancel", "response_id": "resp_1"})
        await eventually(lambda: len(upstream.frames) == 5)
        assert upstream.sent[4] == {**cancel, "response_id": "resp_2"}


async def test_lanes_do_not_wait_for_each_other() -> None:
    engine = real_engine()
    id = with_original(engine)

    def on(lane: str, reply: dict[str, Any]) -> list[str]:
        return [json.dumps({**json.loads(frame), "stream_id": lane}) for frame in frames_of(reply)]

    async def talk(upstream: Upstream, socket: web.WebSocketResponse) -> None:
        await upstream.receive(socket)
        await upstream.receive(socket)
        asking, other = on("a", message(call("call_1", id))), on("b", message(text("b"), id="rb"))
        for frame in [*other[:3], *asking, *other[3:]]:
            await socket.send_str(frame)
        await upstream.receive(socket)
        for frame in on("a", message(text("a"), id="ra")):
            await socket.send_str(frame)
        await upstream.receive(socket)

    async with sockets(talk, engine) as (w, upstream), dial(w) as socket:
        await socket.send_json(create(ASKED, stream_id="a"))
        await socket.send_json(create(ASKED, stream_id="b"))
        got = await reply_of(socket) + await reply_of(socket)
        for lane, answer in (("a", text("a")), ("b", text("b"))):
            events = [event for event in got if event["stream_id"] == lane]
            assert events[-1]["response"]["output"] == [answer]
            assert numbers(events) == list(range(len(events)))
        assert upstream.sent[2]["stream_id"] == "a"


async def test_a_refused_change_is_sent_again_as_it_came() -> None:
    refused = json.dumps({"type": "error", "status": 400, "error": {"message": "what is this"}})
    async with sockets(answering(refused, message(), message(id="r2"))) as (w, upstream), dial(w) as socket:
        for _ in range(2):
            await socket.send_str(frame := json.dumps(create(ASKED, LISTED, SHOWN)))
            assert (await reply_of(socket))[-1]["type"] == "response.completed"
        assert upstream.frames[0] != frame
        assert upstream.frames[1:] == [frame, frame]
        assert (await w.stats())["reasons"]["retried_as_it_came"] == 1


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_an_error_passes_and_ends_the_turn(status: int) -> None:
    error = json.dumps({"type": "error", "status": status, "error": {"message": "no"}})
    async with sockets(answering(error, error, message(text("ok")))) as (w, _), dial(w) as socket:
        await socket.send_json(create(ASKED))
        assert (await socket.receive(timeout=5)).data == error
        if status != 400:
            await socket.send_json(create(ASKED))
            assert (await socket.receive(timeout=5)).data == error
        await socket.send_json(create(ASKED))
        assert (await reply_of(socket))[-1]["response"]["output"] == [text("ok")]


class Broken:
    """A collaborator that fails whenever it is asked for anything."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("a bug")


class BrokenReplies:
    """A reply format whose streams fail at their third event."""

    def stream(self, tool: str | None) -> Any:
        stream, fed = real_engine().replies["openai_responses"].stream(tool), iter(range(2))

        class Stream:
            usage, complete = stream.usage, False

            def feed(self, event: Any) -> Any:
                next(fed)
                return stream.feed(event)

        return Stream()


async def test_what_fails_here_does_not_fail_the_client() -> None:
    engine = real_engine()
    aligner = engine.aligner
    aligner.align = Broken.__getattr__  # type: ignore[method-assign, assignment]
    async with sockets(answering(message(text("ok"))), engine) as (w, upstream), dial(w) as socket:
        await socket.send_str(frame := json.dumps(create(ASKED, LISTED, SHOWN)))
        assert (await reply_of(socket))[-1]["response"]["output"] == [text("ok")]
        assert upstream.frames == [frame]
    replies = message(text("ok")), message(text("ok"), id="r2"), message(text("ok"), id="r3")
    engine = real_engine(replies={"openai_responses": BrokenReplies()})
    async with sockets(answering(*replies), engine) as (w, _), dial(w) as socket:
        for n, reply in enumerate(replies):
            await socket.send_json(create(ASKED, n=n))
            assert await reply_of(socket) == [json.loads(frame) for frame in frames_of(reply)]


async def test_garbage_from_the_upstream_passes() -> None:
    odd = ["", "{", "7", '{"type":"response.completed"}', '{"type":"response.output_item.added","output_index":-1}']

    async def talk(upstream: Upstream, socket: web.WebSocketResponse) -> None:
        await upstream.receive(socket)
        for frame in odd:
            await socket.send_str(frame)
        await upstream.receive(socket)

    async with sockets(talk) as (w, _), dial(w) as socket:
        await socket.send_json(create(ASKED))
        assert [await socket.receive_str(timeout=5) for _ in odd] == odd


async def test_who_does_not_read_gets_no_more_than_fits() -> None:
    sent = 0

    async def flood(upstream: Upstream, socket: web.WebSocketResponse) -> None:
        nonlocal sent
        while sent < 400:
            await socket.send_bytes(bytes(1 << 20))
            sent += 1

    async with sockets(flood) as (w, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port, limit=1 << 16)
        writer.write(
            b"GET /v1/responses HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer k\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.5)
        assert sent < 60
        await reader.readuntil(b"\r\n\r\n")
        assert struct.unpack(">BBQ", await reader.readexactly(10)) == (0x82, 127, 1 << 20)
        writer.close()


async def test_a_process_that_ends_lets_a_reply_end_first() -> None:
    going_on = asyncio.Event()

    async def talk(upstream: Upstream, socket: web.WebSocketResponse) -> None:
        await upstream.receive(socket)
        first, *rest = frames_of(message(text("ok")))
        await socket.send_str(first)
        await going_on.wait()
        for frame in rest:
            await socket.send_str(frame)
        await upstream.receive(socket)

    async with sockets(talk) as (w, upstream), dial(w) as busy, dial(w, "/v1/realtime") as idle:
        await busy.send_json(create(ASKED))
        await busy.receive(timeout=5)
        w.proxy.drain()
        assert (await idle.receive(timeout=5)).data == 1001
        going_on.set()
        assert (await reply_of(busy))[-1]["type"] == "response.completed"
        assert (await busy.receive(timeout=5)).data == 1001
        await eventually(lambda: (1001, "") in upstream.ends)
