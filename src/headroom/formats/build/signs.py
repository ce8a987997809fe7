"""Lines that only builds and test runs print, looked for in a page: many lines as one text, each behind a newline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, repeat

from headroom.interfaces import Sample, paged

# How such lines begin, one alternative per family of tools. Each alternative begins with a character or a class, so
# that nearly all of them fail at the first character of a line; "==*" is "=+" written so.
_MARKED = (
    r"==* (?:test session starts|short test summary|FAILURES|ERRORS) |=== RUN|--- (?:PASS|FAIL|SKIP): |\? +\t|"
    r"\[=+\] Running \d+ test|\[ *(?:RUN|OK|FAILED|PASSED|-+) *\] |\[(?:INFO|WARNING|ERROR)\] |"
    r"\[ *\d+%\] |\[\d+/\d+\] \S|\[[\d,]+ / [\d,]+\] |-- (?:Looking|Performing|Detecting|Check|Found|Configuring)|"
    r"> \S+@\S+ \w+|> Task :|#\d+ (?:\[|\d|DONE|CACHED|sha256)|##\[\w+\]|➤ YN\d+: |\d\d*\.\.\d+\r?$|"
    r"[0-9a-f][0-9a-f]{11}: (?:Pull|Download|Verifying|Waiting|Already)|  [#~+-] (?:resource \"|\S+ will be )"
)
_UPPER = (
    r"Ran \d+ tests? in |TAP version|PASS \S+\.\w+|FAIL \S+\.\w+|FAIL +\t|Test(?:s| Suites| Files):? +\d|"
    r"BUILD (?:SUCCESS|FAIL)|Step \d+/\d+ : |Get:\d+ |Hit:\d+ |Ign:\d+ |Unpacking |Setting up |Preparing to unpack |"
    r"Collecting |Successfully installed |Requirement already satisfied |Building wheels? |Using pip |"
    r"INFO: (?:Analyzed|Found \d|Elapsed|Build)|TASK \[|PLAY \["
)
_LOWER = (
    r"ok +\t|ok \d+ |not ok \d+ |test result: |running \d+ tests?$|make(?:\[\d+\])?: |gcc -|cc -|g\+\+ -|c\+\+ -|"
    r"clang -|ld -|ar -|yarn (?:run|install) v|go: downloading |webpack \d|error(?:\[E\d+\])?: |warning: |"
    r"npm (?:err|error|warn|WARN|ERR|info|verbose|http|silly|notice)\b|ok: \[|changed: \[|fatal: \[|skipping: \["
)
# How they begin where they may be indented.
_INDENTED = (
    r"[✔✓✗✖×√] |--> \S+:\d+:\d+$|Compiling \S+ |Downloaded \S+ |Finished \S+ |Checking \S+ |Updating \S+ |"
    r"Running command ['\w./]|Installing build dependencies ['\w./]|Getting requirements ['\w./]|"
    r"Preparing metadata ['\w./]|Created wheel ['\w./]|Stored in directory ['\w./]|creating ['\w./]|copying ['\w./]|"
    r"running ['\w./]|adding ['\w./]|removing ['\w./]|building ['\w./]|"
    r"asset \S+ [\d.]+ \w*(?:B|bytes) \[|\./\S+ [\d.]+ \w*(?:B|bytes) \["
)
# How they begin where they are.
_DEEP = r"\d\d* (?:passing|failing|pending)\b|\d\d*:\d+ +(?:error|warning) "
# What follows a place in a file, a script's name (pnpm, turbo), a resource (Terraform).
_PLACED = (
    r"(?:[A-Za-z]:)?[^\s:()]+(?::\d+(?::\d+)?:|\(\d+,\d+\):) "
    r"(?:(?:fatal )?(?:error|warning|note|info|style)\b|[A-Z]+\d{2,5}\b|"
    r"\S.*\[[a-z]+(?:-[a-z]+)*\][^\S\n]*$|\S.*\((?:[a-z]+-)+[a-z]+\)[^\S\n]*$)"
)
_SCRIPTS = "build|test|lint|dev|typecheck|prepare|postinstall"
_STATES = r"Creating|Modifying|Destroying|Still \w+ing|Refreshing state|Creation complete"
_NAMED = rf"{_PLACED}|[@\w./-]+(?: |:)(?:{_SCRIPTS})(?:: |\$ )|[\w.\[\]\"-]+: (?:{_STATES})"
# What stands inside them, each behind signs that few pages hold.
_WITHIN = (
    ("%]", r"(?:PASSED|FAILED|SKIPPED|ERROR|XFAIL)(?: \(.*\))? +\[ *\d+%\]"),
    ("... ", r"\.\.\. (?:ok|FAIL|ERROR|skipped)\b"),
    (" error TS", r" error TS\d+: "),
)
# What a test run or a build prints once: its banner, its sum.
_BANNERS = (
    r"=+ (?:test session starts|short test summary info) =+|Ran \d+ tests? in \d|TAP version \d+|"
    r"Test Suites: .*\d total|[^\S\n]+(?:Test Files +\d|\d+ passing \(\d)|test result: (?:ok|FAILED)\. |"
    r"BUILD (?:SUCCESS|FAIL)"
)
_COUNTS = r"\d(?:\d* \w+, \d)*\d* (?:passed|failed|errors?)\b.* in [\d.]+s"
_SUMS = (
    rf"==* ?{_COUNTS}| {_COUNTS}|{_COUNTS}|"
    r"Found \d+ errors?\b|ℹ tests \d|# tests \d|\[\w+\] BUILD (?:SUCCESS|FAIL)"
)

_AT_ONCE = rf"{_MARKED}|(?=[A-Z])(?:{_UPPER})|(?=[a-z])(?:{_LOWER})"
_LINES = rf"{_AT_ONCE}|[^\S\n]*(?:{_INDENTED})|[^\S\n]+(?:{_DEEP})|{_NAMED}"
_BUILT = re.compile(rf"\n(?:{_LINES})", re.MULTILINE)
_BUILT_WITHIN = re.compile(rf"\n(?:{_LINES}|.*?(?:{'|'.join(pattern for _, pattern in _WITHIN)}))", re.MULTILINE)
_INSIDE = [(sign, re.compile(pattern)) for sign, pattern in _WITHIN]
_BANNER = re.compile(rf"\n(?:{_BANNERS}|{_SUMS})")
_LEVELLED = re.compile(r"\[?(?:INFO|WARN|ERROR|info|warn|error)")
_TIMED_SHARE = 0.2

# The first look: a page in which none of these is found has no such line and no banner.
_ANY_AT_ONCE = re.compile(rf"\n(?:{_AT_ONCE}|{_SUMS})", re.MULTILINE)
_ANY_INDENTED = re.compile(rf"\n(?:{_INDENTED}|{_DEEP}|Test Files )", re.MULTILINE)
_ANY_NAMED = re.compile(rf"\n(?:{_NAMED})", re.MULTILINE)
_SCRIPT_ENDS = "|".join(name[-3:] for name in _SCRIPTS.split("|"))
_NUMBER_ENDS = "|".join((r"(?<=\d{6}: )", *(rf"(?<=:{digits}: )" for digits in accumulate(repeat(r"\d", 5)))))
_COLON = re.compile(rf": (?:{_NUMBER_ENDS}|(?<=\d\): )|(?<=(?:{_SCRIPT_ENDS}): )|{_STATES})")
_DOLLAR = re.compile(rf"\$ (?<=(?:{_SCRIPT_ENDS})\$ )")


def may_be_built(sample: Sample) -> bool:
    """Whether some lines of the sample may be of a build or a test run: else it has no such line and no banner."""
    page = sample.page
    if _ANY_AT_ONCE.search(page) or _ANY_INDENTED.search(sample.flush):
        return True
    if (_COLON.search(page) or _DOLLAR.search(page)) and _ANY_NAMED.search(page):
        return True
    return _tells_inside(page)


def _tells_inside(page: str) -> bool:
    """Whether some line tells inside of it what it is of."""
    return any(sign in page and pattern.search(page) for sign, pattern in _INSIDE)


def built_lines(page: str) -> int:
    """How many lines look like those that a build or a test run prints."""
    return len((_BUILT_WITHIN if _tells_inside(page) else _BUILT).findall(page))


def has_banner(page: str) -> bool:
    """Whether one of the lines is the banner or the sum of a test run or a build."""
    return _BANNER.search(page) is not None


def built_behind_times(lines: Sequence[str]) -> bool:
    """Whether lines that stood behind a time each are those of a build or a test run, not of a log with levels."""
    if has_banner(paged(lines)):
        return True
    built = built_lines(paged([line for line in lines if not _LEVELLED.match(line)]))
    return built >= len(lines) * _TIMED_SHARE
