"""Texts of no known kind, at `aggressive`: the lines that tell most, in order, with a marker for every gap.

What the question asks for, failures, beginning and end stay, and one line of every form that comes again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Level
from headroom.text.hidden_names import told_names
from headroom.text.lines import split_lines
from headroom.text.outcomes import failure_lines
from headroom.text.query import parse_query
from headroom.text.selection import Segment, render, select
from headroom.text.telling import told_by
from headroom.tokens import count_tokens

_LIKELY = 0.5  # anything that knows the text better goes first
_MIN_CHARS, _MIN_LINES, _WIDEST = 2_500, 12, 600
# A short text is read whole, of a long one a fifth more than its beginning would be.
_WHOLE, _SHARE = 4_000, 0.2
_HEAD, _TAIL, _ASKED, _MIN_GAP = 3, 2, 8, 3
_MARKUP = ("{", "[", "<")


class Plain:
    """Lossy only: whole lines by what they tell. Nothing at other levels."""

    name = "plain"
    content_type = "text"

    def sniff(self, sample: Sample, context: Context) -> float:
        """Never sure: any long text of many lines that isn't JSON or markup."""
        if context.level is not Level.AGGRESSIVE or len(sample.text) < _MIN_CHARS or sample.line_count < _MIN_LINES:
            return 0.0
        if sample.text[:64].lstrip().startswith(_MARKUP) or len(sample.text) > sample.line_count * _WIDEST:
            return 0.0
        return _LIKELY

    def compress(self, text: str, context: Context) -> Iterator[Compressed]:
        """The text cut to what `_WHOLE` and `_SHARE` leave, or to the target where there is one."""
        if context.level is not Level.AGGRESSIVE:
            return
        lines = split_lines(text)
        budget = _budget(text, context)
        if len(lines) < _MIN_LINES or budget >= len(text):
            return
        segments = _segments(text, lines, context)
        chosen = select(segments, [len(line) + 1 for line in lines], budget)
        out, omissions = render(lines, segments, _without_islands(lines, chosen), _MIN_GAP)
        if omissions:
            yield Compressed("\n".join(out), self.name, False, omissions)

    def decode(self, text: str) -> str:
        raise ValueError("lines are left out; the original is in the store")

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original
