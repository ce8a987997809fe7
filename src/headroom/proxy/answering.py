"""Where `headroom_retrieve` was offered: the model's calls of it are answered on the way, over the same connections."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from headroom.proxy.relay import Plain, Seen
from headroom.proxy.retrieval import Ask, Retrieval, RetrievalFailed
from headroom.proxy.upstreams import Unreachable, chunks

_log = logging.getLogger("headroom.proxy")

Send = Callable[[bytes], Awaitable[aiohttp.ClientResponse]]


class Reply:
    """An upstream's reply as retrieval reads it: without content encoding."""

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self._reply = reply
        self.status = reply.status

    async def chunks(self) -> AsyncIterator[bytes]:
        """What comes, as it comes."""
        plain = Plain(self._reply.headers.get("Content-Encoding", ""))
        async for chunk in chunks(self._reply):
            if readable := plain.feed(chunk):
                yield readable

    async def read(self) -> bytes:
        """All of it."""
        return b"".join([chunk async for chunk in self.chunks()])

    def close(self) -> None:
        """Gives the connection back, or ends it where the reply hasn't ended."""
        if not self._reply.content.at_eof():
            self._reply.close()


def asking(send: Send) -> Ask:
    """How retrieval asks the upstream to go on."""

    @asynccontextmanager
    async def ask(body: bytes) -> AsyncIterator[Reply]:
        reply = Reply(await send(body))
        try:
            yield reply
        finally:
            reply.close()

    return ask


@dataclass(slots=True)
class Books:
    """Takes what a turn has cost over to what was seen of it, when the turn has ended."""

    retrieval: Retrieval
    seen: Seen

    def feed(self, chunk: bytes) -> None:
        """Retrieval has read it already."""

    def end(self) -> None:
        turn = self.retrieval.turn
        self.seen.legs = tuple(turn.usages) or self.seen.legs
        self.seen.retrieved = tuple(turn.retrieved)
        self.seen.held = tuple(turn.held)


async def answered(retrieval: Retrieval, request: bytes, reply: aiohttp.ClientResponse) -> tuple[int, bytes]:
    """Status and body for the client of a reply that isn't streamed, its calls answered.

    Raises what the upstream's connections raise; a failure of ours leaves the reply as it came.
    """
    body = await Reply(reply).read()
    try:
        return reply.status, await retrieval.whole(request, body)
    except RetrievalFailed as failed:
        return failed.status, failed.body
    except (aiohttp.ClientError, OSError, Unreachable):
        raise
    except Exception:
        _log.exception("a reply goes on as it came")
        return reply.status, body
