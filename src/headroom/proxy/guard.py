"""Who may ask for what: no web page, nobody without a token beyond this machine, only its owner for what we keep."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from headroom.proxy.settings import Settings, is_loopback

TOKEN_FILE = "proxy.token"
TOKEN_HEADER = "x-headroom-token"


class Refused(Exception):
    """A request that isn't answered: the HTTP status, and why in words for its sender."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """The checks that every request goes through. `own_token` is the installation's, see `own_token`."""

    def __init__(self, settings: Settings, own_token: str) -> None:
        self._beyond = not is_loopback(settings.host)
        self._hosts = {settings.host.strip("[]").lower(), *settings.allow_hosts}
        self._tokens = tuple(token.encode() for token in (settings.token, own_token) if token)

    def check_sender(self, headers: Mapping[str, str]) -> None:
        """Raises Refused for a web page's request, or one that came here under a name that isn't ours."""
        self._check_origin(headers)
        host = urlsplit("//" + headers.get("host", "")).hostname or ""
        if not (is_loopback(host) or host in self._hosts or self._presents_token(headers, bearer=True)):
            raise Refused(
                403,
                f"the Host header names {host!r}: send the token in {TOKEN_HEADER}, or start the proxy with "
                f"--allow-host {host or 'NAME'}",
            )

    def check_client(self, headers: Mapping[str, str]) -> None:
        """Raises Refused for a request to a model from beyond this machine without the token."""
        if self._beyond and not self._presents_token(headers, bearer=False):
            raise Refused(401, f"this proxy asks for its token in the header {TOKEN_HEADER}")

    def check_owner(self, headers: Mapping[str, str]) -> None:
        """Raises Refused where the token is missing or wrong."""
        if not self._presents_token(headers, bearer=True):
            raise Refused(
                401, f"send the token in {TOKEN_HEADER} or as Authorization: Bearer; see `headroom proxy --help`"
            )

    def _check_origin(self, headers: Mapping[str, str]) -> None:
        """Browsers say where a request comes from, and pages can't lie about it; other programs say nothing."""
        origin = headers.get("origin")
        if origin is not None:
            parts = _split(origin)
            web = origin == "null" or parts.scheme in ("http", "https")
            if web and not is_loopback(parts.hostname or ""):
                raise Refused(403, "requests from web pages are not answered")
        elif headers.get("sec-fetch-site") == "cross-site":
            raise Refused(403, "requests from web pages are not answered")

    def _presents_token(self, headers: Mapping[str, str], *, bearer: bool) -> bool:
        """Whether a header holds a token of ours. A client of an LLM API has its provider's key as bearer."""
        given = [headers.get(TOKEN_HEADER, "")]
        if bearer and headers.get("authorization", "").startswith("Bearer "):
            given.append(headers["authorization"][7:].strip())
        candidates = [text.encode("utf-8", "surrogateescape") for text in given if text]
        return any(hmac.compare_digest(one, token) for one in candidates for token in self._tokens)


def _split(origin: str) -> SplitResult:
    with suppress(ValueError):
        return urlsplit(origin)
    return SplitResult("http", "unreadable", "", "", "")


def own_token(folder: Path) -> str:
    """The installation's token, made at the first start; only its owner can read the file."""
    file = folder / TOKEN_FILE
    with suppress(FileNotFoundError):
        if token := file.read_text("utf-8").strip():
            return token
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = folder / f"{TOKEN_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(secrets.token_urlsafe(32) + "\n")
    try:
        os.link(fresh, file)  # of two processes that start at once, one makes the file and both read it
    except FileExistsError:
        if not file.read_text("utf-8").strip():
            fresh.replace(file)
    except OSError:  # a file system without links
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    return file.read_text("utf-8").strip()
