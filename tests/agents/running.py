"""What runs beside the tests: `headroom proxy` as a process, and a project for agents to work on."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.agents.provider import UPSTREAMS, Provider

PROGRAM = [sys.executable, "-c", "from headroom.cli.main import main; main()", "proxy", "--port", "0", "--json"]


@contextmanager
def proxy(provider: Provider, home: Path, *arguments: str) -> Iterator[str]:
    """The address of the proxy in front of a provider. What it has to say in warnings fails the test."""
    urls = [f"--{name}-url={provider.url}/at-{name}" for name in UPSTREAMS]
    environment = {**os.environ, "HEADROOM_HOME": str(home / "headroom")}
    with (home / "proxy.err").open("w+") as said:
        process = subprocess.Popen(
            [*PROGRAM, "--budget-ms", "10000", *urls, *arguments], env=environment, stdout=subprocess.PIPE, stderr=said
        )
        try:
            assert process.stdout
            line = process.stdout.readline()
            said.seek(0)
            assert line, said.read()
            yield str(json.loads(line)["url"])
        finally:
            process.terminate()
            process.wait(20)
            if process.stdout:
                process.stdout.close()
        said.seek(0)
        assert (warnings := said.read()) == "", warnings


def sandbox(home: Path, **more: str) -> dict[str, str]:
    """The environment of an agent that knows nothing of this machine's user, and reaches nothing but loopback."""
    nowhere = "http://127.0.0.1:9"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    closed = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), nowhere)
    open_ = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    plain = {"HOME": str(home), "PATH": path, "TERM": "dumb", "LANG": "C.UTF-8", "CI": "1", "PAGER": "cat"}
    tools = {"GIT_PAGER": "cat", "GIT_CONFIG_NOSYSTEM": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return {**plain, **tools, **closed, **open_, **more}


def run(command: list[str], folder: Path, environment: Mapping[str, str], seconds: float = 60) -> str:
    """What a command prints."""
    given = {"cwd": folder, "env": dict(environment), "stdin": subprocess.DEVNULL}
    done = subprocess.run(command, **given, capture_output=True, timeout=seconds, check=False)
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout.decode()


PYTHON = shlex.quote(sys.executable)
LOOK = (
    f"{PYTHON} -m pytest -v",
    "grep -n 'def ' shop/*.py",
    "cat app.log",
    "git log --stat",
    f"{PYTHON} list_items.py",
)
TESTS = """\
import pytest


@pytest.mark.parametrize("order", range(150))
def test_the_total_of_an_order(order):
    assert order * 7 % 151 != 3, f"order {order} has the wrong total"
"""
ITEMS = """\
import json
items = [{"id": n, "name": f"item {n}", "price": n * 13 % 97, "stock": n % 5, "sold": n % 9 != 0} for n in range(220)]
print(json.dumps(items, indent=1))
"""
QUIET = "[pytest]\naddopts = -p no:cacheprovider\nconsole_output_style = classic\n"


def project(folder: Path) -> Path:
    """A small repository with a failing test, modules, a log, records, and a history; always the same bytes."""
    (folder / "shop").mkdir(parents=True)
    for n in range(12):
        lines = [f"def step_{n}_{k}(order, rate={k}):\n    return order.total * rate + {n}\n\n" for k in range(12)]
        (folder / "shop" / f"part_{n}.py").write_text("\n".join(lines))
    (folder / "test_orders.py").write_text(TESTS)
    (folder / "pytest.ini").write_text(QUIET)
    (folder / "app.log").write_text("".join(map(_log_line, range(260))))
    (folder / "list_items.py").write_text(ITEMS)
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    history = "".join(map(_commit, range(90)))
    subprocess.run(["git", "-C", str(folder), "fast-import", "--quiet"], input=history.encode(), check=True)
    return folder


def _log_line(n: int) -> str:
    if n == 137:
        return "2026-03-01T10:02:17Z ERROR worker-1 order 4711 was refused: card expired\n"
    return f"2026-03-01T10:{n // 60:02}:{n % 60:02}Z INFO worker-{n % 4} handled request {n} in {n * 7 % 90} ms\n"


def _commit(n: int) -> str:
    said = f"Part {n % 12}: work on step {n}\n\nThe rate of step {n} is what the shop asked for.\n"
    data = f"note {n}\n"
    who = f"A Person <a@example.com> {1_760_000_000 + n * 3600} +0000"
    return (
        f"commit refs/heads/main\ncommitter {who}\ndata {len(said)}\n{said}"
        f"M 644 inline notes/{n}.txt\ndata {len(data)}\n{data}\n"
    )
