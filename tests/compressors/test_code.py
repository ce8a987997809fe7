"""What only the code compressor promises: outlines that parse, in order, with exact gaps and every declaration."""

from __future__ import annotations

import ast
import re
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.compressors.code import COMPRESSOR
from headroom.formats.code.indent_outline import indent_outline
from headroom.formats.code.languages import LANGUAGES, by_name, by_path, error_count, parse
from headroom.formats.code.macros import without_macros
from headroom.model import Compressed, Context, Intent, Level, ToolCall
from headroom.text.lines import sample
from tests.compressors.test_cases import CASES

SUFFIXES = {
    "python_module": ".py", "javascript_router": ".js", "typescript_store": ".ts", "go_worker": ".go",
    "rust_parser": ".rs", "java_service": ".java", "c_buffer": ".c", "cpp_matrix": ".cpp",
}  # fmt: skip
SOURCES = {name: (CASES / "code" / name / "input.txt").read_text() for name in SUFFIXES}
STDLIB = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::6]
GAP = re.compile(r"\[… (\d+) lines? \((\d+)(?:–(\d+))?\)(?:: [\w., ]+)? …\]")


def outline(text: str, path: str, query: str = "", **more: object) -> Compressed | None:
    """The outline of a text that an agent reads from `path`, without room for any body."""
    options = {"level": Level.AGGRESSIVE, "intent": Intent.READ, "target": 0, **more}
    return next(iter(COMPRESSOR.compress(text, Context(query=query, call=ToolCall(path=path), **options))), None)  # type: ignore[arg-type]


def check_lines(text: str, form: Compressed) -> None:
    """Every line of the form is the next line of the source or a marker of exactly the lines that are missing there."""
    source, at, missing = text.split("\n"), 0, []
    for line in form.text.split("\n"):
        gap = GAP.search(line)
        if gap is None:
            assert line == source[at]
            at += 1
            continue
        first, last = int(gap[2]), int(gap[3] or gap[2])
        assert (first, last - first + 1) == (at + 1, int(gap[1]))
        missing.append((first, last))
        at = last
    assert at == len(source)
    assert sorted(span for o in form.omissions for span in o.ranges) == missing
    assert all(o.count == sum(b - a + 1 for a, b in o.ranges) for o in form.omissions)


def check_parses(text: str, form: Compressed, path: str) -> None:
    language = by_path(path)
    assert language is not None
    assert error_count(parse(form.text, language).root_node) <= error_count(parse(text, language).root_node)


@pytest.mark.parametrize("name", SOURCES)
def test_outline_of_each_language(name: str) -> None:
    text = SOURCES[name]
    form = outline(text, "x" + SUFFIXES[name])
    assert form is not None
    assert not form.lossless
    assert len(form.text) < len(text) * 0.9
    check_lines(text, form)
    check_parses(text, form, "x" + SUFFIXES[name])
    assert form == outline(text, "x" + SUFFIXES[name])


