"""Build and test output: every failure whole, every kind of line once, passes and repetition counted."""

from __future__ import annotations

import re
from collections.abc import Iterable

from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.buildlines import fold
from headroom.text.folding import render
from headroom.text.outcomes import without_times
from headroom.text.terminal import Screen, resolve, without_styles
from headroom.tokens import count_tokens

# Lines that only builds and test runs print, by their beginnings; one alternative per family of tools.
_START = re.compile(
    r"=+ (?:test session starts|short test summary|FAILURES|ERRORS) |Ran \d+ tests? in |"
    r"\[=+\] Running \d+ test|\[ *(?:RUN|OK|FAILED|PASSED|-+) *\] |"
    r"TAP version|\d+\.\.\d+\r?$|(?:not )?ok \d+ |\s+\d+ (?:passing|failing|pending)\b|\s*[✔✓✗✖×√] |"
    r"(?:PASS|FAIL) \S+\.\w+|Test(?:s| Suites| Files):? +\d|--- (?:PASS|FAIL|SKIP): |=== RUN|(?:ok|FAIL|\?) +\t|"
    r"test result: |running \d+ tests?$|\s*(?:Compiling|Downloaded|Finished|Checking|Updating) \S+ |"
    r"make(?:\[\d+\])?: |\[ *\d+%\] |(?:gcc|cc|g\+\+|c\+\+|clang|ld|ar) -|"
    r"-- (?:Looking|Performing|Detecting|Check|Found|Configuring)|"
    r"npm (?:err|error|warn|WARN|ERR|info|verbose|http|silly|notice)\b|> \S+@\S+ \w+|yarn (?:run|install) v|"
    r"\[(?:INFO|WARNING|ERROR)\] |> Task :|BUILD (?:SUCCESS|FAIL)|"
    r"Step \d+/\d+ : |#\d+ (?:\[|\d|DONE|CACHED|sha256)|(?:Get|Hit|Ign):\d+ |"
    r"(?:Unpacking|Setting up|Preparing to unpack) |"
    r"(?:Collecting|Successfully installed|Requirement already satisfied|Building wheels?|Using pip) |"
    r"\s*(?:Running command|Installing build dependencies|Getting requirements|Preparing metadata|Created wheel|"
    r"Stored in directory|creating|copying|running|adding|removing|building) ['\w./]|"
    r"error(?:\[E\d+\])?: |warning: |##\[\w+\]|go: downloading |"
    r"\[\d+/\d+\] \S|\[[\d,]+ / [\d,]+\] |INFO: (?:Analyzed|Found \d|Elapsed|Build)|➤ YN\d+: |"
    r"[0-9a-f]{12}: (?:Pull|Download|Verifying|Waiting|Already)|(?:TASK|PLAY) \[|(?:ok|changed|fatal|skipping): \[|"
    r"[\w.\[\]\"-]+: (?:Creating|Modifying|Destroying|Still \w+ing|Refreshing state|Creation complete)|"
    r"\s*--> \S+:\d+:\d+$|  [#~+-] (?:resource \"|\S+ will be )|webpack \d|\s*(?:asset |\./)\S+ [\d.]+ \w*(?:B|bytes) \["
)
_INSIDE = re.compile(
    r"(?:PASSED|FAILED|SKIPPED|ERROR|XFAIL)(?: \(.*\))? +\[ *\d+%\]|\.\.\. (?:ok|FAIL|ERROR|skipped)\b| error TS\d+: "
)
# A line that only a test run or a build prints, once: its banner or its sum.
_BANNER = re.compile(
    r"=+ (?:test session starts|short test summary info) =+|=* ?(?:\d+ \w+, )*\d+ (?:passed|failed|errors?)\b.* in [\d.]+s|"
    r"Ran \d+ tests? in \d|TAP version \d+|Test Suites: .*\d total|\s+Test Files +\d|\s+\d+ passing \(\d|"
    r"Found \d+ errors?\b|ℹ tests \d|# tests \d|test result: (?:ok|FAILED)\. |(?:\[\w+\] )?BUILD (?:SUCCESS|FAIL)"
)
_PROBED = 60
_FINDING = re.compile(
    r"(?:[A-Za-z]:)?[^\s:()]+(?::\d+(?::\d+)?:|\(\d+,\d+\):) "
    r"(?:(?:fatal )?(?:error|warning|note|info|style)\b|[A-Z]+\d{2,5}\b|"
    r"\S.*\[[a-z]+(?:-[a-z]+)*\]\s*$|\S.*\((?:[a-z]+-)+[a-z]+\)\s*$)|"
    r"\s+\d+:\d+ +(?:error|warning) "
)
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
        shown = [without_styles(line) for line in sample.lines] if "\x1b" in sample.text else sample.lines
        lines = [line for line in without_times(shown if len(shown) <= _PROBED else shown[::2]) if line.strip()]
        if len(lines) < 4:
            return 0.0
        hits = sum(map(_built, lines))
        share = hits / len(lines)
        hinted = _COMMAND.search(context.call.command) is not None
        if share >= 0.3 or any(map(_BANNER.match, shown)):
            return 0.92
        if hits >= 3 and (share >= 0.1 or hinted):
            return 0.8
        return 0.6 if hinted and hits else 0.0

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        if context.level is Level.LOSSLESS:
            return
        screen = resolve(text)
        best = self._folded(screen, context, tight=context.level is Level.AGGRESSIVE)
        if context.target is not None and best is not None and count_tokens(best.text) > context.target:
            best = self._folded(screen, context, tight=True)
        if best is not None:
            yield best

    def _folded(self, screen: Screen, context: Context, *, tight: bool) -> Compressed | None:
        out, omissions = render(screen.lines, fold(screen.lines, context, tight=tight))
        if screen.hidden:
            omissions = (*omissions, Omission("terminal control sequences", screen.hidden, "characters"))
        return Compressed("\n".join(out), self.name, False, omissions) if omissions else None

    def decode(self, text: str) -> str:
        return text

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _built(line: str) -> bool:
    if _START.match(line) or (":" in line and _FINDING.match(line)):
        return True
    return ("%]" in line or "... " in line or " TS" in line) and _INSIDE.search(line) is not None


COMPRESSOR = Build()
