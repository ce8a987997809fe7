"""C and C++ macros that a grammar can't understand, blanked before a file is parsed; every position stays what it was.

A name in capitals on a line of its own (`G_BEGIN_DECLS`, `MODULE_INIT(x)`), before a declaration (`LIB_API int f(`) or
after its parameters (`) LIB_NOEXCEPT {`) is no declaration, statement or type. Without it the rest of the file parses.
"""

from __future__ import annotations

import re

_NAME = rb"[A-Z][A-Z0-9_]{2,}"
_ARGUMENTS = rb"\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)"
_TYPE = rb"(?:[A-Za-z_][\w:]*(?:<[^;{}()\n]*>)?(?:[ \t*&]+|\n)){1,5}"
_LINE_START = re.compile(
    # a line of its own, with arguments or at the margin, where no expression is open
    rb"\n(?:(?<![,(=+\-*/|&?\\]\n)(?:[ \t]*" + _NAME + _ARGUMENTS + rb"|" + _NAME + rb")[ \t]*\r?$"
    # before the type of a declaration
    rb"|[ \t]*(?:(?:static|extern|inline|virtual|friend)[ \t]+)*" + _NAME
    + rb"(?=[ \t]+" + _TYPE + rb"[A-Za-z_][\w:]*[ \t]*\())",
    re.MULTILINE,
)  # fmt: skip
_AFTER_PARAMETERS = re.compile(rb"\)[ \t]+(?:const[ \t]+)?" + _NAME + rb"(?=\s*[{;])")
_CAPITALS = re.compile(rb"\b" + _NAME + rb"\b")


def without_macros(source: bytes) -> bytes:
    """The source with such macros as spaces, of the same length."""
    return _AFTER_PARAMETERS.sub(_blank_name, _LINE_START.sub(_blank, b"\n" + source)[1:])


def _blank(found: re.Match[bytes]) -> bytes:
    text = found[0]
    if b"(" in text:
        return b"\n" + b" " * (len(text.rstrip(b"\r")) - 1) + b"\r" * text.endswith(b"\r")
    return _blank_name(found)


def _blank_name(found: re.Match[bytes]) -> bytes:
    return _CAPITALS.sub(lambda name: b" " * len(name[0]), found[0])
