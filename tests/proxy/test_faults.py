"""Whatever fails, at whatever moment: nothing is lost, nothing sent twice, nothing left running, no error of ours."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from shutil import which
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from headroom.cache_aligner import CacheAligner
from headroom.ccr.default import STORE_FILE
from headroom.ccr.pins import MemoryPins, SQLitePins
from headroom.ccr.sqlite import SQLiteStore
from headroom.errors import StoreError
from headroom.marker import footer_ids
from headroom.proxy.engine import PINS_FILE, Engine
from tests.proxy.test_command import PROGRAM, anthropic, command_running
from tests.proxy.test_relay import STREAM, retrieving, streaming
from tests.proxy.world import (
    ANTHROPIC_REPLY,
    World,
    anthropic_body,
    eventually,
    proxied,
    raw_served,
    real_engine,
    reply_ok,
    served,
    world,
)

TOOLS = [{"name": "Bash", "description": "Run it.", "input_schema": {"type": "object"}}]
IS_ROOT = os.name == "posix" and os.geteuid() == 0
FILES = (STORE_FILE, PINS_FILE)


def log(seed: object) -> str:
    return "\n".join(
        f"2026-05-01 10:{i // 60:02}:{i % 60:02} INFO [worker-{i % 3}] request {seed}-{i} took {i * 7 % 90} ms"
        for i in range(120)
    )


def session(turns: int, seed: object = 1) -> Iterator[bytes]:
    """The requests of an agent's session, with a new tool result in each but the first."""
    messages: list[Any] = [{"role": "user", "content": f"Why is service {seed} slow?"}]
    for turn in range(turns):
        yield json.dumps({"model": "m", "max_tokens": 9, "tools": TOOLS, "messages": messages}).encode()
        call = {"type": "tool_use", "id": f"t{turn}", "name": "Bash", "input": {"command": f"kubectl logs {turn}"}}
        result = {"type": "tool_result", "tool_use_id": f"t{turn}", "content": log(f"{seed}.{turn}")}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]


def results(body: bytes) -> list[str]:
    """The texts of the tool results in a request."""
    messages = json.loads(body)["messages"]
    return [part["content"] for message in messages[2::2] for part in message["content"]]


def keeps_its_beginning(sent: Sequence[bytes]) -> bool:
    """The prefix law: each request begins with all bytes of those before it."""
    ordered = sorted(dict.fromkeys(sent), key=len)
    return all(longer.startswith(shorter.removesuffix(b"]}")) for shorter, longer in pairwise(ordered))


def redeemable(sent: bytes, came: bytes, store: SQLiteStore) -> bool:
    """Whether every text is the client's, or leads to it."""
    pairs = zip(results(sent), results(came), strict=True)
    return all(one == other or store.get(footer_ids(one)[-1]) == other for one, other in pairs)


def on_disk(folder: Path, pins: str = PINS_FILE) -> Engine:
    store = SQLiteStore(folder / STORE_FILE, patience=0.05)
    return real_engine(aligner=CacheAligner(SQLitePins(folder / pins, patience=0.05)), store_of=lambda project: store)


