"""Outlines of source files without a grammar: declarations stay, the deeper lines under them may go."""

from __future__ import annotations

import re
from collections.abc import Sequence

from headroom.text.outline import BODIES, Fold, Function

_KEYWORD = (
    r"(?:[\w@.<>\[\]:]+ )*?(?:def|defp|defmodule|defmacro|fun|func|function|sub|proc|method|class|struct|trait|interface|"
    r"object|enum|module|protocol|extension|impl|namespace|record|init|constructor|deinit)\b(?!\s*[=,.;)])"
)
_SQL = r"CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|TRIGGER|PACKAGE)\b"
_TYPED = r"(?:[\w<>\[\],.?&*:]+ +)+[*&]?[\w.:~]+ ?\([^;]*$"  # public static int add(int a, int b) {
_SHELL = r"[\w:-]+ ?\(\) ?\{?$|[\w.]+ ?(?:<-|=) ?function ?\(.*$"
_CONTROL = r"(?:if|elif|elsif|else|for|foreach|while|until|switch|case|when|catch|return|throw|raise|new|await|yield|do|unless|using|lock|match|try|guard|defer|assert|echo|print|puts|local|let|val|var|const|export|set)\b"
_DECLARATION = re.compile(rf"(?:{_KEYWORD}|{_SQL}|(?!{_CONTROL})(?:{_TYPED}|{_SHELL}))")
_WORD = re.compile(r"[\w?!]+")
_MIN_LINES, _MIN_CHARS, _MAX_SIGNATURE = 3, 90, 40

EXTENSIONS = frozenset(
    ".rb .php .kt .kts .swift .scala .cs .lua .sh .bash .zsh .pl .pm .r .dart .ex .exs .jl .groovy .gradle .m .mm .zig .nim "
    ".hs .ml .fs .vb .vue .svelte .cr .d .pas .proto .sql .ps1 .tcl .coffee".split()
)


def indent_outline(lines: Sequence[str]) -> tuple[list[Fold], list[Function]]:
    """The bodies under declarations that hold no declaration themselves, and those declarations; one pass."""
    folds: list[Fold] = []
    functions: list[Function] = []
    opened: list[tuple[int, int, bool]] = []  # line, indentation and whether it holds declarations
    last = -1  # the last line that was not blank
    for i, line in enumerate(lines):
        text = line.lstrip()
        if not text:
            continue
        indent = len(line) - len(text)
        if text == "{":  # opens the body of the declaration above it
            last = i
            continue
        while opened and indent <= opened[-1][1]:
            _close(lines, *opened.pop(), last, folds, functions)
        if _DECLARATION.match(text):
            opened = [(line_, indent_, True) for line_, indent_, _ in opened]
            opened.append((i, indent, False))
        last = i
    while opened:
        _close(lines, *opened.pop(), last, folds, functions)
    return sorted(folds, key=lambda fold: fold.start), functions


def _close(
    lines: Sequence[str], start: int, indent: int, holds: bool, last: int, folds: list[Fold], functions: list[Function]
) -> None:
    """Folds what stands under the declaration of line `start`, down to line `last`."""
    if holds or last - start < _MIN_LINES:
        return
    body, depth = start, 0
    for body in range(start, min(last, start + _MAX_SIGNATURE)):
        depth += lines[body].count("(") - lines[body].count(")")
        if depth <= 0:
            break
    body += 1
    if lines[body].strip() == "{":
        body += 1
    end = last + 1
    if end - body >= _MIN_LINES and sum(map(len, lines[body:end])) >= _MIN_CHARS:
        folds.append(Fold(body, end, BODIES, len(functions), inside=True))
        functions.append(Function(start, end, _name(lines[start])))


def _name(line: str) -> str:
    """The name that a line declares: the word before its parameters, or its last word."""
    words = _WORD.findall(line.split("(", 1)[0])
    return words[-1] if words else ""
