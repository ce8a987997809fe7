"""The dashboard's files. They hold no figure and no secret: the page asks for those, with the token."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from aiohttp import web

PATH = "/dashboard"
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_HEADERS = {
    # Nothing from elsewhere, nothing inline, and no other page may frame this one.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def is_page(path: str) -> bool:
    """Whether a path is one of the dashboard's files."""
    return _file(path) is not None


def page(path: str) -> web.Response:
    """The file."""
    found = _file(path)
    if found is None:
        raise web.HTTPNotFound
    content, kind = found
    return web.Response(body=content, content_type=kind, charset="utf-8", headers=_HEADERS)


def _file(path: str) -> tuple[bytes, str] | None:
    if path in (PATH, PATH + "/"):
        return _files()["index.html"]
    return _files().get(path[len(PATH) + 1 :]) if path.startswith(PATH + "/") else None


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    folder = files("headroom") / "dashboard"
    found = ((file.name, file.name.rpartition(".")[2]) for file in folder.iterdir())
    return {name: ((folder / name).read_bytes(), _TYPES[kind]) for name, kind in found if kind in _TYPES}
