"""A cut through a compressed form that is still long: of its lines, those that tell most stay.

For forms that are no source lines any more (a page as text, a list of paths by directory): the gaps say how many lines
of the form are missing.
"""

from __future__ import annotations

from dataclasses import replace

from headroom.formats.code.hidden_names import hidden_names
from headroom.marker import omitted
from headroom.model import Compressed, Omission
from headroom.text.gaps import Gap, gaps_between, with_markers
from headroom.text.lines import split_lines
from headroom.text.query import Query, best_of
from headroom.text.selection import select
from headroom.text.telling import told_by

_FREE, _SHARE = 2_000, 0.1
_HEAD, _TAIL, _MOST_ASKED = 3, 2, 8
_UNIT = "lines of this form"


def capped(form: Compressed, query: Query) -> Compressed:
    """The form within `_FREE` characters and a share of the rest; itself where it is no longer than that."""
    text = form.text
    if len(text) <= _FREE:
        return form
    lines = split_lines(text)
    asked = query.scores(text, lines)
    floor = {*range(_HEAD), *range(len(lines) - _TAIL, len(lines)), *best_of(asked, limit=_MOST_ASKED)}
    # What says how to read the form, or what is missing from it, must stay.
    floor.update(i for i, line in enumerate(lines) if line.lstrip().startswith("["))
    budget = int(_FREE + _SHARE * (len(text) - _FREE))
    gaps = gaps_between(lines, select(told_by(lines, asked), floor, [len(line) + 1 for line in lines], budget))
    if not gaps:
        return form
    names = hidden_names(lines, gaps, [term for term, _ in query.terms])

    def marked(gap: Gap, at: int) -> str:
        return omitted(gap[1] - gap[0], _UNIT, (), ", ".join(names[at]))

    lost = Omission("lines of the compressed form", sum(end - start for start, end in gaps), _UNIT)
    written = "\n".join(with_markers(lines, gaps, marked))
    return replace(form, text=written, lossless=False, omissions=(*form.omissions, lost))
