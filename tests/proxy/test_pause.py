"""Pause and resume: nothing new is shortened meanwhile, what was sent shortened stays as it was, in all workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from headroom.marker import RETRIEVE_TOOL
from tests.proxy.test_command import anthropic, command_running
from tests.proxy.test_faults import keeps_its_beginning, recording, results, session
from tests.proxy.test_websocket import ASKED, LISTED, SHOWN, answering, create, dial, reply_of, sockets
from tests.proxy.world import TOKEN, World, anthropic_body, eventually, left_out, served, world
from tests.replies.test_openai_responses import message, text


async def turn(w: World, to: str) -> Any:
    status, answer = await w.post(f"/{to}", b"", x_headroom_token=TOKEN)
    assert status == 200
    return json.loads(answer)


async def test_nothing_new_is_shortened_and_what_was_sent_stays() -> None:
    bodies = [*session(6)]
    async with world() as w:
        for n, body in enumerate(bodies):
            if n == 2:
                assert await turn(w, "pause") == {"paused": True}
            elif n == 4:
                assert await turn(w, "resume") == {"paused": False}
            assert (await w.stats())["paused"] is (n in (2, 3))
            await w.post("/v1/messages", body)
        sent = [got.body for got in w.got]
        last, came = results(sent[-1]), results(bodies[-1])
        reasons = [one["reasons"] for one in await w.lines()][::-1]
        texts = [left_out(one) for one in await w.lines()][::-1]
    assert keeps_its_beginning(sent)
    assert all(longer.startswith(shorter.removesuffix(b"]}")) for shorter, longer in pairwise(sent))
    assert [one == other for one, other in zip(last, came, strict=True)] == [False, True, True, False, False]
    assert reasons == [[], [], ["paused"], ["paused"], [], []]
    assert [tokens > 0 for tokens in texts] == [False, True, False, False, True, True]


async def test_a_conversation_that_begins_meanwhile_goes_as_it_came() -> None:
    bodies = [*session(4)]
    async with world() as w:
        await turn(w, "pause")
        for body in bodies[:3]:
            await w.post("/v1/messages", body)
        assert [got.body for got in w.got] == bodies[:3]
        await turn(w, "resume")
        await w.post("/v1/messages", bodies[3])
        assert w.got[-1].body.startswith(bodies[2].removesuffix(b"]}"))
        assert results(w.got[-1].body)[:2] == results(bodies[2])
        assert RETRIEVE_TOOL.encode() not in w.got[-1].body


async def test_frames_too() -> None:
    replies = message(), message(text("ok"), id="r2"), message(text("ok"), id="r3")
    async with sockets(answering(*replies)) as (w, upstream), dial(w) as socket:
        await socket.send_json(create(ASKED))
        await reply_of(socket)
        await turn(w, "pause")
        await socket.send_json(create(LISTED, SHOWN, previous_response_id="resp_1"))
        await reply_of(socket)
        assert upstream.sent[1]["input"] == [LISTED, SHOWN]
        assert upstream.sent[1]["tools"] == upstream.sent[0]["tools"]
        assert (await w.line())["reasons"] == ["websocket", "paused"]
        await turn(w, "resume")
        await socket.send_json(create(LISTED, SHOWN, previous_response_id="r2"))
        await reply_of(socket)
        assert upstream.sent[2]["input"][1] != SHOWN


async def test_only_the_owner_may() -> None:
    async with world() as w:
        for path in ("/pause", "/resume"):
            assert (await w.post(path, b""))[0] in (401, 403)
            async with w.client.get(w.url + path, headers={"x-headroom-token": TOKEN}) as reply:
                assert reply.status == 405
        assert (await w.stats())["paused"] is False


async def command(name: str, url: str) -> None:
    program = f"from headroom.cli.main import main; main([{name!r}, '--url', {url!r}])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0


@pytest.mark.skipif(os.name != "posix", reason="forks")
async def test_all_workers_pause_and_go_on_by_command_also_those_that_are_started_meanwhile() -> None:
    got: list[bytes] = []
    conversations = iter(range(1000))
    arguments = "--workers", "3", "--budget-ms", "20000"
    async with served(recording(got)) as port, command_running(anthropic(port), *arguments) as running:
        await eventually(lambda: len(running.workers()) == 3)

        async def are_shortened() -> set[bool]:
            """Over connections of their own, as many as reach each worker."""

            async def one() -> bool:
                body = anthropic_body(f"{next(conversations)} " + "".join(results([*session(2)][1])))
                async with aiohttp.ClientSession() as own, own.post(running.url + "/v1/messages", data=body) as reply:
                    assert reply.status == 200
                return got.count(body) == 0

            return set(await asyncio.gather(*(one() for _ in range(24))))

        assert await are_shortened() == {True}
        await command("pause", running.url)
        assert await are_shortened() == {False}
        await running.counts(48)
        old = running.workers()
        os.kill(old[0], signal.SIGKILL)
        await eventually(lambda: len(running.workers()) == 3 and running.workers() != old)
        assert await are_shortened() == {False}
        await command("resume", running.url)
        assert await are_shortened() == {True}
        await running.counts(96)
        reasons = (await running.get("/stats"))["reasons"]
        assert reasons["paused"] == 48
