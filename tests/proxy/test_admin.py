"""The proxy's own routes, as gateways and tools use them."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.proxy.world import LOG, TOKEN, World, anthropic_body, world

CALL = {"id": "c1", "type": "function", "function": {"name": "Bash", "arguments": '{"command": "cat worker.log"}'}}
CHAT = [
    {"role": "user", "content": "why is it slow"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": LOG},
]


async def ask(w: World, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, answer = await w.post(path, data, x_headroom_token=TOKEN, **headers)
    return status, json.loads(answer)


async def test_compress_as_gateways_ask_for_it() -> None:
    async with world() as w:
        status, answer = await ask(w, "/v1/compress", {"messages": CHAT, "model": "gpt-x"})
        assert status == 200
        assert set(answer) == {
            "messages",
            "tokens_before",
            "tokens_after",
            "tokens_saved",
            "compression_ratio",
            "transforms_applied",
            "ccr_hashes",
        }
        assert answer["tokens_before"] - answer["tokens_after"] == answer["tokens_saved"] > 0
        assert 0 < answer["compression_ratio"] < 1
        assert answer["messages"][:2] == CHAT[:2]
        assert answer["ccr_hashes"] == []  # nobody said that the model can ask for what is left out
        assert w.got == []


async def test_compress_with_what_is_left_out_to_be_retrieved() -> None:
    async with world() as w:
        for asked in ({"config": {"mode": "ccr"}}, {"level": "balanced"}, {"tools": [{"name": "headroom_retrieve"}]}):
            _, answer = await ask(w, "/v1/compress", {"messages": CHAT, **asked})
            (id,) = answer["ccr_hashes"]
        assert len(answer["messages"][2]["content"]) < len(LOG) / 4
        status, part = await ask(w, "/v1/retrieve", {"id": id})
        assert (status, part["text"], part["total"]) == (200, LOG, 401)
        _, part = await ask(w, "/v1/retrieve", {"id": id, "lines": "3-5"})
        assert part["text"].split("\n") == LOG.split("\n")[2:5]
        _, part = await ask(w, "/v1/retrieve", {"hash": id, "query": "request 77", "limit": 1})
        assert "request 77" in part["text"]
        async with w.client.get(f"{w.url}/v1/retrieve/{id}?lines=2", headers={"x-headroom-token": TOKEN}) as reply:
            assert (await reply.json())["original_content"] == LOG.split("\n")[1]


async def test_compress_bypassed_and_anthropic_and_gzip() -> None:
    async with world() as w:
        _, answer = await ask(w, "/v1/compress", {"messages": CHAT}, x_headroom_bypass="true")
        assert (answer["messages"], answer["tokens_saved"], answer["compression_ratio"]) == (CHAT, 0, 1.0)
        messages = json.loads(anthropic_body())["messages"]
        _, answer = await ask(
            w, "/v1/compress", gzip.compress(json.dumps({"messages": messages}).encode()), content_encoding="gzip"
        )
        assert answer["tokens_saved"] > 0


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/compress", b"", 400),
        ("/v1/compress", b"[]", 400),
        ("/v1/compress", b"\xff", 400),
        ("/v1/compress", b"[" * 100_000, 400),
        ("/v1/compress", {"messages": "x"}, 400),
        ("/v1/compress", {"messages": [{"role": "nobody"}]}, 400),
        ("/v1/compress", {"messages": CHAT, "level": "extreme"}, 400),
        ("/v1/retrieve", {}, 400),
        ("/v1/retrieve", {"id": 7}, 400),
        ("/v1/retrieve", {"id": "zzzzzzzz"}, 404),
        ("/v1/retrieve", {"id": "x", "limit": "many"}, 400),
        ("/stats", {}, 405),
    ],
)
async def test_what_can_not_be_answered_is_said_so(path: str, body: Any, status: int) -> None:
    async with world() as w:
        found, answer = await ask(w, path, body)
        assert found == status
        assert answer["error"]["message"].startswith("headroom: ")


async def test_own_routes_have_limits_too() -> None:
    async with world(max_body=1000) as w:
        status, _ = await ask(w, "/v1/compress", {"messages": CHAT})
        assert status == 413


async def test_projects_do_not_see_each_other() -> None:
    from headroom.ccr.default import default_store
    from tests.proxy.world import real_engine

    async with world(engine=real_engine(store_of=default_store)) as w:
        _, answer = await ask(w, "/v1/compress", {"messages": CHAT, "level": "balanced"}, x_headroom_project="one")
        (id,) = answer["ccr_hashes"]
        assert (await ask(w, "/v1/retrieve", {"id": id}, x_headroom_project="one"))[0] == 200
        assert (await ask(w, "/v1/retrieve", {"id": id}))[0] == 404
        assert (await ask(w, "/v1/retrieve", {"id": id}, x_headroom_project='"?'))[0] == 400


async def test_stats_are_figures() -> None:
    async with world() as w:
        for i in range(25):
            await w.post("/v1/messages", anthropic_body(str(i)))
        stats = await w.stats()
        assert stats["requests"] == 25
        assert stats["statuses"] == {"200": 25}
        assert len(await w.lines()) == 25
        assert stats["reasons"]["too_small"] >= 20


async def test_no_saving_at_all_is_warned_of() -> None:
    async with world() as w:
        nothing_to_read = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()
        for i in range(19):
            await w.post("/v1/messages", nothing_to_read)
            await w.post("/v1/messages", anthropic_body(str(i)))
        assert (await w.stats())["warnings"] == []
        await w.post("/v1/messages", anthropic_body("the twentieth"))
        stats = await w.stats()
        assert stats["with_results"] == 20
        assert "nothing was saved" in stats["warnings"][0]
        await w.post("/v1/messages", anthropic_body())
        assert (await w.stats())["warnings"] == []
