"""Lines that only builds and test runs print."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
    r"\s*--> \S+:\d+:\d+$|  [#~+-] (?:resource \"|\S+ will be )|webpack \d|"
    r"\s*(?:asset |\./)\S+ [\d.]+ \w*(?:B|bytes) \["
)
_SCRIPT = re.compile(r"[@\w./-]+(?: |:)(?:build|test|lint|dev|typecheck|prepare|postinstall)(?:: |\$ )")  # pnpm, turbo
_INSIDE = re.compile(
    r"(?:PASSED|FAILED|SKIPPED|ERROR|XFAIL)(?: \(.*\))? +\[ *\d+%\]|\.\.\. (?:ok|FAIL|ERROR|skipped)\b| error TS\d+: "
)
# A line that only a test run or a build prints, once: its banner or its sum.
_BANNER = re.compile(
    r"=+ (?:test session starts|short test summary info) =+|"
    r"=* ?(?:\d+ \w+, )*\d+ (?:passed|failed|errors?)\b.* in [\d.]+s|"
    r"Ran \d+ tests? in \d|TAP version \d+|Test Suites: .*\d total|\s+Test Files +\d|\s+\d+ passing \(\d|"
    r"Found \d+ errors?\b|ℹ tests \d|# tests \d|test result: (?:ok|FAILED)\. |(?:\[\w+\] )?BUILD (?:SUCCESS|FAIL)"
)
# One of these stands in each banner; most texts hold none.
_BANNER_WORDS = (
    "test session starts", "short test summary", " passed", " failed", " error", "Ran ", "TAP version", "Test Suites: ",
    "Test Files ", " passing (", "Found ", " tests ", "test result: ", "BUILD ",
)  # fmt: skip
_FINDING = re.compile(
    r"(?:[A-Za-z]:)?[^\s:()]+(?::\d+(?::\d+)?:|\(\d+,\d+\):) "
    r"(?:(?:fatal )?(?:error|warning|note|info|style)\b|[A-Z]+\d{2,5}\b|"
    r"\S.*\[[a-z]+(?:-[a-z]+)*\]\s*$|\S.*\((?:[a-z]+-)+[a-z]+\)\s*$)|"
    r"\s+\d+:\d+ +(?:error|warning) "
)
_LEVELLED = re.compile(r"\[?(?:INFO|WARN|ERROR|info|warn|error)")
_TIMED_SHARE = 0.2


def is_built(line: str) -> bool:
    """Whether a line looks like one that a build or a test run prints."""
    if _START.match(line) or (":" in line and _FINDING.match(line)):
        return True
    if (": " in line or "$ " in line) and _SCRIPT.match(line):
        return True
    return ("%]" in line or "... " in line or " TS" in line) and _INSIDE.search(line) is not None


def has_banner(lines: Sequence[str]) -> bool:
    """Whether one of the lines is the banner or the sum of a test run or a build."""
    together = "\n".join(lines)
    return any(map(together.__contains__, _BANNER_WORDS)) and any(map(_BANNER.match, lines))


def built_behind_times(lines: Sequence[str]) -> bool:
    """Whether lines that stood behind a time each are those of a build or a test run, not of a log with levels."""
    if has_banner(lines):
        return True
    built = sum(1 for line in lines if is_built(line) and not _LEVELLED.match(line))
    return built >= len(lines) * _TIMED_SHARE
