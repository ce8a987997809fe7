"""Benchmark inputs: what any machine with Python can produce, or a corpus folder with facts to look for."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from headroom.demo import programs, repository
from headroom.demo.facts import Fact, spread
from headroom.demo.payloads import (
    LIBRARY,
    MAKERS,
    Payload,
    UnavailableError,
    changed,
    chosen,
    make,
    output,
    sizes,
)
from headroom.model import Level

QUESTION = "Look into this output and tell me what matters."
_LARGEST = 2_000_000
_SOURCES, _FEWEST_LINES, _MOST_LINES = 24, 150, 2500


@dataclass(frozen=True, slots=True)
class Input:
    """A payload and the workload whose figures it counts for."""

    workload: str
    payload: Payload


def from_this_machine(folder: Path) -> Iterator[Input]:
    """Outputs of commands run here, in `folder` and over the standard library. What isn't installed is left out."""
    workload_of = {
        "git log": "listings", "git diff": "diffs", "grep": "search", "tests": "builds and tests", "pip list": "json",
        "log": "logs", "ls": "listings", "JSON": "json", "source": "code, aggressive",
    }  # fmt: skip
    for name in MAKERS:
        yield from _available(workload_of[name], lambda name=name: [make(name, folder)])
    for workload, makers in _MORE.items():
        for maker in makers:
            yield from _available(workload, lambda maker=maker: maker(folder))


def _available(workload: str, maker: Callable[[], list[Payload]]) -> Iterator[Input]:
    try:
        yield from (Input(workload, payload) for payload in maker() if payload.text.strip())
    except UnavailableError as reason:
        print(f"left out: {reason}", file=sys.stderr)


def _searches(folder: Path) -> list[Payload]:
    patterns = [
        ("-rnI", r"except \w*Error", "asyncio"), ("-rnI", "isinstance(", "email"), ("-rcI", "import", "xml"),
        ("-rnIC2", "warnings.warn", "unittest"), ("-rnI", "deprecated", "."),
    ]  # fmt: skip
    found = []
    for flags, pattern, place in patterns:
        text = output(["grep", flags, "--include=*.py", "--exclude-dir=site-packages", pattern, place], LIBRARY)
        hits = [line for line in text.split("\n") if re.match(r"[^:]+\.py:\d+", line)]
        facts = chosen("what does a match say?", hits)
        found.append(Payload(f"grep {flags} {pattern}", text, facts, f"grep {flags} {pattern!r} {place}"))
    return found


def _listings(folder: Path) -> list[Payload]:
    commands = [
        ["find", "email", "json", "http", "-type", "f"], ["du", "-a", "unittest", "xml"], ["find", "asyncio", "-ls"],
    ]  # fmt: skip
    texts = [(" ".join(command), output(command, LIBRARY)) for command in commands]
    found = [Payload(name, text, chosen("is it there?", text.split("\n")), name) for name, text in texts]
    text = output(["ls", "-l", "/usr/bin"], folder)
    return [*found, Payload("ls -l /usr/bin", text, sizes(text), "ls -l /usr/bin")]


def _tables(folder: Path) -> list[Payload]:
    rows = [
        (number, file.parent.name, file.name, file.stat().st_size, len(file.read_bytes().split(b"\n")), "ok")
        for number, file in enumerate(sorted(LIBRARY.glob("[a-l]*/*.py"))[:300], 1)
    ]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("id", "package", "file", "bytes", "lines", "state"), *rows])
    text = out.getvalue()
    found = [Payload("files.csv", text, chosen("what does a row say?", text.split("\n")[1:]), "cat files.csv")]
    text = output(["df", "-a"], folder)
    found.append(Payload("df -a", text, chosen("what does a row say?", text.split("\n")[1:]), "df -a"))
    command = ["ps", "-eo", "pid,ppid,user,stat,start,time,comm"]  # no arguments: secrets may stand there
    text = output(command, folder)
    processes = [line.split(None, 6) for line in text.split("\n")[1:] if line]
    facts = chosen("which process has this number?", [f"{cells[0]} {cells[6]}" for cells in processes])
    return [*found, Payload("ps", text, facts, " ".join(command))]


def _diffs(folder: Path) -> list[Payload]:
    place = folder / "diffs"
    place.mkdir()
    root = repository.made(place, output)
    commands = [["git", "diff", f"HEAD~{n + 1}", f"HEAD~{n}"] for n in range(3)]
    commands += [
        ["git", "diff", "HEAD~3", "HEAD"],
        ["git", "show", "HEAD~1"],
        ["git", "log", "-p", "-3", "--", "*r.py"],
    ]
    texts = [(" ".join(command), output(command, root)) for command in commands]
    return [Payload(name, text, changed(text), name) for name, text in texts]


def _logs(folder: Path) -> list[Payload]:
    place = folder / "json-log"
    place.mkdir()
    texts = [("JSON log", output([sys.executable, *programs.write_indexer(place, LIBRARY, programs.JSON)], place))]
    for file in (Path("/var/log/dpkg.log"), Path("/var/log/alternatives.log"), Path("/var/log/bootstrap.log")):
        if os.access(file, os.R_OK) and 2_000 < file.stat().st_size < _LARGEST:
            texts.append((file.name, file.read_text("utf-8", "replace")))
    return [Payload(name, text, chosen("what happened?", _events(text)), f"cat {name}") for name, text in texts]


