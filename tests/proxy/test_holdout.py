"""`--holdout`: a share of the conversations goes as it comes from the first request to the last, and is told apart."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from headroom.cache_aligner import CacheAligner
from headroom.ccr.pins import SQLitePins
from headroom.errors import InputError
from headroom.proxy.engine import Engine, default_engine
from headroom.proxy.settings import Settings
from headroom.proxy.steady_prompt import SteadyPrompt
from headroom.proxy.tool_order import ToolOrder
from tests.proxy.test_command import anthropic, command_running
from tests.proxy.test_faults import recording, session
from tests.proxy.test_relay import retrieving, streaming
from tests.proxy.test_steady_prompt import BODIES, PATHS, clock
from tests.proxy.test_websocket import ASKED, LISTED, SHOWN, answering, create, dial, reply_of, sockets
from tests.proxy.test_websocket import TOOLS as RESPONSES_TOOLS
from tests.proxy.world import LOG, World, anthropic_body, left_out, proxied, real_engine, served, world
from tests.replies.test_openai_responses import events, message, text

SEVERAL = 24


async def converse(w: World, seed: object, turns: Sequence[int], **headers: str) -> bool:
    """Goes on with a conversation; says whether all of it went as it came."""
    bodies = [*session(max(turns) + 1, seed)]
    done: dict[int, bool] = {}
    for turn in turns:
        before = len(w.got)
        assert (await w.post("/v1/messages", bodies[turn], **headers))[0] == 200
        done[turn] = w.got[before].body == bodies[turn]
    assert len({same for turn, same in done.items() if turn}) <= 1  # in a first request there is nothing to shorten
    return done[turns[-1]]


async def groups(w: World) -> list[str]:
    return [one["group"] for one in await w.lines()][::-1]


async def test_a_held_out_conversation_goes_as_it_came_and_is_booked_so() -> None:
    async with world(retrieving(False), holdout=1) as w:
        assert await converse(w, 1, range(5))
        assert len(w.got) == 5  # the model is offered nothing, so it asks for nothing
        assert await groups(w) == ["holdout"] * 5
        stats = await w.stats()
        assert stats["billed"] == stats["passthrough"]
        assert (stats["conversations"], stats["texts"]["changed"], stats["saved"]["tokens"]) == (1, 0, 0)
        assert stats["billed"]["output"] > 0


async def test_it_stays_held_out_after_a_restart_through_another_worker_and_whatever_the_share_is_then(
    home: Path,
) -> None:
    """And the others stay treated: the share decides about conversations that begin."""
    held: list[bool] = []
    async with world(engine=default_engine(), holdout=0.5) as w:
        for seed in range(SEVERAL):
            held.append(await converse(w, seed, (0, 1)))
        assert 0 < sum(held) < SEVERAL
        async with proxied(w.upstream_port, default_engine(), holdout=0.5) as other:
            other.got = w.got
            assert [await converse(other, seed, (2,)) for seed in range(SEVERAL)] == held
    for share in (0, 1):
        async with world(engine=default_engine(), holdout=share) as w:
            assert [await converse(w, seed, (3, 4)) for seed in range(SEVERAL)] == held
            rows = (await w.told("by/conversation"))["rows"]
            assert sorted(row["group"] for row in rows) == sorted("holdout" if one else "treated" for one in held)
            assert {row["saved_percent"] for row in rows if row["group"] == "holdout"} <= {0, None}
            assert sum(row["requests"] for row in rows) == SEVERAL * (5 if share == 0 else 7)
            found = await w.told("holdout")
            while_some_were_held_out = held[held.index(True) : SEVERAL - held[::-1].index(True)]
            assert {(one["treated"], one["held_out"]) for one in found["measures"]} == {
                (while_some_were_held_out.count(False), held.count(True))
            }
            assert "cost per conversation" in found["text"]


async def test_nothing_is_compared_where_nothing_is_held_out() -> None:
    async with world() as w:
        await converse(w, 1, range(3))
        assert await w.told("holdout") == {"text": "", "measures": []}


async def test_one_that_is_met_midway_is_booked_as_such_and_not_compared() -> None:
    async with world(holdout=1) as w:
        await converse(w, "adopted", (3, 4))
        await converse(w, "new", range(3))
        assert await groups(w) == ["adopted", "treated", *["holdout"] * 3]
        rows = {row["group"]: row["requests"] for row in (await w.told("by/conversation"))["rows"]}
        assert rows == {"adopted": 2, "holdout": 3}
        assert {(one["treated"], one["held_out"]) for one in (await w.told("holdout"))["measures"]} == {(0, 1)}


@pytest.mark.parametrize("headers", [{"x_headroom_bypass": "true"}, {"x_headroom_level": "none"}])
async def test_what_goes_as_it_comes_for_other_reasons_is_not_held_out(headers: dict[str, str]) -> None:
    """Neither by its client's wish, nor because the provider refused it changed."""
    async with world(holdout=0.5) as w:
        for seed in range(SEVERAL):
            await converse(w, seed, (0,), **headers)
            assert await converse(w, seed, (1, 2))
        assert set(await groups(w)) == {"untouched"}
        stats = await w.stats()
        assert (stats["requests"], stats["conversations"]) == (3 * SEVERAL, SEVERAL)

    async def refusing(request: web.Request) -> web.StreamResponse:
        as_it_came = await request.read() in known
        return web.json_response({}, status=200 if as_it_came else 400)

    known = {body for seed in range(SEVERAL) for body in session(4, seed)}
    async with world(refusing, holdout=0.5) as w:
        for seed in range(SEVERAL):
            for body in session(4, seed):
                assert (await w.post("/v1/messages", body))[0] == 200
        rows = (await w.told("by/conversation"))["rows"]
        assert len(rows) == SEVERAL
        refused = (await w.stats())["reasons"]["retried_as_it_came"]
        assert refused == sum(row["group"] == "treated" for row in rows) < SEVERAL


