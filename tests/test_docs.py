"""The documents: every command and block of code in them runs, every flag, file and link exists, nothing is stale."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import stat
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

import headroom
import headroom.compressors
import headroom.dialects
from headroom import MemoryStore, plugins
from headroom.api import dialect_of
from headroom.ccr.default import default_store
from headroom.ccr.pins import MemoryPins
from headroom.cli.main import Commands, group
from headroom.ledger.inspection import inspected
from headroom.ledger.reading import DIMENSIONS, Reading
from headroom.ledger.record import Break, Group, Retrieved
from headroom.ledger.retention import Retention
from headroom.ledger.source import LEDGER_FILE, InMemory
from headroom.ledger.writing import Due, Writer
from headroom.model import Reason
from headroom.options import Options
from headroom.prefixes import Prefixes
from headroom.proxy.engine import BUDGETS_FILE, PINS_FILE, TRIAL_FILE
from headroom.proxy.guard import TOKEN_FILE
from headroom.tokens import exact_counter
from tests.ledger.records import account, record
from tests.test_api import OUTPUT, anthropic, reply

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
GENERATED = re.compile(r"<!-- begin: .*?<!-- end -->", re.S)
FENCE = re.compile(r"^ *(`{3,})(\w*)\n(.*?)^ *\1$", re.S | re.M)
PLACEHOLDER = "k3v9x2mq"

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)


def module(name: str, file: Path) -> ModuleType:
    """A module that is no part of the package."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of a language that are written by hand."""
    text = GENERATED.sub("", document.read_text("utf-8"))
    return [block for _, found, block in FENCE.findall(text) if found == language]


def commands() -> Iterator[Any]:
    """Every line with a prompt."""
    for document in DOCUMENTS:
        for block in blocks(document, "console"):
            for line in block.split("\n"):
                if line.strip().startswith("$ "):
                    shell = line.strip()[2:].split("  #")[0].strip()
                    yield pytest.param(shell, id=f"{document.name}: {shell}")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documents speak of."""
    place = tmp_path / "work"
    place.mkdir()
    for name in ("app.log", "build.log"):
        (place / name).write_text(OUTPUT)
    (place / "request.json").write_text('[{"role": "user", "content": "hello"}]')
    monkeypatch.chdir(place)
    return place


@pytest.mark.parametrize("shell", list(commands()))
def test_commands_run(shell: str, folder: Path) -> None:
    words = shlex.split(shell.rsplit("|", 1)[-1].split(" > ", maxsplit=1)[0])
    program = words[0].rsplit("/", 1)[-1]
    if program == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M), words[1]
    elif program == "python":
        assert (ROOT / words[3]).exists() if words[1] == "-m" else (ROOT / words[1]).exists()
    else:
        assert program == "headroom", shell
        store = default_store()
        kept = store.put(OUTPUT.replace("card expired", "connection refused"))
        arguments = [kept if word == PLACEHOLDER else word for word in words[1:]]
        if arguments == ["demo"]:
            return  # runs in tests/test_cli.py
        if arguments[0] in ("proxy", "dashboard", "pause", "resume"):
            arguments.append("--help")  # one serves, the others ask it: that it knows these flags is enough here
        done = CliRunner().invoke(group, arguments, input=OUTPUT, standalone_mode=False)
        assert done.exception is None, done.exception
        assert done.stdout or done.stderr


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if blocks(d, "python")], ids=lambda file: file.name)
def test_python_runs(document: Path, folder: Path) -> None:
    for block in blocks(document, "python"):
        given = {
            "messages": anthropic(OUTPUT), "tools": [], "text": OUTPUT, "folder": folder,
            "reply": reply("anthropic", {"id": "zzzzzzzz"}),
        }  # fmt: skip
        exec(compile(block, document.name, "exec"), given)


@each_document
def test_generated_parts_are_current(document: Path) -> None:
    """Run `make docs` where this fails."""
    build = module("docs_build", ROOT / "docs" / "build.py")
    text = document.read_text("utf-8")
    assert build.built(text, None) == text


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    text = FENCE.sub("", document.read_text("utf-8"))
    for link in re.findall(r"\]\((?!https?:|/)([^)#]+)(?:#[^)]*)?\)", text):
        assert (document.parent / link).exists(), link


def anchors(document: Path) -> set[str]:
    """What headings of a document are called in links."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text("utf-8")), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
