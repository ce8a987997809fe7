"""A request's way: read, aligned, sent on, its reply relayed. What goes wrong here leaves it as the client sent it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import aiohttp
from aiohttp import web

from headroom.interfaces import ReplyFormat
from headroom.model import Level
from headroom.proxy.aligning import Done, Work
from headroom.proxy.answering import Books, Reply, answered, asking
from headroom.proxy.bodies import TooLarge, read_body
from headroom.proxy.booking import Facts, as_it_came, client_of, held_json, record_of
from headroom.proxy.endpoints import Kind, Route
from headroom.proxy.engine import Shared
from headroom.proxy.errors import error_reply
from headroom.proxy.headers import Headers, sealed, to_client, to_upstream
from headroom.proxy.relay import (
    READABLE,
    BrokenOff,
    Observer,
    Relayed,
    Seen,
    Unwatched,
    Watcher,
    break_off,
    is_event_stream,
    relay,
)
from headroom.proxy.retrieval import Retrieval
from headroom.proxy.settings import Settings, is_project
from headroom.proxy.upstreams import Unreachable, chunks
from headroom.rules import ToolLevels, lossless

_log = logging.getLogger("headroom.proxy")
# What a provider answers to a request that it can't make sense of, which may be our doing.
_REFUSED_AS_CHANGED = frozenset((400, 413, 422))
_CLIENT_GONE = 499


@dataclass(frozen=True, slots=True)
class Control:
    """What a client's `x-headroom-*` headers ask for; codes of those that say nothing known."""

    level: Level | None
    project: str
    bypass: bool = False
    report: bool = False
    ignored: tuple[str, ...] = ()
    tools: ToolLevels = ()

    @property
    def untouched(self) -> bool:
        """Whether nothing is to be changed."""
        return self.bypass or (self.level is None and not any(level for _, level in self.tools))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes for the books: what was ignored, or that nothing is looked at."""
        return self.ignored or (("bypassed",) if self.bypass else ())


def control_of(headers: Mapping[str, str], route: Route, settings: Settings) -> Control:
    """What is wanted for this request: by its headers, its path, the settings, in this order."""
    level, tools, ignored = settings.level, settings.tools, []
    wanted = headers.get("x-headroom-level")
    if wanted is not None:
        try:
            level = None if wanted.strip().lower() == "none" else Level(wanted.strip().lower())
        except ValueError:
            ignored.append("level_unknown")
        if level is None or level is Level.LOSSLESS:  # what a client asks for is not exceeded for a tool either
            tools = lossless(tools) if level else ()
    project = headers.get("x-headroom-project") or route.project or settings.project
    bypass = _is_true(headers.get("x-headroom-bypass"))
    if not is_project(project):  # nobody's originals: better kept nowhere than with somebody else's
        ignored.append("project_unknown")
        project, bypass = settings.project, True
    return Control(level, project, bypass, _is_true(headers.get("x-headroom-report")), tuple(ignored), tools)


def _is_true(value: str | None) -> bool:
    return value is not None and value.strip().lower() in ("true", "1", "yes")


@dataclass(slots=True)
class _Timing:
    """When a request had arrived, was ready to go on, and when its reply began."""

    arrived: float
    ready: float = 0.0
    answered: float = 0.0

    def ms(self, until: float) -> float:
        return max(0.0, (until - self.arrived) * 1e3) if until else 0.0


class Forwarder:
    """Forwards requests to upstreams."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def forward(self, request: web.Request, route: Route) -> web.StreamResponse:
        """The reply to a request, relayed to its client already."""
        control = control_of(request.headers, route, self._shared.settings)
        untouched = control.untouched or route.endpoint.kind is Kind.RELAY or sealed(request.raw_headers)
        return await _Journey(self._shared, request, route, control).run(untouched)


