"""WebSocket: the client's handshake is made with the upstream first, then frames go both ways, as they came.

Pings, pongs and how a side closes go through like everything else. Where the upstream doesn't want the handshake, the
client gets what it answered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import aiohttp
from aiohttp import WSMsgType, web
from yarl import URL

from headroom.proxy.booking import client_of, record_of
from headroom.proxy.endpoints import Kind, Route
from headroom.proxy.engine import Shared
from headroom.proxy.errors import error_reply
from headroom.proxy.forward import Control, control_of
from headroom.proxy.frames import Frames
from headroom.proxy.headers import Headers, to_client, to_upstream
from headroom.proxy.relay import Relayed
from headroom.proxy.upstreams import Unreachable

_log = logging.getLogger("headroom.proxy")
_OWN_TO_A_CONNECTION = "sec-websocket-"
_WINDOW = 15  # bits; what permessage-deflate is offered with
_CLOSE_SECONDS = 2.0
_MOST_REFUSED = 1 << 20  # bytes of the body of a refusal
_SWITCHED, _CLIENT_GONE = 101, 499
_GOING_AWAY, _NORMAL = 1001, 1000
_PASSING = frozenset((WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG))
_UNSPEAKABLE = frozenset((1004, 1005, 1006, 1015))  # codes that stand for something else than a close frame

Text = Callable[[bytes], Awaitable[None]]


def _is_read(route: Route) -> bool:
    """Whether the frames hold requests, which may be worked on and cost what is to be counted."""
    return route.endpoint.kind is Kind.TURN and route.endpoint.dialect == "openai_responses"


class End(NamedTuple):
    """How one side ended: with a close frame, or, without a code, because its connection did."""

    by_client: bool
    code: int | None = None
    reason: bytes = b""


class Side(Protocol):
    """One of the two connections."""

    async def receive(self) -> aiohttp.WSMessage: ...

    async def send_frame(self, message: bytes, opcode: WSMsgType) -> None: ...

    async def close(self, *, code: int, message: bytes) -> bool: ...


@dataclass(slots=True)
class _Answer:
    """The upstream's answer to a handshake, which aiohttp shows to tracers only."""

    status: int = 0
    reason: str | None = None
    raw_headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""

    async def take(self, session: Any, context: Any, ended: aiohttp.TraceRequestEndParams) -> None:
        """Notes it, with its body where it is a refusal."""
        reply = ended.response
        self.status, self.reason, self.raw_headers = reply.status, reply.reason, reply.raw_headers
        while self.status != _SWITCHED and len(self.body) < _MOST_REFUSED and (more := await reply.content.readany()):
            self.body += more

    def headers(self) -> Headers:
        """Its headers for the client, without those that belong to the connection."""
        return [pair for pair in to_client(self.raw_headers) if not pair[0].lower().startswith(_OWN_TO_A_CONNECTION)]


async def bridge(request: web.Request, route: Route, shared: Shared, leaving: asyncio.Event) -> web.StreamResponse:
    """A client's socket, from its handshake to its end. It ends as soon as it is idle when `leaving` is set."""
    control = control_of(request.headers, route, shared.settings)
    answer, started = _Answer(), time.perf_counter()
    status = _CLIENT_GONE
    try:
        async with _dialled(request, route, shared, answer) as upstream:
            status = _SWITCHED
            return await _Bridge(request, route, shared, control, leaving).run(upstream, answer)
    except Unreachable as error:
        _log.warning("%s", error)
        status = 504 if error.timed_out else 502
        return error_reply(route.endpoint.provider, status, str(error))
    except aiohttp.WSServerHandshakeError:
        status = answer.status
        return await _refused(request, answer)
    finally:
        if status != _SWITCHED or not _is_read(route):
            _book(request, route, shared, control, status, time.perf_counter() - started)


@asynccontextmanager
async def _dialled(
    request: web.Request, route: Route, shared: Shared, answer: _Answer
) -> AsyncIterator[aiohttp.ClientWebSocketResponse[Any]]:
    """The upstream's side of a socket. Raises Unreachable, and WSServerHandshakeError where there is an `answer`."""
    pool, offered = shared.connections.session, request.headers
    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(answer.take)
    passing = to_upstream(request.raw_headers, None)
    session = aiohttp.ClientSession(  # with the connections of the pool, but its own tracer
        connector=pool.connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=pool.timeout,
        auto_decompress=False,
        skip_auto_headers=pool.skip_auto_headers,
        trace_configs=[trace],
    )
    async with session:
        try:
            socket: aiohttp.ClientWebSocketResponse[Any] = await session.ws_connect(
                URL(route.url, encoded=True),
                headers=[pair for pair in passing if not pair[0].lower().startswith(_OWN_TO_A_CONNECTION)],
                protocols=_protocols(offered.get("Sec-WebSocket-Protocol", "")),
                compress=_WINDOW if "permessage-deflate" in offered.get("Sec-WebSocket-Extensions", "") else 0,
                proxy=shared.connections.proxy(route.upstream),
                max_msg_size=shared.settings.max_body,
                autoclose=False,
                autoping=False,
                decode_text=False,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
            )
        except aiohttp.WSServerHandshakeError as error:
            if answer.status == _SWITCHED:
                raise Unreachable(route.upstream, ValueError(error.message)) from error
            raise
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:
            raise Unreachable(route.upstream, error) from error
        try:
            yield socket
        finally:
            await _closed(socket, End(True, _GOING_AWAY))


