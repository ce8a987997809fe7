"""Build and test output: every failure whole, every kind of line once, passes and repetition counted."""

from __future__ import annotations

import re
from collections.abc import Iterable

from headroom.formats.build.folding import render
from headroom.formats.build.folds import fold
from headroom.formats.build.outcomes import without_times
from headroom.formats.build.signs import built_lines, has_banner, may_be_built
from headroom.interfaces import Sample, paged
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.lines import unstyled
from headroom.text.terminal import Screen, resolve
from headroom.tokens import count_tokens

_PROBED = 60
_TIMED = re.compile(r"\n[\ufeff\[#]?\d")  # a line that may begin with a time
_COMMAND = re.compile(
    r"\b(?:pytest|unittest|tox|nox|jest|vitest|mocha|make|cmake|ninja|cargo|go (?:test|build|vet)|mvn|gradlew?|npm|"
    r"pnpm|yarn|pip3?|apt(?:-get)?|docker(?: compose)? build|tsc|eslint|mypy|ruff|flake8|pylint|gcc|g\+\+|clang|bazel|"
    r"webpack|vite|rspec|phpunit|dotnet|ctest|terraform|ansible-playbook)\b"
)


class Build:
    """Output of compilers, package managers and test runners."""

    name = "build"
    content_type = "build"

    def sniff(self, sample: Sample, context: Context) -> float:
        shown = unstyled(sample)
        probed = shown.lines if len(shown.lines) <= _PROBED else shown.lines[::2]
        plain = without_times(probed) if _may_be_timed(shown) else probed
        if plain is probed and not may_be_built(shown):
            return 0.0
        lines = [line for line in plain if line and not line.isspace()]
        if len(lines) < 4:
            return 0.0
        hits = built_lines(paged(lines))
        share = hits / len(lines)
        hinted = _COMMAND.search(context.call.command) is not None
        if share >= 0.3 or has_banner(shown.page):
            return 0.92
        if hits >= 3 and (share >= 0.1 or hinted):
            return 0.8
        return 0.6 if hinted and hits else 0.0

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        if context.level is Level.LOSSLESS:
            return
        screen = resolve(text)
        usual = self._folded(screen, context, tight=context.level is Level.AGGRESSIVE)
        if usual is None:
            return
        yield usual
        if context.target is not None and count_tokens(usual.text) > context.target:
            tight = self._folded(screen, context, tight=True)
            if tight is not None:
                yield tight

    def _folded(self, screen: Screen, context: Context, *, tight: bool) -> Compressed | None:
        out, omissions = render(screen.lines, fold(screen.lines, context, tight=tight))
        if screen.hidden:
            omissions = (*omissions, Omission("terminal control sequences", screen.hidden, "characters"))
        return Compressed("\n".join(out), self.name, False, omissions) if omissions else None

    def decode(self, text: str) -> str:
        return text

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _may_be_timed(sample: Sample) -> bool:
    """Whether most lines may begin with a time, or with a job, a step and a time."""
    tabs = sample.page.count("\t")
    return tabs > len(sample.filled) or (tabs > 0 and len(sample.lines) > _PROBED) or bool(_TIMED.search(sample.page))


COMPRESSOR = Build()
