"""Every option of the proxy once: its default, what it is for, its flag and its environment variable."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from ipaddress import ip_address
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from headroom import rules
from headroom.errors import InputError
from headroom.model import Level
from headroom.rules import Strategies, ToolLevels

# First segments of paths that mean something here, so that no upstream can be called like one.
RESERVED = frozenset(
    (
        "api v1 v1alpha v1beta v1internal p responses chat backend-api upload stats metrics dashboard pause resume"
        " livez readyz health"
    ).split()
)
_NAME = re.compile(r"[A-Za-z][\w.-]{0,63}")
_PROJECT = re.compile(r"[\w.@+:/\\ -]{1,128}")


def _option(
    default: Any, help: str, flag: str, env: str = "", metavar: str = "", least: int = 0, most: int | None = None
) -> Any:
    about = {"help": help, "flag": flag, "env": env, "metavar": metavar, "least": least, "most": most}
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class Settings:
    """How the proxy works. Immutable; `Settings.of` builds one from loose values and says what is wrong with them."""

    host: str = _option("127.0.0.1", "address to listen on", "--host", "HEADROOM_HOST")
    port: int = _option(8787, "port to listen on; 0 takes a free one", "--port", "HEADROOM_PORT", most=65_535)
    level: Level | None = _option(
        Level.BALANCED, "lossless, balanced, aggressive, or none to change nothing", "--level", "HEADROOM_LEVEL"
    )
    tools: ToolLevels = _option(
        (),
        "a level for the results of some tools, by name or glob; may be repeated",
        "--tool-level",
        "HEADROOM_TOOL_LEVELS",
        "GLOB=LEVEL",
    )
    strategies: Strategies = _option(
        (),
        "whether a compressor (log) may leave something out (of one tool's results: log:Bash): on, off, or auto, "
        "which is off where that saves nothing; may be repeated",
        "--strategy",
        "HEADROOM_STRATEGIES",
        "NAME=SWITCH",
    )
    workers: int = _option(1, "processes that share the port", "--workers", "HEADROOM_WORKERS", least=1, most=256)
    anthropic_url: str = _option(
        "https://api.anthropic.com", "where Anthropic requests go", "--anthropic-url", "ANTHROPIC_TARGET_API_URL", "URL"
    )
    openai_url: str = _option(
        "https://api.openai.com", "where OpenAI requests go", "--openai-url", "OPENAI_TARGET_API_URL", "URL"
    )
    gemini_url: str = _option(
        "https://generativelanguage.googleapis.com",
        "where Gemini requests go",
        "--gemini-url",
        "GEMINI_TARGET_API_URL",
        "URL",
    )
    chatgpt_url: str = _option(
        "https://chatgpt.com",
        "where requests with a ChatGPT login go",
        "--chatgpt-url",
        "CHATGPT_TARGET_API_URL",
        "URL",
    )
    upstreams: tuple[tuple[str, str], ...] = _option(
        (), "a further upstream, reached under /NAME/…; may be repeated", "--upstream", "HEADROOM_UPSTREAMS", "NAME=URL"
    )
    ca_file: str = _option(
        "",
        "further certificate authorities, beside the system's and those of SSL_CERT_FILE and NODE_EXTRA_CA_CERTS",
        "--ca-file",
        "HEADROOM_CA_FILE",
        "FILE",
    )
    budget_ms: int = _option(
        300, "milliseconds that a request may be worked on; 0 shortens nothing new", "--budget-ms", "HEADROOM_BUDGET_MS"
    )
    max_body: int = _option(
        100 << 20, "bytes that a request's body may have, decompressed", "--max-body", "HEADROOM_MAX_BODY", least=1
    )
    token: str = _option(
        "", "what clients must present; needed to listen beyond this machine", "--token", "HEADROOM_PROXY_TOKEN"
    )
    allow_hosts: tuple[str, ...] = _option(
        (),
        "a further name in Host headers to answer to; may be repeated",
        "--allow-host",
        "HEADROOM_ALLOW_HOSTS",
        "NAME",
    )
    retrieve: bool = _option(
        True, "offer headroom_retrieve to models and answer it", "--retrieve/--no-retrieve", "HEADROOM_RETRIEVE"
    )
    align: bool = _option(
        False,
        "keep a conversation's system prompt and the order of its tools as first sent",
        "--align/--no-align",
        "HEADROOM_ALIGN",
    )
    dry_run: bool = _option(
        False,
        "send everything as it comes, and book what would have been saved",
        "--dry-run/--no-dry-run",
        "HEADROOM_DRY_RUN",
    )
    holdout: float = _option(
        0.0,
        "share of conversations that are left as they come, to compare the others with",
        "--holdout",
        "HEADROOM_HOLDOUT",
        most=1,
    )
    keep_requests: int = _option(
        0,
        "MiB, compressed, for which whole requests are kept, to look into; 0 keeps none",
        "--keep-requests",
        "HEADROOM_KEEP_REQUESTS",
    )
    daily_budget_tokens: int = _option(
        0,
        "tokens that each project may use a day (UTC), by the providers' count, cached ones included; 0 is no limit",
        "--daily-budget-tokens",
        "HEADROOM_DAILY_BUDGET_TOKENS",
    )
    otel: bool = _option(
        False,
        "export metrics and spans over OTLP/HTTP, to where the standard OTEL_ variables say; needs the extra `otel`",
        "--otel/--no-otel",
        "HEADROOM_OTEL",
    )
    project: str = _option("default", "whose originals these are", "--project", "HEADROOM_PROJECT")
    connect_timeout: float = _option(
        10.0, "seconds to wait for a connection to an upstream", "--connect-timeout", "HEADROOM_CONNECT_TIMEOUT"
    )
    read_timeout: float = _option(
        0.0, "seconds an upstream may be silent; 0 is for ever", "--read-timeout", "HEADROOM_READ_TIMEOUT"
    )
    drain_timeout: float = _option(
        30.0, "seconds that replies may take to end after a signal to stop", "--drain-timeout", "HEADROOM_DRAIN_TIMEOUT"
    )

    @property
    def shortens(self) -> bool:
        """Whether there is anything to be shortened."""
        return self.level is not None or any(level for _, level in self.tools)

    @classmethod
    def of(cls, **values: Any) -> Settings:
        """Settings from keyword values as a command line has them. Raises InputError that names the option."""
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise InputError(f"unknown setting {unknown[0]!r}")
        settings = replace(cls(), **{name: checked(name, value) for name, value in values.items()})
        if not settings.token and not is_loopback(settings.host):
            raise InputError(f"listening on {settings.host}, beyond this machine, needs --token")
        return settings


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether a name or an address, without a port, can only be this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def is_project(name: str) -> bool:
    """Whether this can be a project's name."""
    return _PROJECT.fullmatch(name) is not None


