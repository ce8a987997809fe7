"""Who is answered and who is not: pages, strangers, tokens, log lines."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from headroom.proxy.guard import Guard, Refused, own_token
from headroom.proxy.redaction import Redaction, redacted
from headroom.proxy.settings import Settings
from tests.proxy.world import TOKEN, World, world

ROUTES = ["/livez", "/readyz", "/stats", "/v1/messages", "/v1/responses", "/v1beta/models/g:generateContent", "/x"]


async def status(w: World, path: str, **headers: str) -> int:
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    async with w.client.get(w.url + path, headers=given) as reply:
        return reply.status


@pytest.mark.parametrize("path", ROUTES)
async def test_web_pages_and_rebound_names_are_refused_everywhere(path: str) -> None:
    async with world() as w:
        for headers in (
            {"origin": "https://evil.example"},
            {"origin": "http://evil.example:8787"},
            {"origin": "null"},
            {"origin": "http://[broken"},
            {"origin": "https://localhost.evil.example"},
            {"sec_fetch_site": "cross-site"},
            {"host": "evil.example"},
            {"host": f"evil.example:{w.port}"},
            {"host": "127.0.0.1.nip.io"},
            {"host": ""},
        ):
            assert await status(w, path, **headers) == 403, headers
        assert w.got == []


async def test_local_pages_programs_and_names_are_answered() -> None:
    async with world(allow_hosts=["devbox"]) as w:
        for headers in (
            {"origin": "http://localhost:3000"},
            {"origin": "http://127.0.0.1"},
            {"origin": "vscode-file://vscode-app"},
            {"sec_fetch_site": "same-origin"},
            {"host": "localhost"},
            {"host": f"localhost:{w.port}"},
            {"host": "[::1]:8787"},
            {"host": "devbox:8787"},
            {"host": "evil.example", "x_headroom_token": TOKEN},
        ):
            assert await status(w, "/v1/models", **headers) == 200, headers


@pytest.mark.parametrize("path", ["/stats", "/v1/compress", "/v1/retrieve", "/v1/retrieve/abc"])
async def test_what_is_the_owners_needs_the_token(path: str) -> None:
    async with world() as w:
        for headers in (
            {},
            {"x_headroom_token": "wrong"},
            {"x_headroom_token": ""},
            {"authorization": "Bearer wrong"},
            {"authorization": TOKEN},
            {"authorization": "Bearer "},
            {"x_headroom_token": TOKEN[:-1]},
            {"x_headroom_token": "ü"},
        ):
            assert await status(w, path, **headers) == 401, headers
        assert await status(w, path, x_headroom_token=TOKEN) in (200, 404, 405)
        assert await status(w, path, authorization=f"Bearer {TOKEN}") in (200, 404, 405)
        assert w.got == []


async def test_liveness_is_for_everybody_on_this_machine() -> None:
    async with world() as w:
        for path in ("/livez", "/readyz", "/health"):
            assert await status(w, path) == 200
        w.proxy.drain()
        assert await status(w, "/livez") == 200
        assert await status(w, "/readyz") == 503


async def test_beyond_this_machine_every_request_needs_the_token() -> None:
    async with world(host="0.0.0.0", token="shared") as w:
        assert await status(w, "/v1/models") == 401
        assert await status(w, "/v1/models", authorization="Bearer shared") == 401  # that is the provider's
        assert await status(w, "/v1/models", x_headroom_token="shared", host="box.example") == 200
        assert w.got[0].header("x-headroom-token") is None
        assert await status(w, "/stats", x_headroom_token="shared") == 200
        assert await status(w, "/livez") == 200


async def test_errors_have_the_providers_shape() -> None:
    async with world(host="0.0.0.0", token="shared") as w:
        for path, place in (
            ("/v1/messages", "type"),
            ("/v1beta/models/g:generateContent", "status"),
            ("/v1/x", "code"),
        ):
            async with w.client.post(w.url + path, data=b"{}") as reply:
                assert reply.status == 401
                assert place in (await reply.json())["error"]


def test_the_token_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "home"
    token = own_token(folder)
    assert len(token) >= 32
    assert own_token(folder) == token
    assert [file.name for file in folder.iterdir()] == ["proxy.token"]
    if os.name == "posix":
        assert stat.S_IMODE((folder / "proxy.token").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "proxy.token").write_text("")
    assert own_token(folder) != token


def test_processes_that_start_at_once_agree_on_the_token(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from headroom.proxy.guard import own_token; print(own_token(pathlib.Path(sys.argv[1])))"
    )
    starts = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "h")], stdout=subprocess.PIPE) for _ in range(4)
    ]
    assert len({start.communicate()[0] for start in starts}) == 1


def test_an_address_in_brackets_is_our_own_name() -> None:
    guard = Guard(Settings.of(host="[fd00::5]", token="t"), "")
    guard.check_sender({"host": "[fd00::5]:8787"})
    with pytest.raises(Refused):
        guard.check_sender({"host": "[fd00::6]:8787"})


SECRETS = [
    "sk-ant-api03-abcdefgh-XYZ",
    "sk-proj-1234567890",
    "AIzaSyA-1234567890_abc",
    "ghp_abcdefghijklmnop",
    "github_pat_11ABCDEFG0abcdefgh",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF",
    "AKIAIOSFODNN7EXAMPLE",
    "xoxb-123456789-abc",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "line", ["{}", "refused: {}!", "Authorization: Bearer {}", '{{"x-api-key": "{}"}}', "/x?key={}&a=1"]
)
def test_secrets_do_not_reach_log_lines(secret: str, line: str) -> None:
    assert secret not in redacted(line.format(secret))


@pytest.mark.parametrize(
    "line",
    [
        "x-api-key: hunter2hunter2",
        "cookie=session-1",
        "api_key = zzz",
        "Authorization: Basic dXNlcjpwdw==",
        "token: t0",
    ],
)
def test_named_secrets_do_not_either(line: str) -> None:
    assert "[redacted]" in redacted(line)
    assert not any(secret in redacted(line) for secret in ("hunter2", "session-1", "zzz", "dXNlcjpwdw", "t0"))


def test_other_text_stays() -> None:
    text = (
        "no reply from the upstream api.anthropic.com: Connect call failed ('127.0.0.1', 80), 12 tokens, a task-manager"
    )
    assert redacted(text) == text


def test_records_are_redacted_with_their_tracebacks() -> None:
    try:
        raise ValueError("with sk-ant-api03-abcdefgh")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "for %s", ("ghp_abcdefghijklmnop",), sys.exc_info())
    Redaction().filter(record)
    text = logging.Formatter().format(record)
    assert "sk-ant" not in text
    assert "ghp_" not in text
    assert "ValueError" in text


async def test_nothing_of_a_request_is_logged_or_kept_in_the_figures(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with world() as w:
        await w.post("/v1/messages", b'{"messages":"CONFIDENTIAL"}', authorization="Bearer CONFIDENTIAL")
        assert "CONFIDENTIAL" not in str(await w.stats()) + caplog.text


async def test_no_client_header_picks_a_host() -> None:
    async with world() as w, aiohttp.ClientSession() as client:
        for header in ("x-headroom-base-url", "x-forwarded-host", "forwarded", "x-original-url"):
            async with client.get(w.url + "/v1/models", headers={header: "http://169.254.169.254"}) as reply:
                assert reply.status == 200
        assert len(w.got) == 4
