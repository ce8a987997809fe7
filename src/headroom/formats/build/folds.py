"""Which lines of build and test output may stand for others: the plan of what is left out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import compress, count, pairwise

from headroom.formats.build.findings import Report, reports
from headroom.formats.build.folding import KEPT, Plan, Why, short
from headroom.formats.build.kind_folds import KindFolder, may_fold, quantity
from headroom.formats.build.kinds import Kinds, kinds_of, width
from headroom.formats.build.outcomes import failure_lines, passes, trouble_words, troubled, without_times
from headroom.formats.build.progress import FEWEST_STATES, progress_runs
from headroom.formats.build.tap import belongings
from headroom.model import Context
from headroom.text.query import parse_query
from headroom.text.repeats import repeated_blocks

_TEST_FILE = re.compile(r"(?:^|\s)([\w./\\-]+\.\w+)::")
_RESULT_END = re.compile(r"(?:FAILED|ERROR) *(?:\[ *\d+%\])?\s*$")
_SUMMARY = "short test summary info"
_SUMMARY_LINE = re.compile(r"(FAILED|ERROR|XFAIL|XPASS|SKIPPED) (\S.*?)(?: - (.*))?\r?$")
_MESSAGE_HEAD = 24
_EXCERPT = re.compile(r"\s*\d*\s*[|^~]")
_MOST_CONTEXT, _MOST_RESULTS, _SHOWN_RESULTS, _MOST_SUITES = 40, 6, 2, 12
_LEAST_ANNOUNCED = 8
_THREE_OR_MORE = re.compile(rb"\x01{3,}")
_IN_REPORT = "\0"


def fold(lines: Sequence[str], context: Context, *, tight: bool = False) -> Plan:
    """Decide for every line of the output whether it stays, and why not.

    A `tight` plan keeps one exemplar of each kind and lists only what tells of trouble.
    """
    text = "\n".join(lines)
    found = reports(text, lines)
    if found:
        lines = _without(found, lines)
        text = "\n".join(lines)
    plan = _Folder(text, lines, context, tight).plan()
    for report in found:
        lost = plan.of[report.start : report.end]
        if KEPT in lost:
            plan.reports[report.start] = report
            plan.of[report.start : report.end] = [KEPT] * len(lost)
    return plan


def _without(found: Sequence[Report], lines: Sequence[str]) -> list[str]:
    """The lines with a sign in place of each report, the same for the same lines: one report may repeat another."""
    rest = list(lines)
    signs: dict[tuple[str, ...], str] = {}
    for report in found:
        sign = signs.setdefault(tuple(lines[report.start : report.end]), _IN_REPORT * (len(signs) + 1))
        rest[report.start : report.end] = [sign] + [""] * (report.end - report.start - 1)
    return rest


class _Folder:
    def __init__(self, text: str, lines: Sequence[str], context: Context, tight: bool) -> None:
        self.lines = without_times(lines)
        self.timed = self.lines is not lines
        self.text = "\n".join(self.lines) if self.timed else text
        self.context, self.tight = context, tight
        self.result = Plan([KEPT] * len(lines))
        self.outcome = passes(self.text)
        self.failing = failure_lines(self.text, self.lines, self.outcome)
        self.node_of: dict[int, str] = {}

    def plan(self) -> Plan:
        passed = self._fold_passes()
        self._fold_progress()
        self.compared = self._comparable()
        if passed:
            self._fold_suites(passed)
        self._fold_announcements()
        self._fold_results()
        self._fold_kinds()
        self._fold_repeats()
        self._fold_blanks()
        return self.result

    @cached_property
    def wanted(self) -> set[int]:
        """Both ends of the output, and what the question asks for."""
        count = len(self.lines)
        query = parse_query(self.context.query)
        asked = query.best(self.text, list(self.lines)) if query else ()
        return {*range(min(3, count)), *range(max(0, count - 3), count), *asked}

    @cached_property
    def kinds(self) -> Kinds:
        """The kinds of the lines that are neither passes nor progress."""
        return kinds_of(self.compared, trouble_words())

    @cached_property
    def folder(self) -> KindFolder:
        """What folds lines of one kind."""
        return KindFolder(
            self.lines,
            self.result,
            self.kinds,
            trouble=troubled(self.kinds.templates, trouble_words()),
            wanted=self.wanted,
            names=self.node_of,
            tight=self.tight,
        )

    def _still_kept(self) -> list[str]:
        """The lines that no reason leaves out so far, the others empty."""
        if not self.result.reasons:
            return list(self.lines)
        return [line if why == KEPT else "" for line, why in zip(self.lines, self.result.of, strict=True)]

    def _comparable(self) -> list[str]:
        """The lines as their kinds are told apart: without passes, pytest's summary without what varies.

        Its messages are cut at the window's width, so that equal ones look different.
        """
        lines = self._still_kept()
        at = self.text.rfind(_SUMMARY)
        for i in range(self.text.count("\n", 0, at), len(lines)) if at >= 0 else ():
            found = _SUMMARY_LINE.match(lines[i])
            if found:
                self.node_of[i] = found.group(2)
                message = (found.group(3) or "").rstrip(".")
                lines[i] = f"{found.group(1)} * - {message[:_MESSAGE_HEAD]}…"
        return lines

    def _fold_passes(self) -> set[int]:
        """Leave out what passed, but for the first and the slowest; counts by file where lines name one."""
        outcome = self.outcome
        if outcome is None:
            return set()
        lines, result = self.lines, self.result
        hits = {i: said for i, line in enumerate(lines) if (said := outcome(line)) and not self.failing[i]}
        if not hits:
            return set()
        passed = [i for i, said in hits.items() if said == "passed"]
        timed = {i: quantity(lines[i]) or 0.0 for i in passed if "s)" in lines[i] or "s]" in lines[i]}
        owned, took = belongings(lines) if "ok " in self.text else ({}, {})
        timed.update((i, took[i]) for i in passed if i in took)
        slowest = max(timed, key=lambda i: (timed[i], -i), default=-1)
        suites = [i for i in passed if not lines[i][:1].isspace()]
        if len(suites) > _MOST_SUITES or len(suites) == len(passed):
            suites = []
        keep = {slowest, *passed[:1], *suites, *self._own_starts(hits)}
        start = result.reason(Why("starts of tests", "test starts", one="test start"))
        by_file: dict[str, int] = {}
        for i, said in hits.items():
            if i not in keep and i not in self.wanted:
                result.of[i] = start if said == "started" else self._passed(lines[i], by_file)
                self._fold_belongings(i, owned.get(i, ()))
        return set(hits)

    def _passed(self, line: str, by_file: dict[str, int]) -> int:
        """The reason to leave out a pass, with the test's file where the line names it."""
        head = line[: line.rfind("::") + 2]
        if head not in by_file:
            where = _TEST_FILE.search(head)
            by_file[head] = self.result.reason(Why("passed tests", f"passed in {where[1]}" if where else "passed"))
        return by_file[head]

    def _own_starts(self, hits: dict[int, str]) -> Iterator[int]:
        """Starts of tests that have something to say and did not pass: what they print stands under them."""
        if "started" not in hits.values():
            return
        names = {_test_name(self.lines[i]) for i, said in hits.items() if said == "passed"}
        for i, said in hits.items():
            if said == "passed" or i + 1 in hits or i + 1 == len(self.lines):
                continue
            following = self.lines[i + 1]
            if following[:1].isspace() and following.strip() and _test_name(self.lines[i]) not in names:
                yield i

    def _fold_belongings(self, i: int, owned: Sequence[int]) -> None:
        """Leave out what belongs to a result that is left out: its announcement and its details."""
        if owned:
            reason = self.result.reason(Why("details of passed tests", "of their details", one="of its details"))
            for k in owned:
                if k not in self.wanted:
                    self.result.of[k] = reason

    def _fold_progress(self) -> None:
        """States of a progress line but for the last one."""
        if self.text.count("%") < FEWEST_STATES:
            return
        of = self.result.of
        for start, end in progress_runs(self._still_kept()):
            reason = self.result.reason(Why("states of progress", "earlier states of the line below"))
            of[start:end] = [reason] * (end - start)

    def _fold_suites(self, passed: set[int]) -> None:
        """Headings over nothing but passed tests, by indentation: read from below, each line closes what is deeper."""
        heading = self.result.reason(Why("headings of passed suites", "suite headings", one="suite heading"))
        below: list[tuple[int, bool]] = []
        for i in range(len(self.lines) - 1, -1, -1):
            line = self.lines[i]
            body = line.lstrip()
            if not body:
                continue
            indent = len(line) - len(body)
            all_passed: bool | None = None
            while below and below[-1][0] > indent:
                all_passed = below.pop()[1] and all_passed is not False
            clean = i in passed
            if not clean and all_passed and indent and i not in self.wanted:
                self.result.of[i] = heading
                clean = True
            if below and below[-1][0] == indent:
                below[-1] = (indent, below[-1][1] and clean)
            else:
                below.append((indent, clean))

    def _fold_announcements(self) -> None:
        """ "Looking for x" directly before "Looking for x - found": the second line says it all."""
        lines, of = self.lines, self.result.of
        again = compress(count(), map(str.startswith, lines[1:], lines))
        for i in [i for i in again if _LEAST_ANNOUNCED < len(lines[i]) < len(lines[i + 1])]:
            if (
                not lines[i + 1][len(lines[i])].isalnum()
                and of[i] == KEPT == of[i + 1]
                and not self.failing[i]
                and i not in self.wanted
            ):
                of[i] = self.result.reason(
                    Why("lines whose text the next line repeats", "repeated at the start of the line after it")
                )

    def _fold_results(self) -> None:
        """ "tests/test_x.py::test_y FAILED" where the summary at the end names the same test and its message."""
        nodes = frozenset(self.node_of.values())
        if not nodes:
            return
        of = self.result.of
        named = [
            i for i, line in enumerate(self.lines) if of[i] == KEPT and not self.failing[i] and _result(line) in nodes
        ]
        if len(named) > _MOST_RESULTS:
            reason = self.result.reason(Why("results named in the summary", "named with their failure in the summary"))
            for i in named[_SHOWN_RESULTS:]:
                if i not in self.wanted:
                    of[i] = reason

    def _fold_kinds(self) -> None:
        if not may_fold(self.lines, map(width, self.compared), tight=self.tight):
            return
        if not may_fold(self.lines, self.kinds.of, tight=self.tight):
            return
        head_of = self._contexts()
        kinds, of = self.kinds.of, self.result.of
        open_lines = (i for i, kind in enumerate(kinds) if kind >= 0 and of[i] == KEPT and i not in head_of)
        gone = self.folder.fold(i for i in open_lines if not self.failing[i])
        self._fold_contexts(head_of, gone)

    def _fold_contexts(self, head_of: dict[int, int], gone: set[int]) -> None:
        """What stands under a left-out message goes with it, unless it says something that no shown context says."""
        of, kinds, lines = self.result.of, self.kinds.of, self.lines
        under: dict[int, list[int]] = defaultdict(list)
        for i, head in head_of.items():
            under[head].append(i)
        shown = {kinds[i] for i, head in head_of.items() if head not in gone}
        reason = self.result.reason(Why("context of repeated messages", "of their context"))
        for head, below in under.items():
            if head not in gone:
                continue
            said = [kinds[i] for i in below if not _EXCERPT.match(lines[i])]
            if shown.issuperset(said) and self.wanted.isdisjoint(below):
                for i in below:
                    of[i] = reason
            else:
                of[head] = KEPT
                shown.update(said)

    def _contexts(self) -> dict[int, int]:
        """The lines under a line of trouble that belong to it (indented ones, excerpts, carets), with that line."""
        head_of: dict[int, int] = {}
        head, depth, left = -1, 0, 0
        of, kinds, trouble = self.result.of, self.kinds.of, self.folder.trouble
        for i, line in enumerate(self.lines):
            kind = kinds[i]
            if kind < 0 or of[i] != KEPT or self.failing[i]:
                head = -1
            elif (
                head >= 0
                and left
                and (len(line) - len(line.lstrip()) > depth or (line[0] in "|^~>" and not trouble[kind]))
            ):
                head_of[i] = head
                left -= 1
            elif trouble[kind]:
                head, depth, left = i, len(line) - len(line.lstrip()), _MOST_CONTEXT
            else:
                head = -1
        return head_of

    def _fold_repeats(self) -> None:
        """Blocks that stand above already, word for word."""
        of = self.result.of
        threes = self._threes()
        if len(set(threes)) == len(threes):
            return
        usable = [reason == KEPT and i not in self.wanted for i, reason in enumerate(of)]
        blocks: list[tuple[int, int, int]] = []
        for block in repeated_blocks(self.lines, usable):
            last = block.source + block.end - block.start
            top = next((line for line in self.lines[block.source : last] if line.strip()), "")
            but = ", but for the times" if self.timed else ""
            text = f"repeating lines {block.source + 1}–{last} (“{short(top, 50)}” …){but}"
            reason = self.result.reason(Why("repeated blocks", text))
            of[block.start : block.end] = [reason] * (block.end - block.start)
            blocks.append((block.start, block.end, reason))
        self._fold_titles(blocks)

    def _threes(self) -> list[tuple[str, str, str]]:
        """All three kept lines that stand one after the other; of a repeated block the same three stand twice."""
        threes: list[tuple[str, str, str]] = []
        for run in _THREE_OR_MORE.finditer(bytes(map(KEPT.__eq__, self.result.of))):
            lines = self.lines[run.start() : run.end()]
            threes += zip(lines, lines[1:], lines[2:], strict=False)
        return threes

    def _fold_titles(self, blocks: list[tuple[int, int, int]]) -> None:
        """Titles of records that say the same: "ERROR at setup of test_x" between repeats of one and the same block."""
        titles: dict[int, list[int]] = defaultdict(list)
        for (_, end, reason), (start, _, following) in pairwise(blocks):
            if start - end == 1 and reason == following and end not in self.wanted:
                titles[self.kinds.of[end]].append(end)
        for kind, where in titles.items():
            values = self.folder.all_values(kind, where) if kind >= 0 and len(where) > 3 else None
            if values is not None:
                text = f"like “{short(self.lines[where[0]].strip('_=-*# '))}”"
                reason = self.result.reason(Why("repeated failures", text, values))
                for i in where:
                    self.result.of[i] = reason

    def _fold_blanks(self) -> None:
        """Blank lines between left-out lines go with them."""
        if not self.result.reasons:
            return
        lines, of = self.lines, self.result.of
        gone = [i for i, why in enumerate(of) if why != KEPT and lines[i] and not lines[i].isspace()]
        blank = self.result.reason(Why("blank lines", "blank"))
        for last, following in [(a, b) for a, b in pairwise(gone) if a + 1 < b]:
            if not any(map(str.strip, lines[last + 1 : following])):
                of[last + 1 : following] = [blank] * (following - last - 1)


def _test_name(line: str) -> str:
    """The name in a line that says that a test starts or passed: "=== RUN   TestX", "--- PASS: TestX (0.00s)"."""
    words = line.split()
    return words[-2] if len(words) > 1 and words[-1].startswith("(") else words[-1]


def _result(line: str) -> str:
    """The test that a line reports as failed, "" for other lines."""
    at = max(line.rfind(" FAILED"), line.rfind(" ERROR")) + 1
    return line[:at].rstrip() if at and _RESULT_END.match(line, at) else ""
