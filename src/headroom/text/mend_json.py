"""JSON that isn't any more: cut off in the middle by a tool, with unescaped quotes in strings, or printed otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headroom.text.envelopes import inner_texts, is_whole, without_escapes
from headroom.text.literals import PRINTED, as_json

_TOKEN = re.compile(r'"[^"\n]*"|[\[\]{}]|"')  # in text without escapes
_MEMBER = re.compile(r'^([ \t]*"[^"\n]{1,120}": ?")(.*)("(?:,|\s*[}\]])?[ \t\r]*)$', re.MULTILINE)
_BARE_QUOTE = re.compile(r'(?<!\\)"')
_CLOSER = {"{": "}", "[": "]"}
_MIN_CHARS, _MIN_SHARE = 600, 0.5


@dataclass(frozen=True, slots=True)
class MendedJson:
    """`document` is the text with its brackets closed and its quotes escaped; `rest` is what follows the last value.

    `note` says in plain words what was mended.
    """

    document: str
    rest: str
    note: str


def mend_json(text: str) -> MendedJson | None:
    """What can be read of a broken JSON text, None where nothing is broken or less than half is left. Linear."""
    if (printed := as_json(text)) is not None:
        return MendedJson(printed, "", PRINTED)
    if len(text) < _MIN_CHARS or text[:1] not in ("{", "["):
        return None
    document, quotes = _escaped(text)
    rest = ""
    if document.rstrip()[-1:] not in ("}", "]"):
        cut, closers = _last_value(document)
        if cut < len(document) * _MIN_SHARE:
            return None
        document, rest = document[:cut] + closers, document[cut:]
    if not quotes and not rest:
        return None
    said = ["quotes inside strings were not escaped"] if quotes else []
    said += ["the JSON was cut off; its rest stands at the end"] if rest else []
    return MendedJson(document, rest, "; ".join(said))


def readable_json(text: str) -> str | None:
    """Valid JSON made of a broken text, to find values in it by path; None where there is nothing to mend."""
    if mended := mend_json(text):
        return mended.document
    inner = inner_texts(text)
    literal = text[inner[0].start : inner[0].end] if len(inner) == 1 else '""'
    if is_whole(literal):
        return None
    before = text[: inner[0].start]
    opened = reversed([token for token in _TOKEN.findall(without_escapes(before)) if token in _CLOSER])
    return before + literal + '"' + "".join(_CLOSER[bracket] for bracket in opened)


def _escaped(text: str) -> tuple[str, bool]:
    """The text with the quotes inside one-line string members escaped, and whether there were any."""
    found = False

    def escape(member: re.Match[str]) -> str:
        nonlocal found
        if not _BARE_QUOTE.search(member[2]):
            return member[0]
        found = True
        return member[1] + _BARE_QUOTE.sub(r'\\"', member[2]) + member[3]

    return _MEMBER.sub(escape, text), found


def _last_value(text: str) -> tuple[int, str]:
    """Where the last complete object or array ends, and the brackets that are open there."""
    stack: list[str] = []
    cut, closers = 0, ""
    for found in _TOKEN.finditer(without_escapes(text)):
        token = found[0]
        if token in _CLOSER:
            stack.append(token)
        elif token in ("}", "]"):
            if not stack or _CLOSER[stack.pop()] != token or not stack:
                return 0, ""
            cut, closers = found.end(), "".join(_CLOSER[opener] for opener in reversed(stack))
        elif token == '"':
            break
    return cut, closers
