"""CodeCompressor: outlines of source files by syntax tree, in original order, with line numbers in every marker.

Imports, signatures, decorators, types, class structure and constants stay; bodies, long literals and long comments go
by rank. What the question names stays whole. An outline of a source that parses, parses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from headroom.formats.code.hidden_names import hidden_names
from headroom.formats.code.indent_outline import EXTENSIONS, declares, indent_outline
from headroom.formats.code.languages import CodeLanguage, by_name, by_path, error_count, parse
from headroom.formats.code.outline import Fold, Function
from headroom.formats.code.ranking import Wish, kept_whole
from headroom.formats.code.signs import possible_signs, signs
from headroom.formats.code.thinning import shown_lines, thinned
from headroom.formats.code.tree_outline import tree_outline
from headroom.interfaces import Sample
from headroom.marker import omitted
from headroom.model import Compressed, Context, Intent, Level, Omission
from headroom.text.lines import sample, split_lines
from headroom.text.query import Query, parse_query
from headroom.tokens import count_tokens

_HUGE, _HUGE_SHARE = 200_000, 0.25  # characters: above this an outline is offered at `balanced` too
# What an agent reads it may soon quote: a read shows as much of the bodies as fits into this many characters.
_READ_CHARS, _READ_SHARE = 2_500, 0.05
_IMPORT = re.compile(r"\s*(?:import|from|use|using|package|require|#\s*include|export \*)\b")
_SHOWN_CHARS, _SHOWN_SHARE = 3_000, 0.15  # of what such an outline shows beyond so many characters, this part stays
_MAX_COMMAND = 2_000
_MIN_CHARS, _MIN_LINES, _MIN_SIGNS, _LIKELY, _SURE, _MAX_FOREIGN = 400, 4, 3, 0.16, 0.2, 12
_WANTED_SHARE, _MAX_WANTED = 0.5, 12
_NAMING_WEIGHT = 2.0  # a quoted word or one that reads as an identifier


class Code:
    """Lossy only: an outline. `balanced` offers it for huge files alone, `aggressive` for every file."""

    name = "code"
    content_type = "code"

    def sniff(self, sample: Sample, context: Context) -> float:
        if sample.line_count < _MIN_LINES:
            return 0.0
        possible = possible_signs(sample)
        if possible < _MIN_SIGNS and not (possible and _path(context)):
            return 0.0
        seen = signs(sample.lines)
        if seen.foreign * _MAX_FOREIGN > seen.lines:
            return 0.0
        if seen.signs >= _MIN_SIGNS and seen.share >= _LIKELY:
            return 0.85 if seen.share >= _SURE else 0.7
        if seen.signs >= _MIN_SIGNS and seen.share * 2 >= _LIKELY and seen.closed * 2 >= seen.lines:
            return 0.7
        return 0.85 if seen.signs and _path(context) else 0.0

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        if len(text) < _MIN_CHARS or context.level is Level.LOSSLESS:
            return
        if context.level is Level.BALANCED and len(text) < _HUGE:
            return
        path = _path(context)
        language = by_path(path) or (None if _other(path) else by_name(signs(sample(text).lines).language))
        form = _outlined(text, language, context)
        if form is not None:
            yield form

    def decode(self, text: str) -> str:
        raise ValueError("an outline leaves lines out; the original is in the store")

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _path(context: Context) -> str:
    """The one source file that the call reads, empty where it reads none or several."""
    if context.intent is not Intent.READ:
        return ""
    words = [context.call.path] if context.call.path else context.call.command[:_MAX_COMMAND].split()
    paths = {word.strip("'\"") for word in words}
    paths = {path for path in paths if by_path(path) is not None or _other(path)}
    return paths.pop() if len(paths) == 1 else ""


def _other(path: str) -> bool:
    """Whether the name is that of a source file for which there is no grammar."""
    dot = path.rfind(".")
    return dot >= 0 and path[dot:].lower() in EXTENSIONS


def _outlined(text: str, language: CodeLanguage | None, context: Context) -> Compressed | None:
    lines = split_lines(text)
    query = parse_query(context.query)
    scores = query.scores(text, lines)
    found = None if language is None else tree_outline(lines, language, _wanted(scores))
    folds, functions, language, clean = found or (*indent_outline(lines), None, False)
    named = frozenset(term for term, weight in query.terms if weight >= _NAMING_WEIGHT)
    whole = kept_whole(folds, functions, lines, Wish(scores, named, _budget(text, context)))
    chosen = [fold for fold in folds if fold.owner not in whole]
    # Who reads a file at `aggressive` may quote what is in it: the markers name what they hide.
    read = context.level is Level.AGGRESSIVE and context.intent is Intent.READ
    if read and context.target is None:
        tight = _tightened(lines, chosen, functions, query)
        chosen = tight if _parses_like(lines, tight, chosen, language, clean) else chosen
    if not chosen:
        return None
    gaps = [(fold.start, fold.end) for fold in chosen]
    names = hidden_names(lines, gaps, [term for term, _ in query.terms]) if read else _unnamed(chosen)
    return Compressed("\n".join(_rendered(lines, chosen, names, language)), "code", False, _omissions(chosen))


def _unnamed(folds: list[Fold]) -> list[list[str]]:
    return [[] for _ in folds]


def _parses_like(
    lines: list[str], tight: list[Fold], safe: list[Fold], language: CodeLanguage | None, clean: bool
) -> bool:
    """Whether the tighter outline has no more syntax errors than the safe one, which has none if the source is `clean`.

    The safe one is so by construction (R24).
    """
    if tight is safe or language is None:
        return True
    broken = _errors(lines, tight, language)
    return not broken or (not clean and broken <= _errors(lines, safe, language))


def _errors(lines: list[str], folds: list[Fold], language: CodeLanguage) -> int:
    form = "\n".join(_rendered(lines, folds, _unnamed(folds), language))
    return error_count(parse(form, language).root_node)


def _tightened(lines: list[str], folds: list[Fold], functions: list[Function], query: Query) -> list[Fold]:
    """The folds, with more lines in them where so much is still shown that an agent can't mean to read it all.

    Imports and the lines that begin declarations stay; what is left may not parse any more.
    """
    shown = shown_lines(lines, folds)
    size = sum(len(lines[i]) + 1 for i in shown)
    budget = int(_SHOWN_CHARS + _SHOWN_SHARE * (size - _SHOWN_CHARS))
    if budget >= size:
        return folds
    declared = {function.start for function in functions}
    declared.update(i for i in shown if declares(lines[i]) or _IMPORT.match(lines[i]))
    return thinned(lines, folds, shown, declared, query, budget)


def _wanted(scores: dict[int, float]) -> list[int]:
    """The lines that the question asks for most."""
    if not scores:
        return []
    top = max(scores.values()) * _WANTED_SHARE
    best = sorted((line for line, score in scores.items() if score >= top), key=lambda line: (-scores[line], line))
    return sorted(best[:_MAX_WANTED])


def _budget(text: str, context: Context) -> int:
    """How many characters the form may have before bodies are left out; the declarations stay in any case."""
    if context.target is not None:
        return context.target * len(text) // max(count_tokens(text), 1)
    if context.level is Level.BALANCED:
        return int(len(text) * _HUGE_SHARE)
    return int(_READ_CHARS + len(text) * _READ_SHARE) if context.intent is Intent.READ else 0


def _rendered(lines: list[str], chosen: list[Fold], names: list[list[str]], language: CodeLanguage | None) -> list[str]:
    """The lines with a marker for each fold, which tells the `names` in it."""
    out: list[str] = []
    at = 0
    for fold, named in zip(chosen, names, strict=True):
        out += lines[at : fold.start]
        first = next((line for line in lines[fold.start : fold.end] if line.strip()), "")
        words = first.lstrip()
        marker = omitted(fold.end - fold.start, "lines", ((fold.start + 1, fold.end),), ", ".join(named))
        if not fold.inside and language is not None:
            marker = f"{language.comment} {marker}"
        if fold.empties and language is not None and language.empty_body:
            marker = f"{language.empty_body}  {marker}"
        if fold.closing:
            marker = f"{marker} {fold.closing}"
        out.append(first[: len(first) - len(words)] + marker)
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
