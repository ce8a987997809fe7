"""What build and test output says by its shape: which lines are passes, which are trouble, where failures stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

# A pass, as test runners print it: (a word that must stand somewhere in the text, the whole line's shape).
_PASSES: tuple[tuple[str, str], ...] = (
    ("PASSED", r".*\bPASSED(?: +\[ *\d+%\])? *\r?$"),
    ("✔", r"\s*✔ "),
    ("✓", r"\s*✓ "),
    ("√", r"\s*√ "),
    ("ok ", r"\s*ok \d+\b(?!.*# ?(?:skip|todo|SKIP|TODO))"),
    ("... ok", r".*\.\.\. ok\r?$"),
    ("--- PASS", r"\s*--- PASS: "),
    ("=== ", r"=== (?:RUN|PAUSE|CONT|NAME) "),
    (" OK ]", r"\[ +OK \] "),
    ("[ RUN ", r"\[ RUN +\] "),
    ("PASS", r"\s*PASS(?:ED)?:? \S"),
    ("Passed", r"\s*\d+/\d+ Test +#\d+: .* Passed +\d"),
    ("Passed", r"\s+Passed \S.*\[[^\]]*\]\r?$"),
)
_TROUBLE_WORDS = (
    r"(?:fatal|panic(?:ked)?|exceptions?|traceback|fail(?:s|ed|ing|ures?)?|(?:\w+)?errors?|warn(?:ings?)?|\w+warning|deprecated|"
    r"cannot|can't|couldn't|unable|undefined|undeclared|missing|invalid|conflict(?:s|ing)?|denied|refused|aborted|killed|"
    r"timed ?out|timeout|unresolved|unreachable|segfault|segmentation|core dumped|vulnerabilit(?:y|ies)|outdated|"
    r"unsupported|broken|corrupt(?:ed)?|mismatch|xpass(?:ed)?|rejected|leak(?:ed|s)?|note|hint|help)"
)
TROUBLE = re.compile(
    rf"(?i)(?<![\w.\-/]){_TROUBLE_WORDS}(?![\w/]|\.\w|-\w)|\bnot (?:found|ok|allowed|supported|exist)|could not|✖|✗|✘|❌|⚠|●"
)
_NOTHING = re.compile(
    r"(?i)\b(?:failures?|errors?|warnings?|failed|skipped|vulnerabilities)\b[:=]? ?\(?0\b|"
    r"\b(?:0|no) (?:\w+ )?(?:failures?|errors?|warnings?|failed|vulnerabilities)\b"
)
_PYTEST_BANNER = re.compile(r"=+ .* =+\r?$")
_SECTIONS: tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...] = (
    ("===", re.compile(r"=+ (?:FAILURES|ERRORS) =+"), _PYTEST_BANNER),
    ("====", re.compile(r"={50,}\r?$"), re.compile(r"Ran \d+ tests? ")),
    ("failing", re.compile(r"\s+\d+ failing\b"), re.compile(r"npm |\S.*exit(?:ed|) ")),
    ("●", re.compile(r"\s*● "), re.compile(r"(?:PASS|FAIL|Tests|Test Suites):? ")),
    ("failures:", re.compile(r"failures:\r?$"), re.compile(r"test result: ")),
    ("⎯⎯", re.compile(r"⎯+.*Fail.*⎯+"), re.compile(r" *(?:Test Files|Tests) ")),
)


def passes(text: str) -> Callable[[str], object] | None:
    """A test for lines that only say that something passed; None when the text holds no such line's word."""
    shapes = [shape for word, shape in _PASSES if word in text]
    return re.compile("|".join(f"(?:{shape})" for shape in shapes)).match if shapes else None


def is_trouble(line: str) -> bool:
    """Whether a line (or a kind's template) speaks of an error, a warning, a failure, by words that stand alone."""
    return TROUBLE.search(line) is not None and TROUBLE.search(_NOTHING.sub("", line)) is not None


def failure_lines(text: str, lines: Sequence[str]) -> list[bool]:
    """Which lines stand in a test runner's section of failures, from its heading to what follows the section."""
    inside = [False] * len(lines)
    sections = [(start.match, end.match) for word, start, end in _SECTIONS if word in text]
    if not sections:
        return inside
    ends: Callable[[str], object] | None = None
    for i, line in enumerate(lines):
        if ends is not None:
            if ends(line):
                ends = None
            else:
                inside[i] = True
                continue
        for starts, end in sections:
            if starts(line):
                inside[i] = True
                ends = end
                break
    return inside