def declarations(tree: ast.AST) -> list[int]:
    """The lines of all functions, classes and top-level imports."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom))
        and (not isinstance(node, (ast.Import, ast.ImportFrom)) or node.col_offset == 0)
    ]


@pytest.mark.parametrize("file", STDLIB, ids=lambda f: f.name)
def test_standard_library(file: Path) -> None:
    text = file.read_text()
    form = outline(text, file.name)
    if form is None:
        return
    check_lines(text, form)
    ast.parse(form.text)
    hidden = {line for o in form.omissions for a, b in o.ranges for line in range(a, b + 1)}
    assert not hidden & set(declarations(ast.parse(text)))


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(SOURCES)), st.data())
def test_mutated_sources(name: str, data: st.DataObject) -> None:
    """Lines taken out, doubled, moved or cut: the form is true, and parses where the source still does."""
    lines = SOURCES[name].split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        i, j = data.draw(st.integers(0, len(lines) - 1)), data.draw(st.integers(0, len(lines) - 1))
        what = data.draw(st.sampled_from(("drop", "double", "swap", "cut", "glue")))
        if what == "drop" and len(lines) > 20:
            del lines[i]
        elif what == "double":
            lines.insert(j % len(lines), lines[i % len(lines)])
        elif what == "swap":
            i, j = i % len(lines), j % len(lines)
            lines[i], lines[j] = lines[j], lines[i]
        elif what == "cut":
            lines[i % len(lines)] = lines[i % len(lines)][: data.draw(st.integers(0, 30))]
        elif len(lines) > 20 and i % len(lines):
            i %= len(lines)
            lines[i - 1 : i + 1] = [lines[i - 1] + " " + lines[i].strip()]
    text = "\n".join(lines)
    form = outline(text, "x" + SUFFIXES[name])
    if form is None:
        return
    check_lines(text, form)
    language = by_path("x" + SUFFIXES[name])
    assert language is not None
    if not parse(text, language).root_node.has_error:
        assert not parse(form.text, language).root_node.has_error


@given(st.text(alphabet="ab \t{}()[];:=\"'`/*#\\\n\rdef class if é漢\ud800", max_size=600), st.sampled_from(LANGUAGES))
@settings(max_examples=150, deadline=None)
def test_anything_at_all(text: str, language: object) -> None:
    padded = text + "\n" + "x = 1\n" * 80
    form = outline(padded, "x" + language.extensions[0])  # type: ignore[attr-defined]
    if form is not None:
        check_lines(padded, form)


@pytest.mark.parametrize("name", ["python_module", "go_worker", "typescript_store"])
def test_long_files_are_parsed_in_pieces(name: str) -> None:
    text = SOURCES[name] + "\n"
    long = text * (800_000 // len(text))
    one, many = outline(text, "x" + SUFFIXES[name]), outline(long, "x" + SUFFIXES[name])
    assert one is not None
    assert many is not None
    check_lines(long, many)
    check_parses(long, many, "x" + SUFFIXES[name])
    lost = [sum(o.count for o in form.omissions) for form in (one, many)]
    assert lost[1] == pytest.approx(lost[0] * (800_000 // len(text)), rel=0.05)


def test_a_grammar_that_does_not_fit_is_not_used() -> None:
    """Ruby under a name that says TypeScript: the layout speaks then."""
    text = (CASES / "code" / "ruby_model" / "input.txt").read_text()
    form = outline(text, "cart.ts")
    assert form is not None
    assert form.text == getattr(outline(text, "cart.rb"), "text", None)


def test_a_file_of_another_kind_is_not_code() -> None:
    text = (
        "# Notes\n\nCall it so:\n\nimport os\n\nThen read on, there is more to say about it.\n" + "Some words.\n" * 20
    )
    call = ToolCall(path="README.md")
    assert COMPRESSOR.sniff(sample(text), Context(call=call, intent=Intent.READ)) == 0.0


def test_named_function_stays_whole() -> None:
    text = SOURCES["python_module"]
    form = outline(text, "x.py", "What happens in `take` when no token is left?")
    assert form is not None
    assert "raise LimitReached" in form.text
    assert "await asyncio.sleep(pause)" not in form.text


def test_a_target_is_filled_by_rank() -> None:
    text = SOURCES["rust_parser"]
    sizes = [len(form.text) if (form := outline(text, "x.rs", target=t)) else len(text) for t in (0, 300, 450, 10_000)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] == len(text)


def test_reads_keep_what_fits() -> None:
    assert outline(SOURCES["go_worker"], "pool.go", target=None) is None
    assert outline(SOURCES["go_worker"] * 20, "pool.go", target=None) is not None


def test_levels() -> None:
    text = SOURCES["go_worker"]
    body = "\tx := len(os.Args)\n\ty := x * x\n\tprintln(x, y)\n\treturn y\n}\n"
    huge = text + "".join(f"func f{i}() int {{\n{body}" for i in range(4000))
    assert outline(huge, "x.go", level=Level.LOSSLESS) is None
    assert outline(text, "x.go", level=Level.BALANCED) is None
    assert outline(huge, "x.go", level=Level.BALANCED) is not None


@pytest.mark.parametrize("name", SOURCES)
def test_sniffs_source_without_its_name(name: str) -> None:
    assert COMPRESSOR.sniff(sample(SOURCES[name]), Context()) >= 0.85


@pytest.mark.parametrize(
    "text",
    [
        '{\n  "import": 1,\n  "class": "x",\n  "from": "y",\n  "def": 2,\n  "b": 3,\n  "c": 4\n}',
        "2024-01-02 03:04:05 INFO class loaded\n" * 12,
        "for the rest of this text,\nif you want to import it,\nreturn to the class of\nwhile others wait and\n" * 4,
        "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,4 +1,4 @@\n import os\n-x = 1\n+x = 2\n def f():\n",
        "src/a.py:3: def f():\nsrc/a.py:9: class A:\nsrc/b.py:1: import os\nsrc/b.py:4: return 1\n" * 3,
        "$ ls\nsrc\n$ cat x.py\nimport os\n$ make\ngcc -c x.c\n",
        "<html>\n<body>\n<p>class</p>\n<script>\nvar x = 1;\n</script>\n</body>\n</html>\n",
        "NAME   READY   STATUS\nweb-1  1/1     Running\nweb-2  1/1     Running\ndb-0   0/1     Pending\n",
    ],
    ids=["json", "log", "prose", "diff", "search", "transcript", "html", "table"],
)  # fmt: skip
def test_sniffs_nothing_else(text: str) -> None:
    assert COMPRESSOR.sniff(sample(text), Context()) == 0.0


def test_macros_are_blanked_in_place() -> None:
    source = b"BEGIN_DECLS\nLIB_API int f(int x) NOEXCEPT {\n  return FOO(x, BAR);\n}\nint y = MAX(\n  A, B);\n"
    blanked = without_macros(source)
    assert len(blanked) == len(source)
    assert blanked.startswith(b"           \n        int f(int x)          {\n  return FOO(x, BAR);\n}\n")
    assert blanked.endswith(b"int y = MAX(\n  A, B);\n")
    language = by_name("c")
    assert language is not None
    assert not parse(source.decode(), language).root_node.has_error


def test_indentation_outline_keeps_every_declaration() -> None:
    text = (CASES / "code" / "ruby_model" / "input.txt").read_text()
    lines = text.split("\n")
    folds, functions = indent_outline(lines)
    hidden = {i for fold in folds for i in range(fold.start, fold.end)}
    assert hidden
    assert [f.name for f in functions] == ["initialize", "add"]
    kept = [line for i, line in enumerate(lines) if i not in hidden]
    declared = ("def ", "class ", "module ", "attr_reader")
    assert sum(line.lstrip().startswith(declared) for line in kept) == sum(
        line.lstrip().startswith(declared) for line in lines
    )


@pytest.mark.parametrize(
    "text", ["{" * 50_000, "f(\n" * 20_000, "a;" * 100_000, "if x:\n " * 20_000, "/*" * 50_000], ids=range(5)
)
@pytest.mark.parametrize("suffix", [".py", ".js", ".c"])
def test_hostile_sources(text: str, suffix: str) -> None:
    form = outline(text, "x" + suffix)
    assert form is None or len(form.text) < len(text)