def locked(file: Path) -> Callable[[], None]:
    blocker = sqlite3.connect(file, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    return blocker.close


def garbled(file: Path) -> Callable[[], None]:
    deleted(file)
    file.write_bytes(random.Random(1).randbytes(100_000))
    return file.unlink


def replaced_by_a_folder(file: Path) -> Callable[[], None]:
    file.unlink(missing_ok=True)
    file.mkdir()
    return file.rmdir


def deleted(file: Path) -> Callable[[], None]:
    for path in file.parent.glob(file.name + "*"):
        path.unlink()
    return lambda: None


@pytest.mark.parametrize("fault", [locked, garbled, replaced_by_a_folder, deleted])
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("broken_at", [1, 3])
async def test_a_file_that_fails_in_the_middle(
    tmp_path: Path, file: str, fault: Callable[[Path], Callable[[], None]], broken_at: int
) -> None:
    """What was sent is sent again, every marker leads to its text, and afterwards new texts are compressed again."""
    requests = list(session(8))
    mended_at = 5
    async with world(engine=on_disk(tmp_path)) as w:
        mend = None
        for i, body in enumerate(requests):
            if i == broken_at:
                mend = fault(tmp_path / file)
            elif i == mended_at and mend:
                mend()
            assert (await w.post("/v1/messages", body))[0] == 200
        assert (await w.stats())["statuses"] == {"200": len(requests)}
        sent, store = [got.body for got in w.got], cast("SQLiteStore", w.engine.store_of("default"))
    assert len(sent) == len(requests)
    assert keeps_its_beginning(sent)
    last, whole = results(sent[-1]), results(requests[-1])
    assert footer_ids(last[-1])
    if file == STORE_FILE and fault is not deleted:  # no marker while its original could not be kept
        assert last[broken_at - 1 : mended_at - 1] == whole[broken_at - 1 : mended_at - 1]
    if file == PINS_FILE or fault is locked:
        assert redeemable(sent[-1], requests[-1], store)


async def test_a_locked_file_costs_a_request_no_more_than_it_must(tmp_path: Path, home: Path) -> None:
    async with served(reply_ok) as port, command_running(anthropic(port)) as running:
        first, second, *_ = session(3)
        assert await running.post("/v1/messages", first) == 200
        with closing(sqlite3.connect(home / STORE_FILE, isolation_level=None)) as blocker:
            blocker.execute("BEGIN IMMEDIATE" if (home / STORE_FILE).stat().st_size else "BEGIN EXCLUSIVE")
            assert await running.post("/v1/messages", second) == 200
        [newest, *_] = (await running.get("/stats/requests"))["requests"]
        assert newest["ms_added"] < 3_000  # nowhere near the ten seconds that other users of the file have
        assert (await running.get("/stats"))["reasons"]["store_failed"] == 1


@pytest.mark.skipif(os.name != "posix", reason="file size limits")
@pytest.mark.parametrize("kilobytes", [4, 40, 200])
async def test_a_full_disk(home: Path, kilobytes: int) -> None:
    """No file may grow beyond a few kilobytes: no marker leaves without its original, requests go on."""
    limits = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({kilobytes << 10},) * 2)"
    program = [sys.executable, "-c", f"{limits}; from headroom.cli.main import main; main()", "proxy"]
    got: list[bytes] = []
    async with served(recording(got)) as port, command_running(anthropic(port), program=program) as running:
        requests = list(session(25))
        for body in requests:
            assert await running.post("/v1/messages", body) == 200
        assert keeps_its_beginning(got)
    store = SQLiteStore(home / STORE_FILE)
    assert all(redeemable(sent, came, store) for sent, came in zip(got, requests, strict=True))
    assert len(got) == len(requests)


@pytest.mark.skipif(os.name != "posix" or (IS_ROOT and not which("setpriv")), reason="root may write everywhere")
async def test_a_folder_that_can_only_be_read(home: Path) -> None:
    program = ["setpriv", "--bounding-set=-dac_override", *PROGRAM] if IS_ROOT else PROGRAM
    got: list[bytes] = []
    async with served(recording(got)) as port:
        async with command_running(anthropic(port)) as running:
            (first,) = session(1)
            await running.post("/v1/messages", first)
        for path in (*home.iterdir(), home):
            path.chmod(0o500 if path.is_dir() else 0o400)
        async with command_running(anthropic(port), program=program) as running:
            requests = list(session(4))
            for body in requests:
                assert await running.post("/v1/messages", body) == 200
        home.chmod(0o700)
    assert [results(sent) for sent in got[1:]] == [results(came) for came in requests]


