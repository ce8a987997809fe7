"""Client turns with retrieval over scripted replies, the same for every provider's format."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from headroom import MemoryStore
from headroom.interfaces import ReplyFormat
from headroom.proxy.retrieval import Retrieval
from headroom.wire.spans import elements, locate
from headroom.wire.splice import splice

ORIGINAL = "first\nsecond\nthird"
WHOLE = 1 << 20  # a piece that no reply is larger than


class Reply:
    """An upstream's reply that comes in pieces of one size."""

    def __init__(self, status: int, body: bytes, piece: int) -> None:
        self.status, self._body, self._piece = status, body, piece

    async def chunks(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._body), self._piece):
            yield self._body[at : at + self._piece]

    async def read(self) -> bytes:
        return self._body


class Provider:
    """Answers follow-up requests with these replies, in order, and remembers what it was asked."""

    def __init__(self, replies: Iterator[bytes], status: int, piece: int) -> None:
        self.replies, self.status, self.piece = replies, status, piece
        self.requests: list[bytes] = []

    @asynccontextmanager
    async def ask(self, request: bytes) -> AsyncIterator[Reply]:
        self.requests.append(request)
        yield Reply(self.status, next(self.replies), self.piece)


class Turn:
    """One client turn. Subclasses say how a reply streams (`events`), and which request it answers.

    ORIGINAL as an argument of a scripted call becomes the id of a kept original; `status` is that of follow-ups.
    """

    format: ClassVar[ReplyFormat]
    member: ClassVar[str]  # of a request that has its conversation
    question: ClassVar[Any]  # the only message of the request

    def __init__(self, *replies: Any, piece: int = WHOLE, status: int = 200) -> None:
        self.store = MemoryStore()
        self.id = self.store.put(ORIGINAL)
        self.replies = [json.loads(json.dumps(reply).replace("ORIGINAL", self.id)) for reply in replies]
        self.piece, self.status = piece, status
        self.kept: list[bytes] = []
        self.request = json.dumps({"model": "m", self.member: [self.question]}).encode()

    @staticmethod
    def events(reply: Any) -> bytes:
        raise NotImplementedError

    def streamed(self, *streams: bytes) -> bytes:
        """What the client gets of these streams, by default those of the scripted replies."""
        upstream = iter(streams or [self.events(reply) for reply in self.replies])
        retrieval = self._retrieval(upstream)

        async def collected() -> bytes:
            chunks = Reply(200, next(upstream), self.piece).chunks()
            return b"".join([chunk async for chunk in retrieval.streamed(self.request, chunks)])

        return asyncio.run(collected())

    def whole(self) -> Any:
        """What the client gets where it does not stream."""
        upstream = (json.dumps(reply).encode() for reply in self.replies)
        retrieval = self._retrieval(upstream)
        return json.loads(asyncio.run(retrieval.whole(self.request, next(upstream))))

    def _retrieval(self, upstream: Iterator[bytes]) -> Retrieval:
        self.provider = Provider(upstream, self.status, self.piece)
        self.retrieval = Retrieval(self.format, self.store, self.provider.ask, self.kept.append)
        return self.retrieval

    def asked(self, number: int = 0) -> list[Any]:
        """The conversation of a follow-up request."""
        conversation: list[Any] = json.loads(self.provider.requests[number])[self.member]
        return conversation

    def repeated(self, *messages: Any) -> bytes:
        """A later request as it goes upstream: these are the client's messages after its first one."""
        body = json.dumps({"model": "m", self.member: [self.question, *messages]}, indent=1).encode()
        spans = elements(body, locate(body, [self.member]))
        return splice(body, self.format.replay(body, spans[1:], self.kept[-1]))

    def replayed(self, *messages: Any) -> list[Any]:
        """The conversation of that request."""
        conversation: list[Any] = json.loads(self.repeated(*messages))[self.member]
        return conversation
