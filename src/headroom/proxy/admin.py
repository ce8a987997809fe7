"""What the proxy answers itself: whether it lives, what it did; compressing and retrieving for gateways."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from aiohttp import web

import headroom
from headroom.api import CompressResult, compress
from headroom.ccr.retrieve import Retrieved, retrieve
from headroom.errors import HeadroomError, InputError, NotFound
from headroom.marker import RETRIEVE_TOOL
from headroom.model import Level
from headroom.options import Options
from headroom.proxy.bodies import TooLarge, Undecodable, decoded, read_body
from headroom.proxy.engine import Shared
from headroom.proxy.errors import error_reply
from headroom.proxy.figures import ROOT, Figures
from headroom.proxy.metrics import CONTENT_TYPE, exposition
from headroom.proxy.page import is_page, page
from headroom.proxy.settings import is_project
from headroom.rules import lossless

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

LIVENESS = frozenset(("/livez", "/readyz", "/health"))
_RETRIEVE = "/v1/retrieve"
_SELECTORS = ("lines", "rows", "path", "query", "limit")


class Admin:
    """The proxy's own routes; all but liveness are for who has the token."""

    def __init__(self, shared: Shared) -> None:
        self._settings, self._aligning = shared.settings, shared.aligning
        self._store_of, self._switch = shared.engine.store_of, shared.engine.switch
        self._budgets, self._reading = shared.engine.budgets, shared.engine.reading
        self._figures = Figures(shared.engine)
        self._began = time.monotonic()
        self.draining = False
        self._answers: Mapping[str, Mapping[str, Answer]] = {
            "/livez": {"GET": self._live},
            "/readyz": {"GET": self._ready},
            "/health": {"GET": self._ready},
            "/pause": {"POST": partial(self._pause, True)},
            "/resume": {"POST": partial(self._pause, False)},
            ROOT: {"GET": self._stats},
            "/metrics": {"GET": self._metrics},
            "/v1/compress": {"POST": self._compress},
            _RETRIEVE: {"POST": self._retrieve},
        }

    def is_own(self, path: str) -> bool:
        """Whether a path is ours to answer."""
        return path in self._answers or path.startswith((_RETRIEVE + "/", ROOT + "/")) or is_page(path)

    async def answer(self, request: web.Request, path: str) -> web.StreamResponse:
        """The answer to a request that has passed the guard."""
        answers = self._answers.get(path) or self._below(path)
        method = "GET" if request.method == "HEAD" else request.method
        if method not in answers:
            return error_reply(None, 405, f"{path} takes {' or '.join(answers)}")
        try:
            return await answers[method](request)
        except NotFound as error:
            return error_reply(None, 404, str(error))
        except InputError as error:
            return error_reply(None, 400, str(error))
        except HeadroomError as error:
            return error_reply(None, 503, str(error))
        except TooLarge:
            return error_reply(None, 413, f"the body has more than {self._settings.max_body} bytes")

    def _below(self, path: str) -> Mapping[str, Answer]:
        """The answers under paths that have something of the question in them."""
        if is_page(path):
            return {"GET": self._page}
        if path.startswith(ROOT + "/"):
            return {"GET": partial(self._figure, path[len(ROOT) :])}
        return {"GET": partial(self._retrieve_one, path[len(_RETRIEVE) + 1 :])}

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return page(request.path)

    async def _figure(self, path: str, request: web.Request) -> web.StreamResponse:
        return await self._unless_known(request, partial(self._figures.tell, path, request.query))

    async def _unless_known(
        self, request: web.Request, tell: Callable[[], Awaitable[dict[str, Any]]]
    ) -> web.StreamResponse:
        """What there is to tell, unless the caller has it: who asks every few seconds costs next to nothing."""
        tag = f'W/"{await self._figures.edition()}"'
        headers = {"ETag": tag, "Cache-Control": "no-store"}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return _json(await tell(), headers=headers)

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        body = await asyncio.to_thread(exposition, self._reading, self._switch.paused)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def _pause(self, wanted: bool, request: web.Request) -> web.StreamResponse:
        self._switch.pause(wanted)
        return _json({"paused": self._switch.paused})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        return _json({"status": "alive"})

    async def _ready(self, request: web.Request) -> web.StreamResponse:
        if self.draining:
            return _json({"status": "stopping"}, status=503)
        return _json({"status": "ready", "version": headroom.__version__})

    async def _stats(self, request: web.Request) -> web.StreamResponse:
        return await self._unless_known(request, partial(self._summary, request))

    async def _summary(self, request: web.Request) -> dict[str, Any]:
        most = self._settings.daily_budget_tokens
        budget = {"budget": await self._budgets.report(most)} if most else {}
        own = {
            "version": headroom.__version__,
            "uptime_s": round(time.monotonic() - self._began, 1),
            "paused": self._switch.paused,
        }
        return {**own, **await self._figures.tell("", request.query), **budget}

    async def _compress(self, request: web.Request) -> web.StreamResponse:
        """What LLM gateways ask for: messages in, messages out, both in the same shape."""
        body = await self._object(request)
        messages = body.get("messages", body.get("input"))
        if not isinstance(messages, list):
            raise InputError("`messages` must be a list")
        bypassed = request.headers.get("x-headroom-bypass", "").lower() == "true"
        if bypassed or self._settings.dry_run or not self._settings.shortens:
            return _json(_compressed(CompressResult(messages)))
        store = self._store_of(self._project(request))
        result = await self._aligning.run(partial(compress, messages, store=store, **self._wanted(body)))
        return _json(await self._aligning.run(_compressed, result))

    def _wanted(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The options for compressing, with the tools' own levels as far as the caller's permits them."""
        level, tools = Options.of(level=self._level(body)).level, self._settings.tools
        tools = lossless(tools) if level is Level.LOSSLESS else tools
        return {"level": level, "tools": tools, "strategies": self._settings.strategies}

    def _level(self, body: Mapping[str, Any]) -> Level | str:
        """Lossless unless the caller says that the model will be able to ask for what is left out."""
        config = body.get("config")
        config = config if isinstance(config, dict) else {}
        wanted = body.get("level", config.get("level"))
        if wanted is not None:
            return str(wanted)
        retrievable = config.get("mode") == "ccr" or RETRIEVE_TOOL in json.dumps(body.get("tools"))
        return self._settings.level if retrievable and self._settings.level else Level.LOSSLESS

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        body = await self._object(request)
        id = body.get("id", body.get("hash"))
        if not isinstance(id, str):
            raise InputError("`id` must be a string")
        return await self._part(request, id, {name: body[name] for name in _SELECTORS if body.get(name) is not None})

    async def _retrieve_one(self, id: str, request: web.Request) -> web.StreamResponse:
        given: dict[str, Any] = {name: request.query[name] for name in _SELECTORS if request.query.get(name)}
        return await self._part(request, id, given)

    async def _part(self, request: web.Request, id: str, selectors: dict[str, Any]) -> web.StreamResponse:
        if "limit" in selectors:
            selectors["limit"] = _number(selectors["limit"])
        store = self._store_of(self._project(request))
        part: Retrieved = await self._aligning.run(partial(retrieve, store, id, **selectors))
        return _json({**asdict(part), "original_content": part.text})

    def _project(self, request: web.Request) -> str:
        project = request.headers.get("x-headroom-project") or self._settings.project
        if not is_project(project):
            raise InputError("x-headroom-project can't be the name of a project")
        return project

    async def _object(self, request: web.Request) -> dict[str, Any]:
        limit = self._settings.max_body
        raw = await read_body(request, limit)
        try:
            plain = decoded(raw, request.headers.get("Content-Encoding", ""), limit)
            body = await self._aligning.run(json.loads, plain)
        except (Undecodable, ValueError, RecursionError) as error:
            raise InputError(f"the body isn't readable JSON: {error}") from error
        if not isinstance(body, dict):
            raise InputError("the body must be a JSON object")
        return body


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise InputError(f"`limit` must be a number, not {value!r}") from None


def _compressed(result: CompressResult) -> dict[str, Any]:
    """What gateways expect to get back."""
    changed = [block for block in result.blocks if block.id is not None]
    return {
        "messages": result.messages,
        "tokens_before": result.tokens_before,
        "tokens_after": result.tokens_after,
        "tokens_saved": result.tokens_saved,
        "compression_ratio": round(result.ratio, 4),
        "transforms_applied": sorted({block.compressor for block in changed}),
        "ccr_hashes": list(dict.fromkeys(block.id for block in changed if not block.lossless)),
    }


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    body = json.dumps(value, ensure_ascii=True).encode()
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)
