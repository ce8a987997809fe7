"""All four providers in one server on loopback: a scripted model behind each API, and a record of what came."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any

from aiohttp import web

from tests.agents.apis import Anthropic, Api, Chat, Gemini, Reply, Responses, Usage
from tests.agents.script import ASIDE, RETRIEVE, Heard, Script

APIS: Sequence[tuple[str, Api]] = (
    (r"/v1/messages", Anthropic()),
    (r"(?:/v1)?/chat/completions", Chat()),
    (r"(?:/v1)?/responses", Responses()),
    (r"/v1(?:beta)?/models/[^/:]+:(?:streamG|g)enerateContent", Gemini()),
)
UPSTREAMS = ("anthropic", "openai", "gemini", "chatgpt")
_HISTORY = ("messages", "input", "contents")


@dataclass(frozen=True)
class Got:
    """A request as it came, and for a model's turn what was understood and answered.

    `upstream` says which provider's address it came to, "" for one that came straight from the client.
    """

    upstream: str
    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    heard: Heard | None = None
    reply: Reply | None = None

    @cached_property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.raw)
        return found

    @property
    def history(self) -> list[Any]:
        """The conversation's elements, in any dialect, without the marks of where a prefix ends, which move on."""
        key = next(key for key in _HISTORY if key in self.body)
        return [_unmarked(element) for element in self.body[key]]

    @property
    def own_tools(self) -> list[Any]:
        """The definitions of tools that are the client's, each as it is written."""
        tools = [one for tool in self.body.get("tools", ()) for one in tool.get("functionDeclarations", [tool])]
        return [json.dumps(tool) for tool in tools if RETRIEVE not in json.dumps(tool)]


class Provider:
    """The server, in a thread of its own, so that clients may block."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.failures: list[str] = []
        self.script: Script = lambda heard: ASIDE
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def play(self, script: Script) -> None:
        """From now on this script, with an empty record."""
        self.script, self.got, self.failures = script, [], []

    @property
    def turns(self) -> list[Got]:
        """The requests of the conversation itself, without side requests."""
        assert not self.failures, self.failures
        return [got for got in self.got if got.reply is not None and got.reply.say is not ASIDE]

    @property
    def others(self) -> list[str]:
        """What else the client asked for."""
        return sorted({f"{got.upstream} {got.method} {got.path}" for got in self.got if got.reply is None})

    def __enter__(self) -> Provider:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.port = site.port
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        upstream, path = _addressed(request.path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        api = next((api for form, api in APIS if re.fullmatch(form, path)), None)
        if request.method != "POST" or api is None:
            self.got.append(Got(upstream, request.method, path, headers, raw))
            return _beside(path)
        try:
            body = json.loads(raw)
            heard = api.heard(body)
            reply = self._reply(heard, body.get("model", "gemini"), len(raw))
        except Exception as error:
            self.failures.append(f"{path}: {error!r}")
            return web.json_response({"error": {"type": "invalid_request_error", "message": repr(error)}}, status=400)
        self.got.append(Got(upstream, request.method, path, headers, raw, heard, reply))
        if not body.get("stream") and "streamGenerateContent" not in path:
            return web.json_response(api.whole(reply))
        return await _streamed(request, api, reply)

    def _reply(self, heard: Heard, model: str, size: int) -> Reply:
        say = self.script(heard)
        first = len(heard.done)
        calls = tuple((f"{first + n:04}", call.name, call.asked(heard)) for n, call in enumerate(say.calls))
        usage = Usage(input=size // 4, cached=size // 8, output=10 + len(say.calls))
        return Reply(say, calls, usage, model, f"{first:04}")


async def _streamed(request: web.Request, api: Api, reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    for event in api.events(reply):
        await response.write(event)
    await response.write_eof()
    return response


def _addressed(path: str) -> tuple[str, str]:
    found = re.fullmatch(r"/at-(\w+)(/.*|)", path)
    return (found[1], found[2] or "/") if found else ("", path)


def _beside(path: str) -> web.Response:
    """What clients ask besides: whether anyone is there, which models there are, how many tokens a text has."""
    if path.endswith("/models"):
        return web.json_response({"object": "list", "data": [], "models": []})
    if path.endswith(("count_tokens", ":countTokens")):
        return web.json_response({"input_tokens": 1000, "totalTokens": 1000})
    if path == "/":
        return web.Response()
    return web.json_response({"error": {"type": "not_found_error", "message": "not here"}}, status=404)


def _unmarked(element: Any) -> Any:
    if isinstance(element, dict):
        return {key: _unmarked(value) for key, value in element.items() if key != "cache_control"}
    if isinstance(element, list):
        return [_unmarked(value) for value in element]
    return element