def recording(got: list[bytes]) -> Callable[[web.Request], Any]:
    async def handler(request: web.Request) -> web.StreamResponse:
        got.append(await request.read())
        return web.json_response(ANTHROPIC_REPLY)

    return handler


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_kill_9_at_any_moment(home: Path, workers: str) -> None:
    """Sessions go on over deaths of the proxy; what they sent before is sent again, and no marker leads nowhere."""
    dice = random.Random(int(os.environ.get("HEADROOM_SEED", "1")))
    deaths = int(os.environ.get("HEADROOM_DEATHS", "3"))
    sessions = [list(session(3 + deaths, seed)) for seed in range(4)]
    got: list[bytes] = []
    at = [0] * len(sessions)
    async with served(recording(got)) as port:

        async def go_on(running: Any, which: int) -> None:
            while at[which] < len(sessions[which]):
                await running.post("/v1/messages", sessions[which][at[which]])
                at[which] += 1
                await asyncio.sleep(0.01)

        for _ in range(deaths):
            async with command_running(anthropic(port), "--workers", workers) as running:
                clients = [asyncio.create_task(go_on(running, which)) for which in range(len(sessions))]
                await asyncio.sleep(dice.uniform(0.0, 0.12))
                running.process.send_signal(signal.SIGKILL)
                ended = await asyncio.gather(*clients, return_exceptions=True)
                assert all(one is None or isinstance(one, (aiohttp.ClientError, OSError)) for one in ended)
        async with command_running(anthropic(port)) as running:
            await asyncio.gather(*(go_on(running, which) for which in range(len(sessions))))
    store = SQLiteStore(home / STORE_FILE)
    for requests in sessions:
        asked = json.loads(requests[0])["messages"][0]["content"]
        mine = [sent for sent in got if json.loads(sent)["messages"][0]["content"] == asked]
        assert keeps_its_beginning(mine)
        by_length = {len(results(sent)): sent for sent in mine}
        assert sorted(by_length) == list(range(len(requests)))
        assert all(redeemable(by_length[n], came, store) for n, came in enumerate(requests))
        assert len(by_length[len(requests) - 1]) < len(requests[-1]) * 0.8


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
async def test_workers_end_with_their_parent() -> None:
    async with served(reply_ok) as port, command_running(anthropic(port), "--workers", "2") as running:
        await eventually(lambda: len(running.workers()) == 2)
        number = running.url.rpartition(":")[2]
        running.process.send_signal(signal.SIGKILL)
        await running.process.wait()
        await eventually(lambda: is_free(int(number)))
        async with command_running(anthropic(port), "--port", number, "--workers", "2") as again:
            assert again.url == running.url
            assert await again.post("/v1/messages", b"{}") == 200


# What clients do


class Before:
    """What runs already when a test begins."""

    def __init__(self) -> None:
        self.threads = set(threading.enumerate())
        self.tasks = asyncio.all_tasks()

    def further_tasks(self) -> list[Any]:
        """Those that came since, without the ones in which idle connections wait for a request."""
        waiting = "RequestHandler.start"
        return [task for task in asyncio.all_tasks() - self.tasks if task.get_coro().__qualname__ != waiting]  # type: ignore[union-attr]


async def leaves_nothing(w: World, before: Before, requests: int) -> None:
    """No task, no connection to the upstream, no thread that waits, and each request counted once."""
    connector: Any = w.proxy._shared.connections.session.connector
    await eventually(lambda: w.booked() == requests)
    await eventually(lambda: not connector._acquired)
    await eventually(lambda: not before.further_tasks())
    await eventually(lambda: not w.proxy._aligning._stuck)
    for lane in w.proxy._aligning._lanes.values():
        assert lane._jobs.empty()
    assert len([thread for thread in set(threading.enumerate()) - before.threads if "headroom" in thread.name]) <= 3


def head(length: int | str, path: str = "/v1/messages") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()


