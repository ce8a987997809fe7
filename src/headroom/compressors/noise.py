"""Noise in any text: terminal control sequences, base64, hex, minified lines, repeated lines and blocks, blank ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import eq

from headroom.formats.build.folding import KEPT, Plan, Why, render, short
from headroom.formats.build.progress import progress_runs, shows_progress
from headroom.interfaces import Sample
from headroom.marker import plural
from headroom.model import Compressed, Context, Intent, Level, Omission
from headroom.text.encoded import cut_encoded, wrapped_base64
from headroom.text.query import parse_query
from headroom.text.repeats import adjacent_repeats, fold_repeats, repeated_blocks, unfold_repeats
from headroom.text.terminal import has_controls, resolve

_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{160}")
_BASE64_LINES = re.compile(r"\n[A-Za-z0-9+/]{60,120}={0,2}\r?$", re.MULTILINE)
_LONG, _WIDE = 2_000, 400
_TELLING, _MANY, _DISTINCT_SHARE, _LONG_BLOCK = 12, 20, 0.75, 8


class Noise:
    """What says nothing, whatever the text is."""

    name = "noise"
    content_type = "noise"

    def sniff(self, sample: Sample, context: Context) -> float:
        lines = sample.lines
        if sample.text[:200].lstrip()[:1] in ("{", "[", "<"):
            return 0.0
        wide = [line for line in lines if len(line) >= _WIDE]
        if any(map(_ENCODED.search, wide)) or _longest(sample, bool(wide)) >= _LONG:
            return 0.6
        if len(_BASE64_LINES.findall(sample.page)) >= 5 or has_controls(sample.page):
            return 0.6
        if "%" in sample.page and shows_progress(lines):
            return 0.6
        same = sum(map(eq, lines, islice(lines, 1, None)))
        return 0.55 if (same >= 3 and len(lines) >= 8) or _repeats_itself(lines) else 0.0

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        folded = fold_repeats(text)
        if folded is not None:
            yield Compressed(folded, self.name, True)
        if context.level is not Level.LOSSLESS:
            yield from self._lossy(text, context)

    def _lossy(self, text: str, context: Context) -> Iterator[Compressed]:
        query = parse_query(context.query)
        if context.intent is Intent.READ and context.level is Level.BALANCED:
            # who reads a file may edit it, and must then quote its lines as they are
            lines, cut = cut_encoded(text.split("\n"), query)
            if cut:
                yield Compressed("\n".join(lines), self.name, False, tuple(cut))
            return
        screen = resolve(text)
        losses: list[Omission] = []
        if screen.hidden:
            losses.append(Omission("terminal control sequences", screen.hidden, "characters"))
        # one blank may be all that says what a line is: an unchanged empty line of a diff
        lines = [line.rstrip(" \t") or line[:1] for line in screen.lines]
        blanks = sum(map(len, screen.lines)) - sum(map(len, lines))
        if blanks:
            losses.append(Omission("trailing blanks", blanks, "characters"))
        plan = self._plan(lines)
        lines, cut = cut_encoded(lines, query)
        out, folded = render(lines, plan)
        losses += [*cut, *folded]
        if losses:
            yield Compressed("\n".join(out), self.name, False, tuple(losses))

    def _plan(self, lines: list[str]) -> Plan:
        plan = Plan([KEPT] * len(lines))
        for start, end in progress_runs(lines):
            reason = plan.reason(Why("states of progress", "earlier states of the line below"))
            plan.of[start:end] = [reason] * (end - start)
        for run in adjacent_repeats(lines):
            size = run.start - run.source
            what = "the line above again" if size == 1 else f"the {plural(size, 'lines')} above again"
            times = (run.end - run.start) // size
            reason = plan.reason(Why("repeated lines", what if times == 1 else f"{what}, {times} times"))
            plan.of[run.start : run.end] = [reason] * (run.end - run.start)
        for start, end in wrapped_base64(lines):
            reason = plan.reason(Why("base64", "base64"))
            plan.of[start:end] = [reason] * (end - start)
        for block in repeated_blocks(lines, [reason == KEPT for reason in plan.of]):
            last = block.source + block.end - block.start
            top = next((line for line in lines[block.source : last] if line.strip()), "")
            text = f"repeating lines {block.source + 1}–{last} (“{short(top, 50)}” …)"
            reason = plan.reason(Why("repeated blocks", text))
            plan.of[block.start : block.end] = [reason] * (block.end - block.start)
        return plan

    def decode(self, text: str) -> str:
        return unfold_repeats(text)

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _repeats_itself(lines: Sequence[str]) -> bool:
    """Whether many of the lines stand there more than once, in long blocks."""
    if len(lines) < _MANY or len(set(lines)) > len(lines) - _MANY * (1 - _DISTINCT_SHARE):
        return False
    telling = [line for line in lines if len(line) >= _TELLING]
    if len(telling) < _MANY or len(set(telling)) > len(telling) * _DISTINCT_SHARE:
        return False
    sizes = (block.end - block.start for block in repeated_blocks(lines, [True] * len(lines)))
    return sum(size for size in sizes if size >= _LONG_BLOCK) * 4 >= len(lines)


def _longest(sample: Sample, wide: bool) -> int:
    """A lower bound for the longest line: exact where wide lines in the sample hint at long ones."""
    if sample.line_count * _LONG < len(sample.text):
        return _LONG
    return max(map(len, sample.text.split("\n"))) if wide else 0


COMPRESSOR = Noise()
