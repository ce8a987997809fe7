"""Headers reach the other side as they were sent: names, values, order, both ways, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from headroom.proxy.headers import to_client, to_upstream
from tests.proxy.world import World, anthropic_body, proxied, raw_served

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def between(answer: bytes = ANSWER) -> AsyncIterator[tuple[World, list[bytes]]]:
    """The proxy before an upstream that writes down what it reads and gives the same answer to everything."""
    heads: list[bytes] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            heads.append(head)
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line.split(b":")[1]))
            writer.write(answer)
            if b"\r\nconnection: close" in answer.lower() or b"Content-Length" not in answer:
                writer.close()
                return

    async with raw_served(upstream) as port, proxied(port) as w:
        yield w, heads


def request(lines: list[str], method: str = "POST", target: str = "/v1/messages", body: bytes = b"{}") -> bytes:
    head = [
        f"{method} {target} HTTP/1.1",
        "Host: localhost",
        *lines,
        f"content-length: {len(body)}",
        "connection: close",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


@pytest.mark.parametrize("target", ["/v1/messages", "/v1/messages?beta=true", "/other%2Fpath/../x?a=%20+b&a=2&x=%zz"])
async def test_request_headers_pass_as_they_came(target: str) -> None:
    lines = [
        "x-API-key: sk-ant-1",
        "Anthropic-Version:   2023-06-01  ",
        "ANTHROPIC-BETA: a,b",
        "anthropic-beta: c",
        "X-Stainless-Arch: x64",
        "accept: application/json",
        "USER-agent: claude-cli/1 (external)",
        "Cookie: a=1; b=2",
        "content-type: application/json",
        "x-empty:",
        "X-Umlaut: ü",
        "authorization: Bearer t",
    ]
    async with between() as (w, heads):
        await w.raw(request(lines, target=target))
        sent = heads[0].decode().split("\r\n")
        assert sent[0] == f"POST {target} HTTP/1.1"
        assert sent[1] == f"Host: 127.0.0.1:{w.upstream_port}"
        expected = [f"{name}: {value.strip()}" for name, value in (line.split(":", 1) for line in lines)]
        expected[3] = "ANTHROPIC-BETA: c"  # one spelling for both, or one of them would be lost on the way
        assert sent[2:-2] == [*expected, "content-length: 2"]


async def test_nothing_is_added_to_a_bare_request() -> None:
    async with between() as (w, heads):
        await w.raw(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        await w.raw(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        host = b"Host: 127.0.0.1:%d\r\n" % w.upstream_port
        assert heads[0] == b"GET /v1/models HTTP/1.1\r\n" + host + b"\r\n"
        assert heads[1] == b"POST /v1/messages HTTP/1.1\r\n" + host + b"Content-Length: 0\r\n\r\n"


async def test_hop_by_hop_and_own_headers_stay_behind() -> None:
    lines = [
        "X-Headroom-Level: lossless",
        "x-headroom-token: secret",
        "Keep-Alive: 5",
        "Proxy-Authorization: Basic abc",
        "TE: trailers",
        "X-Private: 1",
        "X-Kept: 2",
        "Connection: X-Private",
    ]
    async with between() as (w, heads):
        await w.raw(request(lines))
        names = [line.split(b":")[0].lower() for line in heads[0].split(b"\r\n")[1:-2]]
        assert names == [b"host", b"x-kept", b"content-length"]


async def test_a_changed_body_has_its_length_where_it_stood() -> None:
    body = gzip.compress(anthropic_body())
    async with between() as (w, heads):
        data = request(["Content-Encoding: gzip", "Content-Type: application/json"], body=body)
        await w.raw(
            data.replace(b"content-length", b"CONTENT-length").replace(
                b"connection: close", b"x-last: 1\r\nconnection: close"
            )
        )
        lines = heads[0].decode().split("\r\n")
        assert lines[2] == "Content-Type: application/json"
        assert lines[3].startswith("CONTENT-length: ")
        assert lines[4] == "x-last: 1"


async def test_chunked_requests_get_a_length() -> None:
    async with between() as (w, heads):
        await w.raw(
            b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
        )
        assert b"Content-Length: 2\r\n" in heads[0]
        assert b"ransfer" not in heads[0]


async def test_expect_is_answered_here() -> None:
    async with between() as (w, heads):
        answer = await w.raw(request(["Expect: 100-continue"]))
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
        assert b"xpect" not in heads[0]


async def test_reply_headers_pass_as_they_came() -> None:
    passing = [
        b"x-Request-ID: r1",
        b"Set-Cookie: a=1",
        b"set-cookie: b=2",
        b"anthropic-ratelimit-requests-remaining: 49",
        b"content-length: 2",
        b"CF-RAY: 1-FRA",
        b"request-id: r2",
        b"Server: cloudflare",
        b"date: yesterday",
        b"X-Umlaut: \xc3\xbc",
    ]
    answer = b"\r\n".join([b"HTTP/1.1 200 Fine", *passing, b"Keep-Alive: timeout=5", b"Connection: close", b"", b"{}"])
    async with between(answer) as (w, _):
        head, body = (await w.raw(request([]))).split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        assert lines[0] == b"HTTP/1.1 200 Fine"
        passing[2] = b"Set-Cookie: b=2"
        assert lines[1:] == [*passing, b"Connection: close"]
        assert body == b"{}"


async def test_nothing_is_added_to_a_bare_reply() -> None:
    async with between() as (w, _):
        answer = await w.raw(request([]).replace(b"connection: close\r\n", b"") + request([]))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1")


@pytest.mark.parametrize("status", [204, 304])
async def test_replies_without_a_body(status: int) -> None:
    async with between(
        b"HTTP/1.1 %d Nothing\r\nETag: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % status
    ) as (w, _):
        assert (await w.raw(request([]))).startswith(b"HTTP/1.1 %d Nothing\r\nETag: x\r\n" % status)


async def test_head_requests() -> None:
    async with between(b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\nConnection: close\r\n\r\n") as (w, heads):
        answer = await w.raw(b"HEAD /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert answer == b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\nConnection: close\r\n\r\n"
        assert heads[0].startswith(b"HEAD ")


async def test_an_encoded_reply_is_relayed_as_it_is() -> None:
    packed = gzip.compress(
        b'{"usage":{"input_tokens":5,"output_tokens":6},"model":"m-9","content":[],"type":"message"}'
    )
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        % len(packed)
    )
    async with between(head + packed) as (w, _):
        answer = await w.raw(request([]))
        assert answer.endswith(b"\r\n\r\n" + packed)
        assert b"Content-Encoding: gzip" in answer


POST = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "data",
    [
        POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        POST + b"Content-Length: +2\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"X: a\r\n b\r\n\r\n",
        POST + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ],
)
async def test_smuggled_requests_reach_nobody(data: bytes) -> None:
    async with between() as (w, heads):
        answer = await w.raw(data)
        assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
        assert heads == []


def test_undecodable_values_do_not_break_the_rest() -> None:
    raw = [(b"X-Bad", b"caf\xe9"), (b"X-Good", b"1")]
    assert to_upstream(raw, None) == [("X-Good", "1")]
    assert to_client(raw) == [("X-Good", "1")]
