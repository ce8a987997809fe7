"""Inputs that break parsers, and what loads when: structure, not stopwatches."""

from __future__ import annotations

import ast
import json
import random
import string
import subprocess
import sys
from collections.abc import Callable

import pytest

from headroom import Level, MemoryStore, compress_text, retrieve
from headroom.plugins import compressors
from headroom.tokens import count_tokens
from tests.test_architecture import MODULES, dotted

_SEED = 20_260_101
_GENEROUS_SECONDS = 120


def _distinct(count: int) -> str:
    numbers = random.Random(_SEED)
    letters = string.ascii_lowercase + " "
    return "\n".join("".join(numbers.choices(letters, k=40)) for _ in range(count))


def _random_bytes(size: int) -> bytes:
    return random.Random(_SEED).randbytes(size)


ADVERSARIAL: dict[str, Callable[[], str]] = {
    "one line of 2 MB": lambda: "abc def " * 250_000,
    "one JSON string of 2 MB": lambda: json.dumps({"output": "x" * 2_000_000}),
    "200,000 short lines": lambda: "\n".join(f"{i % 977}" for i in range(200_000)),
    "200,000 empty lines": lambda: "\n" * 200_000,
    "all lines equal": lambda: "the same line again\n" * 50_000,
    "all lines distinct": lambda: _distinct(20_000),
    "JSON 100,000 deep": lambda: "[" * 100_000 + "]" * 100_000,
    "JSON objects 50,000 deep": lambda: '{"a":' * 50_000 + "1" + "}" * 50_000,
    "JSON never closed": lambda: '[{"a": [' * 20_000,
    "XML 20,000 deep": lambda: "<a>" * 20_000 + "</a>" * 20_000,
    "HTML never closed": lambda: "<html><body>" + "<div><p>text " * 20_000,
    "brackets of code": lambda: "def f(" * 20_000 + "\n" + "    x = (" * 2_000,
    "random bytes as latin-1": lambda: _random_bytes(200_000).decode("latin-1"),
    "random bytes as broken UTF-8": lambda: _random_bytes(200_000).decode("utf-8", "surrogateescape"),
    "lone surrogates": lambda: "\ud800 \udfff line\n" * 5_000,
    "NULs": lambda: "\0" * 100_000 + "\n" + "a\0b\n" * 10_000,
    "carriage returns": lambda: "progress 10%\r" * 20_000,
    "escape sequences": lambda: "\x1b[31mred\x1b[0m\x1b[2K" * 20_000,
    "tabs and spaces": lambda: ("\t" * 50 + " " * 50 + "\n") * 2_000,
    "numbered lines out of order": lambda: "\n".join(f"{random.Random(i).randrange(9999):>6}\tx" for i in range(5_000)),
    "timestamps alone": lambda: "2026-01-01T00:00:00Z\n" * 20_000,
    "a table of separators": lambda: "|" * 100_000 + "\n" + "|-" * 10_000,
    "hunk headers that lie": lambda: "--- a/x\n+++ b/x\n" + "@@ -1,99999 +1,99999 @@\n+x\n" * 5_000,
    "search hits without text": lambda: "a.py:1:\n" * 20_000,
    "markers that are not ours": lambda: "[… 12 lines (1–12) …]\n" * 5_000,
}


@pytest.mark.parametrize("level", [Level.BALANCED, Level.AGGRESSIVE])
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_a_correct_result_or_the_original(name: str, level: Level) -> None:
    text = ADVERSARIAL[name]()
    store = MemoryStore()
    result = compress_text(text, level=level, store=store)
    assert count_tokens(result.text) <= count_tokens(text)
    assert not result.report.detail, result.report.detail
    if result.id is None:
        assert result.text == text
        return
    assert retrieve(result.id, store=store).text == text
    if result.report.lossless and "+" not in result.report.compressor:
        compressor = compressors()[result.report.compressor]
        assert compressor.same(compressor.decode(result.text), text)
    for omission in result.omissions:
        assert omission.count > 0


@pytest.mark.parametrize("name", ["JSON 100,000 deep", "one JSON string of 2 MB", "XML 20,000 deep"])
def test_a_fresh_process_survives(name: str) -> None:
    """No parser takes the interpreter's stack with it."""
    code = (
        "import sys\nfrom headroom import MemoryStore, compress_text\n"
        "from tests.test_limits import ADVERSARIAL\n"
        "print(compress_text(ADVERSARIAL[sys.argv[1]](), store=MemoryStore()).tokens_after)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, name], capture_output=True, text=True, timeout=_GENEROUS_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-1000:]
    assert int(done.stdout) > 0


def loaded(statement: str) -> set[str]:
    """The modules in a fresh process after a statement."""
    code = f"import sys\nbefore = set(sys.modules)\n{statement}\nprint(*sorted(set(sys.modules) - before), sep='\\n')"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_headroom_loads_no_engine() -> None:
    own = {name for name in loaded("import headroom") if name.startswith("headroom")}
    assert own == {"headroom"}


def test_importing_compress_loads_the_engine_and_nothing_else() -> None:
    found = loaded("from headroom import compress")
    assert not {name for name in found if name.startswith(("headroom.cli", "headroom.demo"))}
    assert not found & {"rich", "click", "bpe_openai", "asyncio", "http.client"}


_OFFLINE = """
import socket, sys

def refuse(*arguments, **named):
    raise AssertionError("a network call")

for name in ("connect", "connect_ex", "bind", "sendto", "listen"):
    setattr(socket.socket, name, refuse)
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refuse
sys.addaudithook(lambda event, arguments: refuse() if event.startswith(("socket.", "urllib.", "http.")) else None)

from headroom import compress_text, handle_tool_call, retrieve
from tests.compressors.test_cases import cases
for case in cases():
    given = {name: value for name, value in case.options.items() if name in ("level", "query", "tool", "command")}
    result = compress_text(case.text, **given)
    if result.id:
        assert retrieve(result.id).text == case.text
        retrieve(result.id, limit=3)
print("offline")
"""


def test_nothing_touches_the_network() -> None:
    """Import, compress, store and retrieve with every socket call forbidden."""
    done = subprocess.run(
        [sys.executable, "-c", _OFFLINE], capture_output=True, text=True, timeout=_GENEROUS_SECONDS, check=False
    )
    assert done.stdout.strip() == "offline", done.stderr[-2000:]


def test_no_module_but_the_proxy_and_its_clients_imports_network_code() -> None:

    network = {
        "socket",
        "ssl",
        "http",
        "urllib.request",
        "ftplib",
        "smtplib",
        "asyncio",
        "requests",
        "httpx",
        "aiohttp",
        "xmlrpc",
    }
    for file in MODULES:
        if dotted(file).startswith(("headroom.proxy", "headroom.cli.proxy", "headroom.cli.running")):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            assert not {part for name in names for part in (name, name.split(".")[0])} & network, dotted(file)
