"""The dashboard over many requests: `python -m benchmarks.dashboard [--requests 100000] [--pictures docs/images]`.

Fills books with invented requests, opens the page in headless Chromium, and prints how long it takes until the figures
are there, and what each route that the page asks takes. With --pictures it takes the documents' pictures of a smaller
world instead. Needs what `make test-browser` installs. Times are by the clock: run it where nothing else runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from aiohttp import web
from tests.dashboard.browser import Visit, proxy_over, visited
from tests.dashboard.invented import fill, records
from tests.proxy.world import ANTHROPIC_REPLY, TOKEN, World, anthropic_body

_MOST_SECONDS = 1.0
_ROUTES = (
    "?since=7d", "/series?since=7d&bucket=day", "/series?since=24h&bucket=hour", "/by/tool?since=7d",
    "/by/model?since=all", "/requests?limit=20", "/requests?limit=1000", "/retrievals?limit=10", "/strategies",
    "/holdout?since=7d",
)  # fmt: skip
_READY = """performance.timeOrigin && new Promise((done) => {
  const look = () => document.querySelector("#requests tbody") ? done(performance.now()) : setTimeout(look, 5);
  look();
})"""
_MODEL = "claude-opus-4-5"
_TOOL = {"name": "Bash", "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}}}


async def measured(folder: Path) -> dict[str, object]:
    """Seconds until the page shows its figures, and milliseconds of each route; of three tries the best."""
    loads = []
    async with proxy_over(folder) as w:
        for _ in range(3):
            async with visited(w) as visit:
                loads.append(await visit.page.evaluate(_READY) / 1_000)
        routes = {route: [await _asked(w, route) for _ in range(3)] for route in _ROUTES}
        tag = await _tag(w)
        unchanged = min([await _asked(w, "/holdout?since=7d", tag) for _ in range(3)])
    return {
        "load_s": round(min(loads), 3),
        "routes_ms": {route: round(min(taken), 1) for route, taken in routes.items()},
        "unchanged_ms": round(unchanged, 1),
    }


async def _asked(w: World, route: str, tag: str = "") -> float:
    started = time.perf_counter()
    async with w.client.get(
        f"{w.url}/stats{route}", headers={"x-headroom-token": TOKEN, "If-None-Match": tag}
    ) as reply:
        await reply.read()
    return 1e3 * (time.perf_counter() - started)


async def _tag(w: World) -> str:
    async with w.client.get(f"{w.url}/stats", headers={"x-headroom-token": TOKEN}) as reply:
        return reply.headers["ETag"]


async def pictures(books: Path, into: Path) -> None:
    """What the documents show: the page, on a telephone, and a request looked into."""
    async with proxy_over(books, _replied) as w:
        body = anthropic_body(_log(), model=_MODEL, tools=[_TOOL])
        await w.post("/v1/messages", body, user_agent="claude-cli/2.1")
        async with visited(w, scheme="light", height=1_270) as visit:
            await _taken(visit, into / "dashboard.png")
        async with visited(w, scheme="dark", height=760) as visit:
            await visit.page.click("#requests tbody tr:first-child button")
            await visit.page.wait_for_selector("#inspected .sides")
            await _taken(visit, into / "inspector.png")
        async with visited(w, width=380, scheme="dark", height=1_000) as visit:
            await _taken(visit, into / "dashboard-phone.png")


async def _replied(request: web.Request) -> web.StreamResponse:
    usage = {
        "input_tokens": 11,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 2_140,
        "output_tokens": 96,
    }
    return web.json_response({**ANTHROPIC_REPLY, "model": _MODEL, "usage": usage})


def _log() -> str:
    """What a shop's worker might write while its database goes away for a moment."""
    paths = ("/cart", "/cart/items", "/checkout", "/products/118")
    lines = [f"10:{i // 60:02}:{i % 60:02} INFO  GET {paths[i % 4]} 200 {11 + i * 7 % 23} ms" for i in range(420)]
    lines[211] = "10:03:31 ERROR POST /checkout 500 30012 ms: connection to orders-db timed out after 30 s"
    lines[212] = "10:03:32 WARN  pool orders-db: 20 of 20 connections in use, 14 waiting"
    return "\n".join(lines) + "\n"


async def _taken(visit: Visit, file: Path) -> None:
    await visit.page.screenshot(path=str(file))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        books = Path(name)
        if given.pictures:
            given.pictures.mkdir(parents=True, exist_ok=True)
            fill(books, records(2_500, time.time() - 60))
            asyncio.run(pictures(books, given.pictures))
            return
        fill(books, records(given.requests, time.time() - 60, days=29))
        found = asyncio.run(measured(books))
    print(json.dumps({"requests": given.requests, **found}, indent=1))
    sys.exit("beyond the limit" if float(str(found["load_s"])) > _MOST_SECONDS else 0)


if __name__ == "__main__":
    main()
