"""Real parties on loopback: an upstream that does what a test says, the proxy, and a client that sends raw bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web

from headroom.cache_aligner import CacheAligner
from headroom.ccr.memory import MemoryStore
from headroom.ccr.pins import MemoryPins
from headroom.plugins import dialects, replies
from headroom.prefixes import Prefixes
from headroom.proxy.app import Proxy, runner_of
from headroom.proxy.engine import Engine
from headroom.proxy.settings import Settings

TOKEN = "the-token-of-this-installation"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOG = "".join(
    f"2026-03-01T10:{i // 60:02}:{i % 60:02}Z INFO worker-{i % 4} handled request {i} in {i % 7} ms\n"
    for i in range(400)
)


def anthropic_body(result: str = LOG, **more: Any) -> bytes:
    """The second request of a conversation, with a tool's result to be shortened."""
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "cat worker.log"}}
    answer = {"type": "tool_result", "tool_use_id": "t1", "content": result}
    messages = [
        {"role": "user", "content": "why is it slow"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [answer]},
    ]
    return json.dumps({"model": "m", "max_tokens": 9, **more, "messages": messages}).encode()


ANTHROPIC_REPLY = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "ok"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 7, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3, "output_tokens": 2},
}


@dataclass(slots=True)
class Got:
    """A request as the upstream saw it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class World:
    """The proxy and its upstream, running."""

    proxy: Proxy
    settings: Settings
    port: int
    upstream_port: int
    client: aiohttp.ClientSession
    engine: Engine
    got: list[Got] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def post(self, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
        given = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        async with self.client.post(self.url + path, data=body, headers=given) as reply:
            return reply.status, await reply.read()

    async def stats(self) -> dict[str, Any]:
        async with self.client.get(self.url + "/stats", headers={"x-headroom-token": TOKEN}) as reply:
            found: dict[str, Any] = await reply.json()
            return found

    async def told(self, path: str) -> Any:
        """What stands under a path below /stats."""
        async with self.client.get(f"{self.url}/stats/{path}", headers={"x-headroom-token": TOKEN}) as reply:
            return await reply.json()

    async def lines(self) -> list[dict[str, Any]]:
        """What the books say of each request, the newest first."""
        found: list[dict[str, Any]] = (await self.told("requests"))["requests"]
        return found

    async def line(self) -> dict[str, Any]:
        """What they say of the newest one."""
        return (await self.lines())[0]

    def booked(self) -> int:
        """How many requests are in the books."""
        return int(self.engine.reading.summary()["requests"])

    async def raw(self, data: bytes) -> bytes:
        """What comes back to these bytes until the connection ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await writer.drain()
        answer = b""
        with suppress(ConnectionError):
            answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return answer


async def reply_ok(request: web.Request) -> web.StreamResponse:
    return web.json_response(ANTHROPIC_REPLY)


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[int]:
    """An aiohttp upstream on a free port."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site.port
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_served(
    handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """An upstream that speaks in bytes."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def proxied(port: int, engine: Engine | None = None, **settings: Any) -> AsyncIterator[World]:
    """The proxy in front of an upstream that stands in for all providers."""
    url = f"http://127.0.0.1:{port}"
    urls = dict.fromkeys(("anthropic_url", "openai_url", "gemini_url", "chatgpt_url"), url)
    chosen = Settings.of(**{**urls, "drain_timeout": 0.5, **settings})
    engine = engine or real_engine()
    proxy = Proxy(chosen, engine, TOKEN)
    runner = runner_of(proxy, chosen)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=30)) as client:
        try:
            yield World(proxy, chosen, site.port, port, client, engine)
        finally:
            await runner.cleanup()


@asynccontextmanager
async def world(handler: Handler = reply_ok, engine: Engine | None = None, **settings: Any) -> AsyncIterator[World]:
    """Both, with a record of what came upstream."""
    got: list[Got] = []

    async def recording(request: web.Request) -> web.StreamResponse:
        raw = [(name.decode(), value.decode()) for name, value in request.raw_headers]
        got.append(Got(request.method, request.raw_path, raw, await request.read()))
        return await handler(request)

    async with served(recording) as port, proxied(port, engine, **settings) as parties:
        parties.got = got
        yield parties


def real_engine(**more: Any) -> Engine:
    """An engine of its own, in memory."""
    store = MemoryStore()
    pins = MemoryPins()
    engine = Engine(CacheAligner(pins), lambda project: store, dialects(), replies(), prefixes=Prefixes(pins))
    return replace(engine, **more)


def left_out(figures: Mapping[str, Any]) -> int:
    """By how many tokens new texts have become shorter, of a line or of all of them together."""
    texts = figures if "tokens_before" in figures else figures["texts"]
    return int(texts["tokens_before"] - texts["tokens_after"])


async def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Waits until something is so."""
    for _ in range(int(seconds * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to be")
