"""CodeCompressor: outlines of source files by syntax tree, in original order, with line numbers in every marker.

Imports, signatures, decorators, types, class structure and constants stay; bodies, long literals and long comments go
unless the query asks for them. The outline parses wherever the source did, or it is not offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from headroom.interfaces import Sample
from headroom.marker import omitted
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.languages import CodeLanguage, by_lines, by_path
from headroom.text.lines import sample, split_lines
from headroom.text.outline import Fold, folds, parse
from headroom.text.query import parse_query

_HUGE = 200_000  # characters (about 50,000 tokens): above this an outline is offered at `balanced` too
_WORD = re.compile(r"\S+\.\w{1,4}\b")
_MIN_CHARS, _TELLING, _SURE = 400, 0.12, 0.3


class Code:
    """Lossy only: an outline. `balanced` offers it for huge files alone, `aggressive` for every file."""

    name = "code"
    content_type = "code"

    def sniff(self, sample: Sample, context: Context) -> float:
        named = _named(context)
        guess, share = by_lines(sample.lines)
        if named is not None and (share > 0 or _indented(sample)):
            return 0.85
        if guess is None or share < _TELLING or sample.line_count < 6:
            return 0.0
        return 0.85 if share >= _SURE else 0.6

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        if len(text) < _MIN_CHARS or context.level is Level.LOSSLESS:
            return
        if context.level is Level.BALANCED and len(text) < _HUGE:
            return
        language = _named(context) or by_lines(sample(text).lines)[0]
        if language is not None and (form := _outlined(text, language, context)) is not None:
            yield form

    def decode(self, text: str) -> str:
        raise ValueError("an outline leaves lines out; the original is in the store")

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _named(context: Context) -> CodeLanguage | None:
    """The language of the one file that the call names."""
    if context.call.path:
        return by_path(context.call.path)
    found = {language for word in _WORD.findall(context.call.command) if (language := by_path(word)) is not None}
    return found.pop() if len(found) == 1 else None


def _indented(sample: Sample) -> bool:
    return sum(line[:1] in " \t" for line in sample.lines) * 4 > len(sample.lines)


def _outlined(text: str, language: CodeLanguage, context: Context) -> Compressed | None:
    lines = split_lines(text)
    source = text.encode("utf-8", "surrogatepass")
    tree = parse(source, language)
    wanted = parse_query(context.query).best(text, lines, share=0.5, limit=12)
    chosen = folds(tree, language, wanted, len(lines))
    if not chosen:
        return None
    out = _rendered(lines, chosen, language)
    if not tree.root_node.has_error and parse("\n".join(out).encode("utf-8", "surrogatepass"), language).root_node.has_error:
        return None
    return Compressed("\n".join(out), "code", False, _omissions(chosen))


def _rendered(lines: list[str], chosen: list[Fold], language: CodeLanguage) -> list[str]:
    out: list[str] = []
    at = 0
    for fold in chosen:
        out += lines[at : fold.start]
        marker = omitted(fold.end - fold.start, "lines", ((fold.start + 1, fold.end),))
        first = next((line for line in lines[fold.start : fold.end] if line.strip()), "")
        indent = first[: len(first) - len(first.lstrip())]
        if fold.kind == "function bodies":
            empty = language.empty_body + "  " if language.empty_body else ""
            marker = f"{empty}{language.comment} {marker}"
        elif fold.kind == "long literals" or (fold.kind == "comments" and first.lstrip().startswith(language.comment)):
            marker = f"{language.comment} {marker}"
        out.append(indent + marker)
        at = fold.end
    return out + lines[at:]


def _omissions(chosen: list[Fold]) -> tuple[Omission, ...]:
    kinds: dict[str, list[tuple[int, int]]] = {}
    for fold in chosen:
        kinds.setdefault(fold.kind, []).append((fold.start + 1, fold.end))
    return tuple(
        Omission(kind, sum(b - a + 1 for a, b in ranges), "lines", tuple(ranges)) for kind, ranges in kinds.items()
    )


COMPRESSOR = Code()
