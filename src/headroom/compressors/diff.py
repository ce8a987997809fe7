"""Diffs: every changed line of source files stays; context is trimmed, files that tools write are summed up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from headroom.formats.diff.hunks import parse_diff
from headroom.formats.diff.rendering import DiffRender
from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.encoded import cut_encoded
from headroom.text.lines import split_lines
from headroom.text.query import parse_query
from headroom.text.terminal import without_styles

# What is read at a glance stays whole; what fills many screens keeps no context at all.
_SMALL, _LARGE = 6_000, 16_000
_CHARACTERS_PER_TOKEN = 3
_WORTH_IT = 0.9
_HUNK = re.compile(r"@@+ (?:-[0-9]+(?:,[0-9]+)? )+\+[0-9]+(?:,[0-9]+)? @@")
_FILE = re.compile(r"diff --(?:git|cc|combined) \S|Index: \S|--- \S")
_FILE_STARTS = frozenset("dI-")
_BODY_STARTS = ("", " ", "+", "-", "@", "\\")


class Diff:
    """Lossy only: what it shows of source files is still a patch (`git apply --unidiff-zero`)."""

    name = "diff"
    content_type = "diff"

    def sniff(self, sample: Sample, context: Context) -> float:
        lines = sample.lines
        if "\x1b" in sample.text:
            lines = tuple(map(without_styles, lines))
        hunks = any(_HUNK.match(line) for line in lines if line[:2] == "@@")
        files = any(_FILE.match(line) for line in lines if line[:1] in _FILE_STARTS)
        if files and (hunks or any(line.startswith("diff --git ") for line in lines)):
            return 0.97
        return 0.9 if hunks and sum([line[:1] in _BODY_STARTS for line in lines]) * 10 >= len(lines) * 9 else 0.0

    def compress(self, text: str, context: Context) -> Iterator[Compressed]:
        if context.level is Level.LOSSLESS:
            return
        over = context.target is not None and len(text) > context.target * _CHARACTERS_PER_TOKEN
        tight = over or context.level is Level.AGGRESSIVE
        clean = without_styles(text)
        codes = len(text) - len(clean)
        lines = split_lines(clean)
        files = parse_diff(lines)
        if not files:
            return
        query = parse_query(context.query)
        asked = frozenset(query.best(clean, lines))
        render = DiffRender(lines, _reach(len(clean), tight, len(lines)), tight, asked)
        at = 0
        for file in files:
            render.verbatim(at, file.start)
            render.file(file)
            at = file.end
        render.verbatim(at, len(lines))
        shown, cuts = cut_encoded(render.finished(), query)
        omissions = (*render.omissions(), *(replace(cut, ranges=()) for cut in cuts))
        written = "\n".join(shown)
        if codes:
            omissions += (Omission("colour codes", codes, "characters"),)
        if omissions and len(written) <= len(text) * _WORTH_IT:
            yield Compressed(written, self.name, False, omissions)

    def decode(self, text: str) -> str:
        return text

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _reach(size: int, tight: bool, whole: int) -> int:
    """How many unchanged lines stay around each change of a diff of `size` characters and `whole` lines."""
    if size < (_SMALL // 4 if tight else _SMALL):
        return whole
    return 0 if tight or size > _LARGE else 1


COMPRESSOR = Diff()
