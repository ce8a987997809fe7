"""Replies pass chunk by chunk as they arrive. Who watches gets a copy and can't disturb them."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import brotli
import zstandard
from aiohttp import web
from multidict import CIMultiDict

from headroom.interfaces import HeldCall, Leg, ReplyFormat
from headroom.ledger.record import Retrieved
from headroom.model import Usage
from headroom.proxy.headers import Headers
from headroom.proxy.upstreams import Unreachable
from headroom.wire.sse import EventReader, parsed

_log = logging.getLogger("headroom.proxy")
_MOST_WATCHED = 16 << 20  # bytes of a reply in one piece; of a larger one the usage stays unknown
_FLUSH_SECONDS = 10.0
READABLE = frozenset(("", "identity", "gzip", "x-gzip", "deflate", "br", "zstd"))


class Relayed(web.StreamResponse):
    """A reply that goes to the client with the upstream's headers and no others, see `app.only_theirs`.

    Where its body `has_begun` to come already, both go out together.
    """

    def __init__(self, status: int, reason: str | None, headers: Headers, has_begun: bool = False) -> None:
        super().__init__(status=status, reason=reason, headers=CIMultiDict(headers))
        self._send_headers_immediately = not has_begun
        self.passed = frozenset(name.lower() for name, _ in headers)


class BrokenOff(Exception):
    """The upstream's reply ended before its end."""


@dataclass(slots=True)
class Seen:
    """What became known of a turn on its way: the usage of each of the provider's replies, what was retrieved."""

    legs: tuple[Usage, ...] = (Usage(),)
    retrieved: tuple[Retrieved, ...] = ()
    held: tuple[HeldCall, ...] = ()
    last: Leg | None = None  # where nothing was to be retrieved


class Watcher(Protocol):
    """Gets a copy of what passes."""

    def feed(self, chunk: bytes) -> None: ...

    def end(self) -> None: ...


class Unwatched:
    """Nobody watches."""

    def feed(self, chunk: bytes) -> None:
        pass

    def end(self) -> None:
        pass


class Observer:
    """Reads the provider's usage figures from a copy of a reply; where it fails they are missing, and that is all."""

    def __init__(self, reply: aiohttp.ClientResponse, format: ReplyFormat, seen: Seen) -> None:
        self._seen = seen
        self._plain = Plain(reply.headers.get("Content-Encoding", ""))
        self._reader: _Events | _Whole | None = None
        try:
            self._reader = _reader(reply, format)
        except Exception as error:
            self._give_up(error)

    def feed(self, chunk: bytes) -> None:
        """Looks at the next bytes of the reply as they came."""
        if self._reader is None:
            return
        try:
            self._reader.feed(self._plain.feed(chunk))
        except Exception as error:
            self._give_up(error)

    def end(self) -> None:
        """The reply has ended, one way or another."""
        if self._reader is None:
            return
        try:
            self._seen.last, usage = self._reader.end()
            self._seen.legs = (usage,)
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._reader = None
        _log.info("the usage of a reply stays unknown: %r", error)


def is_event_stream(reply: aiohttp.ClientResponse) -> bool:
    """Whether a reply comes as server-sent events."""
    return reply.content_type == "text/event-stream"


class _Events:
    """A reply that comes as events."""

    def __init__(self, format: ReplyFormat) -> None:
        self._events, self._stream = EventReader(), format.stream(None)

    def feed(self, plain: bytes) -> None:
        for event in self._events.feed(plain):
            self._stream.feed(event)

    def end(self) -> tuple[Leg, Usage]:
        if rest := self._events.rest():
            self._stream.feed(parsed(rest))
        leg = self._stream.end_leg()
        return leg, self._stream.usage


class _Whole:
    """A reply in one piece."""

    def __init__(self, format: ReplyFormat) -> None:
        self._format, self._body = format, bytearray()

    def feed(self, plain: bytes) -> None:
        self._body += plain
        if len(self._body) > _MOST_WATCHED:
            raise OverflowError("too large to be watched")

    def end(self) -> tuple[Leg, Usage]:
        return self._format.whole(bytes(self._body), None)


def _reader(reply: aiohttp.ClientResponse, format: ReplyFormat) -> _Events | _Whole | None:
    if is_event_stream(reply):
        return _Events(format)
    return _Whole(format) if reply.content_type == "application/json" else None


class Plain:
    """Takes the content encoding off a reply, chunk by chunk. Raises ValueError for one that isn't known."""

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        self._decoder: Any = None
        if name in ("gzip", "x-gzip", "deflate"):
            self._decoder = zlib.decompressobj(zlib.MAX_WBITS | (16 if "gzip" in name else 0))
        elif name == "zstd":
            self._decoder = zstandard.ZstdDecompressor().decompressobj()
        elif name == "br":
            self._decoder = _Brotli()
        elif name not in ("", "identity"):
            self._decoder = _Unknown(name)

    def feed(self, chunk: bytes) -> bytes:
        """What is readable with this chunk."""
        return chunk if self._decoder is None else self._decoder.decompress(chunk)


class _Brotli:
    def __init__(self) -> None:
        self.decompress = brotli.Decompressor().process


class _Unknown:
    def __init__(self, name: str) -> None:
        self._name = name

    def decompress(self, chunk: bytes) -> bytes:
        raise ValueError(f"content encoding {self._name}")


async def relay(chunks: AsyncIterator[bytes], client: web.StreamResponse, watcher: Watcher) -> None:
    """Writes a reply's bytes to the client as they come, no faster than it reads, and shows them to the watcher.

    Raises BrokenOff where the upstream fails, ConnectionError where the client has gone.
    """
    try:
        while True:
            try:
                chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except (aiohttp.ClientError, asyncio.TimeoutError, OSError, Unreachable) as error:
                raise BrokenOff(str(error) or type(error).__name__) from error
            await client.write(chunk)
            watcher.feed(chunk)
    finally:
        watcher.end()
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


def break_off(request: web.Request) -> None:
    """Ends the client's connection so that it notices: what was sent is flushed, but the reply has no proper end."""
    transport = request.transport
    if transport is None:
        return
    if request.version < aiohttp.HttpVersion11:  # there a connection's end is the reply's proper end
        transport.abort()
        return
    transport.close()
    asyncio.get_running_loop().call_later(_FLUSH_SECONDS, transport.abort)