def checked(name: str, value: Any) -> Any:
    """A setting's value, from what a command line has for it. Raises InputError."""
    if name == "level":
        return _level(value)
    if name == "tools":
        return rules.tool_levels(value)
    if name == "strategies":
        return rules.strategies(value)
    if isinstance(value, (int, float)):
        return _within(name, value)
    if name.endswith("_url"):
        return _url(name, value)
    if name == "upstreams":
        return tuple(map(_named, value))
    if name == "allow_hosts":
        return tuple(host.lower() for host in value)
    if name == "ca_file" and value and not Path(value).is_file():
        raise InputError(f"--ca-file: there is no file {value}")
    if name == "project" and not is_project(value):
        raise InputError(f"{value!r} can't be the name of a project")
    return value


def _within(name: str, value: float) -> float:
    limits = Settings.__dataclass_fields__[name].metadata
    least, most = limits["least"], limits["most"]
    if not least <= value <= (inf if most is None else most):
        raise InputError(f"{limits['flag']} is {least} or more{f', at most {most}' if most else ''}, not {value}")
    return value


def _level(value: Any) -> Level | None:
    if value is None or value == "none":
        return None
    try:
        return Level(value)
    except ValueError:
        raise InputError(f"level must be one of {', '.join(rules.LEVELS)}, not {value!r}") from None


def _url(name: str, value: str) -> str:
    """A base address without its last slash; what a client's path already says (/v1) is no part of it."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InputError(f"{name}: {value!r} is no address such as https://api.example.com")
    base = value.rstrip("/")
    return base if name == "--upstream" else base.removesuffix("/v1")


def _named(value: str | Sequence[str]) -> tuple[str, str]:
    name, url = value.partition("=")[::2] if isinstance(value, str) else value
    if not _NAME.fullmatch(name) or name.lower() in RESERVED:
        raise InputError(f"--upstream takes NAME=URL with a NAME that isn't part of another path, not {name!r}")
    return name, _url("--upstream", url)


def extra_certificates(settings: Settings) -> list[str]:
    """Files with certificate authorities to trust besides the system's (which SSL_CERT_FILE stands in for)."""
    named = (settings.ca_file, os.environ.get("NODE_EXTRA_CA_CERTS", ""))
    return [file for file in named if file and Path(file).is_file()]
