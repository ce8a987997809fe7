"""The dashboard in a headless Chromium, in front of a real proxy. Tests are skipped where there is no browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest

from headroom.ledger.book import Book
from headroom.ledger.counterfactual import Accounts
from headroom.ledger.source import LEDGER_FILE
from tests.proxy.world import TOKEN, Handler, World, real_engine, reply_ok, world

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDED = "`make test-browser` installs what the dashboard's tests need: playwright, and Debian's chromium"
_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()


def skip_without_browser() -> None:
    """Called by modules that need one."""
    pytest.importorskip("playwright.async_api", reason=NEEDED)
    if CHROMIUM is None:
        pytest.skip(NEEDED, allow_module_level=True)


class Served(Protocol):
    """A proxy that runs, here or in another process."""

    url: str
    client: aiohttp.ClientSession


@dataclass
class Visit:
    """A page in the browser, what went wrong in it, and what it asked for."""

    page: Any
    proxy: Served
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def text(self, selector: str) -> str:
        return str(await self.page.inner_text(selector))

    async def cells(self, place: str) -> list[list[str]]:
        """The text of a table's cells, also of those that a narrow page has no room for."""
        script = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        found: list[list[str]] = await self.page.eval_on_selector_all(f"{place} tbody tr", script)
        return found

    async def stats(self, path: str) -> Any:
        headers = {"x-headroom-token": TOKEN}
        async with self.proxy.client.get(f"{self.proxy.url}/stats{path}", headers=headers) as reply:
            assert reply.status == 200
            return await reply.json()


@asynccontextmanager
async def proxy_over(folder: Path, handler: Handler = reply_ok, **settings: Any) -> AsyncIterator[World]:
    """The proxy with the books of a folder, in front of an upstream."""
    async with world(handler, real_engine(ledger=Book(folder / LEDGER_FILE, Accounts())), **settings) as w:
        yield w


@asynccontextmanager
async def visited(
    w: Served, width: int = 1200, scheme: str = "light", token: str = TOKEN, height: int = 900, scale: float = 1.0
) -> AsyncIterator[Visit]:
    """The page, opened: with the right token it shows figures when this begins, else it asks for it."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=_FLAGS, env={**os.environ, "TZ": "UTC"}
        )
        try:
            page = await browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=scale
            )
            visit = Visit(page, w)
            page.on("console", lambda said: visit.errors.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: visit.errors.append(str(error)))
            page.on("request", lambda request: visit.asked.append(request.url))
            await page.goto(f"{w.url}/dashboard" + (f"#token={token}" if token else ""))
            await page.wait_for_selector("#main:not([hidden]), #login:not([hidden])")
            yield visit
        finally:
            await browser.close()
