"""Configuration by its lines: which format a text is written in, and which of its lines say nothing to a reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from headroom.interfaces import Sample
from headroom.marker import omitted

_KEY = r"""(?:"[^"\n]{1,80}"|'[^'\n]{1,80}'|[A-Za-z_$.*/~<](?:[\w.$*/@+<>()\[\]-]|:(?=\S)){0,100})"""
_YAML = re.compile(rf"\s*- +(?!\*\*)\S|\s*(?:- +)*{_KEY}\s*:(?:\s+\S.*)?$|\s*-$|---$|\.\.\.$")
_YAML_PARENT = re.compile(rf"\s*(?:- +)*{_KEY}\s*:\s*(?:[|>][+-]?\d?)?(?:\s+#.*)?$")
_PARENTS = re.compile(r":[^\S\n]*(?:$|[|>#])", re.MULTILINE)  # on a page
_YAML_SIGN = re.compile(r"(?:apiVersion|kind|version|services|name|on|jobs|openapi|swagger|image|stages)\s*:")
_SECTION = re.compile(r"\s*\[\[?[\w.\-\"' :/@*$]+\]\]?\s*(?:[#;].*)?$")
_ASSIGNED = re.compile(r"\s*[\w.\-\"'/:@*]+(?: [\w.\-]+){0,2}\s*=")
_VARIABLE = re.compile(r"(?:export )?[A-Za-z_][\w.\-]*=")
_VARIABLES = re.compile(rf"\n{_VARIABLE.pattern}")
_COMMENT = re.compile(r"\s*(?:#|;|!(?=\s))")
_STAMP = re.compile(r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d[ .,]|(?:INFO|DEBUG|WARN|ERROR)\b")
_ENTRY = re.compile(r"\s*(?:- |[\[\w\"'.*/~<$@-][^\s:=]*(?: [\w.-]+){0,2} ?[:=\]])")
_FIRST_LOOK = 8
_NESTED_TEXT = re.compile(r"\s+\S")

_BLOB = re.compile(r"[A-Za-z0-9+/_-]{160,}={0,2}")
_BLOB_LINE = re.compile(r"\s*[A-Za-z0-9+/]{48,}={0,2}\s*$")
_NOISE_KEY = re.compile(r"(\s*)(?:- )?(managedFields|kubectl\.kubernetes\.io/last-applied-configuration)\s*:")
_PEM_BEGIN, _PEM_END = "-----BEGIN ", "-----END "
_MIN_BLOB_LINES, _MIN_LINES, _MIN_PARENTS, _PREVIEW = 4, 5, 2, 48
_MIN_NOISE = 50  # characters: less costs no more than the marker in its place


@dataclass(frozen=True, slots=True)
class Noise:
    """Lines `start` to `end` (0-based, end exclusive) that can be left out; `kind` names them."""

    start: int
    end: int
    kind: str


def looks_like_config(sample: Sample) -> float:
    """How surely lines are YAML, TOML, INI or properties: nearly all must be entries, and something must nest."""
    sure = _yaml(sample.filled) if len(_PARENTS.findall(sample.page)) >= _MIN_PARENTS else 0.0
    if "\n[" in sample.flush or len(_VARIABLES.findall(sample.page)) >= _MIN_LINES:
        told = [line for line in sample.filled if not _COMMENT.match(line)]
        if len(told) >= _MIN_LINES:
            sure = max(sure, _sections(told), _variables(told))
    return sure if sure and _begins_with_entries(sample.lines) and not _is_stamped(sample.filled) else 0.0


def _begins_with_entries(lines: Sequence[str]) -> bool:
    first = [line for line in lines[:_FIRST_LOOK] if line and line[0] not in "#;!"]
    return sum(map(bool, map(_ENTRY.match, first))) * 2 >= len(first)


def _is_stamped(filled: Sequence[str]) -> bool:
    """Whether times and levels begin more than a few lines that aren't comments, as in a log."""
    told = [line for line in filled if not _COMMENT.match(line)]
    return sum(map(bool, map(_STAMP.match, told))) * 10 > len(told)


def _yaml(filled: Sequence[str]) -> float:
    told: list[str] = []
    entries = parents = others = 0
    deeper = -1
    for line in filled:
        if _COMMENT.match(line):
            continue
        told.append(line)
        indent = len(line) - len(line.lstrip(" "))
        if (":" in line or line[indent] in "-.") and _YAML.match(line):
            entries += 1
            deeper = indent if _PARENTS.search(line) and _YAML_PARENT.match(line) else -1
            parents += deeper >= 0
        elif deeper < 0 or indent <= deeper:  # deeper lines are a block text below its key
            others += 1
            if others > _allowed(len(filled)):
                return 0.0
    if len(told) < _MIN_LINES or others > _allowed(len(told)):
        return 0.0
    if "\t" in {line[:1] for line in told} or entries < 0.5 * len(told):
        return 0.0
    if parents < _MIN_PARENTS or parents * 12 < entries:
        return 0.0
    signed = told[0].startswith("---") or any(_YAML_SIGN.match(line) for line in told[:8])
    return 0.9 if signed else 0.7


def _allowed(count: int) -> float:
    """How many of the lines may be something else."""
    return count - 0.95 * count


def _sections(told: Sequence[str]) -> float:
    sections = sum([_SECTION.match(line) is not None for line in told if line.lstrip()[0] == "["])
    if not sections:
        return 0.0
    entries = sum(map(bool, map(_ASSIGNED.match, told)))
    inside = sum(1 for line in told if _NESTED_TEXT.match(line) or line.strip() in ("]", "]]", "}", ")"))
    if entries * 4 < len(told) or sections + entries + inside < 0.95 * len(told):
        return 0.0
    return 0.85


def _variables(told: Sequence[str]) -> float:
    keys = {line.split("=", 1)[0] for line in told if _VARIABLE.match(line)}
    return 0.7 if len(keys) >= 0.95 * len(told) else 0.0


def noise(lines: Sequence[str], comments: bool) -> Iterator[Noise]:
    """Lines nobody asks for, in order and apart: bookkeeping of tools, bodies of keys and certificates, base64; with
    `comments` also runs of comment lines."""
    i = 0
    while i < len(lines):
        end, kind = _noise_at(lines, i, comments)
        if sum(map(len, lines[i:end])) >= _MIN_NOISE:
            yield Noise(i, end, kind)
        i = max(i + 1, end)


def _noise_at(lines: Sequence[str], i: int, comments: bool) -> tuple[int, str]:
    line = lines[i]
    if comments and line.lstrip()[:1] in ("#", ";"):
        return _while(lines, i, lambda other: other.lstrip()[:1] in ("#", ";")), "comments"
    key = _NOISE_KEY.match(lines[i - 1]) if i else None
    if key is not None:
        end = _block_end(lines, i, len(key[1]))
        return end, "managed fields" if key[2] == "managedFields" else "last applied configuration"
    if i and _PEM_BEGIN in lines[i - 1]:
        end = _while(lines, i, lambda other: _PEM_END not in other and _BLOB_LINE.match(other + "A" * 48) is not None)
        return end, "lines of a key or certificate"
    if i and _BLOB_LINE.match(line) and _BLOB_LINE.match(lines[i - 1]):
        end = _while(lines, i, lambda other: _BLOB_LINE.match(other) is not None)
        return (end, "base64") if end - i >= _MIN_BLOB_LINES else (i, "")
    return i, ""


def _while(lines: Sequence[str], i: int, holds: Callable[[str], bool]) -> int:
    while i < len(lines) and holds(lines[i]):
        i += 1
    return i


def _block_end(lines: Sequence[str], i: int, indent: int) -> int:
    """The end of the block below a key: deeper lines, and list items at the key's own indentation."""

    def inside(line: str) -> bool:
        depth = len(line) - len(line.lstrip(" "))
        return not line.strip() or depth > indent or (depth == indent and line.startswith("- ", depth))

    return _while(lines, i, inside)


def cut_blobs(line: str) -> tuple[str, int]:
    """The line with long base64 and hex values cut to a preview, and how many characters that hides."""
    if len(line) < 160:
        return line, 0
    hidden = 0

    def preview(match: re.Match[str]) -> str:
        nonlocal hidden
        missing = len(match[0]) - _PREVIEW
        hidden += missing
        return match[0][:_PREVIEW] + omitted(missing, "characters")

    return _BLOB.sub(preview, line), hidden
