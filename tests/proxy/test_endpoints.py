"""Where requests go, and what is done with them: the table, the prefixes, the credentials."""

from __future__ import annotations

import pytest

from headroom.errors import InputError
from headroom.model import Level
from headroom.proxy.endpoints import Endpoints, Kind, Provider
from headroom.proxy.settings import Settings, is_loopback
from tests.proxy.world import world

NAMED = [
    "openrouter=https://openrouter.ai/api/",
    "azure=https://me.openai.azure.com",
    "ollama=http://localhost:11434/v1",
]
ENDPOINTS = Endpoints(Settings.of(upstreams=NAMED))
A, OA, G, C = (
    "https://api.anthropic.com",
    "https://api.openai.com",
    "https://generativelanguage.googleapis.com",
    "https://chatgpt.com/backend-api",
)
KEY, CHATGPT = {"x-api-key": "k"}, {"authorization": "Bearer eyJ", "chatgpt-account-id": "a"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "url", "dialect", "kind"),
    [
        ("POST", "/v1/messages", {}, A + "/v1/messages", "anthropic", Kind.TURN),
        ("POST", "/v1/messages?beta=true", {}, A + "/v1/messages?beta=true", "anthropic", Kind.TURN),
        ("POST", "/v1/messages/count_tokens", {}, A + "/v1/messages/count_tokens", "anthropic", Kind.ASIDE),
        ("POST", "/v1/messages/batches", {}, A + "/v1/messages/batches", "anthropic", Kind.BATCH),
        ("GET", "/v1/messages/batches/b1/results", {}, A + "/v1/messages/batches/b1/results", "", Kind.RELAY),
        ("GET", "/v1/messages", {}, A + "/v1/messages", "", Kind.RELAY),
        ("HEAD", "/api/hello", {}, A + "/api/hello", "", Kind.RELAY),
        ("GET", "/v1/models", KEY, A + "/v1/models", "", Kind.RELAY),
        ("GET", "/v1/models", {"authorization": "Bearer sk-ant-oat01-x"}, A + "/v1/models", "", Kind.RELAY),
        ("HEAD", "/", {"user-agent": "claude-cli/2"}, A + "/", "", Kind.RELAY),
        ("HEAD", "/", {"user-agent": "Bun/1.4.0"}, A + "/", "", Kind.RELAY),
        ("HEAD", "/p/shop", {"user-agent": "Bun/1.4.0"}, A + "/", "", Kind.RELAY),
        ("HEAD", "/p/shop?x", {"user-agent": "claude-cli/2"}, A + "/?x", "", Kind.RELAY),
        ("GET", "/", {"authorization": "Bearer sk-x"}, OA + "/v1/", "", Kind.RELAY),
        ("POST", "/v1/chat/completions", KEY, OA + "/v1/chat/completions", "openai_chat", Kind.TURN),
        ("POST", "/chat/completions", {}, OA + "/v1/chat/completions", "openai_chat", Kind.TURN),
        ("POST", "/v1/responses", {}, OA + "/v1/responses", "openai_responses", Kind.TURN),
        ("POST", "/responses", {}, OA + "/v1/responses", "openai_responses", Kind.TURN),
        ("POST", "/v1/responses/input_tokens", {}, OA + "/v1/responses/input_tokens", "openai_responses", Kind.ASIDE),
        ("GET", "/v1/responses/r1", {}, OA + "/v1/responses/r1", "", Kind.RELAY),
        ("PATCH", "/v1/anything/else", {"authorization": "Bearer sk-x"}, OA + "/v1/anything/else", "", Kind.RELAY),
        ("GET", "/v1/models", {}, OA + "/v1/models", "", Kind.RELAY),
        ("POST", "/v1/responses", CHATGPT, C + "/codex/responses", "openai_responses", Kind.TURN),
        ("POST", "/responses", CHATGPT, C + "/codex/responses", "openai_responses", Kind.TURN),
        ("POST", "/backend-api/codex/responses", {}, C + "/codex/responses", "openai_responses", Kind.TURN),
        ("POST", "/v1/codex/responses", {}, C + "/codex/responses", "openai_responses", Kind.TURN),
        ("POST", "/backend-api/responses", {}, C + "/codex/responses", "openai_responses", Kind.TURN),
        ("POST", "/v1/responses/compact", CHATGPT, C + "/codex/responses/compact", "openai_responses", Kind.ASIDE),
        ("GET", "/v1/models?v=1", CHATGPT, C + "/codex/models?v=1", "", Kind.RELAY),
        ("GET", "/backend-api/wham/usage", {}, C + "/wham/usage", "", Kind.RELAY),
        (
            "POST",
            "/v1beta/models/g-2:generateContent",
            {},
            G + "/v1beta/models/g-2:generateContent",
            "gemini",
            Kind.TURN,
        ),
        (
            "POST",
            "/v1/models/g:streamGenerateContent?alt=sse",
            {},
            G + "/v1/models/g:streamGenerateContent?alt=sse",
            "gemini",
            Kind.TURN,
        ),
        ("POST", "/v1alpha/models/g:countTokens", {}, G + "/v1alpha/models/g:countTokens", "gemini", Kind.ASIDE),
        (
            "POST",
            "/v1beta/openai/chat/completions",
            {},
            G + "/v1beta/openai/chat/completions",
            "openai_chat",
            Kind.TURN,
        ),
        ("GET", "/v1beta/models", {}, G + "/v1beta/models", "", Kind.RELAY),
        ("POST", "/upload/v1beta/files", {}, G + "/upload/v1beta/files", "", Kind.RELAY),
        ("GET", "/v1/models?key=AIza", {}, G + "/v1/models?key=AIza", "", Kind.RELAY),
        ("GET", "/v1/models", {"x-goog-api-key": "k"}, G + "/v1/models", "", Kind.RELAY),
        (
            "POST",
            "/openrouter/v1/chat/completions",
            KEY,
            "https://openrouter.ai/api/v1/chat/completions",
            "openai_chat",
            Kind.TURN,
        ),
        ("POST", "/openrouter/v1/messages", {}, "https://openrouter.ai/api/v1/messages", "anthropic", Kind.TURN),
        ("GET", "/openrouter", {}, "https://openrouter.ai/api", "", Kind.RELAY),
        (
            "POST",
            "/azure/openai/deployments/d/chat/completions?api-version=1",
            {},
            "https://me.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
            "openai_chat",
            Kind.TURN,
        ),
        (
            "POST",
            "/ollama/chat/completions",
            {},
            "http://localhost:11434/v1/chat/completions",
            "openai_chat",
            Kind.TURN,
        ),
        ("GET", "/ollama/api/tags", {}, "http://localhost:11434/v1/api/tags", "", Kind.RELAY),
        ("POST", "/p/shop/v1/messages", {}, A + "/v1/messages", "anthropic", Kind.TURN),
        ("POST", "/p/shop/openrouter/v1/messages", {}, "https://openrouter.ai/api/v1/messages", "anthropic", Kind.TURN),
    ],
)
def test_table(method: str, path: str, headers: dict[str, str], url: str, dialect: str, kind: Kind) -> None:
    route = ENDPOINTS.route(method, path, headers)
    assert (route.url, route.endpoint.dialect, route.endpoint.kind) == (url, dialect, kind)
    assert route.project == ("shop" if path.startswith("/p/") else None)


