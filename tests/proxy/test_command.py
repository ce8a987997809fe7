"""`headroom proxy` as a process: its line, its signals, its workers, its settings from everywhere."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner

from headroom.cli.proxy import command, reread
from headroom.model import Level
from headroom.proxy.settings import Settings
from headroom.rules import Switch
from tests.proxy.world import Got, anthropic_body, eventually, left_out, raw_served, reply_ok, served

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and forks")
PROGRAM = [sys.executable, "-c", "from headroom.cli.main import main; main()", "proxy"]


class Running:
    """The command in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, line: str, client: aiohttp.ClientSession) -> None:
        self.process, self.line, self.client = process, line, client
        self.url = line.split()[4].rstrip(",")

    async def get(self, path: str) -> Any:
        token = (Path(os.environ["HEADROOM_HOME"]) / "proxy.token").read_text().strip()
        async with self.client.get(self.url + path, headers={"x-headroom-token": token}) as reply:
            return await reply.json()

    async def post(self, path: str, body: bytes, **headers: str) -> int:
        async with self.client.post(self.url + path, data=body, headers=headers) as reply:
            await reply.read()
            return reply.status

    async def counts(self, requests: int) -> None:
        """So many requests, no more; another worker may be about to post its last one."""
        for _ in range(400):
            if (found := (await self.get("/stats"))["requests"]) == requests:
                return
            assert found < requests
            await asyncio.sleep(0.05)
        raise AssertionError(f"{found} requests")

    async def told(self, number: int, times: int) -> None:
        """Sends a signal to read the settings again; returns when they were, so many times by all workers together."""
        self.process.send_signal(number)
        while times:
            line = await asyncio.wait_for(self.process.stderr.readline(), 10)  # type: ignore[union-attr]
            assert line, "it ended"
            times -= b"settings read again" in line

    def workers(self) -> list[int]:
        """Those that serve; the one that books requests is another."""
        command = ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        return [int(line.split()[0]) for line in found if "headroom.proxy.scribe" not in line]


@asynccontextmanager
async def command_running(
    *arguments: str, program: Sequence[str] = PROGRAM, **environment: str
) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        *program,
        "--port",
        "0",
        *arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    assert process.stdout
    assert process.stderr
    try:
        line = (await process.stdout.readline()).decode()
        assert line, (await process.stderr.read()).decode()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as client:
            yield Running(process, line, client)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)


def anthropic(port: int) -> str:
    return f"--anthropic-url=http://127.0.0.1:{port}"


async def test_it_says_where_it_listens_and_where_requests_go() -> None:
    async with served(reply_ok) as port, command_running(anthropic(port), "--level", "aggressive") as running:
        assert running.line.startswith("headroom proxy listens on http://127.0.0.1:")
        assert "level aggressive" in running.line
        assert f"http://127.0.0.1:{port}" in running.line
        assert await running.post("/v1/messages", anthropic_body()) == 200
        assert left_out(await running.get("/stats")) > 0
    assert running.process.returncode == 0


async def test_programs_read_where_it_listens_as_json() -> None:
    process = await asyncio.create_subprocess_exec(*PROGRAM, "--port", "0", "--json", stdout=subprocess.PIPE)
    assert process.stdout
    said = json.loads(await process.stdout.readline())
    process.terminate()
    assert await process.wait() == 0
    assert said["url"].startswith("http://127.0.0.1:")
    assert said["upstreams"]["openai"] == "https://api.openai.com"


async def test_a_signal_lets_replies_end() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        await reply.write(b"one ")
        begun.set()
        await go_on.wait()
        await reply.write(b"two")
        return reply

    async with served(slow) as port, command_running(anthropic(port)) as running:
        async with running.client.post(running.url + "/v1/messages", data=b"{}") as reply:
            await begun.wait()
            running.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
            async with aiohttp.ClientSession() as other:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await other.get(running.url + "/livez")
            go_on.set()
            assert await reply.read() == b"one two"
        assert await asyncio.wait_for(running.process.wait(), 20) == 0


