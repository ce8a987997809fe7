"""Which request means what, and where it goes: by its path first, then by the shape of its credentials."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
from urllib.parse import parse_qs

from headroom.proxy.settings import Settings


class Kind(Enum):
    """What is done with a request on its way."""

    TURN = "turn"  # a model's reply follows: aligned and remembered
    ASIDE = "aside"  # about the same conversation (counted, compacted): aligned as it would be sent, not remembered
    BATCH = "batch"  # many requests in one body, each compressed on its own
    RELAY = "relay"  # goes on as it is


class Provider(str, Enum):
    """Whose API a path belongs to; also the names of the four upstreams that are always there."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    GEMINI = "gemini"
    CHATGPT = "chatgpt"


class Endpoint(NamedTuple):
    """What is known about a path: whose API, which dialect its body speaks ("" where it isn't read), what to do."""

    name: str
    provider: Provider
    dialect: str
    kind: Kind


class Shape(NamedTuple):
    """A row of the table: POSTs to paths of this form are this endpoint."""

    path: str
    endpoint: Endpoint


_GEMINI_MODEL = r"/v1(?:beta|alpha)?/(?:tuned)?[mM]odels/[^/:]+:"
TABLE = tuple(
    Shape(path, Endpoint(name, provider, dialect, kind))
    for path, name, provider, dialect, kind in (
        (r"/v1/messages", "messages", Provider.ANTHROPIC, "anthropic", Kind.TURN),
        (r"/v1/messages/count_tokens", "count_tokens", Provider.ANTHROPIC, "anthropic", Kind.ASIDE),
        (r"/v1/messages/batches", "batches", Provider.ANTHROPIC, "anthropic", Kind.BATCH),
        (r"(?:/v1)?/chat/completions", "chat", Provider.OPENAI, "openai_chat", Kind.TURN),
        (r"(?:/v1)?/responses", "responses", Provider.OPENAI, "openai_responses", Kind.TURN),
        (r"/v1/responses/input_tokens", "input_tokens", Provider.OPENAI, "openai_responses", Kind.ASIDE),
        (r"(?:/v1)?/responses/compact", "compact", Provider.OPENAI, "openai_responses", Kind.ASIDE),
        (
            r"(?:/v1/codex|/backend-api(?:/codex)?)/responses",
            "responses",
            Provider.CHATGPT,
            "openai_responses",
            Kind.TURN,
        ),
        (
            r"(?:/v1/codex|/backend-api(?:/codex)?)/responses/compact",
            "compact",
            Provider.CHATGPT,
            "openai_responses",
            Kind.ASIDE,
        ),
        (_GEMINI_MODEL + "(?:generateContent|streamGenerateContent)", "generate", Provider.GEMINI, "gemini", Kind.TURN),
        (_GEMINI_MODEL + "countTokens", "count_tokens", Provider.GEMINI, "gemini", Kind.ASIDE),
        (r"/v1beta/openai/chat/completions", "chat", Provider.GEMINI, "openai_chat", Kind.TURN),
    )
)
# Whose the other paths are, by how they begin; what is not here goes by the credentials.
PREFIXES = (
    ("/v1/messages", Provider.ANTHROPIC),
    ("/api/", Provider.ANTHROPIC),
    ("/v1beta", Provider.GEMINI),
    ("/v1alpha", Provider.GEMINI),
    ("/upload/v1", Provider.GEMINI),
    ("/backend-api/", Provider.CHATGPT),
    ("/v1/codex/", Provider.CHATGPT),
)
_EXACT = tuple((re.compile(path), endpoint) for path, endpoint in TABLE)
_UNDER_A_NAME = tuple((re.compile(r"(?:/.*)?" + path), endpoint) for path, endpoint in TABLE)
_PROJECT = re.compile(r"/p/([^/?]+)(?=[/?]|$)")
_FIRST = re.compile(r"/([^/?]+)(.*)", re.DOTALL)
_CODEX = re.compile(r"/(?:v1/codex|backend-api/codex|backend-api(?=/responses)|v1(?=/))(/.*)|(/(?!backend-api/).*)")


@dataclass(frozen=True)
class Upstream:
    """A place requests may go to; nothing that a client sends names another."""

    name: str
    url: str

    @property
    def host(self) -> str:
        """The host and port that errors speak of."""
        return self.url.partition("://")[2].partition("/")[0].rpartition("@")[2]


