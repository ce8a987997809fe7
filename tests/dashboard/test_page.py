"""The page in a browser: how it looks on any screen, what it may ask for, and what can be done by keyboard alone."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headroom.ledger.record import Break, Retrieved
from tests.dashboard.browser import Visit, proxy_over, skip_without_browser, visited
from tests.dashboard.invented import fill, records
from tests.proxy.test_command import command_running
from tests.proxy.world import LOG, TOKEN, World, anthropic_body, eventually, reply_ok, served

skip_without_browser()

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><b>bold</b>" + "long" * 60

# The contrast of each text with what is behind it, where that is below 4.5.
_FAINT = """() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = (rgb) => rgb.slice(0, 3).reduce((sum, c, i) => sum + linear(c / 255) * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (one) => {
    const [r, g, b, alpha = 1] = numbers(getComputedStyle(one).backgroundColor);
    return alpha > 0 ? [r, g, b] : ground(one.parentElement);
  };
  const faint = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), one = walker.currentNode.parentElement, style = getComputedStyle(one);
    if (!text || !one.getClientRects().length) continue;
    const color = one.namespaceURI.endsWith("svg") ? style.fill : style.color;
    const [low, high] = [light(numbers(color)), light(ground(one))].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) faint.push([ratio.toFixed(2), one.tagName, text.slice(0, 40)]);
  }
  return faint;
}"""


def hostile(folder: Path) -> None:
    """Books in which every name is markup, and long."""
    named = []
    for one in records(60, time.time() - 60, models=(HOSTILE,)):
        texts = tuple(replace(text, tool=HOSTILE) for text in one.texts)
        asked = tuple(Retrieved(r.id, HOSTILE, r.text) for r in one.retrieved)
        breaks = tuple(Break(HOSTILE, b.tokens) for b in one.breaks)
        named.append(replace(one, client=HOSTILE, project=HOSTILE, texts=texts, retrieved=asked, breaks=breaks))
    fill(folder, iter(named))


def ordinary(folder: Path) -> None:
    fill(folder, records(400, time.time() - 60))


def empty(folder: Path) -> None:
    """No books yet."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1200])
@pytest.mark.parametrize("books", [ordinary, empty, hostile])
async def test_it_is_readable_everywhere(books: Any, width: int, scheme: str, tmp_path: Path) -> None:
    books(tmp_path)
    async with proxy_over(tmp_path) as w, visited(w, width, scheme) as visit:
        await visit.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        await looked_over(visit, width)
        if books is not empty:
            await visit.page.click("#requests tbody tr:first-child button")
            await visit.page.wait_for_selector("#inspected .facts")
            await looked_over(visit, width)


async def looked_over(visit: Visit, width: int) -> None:
    """Nothing sticks out, nothing is faint, nothing went wrong, nothing came from elsewhere, no text became markup."""
    page = visit.page
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    assert await page.evaluate(_FAINT) == []
    assert (
        await page.evaluate("document.querySelectorAll('main img, main b, dialog img, dialog b, [style]').length") == 0
    )
    assert await page.title() == "Headroom"
    assert visit.errors == []
    assert {url.split("/", 3)[2] for url in visit.asked if not url.startswith("data:")} == {visit.proxy.url[7:]}


async def test_only_its_own_files_may_run(tmp_path: Path) -> None:
    async with proxy_over(tmp_path) as w, visited(w) as visit:
        async with w.client.get(w.url + "/dashboard") as reply:
            policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        await visit.page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
        )
        await visit.page.evaluate("fetch('https://example.com/').catch(() => 0)")
        assert await visit.page.evaluate("window.ran") is None
        assert len(visit.errors) >= 2
        assert all("Content Security Policy" in error for error in visit.errors)


async def test_the_token_opens_it_and_leaves_the_address(tmp_path: Path) -> None:
    async with proxy_over(tmp_path) as w:
        async with visited(w) as visit:
            assert visit.page.url == f"{w.url}/dashboard"
            assert not any(TOKEN in url.partition("#")[0] for url in visit.asked)
        async with visited(w, token="") as visit:
            assert await visit.text("#refused") == ""
            await visit.page.fill("#token", "wrong")
            await visit.page.keyboard.press("Enter")
            await visit.page.wait_for_function("document.getElementById('refused').textContent !== ''")
            await visit.page.fill("#token", TOKEN)
            await visit.page.keyboard.press("Enter")
            await visit.page.wait_for_selector("#main:not([hidden])")
            assert await visit.page.is_hidden("#login")


async def test_everything_can_be_done_by_keyboard(tmp_path: Path) -> None:
    ordinary(tmp_path)
    async with proxy_over(tmp_path) as w, visited(w) as visit:
        page = visit.page
        await page.focus("#tab-tool")
        for key, expected in (("ArrowRight", "type"), ("ArrowLeft", "tool"), ("ArrowLeft", "day"), ("Home", "tool")):
            await page.keyboard.press(key)
            assert await page.evaluate("document.activeElement.id") == f"tab-{expected}"
            assert await page.get_attribute(f"#tab-{expected}", "aria-selected") == "true"
            await page.wait_for_selector(f"#by[aria-labelledby=tab-{expected}]")
        assert await page.evaluate("document.querySelectorAll('[role=tab][tabindex=\"0\"]').length") == 1
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        await page.focus("#requests button")
        key = await page.evaluate("document.activeElement.dataset.key")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("dialog[open] .facts")
        assert await visit.text("#inspector-title") == f"Request {key}"
        await page.keyboard.press("Escape")
        assert await page.is_hidden("#inspector")
        assert await page.evaluate("document.activeElement.dataset.key") == key


