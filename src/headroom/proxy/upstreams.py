"""The client side of the proxy: connections to upstreams, and nothing added to what goes over them."""

from __future__ import annotations

import asyncio
import ssl
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary, ref

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from headroom.proxy.endpoints import Upstream
from headroom.proxy.headers import Headers
from headroom.proxy.redaction import redacted
from headroom.proxy.settings import Settings, extra_certificates, is_loopback

# Only macOS needs it: Python there doesn't read the system's certificates by itself.
truststore = import_module("truststore") if sys.platform == "darwin" else None

_NOTHING_ADDED = frozenset(("Accept", "Accept-Encoding", "Content-Type", "User-Agent"))
_MOST_HEADER_BYTES = 1 << 16
_IDLE_SECONDS = 60.0
_READ_BUFFER = 1 << 16
_GARBAGE = "what came is no HTTP"

Body = bytes | AsyncIterator[bytes] | None


class Unreachable(Exception):
    """No reply came from an upstream; says which one and why, without secrets."""

    def __init__(self, upstream: Upstream, error: BaseException) -> None:
        super().__init__(f"no reply from the upstream {upstream.host}: {redacted(_reason(error))}")
        self.timed_out = isinstance(error, aiohttp.SocketTimeoutError)


class _Handler(ResponseHandler):
    """A connection that is told to go on only where it has paused.

    Who reads a reply tells it so for every chunk, and aiohttp's own then parses the bytes that aren't there.
    """

    def resume_reading(self, resume_parser: bool = True) -> None:
        if self._reading_paused:
            super().resume_reading(resume_parser)


class _Connector(aiohttp.TCPConnector):
    """Makes connections of this kind."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        handler: type[ResponseHandler] = _Handler
        self._factory = partial(handler, loop=self._loop)


class Connections:
    """A pool of connections to all upstreams of some settings. Made inside a running event loop."""

    def __init__(self, settings: Settings, upstreams: Iterable[Upstream]) -> None:
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=settings.connect_timeout or None, sock_read=settings.read_timeout or None
        )
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=0, ssl=_trusting(settings), keepalive_timeout=_IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            auto_decompress=False,
            skip_auto_headers=_NOTHING_ADDED,
            trust_env=False,  # would add what ~/.netrc holds, and look both up for every request
            read_bufsize=_READ_BUFFER,
            max_line_size=_MOST_HEADER_BYTES,
            max_field_size=_MOST_HEADER_BYTES,
        )
        # What is being read over each connection, to tell its reader should the connection end.
        self._reading: WeakKeyDictionary[ResponseHandler, aiohttp.StreamReader] = WeakKeyDictionary()
        self._proxies = {upstream: proxy_of(upstream.url) for upstream in upstreams}

    @property
    def session(self) -> aiohttp.ClientSession:
        """For connections of another kind (WebSocket) to the same upstreams."""
        return self._session

    def proxy(self, upstream: Upstream) -> str | None:
        """The proxy that stands between here and an upstream."""
        return self._proxies.get(upstream)

    async def send(
        self, upstream: Upstream, method: str, url: str, headers: Headers, body: Body
    ) -> aiohttp.ClientResponse:
        """One request, as it is; the reply's body is still to come. Raises Unreachable."""
        try:
            reply = await self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body,
                allow_redirects=False,
                proxy=self.proxy(upstream),
            )
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:
            raise Unreachable(upstream, error) from error
        self._watch(reply)
        return reply

    def _watch(self, reply: aiohttp.ClientResponse) -> None:
        """Garbage in a reply ends its connection, but aiohttp leaves who reads it waiting for ever: so we say it."""
        protocol = reply.connection.protocol if reply.connection else None
        if protocol is None:
            return
        if protocol not in self._reading and (closed := protocol.closed) is not None:
            closed.add_done_callback(partial(self._ended, ref(protocol)))
        self._reading[protocol] = reply.content

    def _ended(self, protocol: ref[ResponseHandler], closed: asyncio.Future[None]) -> None:
        cause = None if closed.cancelled() else closed.exception()
        content = self._reading.pop(gone, None) if (gone := protocol()) is not None else None
        if content is not None and not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError(_reason(cause) if cause else _GARBAGE))

    async def close(self) -> None:
        """Closes all connections."""
        await self._session.close()


async def chunks(reply: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """A reply's bytes as they arrive. Raises ClientError where they break off."""
    try:
        while chunk := await reply.content.readany():
            yield chunk
    except RuntimeError as error:  # the connection ended between two reads
        raise aiohttp.ClientPayloadError(str(error)) from error


def proxy_of(url: str) -> str | None:
    """The proxy for an address by the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY) or the system's settings."""
    target = URL(url)
    host = target.host or ""
    if is_loopback(host) or urllib.request.proxy_bypass(f"{host}:{target.port}"):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(target.scheme) or proxies.get("all")


def _trusting(settings: Settings) -> ssl.SSLContext:
    """Who to believe: the system's certificates (SSL_CERT_FILE in their place), and the extra ones of the settings."""
    if truststore is not None:
        context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = ssl.create_default_context()
    with suppress(NotImplementedError):
        context.set_alpn_protocols(["http/1.1"])
    for file in extra_certificates(settings):
        context.load_verify_locations(cafile=file)
    return context


def _reason(error: BaseException) -> str:
    """What went wrong in words; aiohttp's own speak of its settings, some have none."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return str(cause) or type(cause).__name__
