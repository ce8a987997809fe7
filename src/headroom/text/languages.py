"""What the code compressor must know of each language: its grammar, its file names, its tell-tale lines, what folds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import chain

from tree_sitter import Language, Node, Parser, Tree

from headroom.text.macros import without_macros

_BRACE_DOC = "(comment) @comment"


@dataclass(frozen=True, slots=True)
class CodeLanguage:
    """One language: `module` and `function` name its grammar, `folds` is the tree-sitter query of what may be folded.

    Captures: @body is a function's body (its statements may go), @data a literal, @comment a comment, @keep a nested
    declaration whose first line must stay even inside a folded body.
    """

    name: str
    module: str
    function: str
    extensions: tuple[str, ...]
    hints: str
    comment: str
    folds: str

    @property
    def newline_ends(self) -> bool:
        """Whether a line's end may stand for a semicolon, depending on what follows."""
        return self.name in ("javascript", "typescript", "tsx")

    @property
    def empty_body(self) -> str:
        """What a body needs to parse when all its statements are gone."""
        return "..." if self.name == "python" else ""


_JS_FOLDS = f"""
(function_declaration body: (statement_block) @body) @keep
(generator_function_declaration body: (statement_block) @body) @keep
(function_expression body: (statement_block) @body) @keep
(arrow_function body: (statement_block) @body) @keep
(method_definition body: (statement_block) @body) @keep
(class_declaration) @keep
(object) @data (array) @data {_BRACE_DOC}
"""

LANGUAGES: tuple[CodeLanguage, ...] = (
    CodeLanguage(
        "python", "tree_sitter_python", "language", (".py", ".pyi"),
        r"(?:async )?def \w+\(.*|class \w+.*:$|from [\w.]+ import .+|import [\w.]+(?: as \w+)?$|@\w[\w.]*(?:\(.*)?$|if __name__ ==",
        "#",
        "(function_definition body: (block) @body) @keep (class_definition) @keep "
        "(dictionary) @data (list) @data (set) @data (tuple) @data (comment) @comment (expression_statement (string) @doc)",
    ),
    CodeLanguage(
        "typescript", "tree_sitter_typescript", "language_typescript", (".ts", ".mts", ".cts"),
        r"(?:export )?(?:declare )?(?:interface|type|enum|namespace) \w+|import type |(?:export )?(?:async )?function \w+.*\): .*\{|"
        r"(?:private|public|protected|readonly) \w+.*[:;(]|import .* from ['\"]",
        "//", _JS_FOLDS + "(abstract_class_declaration) @keep (interface_declaration) @keep",
    ),
    CodeLanguage(
        "tsx", "tree_sitter_typescript", "language_tsx", (".tsx",), r"(?!)", "//",
        _JS_FOLDS + "(interface_declaration) @keep",
    ),
    CodeLanguage(
        "javascript", "tree_sitter_javascript", "language", (".js", ".mjs", ".cjs", ".jsx"),
        r"(?:export )?(?:default )?(?:async )?function\*? ?\w*\(|(?:const|let|var) [\w{}, ]+ = (?:require\(|async |function|\()|"
        r"module\.exports|exports\.\w+ =|import .* from ['\"]|['\"]use strict['\"];?$|\}\)?;$",
        "//", _JS_FOLDS,
    ),
    CodeLanguage(
        "go", "tree_sitter_go", "language", (".go",),
        r"package \w+$|func (?:\(\w* ?\*?\w+\) )?\w+\(|import (?:\(|\")|type \w+ (?:struct|interface|func)|\t?if err != nil \{",
        "//",
        "(function_declaration body: (block) @body) @keep (method_declaration body: (block) @body) @keep "
        "(func_literal body: (block) @body) (literal_value) @data (comment) @comment",
    ),
    CodeLanguage(
        "rust", "tree_sitter_rust", "language", (".rs",),
        r"(?:pub(?:\(\w+\))? )?(?:async |const |unsafe )*fn \w+|(?:pub )?(?:struct|enum|trait|mod) \w+|use [\w:]+(?:::\{|;)|impl(?:<.*>)? |#!?\[\w+",
        "//",
        "(function_item body: (block) @body) @keep (array_expression) @data (line_comment) @comment (block_comment) @comment",
    ),
    CodeLanguage(
        "java", "tree_sitter_java", "language", (".java",),
        r"package [\w.]+;|import (?:static )?[\w.]+(?:\.\*)?;|(?:public|private|protected) (?:static |final |abstract )*[\w<>\[\], ]+ \w+ ?[({=;]|"
        r"(?:public |final |abstract )*(?:class|interface|enum|record) \w+.*\{|@Override",
        "//",
        "(method_declaration body: (block) @body) @keep (constructor_declaration body: (constructor_body) @body) @keep "
        "(class_declaration) @keep (lambda_expression body: (block) @body) (array_initializer) @data "
        "(line_comment) @comment (block_comment) @comment",
    ),
    CodeLanguage(
        "cpp", "tree_sitter_cpp", "language", (".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx", ".ipp"),
        r"template ?<|namespace \w*|class \w+.*[{;]?$|(?:public|private|protected):$|using \w+ ?[=;]|std::|#include <\w+>$",
        "//",
        "(function_definition body: (compound_statement) @body) @keep (lambda_expression body: (compound_statement) @body) "
        "(class_specifier) @keep (initializer_list) @data (comment) @comment",
    ),
    CodeLanguage(
        "c", "tree_sitter_c", "language", (".c", ".h"),
        r"#(?:include [<\"]|define \w+|ifn?def \w+|endif)|(?:static |extern |const |unsigned )*\w+[\w *]* \**\w+\([^;]*\)? ?\{?$|typedef |struct \w+ \{",
        "//",
        "(function_definition body: (compound_statement) @body) @keep (initializer_list) @data (comment) @comment",
    ),
)  # fmt: skip

_BY_EXTENSION = {ext: language for language in LANGUAGES for ext in language.extensions}


@cache
def _hints(language: CodeLanguage) -> re.Pattern[str]:
    return re.compile(rf"\s*(?:{language.hints})")


@cache
def _parser(language: CodeLanguage) -> Parser:
    return Parser(Language(getattr(import_module(language.module), language.function)()))


def parse(text: str, language: CodeLanguage) -> Tree:
    """The syntax tree of a text; columns count UTF-8 bytes."""
    source = text.encode("utf-8", "surrogatepass")
    return _parser(language).parse(without_macros(source) if language.name in ("c", "cpp") else source)


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


def by_path(path: str) -> CodeLanguage | None:
    """The language that a file name says, None for other names."""
    dot = path.rfind(".")
    return _BY_EXTENSION.get(path[dot:].lower()) if dot >= 0 else None


def by_lines(lines: tuple[str, ...]) -> tuple[CodeLanguage | None, float]:
    """The language whose tell-tale lines are most frequent, and their share of the lines that could tell."""
    telling = [line for line in lines if line.strip() and not line.lstrip().startswith(("//", "#", "*", "/*", '"""'))]
    preprocessor = [line for line in lines if line.startswith("#")]
    telling = [*telling, *preprocessor]
    if len(telling) < 3:
        return None, 0.0
    scored = [(sum(1 for line in telling if _hints(lang).match(line)), lang) for lang in LANGUAGES]
    hits, best = max(scored, key=lambda pair: pair[0])
    return (best, hits / len(telling)) if hits >= 2 else (None, 0.0)


def extensions() -> frozenset[str]:
    """All file name endings that say a language."""
    return frozenset(chain.from_iterable(language.extensions for language in LANGUAGES))
