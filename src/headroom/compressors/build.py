"""Build and test output: every failure whole, every kind of line once, passes and repetition counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.buildlines import fold
from headroom.text.folding import render
from headroom.text.terminal import resolve

_SURE = re.compile(
    r"=+ test session starts =+|=+ short test summary|^\[=+\] Running \d+ test|^TAP version|^\d+\.\.\d+\r?$|"
    r"^make(?:\[\d+\])?: |^\[ *\d+%\] |^npm (?:err|error|warn|WARN|ERR|info|verbose|http|silly|notice)\b|"
    r"^(?:not )?ok \d+ |^\s+\d+ (?:passing|failing|pending)\b|^> \S+@\S+ \w+|^test result: |^running \d+ tests?$|"
    r"^\s*(?:Compiling|Downloaded|Finished|Checking|Updating) \S+ |^-- (?:Looking|Performing|Detecting|Check|Found|Configuring)|"
    r"^\[(?:INFO|WARNING|ERROR)\] |^> Task :|^BUILD (?:SUCCESS|FAIL)|^(?:ok|FAIL|\?) +\t|^--- (?:PASS|FAIL|SKIP): |^=== RUN|"
    r"^Step \d+/\d+ : |^#\d+ (?:\[|\d|DONE|CACHED|sha256)|^(?:Get|Hit|Ign):\d+ |^(?:Unpacking|Setting up|Preparing to unpack) |"
    r"^(?:Collecting|Successfully installed|Requirement already satisfied|Building wheels?|Using pip) |^Ran \d+ tests? in |"
    r"^\[ *(?:RUN|OK|FAILED|PASSED|-+) *\] |(?:PASSED|FAILED|SKIPPED|ERROR|XFAIL)(?: \(.*\))? +\[ *\d+%\]|\.\.\. (?:ok|FAIL|ERROR|skipped)\b|"
    r"^\s*(?:✔|✓|✗|✖|×|√) |^(?:PASS|FAIL) \S+\.\w+|^Test(?:s| Suites| Files):? +\d|^yarn (?:run|install) v|^(?:gcc|cc|g\+\+|c\+\+|clang|ld|ar) -|"
    r"^.{1,200}?:\d+:\d+: (?:fatal )?(?:error|warning|note): |\berror TS\d+: |^error(?:\[E\d+\])?: |^warning: "
)
_COMMAND = re.compile(
    r"\b(?:pytest|unittest|tox|nox|jest|vitest|mocha|make|cmake|ninja|cargo|go (?:test|build|vet)|mvn|gradlew?|npm|pnpm|yarn|pip3?|apt(?:-get)?|"
    r"docker(?: compose)? build|tsc|gcc|g\+\+|clang|bazel|webpack|vite|rspec|phpunit|dotnet|ctest|terraform|ansible-playbook)\b"
)


class Build:
    """Output of compilers, package managers and test runners."""

    name = "build"
    content_type = "build"

    def sniff(self, sample: Sample, context: Context) -> float:
        lines = [line for line in sample.lines if line.strip()]
        if len(lines) < 4:
            return 0.0
        hits = sum(1 for line in lines if _SURE.search(line))
        share = hits / len(lines)
        hinted = _COMMAND.search(context.call.command) is not None
        if share >= 0.3:
            return 0.92
        if hits >= 3 and (share >= 0.1 or hinted):
            return 0.8
        return 0.6 if hinted and hits else 0.0

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        if context.level is Level.LOSSLESS:
            return
        screen = resolve(text)
        out, omissions = render(screen.lines, fold(screen.lines, context))
        if screen.hidden:
            omissions = (*omissions, Omission("terminal control sequences", screen.hidden, "characters"))
        if omissions:
            yield Compressed("\n".join(out), self.name, False, omissions)

    def decode(self, text: str) -> str:
        return text

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


COMPRESSOR = Build()
