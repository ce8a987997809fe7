"""One process of the proxy: what its requests share, and how it starts, reloads and stops."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from headroom.proxy.admin import LIVENESS, Admin
from headroom.proxy.aligning import Aligning
from headroom.proxy.booking import client_of, record_of
from headroom.proxy.endpoints import Endpoints, Route
from headroom.proxy.engine import Engine, Shared
from headroom.proxy.errors import error_reply
from headroom.proxy.forward import Forwarder, control_of
from headroom.proxy.guard import Guard, Refused
from headroom.proxy.page import is_page
from headroom.proxy.relay import Relayed
from headroom.proxy.settings import Settings
from headroom.proxy.upstreams import Connections
from headroom.proxy.websocket import bridge

_log = logging.getLogger("headroom.proxy")
_MOST_HEADER_BYTES = 1 << 16
_READ_BUFFER = 1 << 18
_KEEP_ALIVE_SECONDS = 120.0


class Proxy:
    """Answers requests under its settings. Lives in one event loop."""

    def __init__(self, settings: Settings, engine: Engine, own_token: str) -> None:
        self._engine, self._own_token = engine, own_token
        self._open: list[Connections] = []
        self._leaving = asyncio.Event()
        self._aligning = Aligning(engine.aligner, settings.max_body)
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Works by these settings from the next request on; requests under way end by the old ones."""
        self._endpoints = Endpoints(settings)
        self._guard = Guard(settings, self._own_token)
        connections = Connections(settings, self._endpoints.upstreams)
        self._open.append(connections)
        engine, aligning = self._engine, self._aligning
        aligning.limit, aligning.holdout = settings.max_body, settings.holdout
        aligning.order = engine.tool_order if settings.align else None
        aligning.prompt = engine.steady_prompt if settings.align else None
        aligning.trial = engine.trial if settings.dry_run else None
        self._most = settings.daily_budget_tokens
        self._shared = Shared(settings, engine, aligning, connections)
        self._admin = Admin(self._shared)
        self._forwarder = Forwarder(self._shared)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The reply to any request."""
        target = request.raw_path
        path = target.partition("?")[0]
        own, route = self._admin.is_own(path), None
        try:
            if not target.startswith("/"):
                raise Refused(400, "this is no forward proxy; send requests for paths")
            self._guard.check_sender(request.headers)
            if own:
                if path not in LIVENESS and not is_page(path):
                    self._guard.check_owner(request.headers)
                return await self._admin.answer(request, path)
            method = "POST" if _is_websocket(request) else request.method  # requests come in its frames
            route = self._endpoints.route(method, target, request.headers)
            self._guard.check_client(request.headers)
        except Refused as refused:
            _log.warning("refused a request for %s: %s", path[:100], refused)
            provider = self._endpoints.provider(request.method, target, request.headers) if not own else None
            return error_reply(provider, refused.status, str(refused))
        if self._most and (refusal := await self._over_budget(request, route)) is not None:
            return refusal
        if _is_websocket(request):
            return await bridge(request, route, self._shared, self._leaving)
        return await self._forwarder.forward(request, route)

    async def _over_budget(self, request: web.Request, route: Route) -> web.Response | None:
        """The answer where the request's project has used up its day's budget."""
        project = control_of(request.headers, route, self._shared.settings).project
        budgets = self._engine.budgets
        refusal = await budgets.refusal(route.endpoint, project, self._most)
        if refusal is None:
            return None
        reply = error_reply(route.endpoint.provider, 429, refusal)
        # The second one is what the providers' own clients heed; without it they would try again and again.
        reply.headers.update({"Retry-After": str(budgets.seconds_left()), "x-should-retry": "false"})
        client = client_of(request.headers)
        self._shared.book(record_of(route, project, client, reply.status, reasons=("over_budget",)))
        return reply

    def drain(self) -> None:
        """Says that no further requests should come."""
        self._admin.draining = True
        self._leaving.set()

    async def close(self) -> None:
        """Gives everything back."""
        for connections in self._open:
            await connections.close()
        self._aligning.close()
        self._engine.budgets.close()
        await asyncio.to_thread(self._engine.ledger.close)


def _is_websocket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


async def only_theirs(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Takes away the headers that aiohttp adds to a relayed reply."""
    if isinstance(response, Relayed):
        for name in ("Content-Type", "Date", "Server"):
            if name.lower() not in response.passed:
                response.headers.pop(name, None)
    else:
        response.headers.pop("Server", None)


def application(proxy: Proxy) -> web.Application:
    """The proxy as an aiohttp application."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", proxy.answer)
    app.on_response_prepare.append(only_theirs)

    async def leave(app: web.Application) -> None:
        proxy.drain()

    async def close(app: web.Application) -> None:
        await proxy.close()

    app.on_shutdown.append(leave)
    app.on_cleanup.append(close)
    return app


def runner_of(proxy: Proxy, settings: Settings) -> web.AppRunner:
    """What serves the application. A client that goes away ends the work on its request."""
    return web.AppRunner(
        application(proxy),
        access_log=None,
        handler_cancellation=True,
        auto_decompress=False,
        shutdown_timeout=settings.drain_timeout,
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
        max_line_size=_MOST_HEADER_BYTES,
        max_field_size=_MOST_HEADER_BYTES,
        read_bufsize=_READ_BUFFER,
    )


async def serve(
    settings: Settings,
    listening: socket.socket,
    engine: Engine,
    own_token: str,
    reload: Callable[[], Settings | None],
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serves until SIGTERM or SIGINT, then lets replies end; SIGHUP asks `reload` for other settings."""
    proxy = Proxy(settings, engine, own_token)
    runner = runner_of(proxy, settings)
    stop = asyncio.Event()

    def hang_up() -> None:
        if (fresh := reload()) is not None:
            proxy.use(fresh)
            _log.warning("settings read again")

    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows has no such signals; Ctrl-C comes as KeyboardInterrupt there
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        loop.add_signal_handler(signal.SIGHUP, hang_up)
    await runner.setup()
    await web.SockSite(runner, listening, backlog=1024).start()
    gc.collect()
    gc.freeze()  # what is loaded by now stays: no need to look through it again and again
    ready()
    try:
        await stop.wait()
    finally:
        proxy.drain()
        await runner.cleanup()