def test_links_lead_to_headings(document: Path) -> None:
    text = FENCE.sub("", document.read_text("utf-8"))
    for file, anchor in re.findall(r"\]\((?!https?:|/)([^)#]*)#([^)]+)\)", text):
        assert anchor in anchors(document.parent / file if file else document), anchor


@each_document
def test_files_that_are_named_exist(document: Path) -> None:
    text = FENCE.sub("", GENERATED.sub("", document.read_text("utf-8")))
    for name in re.findall(r"`((?:src|tests|docs|benchmarks|\.ci)/[\w./-]+)`", text):
        if document.name == "CONTRIBUTING.md" and name == "src/headroom/agents/":
            continue  # said to come
        assert (ROOT / name).exists(), name


def known_flags() -> set[str]:
    """Flags of the command, of the scripts, and of the test runner."""
    flags = {"--help", "--version", "--regen", "--strict"}
    tree = Commands("headroom")
    for name in tree.list_commands(None):  # type: ignore[arg-type]
        command: Any = tree.get_command(None, name)  # type: ignore[arg-type]
        for leaf in [*getattr(command, "commands", {}).values(), command]:
            flags |= {flag for parameter in leaf.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    for script in ("benchmarks/compare.py", "docs/build.py"):
        flags |= set(re.findall(r'"(--[\w-]+)"', (ROOT / script).read_text()))
    return flags


OTHER_TOOLS = {"--unidiff-zero", "--json"}


@each_document
def test_flags_that_are_named_exist(document: Path) -> None:
    text = GENERATED.sub("", document.read_text("utf-8"))
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))
    assert named <= known_flags() | OTHER_TOOLS


def test_the_readme_is_short() -> None:
    assert (ROOT / "README.md").read_text("utf-8").count("\n") <= 150


def test_what_the_readme_says_of_its_example_is_so() -> None:
    shown, said = (ROOT / "README.md").read_text("utf-8").split("<!-- end -->", 2)[:2]
    for first, last in re.findall(r"--lines (\d+)-(\d+)", said.split("##")[0]):
        assert f"({first}–{last})" in shown
    for value in re.findall(r"\((\d+ ms)\)", said):
        assert value in shown


def test_every_part_has_its_place_in_the_documents() -> None:
    library = (ROOT / "docs" / "library.md").read_text("utf-8")
    text = FENCE.sub("", (ROOT / "docs" / "compressors.md").read_text("utf-8"))
    sections = re.findall(r"^## (\w+)$", text, re.M)
    assert sections == sorted(plugins.compressors())
    examples = re.findall(r"^## (\w+)$.*?^[\d,]+ → [\d,]+ tokens \([^)]*\), (\w+)", text, re.M | re.S)
    assert examples == [(name, name) for name in sections]
    for name in [*plugins.dialects(), *(reason.value for reason in Reason), *(field.name for field in fields(Options))]:
        assert f"`{name}`" in library, name
    assert f"## {headroom.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    commands = (ROOT / "docs" / "cli.md").read_text("utf-8")
    for name in Commands("headroom").list_commands(None):  # type: ignore[arg-type]
        assert f"## headroom {name}" in commands


def test_what_the_offered_tool_costs_is_so() -> None:
    count = exact_counter()
    assert count is not None
    costs = [count(json.dumps(headroom.retrieval_tool(name), separators=(",", ":"))) for name in plugins.dialects()]
    limits = (ROOT / "docs" / "limitations.md").read_text("utf-8")
    assert f"costs {min(costs)} to {max(costs)} tokens" in limits


def test_every_code_of_a_request_is_documented() -> None:
    sources = "".join(file.read_text("utf-8") for file in (ROOT / "src" / "headroom" / "proxy").glob("*.py"))
    given = r"""(?:reasons=\(|reason = |reasons\.append\(|ignored\.append\()"(\w+)\""""
    codes = set(re.findall(given, sources))
    assert len(codes) > 10
    text = (ROOT / "docs" / "proxy.md").read_text("utf-8")
    assert not {code for code in codes if f"`{code}`" not in text}


def test_every_figure_of_the_books_is_documented() -> None:
    source = InMemory()
    asked = record(retrieved=(Retrieved("k3v9x2mq", "lines=3-9", "text"),), breaks=(Break("a date", 99_999),))
    Writer(source, Retention()).write([Due(account(one)) for one in (asked, record(group=Group.DRY_RUN))])
    books = Reading(source, lambda *_: 1.0)
    text = (ROOT / "docs" / "stats.md").read_text("utf-8")
    shown = [
        books.summary(), *(books.by(dimension) for dimension in DIMENSIONS), books.series("day"), books.request(1),
        books.request(2), books.retrieval_log(), inspected(books, 1, lambda _: MemoryStore(), Prefixes(MemoryPins())),
    ]  # fmt: skip
    assert not {name for name in fields_of(shown) if f"`{name}`" not in text} - {
        "pin"
    }  # which `inspected` makes use of


