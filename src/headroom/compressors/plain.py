"""Texts of no known kind, at `aggressive`: the lines that tell most, in order, with a marker for every gap.

What the question asks for, failures, beginning and end stay, and one line of every form that comes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from headroom.formats.build.outcomes import failure_lines, trouble_words, troubled
from headroom.formats.code.hidden_names import hidden_names
from headroom.interfaces import Sample
from headroom.marker import omitted
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.gaps import Gap, gaps_between, with_markers
from headroom.text.lines import split_lines
from headroom.text.query import best_of, parse_query
from headroom.text.selection import select
from headroom.text.telling import told_by
from headroom.tokens import count_tokens

_LIKELY = 0.5  # anything that knows the text better goes first
_MIN_CHARS, _MIN_LINES, _WIDEST = 2_500, 12, 600
# A short text is read whole, of a long one little more than as much.
_WHOLE, _SHARE = 3_500, 0.1
_HEAD, _TAIL, _MOST_ASKED, _TROUBLE_SHARE = 3, 2, 8, 0.1
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
        query = parse_query(context.query)
        asked = query.scores(text, lines)
        floor = _floor(text, lines, best_of(asked, limit=_MOST_ASKED))
        gaps = gaps_between(lines, select(told_by(lines, asked), floor, [len(line) + 1 for line in lines], budget))
        if gaps:
            names = hidden_names(lines, gaps, [term for term, _ in query.terms])
            ranges = tuple((start + 1, end) for start, end in gaps)
            lost = Omission("lines", sum(b - a + 1 for a, b in ranges), "lines", ranges)

            def marked(gap: Gap, at: int) -> str:
                return omitted(gap[1] - gap[0], "lines", (ranges[at],), ", ".join(names[at]))

            yield Compressed("\n".join(with_markers(lines, gaps, marked)), self.name, False, (lost,))

    def decode(self, text: str) -> str:
        raise ValueError("lines are left out; the original is in the store")

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _budget(text: str, context: Context) -> int:
    """How many characters may stay, markers not counted."""
    usual = int(_WHOLE + _SHARE * (len(text) - _WHOLE))
    if context.target is None:
        return usual
    return min(usual, context.target * len(text) // max(count_tokens(text), 1))


def _floor(text: str, lines: Sequence[str], asked: Iterable[int]) -> set[int]:
    """Both ends, what the question asks for most, failures, and other trouble where not every line speaks of it."""
    last = len(lines)
    floor = {*range(_HEAD), *range(last - _TAIL, last), *asked}
    floor.update(i for i, failed in enumerate(failure_lines(text, lines)) if failed)
    trouble = [i for i, said in enumerate(troubled(lines, trouble_words())) if said]
    return floor.union(trouble) if len(trouble) <= last * _TROUBLE_SHARE else floor


COMPRESSOR = Plain()
