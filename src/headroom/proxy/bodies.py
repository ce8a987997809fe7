"""Request bodies: read within a limit, and decoded for looking inside within the same limit."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli
import zstandard
from aiohttp import web

_CHUNK = 1 << 16


class TooLarge(Exception):
    """A body beyond the limit, as it came or decompressed."""


class Undecodable(Exception):
    """A body in an encoding that isn't known here, or broken."""


async def read_body(request: web.Request, limit: int) -> bytes:
    """The bytes of a request as they came. Raises TooLarge."""
    if (request.content_length or 0) > limit:
        raise TooLarge
    chunks: list[bytes] = []
    size = 0
    while chunk := await request.content.readany():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise TooLarge
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def decoded(body: bytes, encoding: str, limit: int) -> bytes:
    """What a body says under a Content-Encoding; the same object where there is none.

    Raises TooLarge as soon as there is more than `limit`, Undecodable for what can't be read.
    """
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if name in ("", "identity"):
            continue
        decoder = DECODERS.get(name)
        if decoder is None:
            raise Undecodable(name)
        try:
            body = decoder(body, limit)
        except (zlib.error, zstandard.ZstdError, EOFError, ValueError) as error:
            raise Undecodable(f"{name}: {error}") from error
    return body


def _inflated(body: bytes, limit: int, window: int) -> bytes:
    parts: list[bytes] = []
    room = limit + 1
    while body:  # gzip allows several members in a row
        inflater = zlib.decompressobj(window)
        parts.append(inflater.decompress(body, room))
        room -= len(parts[-1])
        if room <= 0:
            raise TooLarge
        if not inflater.eof:
            raise EOFError("breaks off")
        body = inflater.unused_data
    return b"".join(parts)


def _gunzipped(body: bytes, limit: int) -> bytes:
    return _inflated(body, limit, 16 + zlib.MAX_WBITS)


def _deflated(body: bytes, limit: int) -> bytes:
    """Deflate as the standard says, in a zlib wrapper, or bare, as many send it."""
    wrapped = body[:1] and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _inflated(body, limit, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)


def _unzstd(body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    room = limit + 1
    with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(body, read_across_frames=True) as reader:
        while part := reader.read(min(room, _CHUNK)):
            parts.append(part)
            room -= len(part)
            if room <= 0:
                raise TooLarge
    return b"".join(parts)


def _unbrotli(body: bytes, limit: int) -> bytes:
    decompressor = brotli.Decompressor()
    parts: list[bytes] = []
    room = limit + 1
    for at in range(0, len(body), 1024):  # a kilobyte of brotli can hold a gigabyte, but not at once
        try:
            parts.append(decompressor.process(body[at : at + 1024]))
        except brotli.error as error:
            raise Undecodable(f"br: {error}") from error
        room -= len(parts[-1])
        if room <= 0:
            raise TooLarge
    if not decompressor.is_finished():
        raise EOFError("breaks off")
    return b"".join(parts)


DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzipped,
    "x-gzip": _gunzipped,
    "deflate": _deflated,
    "zstd": _unzstd,
    "br": _unbrotli,
}