@pytest.mark.parametrize(
    "path", ["//evil.example/x", "/@evil.example/", "/v1/../../x", "/.evil.example/", "/openrouter@evil/x"]
)
def test_no_path_leaves_the_upstream(path: str) -> None:
    route = ENDPOINTS.route("POST", path, {})
    host = route.url.partition("://")[2].partition("/")[0]
    assert host in {"api.openai.com", "api.anthropic.com", "openrouter.ai"}


def test_a_configured_address_may_have_its_own_path() -> None:
    chosen = Settings.of(openai_url="https://gateway.example/openai/v1/", chatgpt_url="http://localhost:1")
    endpoints = Endpoints(chosen)
    assert endpoints.route("POST", "/v1/responses", {}).url == "https://gateway.example/openai/v1/responses"
    assert endpoints.route("POST", "/chat/completions", {}).url == "https://gateway.example/openai/chat/completions"
    assert endpoints.route("POST", "/v1/responses", CHATGPT).url == "http://localhost:1/backend-api/codex/responses"
    assert endpoints.route("GET", "/x", {}).endpoint.provider is Provider.OPENAI


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"level": "extreme"}, "level"),
        ({"openai_url": "ftp://x"}, "openai_url"),
        ({"openai_url": "api.openai.com"}, "openai_url"),
        ({"upstreams": ["x"]}, "--upstream"),
        ({"upstreams": ["v1=https://x"]}, "--upstream"),
        ({"upstreams": ["a/b=https://x"]}, "--upstream"),
        ({"ca_file": "/nowhere"}, "--ca-file"),
        ({"host": "0.0.0.0"}, "--token"),
        ({"host": "192.168.1.5"}, "--token"),
        ({"host": "example.com"}, "--token"),
        ({"project": "?"}, "project"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_say_what_is_wrong(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        Settings.of(**wrong)


def test_settings_take_what_a_command_line_gives() -> None:
    assert Settings.of(level="none").level is None
    assert Settings.of(level="lossless").level is Level.LOSSLESS
    assert Settings.of(host="0.0.0.0", token="t").host == "0.0.0.0"
    assert Settings.of(host="::1").host == "::1"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "::1", "a.localhost", "LOCALHOST."])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "10.0.0.1", "localhost.evil.com", "127.0.0.1.nip.io", "2130706433"]
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


async def test_named_upstreams_over_the_wire() -> None:
    async with world() as w:
        w.proxy.use(Settings.of(upstreams=[f"here=http://127.0.0.1:{w.upstream_port}/base"]))
        status, _ = await w.post("/here/v1/chat/completions?x=1", b"{}")
        assert (status, w.got[0].target) == (200, "/base/v1/chat/completions?x=1")
        assert (await w.line())["upstream"] == "here"
