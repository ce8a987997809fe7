"""The dashboard's files, without a browser."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from headroom.model import Reason
from headroom.proxy.page import page
from tests.proxy.world import world

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "src" / "headroom" / "dashboard"
SOURCES = {file.name: file.read_text("utf-8") for file in FOLDER.iterdir() if file.suffix in (".js", ".css", ".html")}
_MOST_BYTES = 150_000


def test_every_code_has_words() -> None:
    sources = "".join(file.read_text("utf-8") for file in (ROOT / "src" / "headroom" / "proxy").glob("*.py"))
    of_requests = re.findall(r"""(?:reasons=\(|reason = |reasons\.append\(|ignored\.append\()"(\w+)\"""", sources)
    known = set(re.findall(r"^  (\w+): ", SOURCES["words.js"], re.M))
    assert {reason.value for reason in Reason} | set(of_requests) <= known


def test_no_text_can_become_markup_and_nothing_comes_from_elsewhere() -> None:
    for name, source in SOURCES.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function", source), name
        assert set(re.findall(r"https?://[^\"'\s]+", source)) <= {"http://www.w3.org/2000/svg"}, name
        assert not re.search(r"\sstyle=", source), name


async def test_all_files_are_served_to_anybody_and_nothing_else() -> None:
    async with world() as w:
        for name, source in SOURCES.items():
            async with w.client.get(f"{w.url}/dashboard/{name}") as reply:
                assert (reply.status, await reply.text()) == (200, source)
                assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        for path in ("/dashboard/", "/dashboard"):
            async with w.client.get(w.url + path) as reply:
                assert await reply.text() == SOURCES["index.html"]
        async with w.client.post(w.url + "/dashboard") as reply:
            assert reply.status == 405
    assert page("/dashboard").content_type == "text/html"
    assert (files("headroom") / "dashboard" / "index.html").is_file()


def test_pictures_in_the_documents_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert all(file.stat().st_size <= _MOST_BYTES for file in pictures)
