"""`--dry-run`: every byte goes as it came, the books say what would have been saved, nothing else is kept."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from headroom.ccr.default import STORE_FILE
from headroom.ledger.source import LEDGER_FILE
from headroom.proxy.engine import PINS_FILE, TRIAL_FILE, default_engine
from headroom.proxy.settings import Settings
from tests.proxy.test_command import anthropic, command_running
from tests.proxy.test_faults import recording, session
from tests.proxy.test_relay import retrieving
from tests.proxy.test_websocket import ASKED, LISTED, SHOWN, answering, create, dial, reply_of, sockets
from tests.proxy.world import LOG, TOKEN, World, anthropic_body, eventually, left_out, served, world
from tests.replies.test_openai_responses import message, text

TOOLS = [{"name": "Bash", "description": "Run it.", "input_schema": {"type": "object"}}]
CHAT_TOOLS = [{"type": "function", "function": {"name": "Bash", "parameters": {"type": "object"}}}]


def openai_session() -> Iterator[bytes]:
    messages: list[Any] = [{"role": "user", "content": "why is it slow"}]
    for turn in range(3):
        yield json.dumps({"model": "gpt-x", "tools": CHAT_TOOLS, "messages": messages}).encode()
        function = {"name": "Bash", "arguments": '{"command": "cat worker.log"}'}
        call = {"id": f"c{turn}", "type": "function", "function": function}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{turn}", "content": LOG.replace("handled", f"handled {turn}")},
        ]


async def converse(w: World, path: str, bodies: list[bytes]) -> None:
    for body in bodies:
        assert (await w.post(path, body))[0] == 200


@pytest.mark.parametrize(
    ("path", "bodies"), [("/v1/messages", [*session(4)]), ("/v1/chat/completions", [*openai_session()])]
)
async def test_every_byte_goes_as_it_came_and_the_books_say_what_would_have_been_saved(
    path: str, bodies: list[bytes]
) -> None:
    async with world(dry_run=True) as w:
        await converse(w, path, bodies)
        assert [got.body for got in w.got] == bodies
        stats = await w.stats()
        assert (stats["requests"], stats["conversations"], stats["texts"]["looked_at"]) == (len(bodies), 1, 0)
        assert stats["billed"] == stats["passthrough"]
        assert stats["saved"]["tokens"] == 0
        tried = stats["dry_run"]
        assert tried["requests"] == len(bodies)
        assert tried["billed"] == stats["billed"]
        assert left_out(tried) > 1_000
        assert tried["would_save"]["tokens"] == sum(one["would_save"]["tokens"] for one in await w.lines())
        assert {one["group"] for one in await w.lines()} == {"dry_run"}
        rows = (await w.told("by/tool"))["rows"]
        assert sum(row["would_save_tokens"] for row in rows) == left_out(tried)
    async with world() as w:  # just as many tokens as really are left out
        await converse(w, path, bodies)
        assert left_out(await w.stats()) == left_out(tried)


async def test_what_would_have_been_saved_is_worth_what_was_billed() -> None:
    """A provider that bills by length: less would have been read, and it would have cost less."""

    async def billing(request: web.Request) -> web.StreamResponse:
        usage = {"input_tokens": len(await request.read()) // 3, "output_tokens": 5}
        return web.json_response({"type": "message", "model": "claude-sonnet-4-5", "content": [], "usage": usage})

    bodies = [*session(4)]
    async with world(billing, dry_run=True) as w:
        await converse(w, "/v1/messages", bodies)
        stats = await w.stats()
        assert stats["billed"]["input"] == sum(len(body) // 3 for body in bodies)
        would = stats["dry_run"]["would_save"]
        assert would["tokens"] > 1_000
        assert 0 < would["usd"] < stats["billed"]["usd"]
        assert would["percent"] > 20


@pytest.mark.parametrize("path", ["/v1/messages/count_tokens", "/v1/messages/batches"])
async def test_what_else_there_is_goes_as_it_came(path: str) -> None:
    one = json.loads(anthropic_body())
    body = json.dumps({"requests": [{"custom_id": "a", "params": one}]} if "batches" in path else one).encode()
    async with world(dry_run=True) as w:
        await w.post(path, body)
        assert w.got[0].body == body
        assert (await w.stats())["saved"]["tokens"] == 0


async def test_gateways_get_their_messages_back() -> None:
    messages = json.loads(anthropic_body())["messages"]
    async with world(dry_run=True) as w:
        asked = json.dumps({"messages": messages, "level": "balanced"}).encode()
        _, answer = await w.post("/v1/compress", asked, x_headroom_token=TOKEN)
        assert json.loads(answer)["messages"] == messages


async def test_no_model_is_offered_anything_and_no_call_is_answered() -> None:
    async with world(retrieving(False), dry_run=True) as w:
        for body in session(3):
            await w.post("/v1/messages", body)
        assert len(w.got) == 3
        assert (await w.stats())["retrievals"]["count"] == 0


async def test_frames_go_as_they_came() -> None:
    """Also where a request only names the reply that it goes on from."""
    going_on = create(SHOWN, previous_response_id="resp_1")
    found = []
    for dry_run in (True, False):
        replies = message(LISTED | {"id": "fc"}), message(text("ok"), id="r2")
        async with sockets(answering(*replies), dry_run=dry_run) as (w, upstream), dial(w) as socket:
            frames = [json.dumps(create(ASKED), indent=1), json.dumps(going_on, indent=1)]
            for frame in frames:
                await socket.send_str(frame)
                await reply_of(socket)
            assert (upstream.frames == frames) is dry_run
            assert len({one["conversation"] for one in await w.lines()}) == 1
            stats = await w.stats()
            found.append(left_out(stats["dry_run"] if dry_run else stats))
    assert found[0] == found[1] > 1_000


def databases(home: Path) -> dict[str, bytes]:
    """Each with its write-ahead log."""
    return {file.name: file.read_bytes() + log(file) for file in home.glob("*.sqlite3")}


def log(file: Path) -> bytes:
    there = file.with_name(file.name + "-wal")
    return there.read_bytes() if there.exists() else b""


async def test_nothing_but_the_books_is_touched(home: Path) -> None:
    engine = default_engine()
    async with world(engine=engine) as w:
        await converse(w, "/v1/messages", [*session(3)])
    before = databases(home)
    assert {STORE_FILE, PINS_FILE, LEDGER_FILE} <= set(before)
    async with world(engine=default_engine(), dry_run=True) as w:
        bodies = [*session(6), *session(4, "other")]
        await converse(w, "/v1/messages", bodies)
        await w.post("/v1/messages", bodies[-1], x_headroom_bypass="true")
        assert [got.body for got in w.got] == [*bodies, bodies[-1]]
        assert left_out((await w.stats())["dry_run"]) > 1_000
        after = databases(home)
    assert {name for name in after if name not in before} == {TRIAL_FILE}
    assert {name for name in before if after[name] != before[name]} == {LEDGER_FILE}


@pytest.mark.skipif(os.name != "posix", reason="forks")
async def test_workers_know_of_each_other_what_they_tried() -> None:
    """Each request over a connection of its own, and so most of them through another worker, also after a restart."""
    got: list[bytes] = []
    sessions = [[*session(6, seed)] for seed in range(4)]
    tried = []
    arguments = "--dry-run", "--workers", "3", "--budget-ms", "20000"
    async with served(recording(got)) as port:

        async def go_on(turns: range) -> None:
            for bodies in sessions:
                for body in bodies[turns.start : turns.stop]:
                    async with aiohttp.ClientSession() as own, own.post(running.url + "/v1/messages", data=body) as r:
                        assert r.status == 200

        for turns in (range(3), range(3, 6)):
            async with command_running(anthropic(port), *arguments) as running:
                await eventually(lambda: len(running.workers()) == 3)
                await go_on(turns)
                await running.counts(4 * turns.stop)
                tried.append(await running.get("/stats"))
    assert sorted(got) == sorted(body for bodies in sessions for body in bodies)
    assert [one["conversations"] for one in tried] == [4, 4]
    assert "already_sent" not in tried[-1]["reasons"]
    async with world() as w:
        for bodies in sessions:
            await converse(w, "/v1/messages", bodies)
        assert left_out(tried[-1]["dry_run"]) == left_out(await w.stats())


async def test_nothing_is_kept_for_long() -> None:
    async with world(dry_run=True) as w:
        await converse(w, "/v1/messages", [*session(3)])
        assert w.engine.trial.store.entries() == []


async def test_who_asks_for_a_report_is_told_what_would_be() -> None:
    async with world(dry_run=True) as w:
        headers = {"x-headroom-report": "true"}
        async with w.client.post(w.url + "/v1/messages", data=anthropic_body(), headers=headers) as reply:
            before, after = (int(reply.headers[f"x-headroom-tokens-{when}"]) for when in ("before", "after"))
        assert before > after
        assert w.got[0].body == anthropic_body()


async def test_it_can_be_switched_on_and_off_while_it_runs(tmp_path: Path) -> None:
    got: list[bytes] = []
    file = tmp_path / "headroom.toml"
    async with served(recording(got)) as port:
        file.write_text("[proxy]\ndry_run = true\n")
        async with command_running(anthropic(port), "--config", str(file)) as running:
            assert await running.post("/v1/messages", anthropic_body()) == 200
            file.write_text("[proxy]\ndry_run = false\n")
            await running.told(signal.SIGHUP, 1)
            assert await running.post("/v1/messages", anthropic_body("other " + LOG)) == 200
            file.write_text("[proxy]\ndry_run = true\n")
            await running.told(signal.SIGHUP, 1)
            assert await running.post("/v1/messages", anthropic_body("another " + LOG)) == 200
            stats = await running.get("/stats")
    assert got[0] == anthropic_body()
    assert len(got[1]) < len(got[0]) * 0.7
    assert got[2] == anthropic_body("another " + LOG)
    assert (stats["requests"], stats["dry_run"]["requests"], stats["texts"]["changed"]) == (3, 2, 1)


async def test_a_conversation_that_was_only_tried_counts_as_met_midway_afterwards() -> None:
    bodies = [*session(4)]
    async with world(dry_run=True) as w:
        await converse(w, "/v1/messages", bodies[:3])
        w.proxy.use(Settings.of(**{f"{name}_url": f"http://127.0.0.1:{w.upstream_port}" for name in ("anthropic",)}))
        await converse(w, "/v1/messages", bodies[3:])
        assert w.got[-1].body != bodies[-1]
        assert w.got[-1].body.startswith(bodies[2].removesuffix(b"]}"))
        assert (await w.line())["group"] == "adopted"
