"""JSON that a tool cut off in the middle: the part that is whole, closed, and the rest as it came."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[\[\]{}]|\n\n|"')
_CLOSER = {"{": "}", "[": "]"}
_MIN_CHARS, _MIN_SHARE = 600, 0.5


@dataclass(frozen=True, slots=True)
class CutJson:
    """`document` is valid JSON in its brackets: the text up to the last complete value, closed; `rest` follows it."""

    document: str
    rest: str


def cut_json(text: str) -> CutJson | None:
    """The complete part of a JSON text that was cut off, None for anything else. Linear; brackets only, no parse.

    A blank line outside a string ends the search where something else follows (a tool's remark that it cut the text).
    """
    if len(text) < _MIN_CHARS or text[:1] not in ("{", "[") or text.rstrip()[-1:] in ("}", "]"):
        return None
    stack: list[str] = []
    cut, closers = 0, ""
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token in _CLOSER:
            stack.append(token)
        elif token in ("}", "]"):
            if not stack or _CLOSER[stack.pop()] != token or not stack:
                return None
            cut, closers = found.end(), "".join(_CLOSER[opener] for opener in reversed(stack))
        elif token == '"':
            break
    if cut < len(text) * _MIN_SHARE:
        return None
    return CutJson(text[:cut] + closers, text[cut:])
