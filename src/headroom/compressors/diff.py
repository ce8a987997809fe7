"""Diffs: every changed line of source files stays; context is trimmed, files that tools write are summed up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from headroom.formats.diff.hunks import FileDiff, parse_diff
from headroom.formats.diff.rendering import DiffRender
from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.encoded import cut_encoded
from headroom.text.lines import split_lines, unstyled
from headroom.text.query import Query, parse_query
from headroom.text.terminal import without_styles

# What is read at a glance stays whole; what fills many screens keeps no context at all.
_SMALL, _LARGE = 6_000, 16_000
_CHARACTERS_PER_TOKEN = 3
_WORTH_IT = 0.9
_HUNK = re.compile(r"\n@@+ (?:-[0-9]+(?:,[0-9]+)? )+\+[0-9]+(?:,[0-9]+)? @@")
_FILE = re.compile(r"\n(?:diff --(?:git|cc|combined) \S|Index: \S|--- \S)")
_NOTHING = Query(())
_BODY_STARTS = ("", " ", "+", "-", "@", "\\")


class Diff:
    """Lossy only: what it shows of source files is still a patch (`git apply --unidiff-zero`)."""

    name = "diff"
    content_type = "diff"

    def sniff(self, sample: Sample, context: Context) -> float:
        sample = unstyled(sample)
        hunks = _HUNK.search(sample.page) is not None
        if _FILE.search(sample.page) and (hunks or "\ndiff --git " in sample.page):
            return 0.97
        lines = sample.lines
        return 0.9 if hunks and sum([line[:1] in _BODY_STARTS for line in lines]) * 10 >= len(lines) * 9 else 0.0

    def compress(self, text: str, context: Context) -> Iterator[Compressed]:
        if context.level is Level.LOSSLESS:
            return
        over = context.target is not None and len(text) > context.target * _CHARACTERS_PER_TOKEN
        tight = over or context.level is Level.AGGRESSIVE
        clean = without_styles(text)
        lines = split_lines(clean)
        files = parse_diff(lines)
        if not files:
            return
        reach, most = _reach(len(clean), tight, len(lines)), len(text) * _WORTH_IT
        # What is asked for can only add to a form: one that is too long without it needs no look at the question.
        if reach == len(lines) and len(_written(lines, files, reach, tight)[0]) > most:
            return
        query = parse_query(context.query)
        asked = frozenset(query.best(clean, lines))
        written, omissions = _written(lines, files, reach, tight, query, asked)
        codes = len(text) - len(clean)
        if codes:
            omissions += (Omission("colour codes", codes, "characters"),)
        if omissions and len(written) <= most:
            yield Compressed(written, self.name, False, omissions)

    def decode(self, text: str) -> str:
        return text

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _written(
    lines: list[str],
    files: list[FileDiff],
    reach: int,
    tight: bool,
    query: Query = _NOTHING,
    asked: frozenset[int] = frozenset(),
) -> tuple[str, tuple[Omission, ...]]:
    """The diff with what can be left out of its files, and the loss report."""
    render = DiffRender(lines, reach, tight, asked)
    at = 0
    for file in files:
        render.verbatim(at, file.start)
        render.file(file)
        at = file.end
    render.verbatim(at, len(lines))
    shown, cuts = cut_encoded(render.finished(), query)
    return "\n".join(shown), (*render.omissions(), *(replace(cut, ranges=()) for cut in cuts))


def _reach(size: int, tight: bool, whole: int) -> int:
    """How many unchanged lines stay around each change of a diff of `size` characters and `whole` lines."""
    if size < (_SMALL // 4 if tight else _SMALL):
        return whole
    return 0 if tight or size > _LARGE else 1


COMPRESSOR = Diff()
