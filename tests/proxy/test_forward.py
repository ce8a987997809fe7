"""What reaches the upstream, byte for byte; what the client gets when something goes wrong."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import zlib
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import zstandard
from aiohttp import web

from headroom.errors import InputError
from headroom.marker import RETRIEVE_TOOL
from headroom.proxy.aligning import Abandoned
from headroom.proxy.engine import Engine
from tests.proxy.world import (
    ANTHROPIC_REPLY,
    LOG,
    World,
    anthropic_body,
    eventually,
    left_out,
    proxied,
    raw_served,
    real_engine,
    reply_ok,
    world,
)


@dataclass(frozen=True)
class StandInAligned:
    body: bytes
    changed: bool
    outcomes: tuple[Any, ...] = ()
    channel: str = ""
    key: bytes = b"key"
    conversation: str = ""
    model: str = ""
    edits: tuple[Any, ...] = ()
    boundary: int = 0
    plain: bool = False
    held_out: bool = False
    adopted: bool = False

    def pin_of(self, outcome: Any) -> bytes:
        return b""


@dataclass
class StandIn:
    """An aligner that does what a test says."""

    what: Any
    calls: list[dict[str, Any]] = field(default_factory=list)
    left_alone: list[bytes] = field(default_factory=list)
    let_passed: list[bytes] = field(default_factory=list)

    def align(self, body: bytes, dialect: Any, options: Any, store: Any, **more: Any) -> StandInAligned:
        self.calls.append({"body": body, "dialect": dialect.name, "options": options, "store": store, **more})
        found = self.what(body, **more)
        return StandInAligned(found, found is not body)

    def leave_alone(self, key: bytes) -> None:
        self.left_alone.append(key)

    def let_pass(self, body: bytes, dialect: Any) -> None:
        self.let_passed.append(body)

    def renamed(self, body: bytes, dialect: Any) -> bytes:
        return body.replace(b"CLIENTS", b"PROVIDERS")

    def keep_exchange(self, key: bytes, exchange: bytes) -> None: ...


TOOLS = [{"name": "Bash", "description": "runs", "input_schema": {"type": "object"}}]


def changing(body: bytes, **more: Any) -> bytes:
    return body.replace(b"LONG", b"S")


def stand_in(what: Any = changing) -> Engine:
    return real_engine(aligner=StandIn(what))


async def test_a_tool_result_is_shortened_and_the_rest_stays() -> None:
    body = anthropic_body()
    async with world() as w:
        status, answer = await w.post("/v1/messages", body, x_api_key="k")
        assert (status, json.loads(answer)) == (200, ANTHROPIC_REPLY)
        sent = w.got[0].body
        assert len(sent) < len(body) * 0.7  # without retrieval nothing is left out
        before, after = json.loads(body), json.loads(sent)
        before["messages"][2]["content"][0]["content"] = after["messages"][2]["content"][0]["content"] = ""
        assert before == after
        assert w.got[0].header("content-length") == str(len(sent))
        stats = await w.stats()
        assert left_out(stats) > 1000
        billed = stats["billed"]
        assert (billed["input"], billed["cache_read"], billed["cache_write"], billed["output"]) == (7, 5, 3, 2)
        assert (await w.line())["model"] == ANTHROPIC_REPLY["model"]


async def test_of_a_conversation_met_midway_the_statistics_say_so() -> None:
    body = json.loads(anthropic_body())
    body["messages"] = [*body["messages"], *[{**m} for m in body["messages"][1:]]]
    async with world() as w:
        await w.post("/v1/messages", json.dumps(body).encode(), x_api_key="k")
        assert (await w.stats())["reasons"]["already_sent"] == 1


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"not JSON", b'{"messages": 7}', b'{"messages":[{"role":1}]}', b"\xff\x00"]
)
async def test_what_can_not_be_read_passes(body: bytes) -> None:
    async with world() as w:
        status, _ = await w.post("/v1/messages", body)
        assert (status, w.got[0].body) == (200, body)


async def test_without_anything_to_do_the_very_bytes_go_on() -> None:
    body = b'{ "messages" :[{"role":"user","content":"caf\\u00e9 \xc3\xa9"}],\n "x":1e400, "x":2 }\r\n'
    async with world() as w:
        await w.post("/v1/messages", body)
        assert w.got[0].body == body


@pytest.mark.parametrize(
    "path", ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1beta/models/g:generateContent"]
)
@pytest.mark.parametrize("error", [RuntimeError("a bug"), InputError("what is this"), MemoryError(), KeyError("x")])
async def test_whatever_the_aligner_raises_the_clients_bytes_go_on(path: str, error: Exception) -> None:
    def fail(body: bytes, **more: Any) -> bytes:
        raise error

    async with world(engine=stand_in(fail)) as w:
        status, _ = await w.post(path, b'{"a":1}')
        assert (status, w.got[0].body) == (200, b'{"a":1}')
        reasons = (await w.stats())["reasons"]
        assert set(reasons) & {"failed", "unreadable"}


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refused_change_is_sent_again_as_it_came_once(status: int) -> None:
    async def picky(request: web.Request) -> web.StreamResponse:
        if await request.read() == b'{"a":"S"}':
            return web.json_response({"error": "S?"}, status=status)
        return web.json_response({"ok": True})

    async with world(picky, stand_in()) as w:
        packed = gzip.compress(b'{"a":"LONG"}')
        answer = await w.post("/v1/messages", packed, content_encoding="gzip")
        assert answer == (200, b'{"ok": true}')
        assert [got.body for got in w.got] == [b'{"a":"S"}', packed]
        assert [got.header("content-encoding") for got in w.got] == [None, "gzip"]
        stats = await w.stats()
        assert stats["reasons"]["retried_as_it_came"] == 1
        assert cast("StandIn", w.engine.aligner).left_alone == [b"key"]
        assert left_out(stats) == stats["saved"]["tokens"] == 0


async def test_what_is_sent_again_names_the_reply_before_as_the_provider_does() -> None:
    async def picky(request: web.Request) -> web.StreamResponse:
        return web.json_response({}, status=400 if b"LONG" not in await request.read() else 200)

    came = b'{"previous_response_id":"CLIENTS","a":"LONG"}'
    async with world(picky, stand_in()) as w:
        for encoding, body in (("identity", came), ("gzip", gzip.compress(came))):
            assert (await w.post("/v1/responses", body, content_encoding=encoding))[0] == 200
            again = w.got.pop()
            assert again.body == came.replace(b"CLIENTS", b"PROVIDERS")
            assert again.header("content-encoding") in (None, "identity")


@pytest.mark.parametrize("headers", [{"x_headroom_bypass": "true"}, {"x_headroom_level": "none"}])
async def test_after_a_request_that_was_not_looked_at_its_conversation_stays_as_it_came(headers: Any) -> None:
    def body(results: int) -> bytes:
        conversation = json.loads(anthropic_body())
        messages = conversation["messages"]
        for _ in range(results - 1):
            messages += messages[1:3]
        return json.dumps({**conversation, "tools": TOOLS}).encode()

    async with world() as w:
        await w.post("/v1/messages", body(1))
        assert len(w.got[0].body) < len(body(1)) / 2
        await w.post("/v1/messages", body(2), **headers)
        await w.post("/v1/messages", body(3))
        assert [got.body for got in w.got[1:]] == [body(2), body(3)]
        await w.post("/v1/messages", body(1)[:-9], **headers)
        await w.post("/v1/messages", b"", **headers)
        assert [got.body for got in w.got[3:]] == [body(1)[:-9], b""]
    async with world(level=None) as w:  # where nothing is ever changed nothing has to be remembered
        engine = w.engine.aligner
        engine.let_pass = None  # type: ignore[assignment, method-assign]
        await w.post("/v1/messages", body(1))
        assert w.got[0].body == body(1)


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/chat/completions", {"n": 2}),
        ("/v1beta/models/g:generateContent", {"generationConfig": {"candidateCount": 2}}),
    ],
)
async def test_who_wants_several_replies_is_not_offered_the_tool(path: str, more: dict[str, Any]) -> None:
    function = {"name": "shell", "parameters": {"type": "object"}}
    chat = {"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": function}]}
    contents = [{"role": "user", "parts": [{"text": "x"}]}]
    gemini = {"contents": contents, "tools": [{"functionDeclarations": [function]}]}
    body = chat if "chat" in path else gemini
    for asked in (body, {**body, **more}):
        async with world() as w:
            await w.post(path, json.dumps(asked).encode())
            assert (RETRIEVE_TOOL.encode() in w.got[0].body) is (asked is body)


async def test_the_second_refusal_is_the_answer() -> None:
    async def refusing(request: web.Request) -> web.StreamResponse:
        return web.json_response({"n": len(await request.read())}, status=400)

    async with world(refusing, stand_in()) as w:
        assert await w.post("/v1/messages", b'"LONG"') == (400, b'{"n": 6}')
        assert len(w.got) == 2
        assert await w.post("/v1/messages", b'"else"') == (400, b'{"n": 6}')
        assert cast("StandIn", w.engine.aligner).left_alone == []
        assert len(w.got) == 3  # nothing was changed, so nothing is sent again


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503, 529])
async def test_other_errors_are_the_clients(status: int) -> None:
    async def failing(request: web.Request) -> web.StreamResponse:
        headers = {"Retry-After": "17", "x-should-retry": "true", "request-id": "r1"}
        return web.Response(status=status, body=b'{"type":"error"}', headers=headers, content_type="application/json")

    async with world(failing, stand_in()) as w:
        async with w.client.post(w.url + "/v1/messages", data=b'"LONG"') as reply:
            assert (reply.status, await reply.read()) == (status, b'{"type":"error"}')
            assert (reply.headers["Retry-After"], reply.headers["request-id"]) == ("17", "r1")
        assert len(w.got) == 1


def _encodings() -> list[tuple[str, bytes]]:
    plain = b'{"a":"' + b"LONG" * 900 + b'"}'
    return [
        ("gzip", gzip.compress(plain)),
        ("deflate", zlib.compress(plain)),
        ("deflate", zlib.compress(plain)[2:-4]),
        ("zstd", zstandard.compress(plain)),
        ("gzip, zstd", zstandard.compress(gzip.compress(plain))),
    ]


@pytest.mark.parametrize(("encoding", "packed"), _encodings(), ids=[name for name, _ in _encodings()])
async def test_encoded_bodies_are_looked_into(encoding: str, packed: bytes) -> None:
    async with world(engine=stand_in()) as w:
        await w.post("/v1/messages", packed, content_encoding=encoding)
        assert w.got[0].body == b'{"a":"' + b"S" * 900 + b'"}'
        assert w.got[0].header("content-encoding") is None
    async with world(engine=stand_in(lambda body, **more: body)) as w:
        await w.post("/v1/messages", packed, content_encoding=encoding)
        assert w.got[0].body == packed
        assert w.got[0].header("content-encoding") == encoding


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "unheard-of"])
async def test_broken_encodings_pass(encoding: str) -> None:
    async with world(engine=stand_in()) as w:
        status, _ = await w.post("/v1/messages", b"no such thing", content_encoding=encoding)
        assert (status, w.got[0].body, w.got[0].header("content-encoding")) == (200, b"no such thing", encoding)


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "zstd"])
@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/v1/messages", ("error", "type", "request_too_large")),
        ("/v1/chat/completions", ("error", "type", "invalid_request_error")),
        ("/v1beta/models/g:generateContent", ("error", "code", 413)),
    ],
)
async def test_bodies_beyond_the_limit(encoding: str, path: str, place: tuple[str, str, Any]) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}.get(encoding, bytes)
    async with world(max_body=100_000) as w:
        status, answer = await w.post(path, pack(b" " * 100_001), content_encoding=encoding)
        assert status == 413
        assert json.loads(answer)[place[0]][place[1]] == place[2]
        status, _ = await w.post(path, pack(b" " * 100_000), content_encoding=encoding)
        assert status == 200
        assert len(w.got) == 1


async def test_a_chunked_body_beyond_the_limit() -> None:
    async def chunks() -> Any:
        for _ in range(20):
            yield b" " * 10_000

    async with world(max_body=100_000) as w, w.client.post(w.url + "/v1/messages", data=chunks()) as reply:
        assert reply.status == 413


async def test_sealed_bodies_are_left_alone() -> None:
    async with world(engine=stand_in()) as w:
        await w.post("/v1/messages", b'"LONG"', x_amz_content_sha256="abc")
        assert w.got[0].body == b'"LONG"'


async def test_time_is_limited_and_late_work_is_told_so() -> None:
    ended = threading.Event()

    def slow(body: bytes, *, expired: Any, **more: Any) -> bytes:
        while not expired():
            ended.wait(0.01)
        ended.set()
        return changing(body)

    async with world(engine=stand_in(slow), budget_ms=50) as w:
        status, _ = await w.post("/v1/messages", b'"LONG"')
        assert (status, w.got[0].body) == (200, b'"S"')
        assert ended.is_set()


async def test_who_never_ends_is_not_waited_for() -> None:
    stop, told = threading.Event(), threading.Event()

    def stuck(body: bytes, *, expired: Any, **more: Any) -> bytes:
        stop.wait(20)
        if expired():
            told.set()
        return changing(body)

    async with world(engine=stand_in(stuck), budget_ms=10) as w:
        status, _ = await w.post("/v1/messages", b'"LONG"')
        assert (status, w.got[0].body) == (200, b'"LONG"')
        stop.set()
        assert (await w.stats())["reasons"]["too_slow"] == 1
        await eventually(told.is_set)
        await eventually(lambda: cast("StandIn", w.engine.aligner).let_passed == [b'"LONG"'])


async def test_who_never_ends_holds_nobody_up() -> None:
    stop = threading.Event()

    def stuck(body: bytes, **more: Any) -> bytes:
        if b"STUCK" in body:
            stop.wait(60)
        return changing(body)

    async with world(engine=stand_in(stuck), budget_ms=10) as w:
        first = asyncio.create_task(w.post("/v1/messages", b'"STUCK"'))
        await eventually(lambda: len(cast("StandIn", w.engine.aligner).calls) == 1)
        await w.post("/v1/messages", b'"LONG"')
        await first
        assert sorted(got.body for got in w.got) == [b'"S"', b'"STUCK"']
        for _ in range(4):
            await w.post("/v1/messages", b'"STUCK"')
        await w.post("/v1/messages", b'"LONG"')
        assert w.got[-1].body == b'"LONG"'  # with so many threads stuck nothing is tried
        stop.set()
        await eventually(lambda: w.proxy._aligning._stuck == 0)
        await w.post("/v1/messages", b'"LONG"')
        assert w.got[-1].body == b'"S"'


async def test_a_client_that_goes_away_frees_the_thread() -> None:
    begun, told = threading.Event(), threading.Event()

    def slow(body: bytes, *, expired: Any, **more: Any) -> bytes:
        begun.set()
        try:
            while not expired():
                told.wait(0.01)
        except Abandoned:
            told.set()
            raise
        return body

    async with world(engine=stand_in(slow), budget_ms=10_000) as w:
        _, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
        await eventually(begun.is_set)
        writer.transport.abort()
        await eventually(told.is_set)
        assert w.got == []


async def test_control_headers() -> None:
    async with world(engine=stand_in(), level="balanced") as w:
        aligner: Any = w.engine.aligner
        await w.post("/v1/messages", b'"LONG"', x_headroom_bypass="true")
        await w.post("/v1/messages", b'"LONG"', x_headroom_level="none")
        assert [got.body for got in w.got] == [b'"LONG"'] * 2
        assert aligner.calls == []
        await w.post("/v1/messages", b'"LONG"', x_headroom_level="aggressive")
        await w.post("/v1/messages", b'"LONG"', x_headroom_level="extreme")
        assert [call["options"].level.value for call in aligner.calls] == ["aggressive", "balanced"]
        assert all(got.header(f"x-headroom-{name}") is None for got in w.got for name in ("bypass", "level"))
        await w.post("/v1/messages", b'"LONG"', x_headroom_project='?!"')
        assert w.got[-1].body == b'"LONG"'
        reasons = (await w.stats())["reasons"]
        assert (reasons["level_unknown"], reasons["project_unknown"], reasons["bypassed"]) == (1, 1, 1)


async def test_projects_have_their_own_stores() -> None:
    asked: list[str] = []
    engine = stand_in()

    def store_of(project: str) -> Any:
        asked.append(project)
        return project

    object.__setattr__(engine, "store_of", store_of)
    async with world(engine=engine, project="mine") as w:
        await w.post("/v1/messages", b"{}")
        await w.post("/v1/messages", b"{}", x_headroom_project="theirs")
        await w.post("/p/ours/v1/messages", b"{}")
        assert asked == ["mine", "theirs", "ours"]
        assert w.got[-1].target == "/v1/messages"


async def test_report_headers_only_where_asked_for() -> None:
    async with world() as w:
        for wanted in (False, True):
            headers = {"x-headroom-report": "true"} if wanted else {}
            async with w.client.post(w.url + "/v1/messages", data=anthropic_body(), headers=headers) as reply:
                found = {name for name in reply.headers if name.lower().startswith("x-headroom-")}
                assert found == ({"x-headroom-tokens-before", "x-headroom-tokens-after"} if wanted else set())


async def test_counting_is_of_what_would_be_sent_and_leaves_no_trace() -> None:
    async with world(engine=stand_in()) as w:
        aligner: Any = w.engine.aligner
        await w.post("/v1/messages/count_tokens", b'"LONG"')
        await w.post("/v1/messages", b'"LONG"')
        assert [got.body for got in w.got] == [b'"S"', b'"S"']
        assert [call["record"] for call in aligner.calls] == [False, True]


async def test_gemini_counts_a_wrapped_request() -> None:
    async with world(engine=stand_in()) as w:
        await w.post("/v1beta/models/g:countTokens", b'{"generateContentRequest": {"a":"LONG"}, "b":"LONG"}')
        assert w.got[0].body == b'{"generateContentRequest": {"a":"S"}, "b":"LONG"}'


async def test_batches_are_compressed_one_by_one() -> None:
    one, other = json.loads(anthropic_body()), json.loads(anthropic_body("short"))
    body = json.dumps(
        {"x": 1, "requests": [{"custom_id": "a", "params": one}, {"custom_id": "b", "params": other}], "y": 2}
    )
    async with world() as w:
        await w.post("/v1/messages/batches", body.encode())
        sent = json.loads(w.got[0].body)
        shortened = sent["requests"][0]["params"]["messages"][2]["content"][0]
        assert len(shortened["content"]) < len(LOG)
        shortened["content"] = LOG
        assert sent == json.loads(body)
        broken = b'{"requests":[{"custom_id":"a"}]}'
        await w.post("/v1/messages/batches", broken)
        assert w.got[1].body == broken


async def test_a_store_that_fails_leaves_the_text_alone() -> None:
    class Full:
        project = "default"

        def __getattr__(self, name: str) -> Any:
            from headroom.errors import StoreError

            def fail(*arguments: Any, **named: Any) -> Any:
                raise StoreError("disk full")

            return fail

    engine = real_engine(store_of=lambda project: Full())
    async with world(engine=engine) as w:
        status, _ = await w.post("/v1/messages", anthropic_body(), x_headroom_level="aggressive")
        assert (status, w.got[0].body) == (200, anthropic_body())


async def _refused(w: World, path: str) -> tuple[int, Any]:
    status, answer = await w.post(path, b"{}")
    return status, json.loads(answer)


async def test_an_upstream_that_is_not_there() -> None:
    async with raw_served(lambda reader, writer: asyncio.sleep(0)) as port:
        pass
    async with proxied(port) as w:
        status, answer = await _refused(w, "/v1/messages")
        assert (status, answer["type"], answer["error"]["type"]) == (502, "error", "api_error")
        assert f"127.0.0.1:{port}" in answer["error"]["message"]
        status, answer = await _refused(w, "/v1/responses")
        assert (status, answer["error"]["type"]) == (502, "server_error")
        status, answer = await _refused(w, "/v1beta/models/g:generateContent")
        assert (status, answer["error"]["code"], answer["error"]["status"]) == (502, 502, "UNAVAILABLE")
        assert (await w.stats())["reasons"]["upstream_unreachable"] == 3


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
)
async def test_an_upstream_that_answers_garbage(answer: bytes) -> None:
    asked = 0

    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"{}")
        writer.write(answer)
        writer.close()

    async with raw_served(garbage) as port, proxied(port) as w:
        status, _ = await _refused(w, "/v1/messages")
        assert (status, asked) == (502, 1)


async def test_connections_are_kept_and_those_that_the_upstream_closed_are_not_used() -> None:
    connections = 0

    async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(2):
            await reader.readuntil(b"{}")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async with raw_served(impatient) as port, proxied(port) as w:
        for _ in range(6):
            assert await w.post("/v1/messages", b"{}") == (200, b"{}")
            await asyncio.sleep(0.05)
        assert connections == 3


async def test_an_upstream_that_is_silent_for_longer_than_allowed() -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with world(silent, read_timeout=0.1) as w:
        status, answer = await _refused(w, "/v1/messages")
        assert (status, answer["error"]["type"]) == (504, "timeout_error")


async def test_redirects_are_the_clients_business() -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "http://169.254.169.254/latest"})

    async with world(elsewhere) as w, w.client.post(w.url + "/v1/messages", allow_redirects=False) as reply:
        assert (reply.status, reply.headers["Location"]) == (307, "http://169.254.169.254/latest")


async def test_many_at_once() -> None:
    body = anthropic_body()
    async with world() as w:
        answers = await asyncio.gather(*(w.post("/v1/messages", body, x_api_key=str(i)) for i in range(200)))
        assert {status for status, _ in answers} == {200}
        assert len(w.got) == 200
        assert len({got.body for got in w.got}) == 1


async def test_relayed_requests_stream_up() -> None:
    arrived = asyncio.Event()

    async def upload(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"first")
        arrived.set()
        await reader.readuntil(b"second")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        writer.close()

    async def parts() -> Any:
        yield b"first"
        await arrived.wait()
        yield b"second"

    async with (
        raw_served(upload) as port,
        proxied(port) as w,
        w.client.put(w.url + "/v1/files", data=parts()) as reply,
    ):
        assert (reply.status, await reply.read()) == (200, b"ok")


async def test_no_connection_but_to_the_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[Any] = []
    create = asyncio.get_running_loop().create_connection

    async def watched(*arguments: Any, **named: Any) -> Any:
        connected.append(named.get("sock").getpeername() if named.get("sock") else arguments[1:3])
        return await create(*arguments, **named)

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", watched)
    async with world(reply_ok) as w:
        await w.post("/v1/messages", anthropic_body())
        assert {port for _, port in connected} == {w.port, w.upstream_port}