def _events(text: str) -> list[str]:
    """First and last line, errors and warnings, and the first line of every kind: those whose first words are alike."""
    lines = [line for line in text.split("\n") if line.strip()]
    kinds = {tuple(re.findall(r"(?<!\S)[a-z-]+(?!\S)", line)[:1]): line for line in reversed(lines)}
    grave = [line for line in lines if re.search(r"\b(ERROR|WARNING|WARN|FATAL)\b", line)]
    return [lines[0], *grave, *kinds.values(), lines[-1]]


def _json(folder: Path) -> list[Payload]:
    found = []
    for name, command in (
        ("pip inspect", [sys.executable, "-m", "pip", "inspect"]),
        ("npm ls", ["npm", "ls", "-g", "--all", "--json"]),
        ("npm config", ["npm", "config", "ls", "-l", "--json"]),
    ):
        try:
            text = output(command, folder)
        except UnavailableError:
            continue
        start = text.find("{")
        scalars = re.findall(r'"[\w-]+": (?:"[^"\\\n]{3,80}"|\d+)', text)
        found.append(Payload(name, text[start:], chosen("what is its value?", scalars), name))
    return found


def _builds(folder: Path) -> list[Payload]:
    place = folder / "broken-c"
    place.mkdir()
    body = "".join(f"int f{n}(int x) {{ int unused_{n}; return x + {n}; }}\n" for n in range(60))
    (place / "main.c").write_text(body + "int main(void) { return undeclared_total; }\n")
    commands = [
        ["gcc", "-Wall", "-c", "main.c"],
        [sys.executable, "-m", "compileall", "-f", "-q", str(folder / "log" / "queue")],
        [sys.executable, "-X", "importtime", "-c", "import asyncio, unittest, xmlrpc.client"],
        [sys.executable, "-m", "unittest", "-v", "test.test_json"],
    ]
    found = []
    for command in commands:
        try:
            text = output(command, place)
        except UnavailableError:
            continue
        odd = [line for line in text.split("\n") if re.search(r"error|Error|FAILED|Ran \d|warning:", line)]
        name = " ".join(command[1:] if command[0] == sys.executable else command)
        found.append(Payload(name, text, chosen("what went wrong, how did it end?", odd or text.split("\n")), name))
    return found


def _pages(folder: Path) -> list[Payload]:
    found = []
    for module in ("json", "argparse", "logging", "http.client"):
        output([sys.executable, "-m", "pydoc", "-w", module], folder)
        text = (folder / f"{module}.html").read_text("utf-8")
        names = re.findall(r"<strong>([A-Za-z]\w{4,})</strong>", text)
        found.append(Payload(f"pydoc {module}", text, chosen("is it documented?", names), tool="fetch"))
    return found


def _manuals(folder: Path) -> list[Payload]:
    found = []
    for topic in ("topics", "json", "COMPARISON", "FORMATTING", "CLASSES", "STRINGS"):
        text = output([sys.executable, "-m", "pydoc", topic], folder)
        lines = [line.strip() for line in text.split("\n") if len(line.strip()) > 40]
        found.append(Payload(f"pydoc {topic}", text, chosen("what does it say?", lines), f"pydoc {topic}"))
    return found


def _sources(folder: Path) -> list[Payload]:
    usable = []
    for file in sorted([*LIBRARY.glob("*.py"), *LIBRARY.glob("[a-z]*/*.py")]):
        text = file.read_text("utf-8", "replace")
        if "-packages" not in str(file) and _FEWEST_LINES <= text.count("\n") <= _MOST_LINES:
            usable.append((file, text))
    return [
        Payload(
            str(file.relative_to(LIBRARY)), text, _declared(text), tool="Read", path=str(file), level=Level.AGGRESSIVE
        )
        for file, text in spread(usable, _SOURCES)
    ]


def _declared(text: str) -> tuple[Fact, ...]:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    lines = text.split("\n")
    found = [lines[node.lineno - 1].strip() for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
    return chosen("how is it declared?", found)


_MORE: dict[str, list[Callable[[Path], list[Payload]]]] = {
    "search": [_searches],
    "listings": [_listings],
    "diffs": [_diffs],
    "logs": [_logs],
    "tables": [_tables],
    "json": [_json],
    "builds and tests": [_builds],
    "html": [_pages],
    "prose": [_manuals],
    "code, aggressive": [_sources],
}


def from_corpus(folder: Path, levels: dict[str, Level]) -> Iterator[Input]:
    """The payloads of a folder with a MANIFEST.jsonl (`path`, `workload`, `command`) and a NEEDLES.jsonl.

    A needle has `path`, `question` and `must_contain`, the strings that answer it. Files above 2 MB are left out.
    """
    needles: dict[str, list[Fact]] = {}
    for row in _rows(folder / "NEEDLES.jsonl"):
        needles.setdefault(row["path"], []).append(Fact(row["question"], tuple(row["must_contain"])))
    for row in _rows(folder / "MANIFEST.jsonl"):
        file = folder / row["path"]
        if row["path"] not in needles or not file.is_file() or file.stat().st_size > _LARGEST:
            continue
        raw = file.read_bytes()
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        workload = row["workload"]
        level = levels.get(workload, Level.BALANCED)
        facts = tuple(needles[row["path"]])
        yield Input(workload, Payload(row["path"], text, facts, row.get("command") or "", level=level))


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise SystemExit(f"{file}:{number}: not JSON: {error}") from error
