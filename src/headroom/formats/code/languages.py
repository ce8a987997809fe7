"""What the code compressor must know of each language: its grammar, its file names, how it writes a comment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module

from tree_sitter import Language, Node, Parser, Tree

from headroom.formats.code.macros import without_macros


@dataclass(frozen=True, slots=True)
class CodeLanguage:
    """One language: `function` of `module` gives its grammar.

    `empty_body` is what a body needs to parse when all its statements are gone. `newline_ends` says that a line's end
    may stand for a semicolon, depending on what the next line begins with; `macros` that a preprocessor rewrites it.
    A body without any of the words of `declaring` holds no declaration; no words, no such promise.
    """

    name: str
    module: str
    function: str
    extensions: tuple[str, ...]
    comment: str = "//"
    empty_body: str = ""
    newline_ends: bool = False
    macros: bool = False
    declaring: tuple[str, ...] = ()


_PYTHON = CodeLanguage(
    "python", "tree_sitter_python", "language", (".py", ".pyi"), "#", "...", declaring=("def ", "class ")
)
_JAVASCRIPT = CodeLanguage(
    "javascript", "tree_sitter_javascript", "language", (".js", ".mjs", ".cjs", ".jsx"), newline_ends=True
)
_TYPESCRIPT = CodeLanguage(
    "typescript", "tree_sitter_typescript", "language_typescript", (".ts", ".mts", ".cts"), newline_ends=True
)
_TSX = CodeLanguage("tsx", "tree_sitter_typescript", "language_tsx", (".tsx",), newline_ends=True)
_GO = CodeLanguage("go", "tree_sitter_go", "language", (".go",), declaring=("func", "type "))
_RUST = CodeLanguage(
    "rust", "tree_sitter_rust", "language", (".rs",),
    declaring=(
        "fn ", "struct ", "enum ", "union ", "impl", "trait ", "const ", "static ", "type ", "mod ", "macro_rules",
        "| {",
    ),
)  # fmt: skip
_JAVA = CodeLanguage(
    "java", "tree_sitter_java", "language", (".java",),
    declaring=("class ", "interface ", "enum ", "record ", "public ", "protected ", "private ", "void ", "@", "->"),
)  # fmt: skip
_C_WORDS = ("define", "typedef", "struct", "enum", "union", "static_assert", "_Static_assert")
_C = CodeLanguage("c", "tree_sitter_c", "language", (".c", ".h"), macros=True, declaring=_C_WORDS)
_CPP = CodeLanguage(
    "cpp", "tree_sitter_cpp", "language", (".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx", ".ipp"),
    macros=True, declaring=(*_C_WORDS, "class", "]("),
)  # fmt: skip

LANGUAGES = (_PYTHON, _JAVASCRIPT, _TYPESCRIPT, _TSX, _GO, _RUST, _JAVA, _C, _CPP)

_BY_NAME = {language.name: language for language in LANGUAGES}
_BY_EXTENSION = {ext: language for language in LANGUAGES for ext in language.extensions}
# Which grammar to try where a file is not what its name or its first lines say.
_NEXT = {_JAVASCRIPT: _TSX, _TYPESCRIPT: _TSX, _TSX: _TYPESCRIPT}
_CPP_ONLY = ("::", "\nclass ", "\nnamespace ", "\ntemplate ", "\ntemplate<", "\npublic:")


def by_path(path: str) -> CodeLanguage | None:
    """The language that a file name says, None for other names."""
    dot = path.rfind(".")
    return _BY_EXTENSION.get(path[dot:].lower()) if dot >= 0 else None


def by_name(name: str) -> CodeLanguage | None:
    """The language of that name."""
    return _BY_NAME.get(name)


@cache
def _parser(language: CodeLanguage) -> Parser:
    return Parser(Language(getattr(import_module(language.module), language.function)()))


def parse(text: str, language: CodeLanguage) -> Tree:
    """The syntax tree of a text; columns count UTF-8 bytes."""
    source = text.encode("utf-8", "surrogatepass")
    return _parser(language).parse(without_macros(source) if language.macros else source)


def best_parse(text: str, language: CodeLanguage) -> tuple[Node, CodeLanguage]:
    """The root of the tree in that language, or in its sister language where that understands more of the text."""
    if language is _C and any(sign in text for sign in _CPP_ONLY):
        language = _CPP
    root = parse(text, language).root_node
    if root.has_error and (sister := _NEXT.get(language)) is not None:
        other = parse(text, sister).root_node
        if error_count(other) < error_count(root):
            return other, sister
    return root, language


def error_count(root: Node) -> int:
    """How many places of a tree could not be parsed."""
    if not root.has_error:
        return 0
    count, todo = 0, [root]
    while todo:
        for child in todo.pop().children:
            if child.is_error or child.is_missing:
                count += 1
            if child.has_error:
                todo.append(child)
    return count