async def test_one_request_that_is_bypassed_leaves_its_conversation_held_out() -> None:
    async with world(holdout=1) as w:
        await converse(w, 1, (0, 1))
        await converse(w, 1, (2,), x_headroom_bypass="true")
        await converse(w, 1, (3, 4))
        assert await groups(w) == ["holdout", "holdout", "untouched", "holdout", "holdout"]
        assert (await w.stats())["conversations"] == 1


@pytest.mark.parametrize("dialect", PATHS)
async def test_a_steady_prompt_and_the_order_of_tools_are_not_for_them(dialect: str, tmp_path: Path) -> None:
    def engine() -> Engine:
        pins = SQLitePins(tmp_path / "pins")
        return real_engine(aligner=CacheAligner(pins), steady_prompt=SteadyPrompt(pins), tool_order=ToolOrder(pins))

    for turns in ((1, 2), (3, 4)):
        async with world(engine=engine(), align=True, holdout=1) as w:
            for turn in turns:
                body = BODIES[dialect](clock(turn), turn)
                if turn % 2 and dialect != "gemini":
                    body["tools"] = body["tools"][::-1]
                raw = json.dumps(body).encode()
                await w.post(PATHS[dialect], raw)
                assert w.got[-1].body == raw
            assert set(await groups(w)) == {"holdout"}


async def test_counting_counts_what_is_sent() -> None:
    first, second, *_ = session(3)
    async with world(holdout=1) as w:
        await w.post("/v1/messages", first)
        for path in ("/v1/messages/count_tokens", "/v1/messages"):
            await w.post(path, second)
            assert w.got[-1].body == second


async def test_frames_too() -> None:
    replies = message(LISTED | {"id": "fc"}), message(text("ok"), id="resp_2")
    async with sockets(answering(*replies), holdout=1) as (w, upstream), dial(w) as socket:
        frames = [json.dumps(create(ASKED)), json.dumps(create(SHOWN, previous_response_id="resp_1"))]
        for frame in frames:
            await socket.send_str(frame)
            await reply_of(socket)
        assert upstream.frames == frames
        assert await groups(w) == ["holdout"] * 2
        assert (await w.stats())["conversations"] == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_requests_that_only_name_the_reply_that_they_go_on_from(home: Path, stream: bool) -> None:
    replies = iter([message(LISTED | {"id": "fc"}), *(message(text("ok"), id=f"resp_{n}") for n in (2, 3))])

    async def upstream(request: web.Request) -> web.StreamResponse:
        reply = next(replies)
        return await streaming(events(reply))(request) if stream else web.json_response(reply)

    bodies = [
        json.dumps({"model": "m", "tools": RESPONSES_TOOLS, "stream": stream, **more}).encode()
        for more in (
            {"input": [ASKED]},
            {"input": [SHOWN], "previous_response_id": "resp_1"},
            {"input": [ASKED], "previous_response_id": "resp_2"},
        )
    ]
    async with world(upstream, default_engine(), holdout=1) as w:
        for body in bodies[:2]:
            await w.post("/v1/responses", body)
        assert (await w.stats())["requests"] == 2
        async with proxied(w.upstream_port, default_engine()) as restarted:
            await restarted.post("/v1/responses", bodies[2])
            assert [got.body for got in w.got] == bodies
            assert await groups(restarted) == ["holdout"] * 3
            assert (await restarted.stats())["conversations"] == 1


async def test_the_share_can_be_changed_while_it_runs(tmp_path: Path) -> None:
    got: list[bytes] = []
    file = tmp_path / "headroom.toml"
    asked = [anthropic_body(f"{n} {LOG}") for n in range(3)]
    async with served(recording(got)) as port:
        file.write_text("[proxy]\nholdout = 1.0\n")
        async with command_running(anthropic(port), "--config", str(file)) as running:
            assert await running.post("/v1/messages", asked[0]) == 200
            file.write_text("[proxy]\nholdout = 0.0\n")
            await running.told(signal.SIGHUP, 1)
            for body in (asked[1], asked[0], asked[2]):
                assert await running.post("/v1/messages", body) == 200
            lines: list[dict[str, Any]] = (await running.get("/stats/requests"))["requests"]
    assert [sent == came for sent, came in zip(got, (asked[0], asked[1], asked[0], asked[2]), strict=True)] == [
        True, False, True, False,
    ]  # fmt: skip
    assert [one["group"] for one in lines][::-1] == ["holdout", "treated", "holdout", "treated"]


async def test_the_share_is_a_share() -> None:
    async with world(holdout=0.25) as w:
        for seed in range(200):
            await w.post("/v1/messages", next(session(1, seed)))
        rows = (await w.stats())["conversations"], (await w.told("holdout"))["measures"][0]["held_out"]
        assert rows[0] == 200
        assert 25 <= rows[1] <= 80  # five standard deviations
        assert left_out(await w.stats()) == 0


@pytest.mark.parametrize("share", [-0.1, 1.1, 10])
def test_a_share_is_between_none_and_all(share: float) -> None:
    with pytest.raises(InputError, match="--holdout"):
        Settings.of(holdout=share)