async def test_all_controls_have_names(tmp_path: Path) -> None:
    ordinary(tmp_path)
    async with proxy_over(tmp_path) as w, visited(w) as visit:
        nameless = """() => [...document.querySelectorAll('button, select, input, [role=region], [role=tabpanel]')]
            .filter((one) => !(one.textContent.trim() && one.tagName === 'BUTTON') && !one.labels?.length
              && !one.getAttribute('aria-label') && !document.getElementById(one.getAttribute('aria-labelledby')))
            .map((one) => one.outerHTML.slice(0, 80))"""
        assert await visit.page.evaluate(nameless) == []


async def test_a_new_request_shows_up_by_itself_and_focus_stays(tmp_path: Path) -> None:
    ordinary(tmp_path)
    async with proxy_over(tmp_path) as w, visited(w) as visit:
        await visit.page.focus("#requests button")
        key = await visit.page.evaluate("document.activeElement.dataset.key")
        assert (await w.post("/v1/messages", anthropic_body()))[0] == 200
        await visit.page.wait_for_selector(f"#requests button[data-key='{int(key) + 1}']", timeout=15_000)
        assert await visit.page.evaluate("document.activeElement.dataset.key") == key


async def test_what_is_known_is_not_worked_out_again(tmp_path: Path) -> None:
    ordinary(tmp_path)
    headers = {"x-headroom-token": TOKEN}
    async with proxy_over(tmp_path) as w:
        async with w.client.get(w.url + "/stats/by/tool", headers=headers) as reply:
            tag = reply.headers["ETag"]
            assert reply.headers["Cache-Control"] == "no-store"
        again = {**headers, "If-None-Match": tag}
        while int(time.time()) % 60 > 55:  # tags hold for the rest of the minute
            await asyncio.sleep(1)
        async with w.client.get(w.url + "/stats/by/tool", headers=headers) as reply:
            again["If-None-Match"] = reply.headers["ETag"]
        async with w.client.get(w.url + "/stats/by/tool", headers=again) as reply:
            assert (reply.status, await reply.read()) == (304, b"")
        await w.post("/v1/messages", anthropic_body())
        async with w.client.get(w.url + "/stats/by/tool", headers=again) as reply:
            assert reply.status == 200


async def test_pause_and_resume(tmp_path: Path) -> None:
    async with proxy_over(tmp_path) as w, visited(w) as visit:
        await visit.page.click("#pause")
        await visit.page.wait_for_selector("#notices:not([hidden])")
        assert "Paused" in await visit.text("#notices")
        assert w.engine.switch.paused
        await visit.page.click("#pause")
        await visit.page.wait_for_selector("#notices[hidden]", state="attached")
        assert not w.engine.switch.paused
        assert await visit.text("#pause") == "Pause"


async def test_a_dry_run_is_said_to_be_one(tmp_path: Path) -> None:
    async with proxy_over(tmp_path, dry_run=True) as w:
        await w.post("/v1/messages", anthropic_body(model="claude-opus-4-5"))
        async with visited(w) as visit:
            assert "would have been saved" in await visit.text("#notices")
            await visit.page.click("#requests button")
            await visit.page.wait_for_selector("#inspected .facts")
            assert "Dry run: it went as it came." in await visit.text("#inspected")


async def test_the_inspector_shows_before_and_after(tmp_path: Path) -> None:
    async with proxy_over(tmp_path) as w:
        await shortened(w)
        async with visited(w) as visit:
            await visit.page.click("#requests button")
            await visit.page.wait_for_selector("#inspected .sides")
            before, after = await visit.page.eval_on_selector_all(
                "#inspected pre", "all => all.map((one) => one.textContent)"
            )
            assert before == LOG + "\n"
            assert "headroom" in after
            assert len(after) < len(before)
            assert "lines" in await visit.text("#inspected .block ul")
            assert LOG.split("\n")[200] in await visit.text("#inspected del")
            assert "Bash" in await visit.text("#inspected summary")


async def test_a_strategy_that_is_switched_off_says_until_when(tmp_path: Path) -> None:
    of_log = {
        "name": "log:Bash",
        "compressor": "log",
        "tool": "Bash",
        "uses": 50,
        "saved": 900,
        "lost": 1_200,
        "net": -300,
    }
    said = {"strategies": [{**of_log, "off_until": 1_790_000_000.0, "times": 2, "words": ""}]}
    async with proxy_over(tmp_path) as w, visited(w) as visit:
        await visit.page.route("**/stats/strategies", lambda route: route.fulfill(json=said))
        await visit.page.wait_for_selector("#strategies td.warn", timeout=15_000)
        (row,) = await visit.cells("#strategies")
        assert row == ["log", "Bash", "50", "900", "1.2K", "−300", "off until 21 Sept, 2 times so far"]


@pytest.mark.skipif(os.name != "posix", reason="signals and forks")
async def test_the_real_command_serves_it() -> None:
    async with served(reply_ok) as port, command_running(f"--anthropic-url=http://127.0.0.1:{port}") as running:
        token = (Path(os.environ["HEADROOM_HOME"]) / "proxy.token").read_text().strip()
        async with visited(running, token=token) as visit:
            assert "No requests yet" in await visit.text("#requests")
            assert await running.post("/v1/messages", anthropic_body()) == 200
            await visit.page.wait_for_selector("#requests tbody tr", timeout=15_000)
            assert await visit.text("#requests-count") == "1"
            assert visit.errors == []


async def shortened(w: World) -> None:
    """A request with a result that went on shorter than it came."""
    tool = {"name": "Bash", "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}}}
    await w.post("/v1/messages", anthropic_body(tools=[tool]))
    await eventually(lambda: bool(w.got))
    assert len(json.dumps(json.loads(w.got[0].body)["messages"])) < len(LOG)
