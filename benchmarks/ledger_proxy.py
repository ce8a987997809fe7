"""Whether the books of a running proxy are right: `python -m benchmarks.ledger_proxy CONVERSATIONS.jsonl`.

The conversations of `ledger_accuracy` pass a real proxy, started as its users do, in front of a provider that bills
each request by its prompt cache. After every fifth reply the model asks for an original first. In the middle the proxy
is killed (-9) and started again. Then `headroom stats` is asked for each conversation (each is a project of its own):
what was billed must be what the provider has billed, and what it would have been for the requests as they came must be
what the same provider bills for those, to 0.5 %.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.ledger_accuracy import LIMIT, Provider, _bill, _cost, _requests
from headroom.marker import RETRIEVE_TOOL

_ID = re.compile(r"\bid=\\*\"([0-9a-z]{6,64})\\*\"")
_HANDED_OVER = 0.1  # seconds
_EVERY = 5  # replies, after which the model asks for an original
_NAME = "x-conversation"
_COMMAND = Path(sys.executable).with_name("headroom")


@dataclass
class Conversation:
    """What the provider has billed for a conversation, and would have for what its client sent."""

    went: Provider = field(default_factory=lambda: Provider("anthropic"))
    came: Provider = field(default_factory=lambda: Provider("anthropic"))
    billed: float = 0.0
    passthrough: float = 0.0
    replies: int = 0
    asked: int = 0


class Upstream:
    """The provider."""

    def __init__(self) -> None:
        self.conversations: dict[str, Conversation] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body, one = json.loads(raw), self.conversations[request.headers[_NAME]]
        usage = one.went.bill(body, marked=b'"cache_control"' in raw)
        one.billed += _cost(_bill(usage))
        one.replies += 1
        found = _ID.findall(raw.decode())
        asks = bool(found) and one.replies % _EVERY == 0
        one.asked += asks
        call = (
            {"type": "tool_use", "id": f"toolu_{one.replies}", "name": RETRIEVE_TOOL, "input": {"id": found[-1]}}
            if asks
            else None
        )
        return web.json_response(
            {
                "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"],
                "content": [call] if call else [{"type": "text", "text": "ok"}],
                "stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None,
                "usage": {
                    "input_tokens": usage.input, "cache_read_input_tokens": usage.cache_read,
                    "cache_creation_input_tokens": usage.cache_write, "output_tokens": 1,
                },
            }
        )  # fmt: skip


class Proxy:
    """A proxy process in a folder of its own."""

    def __init__(self, folder: Path, upstream: str, workers: int) -> None:
        self._environment = {**os.environ, "HEADROOM_HOME": str(folder)}
        self._arguments = ["proxy", "--port", "0", "--json", "--workers", str(workers), "--anthropic-url", upstream]
        self.start()

    def start(self) -> None:
        command = [str(_COMMAND), *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, env=self._environment, text=True)
        assert self._process.stdout is not None
        self.url: str = json.loads(self._process.stdout.readline())["url"]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)

    def stats(self, project: str) -> dict[str, Any]:
        command = [str(_COMMAND), "stats", "--since", "all", "--json", "--project", project]
        done = subprocess.run(command, capture_output=True, env=self._environment, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found


async def _play(session: aiohttp.ClientSession, proxy: Proxy, conversation: Any, one: Conversation) -> None:
    headers = {"x-headroom-project": conversation["id"], _NAME: conversation["id"], "x-api-key": "none"}
    for _, body in _requests(conversation):
        one.passthrough += _cost(_bill(one.came.bill(body)))
        async with session.post(proxy.url + "/v1/messages", json=body, headers=headers) as reply:
            await reply.read()
            assert reply.status == 200, reply.status


async def _run(conversations: list[Any], workers: int) -> bool:
    upstream = Upstream()
    upstream.conversations = {one["id"]: Conversation() for one in conversations}
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", upstream.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    with tempfile.TemporaryDirectory() as folder:
        proxy = await asyncio.to_thread(Proxy, Path(folder), f"http://127.0.0.1:{port}", workers)
        half = len(conversations) // 2
        async with aiohttp.ClientSession() as session:
            for some in (conversations[:half], conversations[half:]):
                waiting = [*some]

                async def player(waiting: list[Any] = waiting) -> None:
                    while waiting:
                        one = waiting.pop()
                        await _play(session, proxy, one, upstream.conversations[one["id"]])

                await asyncio.gather(*(player() for _ in range(workers)))
                if some is not conversations[half:]:
                    await asyncio.sleep(_HANDED_OVER)  # a request of the last milliseconds may be lost with the proxy
                    await asyncio.to_thread(proxy.kill)
                    await asyncio.to_thread(proxy.start)
        await asyncio.to_thread(proxy.stop)
        errors = [await asyncio.to_thread(_errors, proxy, name, one) for name, one in upstream.conversations.items()]
    await runner.cleanup()
    return _report(workers, errors, [*upstream.conversations.values()])


def _errors(proxy: Proxy, name: str, one: Conversation) -> tuple[float, float]:
    """By how much the books are wrong: the billed side, the other one."""
    stats = proxy.stats(name)
    billed, passthrough = (_units(stats[side]) for side in ("billed", "passthrough"))
    return billed / one.billed - 1, passthrough / one.passthrough - 1


def _units(side: dict[str, float]) -> float:
    return side["input"] + 0.1 * side["cache_read"] + 1.25 * side["cache_write"] + 2 * side["cache_write_1h"]


def _report(workers: int, errors: list[tuple[float, float]], conversations: list[Conversation]) -> bool:
    worst = [max(abs(pair[side]) for pair in errors) for side in (0, 1)]
    middle = median(abs(pair[1]) for pair in errors)
    total = sum(one.passthrough for one in conversations)
    off = sum(one.passthrough * error for one, (_, error) in zip(conversations, errors, strict=True)) / total
    bill = sum(one.billed for one in conversations) / total
    asked = sum(one.asked for one in conversations)
    print(
        f"{workers} workers, {len(conversations)} conversations, {asked} retrievals, killed once: bill {bill:.3f};"
        f" wrong by at most {100 * worst[0]:.3f} % (billed), {100 * worst[1]:.3f} % (as it came, per conversation;"
        f" median {100 * middle:.3f} %, in total {100 * off:+.3f} %)",
        flush=True,
    )
    return max(worst) <= LIMIT


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file", type=Path)
    arguments.add_argument("--every", type=int, default=1, help="take only every so-manieth conversation")
    arguments.add_argument("--workers", type=int, action="append", help="default: 1 and 4")
    given = arguments.parse_args()
    with given.file.open() as lines:
        conversations = [json.loads(line) for i, line in enumerate(lines) if i % given.every == 0]
    fine = [asyncio.run(_run(conversations, workers)) for workers in given.workers or (1, 4)]
    sys.exit(not all(fine))


if __name__ == "__main__":
    main()