class _Bridge:
    """Two sides of a socket, and what passes between them."""

    def __init__(
        self, request: web.Request, route: Route, shared: Shared, control: Control, leaving: asyncio.Event
    ) -> None:
        self._request, self._leaving = request, leaving
        self._args = shared, route, control, client_of(request.headers)
        self._is_read = _is_read(route)
        self._frames: Frames | None = None

    async def run(self, upstream: aiohttp.ClientWebSocketResponse[Any], answer: _Answer) -> web.StreamResponse:
        """Until one side ends, which ends the other."""
        client: web.WebSocketResponse[Any] = web.WebSocketResponse(
            protocols=(upstream.protocol,) if upstream.protocol else (),
            compress=False,
            max_msg_size=self._args[0].settings.max_body,
            autoclose=False,
            autoping=False,
            decode_text=False,
            timeout=_CLOSE_SECONDS,
        )
        client.headers.extend(answer.headers())
        await client.prepare(self._request)
        if self._is_read:
            self._frames = Frames(*self._args, _texts_to(client), _texts_to(upstream))
        by_client = True
        try:
            end = await self._pumped(client, upstream)
            by_client = end.by_client
        except asyncio.CancelledError:
            await asyncio.gather(_closed(client, End(False, _GOING_AWAY)), _closed(upstream, End(True, _GOING_AWAY)))
            raise
        finally:
            if self._frames:
                self._frames.close(by_client)
        if end.code is None and not end.by_client and self._request.transport is not None:
            self._request.transport.close()  # what came is flushed, and then the client sees what we saw
        await asyncio.gather(_closed(client, end), _closed(upstream, end))
        return client

    async def _pumped(self, client: Side, upstream: Side) -> End:
        """How the socket ended, with all that came before passed on."""
        frames = self._frames
        pumps = (
            asyncio.create_task(_pump(client, upstream, frames.from_client if frames else None, True)),
            asyncio.create_task(_pump(upstream, client, frames.from_upstream if frames else None, False)),
            asyncio.create_task(self._left_alone()),
        )
        try:
            ended, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        return next(pump for pump in pumps if pump in ended).result()

    async def _left_alone(self) -> End:
        """Until the process wants to end and no reply is under way."""
        await self._leaving.wait()
        if self._frames is not None:
            await self._frames.idle.wait()
        return End(False, _GOING_AWAY)


async def _pump(source: Side, target: Side, text: Text | None, by_client: bool) -> End:
    """Passes what comes from one side on to the other, no faster than it takes it; says how the first has ended."""
    text = text or _texts_to(target)
    while True:
        message = await source.receive()
        kind = message.type
        if kind is WSMsgType.CLOSE:
            return End(by_client, message.data, (message.extra or "").encode())
        if kind is WSMsgType.ERROR:
            return End(by_client, getattr(message.data, "code", None))
        if kind not in _PASSING:
            return End(by_client)
        try:
            await (text(message.data) if kind is WSMsgType.TEXT else target.send_frame(bytes(message.data), kind))
        except (ConnectionError, aiohttp.ClientError):
            return End(not by_client)


def _texts_to(side: Side) -> Text:
    async def send(frame: bytes) -> None:
        await side.send_frame(frame, WSMsgType.TEXT)

    return send


async def _closed(side: Side, end: End) -> None:
    """Closes one side as the other has ended; one that has gone already is closed."""
    code = end.code or _NORMAL if end.code is not None else _GOING_AWAY
    if code in _UNSPEAKABLE or not _NORMAL <= code < 5000:
        code, end = _NORMAL, End(end.by_client)
    with suppress(ConnectionError, aiohttp.ClientError, RuntimeError):
        await side.close(code=code, message=end.reason)


def _protocols(header: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in header.split(",") if name.strip())


async def _refused(request: web.Request, answer: _Answer) -> web.StreamResponse:
    """The upstream's answer to a handshake that it doesn't want."""
    reply = Relayed(answer.status, answer.reason, answer.headers())
    reply.content_length = len(answer.body)
    await reply.prepare(request)
    await reply.write_eof(answer.body)
    return reply


def _book(request: web.Request, route: Route, shared: Shared, control: Control, status: int, seconds: float) -> None:
    reasons, client = ("websocket", *control.reasons), client_of(request.headers)
    shared.book(record_of(route, control.project, client, status, ms_first_byte=seconds * 1e3, reasons=reasons))