class Route(NamedTuple):
    """Where a request goes: the endpoint it is, the upstream and the full address there; the project its path names."""

    endpoint: Endpoint
    upstream: Upstream
    url: str
    project: str | None = None


class Endpoints:
    """The table with the upstreams of some settings."""

    def __init__(self, settings: Settings) -> None:
        self._known = {
            Provider.ANTHROPIC: Upstream("anthropic", settings.anthropic_url),
            Provider.OPENAI: Upstream("openai", settings.openai_url),
            Provider.GEMINI: Upstream("gemini", settings.gemini_url),
            Provider.CHATGPT: Upstream("chatgpt", settings.chatgpt_url),
        }
        self._named = {name: Upstream(name, url) for name, url in settings.upstreams}

    @property
    def upstreams(self) -> Sequence[Upstream]:
        """All places that requests may go to."""
        return (*self._known.values(), *self._named.values())

    def route(self, method: str, target: str, headers: Mapping[str, str]) -> Route:
        """Where a request goes. `target` is its path with the query, as the client wrote it."""
        target, project = _without_project(target)
        path = target.partition("?")[0]
        named = self._named.get(path[1:].partition("/")[0])
        if named is not None:
            rest = _FIRST.match(target)
            inner = rest[2] if rest else ""
            found = _shape(_UNDER_A_NAME, method, inner.partition("?")[0])
            endpoint = found or Endpoint("other", Provider.OPENAI, "", Kind.RELAY)
            return Route(endpoint, named, named.url + inner, project)
        found = _shape(_EXACT, method, path)
        provider = _provider(found, path, target, headers)
        endpoint = found._replace(provider=provider) if found else Endpoint("other", provider, "", Kind.RELAY)
        upstream = self._known[provider]
        return Route(endpoint, upstream, upstream.url + _placed(provider, upstream, target), project)

    def provider(self, method: str, target: str, headers: Mapping[str, str]) -> Provider:
        """Whose errors the client expects."""
        return self.route(method, target, headers).endpoint.provider


def _without_project(target: str) -> tuple[str, str | None]:
    """For clients that can't send headers, a path may begin with /p/PROJECT."""
    found = _PROJECT.match(target)
    if found is None:
        return target, None
    rest = target[found.end() :]
    return rest if rest.startswith("/") else "/" + rest, found[1]


def _shape(table: Sequence[tuple[re.Pattern[str], Endpoint]], method: str, path: str) -> Endpoint | None:
    if method != "POST":
        return None
    return next((endpoint for pattern, endpoint in table if pattern.fullmatch(path)), None)


def _provider(found: Endpoint | None, path: str, target: str, headers: Mapping[str, str]) -> Provider:
    if found is not None and (found.provider is not Provider.OPENAI or "chatgpt-account-id" not in headers):
        return found.provider
    if found is None:
        for prefix, provider in PREFIXES:
            if path.startswith(prefix):
                return provider
    return _by_credentials(target, headers)


def _by_credentials(target: str, headers: Mapping[str, str]) -> Provider:
    """What kind of key a client brings tells whose API it speaks."""
    if "chatgpt-account-id" in headers:
        return Provider.CHATGPT
    bearer = headers.get("authorization", "")
    if "x-api-key" in headers or "anthropic-version" in headers or bearer.startswith("Bearer sk-ant-"):
        return Provider.ANTHROPIC
    if "x-goog-api-key" in headers or "key" in parse_qs(target.partition("?")[2]):
        return Provider.GEMINI
    return Provider.ANTHROPIC if not bearer and _is_claude_code(target, headers) else Provider.OPENAI


def _is_claude_code(target: str, headers: Mapping[str, str]) -> bool:
    """Whether a request without credentials is Claude Code's: it begins with an anonymous HEAD to warm the way up."""
    return target == "/" or headers.get("user-agent", "").lower().startswith("claude")


def _placed(provider: Provider, upstream: Upstream, target: str) -> str:
    """The path at the upstream, where it differs from the one that clients use."""
    if provider is Provider.CHATGPT:
        found = _CODEX.fullmatch(target)
        return f"/backend-api/codex{found[1] or found[2]}" if found else target
    if provider is Provider.OPENAI and upstream.host == "api.openai.com" and not target.startswith("/v1/"):
        return "/v1" + target
    return target
