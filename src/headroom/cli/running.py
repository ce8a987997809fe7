"""How commands talk to a proxy that runs on this machine."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from headroom.ccr.default import data_folder
from headroom.errors import HeadroomError, InputError
from headroom.proxy.guard import TOKEN_FILE, TOKEN_HEADER

F = TypeVar("F", bound=Callable[..., Any])
_SECONDS = 10.0


class NoProxy(HeadroomError):
    """No proxy answers at this address."""


def proxy_options(command: F) -> F:
    """Adds --url and --token: which proxy is meant, and what it asks for."""
    command = click.option(
        "--token", default="", envvar="HEADROOM_PROXY_TOKEN", show_envvar=True, help="its token; default: this user's"
    )(command)
    return click.option(
        "--url", default="http://127.0.0.1:8787", envvar="HEADROOM_PROXY_URL", show_envvar=True, help="the proxy"
    )(command)


def token_of(token: str) -> str:
    """The token given, else the installation's, which the proxy keeps in the data folder."""
    if token:
        return token
    file = data_folder() / TOKEN_FILE
    try:
        return file.read_text("utf-8").strip()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}; has the proxy been started by this user?") from error


def ask(url: str, path: str, token: str, method: str = "GET") -> Any:
    """The proxy's answer as JSON. Raises NoProxy, and InputError with what it says where it refuses."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise InputError(f"--url must begin with http:// or https://, not {url!r}")
    request = urllib.request.Request(url.rstrip("/") + path, method=method, headers={TOKEN_HEADER: token_of(token)})
    # What stands in HTTP_PROXY is for the way to the providers.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_SECONDS) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        raise InputError(f"{url}{path}: {error.code} {error.read(2_000).decode('utf-8', 'replace')}") from error
    except (OSError, ValueError) as error:
        raise NoProxy(
            f"no proxy answers at {url}: {getattr(error, 'reason', error)}; start it: headroom proxy"
        ) from error
