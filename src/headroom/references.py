"""Repetition across the conversation: lines that an earlier tool result shows become a reference to it.

Lossless for the reader as long as the earlier result is in the conversation, and a function of what precedes (P3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from headroom import marker
from headroom.contest import Choice, cost, unchanged
from headroom.conversation import Conversation, Reading, Repeat, Worth, read
from headroom.model import SHOWN_EARLIER, Compressed, Context, Level, Omission
from headroom.router import rewrapped, route

_MIN_PART_CHARS, _MOSTLY = 600, 0.5
_NAME = "repeats"
_WORTH = {Level.BALANCED: Worth(160, 360), Level.AGGRESSIVE: Worth(110, 220)}


def with_references(
    text: str, tokens: int, routed: Callable[[], Choice], context: Context, preceding: Conversation
) -> Choice:
    """What the router chooses, or the form with references where that is smaller.

    `tokens` is the text's count. Where most of a text stands earlier, the router is not asked about the whole.
    """
    if context.level is Level.LOSSLESS or marker.looks_marked(text):
        return routed()
    seen = read(text)
    repeats = preceding.repeats_in(seen, _WORTH[context.level])
    if not repeats:
        return routed()
    mostly = sum(sum(map(len, seen.lines[r.start : r.end])) for r in repeats) > len(seen.text) * _MOSTLY
    choice = unchanged("repeated", tokens) if mostly else routed()
    # A reader who saves most is told once in a conversation what a result was, others once in every text.
    terse = context.level is Level.AGGRESSIVE
    told = set(preceding.told) if terse else set()
    form = _referring(seen, repeats, context, preceding, told)
    if seen.envelope is not None:
        form = rewrapped(text, [(seen.envelope, form)], True, context)
    after = cost(form, context)
    if after >= choice.tokens_after:
        return routed() if mostly else choice
    preceding.told |= told
    return replace(choice, compressed=form, tokens_after=after)


def _referring(
    seen: Reading, repeats: list[Repeat], context: Context, preceding: Conversation, told: set[int]
) -> Compressed:
    """New lines compressed on their own, repeated ones as references; sources not yet `told` are described."""
    lines, offset = seen.lines, seen.offset
    out: list[str] = []
    omissions: list[Omission] = []
    names = {_NAME}
    terse = context.level is Level.AGGRESSIVE
    sources: list[str] = []  # of repeated lines that follow one another, from line `begun` on
    begun = at = 0
    for repeat in (*repeats, Repeat(len(lines), len(lines), 0, 0)):
        if sources and (repeat.start > at or not terse or repeat.end == repeat.start):
            span = (begun + 1 + offset, at + offset)
            out.append(marker.repeats(at - begun, (span,), "; ".join(sources), terse))
            sources = []
        if repeat.start > at:
            new = _compressed("\n".join(lines[at : repeat.start]), context)
            by = 0 if offset else at  # printed numbers address their own lines; positions move with the part
            out.append(marker.shift_lines(new.text, by) if new.compressor else new.text)
            names.add(new.compressor)
            omissions += (replace(o, ranges=tuple((a + by, b + by) for a, b in o.ranges)) for o in new.omissions)
        if repeat.end > repeat.start:
            begun = begun if sources else repeat.start
            sources.append(preceding.source(repeat, offset, repeat.source not in told, terse))
            told.add(repeat.source)
            lost = (repeat.start + 1 + offset, repeat.end + offset)
            omissions.append(Omission(SHOWN_EARLIER, repeat.end - repeat.start, "lines", (lost,)))
        at = repeat.end
    return Compressed("\n".join(out), "+".join(sorted(filter(None, names))), False, tuple(omissions))


def _compressed(text: str, context: Context) -> Compressed:
    """The form of lines that stand nowhere before; by no compressor where they are few or get no shorter."""
    best = route(text, context, depth=1).compressed if len(text) >= _MIN_PART_CHARS else None
    return best or Compressed(text, "", lossless=True)
