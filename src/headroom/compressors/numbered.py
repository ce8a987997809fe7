"""Numbered file reads: every line's text stays; the number stays on the first line and on
every tenth, at `aggressive` on every fiftieth."""

from __future__ import annotations

import re
from collections.abc import Iterable

from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Level
from headroom.text.lines import split_lines
from headroom.text.numbering import Run, numbered_runs, prefixes, runs_of

_HEADER = re.compile(r"\[line numbers: first and every (\d+)th\]\n")
_EVERY = {Level.LOSSLESS: 10, Level.BALANCED: 10, Level.AGGRESSIVE: 50}
_MIN_LINES = 8
# An agent that asks for numbers itself quotes them: those stay.
_ASKED_FOR = re.compile(r"\bnl\b|\bcat\s+-\w*n")


class Numbered:
    """Lossless: runs of numbered lines keep their texts and lose most prefixes."""

    name = "numbered"
    content_type = "numbered"

    def sniff(self, sample: Sample, context: Context) -> float:
        whole = sample.line_count == len(sample.lines)
        runs = runs_of(sample.text) if whole else numbered_runs("\n".join(sample.lines))
        covered = sum(run.end - run.start for run in runs)
        if covered * 3 < len(sample.lines) or covered < _MIN_LINES:
            return 0.0
        return 0.0 if _ASKED_FOR.search(context.call.command) else 0.9

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        runs = [run for run in runs_of(text) if run.end - run.start >= _MIN_LINES]
        if runs and not _HEADER.match(text):
            every = _EVERY[context.level]
            out = _thin(split_lines(text), runs, every)
            if _shown(out, every) == runs:  # exactly those numbers come back
                header = f"[line numbers: first and every {every}th]"
                yield Compressed("\n".join([header, *out]), self.name, lossless=True)

    def decode(self, text: str) -> str:
        header = _HEADER.match(text)
        every = int(header[1]) if header else _EVERY[Level.LOSSLESS]
        return "\n".join(_restore(text.split("\n")[1:], every))

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _thin(lines: list[str], runs: list[Run], every: int) -> list[str]:
    out = list(lines)
    for run in runs:
        out[run.start : run.end] = run.bare(lines)
        for i in _numbered(run, every):
            out[i] = lines[i]
    return out


def _restore(lines: list[str], every: int) -> list[str]:
    """Puts the prefixes back: between two shown numbers of one format as far apart as their difference."""
    out = list(lines)
    for run in _shown(lines, every):
        for i in range(run.start, run.end):
            out[i] = run.prefix(i) + lines[i]
        for i in _numbered(run, every):
            out[i] = lines[i]
    return out


def _numbered(run: Run, every: int) -> list[int]:
    """The lines of a thinned run that show their numbers: the first, the last, and those that `every` divides."""
    first = run.start + -run.number % every
    return [run.start, *range(first, run.end, every), run.end - 1]


def _shown(lines: list[str], every: int) -> list[Run]:
    """The thinned runs, found by the numbers that are still shown."""
    runs: list[Run] = []
    i = 0
    while i < len(lines):
        run = _shown_from(lines, i, every)
        if run:
            runs.append(run)
        i = run.end if run else i + 1
    return runs


def _shown_from(lines: list[str], start: int, every: int) -> Run | None:
    """The thinned run that begins at a line; None where there is none."""
    for first in prefixes(lines[start]):
        run = Run(start, start + 1, first.number, first.width, first.separator)
        if start + 1 < len(lines) and (run.number + 1) % every and lines[start + 1].startswith(run.prefix(start + 1)):
            continue  # every line shows its number: this run was left whole
        last = start
        while (k := last + every - (run.number + last - start) % every) < len(lines):
            if not lines[k].startswith(run.prefix(k)):
                break
            last = k
        tail = range(min(last + every, len(lines)) - 1, last, -1)
        last = next((k for k in tail if lines[k].startswith(run.prefix(k))), last)
        if last + 1 - start >= _MIN_LINES:
            return Run(start, last + 1, run.number, run.width, run.separator)
    return None


COMPRESSOR = Numbered()
