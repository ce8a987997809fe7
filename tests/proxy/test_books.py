"""What the books say of requests that went through the proxy: who is billed for what, and that nothing gets lost."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner

from headroom.cli.main import group
from headroom.marker import footer_ids
from headroom.proxy.engine import default_engine
from tests.proxy.test_command import anthropic, command_running
from tests.proxy.test_faults import recording, results, session
from tests.proxy.test_relay import LEFT_OUT, STREAM, retrieving, streaming
from tests.proxy.test_websocket import (
    ANSWER,
    ASKED,
    LISTED,
    SHOWN,
    answering,
    create,
    dial,
    frames_of,
    reply_of,
    sockets,
    with_original,
)
from tests.proxy.world import (
    ANTHROPIC_REPLY,
    LOG,
    TOKEN,
    World,
    anthropic_body,
    eventually,
    left_out,
    proxied,
    raw_served,
    real_engine,
    served,
    world,
)
from tests.replies.test_openai_responses import OWN, call, message, text

TOOLS = [{"name": "Bash", "description": "Run it.", "input_schema": {"type": "object"}}]
BILL = {"input": 7, "cache_read": 5, "cache_write": 3, "cache_write_1h": 0, "output": 2}  # of one `reply_ok`


def tokens(bill: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in bill.items() if name != "usd"}


async def whole(w: World) -> Any:
    """All that is told of the newest request."""
    return await w.told(f"requests/{(await w.line())['id']}")


# What nothing was done to


@pytest.mark.parametrize(
    ("headers", "reasons"),
    [
        ({"x_headroom_bypass": "true"}, ["bypassed"]),
        ({"x_headroom_level": "none"}, []),
        ({"x_headroom_project": '?!"'}, ["project_unknown"]),
        ({"x_amz_content_sha256": "abc"}, []),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_what_is_not_looked_at_is_billed_all_the_same(
    headers: dict[str, str], reasons: list[str], stream: bool
) -> None:
    handler = {"handler": streaming(STREAM)} if stream else {}
    body = anthropic_body(tools=TOOLS)
    async with world(**handler) as w:
        await w.post("/v1/messages", body, **headers)
        assert w.got[0].body == body
        told = await whole(w)
        assert (told["group"], told["reasons"], told["texts"], told["conversation"]) == ("untouched", reasons, [], "")
        assert (told["bytes_in"], told["bytes_forwarded"], told["ms_added"]) == (len(body), len(body), 0)
        assert told["measured"]
        assert told["billed"] == told["passthrough"]
        expected = {**BILL, "input": 10, "cache_read": 3, "cache_write": 4, "output": 20} if stream else BILL
        assert tokens(told["billed"]) == expected
        stats = await w.stats()
        assert (stats["saved"]["tokens"], stats["with_results"], stats["estimated_requests"]) == (0, 0, 0)


@pytest.mark.parametrize("headers", [{"x-headroom-bypass": "true"}, {"x-headroom-level": "none"}])
async def test_frames_that_are_not_looked_at_are_billed_too(headers: dict[str, str]) -> None:
    replies = message(), message(id="r2")
    async with sockets(answering(*replies)) as (w, upstream), dial(w, headers=headers) as socket:
        for _ in replies:
            await socket.send_str(frame := json.dumps(create(ASKED, LISTED, SHOWN), indent=1))
            await reply_of(socket)
        assert upstream.frames == [frame] * 2
        lines = await w.lines()
        assert {one["group"] for one in lines} == {"untouched"}
        bypassed = ["bypassed"] if "x-headroom-bypass" in headers else []
        assert [one["reasons"] for one in lines] == [["websocket", *bypassed]] * 2
        assert (await w.stats())["billed"]["output"] == 10
        assert (await w.stats())["saved"]["tokens"] == 0


async def test_uploads_are_counted_and_not_billed() -> None:
    async with world() as w:
        await w.post("/v1/files", b"x" * 100_000)
        line = await w.line()
        assert (line["bytes_in"], line["bytes_forwarded"], line["tokens_read"]) == (100_000, 100_000, 0)


async def test_levels_have_their_effect() -> None:
    found = {}
    for level in ("none", "lossless", "balanced"):
        async with world() as w:
            for body in session(2):
                await w.post("/v1/messages", body, x_headroom_level=level)
            line = await w.line()
            found[level] = left_out(line)
            assert line["group"] == ("untouched" if level == "none" else "treated")
            assert line["bytes_in"] - line["bytes_forwarded"] == len(body) - len(w.got[-1].body)
    assert found["none"] == 0 < found["lossless"] < found["balanced"]


# What went wrong


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_what_was_sent_again_as_it_came_saved_nothing(encoding: str) -> None:
    async def picky(request: web.Request) -> web.StreamResponse:
        return web.json_response(ANTHROPIC_REPLY, status=200 if await request.read() == body else 400)

    body = gzip.compress(anthropic_body()) if encoding == "gzip" else anthropic_body()
    async with world(picky) as w:
        status, _ = await w.post("/v1/messages", body, content_encoding=encoding)
        assert (status, len(w.got)) == (200, 2)
        told = await whole(w)
        assert (told["status"], told["reasons"], told["texts"]) == (200, ["retried_as_it_came"], [])
        assert told["billed"] == told["passthrough"]
        assert tokens(told["billed"]) == BILL
        assert (told["bytes_in"], told["bytes_forwarded"]) == (len(body), len(body))
        assert (await w.stats())["saved"]["tokens"] == 0


async def test_so_it_is_with_frames() -> None:
    refused = json.dumps({"type": "error", "status": 400, "error": {"message": "what is this"}})
    async with sockets(answering(refused, message())) as (w, _), dial(w) as socket:
        await socket.send_json(create(ASKED, LISTED, SHOWN))
        await reply_of(socket)
        told = await whole(w)
        assert (told["status"], told["reasons"], told["texts"]) == (200, ["websocket", "retried_as_it_came"], [])
        assert told["billed"] == told["passthrough"]
        assert told["billed"]["output"] == 5


async def test_a_refused_request_costs_nothing() -> None:
    async def refusing(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": "busy"}, status=529)

    async with world(refusing) as w:
        await w.post("/v1/messages", anthropic_body())
        told = await whole(w)
        assert (told["status"], set(tokens(told["billed"]).values()), told["tokens_saved"]) == (529, {0}, 0)
        stats = await w.stats()
        assert (stats["errors"], stats["estimated_requests"], stats["saved"]["tokens"]) == (1, 0, 0)


async def test_where_no_upstream_is_nothing_is_billed() -> None:
    async with raw_served(lambda reader, writer: asyncio.sleep(0)) as port:
        pass
    async with proxied(port) as w:
        await w.post("/v1/messages", anthropic_body())
        line = await w.line()
        assert (line["status"], line["reasons"], line["tokens_read"]) == (502, ["upstream_unreachable"], 0)


async def test_over_its_budget_nothing_is_billed() -> None:
    async with world(daily_budget_tokens=1) as w:
        for _ in range(2):
            await w.post("/v1/messages", anthropic_body())
        over, paid = await w.lines()
        assert (over["status"], over["reasons"], over["group"]) == (429, ["over_budget"], "untouched")
        assert (over["tokens_read"], over["bytes_forwarded"], paid["tokens_read"]) == (0, 0, 15)


async def test_a_client_that_goes_in_the_middle_has_paid_for_what_was_read() -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        await reply.write(STREAM[: STREAM.index(b"event: content_block_stop")])
        await asyncio.sleep(30)
        return reply

    async with world(slowly) as w:
        async with w.client.post(w.url + "/v1/messages", data=anthropic_body()) as reply:
            await reply.content.readany()
            reply.close()
        await eventually(lambda: w.booked() == 1)
        told = await whole(w)
        assert (told["status"], told["reasons"]) == (200, ["client_gone"])
        assert tokens(told["billed"]) == {**BILL, "input": 10, "cache_read": 3, "cache_write": 4, "output": 1}
        assert told["tokens_saved"] > 0


async def test_a_client_that_goes_before_the_reply_is_billed_for_nothing() -> None:
    begun = asyncio.Event()

    async def thinking(request: web.Request) -> web.StreamResponse:
        begun.set()
        await asyncio.sleep(30)
        return web.Response()

    async with world(thinking) as w:
        asking = asyncio.create_task(w.post("/v1/messages", anthropic_body()))
        await begun.wait()
        asking.cancel()
        await eventually(lambda: w.booked() == 1)
        line = await w.line()
        assert (line["status"], line["reasons"]) == (499, ["client_gone"])
        assert (line["tokens_read"], line["tokens_saved"]) == (0, 0)


# What was asked for


@pytest.mark.parametrize("stream", [True, False])
async def test_all_legs_of_a_retrieval_are_billed_and_the_answer_is_counted(stream: bool) -> None:
    first = json.dumps({"model": "m", "tools": TOOLS, "messages": [{"role": "user", "content": "why"}]}).encode()
    body = anthropic_body(tools=TOOLS, stream=stream).replace(b"why is it slow", b"why")
    async with world(retrieving(stream)) as w:
        await w.post("/v1/messages", first)
        await w.post("/v1/messages", body)
        told = await whole(w)
        output = 20 if stream else 1
        legs = {"input": 20, "cache_read": 6, "cache_write": 8, "cache_write_1h": 0, "output": 2 * output}
        assert tokens(told["billed"]) == legs
        assert told["measured"]
        assert told["passthrough"]["output"] < told["billed"]["output"] or not stream  # the call would not have been
        assert told["conversation"]
        assert (told["group"], told["retrieved"]) == ("treated", 1)
        assert told["retrieved_tokens"] > 5
        [id] = footer_ids(results(w.got[1].body)[0])
        assert told["retrievals"] == [{"id": id, "asked": "lines=138", "tokens": told["retrieved_tokens"]}]
        [logged] = (await w.told("retrievals"))["retrievals"]
        assert (logged["request"], logged["id"], logged["tokens"]) == (told["id"], id, told["retrieved_tokens"])
        [tool] = (await w.told("by/tool"))["rows"]
        assert (tool["name"], tool["retrieved_tokens"]) == ("Bash", told["retrieved_tokens"])
        assert tool["net_tokens"] == left_out(told) - told["retrieved_tokens"]
        [text] = told["texts"]
        assert (text["before"], LEFT_OUT in text["after"], text["id"]) == (LOG, False, id)


async def test_legs_on_a_socket() -> None:
    engine = real_engine()
    id = with_original(engine)
    asking = message(text("I look."), call("call_1", id, lines="2"))
    replies = asking, message(text("Second."), OWN, id="resp_2"), message(id="resp_3")
    async with sockets(answering(*replies), engine) as (w, _), dial(w) as socket:
        await socket.send_json(create(ASKED))
        await reply_of(socket)
        await socket.send_json(create(ANSWER, previous_response_id="resp_1"))
        await reply_of(socket)
        second, first = await w.lines()
        assert (first["retrieved"], second["retrieved"]) == (1, 0)
        assert first["conversation"] == second["conversation"] != ""
        billed = (await w.told(f"requests/{first['id']}"))["billed"]
        one = (await w.told(f"requests/{second['id']}"))["billed"]
        assert (billed["output"], one["output"]) == (10, 5)
        assert [billed[name] for name in ("input", "cache_read")] == [2 * one[name] for name in ("input", "cache_read")]


@pytest.mark.parametrize("by_client", [True, False])
async def test_legs_of_a_turn_that_breaks_off_in_the_second(by_client: bool) -> None:
    engine = real_engine()
    id = with_original(engine)

    async def talk(upstream: Any, socket: web.WebSocketResponse) -> None:
        await upstream.receive(socket)
        for frame in frames_of(message(text("I look."), call("call_1", id))):
            await socket.send_str(frame)
        await upstream.receive(socket)
        for frame in frames_of(message(text("It says"), id="resp_2"))[:-1]:
            await socket.send_str(frame)
        if by_client:
            await upstream.receive(socket)

    async with sockets(talk, engine) as (w, _):
        async with dial(w) as socket:
            await socket.send_json(create(ASKED))
            while (got := await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
                if by_client and "It says" in got.data:
                    break
        await eventually(lambda: w.booked() == 1)
        told = await whole(w)
        assert told["reasons"] == ["websocket", "client_gone" if by_client else "upstream_broke_off"]
        assert (told["retrieved"], told["billed"]["output"]) == (1, 5)  # of the leg that ended


async def test_a_report_is_of_the_new_texts_also_when_counting() -> None:
    async with world() as w:
        found = []
        for path in ("/v1/messages/count_tokens", "/v1/messages"):
            headers = {"x-headroom-report": "true"}
            async with w.client.post(w.url + path, data=anthropic_body(), headers=headers) as reply:
                found.append([int(reply.headers[f"x-headroom-tokens-{when}"]) for when in ("before", "after")])
        assert found[0] == found[1]
        assert found[0][0] > found[0][1] > 0
        turn, counted = await w.lines()
        assert (counted["tokens_before"], counted["group"], counted["tokens_read"]) == (0, "untouched", 0)
        assert [turn["tokens_before"], turn["tokens_after"]] == found[1]
        assert (await w.stats())["texts"]["looked_at"] == 1


# What can be asked


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", 200),
        ("?since=1d&until=all&project=nobody", 200),
        ("?since=yesterday", 400),
        ("/by/day", 200),
        ("/by/weather", 400),
        ("/series?bucket=hour", 200),
        ("/series?bucket=year", 400),
        ("/requests?limit=0", 200),
        ("/requests?limit=many", 400),
        ("/requests?before=-1", 400),
        ("/requests/1", 200),
        ("/requests/2", 404),
        ("/requests/none", 404),
        ("/retrievals", 200),
        ("/strategies", 200),
        ("/holdout", 200),
        ("/holdout/1", 404),
        ("/", 200),
        ("/nothing", 404),
    ],
)
async def test_questions_and_answers(path: str, status: int) -> None:
    async with world() as w:
        await w.post("/v1/messages", anthropic_body())
        for headers, found in (({"x-headroom-token": TOKEN}, status), ({}, 401)):
            async with w.client.get(f"{w.url}/stats{path}", headers=headers) as reply:
                assert reply.status == found
                said = await reply.json()
                assert status == 200 == found or said["error"]["message"].startswith("headroom: ")


async def test_lines_come_page_by_page() -> None:
    async with world() as w:
        for n in range(7):
            await w.post("/v1/messages", anthropic_body(str(n)), x_headroom_project=f"p{n}")
        first = (await w.told("requests?limit=3"))["requests"]
        then = (await w.told(f"requests?limit=3&before={first[-1]['id']}"))["requests"]
        assert [one["project"] for one in [*first, *then]] == ["p6", "p5", "p4", "p3", "p2", "p1"]
        assert (await w.told("by/project?project=p3"))["rows"][0]["requests"] == 1


# What is kept


async def test_whole_requests_are_kept_only_where_that_is_wanted(home: Path) -> None:
    for mib, kept in ((0, False), (1, True)):
        async with world(engine=default_engine(mib)) as w:
            for body in session(2, mib):
                await w.post("/v1/messages", body)
            told = await whole(w)
            assert ({"came", "sent"} <= set(told)) is kept
            if kept:
                assert (told["came"], told["sent"]) == (body.decode(), w.got[-1].body.decode())
            assert told["texts"][0]["before"] == results(body)[0]
            assert told["texts"][0]["after"] == results(w.got[-1].body)[0]


@pytest.mark.skipif(os.name != "posix", reason="forks")
async def test_by_command(tmp_path: Path) -> None:
    got: list[bytes] = []
    async with served(recording(got)) as port:
        async with command_running(anthropic(port), "--keep-requests", "1", "--workers", "2") as running:
            bodies = [*session(3)]
            for body in bodies:
                assert await running.post("/v1/messages", body) == 200
            await running.counts(3)
            newest, *_ = (await running.get("/stats/requests"))["requests"]
            told = await running.get(f"/stats/requests/{newest['id']}")
            assert told["sent"].encode() in got
        shown = CliRunner().invoke(group, ["inspect", "--last", "3", "--json"], standalone_mode=False)
        assert sorted(one["sent"].encode() for one in json.loads(shown.stdout)) == sorted(got)


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
@pytest.mark.parametrize("workers", ["1", "4"])
async def test_sums_of_all_workers_outlive_kill_9_and_restarts(home: Path, workers: str) -> None:
    got: list[bytes] = []
    async with served(recording(got)) as port:

        async def talk(running: Any, seed: int) -> None:
            async with aiohttp.ClientSession() as own:
                for body in session(4, seed):
                    async with own.post(running.url + "/v1/messages", data=body) as reply:
                        assert reply.status == 200

        sums: list[Any] = []
        for round in range(3):
            async with command_running(anthropic(port), "--workers", workers, "--budget-ms", "20000") as running:
                if sums:
                    again = await running.get("/stats")
                    assert {name: again[name] for name in sums[-1]} == sums[-1]
                await asyncio.gather(*(talk(running, 10 * round + n) for n in range(10)))
                await running.counts(40 * (round + 1))
                stats = await running.get("/stats")
                names = "requests conversations billed passthrough saved texts reasons statuses retrievals".split()
                sums.append({name: stats[name] for name in names})
                if round < 2:
                    running.process.send_signal(signal.SIGKILL)
                    await running.process.wait()
        total = sums[-1]
        assert total["requests"] == len(got) == 120
        assert total["conversations"] == 30
        assert tokens(total["billed"]) == {name: 120 * count for name, count in BILL.items()}
        assert total["texts"]["looked_at"] == total["texts"]["changed"] == 90
        assert total["passthrough"]["usd"] > total["billed"]["usd"]


async def settled(running: Any) -> Any:
    """The sums, when what was handed over by those who were killed is in the books."""
    stats = await running.get("/stats")
    while True:
        await asyncio.sleep(0.5)
        before, stats = stats, await running.get("/stats")
        if stats["requests"] == before["requests"] > 0:
            return stats


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
async def test_kill_9_in_the_middle_books_no_part(home: Path) -> None:
    got: list[bytes] = []
    async with served(recording(got)) as port:

        async def hammer(running: Any, seed: int) -> None:
            for body in session(500, seed):
                await running.post("/v1/messages", body)

        for pause in (0.15, 0.35, 0.25):
            async with command_running(anthropic(port), "--workers", "2") as running:
                clients = [asyncio.create_task(hammer(running, seed)) for seed in range(4)]
                await asyncio.sleep(pause)
                running.process.send_signal(signal.SIGKILL)
                await asyncio.gather(*clients, return_exceptions=True)
        async with command_running(anthropic(port)) as running:
            stats = await settled(running)
            lines = (await running.get("/stats/requests?limit=1000"))["requests"]
            assert 0 < stats["requests"] <= len(got)
            assert len(lines) == stats["requests"]
            assert stats["statuses"] == {"200": stats["requests"]}
            assert tokens(stats["billed"]) == {name: stats["requests"] * count for name, count in BILL.items()}
            assert left_out(stats) == sum(map(left_out, lines))
            shares = [abs(one["tokens_saved"]) for one in lines]
            assert abs(stats["saved"]["tokens"]) <= sum(shares) + 1
