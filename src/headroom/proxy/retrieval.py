"""Automatic retrieval: the model's calls of `headroom_retrieve` are answered here, and its reply goes on.

The client sees one reply. Only the call is held back; everything else passes as it comes. What the client did not see
is kept, so that later requests of the conversation repeat it and the model knows what it has read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Protocol

from headroom.ccr.retrieval_tool import selectors
from headroom.ccr.retrieve import retrieve_text
from headroom.errors import StoreError
from headroom.interfaces import HeldCall, Leg, ReplyFormat, Store, Stream
from headroom.ledger.record import Retrieved
from headroom.marker import RETRIEVE_TOOL
from headroom.model import Usage
from headroom.proxy.booking import retrieved_by
from headroom.wire.sse import Event, EventReader

_log = logging.getLogger("headroom")
_MOST_ROUNDS = 12
_ENOUGH = "Nothing more can be retrieved in this turn: go on with what you have."
_OK = 200


class Upstream(Protocol):
    """The upstream's reply to a follow-up request."""

    status: int

    def chunks(self) -> AsyncIterator[bytes]: ...

    async def read(self) -> bytes: ...


Ask = Callable[[bytes], AbstractAsyncContextManager[Upstream]]
Keep = Callable[[bytes], None]
Remember = Callable[[str, str, Sequence[Any]], None]
Answers = Sequence[tuple[HeldCall, str]]


def _forget(id: str, last: str, shown: Sequence[Any]) -> None:
    """Where no request can go on from a reply by its id."""


@dataclass(slots=True)
class Turn:
    """One client's turn, whatever it travels over: the model's legs, and what their calls were answered with.

    `keep` remembers the hidden exchange; `remember` the id that the client has for the turn, that of the last leg, and
    what the client was shown of the model's message. `usages` are the provider's, leg by leg; `retrieved` is what was
    returned to the model, `held` the calls that asked for it.
    """

    reply: ReplyFormat
    store: Store
    keep: Keep
    remember: Remember = _forget
    usages: list[Usage] = field(default_factory=list)
    retrieved: list[Retrieved] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    _results: list[Answers] = field(default_factory=list)

    @property
    def usage(self) -> Usage:
        """The provider's, of all legs."""
        return reduce(Usage.plus, self.usages, Usage())

    @property
    def held(self) -> list[HeldCall]:
        return [call for leg in self.legs for call in leg.held]

    @property
    def goes_on(self) -> bool:
        """Whether the turn is still ours: the model asked us and nobody else, and has ended properly."""
        last = self.legs[-1]
        return bool(last.held) and not last.others and last.complete and len(self.legs) <= _MOST_ROUNDS

    async def end(self, leg: Leg, usage: Usage) -> None:
        """Takes in a leg that has ended, with the usage of all; after the last one keeps what later requests need."""
        self.legs.append(leg)
        self.usages.append(usage.minus(self.usage))
        if not self.goes_on:
            await self._kept()

    async def follow_up(self, request: bytes) -> bytes:
        """The request with which the turn goes on: the one before, with the answers to the last leg's calls."""
        leg = self.legs[-1]
        return self.reply.follow_up(request, leg, await self._answers(leg))

    async def _answers(self, leg: Leg) -> Answers:
        enough = len(self.legs) == _MOST_ROUNDS
        texts = [_ENOUGH if enough else await asyncio.to_thread(self._answer, call) for call in leg.held]
        answers = list(zip(leg.held, texts, strict=True))
        self._results.append(answers)
        self.retrieved += [retrieved_by(selectors(call.arguments), text) for call, text in answers]
        return answers

    def _answer(self, call: HeldCall) -> str:
        try:
            return retrieve_text(self.store, **selectors(call.arguments))
        except Exception as error:  # the model gets an answer whatever happens (P7)
            _log.warning("a retrieval failed: %r", error)
            return "The original can't be read now; run the command again."

    async def _kept(self) -> None:
        """Keeps what the client was not shown; where the last leg is mixed, its calls are answered for later."""
        last = self.legs[-1]
        if last.held and len(self._results) < len(self.legs):
            await self._answers(last)
        exchange = self.reply.exchange(self.legs, self._results)
        if exchange is None and (self.remember is _forget or not last.id):
            return
        try:
            await asyncio.to_thread(self._keep, exchange)
        except StoreError as error:
            _log.warning("a retrieval could not be kept on disk: %s", error)

    def _keep(self, exchange: bytes | None) -> None:
        if exchange is not None:
            self.keep(exchange)
        first, last = self.legs[0], self.legs[-1]
        if last.id:
            self.remember(first.id or last.id, last.id, [item for leg in self.legs for item in leg.shown])


class Retrieval:
    """A turn over HTTP, where every leg is the reply to a request of its own. `ask` sends the further ones."""

    def __init__(self, reply: ReplyFormat, store: Store, ask: Ask, keep: Keep, remember: Remember = _forget) -> None:
        self._reply, self._ask = reply, ask
        self._turn = Turn(reply, store, keep, remember)

    @property
    def turn(self) -> Turn:
        return self._turn

    async def streamed(self, request: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The client's stream: the upstream's, without held calls, and on with the reply to what they returned."""
        stream = self._reply.stream(RETRIEVE_TOOL)
        async for out in self._leg(stream, chunks):
            yield out
        while self._turn.goes_on:
            request = await self._turn.follow_up(request)
            async with self._ask(request) as upstream:
                if upstream.status != _OK:
                    yield self._reply.failure(upstream.status, await upstream.read()).raw
                    return
                async for out in self._leg(stream, upstream.chunks()):
                    yield out
        tail = _raw(stream.close())
        if tail:
            yield tail

    async def _leg(self, stream: Stream, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """What the client gets of one upstream reply. What it never saw is kept before it can go on."""
        reader = EventReader()
        ended = False
        async for chunk in chunks:
            out = _raw(shown for event in reader.feed(chunk) for shown in stream.feed(event))
            if stream.complete and not ended:
                ended = True
                await self._turn.end(stream.end_leg(), stream.usage)
            if out:
                yield out
        if not ended:
            await self._turn.end(stream.end_leg(), stream.usage)
        if rest := reader.rest():
            yield rest

    async def whole(self, request: bytes, body: bytes) -> bytes:
        """The client's reply where it is not streamed: the upstream's, or one made of several."""
        bodies = [body]
        await self._read(body)
        while self._turn.goes_on:
            request = await self._turn.follow_up(request)
            async with self._ask(request) as upstream:
                body = await upstream.read()
                if upstream.status != _OK:
                    raise RetrievalFailed(upstream.status, body)
            bodies.append(body)
            await self._read(body)
        return self._reply.merged(bodies, self._turn.legs, self._turn.usage)

    async def _read(self, body: bytes) -> None:
        leg, usage = self._reply.whole(body, RETRIEVE_TOOL)
        await self._turn.end(leg, self._turn.usage.plus(usage))


class RetrievalFailed(Exception):
    """The upstream refused a follow-up request; the client gets its status and body."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def _raw(events: Iterable[Event]) -> bytes:
    return b"".join(event.raw for event in events)
