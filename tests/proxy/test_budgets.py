"""Daily budgets: counted by the provider's figures, kept, shared; over one, a provider's own error says so."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from headroom.proxy.budgets import Budgets, UsedToday
from headroom.proxy.engine import BUDGETS_FILE
from tests.proxy.test_command import anthropic, command_running
from tests.proxy.test_relay import STREAM, streaming
from tests.proxy.world import proxied, real_engine, reply_ok, served, world

ONE = 17  # tokens of one reply of `reply_ok`
START = 1_780_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def in_file(path: Path, clock: Clock) -> UsedToday:
    return UsedToday(path / BUDGETS_FILE, clock=clock)


async def used(w: Any) -> Any:
    return (await w.stats())["budget"]["used"]


@pytest.mark.parametrize(
    ("path", "place", "word"),
    [
        ("/v1/messages", ("error", "type"), "rate_limit_error"),
        ("/v1/messages/batches", ("error", "type"), "rate_limit_error"),
        ("/v1/chat/completions", ("error", "type"), "insufficient_quota"),
        ("/v1/responses", ("error", "type"), "insufficient_quota"),
        ("/v1/responses/compact", ("error", "type"), "insufficient_quota"),
        ("/v1beta/models/g:generateContent", ("error", "status"), "RESOURCE_EXHAUSTED"),
    ],
)
async def test_who_is_over_it_is_told_in_the_providers_words(path: str, place: tuple[str, str], word: str) -> None:
    async with world(daily_budget_tokens=2 * ONE) as w:
        for _ in range(2):
            assert (await w.post("/v1/messages", b"{}"))[0] == 200
        assert await used(w) == {"default": 2 * ONE}
        async with w.client.post(w.url + path, data=b"{}") as reply:
            assert reply.status == 429
            error = await reply.json()
            assert error[place[0]][place[1]] == word
            for said in (str(2 * ONE), "'default'", "00:00 UTC", "--daily-budget-tokens"):
                assert said in error["error"]["message"]
            assert 0 < int(reply.headers["Retry-After"]) <= 86_400
            assert reply.headers["x-should-retry"] == "false"
        assert len(w.got) == 2
        assert (await w.stats())["reasons"]["over_budget"] == 1


async def test_what_costs_nothing_and_other_projects_pass() -> None:
    async with world(daily_budget_tokens=1) as w:
        assert (await w.post("/v1/messages", b"{}"))[0] == 200
        assert (await w.post("/v1/messages", b"{}"))[0] == 429
        assert (await w.post("/v1/messages/count_tokens", b"{}"))[0] == 200
        assert (await w.post("/v1/files", b"{}"))[0] == 200
        assert (await w.post("/v1/messages", b"{}", x_headroom_project="theirs"))[0] == 200
        assert (await w.post("/p/theirs/v1/messages", b"{}"))[0] == 429
        assert await used(w) == {"default": ONE, "theirs": ONE}


@pytest.mark.parametrize("headers", [{"x_headroom_bypass": "true"}, {"x_headroom_project": '?!"'}])
async def test_no_header_leads_around_it(headers: dict[str, str]) -> None:
    async with world(daily_budget_tokens=1) as w:
        assert (await w.post("/v1/messages", b"{}", **headers))[0] == 200
        assert (await w.post("/v1/messages", b"{}", **headers))[0] == 429
        assert await used(w) == {"default": ONE}


async def test_streams_count_too() -> None:
    async with world(streaming(STREAM), daily_budget_tokens=1) as w:
        assert (await w.post("/v1/messages", b"{}"))[0] == 200
        assert await used(w) == {"default": 37}


async def test_off_by_default() -> None:
    async with world() as w:
        for _ in range(3):
            assert (await w.post("/v1/messages", b"{}"))[0] == 200
        assert "budget" not in await w.stats()
        assert await w.engine.budgets.by_project() == {}


async def test_a_socket_is_not_opened_over_it() -> None:
    async with world(daily_budget_tokens=1) as w:
        await w.post("/v1/messages", b"{}")
        head = b"GET /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        key = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", w.port)
        writer.write(head + key)
        assert b" 429 " in await reader.readline()
        writer.close()


@pytest.mark.parametrize("header", ["", "x-headroom-bypass: true", "x-headroom-level: none"])
async def test_a_socket_that_is_open_is_told_too(header: str) -> None:
    ended = {"type": "response.completed", "response": {"id": "r", "usage": {"input_tokens": 9, "output_tokens": 1}}}

    async def answer(request: web.Request) -> web.StreamResponse:
        socket: web.WebSocketResponse = web.WebSocketResponse()
        await socket.prepare(request)
        async for frame in socket:
            asked.append(frame.data)
            await socket.send_json({"type": "response.created", "response": {"id": "r"}})
            await socket.send_json(ended)
        return socket

    asked: list[str] = []
    headers = dict([header.split(": ")]) if header else {}
    async with served(answer) as port, proxied(port, daily_budget_tokens=10) as w:
        async with w.client.ws_connect(w.url + "/v1/responses", headers=headers) as socket:
            request = {"type": "response.create", "model": "m", "input": [{"role": "user", "content": "hello"}]}
            await socket.send_json(request)
            assert [(await socket.receive_json())["type"] for _ in range(2)][-1] == "response.completed"
            await socket.send_json({**request, "stream_id": "main"})
            refused = await socket.receive_json()
            error = refused.pop("error")
            assert refused == {"type": "error", "status": 429, "stream_id": "main"}
            assert error["type"] == "insufficient_quota"
            assert "00:00 UTC" in error["message"]
        assert asked == [json.dumps(request)]
        stats = await w.stats()
        assert (stats["budget"]["used"], stats["reasons"]["over_budget"]) == ({"default": 10}, 1)


async def test_days_and_restarts(tmp_path: Path) -> None:
    clock = Clock()
    for status in (200, 200, 429, 429):
        engine = real_engine(budgets=Budgets(in_file(tmp_path, clock)))
        async with world(engine=engine, daily_budget_tokens=2 * ONE) as w:
            assert (await w.post("/v1/messages", b"{}"))[0] == status
    clock.now += 86_400
    engine = real_engine(budgets=Budgets(in_file(tmp_path, clock)))
    async with world(engine=engine, daily_budget_tokens=2 * ONE) as w:
        assert await used(w) == {}
        assert (await w.post("/v1/messages", b"{}"))[0] == 200
    with sqlite3.connect(tmp_path / BUDGETS_FILE) as db:
        assert db.execute("SELECT count(*), sum(tokens) FROM used").fetchone() == (1, ONE)


def test_the_day_ends_at_midnight() -> None:
    clock = Clock()
    counted = UsedToday(clock=clock)
    clock.now = 86_400.0 * 20_000 - 1
    counted.add("p", 5)
    assert (counted.by_project(), counted.resets()) == ({"p": 5}, ("2024-10-04 00:00 UTC", 2))
    clock.now += 1
    assert counted.by_project() == {}
    counted.add("p", 3)
    assert (counted.by_project(), counted.resets()[0]) == ({"p": 3}, "2024-10-05 00:00 UTC")


def test_processes_add_up_and_what_a_locked_file_does_not_take_is_not_lost(tmp_path: Path) -> None:
    clock = Clock()
    one, other = (UsedToday(tmp_path / BUDGETS_FILE, patience=0.01, clock=clock) for _ in range(2))
    one.add("p", 5)
    other.add("p", 7)
    assert one.by_project() == other.by_project() == {"p": 12}
    with sqlite3.connect(tmp_path / BUDGETS_FILE, isolation_level=None) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        one.add("p", 100)
        assert (one.by_project(), other.by_project()) == ({"p": 112}, {"p": 12})
        blocker.execute("ROLLBACK")
    one.add("q", 1)
    assert one.by_project() == other.by_project() == {"p": 112, "q": 1}


async def test_a_file_that_can_not_be_used_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / BUDGETS_FILE).write_bytes(b"no database at all" * 100)
    async with world(engine=real_engine(budgets=Budgets(in_file(tmp_path, Clock()))), daily_budget_tokens=ONE) as w:
        assert (await w.post("/v1/messages", b"{}"))[0] == 200
        assert (await w.post("/v1/messages", b"{}"))[0] == 429  # this process has counted on


async def test_workers_share_it_and_a_restart_remembers_it(home: Path) -> None:
    async with served(reply_ok) as port:
        arguments = (anthropic(port), "--workers", "2", "--daily-budget-tokens", str(6 * ONE))
        async with command_running(*arguments) as running:
            statuses = [await running.post("/v1/messages", b"{}", Connection="close") for _ in range(12)]
            assert statuses.count(200) >= 6
            assert statuses[-1] == 429
            stats = await running.get("/stats")
            assert stats["budget"]["used"] == {"default": statuses.count(200) * ONE}
        async with command_running(*arguments) as running:
            assert await running.post("/v1/messages", b"{}") == 429
    assert (home / BUDGETS_FILE).stat().st_mode & 0o777 == 0o600