async def test_replies_that_do_not_end_are_ended() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        await reply.write(b"one ")
        await asyncio.sleep(60)
        return reply

    async with (
        served(endless) as port,
        command_running(anthropic(port), "--drain-timeout", "0.2") as running,
        running.client.post(running.url + "/v1/messages", data=b"{}") as reply,
    ):
        assert await reply.content.readany() == b"one "
        running.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(running.process.wait(), 20) == 0


async def test_settings_are_read_again(tmp_path: Path) -> None:
    got: list[bytes] = []

    async def recording(request: web.Request) -> web.StreamResponse:
        got.append(await request.read())
        return web.json_response({})

    file = tmp_path / "headroom.toml"
    async with served(recording) as port:
        address = f'anthropic_url = "http://127.0.0.1:{port}"\n'
        file.write_text('# a comment\n\n[proxy]\nlevel = "none"\n' + address)
        async with command_running("--config", str(file)) as running:
            assert "level none" in running.line
            for level in ("", "nonsense", "balanced"):
                if level:
                    file.write_text(f'[proxy]\nlevel = "{level}"\n{address}')
                    running.process.send_signal(signal.SIGHUP)
                    await asyncio.sleep(0.3)
                await running.post("/v1/messages", anthropic_body())
    assert got[0] == got[1] == anthropic_body()
    assert len(got[2]) < len(got[0])


async def test_workers_share_the_port_and_the_figures_and_are_replaced() -> None:
    got: list[Got] = []

    async def recording(request: web.Request) -> web.StreamResponse:
        got.append(Got("", "", [], await request.read()))
        return web.json_response({})

    async with served(recording) as port, command_running(anthropic(port), "--workers", "3") as running:
        await eventually(lambda: len(running.workers()) == 3)

        async def one() -> int:
            url, body = running.url + "/v1/messages", anthropic_body()
            async with aiohttp.ClientSession() as own, own.post(url, data=body) as reply:
                return reply.status

        assert set(await asyncio.gather(*(one() for _ in range(40)))) == {200}
        await running.counts(40)
        before = running.workers()
        os.kill(before[0], signal.SIGKILL)
        await eventually(lambda: len(running.workers()) == 3 and running.workers() != before)
        assert {await one() for _ in range(10)} == {200}
        await running.counts(50)
        assert len({request.body for request in got}) == 1
        running.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.process.wait(), 20) == 0
        assert running.workers() == []


async def test_a_private_authority_is_trusted_only_where_named(tmp_path: Path) -> None:
    key, certificate = _certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", reply_ok)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    there = f"--anthropic-url=https://localhost:{site.port}"
    try:
        for arguments, environment, status in (
            ([], {}, 502),
            (["--ca-file", str(certificate)], {}, 200),
            ([], {"SSL_CERT_FILE": str(certificate)}, 200),
            ([], {"NODE_EXTRA_CA_CERTS": str(certificate)}, 200),
        ):
            async with command_running(there, *arguments, **environment) as running:
                assert await running.post("/v1/messages", b"{}") == status, (arguments, environment)
    finally:
        await runner.cleanup()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost",
        shell=True,
        check=True,
        capture_output=True,
    )
    return key, certificate


async def test_a_proxy_in_the_environment_is_used_where_it_applies() -> None:
    asked: list[bytes] = []

    async def corporate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with raw_served(corporate) as port:
        proxy = f"http://user:pw@127.0.0.1:{port}"
        there = "--anthropic-url=https://api.example.test"
        async with command_running(there, HTTPS_PROXY=proxy, NO_PROXY="") as running:
            assert await running.post("/v1/messages", b"{}") == 502
        assert asked[0].startswith(b"CONNECT api.example.test:443 HTTP/1.1\r\n")
        assert b"Proxy-Authorization: Basic dXNlcjpwdw==" in asked[0]
        async with command_running(there, HTTPS_PROXY=proxy, NO_PROXY="example.test") as running:
            assert await running.post("/v1/messages", b"{}") == 502
        assert len(asked) == 1
        async with served(reply_ok) as local, command_running(anthropic(local), HTTP_PROXY=proxy) as running:
            assert await running.post("/v1/messages", b"{}") == 200


