"""Payloads that really came out of this machine's commands, each with facts found in it by simple rules."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from headroom.demo import programs
from headroom.demo.facts import Fact, spread
from headroom.demo.repository import changes, history
from headroom.model import Level

LIBRARY = Path(sysconfig.get_path("stdlib"))
_MOST_FACTS, _LONGEST_ANSWER = 12, 300
_ENVIRONMENT = {"LC_ALL": "C", "PYTHONDONTWRITEBYTECODE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "NO_COLOR": "1"}


@dataclass(frozen=True, slots=True)
class Payload:
    """A text that a tool returned, the command that printed it, and what a reader may want to know from it."""

    name: str
    text: str
    facts: tuple[Fact, ...]
    command: str = ""
    tool: str = "Bash"
    path: str = ""
    level: Level = Level.BALANCED


class UnavailableError(Exception):
    """This machine lacks the program that makes a payload."""


Maker = Callable[[Path], Payload]


def output(arguments: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """What a command prints on both streams, whatever its exit code. Raises UnavailableError."""
    if shutil.which(arguments[0]) is None:
        raise UnavailableError(f"{arguments[0]} is not installed")
    done = subprocess.run(
        arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        env={**os.environ, **_ENVIRONMENT, **(environment or {})},
    )  # fmt: skip
    return done.stdout.decode("utf-8", "surrogateescape")


def make(name: str, folder: Path) -> Payload:
    """The payload of that name in MAKERS; files are made in `folder` only. Raises UnavailableError."""
    place = folder / re.sub(r"\W+", "-", name)
    place.mkdir()
    return MAKERS[name](place)


def chosen(question: str, answers: list[str]) -> tuple[Fact, ...]:
    """Facts of one kind, spread over the payload."""
    usable = list(dict.fromkeys(a for a in answers if a.strip() and len(a) <= _LONGEST_ANSWER))
    return tuple(Fact(question, (answer,)) for answer in spread(usable, _MOST_FACTS))


def git_log(folder: Path) -> Payload:
    """The history of this clone, or of a repository made for it."""
    text, whose = history(folder, output)
    subjects = re.findall(r"^    (\S.*)$", text, re.M)
    hashes = re.findall(r"^commit (\w+)", text, re.M)
    facts = chosen("which commit is it?", [hashes[0], hashes[-1]]) + chosen("what does a commit say?", subjects)
    return Payload(f"git log, {whose}", text, facts, "git log --stat")


def git_diff(folder: Path) -> Payload:
    """A change of several files."""
    text, whose = changes(folder, output)
    return Payload(f"git diff, {whose}", text, changed(text), "git diff")


def changed(text: str) -> tuple[Fact, ...]:
    """Files and lines that a diff changes."""
    lines = re.findall(r"^[+-](?![+-]{2}[ ])(.*\w.*)$", text, re.M)
    files = re.findall(r"^\+\+\+ b/(.+)$", text, re.M)
    return chosen("which file changed?", files) + chosen("what does a changed line say?", lines)


def grep(folder: Path) -> Payload:
    """A search through the standard library."""
    where = _packages("asyncio", "email", "http", "json", "logging")
    command = ["grep", "-rnI", "--include=*.py", "raise ValueError", *where]
    text = output(command, LIBRARY)
    hits = [line for line in text.split("\n") if re.match(r"[^:]+:\d+:", line)]
    per_file = Counter(line.split(":", 1)[0] for line in hits)
    lone = [line for line in hits if per_file[line.split(":", 1)[0]] == 1]
    facts = chosen("the only match of its file?", lone) + chosen("what does a match say?", hits)
    return Payload("grep -rn, stdlib", text, facts, " ".join(command))


def failing_tests(folder: Path) -> Payload:
    """A test run with a failure and an error."""
    programs.write_tests(folder)
    runner = "pytest" if importlib.util.find_spec("pytest") else "unittest"
    command = [sys.executable, "-m", runner, "-v", *(["test_cart.py"] if runner == "pytest" else [])]
    text = output(command, folder)
    failed = re.findall(r"^(?:FAIL|ERROR): .+|^\S+::\S+ (?:FAILED|ERROR)", text, re.M)
    raised = re.findall(r"^(?:E +)?(\w+Error: .+)$", text, re.M)
    where = re.findall(r'File "[^"]+", line \d+|^\S+\.py:\d+: \w+', text, re.M)
    facts = (
        chosen("which test failed?", failed)
        + chosen("what was the error?", raised)
        + chosen("where did it fail?", where)
        + chosen("how did the run end?", text.rstrip().split("\n")[-1:])
    )
    return Payload(f"failing {runner}", text, facts, f"python -m {runner} -v")


def packages(folder: Path) -> Payload:
    """What is installed, as JSON."""
    if importlib.util.find_spec("pip") is None:
        raise UnavailableError("pip is not installed")
    text = output([sys.executable, "-m", "pip", "list", "--format", "json"], folder)
    found = re.findall(r'"name": "[^"]+", "version": "[^"]+"', text)
    return Payload("pip list, JSON", text, chosen("which version is installed?", found), "pip list --format json")


def long_log(folder: Path) -> Payload:
    """The log of a program that parses a few hundred files, one of which is broken."""
    command = [sys.executable, *programs.write_indexer(folder, LIBRARY)]
    text = output(command, folder)
    facts = (
        chosen("what went wrong?", re.findall(r"^.* ERROR .*$", text, re.M))
        + chosen("why?", re.findall(r"^\w+Error: .*$", text, re.M))
        + chosen("what was warned of?", re.findall(r"^.* WARNING .*$", text, re.M))
        + chosen("how did it begin and end?", [text.split("\n", 1)[0], text.rstrip().rsplit("\n", 1)[-1]])
    )
    return Payload("program log", text, facts, "python indexer.py")


def listing(folder: Path) -> Payload:
    """A recursive listing of parts of the standard library."""
    command = ["ls", "-lR", *_packages("asyncio", "ctypes", "email", "http", "json", "logging", "unittest", "xml")]
    text = output(command, LIBRARY)
    return Payload("ls -lR, stdlib", text, sizes(text), " ".join(command))


def sizes(text: str) -> tuple[Fact, ...]:
    """The largest file of an `ls -l`, and others, each with its size."""
    files = [line.split(None, 8) for line in text.split("\n") if line.startswith("-")]
    largest = max(files, key=lambda cells: int(cells[4]))
    facts = chosen("which file is the largest?", [f"{largest[4]} {largest[8]}"])
    return facts + chosen("is this file there, of what size?", [f"{cells[4]} {cells[8]}" for cells in files])


def source(folder: Path) -> Payload:
    """A source file as an outline: every class and function must be found in it."""
    file = LIBRARY / "argparse.py"
    text = file.read_text("utf-8")
    lines = text.split("\n")
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    declared = [lines[node.lineno - 1].strip() for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
    facts = tuple(Fact("how is it declared?", (line,)) for line in dict.fromkeys(declared))
    return Payload("argparse.py, outline", text, facts, tool="Read", path=str(file), level=Level.AGGRESSIVE)


def api_answer(folder: Path) -> Payload:
    """Records as a JSON API returns them: the files of the standard library."""
    files = [file for file in sorted(LIBRARY.glob("[a-t]*/*.py")) if "-packages" not in str(file)][:400]
    records = [
        {"id": number, "package": file.parent.name, "name": file.name, "size": file.stat().st_size, "kind": "module"}
        for number, file in enumerate(files, 1)
    ]
    text = json.dumps({"total": len(records), "items": records}, indent=1)
    pairs = re.findall(r'"name": "[^"]+",\s+"size": (\d+)', text)
    largest = max(pairs, key=int)
    facts = chosen("how large is the largest file?", re.findall(rf'"name": "[^"]+",\s+"size": {largest}', text))
    facts += chosen("how large is this file?", re.findall(r'"name": "[^"]+",\s+"size": \d+', text))
    return Payload("JSON records", text, facts, tool="list_files")


def _packages(*names: str) -> list[str]:
    return [name for name in names if (LIBRARY / name).is_dir()]


MAKERS: dict[str, Maker] = {
    "git log": git_log,
    "git diff": git_diff,
    "grep": grep,
    "tests": failing_tests,
    "pip list": packages,
    "log": long_log,
    "ls": listing,
    "JSON": api_answer,
    "source": source,
}
