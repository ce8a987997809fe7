"""What build and test output says by its shape: which lines are passes, which are trouble, where failures stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

# A pass, as test runners print it: a word that must stand somewhere in the text, and the shape of the line's
# beginning or of its end.
_PASS_STARTS: tuple[tuple[str, str], ...] = (
    ("✔", "✔ "),
    ("✓", "✓ "),
    ("√", "√ "),
    ("ok ", r"ok \d+\b(?!.*# ?(?:skip|todo|SKIP|TODO))"),
    (" OK ]", r"\[ +OK \] "),
    ("PASS", r"--- PASS: |(?:\[gw\d+\] (?:\[ *\d+%\] )?)?PASS(?:ED)?:? \S"),
    ("Passed", r"\d+/\d+ Test +#\d+: .* Passed +\d|Passed \S.*\[[^\]]*\]\r?$"),
)
_TEST_STARTS: tuple[tuple[str, str], ...] = (
    ("=== ", "=== (?:RUN|PAUSE|CONT|NAME) "),
    ("[ RUN ", r"\[ RUN +\] "),
    ("[gw", r"(?!.* [A-Z]{5,7}\b)[\w./\\-]+\.py::.*\S ?$"),
)
# marks that other tools print before any item that is done; they are passes where a test runner sums up
_MARKS = "✔✓√"
_SUMMED_UP = re.compile(r"\d+ (?:passing|passed|tests?\b)|\bTests?:? +\d|[#ℹ] pass ")
_PASS_ENDS: tuple[tuple[str, str], ...] = (
    ("PASSED", r"(?<!\w)PASSED(?: +\[ *\d+%\])? *\r?$"),
    ("... ok", r"\.\.\. ok\r?$"),
)
_TROUBLE_WORDS = frozenset(
    (
        "fatal",
        "panic",
        "panicked",
        "panics",
        "exception",
        "exceptions",
        "traceback",
        "fail",
        "fails",
        "failed",
        "failing",
        "failure",
        "failures",
        "error",
        "errors",
        "err",
        "warn",
        "warning",
        "warnings",
        "deprecated",
        "deprecation",
        "cannot",
        "can't",
        "couldn't",
        "unable",
        "undefined",
        "undeclared",
        "missing",
        "invalid",
        "conflict",
        "conflicts",
        "conflicting",
        "denied",
        "refused",
        "aborted",
        "killed",
        "timeout",
        "unresolved",
        "unreachable",
        "segfault",
        "segmentation",
        "dumped",
        "vulnerability",
        "vulnerabilities",
        "outdated",
        "unsupported",
        "broken",
        "corrupt",
        "corrupted",
        "mismatch",
        "xpass",
        "xpassed",
        "rejected",
        "leak",
        "leaks",
        "leaked",
        "note",
        "hint",
        "help",
        "not",
        "never",
        "✖",
        "✗",
        "✘",
        "×",
        "❌",
        "⚠",
        "●",
        "critical",
        "severe",
        "alert",
        "emergency",
        "unexpected",
        "illegal",
        "ignored",
        "skipped",
        "skip",
        "skipping",
        "retry",
        "retrying",
        "rollback",
        "stale",
    )
)
_TROUBLE_ENDS = ("error", "exception", "warning", "failure")
_CODED = re.compile(r"([a-z]+)[\[\](:!]")  # "error[E0382", "error(s", "error:x"
_EDGES = "#[](){}<>:;,.!?*\"'`‘’“”|=-"
_NOTHING = re.compile(
    r"(?i)\b(?:failures?|errors?|warnings?|failed|skipped|vulnerabilities)\b[:=]? ?\(?0\b|"
    r"\b(?:0|no) (?:\w+ )?(?:failures?|errors?|warnings?|failed|vulnerabilities)\b"
)
_TIME = re.compile(
    r"\ufeff?(?:[^\t]{1,80}\t[^\t]{1,80}\t\ufeff?)?"  # a job and a step
    r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)? |\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]? |"
    r"#\d+ \d+\.\d+ )"
)
_PROBED, _TIMED_SHARE = 200, 0.6
_CACHE, _LONGEST_WORD = 8_192, 100
_FAILED = re.compile(r"(\s*)(?:[✖✗✕✘×] |not ok \d|--- FAIL: )")
_FAILED_MARKS = ("✖ ", "✗ ", "✕ ", "✘ ", "× ", "not ok ", "--- FAIL")
_PYTEST_BANNER = re.compile(r"=+ .* =+\r?$")
_SECTIONS: tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...] = (
    ("===", re.compile(r"=+ (?:FAILURES|ERRORS) =+"), _PYTEST_BANNER),
    ("====", re.compile(r"={50,}\r?$"), re.compile(r"Ran \d+ tests? ")),
    ("failing", re.compile(r"\s+\d+ failing\b"), re.compile(r"npm |\S.*exit(?:ed|) ")),
    ("●", re.compile(r"\s*● "), re.compile(r"(?:PASS|FAIL|Tests|Test Suites):? ")),
    ("failures:", re.compile(r"failures:\r?$"), re.compile(r"test result: ")),
    ("⎯⎯", re.compile(r"⎯+.*Fail.*⎯+"), re.compile(r" *(?:Test Files|Tests) ")),
)


class _Trouble(dict[str, bool]):
    """Word → whether it tells of trouble by itself; what was asked is remembered, up to a size."""

    def __missing__(self, word: str) -> bool:
        plain = word.strip(_EDGES).lower()
        if not plain.isalpha() and (coded := _CODED.match(plain)) is not None:
            plain = coded.group(1)
        trouble = plain in _TROUBLE_WORDS or (plain.endswith(_TROUBLE_ENDS) and plain.isalpha())
        if len(word) <= _LONGEST_WORD:
            if len(self) >= _CACHE:
                self.clear()
            self[word] = trouble
        return trouble


# The words of tools come again in text after text.
_TELLS: Callable[[str], bool] = _Trouble().__getitem__


def without_times(lines: Sequence[str]) -> Sequence[str]:
    """The lines without the times that a CI service or a container build puts before each, if it does."""
    probe = [line for line in lines[:_PROBED] if line]
    others, most = 0, len(probe) - len(probe) * _TIMED_SHARE
    for line in probe:
        if _TIME.match(line) is None:
            others += 1
            if others > most:
                return lines
    if not probe:
        return lines
    return [_TIME.sub("", line, count=1) for line in lines]


def passes(text: str) -> Callable[[str], str] | None:
    """What a line says and nothing else: "passed", "started" (a test), "" for other lines.

    None when the text holds none of the words that runners use for that.
    """
    passed = [shape for word, shape in _PASS_STARTS if word in text]
    if any(shape[0] in _MARKS for shape in passed) and not _SUMMED_UP.search(text):
        passed = [shape for shape in passed if shape[0] not in _MARKS]
    started = [shape for word, shape in _TEST_STARTS if word in text]
    ends = [(word, re.compile(shape).match) for word, shape in _PASS_ENDS if word in text]
    if not passed and not started and not ends:
        return None
    nothing = "(?!)"
    begins = rf"\s*(?:({'|'.join(passed) or nothing})|{'|'.join(started) or nothing})" if passed or started else nothing
    match = re.compile(begins).match

    def outcome(line: str) -> str:
        start = match(line)
        if start is not None:
            return "started" if start.group(1) is None else "passed"
        for word, end in ends:
            if word in line and end(line, line.rfind(word)) is not None:
                return "passed"
        return ""

    return outcome


def trouble_words() -> Callable[[str], bool]:
    """A test for words that tell of trouble by themselves; it remembers what it was asked."""
    return _TELLS


def troubled(templates: Sequence[str], tells: Callable[[str], bool]) -> list[bool]:
    """Which kinds speak of an error, a warning, a failure: by words that stand alone, not by parts of names."""
    return [
        any(map(tells, template.split(" "))) and any(map(tells, _NOTHING.sub("", template).split(" ")))
        for template in templates
    ]


def failure_lines(text: str, lines: Sequence[str], outcome: Callable[[str], str] | None = None) -> list[bool]:
    """Which lines tell of a failure: those of a test runner's section of failures, and what is indented under a result.

    `outcome` tells passes, which end what stands under a failed test.
    """
    inside = [False] * len(lines)
    if any(mark in text for mark in _FAILED_MARKS):
        _mark_indented(lines, outcome, inside)
    sections = [(word, start.match, end.match) for word, start, end in _SECTIONS if word in text]
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
        for word, starts, end in sections:
            if word in line and starts(line):
                inside[i] = True
                ends = end
                break
    return inside


def _mark_indented(lines: Sequence[str], outcome: Callable[[str], str] | None, inside: list[bool]) -> None:
    """Mark the lines that are indented deeper than the failed result above them."""
    depth = -1
    for i, line in enumerate(lines):
        found = _FAILED.match(line)
        if found is not None:
            depth = len(found[1])
        elif depth >= 0 and line.strip():
            if len(line) - len(line.lstrip()) <= depth or (outcome is not None and outcome(line)):
                depth = -1
            else:
                inside[i] = True
