"""Commands that talk to a proxy that runs, as processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proxy.test_command import Running, command_running

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and forks")
HEADROOM = [sys.executable, "-c", "from headroom.cli.main import main; main()"]


async def headroom(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *HEADROOM, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)
    )
    said, complained = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode(), complained.decode()


def token() -> str:
    return (Path(os.environ["HEADROOM_HOME"]) / "proxy.token").read_text().strip()


async def paused(running: Running) -> bool:
    return bool((await running.get("/stats"))["paused"])


async def test_the_dashboards_address_opens_it() -> None:
    async with command_running() as running:
        code, said, _ = await headroom("dashboard", "--url", running.url)
        address, _, secret = said.strip().partition("#token=")
        assert (code, address, secret) == (0, running.url + "/dashboard", token())
        async with running.client.get(address) as reply:
            assert (reply.status, reply.content_type) == (200, "text/html")
            assert token() not in await reply.text()
        _, said, _ = await headroom("dashboard", "--json", "--url", running.url)
        assert json.loads(said)["url"] == f"{address}#token={token()}"


async def test_it_is_opened_in_the_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(browser))
    async with command_running() as running:
        _, said, _ = await headroom("dashboard", "--open", "--url", running.url)
        assert opened.read_text() == said


async def test_pause_and_resume_with_two_workers() -> None:
    async with command_running("--workers", "2") as running:
        code, said, _ = await headroom("pause", "--url", running.url)
        assert code == 0
        assert f"headroom resume --url {running.url}" in said
        assert [await paused(running) for _ in range(6)] == [True] * 6
        code, said, _ = await headroom("resume", "--url", running.url)
        assert (code, said) == (0, "compressing again\n")
        assert [await paused(running) for _ in range(6)] == [False] * 6
        assert json.loads((await headroom("pause", "--json", "--url", running.url))[1]) == {"paused": True}
        assert json.loads((await headroom("resume", "--json", "--url", running.url))[1]) == {"paused": False}


async def test_what_is_not_there_is_said() -> None:
    async with command_running() as running:
        code, _, complained = await headroom("pause", "--url", running.url, "--token", "wrong")
        assert code == 1
        assert "401" in complained
        assert not await paused(running)
    for command in ("dashboard", "pause", "resume"):
        code, _, complained = await headroom(command, "--url", "http://127.0.0.1:9")
        assert code == 1
        assert "no proxy answers at http://127.0.0.1:9" in complained
        assert "Traceback" not in complained