class _Journey:
    """One request on its way."""

    def __init__(self, shared: Shared, request: web.Request, route: Route, control: Control) -> None:
        self._shared, self._engine = shared, shared.engine
        self._request, self._route, self._control = request, route, control
        self._seen = Seen()
        self._timing = _Timing(time.perf_counter())
        self._reasons = list(control.reasons)
        self._done = Done(b"", b"")
        self._bytes_in = self._bytes_passed = 0
        self._status = _CLIENT_GONE

    async def run(self, untouched: bool) -> web.StreamResponse:
        """All of it, with an entry in the ledger however it ends."""
        try:
            return await (self._untouched() if untouched else self._aligned())
        except (asyncio.CancelledError, ConnectionError):
            self._reasons.append("client_gone")
            raise
        finally:
            self._book()

    async def _untouched(self) -> web.StreamResponse:
        """Nothing is looked at: both ways as it comes."""
        request = self._request
        headers = to_upstream(request.raw_headers, None)
        copy = bytearray() if self._is_remembered() else None
        body = self._passing(copy) if request.body_exists else None
        self._timing.ready = self._timing.arrived
        try:
            reply = await self._shared.connections.send(
                self._route.upstream, request.method, self._route.url, headers, body
            )
        except Unreachable as error:
            return self._unreachable(error)
        if reply.status < 300 and copy is not None and len(copy) <= self._shared.settings.max_body:
            self._shared.aligning.let_pass(self._work(bytes(copy)))
        return await self._relayed(reply)

    async def _passing(self, copy: bytearray | None) -> AsyncIterator[bytes]:
        """The body as it comes, counted on the way."""
        async for chunk in self._request.content.iter_any():
            self._bytes_passed += len(chunk)
            if copy is not None:
                copy += chunk
            yield chunk

    def _is_remembered(self) -> bool:
        """Whether others of its conversation may be worked on: they must leave alone what the provider now has."""
        is_turn = self._route.endpoint.kind is Kind.TURN
        return is_turn and self._shared.settings.shortens and not sealed(self._request.raw_headers)

    async def _aligned(self) -> web.StreamResponse:
        """Read, aligned, sent on; sent again as it came where the provider refuses what we made of it."""
        try:
            body = await read_body(self._request, self._shared.settings.max_body)
            self._bytes_in = len(body)
            self._timing.arrived = time.perf_counter()
            self._done = await self._ready(body)
        except TooLarge:
            return self._own_error(413, f"the body has more than {self._shared.settings.max_body} bytes")
        self._reasons += self._done.reasons
        self._timing.ready = time.perf_counter()
        try:
            reply = await self._send(self._done.body)
            if self._done.changed and reply.status in _REFUSED_AS_CHANGED:
                reply = await self._as_it_came(reply, body)
        except Unreachable as error:
            return self._unreachable(error)
        return await self._relayed(reply)

    async def _ready(self, body: bytes) -> Done:
        """The request as it goes upstream. Raises TooLarge."""
        budget = self._shared.settings.budget_ms
        if self._engine.switch.paused:  # what was sent shortened goes on as it was sent; nothing new is
            budget = 0
            self._reasons.append("paused")
        try:
            return await self._shared.aligning.done(self._work(body), budget / 1e3)
        except TooLarge:
            raise
        except Exception:
            _log.exception("a request passes unread")
            return Done(body, body, reasons=("failed",))

    def _work(self, body: bytes) -> Work:
        endpoint, control, engine = self._route.endpoint, self._control, self._engine
        unanswerable = ":streamGenerateContent" in self._route.url and "alt=sse" not in self._route.url
        offer = self._shared.offers and endpoint.dialect in engine.replies and not unanswerable
        return Work(
            body,
            self._request.headers.get("Content-Encoding", ""),
            endpoint.kind,
            engine.dialects[endpoint.dialect],
            self._shared.options(control.level, control.tools),
            engine.store_of(control.project),
            offer,
        )

    async def _send(self, body: bytes, *, plain: bool | None = None) -> aiohttp.ClientResponse:
        """Sends a body with the client's headers; `plain` says that it has no content encoding any more."""
        plain = self._done.changed if plain is None else plain
        headers = to_upstream(self._request.raw_headers, len(body), plain=plain)
        return await self._shared.connections.send(
            self._route.upstream, self._request.method, self._route.url, headers, body
        )

    async def _as_it_came(self, reply: aiohttp.ClientResponse, body: bytes) -> aiohttp.ClientResponse:
        """The reply to the client's own bytes, after one that may be about what we made of them."""
        _log.warning(
            "%s refused a changed request (%d): sent again as it came", self._route.upstream.host, reply.status
        )
        self._reasons.append("retried_as_it_came")
        changed = self._done
        came = await self._shared.aligning.as_it_came(self._work(body))
        try:
            again = await self._send(came.body, plain=came.changed)
        except Unreachable as error:  # then the refusal is all there is to say
            _log.warning("%s", error)
            return reply
        reply.close()
        facts = as_it_came(changed.facts)
        self._done = replace(changed, body=came.body, changed=came.changed, channel="", facts=facts)
        if again.status < 300 and self._route.endpoint.kind is Kind.TURN:
            await self._shared.aligning.leave_alone(changed)
        return again

    async def _relayed(self, reply: aiohttp.ClientResponse) -> web.StreamResponse:
        """The reply on its way to the client, to its end."""
        self._status = reply.status
        format = self._engine.replies.get(self._route.endpoint.dialect)
        coming: AsyncIterator[bytes] = chunks(reply)
        watcher: Watcher = Unwatched()
        answers = self._done.channel != "" and format is not None and _may_call(reply, self._route)
        try:
            if answers and format is not None:
                retrieval = self._retrieval(format)
                watcher = Books(retrieval, self._seen)
                if not is_event_stream(reply):
                    return await self._answered(retrieval, watcher, reply)
                coming = retrieval.streamed(self._done.plain, Reply(reply).chunks())
            elif format is not None and self._is_watched(reply):
                watcher = Observer(reply, format, self._seen)
            headers, has_begun = self._headers(reply, bool(answers)), reply.content.total_bytes > 0
            return await self._streamed(Relayed(reply.status, reply.reason, headers, has_begun), coming, watcher)
        finally:
            if not reply.content.at_eof():
                reply.close()

    async def _streamed(self, client: Relayed, chunks: AsyncIterator[bytes], watcher: Watcher) -> web.StreamResponse:
        """Chunk by chunk; where the upstream fails, so does the client's connection."""
        try:
            await client.prepare(self._request)
            self._timing.answered = time.perf_counter()
            await relay(chunks, client, watcher)
            await self._remember()
            await client.write_eof()
        except ConnectionError:
            raise
        except BrokenOff as error:
            self._reasons.append("upstream_broke_off")
            _log.warning("%s broke its reply off: %s", self._route.upstream.host, error)
            break_off(self._request)
        except Exception:
            self._reasons.append("failed")
            _log.exception("a reply could not be relayed to its end")
            break_off(self._request)
        return client

    async def _remember(self) -> None:
        """Keeps which conversation a reply belongs to that requests may go on from by its id."""
        leg, key = self._seen.last, self._done.key
        if leg is None or not leg.id or not leg.complete or not key:
            return
        keep, dialect = self._shared.aligning.looking.keep_reply, self._engine.dialects[self._route.endpoint.dialect]
        try:
            await asyncio.to_thread(keep, key, dialect, leg.id, leg.id, leg.shown)
        except Exception as error:
            _log.warning("what goes on from a reply will count as met midway: %s", error)

    async def _answered(
        self, retrieval: Retrieval, books: Watcher, reply: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        """A reply in one piece, with the model's calls for originals answered before."""
        try:
            self._status, body = await answered(retrieval, self._done.plain, reply)
        except (aiohttp.ClientError, OSError, Unreachable) as error:
            known = error if isinstance(error, Unreachable) else Unreachable(self._route.upstream, error)
            return self._unreachable(known)
        finally:
            books.end()
        reason = reply.reason if self._status == reply.status else None
        headers = [*self._headers(reply, True), ("Content-Length", str(len(body)))]
        client = Relayed(self._status, reason, headers, has_begun=True)
        await client.prepare(self._request)
        self._timing.answered = time.perf_counter()
        await client.write_eof(body)
        return client

    def _retrieval(self, format: ReplyFormat) -> Retrieval:
        aligner, dialect = self._shared.aligning.aligner, self._engine.dialects[format.name]
        keep = partial(aligner.keep_exchange, self._done.key)
        remember = partial(aligner.keep_reply, self._done.key, dialect)
        store = self._engine.store_of(self._control.project)
        return Retrieval(format, store, asking(partial(self._send, plain=True)), keep, remember)

    def _is_watched(self, reply: aiohttp.ClientResponse) -> bool:
        return reply.status < 300 and self._route.endpoint.kind is Kind.TURN

    def _headers(self, reply: aiohttp.ClientResponse, resized: bool) -> Headers:
        headers = to_client(reply.raw_headers, resized=resized)
        if self._control.report:
            reports = [text.report for text in self._done.facts.texts]
            headers.append(("x-headroom-tokens-before", str(sum(r.tokens_before for r in reports))))
            headers.append(("x-headroom-tokens-after", str(sum(r.tokens_after for r in reports))))
        return headers

    def _unreachable(self, error: Unreachable) -> web.StreamResponse:
        _log.warning("%s", error)
        self._reasons.append("upstream_unreachable")
        return self._own_error(504 if error.timed_out else 502, str(error))

    def _own_error(self, status: int, message: str) -> web.StreamResponse:
        self._timing.answered = time.perf_counter()
        self._status = status
        return error_reply(self._route.endpoint.provider, status, message)

    def _book(self) -> None:
        done, timing, seen = self._done, self._timing, self._seen
        facts = Facts() if self._route.endpoint.kind is Kind.ASIDE else done.facts  # its turn counts them
        more = {
            "bytes_in": self._bytes_in + self._bytes_passed,
            "bytes_forwarded": len(done.body) + self._bytes_passed,
            "ms_added": timing.ms(timing.ready),
            "ms_first_byte": timing.ms(timing.answered),
            "ms_total": timing.ms(time.perf_counter()),
            "legs": seen.legs,
            "held": held_json(seen.held),
            "retrieved": (*seen.retrieved, *facts.retrieved),
            "reasons": tuple(self._reasons),
            "breaks": done.breaks,
        }
        client = client_of(self._request.headers)
        self._shared.book(record_of(self._route, self._control.project, client, self._status, facts, **more))


def _may_call(reply: aiohttp.ClientResponse, route: Route) -> bool:
    """Whether a reply is one that a model's call can be read from; Gemini's streams of JSON arrays are not."""
    if reply.status != 200 or reply.headers.get("Content-Encoding", "identity").lower() not in READABLE:
        return False
    in_pieces = ":streamGenerateContent" in route.url
    return is_event_stream(reply) or (reply.content_type == "application/json" and not in_pieces)