async def test_two_hundred_clients_at_once_of_every_kind() -> None:
    """Forty each that read, that stream, that leave in the middle of asking, of reading, and that never read."""
    before = Before()
    body = anthropic_body(stream=True, tools=TOOLS)
    half, whole = head(len(body)) + body[:-100], head(len(body)) + body
    never: list[asyncio.StreamWriter] = []

    async def reads(i: int) -> None:
        assert await w.post("/v1/messages", body, x_api_key=str(i)) == (200, STREAM)

    async def leaves(data: bytes, read: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write(data)
        await (reader.readexactly(read) if read else asyncio.sleep(0.05))
        writer.transport.abort()

    async def never_reads() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", w.port, limit=100)
        writer.write(whole)
        never.append(writer)

    async with world(streaming(*(STREAM[i : i + 50] for i in range(0, len(STREAM), 50)))) as w:
        kinds: list[Any] = []
        for i in range(40):
            kinds += [reads(i), reads(-i), leaves(half, 0), leaves(whole, 100), never_reads()]
        await asyncio.gather(*kinds)
        for writer in never:
            writer.transport.abort()
        await leaves_nothing(w, before, 200)
        # Of requests that came whole nothing is asked twice; of halves nothing is asked at all.
        assert 80 <= len(w.got) <= 160
        assert {results(got.body)[0] for got in w.got} == {results(w.got[0].body)[0]}
        assert not {status for status in (await w.stats())["statuses"] if status.startswith("5")}
        assert await w.post("/v1/messages", body) == (200, STREAM)


async def test_half_a_request_is_never_asked() -> None:
    before = Before()
    ends: list[str] = []

    async def upload(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read()
        ends.append("whole" if data.endswith((b"0\r\n\r\n", b"x" * 100)) else "half")
        writer.close()

    async with raw_served(upload) as port, proxied(port) as w:
        chunked = b"PUT /v1/files HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        for data in (head(100) + b"{}", head(100, "/v1/files") + b"x" * 50, chunked):
            _, writer = await asyncio.open_connection("127.0.0.1", w.port)
            writer.write(data)
            await asyncio.sleep(0.1)
            writer.transport.abort()
        await leaves_nothing(w, before, 3)
        await eventually(lambda: len(ends) == 2)
        assert ends == ["half", "half"]  # of uploads that are relayed as they come; the turn was never begun
        assert (await w.stats())["reasons"] == {"client_gone": 3}


async def test_a_client_that_never_reads_does_not_keep_the_proxy_from_stopping() -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        while True:
            await reply.write(b"x" * 100_000)

    async with served(flood) as port, command_running(anthropic(port), "--drain-timeout", "0.2") as running:
        host, number = running.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(number), limit=100)
        writer.write(head(2) + b"{}")
        assert await reader.read(1)
        running.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.process.wait(), 10) == 0
        writer.transport.abort()


async def test_what_was_not_forwarded_is_not_pinned() -> None:
    """A client that goes away while its text is worked on gets it compressed when it comes back."""
    reached, go_on = threading.Event(), threading.Event()
    store: Any = real_engine().store_of("default")
    identify = store.identify

    def slowly(text: str) -> Any:
        reached.set()
        go_on.wait(10)
        return identify(text)

    store.identify = slowly
    pins = MemoryPins()
    engine = real_engine(aligner=CacheAligner(pins), store_of=lambda project: store)
    first, second, *_ = session(3)
    async with world(engine=engine, budget_ms=60_000) as w:
        await w.post("/v1/messages", first)
        rows = len(pins._rows)
        asking = asyncio.create_task(w.post("/v1/messages", second))
        await eventually(reached.is_set)
        asking.cancel()
        await eventually(lambda: w.booked() == 2)
        go_on.set()
        queue: Any = w.proxy._aligning
        await queue.run(lambda: None)
        await eventually(queue._lanes[False]._jobs.empty)
        assert (await w.post("/v1/messages", second))[0] == 200
        assert len(w.got) == 2
        assert len(w.got[1].body) < len(second) * 0.6
        assert len(pins._rows) > rows


