"""Responses over a socket: requests come in frames of the client's, their events in frames of the upstream's.

A frame that is no request, or not readable, passes as it came. Requests may be told apart by a `stream_id`: each has a
lane of its own, and what is on one lane happens one after the other.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import aiohttp
import msgspec

from headroom.interfaces import Dialect, ReplyFormat, Stream
from headroom.marker import RETRIEVE_TOOL
from headroom.model import Usage
from headroom.proxy.aligning import Done, Work
from headroom.proxy.booking import as_it_came, held_json, record_of
from headroom.proxy.endpoints import Kind, Route
from headroom.proxy.engine import Shared
from headroom.proxy.errors import error_body
from headroom.proxy.forward import Control
from headroom.proxy.retrieval import Turn
from headroom.wire.spans import SpanError, decoded, locate
from headroom.wire.splice import Edit, literal, splice
from headroom.wire.sse import Event

_log = logging.getLogger("headroom.proxy")
_REQUEST, _BEGUN, _ERROR = "response.create", "response.created", "error"
_REFUSED_AS_CHANGED = frozenset((400, 413, 422))
_MOST_WAITING = 8  # requests on one lane that are taken in while another one is answered
_MOST_LANES = 64  # from here on those are forgotten on which nothing happens
_CLIENT_GONE, _NO_REPLY, _OVER_BUDGET = 499, 502, 429
_NAMES = (("response_id",), ("previous_response_id",), ("steer", "previous_response_id"))  # of replies under way

Send = Callable[[bytes], Awaitable[None]]


class _Head(msgspec.Struct):
    """What is to be known of any frame."""

    type: str = ""
    stream_id: str | None = None


class _Reply(msgspec.Struct):
    """What the event that begins a reply calls it."""

    id: str = ""


class _Begun(msgspec.Struct):
    response: _Reply = msgspec.field(default_factory=_Reply)


class _Failure(msgspec.Struct):
    """An error event, as far as it says how bad it is."""

    status: int = 0


_head_of = msgspec.json.Decoder(_Head).decode
_begun_of = msgspec.json.Decoder(_Begun).decode
_failure_of = msgspec.json.Decoder(_Failure).decode


@dataclass(slots=True)
class _Running:
    """A request whose reply is under way. `frame` is what the client sent, `request` what the upstream got last.

    The client knows the reply by the `name` of its first leg, the upstream by the `id` of the one that runs. Frames
    that name it while none does are `held` until one has begun.
    """

    frame: bytes
    done: Done
    request: bytes
    stream: Stream
    turn: Turn
    arrived: float
    ready: float
    begun: float = 0.0
    status: int = 200
    reasons: list[str] = field(default_factory=list)
    name: str = ""
    id: str = ""
    held: list[bytes] | None = None

    @property
    def is_ours(self) -> bool:
        """Whether the model may ask for originals, and what follows has to wait."""
        return bool(self.done.channel)

    def legs(self) -> tuple[Usage, ...]:
        """The usage of each of its replies, also of one that was cut off."""
        before, all_of_them = self.turn.usage, self.stream.usage
        return tuple(self.turn.usages) if before == all_of_them else (*self.turn.usages, all_of_them.minus(before))


@dataclass(slots=True)
class _Lane:
    """The requests with one `stream_id`: those that run, those that wait for their turn, the last one that ended."""

    running: deque[_Running] = field(default_factory=deque)
    waiting: deque[bytes] = field(default_factory=deque)
    last: _Running | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_free(self) -> bool:
        """Whether a further request can go upstream: none before it may have to go on first."""
        return not any(running.is_ours for running in self.running)


class Frames:
    """What passes on one socket. Both directions may be fed at once, each by one task."""

    def __init__(
        self, shared: Shared, route: Route, control: Control, client: str, to_client: Send, to_upstream: Send
    ) -> None:
        self._shared, self._route, self._control, self._client = shared, route, control, client
        self._to_client, self._to_upstream = to_client, to_upstream
        self._dialect: Dialect = shared.engine.dialects[route.endpoint.dialect]
        self._format: ReplyFormat = shared.engine.replies[route.endpoint.dialect]
        self._lanes: dict[str | None, _Lane] = {}
        self._unread = False
        self.idle = asyncio.Event()  # no request is being answered
        self.idle.set()

    async def from_client(self, frame: bytes) -> None:
        """Takes a text frame of the client's to the upstream: a request aligned, anything else as it came."""
        head = _read(frame) if b"response.create" in frame and not self._unread else None
        if head is None or head.type != _REQUEST:
            await self._about_a_reply(frame)
            return
        if len(self._lanes) > _MOST_LANES:
            self._lanes = {id: lane for id, lane in self._lanes.items() if lane.running or lane.waiting}
        lane = self._lanes.setdefault(head.stream_id, _Lane())
        while len(lane.waiting) >= _MOST_WAITING:
            lane.moved.clear()
            await lane.moved.wait()
        if lane.waiting or not lane.is_free:
            lane.waiting.append(frame)
        else:
            await self._begin(lane, frame)

    async def _about_a_reply(self, frame: bytes) -> None:
        """Takes a frame that is no request to the upstream, which knows the reply it may name by another id."""
        turns = [turn for lane in self._lanes.values() for turn in (*lane.running, lane.last) if turn is not None]
        for turn in turns if b"response_id" in frame and not self._unread else ():
            renamed = _renamed(frame, turn.name, turn.id)
            if turn.held is not None and _renamed(frame, turn.name, "") is not frame:
                turn.held.append(frame)
                return
            frame = renamed
        await self._to_upstream(frame)

    async def from_upstream(self, frame: bytes) -> None:
        """Takes a text frame of the upstream's to the client, unless it is about a call of ours."""
        try:
            if self._unread or not await self._taken(frame):
                await self._to_client(frame)
        except (ConnectionError, aiohttp.ClientError):
            raise
        except Exception:  # P7: whatever it is, it is no reason to keep a frame
            _log.exception("what follows on a socket passes unread")
            await self._give_up()
            await self._to_client(frame)

    def close(self, by_client: bool) -> None:
        """The socket has ended, and with it what runs on it."""
        for lane in self._lanes.values():
            for running in lane.running:
                running.stream.end_leg()
                running.reasons.append("client_gone" if by_client else "upstream_broke_off")
                if not running.begun:
                    running.status = _CLIENT_GONE if by_client else _NO_REPLY
                self._book(running)

    async def _give_up(self) -> None:
        self._unread = True
        for lane in self._lanes.values():
            while lane.waiting:
                await self._to_upstream(lane.waiting.popleft())
            lane.moved.set()
        self.idle.set()

    async def _begin(self, lane: _Lane, frame: bytes) -> None:
        endpoint, most = self._route.endpoint, self._shared.settings.daily_budget_tokens
        refusal = await self._shared.engine.budgets.refusal(endpoint, self._control.project, most) if most else None
        if refusal is not None:
            await self._refused(frame, error_body(endpoint.provider, _OVER_BUDGET, refusal))
            return
        self.idle.clear()
        arrived = time.perf_counter()
        done = await self._aligned(frame)
        lane.running.append(self._run(frame, done, arrived))
        await self._to_upstream(done.body)

    async def _refused(self, frame: bytes, said: Mapping[str, Any]) -> None:
        """Tells the client that its request goes no further."""
        head = _read(frame)
        lane = {"stream_id": head.stream_id} if head is not None and head.stream_id is not None else {}
        await self._to_client(json.dumps({"type": _ERROR, "status": _OVER_BUDGET, **lane, **said}).encode())
        refused = self._run(frame, Done(b"", b"", reasons=("over_budget",)), time.perf_counter())
        refused.status = _OVER_BUDGET
        self._book(refused)

    async def _aligned(self, frame: bytes) -> Done:
        engine, settings = self._shared.engine, self._shared.settings
        if self._control.untouched:
            return Done(frame, frame)
        options = self._shared.options(self._control.level, self._control.tools)
        store = engine.store_of(self._control.project)
        work = Work(frame, "", Kind.TURN, self._dialect, options, store, self._shared.offers)
        paused = engine.switch.paused
        try:
            done = await self._shared.aligning.done(work, 0.0 if paused else settings.budget_ms / 1e3)
            return replace(done, reasons=(*done.reasons, "paused")) if paused else done
        except Exception:
            _log.exception("a request passes unread")
            return Done(frame, frame, reasons=("failed",))

    def _run(self, frame: bytes, done: Done, arrived: float) -> _Running:
        engine, aligner = self._shared.engine, self._shared.aligning.looking
        turn = Turn(
            self._format,
            engine.store_of(self._control.project),
            partial(aligner.keep_exchange, done.key),
            partial(aligner.keep_reply, done.key, self._dialect),
        )
        stream = self._format.stream(RETRIEVE_TOOL if done.channel else None)
        ready = time.perf_counter()
        reasons = [*self._control.reasons, *done.reasons]
        return _Running(frame, done, done.body, stream, turn, arrived, ready, reasons=reasons)

    async def _taken(self, frame: bytes) -> bool:
        """Whether the frame was about a request here, and has been seen to."""
        head = _read(frame)
        lane = self._lane(head.stream_id) if head is not None else None
        running = self._running(lane, head.type) if lane is not None and head is not None else None
        if lane is None or head is None or running is None:
            return False
        event = Event(frame, head.type, frame.decode())
        if head.type == _ERROR:
            await self._failed(lane, running, event)
        else:
            await self._fed(lane, running, event)
        return True

    def _lane(self, id: str | None) -> _Lane | None:
        """The lane of an event. Upstreams that don't know of lanes don't name any."""
        busy = [lane for lane in self._lanes.values() if lane.running]
        return busy[0] if id is None and len(busy) == 1 else self._lanes.get(id)

    def _running(self, lane: _Lane, kind: str) -> _Running | None:
        """The request that an event is about. A client may steer the upstream: then it goes on from the last one."""
        if not lane.running and kind == _BEGUN and lane.last is not None:
            last = lane.last
            done = replace(last.done, facts=as_it_came(last.done.facts))
            lane.running.append(self._run(last.frame, done, time.perf_counter()))
        return lane.running[0] if lane.running else None

    async def _fed(self, lane: _Lane, running: _Running, event: Event) -> None:
        running.begun = running.begun or time.perf_counter()
        stream, turn = running.stream, running.turn
        if event.name == _BEGUN:
            await self._began(running, event)
        events = stream.feed(event)
        if not stream.complete:
            await self._show(running, event, events)
            return
        await turn.end(stream.end_leg(), stream.usage)
        if not turn.goes_on and "retried_as_it_came" in running.reasons:
            await self._shared.aligning.leave_alone(running.done)
        await self._show(running, event, events)
        if turn.goes_on:
            running.held = []
            running.request = await turn.follow_up(running.request)
            await self._to_upstream(running.request)
            return
        await self._show(running, event, stream.close())
        await self._ended(lane)

    async def _began(self, running: _Running, event: Event) -> None:
        """A leg has begun, by the name of which the upstream knows the reply from here on."""
        running.id = _id(event.raw)
        running.name = running.name or running.id
        held, running.held = running.held or (), None
        for frame in held:
            await self._to_upstream(_renamed(frame, running.name, running.id))

    async def _show(self, running: _Running, came: Event, events: list[Event]) -> None:
        for event in events:
            frame = came.raw if event is came else event.data.encode()
            await self._to_client(_renamed(frame, running.id, running.name))

    async def _failed(self, lane: _Lane, running: _Running, event: Event) -> None:
        """An error ends a turn, unless it may be about what we made of its request: then it is sent as it came."""
        running.status = _status(event.raw)
        if running.done.changed and not running.begun and running.status in _REFUSED_AS_CHANGED:
            _log.warning("%s refused a changed request: sent again as it came", self._route.upstream.host)
            aligning = self._shared.aligning
            body = await aligning.run(aligning.aligner.renamed, running.frame, self._dialect)
            facts = as_it_came(running.done.facts)
            done = replace(running.done, body=body, changed=False, channel="", facts=facts)
            lane.running[0] = again = self._run(running.frame, done, running.arrived)
            again.reasons.append("retried_as_it_came")
            await self._to_upstream(body)
            return
        await self._show(running, event, running.stream.feed(event))
        running.stream.end_leg()
        await self._ended(lane)

    async def _ended(self, lane: _Lane) -> None:
        lane.last = ended = lane.running.popleft()
        self._book(ended)
        held, ended.held = ended.held or (), None
        for frame in held:
            await self._to_upstream(_renamed(frame, ended.name, ended.id))
        while lane.waiting and lane.is_free:
            await self._begin(lane, lane.waiting[0])
            lane.waiting.popleft()
            lane.moved.set()
        if not any(lane.running for lane in self._lanes.values()):
            self.idle.set()

    def _book(self, running: _Running) -> None:
        arrived, begun, turn = running.arrived, running.begun or running.arrived, running.turn
        facts = running.done.facts
        more = {
            "bytes_in": len(running.frame),
            "bytes_forwarded": len(running.done.body),
            "ms_added": (running.ready - arrived) * 1e3,
            "ms_first_byte": (begun - arrived) * 1e3,
            "ms_total": (time.perf_counter() - arrived) * 1e3,
            "legs": running.legs(),
            "held": held_json(turn.held),
            "retrieved": (*turn.retrieved, *facts.retrieved),
            "reasons": ("websocket", *running.reasons),
            "breaks": running.done.breaks,
        }
        project, status = self._control.project, running.status
        self._shared.book(record_of(self._route, project, self._client, status, facts, **more))


def _read(frame: bytes) -> _Head | None:
    try:
        return _head_of(frame)
    except (ValueError, RecursionError):
        return None


def _id(begun: bytes) -> str:
    try:
        return _begun_of(begun).response.id
    except (ValueError, RecursionError):
        return ""


def _renamed(frame: bytes, known: str, wanted: str) -> bytes:
    """A frame that names a reply in another way; the very same where it doesn't name this one."""
    if known == wanted or b"response_id" not in frame:
        return frame
    edits = []
    for path in _NAMES:
        with suppress(SpanError):
            span = locate(frame, path)
            edits += [Edit(span, literal(wanted))] if decoded(frame, span) == known else []
    return splice(frame, edits)


def _status(error: bytes) -> int:
    try:
        return _failure_of(error).status or 500
    except (ValueError, RecursionError):
        return 500
