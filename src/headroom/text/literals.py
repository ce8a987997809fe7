"""Printed values of Python and JavaScript (`repr`, `pprint`, `console.log`) as the JSON that says the same."""

from __future__ import annotations

import ast
import json
import re

PRINTED = "a printed value, told as JSON"
_LIKELY = re.compile(r"[\[({\s]*(?:u?'[^'\\\n]*(?:\\.[^'\\\n]*)*'\s*[:,]|[A-Za-z_$][\w$]*: [\[{'\"\d-])")
_TOKEN = re.compile(
    r"(?P<string>u?'[^'\\\n]*(?:\\.[^'\\\n]*)*'|u?\"[^\"\\\n]*(?:\\.[^\"\\\n]*)*\")"
    r"|(?P<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[\s,\])}]))"
    r"|(?P<key>[A-Za-z_$][\w$]*(?=\s*:))"
    r"|(?P<call>[A-Za-z_][\w.]*\([^()\n]*\))"
    r"|(?P<word>True|False|None|true|false|null)\b"
    r"|(?P<close>,?\s*[\])}])"
    r"|(?P<sign>[\[({:,])|(?P<blank>\s+)"
)
_WORDS = {"True": "true", "False": "false", "None": "null"}
_BRACKETS = str.maketrans("()", "[]", ", \t\r\n")
_MIN_CHARS = 160


def as_json(text: str) -> str | None:
    """The JSON of a printed value, or of one a line (then JSON Lines); None for any other text. Linear in its length.

    Tuples become lists and calls (`Decimal('1.5')`) strings.
    """
    if len(text) < _MIN_CHARS or not _LIKELY.match(text) or text.rstrip()[-1:] not in ("]", "}", ")"):
        return None
    lines = text.rstrip().split("\n")
    if len(lines) > 1 and all(line[:1] in ("{", "[", "(") and line[-1:] in ("}", "]", ")") for line in lines):
        each = [_converted(line) for line in lines]
        return None if None in each else "\n".join(map(str, each))
    return _converted(text)


def _converted(text: str) -> str | None:
    out: list[str] = []
    at, end = 0, len(text)
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            return None
        at = found.end()
        kind, token = found.lastgroup, found[0]
        if kind == "string":
            out.append(_string(token))
        elif kind == "word":
            out.append(_WORDS.get(token, token))
        elif kind in ("key", "call"):
            out.append(json.dumps(token, ensure_ascii=False))
        elif kind in ("close", "sign"):
            out.append(token.translate(_BRACKETS) if kind == "close" else "[" if token == "(" else token)
        else:
            out.append(token)
    made = "".join(out)
    try:
        json.loads(made)
    except (ValueError, RecursionError):
        return None
    return made


def _string(token: str) -> str:
    body = token[token[0] == "u" :]
    if "\\" in body:
        try:
            return json.dumps(ast.literal_eval(body), ensure_ascii=False)
        except (ValueError, SyntaxError):
            return body  # no string that can be read; the whole then is no JSON either
    return json.dumps(body[1:-1], ensure_ascii=False)
