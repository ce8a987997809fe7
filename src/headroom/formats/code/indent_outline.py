"""Outlines of source files without a grammar: declarations stay, the deeper lines under them may go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from headroom.formats.code.outline import BODIES, Fold, Function

_KEYWORD = (
    r"(?:[\w@.<>\[\]:]+ )*?(?:def|defp|defmodule|defmacro|fun|func|function|sub|proc|method|class|struct|trait|"
    r"interface|object|enum|module|protocol|extension|impl|namespace|record|init|constructor|deinit)\b(?!\s*[=,.;)])"
)
_SQL = r"CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|TRIGGER|PACKAGE)\b"
_TYPED = r"(?:[\w<>\[\],.?&*:]+ +)+[*&]?[\w.:~]+ ?\([^;]*$"  # public static int add(int a, int b) {
_SHELL = r"[\w:-]+ ?\(\) ?\{?$|[\w.]+ ?(?:<-|=) ?function ?\(.*$"
_CONTROL = (
    r"(?:if|elif|elsif|else|for|foreach|while|until|switch|case|when|catch|return|throw|raise|new|await|yield|do|unless|"
    r"using|lock|match|try|guard|defer|assert|echo|print|puts|local|let|val|var|const|export|set)\b"
)
_DECLARATION = re.compile(rf"(?:{_KEYWORD}|{_SQL}|(?!{_CONTROL})(?:{_TYPED}|{_SHELL}))")
_WORD = re.compile(r"[\w?!]+")
_MIN_LINES, _MIN_CHARS, _MAX_SIGNATURE, _MAX_LINE = 3, 90, 40, 300

EXTENSIONS = frozenset(
    ".rb .php .kt .kts .swift .scala .cs .lua .sh .bash .zsh .pl .pm .r .dart .ex .exs .jl .groovy .gradle .m .mm .zig "
    ".nim .hs .ml .fs .vb .vue .svelte .cr .d .pas .proto .sql .ps1 .tcl .coffee".split()
)


@dataclass(slots=True)
class _Open:
    """A declaration whose end is not reached: its line, its indentation, whether declarations stand in it."""

    line: int
    indent: int
    holds: bool = False


def indent_outline(lines: Sequence[str]) -> tuple[list[Fold], list[Function]]:
    """The bodies under declarations that hold no declaration themselves, and those declarations; one pass."""
    found: list[tuple[int, int, int]] = []
    opened: list[_Open] = []
    last = -1  # the last line that was not blank
    for i, line in enumerate(lines):
        text = line.lstrip()
        if text and text != "{":  # a line with "{" alone opens the body of the declaration above it
            indent = len(line) - len(text)
            while opened and indent <= opened[-1].indent:
                found += _body(lines, opened.pop(), last)
            if _DECLARATION.match(text[:_MAX_LINE]):
                if opened:
                    opened[-1].holds = True
                opened.append(_Open(i, indent))
        if text:
            last = i
    while opened:
        found += _body(lines, opened.pop(), last)
    found.sort()
    folds = [Fold(start, end, BODIES, owner, inside=True) for owner, (_, start, end) in enumerate(found)]
    return folds, [Function(line, end, _name(lines[line])) for line, _, end in found]


def declares(line: str) -> bool:
    """Whether a line begins a declaration, as far as one line can tell."""
    return _DECLARATION.match(line.lstrip()[:_MAX_LINE]) is not None


def _body(lines: Sequence[str], declaration: _Open, last: int) -> list[tuple[int, int, int]]:
    """The declaration's line and the lines under it, down to line `last`, where they are a body that may go."""
    start, depth = declaration.line, 0
    if declaration.holds or last - start < _MIN_LINES:
        return []
    body = start
    for body in range(start, min(last, start + _MAX_SIGNATURE)):
        depth += lines[body].count("(") - lines[body].count(")")
        if depth <= 0:
            break
    body += 1
    if lines[body].strip() == "{":
        body += 1
    end = last + 1
    long = end - body >= _MIN_LINES and sum(map(len, lines[body:end])) >= _MIN_CHARS
    return [(start, body, end)] if long else []


def _name(line: str) -> str:
    """The name that a line declares: the word before its parameters, or its last word."""
    words = _WORD.findall(line.split("(", 1)[0])
    return words[-1] if words else ""