async def test_who_waited_in_the_queue_and_left_is_not_worked_on() -> None:
    reached, go_on = threading.Event(), threading.Event()
    worked: list[bytes] = []

    class Slow(CacheAligner):
        def align(self, body: bytes, *arguments: Any, **more: Any) -> Any:
            worked.append(body)
            reached.set()
            go_on.wait(10)
            return super().align(body, *arguments, **more)

    first, second, *_ = session(3)
    async with world(engine=real_engine(aligner=Slow(MemoryPins())), budget_ms=60_000) as w:
        one = asyncio.create_task(w.post("/v1/messages", first))
        await eventually(reached.is_set)
        other = asyncio.create_task(w.post("/v1/messages", second))
        await asyncio.sleep(0.05)
        other.cancel()
        await eventually(lambda: w.booked() == 1)
        go_on.set()
        assert (await one)[0] == 200
        assert worked == [first]


# What upstreams do


async def test_an_upstream_that_stalls_in_the_middle() -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        await reply.write(STREAM[:300])
        await asyncio.sleep(30)
        return reply

    before = Before()
    async with world(stall, read_timeout=0.2) as w:
        async with w.client.post(w.url + "/v1/messages", data=anthropic_body(tools=TOOLS)) as reply:
            assert reply.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await reply.read()
        await leaves_nothing(w, before, 1)
        assert (await w.stats())["reasons"]["upstream_broke_off"] == 1


@pytest.mark.parametrize(
    "rest", [b"zz\r\n", b"5\r\nab\r\n0\r\n\r\n", b"-1\r\n\r\n", b"ffffffffffffffffff\r\n", b"\x00\xff\xfe"]
)
async def test_garbage_in_the_middle_of_a_reply(rest: bytes) -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndata\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(rest)
        writer.close()

    before = Before()
    async with raw_served(garbage) as port, proxied(port) as w:
        async with w.client.post(w.url + "/v1/messages", data=b"{}") as reply:
            assert reply.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await reply.read()
        await leaves_nothing(w, before, 1)


async def test_an_upstream_that_answers_before_it_has_read() -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await writer.drain()
        with suppress(ConnectionError):
            while await reader.read(1 << 16):
                pass
        writer.close()

    before = Before()
    async with raw_served(early) as port, proxied(port) as w:
        assert await w.post("/v1/messages", b" " * 8_000_000) == (401, b"no")
        assert await w.post("/v1/files", b" " * 8_000_000) == (401, b"no")
        await leaves_nothing(w, before, 2)


async def test_a_refusal_stays_the_answer_where_the_second_try_fails() -> None:
    asked: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if len(asked) > 1:
            writer.transport.abort()
        else:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwrong")
            writer.close()

    before = Before()
    async with raw_served(once) as port, proxied(port) as w:
        assert await w.post("/v1/messages", anthropic_body()) == (400, b"wrong")
        assert len(asked) == 2
        await leaves_nothing(w, before, 1)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_original_that_can_not_be_read_is_said_to_the_model(stream: bool) -> None:
    """The store breaks after the marker has left: the model hears it, the client's turn ends as any other."""
    store: Any = real_engine().store_of("default")

    def fail(*arguments: Any, **named: Any) -> Any:
        raise StoreError("damaged")

    body = anthropic_body(tools=TOOLS, stream=stream)
    async with world(retrieving(stream), real_engine(store_of=lambda project: store)) as w:
        first = {"model": "m", "tools": TOOLS, "messages": json.loads(body)["messages"][:1]}
        await w.post("/v1/messages", json.dumps(first).encode())
        put_many = store.put_many

        def put_and_break(originals: Any) -> Any:
            ids = put_many(originals)
            store.get = fail
            return ids

        store.put_many = put_and_break
        status, answer = await w.post("/v1/messages", body)
        assert status == 200
        assert b"hello" in answer
        assert b"damaged" in w.got[-1].body
