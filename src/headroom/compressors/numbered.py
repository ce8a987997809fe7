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
        if _ASKED_FOR.search(context.call.command):
            return 0.0
        runs = runs_of(sample.text) if sample.line_count == len(sample.lines) else numbered_runs(sample.lines)
        covered = sum(run.end - run.start for run in runs)
        return 0.9 if covered * 3 >= len(sample.lines) and covered >= _MIN_LINES else 0.0

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        lines = split_lines(text)
        runs = [run for run in runs_of(text) if run.end - run.start >= _MIN_LINES]
        if runs and not _HEADER.match(text):
            every = _EVERY[context.level]
            out = _thin(lines, runs, every)
            if _restore(out, every) == lines:
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
        for i in range(run.start + 1, run.end):
            if (run.number + i - run.start) % every and i != run.end - 1:
                out[i] = lines[i][run.indent(i) :]
    return out


def _restore(lines: list[str], every: int) -> list[str]:
    """Puts the prefixes back: between two shown numbers of one format as far apart as their difference."""
    out = list(lines)
    i = 0
    while i < len(lines):
        run = _shown(lines, i, every)
        if run is None:
            i += 1
            continue
        for k in range(run.start + 1, run.end):
            if (run.number + k - run.start) % every and k != run.end - 1:
                out[k] = run.prefix(k) + lines[k]
        i = run.end
    return out


def _shown(lines: list[str], start: int, every: int) -> Run | None:
    """The thinned run that begins at a line, found by the numbers that are still shown; None where there is none."""
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
