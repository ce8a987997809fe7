"""Repetition across the conversation: lines that an earlier tool result shows become a reference to it.

Lossless for the reader as long as the earlier result is in the conversation, and a function of what precedes (P3).
"""

from __future__ import annotations

from dataclasses import replace

from headroom import marker
from headroom.contest import Choice, cost
from headroom.conversation import Conversation, Repeat
from headroom.model import SHOWN_EARLIER, Compressed, Context, Level, Omission
from headroom.router import rewrapped, route
from headroom.text.envelopes import view
from headroom.text.lines import split_lines
from headroom.text.numbering import address_offset

_MIN_PART_CHARS = 600
_NAME = "repeats"


def with_references(text: str, choice: Choice, context: Context, preceding: Conversation) -> Choice:
    """The choice, or the form with references where that is smaller."""
    if context.level is Level.LOSSLESS or marker.looks_marked(text):
        return choice
    body, envelope = view(text)
    lines = split_lines(body)
    repeats = preceding.repeats_in(body, lines)
    if not repeats:
        return choice
    form = _referring(body, lines, repeats, context, preceding)
    if envelope is not None:
        form = rewrapped(text, [(envelope, form)], True, context)
    after = cost(form)
    if after >= choice.tokens_after:
        return choice
    return replace(choice, compressed=form, tokens_after=after)


def _referring(
    text: str, lines: list[str], repeats: list[Repeat], context: Context, preceding: Conversation
) -> Compressed:
    """New lines compressed on their own, repeated ones as references."""
    offset = address_offset(text, lines)
    out: list[str] = []
    omissions: list[Omission] = []
    names = {_NAME}
    named: set[int] = set()
    at = 0
    for repeat in (*repeats, Repeat(len(lines), len(lines), 0, 0)):
        if repeat.start > at:
            new = "\n".join(lines[at : repeat.start])
            best = route(new, context, depth=1).compressed if len(new) >= _MIN_PART_CHARS else None
            # Printed numbers address their own lines; positions move by where the part stands.
            by = 0 if offset else at
            out.append(new if best is None else marker.shift_lines(best.text, by))
            if best is not None:
                names.add(best.compressor)
                omissions += (replace(o, ranges=tuple((a + by, b + by) for a, b in o.ranges)) for o in best.omissions)
        if repeat.end > repeat.start:
            out.append(preceding.reference(repeat, offset, repeat.source not in named))
            named.add(repeat.source)
            span = (repeat.start + 1 + offset, repeat.end + offset)
            omissions.append(Omission(SHOWN_EARLIER, repeat.end - repeat.start, "lines", (span,)))
        at = repeat.end
    return Compressed("\n".join(out), "+".join(sorted(names)), False, tuple(omissions))