def fields_of(value: Any) -> Iterator[str]:
    """The names in a value of JSON, but those that are data."""
    if isinstance(value, list):
        for one in value:
            yield from fields_of(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            if name not in ("reasons", "statuses"):
                yield from fields_of(one)


def test_every_environment_variable_is_documented_and_read() -> None:
    pattern = r"HEADROOM_[A-Z_]+[A-Z]"
    read = {name for file in (ROOT / "src").rglob("*.py") for name in re.findall(pattern, file.read_text("utf-8"))}
    named = {name for file in DOCUMENTS for name in re.findall(pattern, file.read_text("utf-8"))}
    assert read == named


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_the_file_table_is_true(home: Path) -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    headroom.compress_text(OUTPUT)
    files = sorted(file.name for file in home.iterdir())
    assert files
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for file in home.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        suffix = file.name.removeprefix("ccr.sqlite3")
        assert f"`{suffix}`" in text or f"$HEADROOM_HOME/{file.name}" in text


def test_the_files_of_the_proxy_are_in_the_table() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    for name in (PINS_FILE, TRIAL_FILE, BUDGETS_FILE, LEDGER_FILE, TOKEN_FILE):
        assert f"| `$HEADROOM_HOME/{name}` |" in text


# --- the recipes of CONTRIBUTING.md --------------------------------------------------------------------------------

COMPRESSOR = '''
from headroom.model import Compressed, Omission
from headroom.marker import omitted

class Shouting:
    """A new content type."""
    name = content_type = "shouting"
    def sniff(self, sample, context): return 0.95 if sample.lines[0] == "SHOUTING" else 0.0
    def compress(self, text, context):
        lines = text.split("\\n")
        gap = omitted(len(lines) - 2, "lines", [(2, len(lines) - 1)], "shouting")
        omission = Omission("shouting", len(lines) - 2, "lines", ((2, len(lines) - 1),))
        yield Compressed("\\n".join((lines[0], gap, lines[-1])), self.name, False, (omission,))
    def decode(self, text): return text
    def same(self, decoded, original): return decoded == original

COMPRESSOR = Shouting()
'''
DIALECT = '''
from headroom.model import Block, Role

class Plain:
    """A new message shape: {"plain": [texts of tools]}."""
    name = "plain"
    def recognises(self, body): return 0.9 if isinstance(body, dict) and "plain" in body else 0.0
    def blocks(self, body):
        for i, text in enumerate(body["plain"]): yield Block(text, ("plain", i), Role.TOOL)
    def tool_definition(self, name, description, schema): return {"tool": name}
    def tool_calls(self, message): return []
    def tool_result(self, call_id, name, text): return {"plain": [text]}

DIALECT = Plain()
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Puts a module's file beside the package's own ones."""

    def put(package: ModuleType, name: str, source: str) -> None:
        place = tmp_path / package.__name__
        place.mkdir()
        (place / f"{name}.py").write_text(source)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(place)])
        plugins.compressors.cache_clear()
        plugins.dialects.cache_clear()

    yield put
    monkeypatch.undo()
    plugins.compressors.cache_clear()
    plugins.dialects.cache_clear()


def test_a_new_compressor_is_one_file(plugin: Any) -> None:
    text = "SHOUTING\n" + "\n".join(f"{'HEY ' * (i % 9)}{i * 7919}" for i in range(200)) + "\nEND"
    plugin(headroom.compressors, "shouting", COMPRESSOR)
    result = headroom.compress_text(text, store=headroom.MemoryStore())
    assert result.report.compressor == "shouting"
    assert "[… 200 lines (2–201): shouting …]" in result.text


def test_a_new_dialect_is_one_file(plugin: Any) -> None:
    plugin(headroom.dialects, "plain", DIALECT)
    body = {"plain": [OUTPUT]}
    assert dialect_of(body).name == "plain"
    done = headroom.compress(body, store=headroom.MemoryStore())
    assert done.tokens_after < done.tokens_before
    assert headroom.retrieval_tool("plain") == {"tool": "headroom_retrieve"}
