"""The shape of the code: imports point down, modules and functions stay small, plug-ins don't know each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "headroom"
MODULES = sorted(SRC.rglob("*.py"))

# From the bottom up. A module may import from its own layer only where the layer is not one of plug-ins.
LAYERS = (
    ("errors", "model", "recent", "toml_file"),
    ("interfaces", "marker", "tokens", "wire"),
    ("options", "hints", "rules", "text", "plugins"),
    ("formats",),
    ("compressors", "dialects", "ccr", "replies"),
    ("contest",),
    ("router",),
    ("conversation",),
    ("references",),
    ("pipeline",),
    ("prefixes",),
    ("request",),
    ("channel",),
    ("cache_aligner",),
    ("api",),
    ("ledger",),
    ("proxy",),
    ("demo",),
    ("cli", "__init__"),
)
PLUGINS = ("compressors", "dialects", "replies")
MAX_MODULE_LINES, MAX_FUNCTION_LINES, MAX_PUBLIC_NAMES = 400, 60, 15
# Module or function → why it may be longer.
EXCEPTIONS: dict[str, str] = {
    "headroom.tokens.exact_counter": "imports the optional [tokens] extra only when exact counts are asked for",
    "headroom.ledger.prices._published": "loads a large table of prices only when money is reported",
}


def part(module: str) -> str:
    """The layer entry a dotted module belongs to: "headroom.text.lines" → "text", "headroom" → "__init__"."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def layer(module: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if part(module) in names)


def dotted(file: Path) -> str:
    names = [SRC.name, *file.relative_to(SRC).with_suffix("").parts]
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if (SRC / Path(*node.module.split(".")[1:])).is_dir():
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("file", MODULES, ids=dotted)
def test_imports_point_down(file: Path) -> None:
    me = dotted(file)
    for name in imported(ast.parse(file.read_text())):
        if not name.startswith("headroom.") or name.startswith("headroom.__"):
            continue
        assert layer(name) <= layer(me), f"{me} imports {name} from a layer above"
        if part(me) in PLUGINS and part(name) == part(me):
            pytest.fail(f"{me} imports another plug-in, {name}")


@pytest.mark.parametrize("file", MODULES, ids=dotted)
def test_sizes(file: Path) -> None:
    text = file.read_text()
    me = dotted(file)
    if me not in EXCEPTIONS:
        assert text.count("\n") <= MAX_MODULE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and f"{me}.{node.name}" not in EXCEPTIONS:
            assert (node.end_lineno or 0) - node.lineno < MAX_FUNCTION_LINES, f"{me}.{node.name}"


@pytest.mark.parametrize("file", [m for m in MODULES if "cli" not in m.parts and m.name != "__init__.py"], ids=dotted)
def test_no_import_inside_functions(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inside = [n for n in ast.walk(node) if isinstance(n, (ast.Import, ast.ImportFrom))]
            assert not inside or f"{dotted(file)}.{node.name}" in EXCEPTIONS, f"{node.name} imports"


def test_exceptions_name_what_exists() -> None:
    names = {dotted(file) for file in MODULES}
    for file in MODULES:
        names |= {
            f"{dotted(file)}.{n.name}"
            for n in ast.walk(ast.parse(file.read_text()))
            if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
    assert set(EXCEPTIONS) <= names


def test_public_names_are_few() -> None:
    import headroom

    assert len(headroom.__all__) <= MAX_PUBLIC_NAMES
    assert all(hasattr(headroom, name) for name in headroom.__all__)