def test_wrong_usage_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, status, words in (
            (["--port", port], 1, "can't listen"),
            (["--host", "0.0.0.0"], 1, "--token"),
            (["--upstream", "v1=https://x"], 1, "--upstream"),
            (["--level", "extreme"], 2, "extreme"),
            (["--config", "/nowhere"], 2, "/nowhere"),
        ):
            done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=30, check=False)
            assert done.returncode == status
            assert words in done.stderr
            assert "Traceback" not in done.stderr


def _sample(name: str, default: Any) -> tuple[str, Any]:
    if isinstance(default, bool):
        return ("no", False) if default else ("yes", True)
    return ("http://x", "http://x") if name.endswith("_url") else ("7", type(default)(7))


def _as_toml(name: str, value: str, expected: Any) -> str:
    if name in ("tools", "strategies"):
        key, _, word = value.rpartition("=")
        return f'[{name}]\n"{key}" = "{word}"\n'
    return f"[proxy]\n{name} = {json.dumps([value] if isinstance(expected, tuple) else expected)}\n"


def test_every_setting_has_a_flag_and_a_variable_that_have_an_effect(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("")
    samples: dict[str, tuple[str, Any]] = {
        "host": ("127.0.0.2", "127.0.0.2"),
        "level": ("aggressive", Level.AGGRESSIVE),
        "tools": ("mcp__*=none", (("mcp__*", None),)),
        "strategies": ("log:Bash=off", (("log:Bash", Switch.OFF),)),
        "upstreams": ("a=http://b", (("a", "http://b"),)),
        "allow_hosts": ("Box", ("box",)),
        "ca_file": (str(file), str(file)),
        "project": ("mine", "mine"),
        "holdout": ("0.5", 0.5),
        "token": ("t", "t"),
    }
    for setting in fields(Settings):
        name = setting.name
        value, expected = samples.get(name) or _sample(name, setting.default)
        on, _, off = setting.metadata["flag"].partition("/")
        by_flag = reread([off if setting.default else on] if off else [on, value])
        monkeypatch.setenv(setting.metadata["env"], value)
        by_variable = reread([])
        monkeypatch.delenv(setting.metadata["env"])
        config = tmp_path / "headroom.toml"
        config.write_text(_as_toml(name, value, expected))
        by_file = reread(["--config", str(config)])
        assert [getattr(one, name) for one in (by_flag, by_variable, by_file)] == [expected] * 3, name


def test_flags_win_over_variables_over_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "headroom.toml"
    config.write_text("[proxy]\nport = 1\nworkers = 2\nbudget_ms = 3\n")
    monkeypatch.setenv("HEADROOM_WORKERS", "4")
    monkeypatch.setenv("HEADROOM_BUDGET_MS", "5")
    found = reread(["--config", str(config), "--budget-ms", "6"])
    assert found
    assert (found.port, found.workers, found.budget_ms) == (1, 4, 6)
    config.write_text("[proxy]\nprot = 1\n")
    assert reread(["--config", str(config)]) is None


def test_help_names_every_setting() -> None:
    text = CliRunner().invoke(command, ["--help"]).output
    for setting in fields(Settings):
        assert setting.metadata["flag"].split("/")[0] in text
        assert setting.metadata["env"] in text


def test_it_listens_soon() -> None:
    """Not timed: what would make it slow must not be loaded."""
    program = "import sys, headroom.proxy.app, headroom.proxy.engine, headroom.cli.proxy; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"rich", "numpy", "requests", "httpx", "pydantic", "headroom.demo.facts", "unittest"} & set(loaded)
