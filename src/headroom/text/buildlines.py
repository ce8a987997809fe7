"""Which lines of build and test output may stand for others: the plan of what is left out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from headroom.model import Context, Level
from headroom.text.folding import KEPT, Plan, Values, Why, short
from headroom.text.kinds import WILDCARD, Kinds, is_number, kinds_of
from headroom.text.outcomes import TROUBLE, failure_lines, is_trouble, passes
from headroom.text.query import parse_query
from headroom.text.repeats import repeated_blocks

_SMALL, _MEDIUM = 4_000, 16_000
_LONG_LINE = 300
_TEST_FILE = re.compile(r"\s*([\w./\\-]+\.\w+)::")
_RESULT = re.compile(r"(?:FAILED|ERROR)(?: +\[ *\d+%\])? *\r?$")
_QUANTITY = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?(ms|s|sec|seconds?|m|min|kB|KB|MB|GB|KiB|MiB|GiB|B|bytes)\b")
_UNIT = {"s": 1e3, "sec": 1e3, "second": 1e3, "seconds": 1e3, "m": 6e4, "min": 6e4, "kB": 1e3, "KB": 1e3, "KiB": 1e3,
         "MB": 1e6, "MiB": 1e6, "GB": 1e9, "GiB": 1e9}
_CONTEXT_LINE = re.compile(r"\s|[|^~>+]|\d+ *\||E  |at |\.{3}")
_MOST_CONTEXT, _MOST_VALUES, _VALUE_SHARE, _VALUES_SHARE = 40, 400, 0.3, 0.08


def fold(lines: Sequence[str], context: Context) -> Plan:
    """Decide for every line of the output whether it stays, and why not."""
    return _Folder(lines, context).plan()


class _Folder:
    def __init__(self, lines: Sequence[str], context: Context) -> None:
        self.lines = lines
        self.text = "\n".join(lines)
        self.context = context
        self.kinds: Kinds = kinds_of(lines, TROUBLE)
        self.result = Plan([KEPT] * len(lines))
        self.failing = failure_lines(self.text, lines)
        self.wanted = self._wanted()
        self.trouble = [is_trouble(template) for template in self.kinds.templates]
        self.head_of: dict[int, int] = {}

    def plan(self) -> Plan:
        self._fold_passes()
        if len(self.text) >= _SMALL:
            self._attach()
            self._fold_kinds()
        self._fold_repeats()
        self._fold_suites()
        self._fold_blanks()
        return self.result

    def _wanted(self) -> set[int]:
        """Lines that are never left out: the first and the last, and what the question asks for."""
        shown = [i for i in (*range(min(3, len(self.lines))), *range(max(0, len(self.lines) - 3), len(self.lines)))]
        query = parse_query(self.context.query)
        return {*shown, *(query.best(self.text, list(self.lines)) if query else ())}

    def _fold_passes(self) -> None:
        passed = passes(self.text)
        if passed is None:
            return
        of, lines = self.result.of, self.lines
        slowest: tuple[float, int] = (0.0, -1)
        hits = [i for i, line in enumerate(lines) if not self.failing[i] and passed(line)]
        if not hits:
            return
        for i in hits:
            took = _QUANTITY.search(lines[i])
            if took:
                slowest = max(slowest, (_amount(took), i))
        keep = {hits[0], slowest[1]} | self.wanted
        for i in hits:
            if i not in keep:
                where = _TEST_FILE.match(lines[i])
                label = f"passed in {where.group(1)}" if where else "passed"
                of[i] = self.result.reason(Why("passed tests", label))

    def _attach(self) -> None:
        """Give each line of trouble its context: the indented lines, excerpts and carets under it."""
        of, lines, kinds = self.result.of, self.lines, self.kinds.of
        head, depth, left = -1, 0, 0
        for i, line in enumerate(lines):
            kind = kinds[i]
            if kind < 0 or of[i] != KEPT or self.failing[i]:
                head = -1
                continue
            indent = len(line) - len(line.lstrip())
            if head >= 0 and left > 0 and (indent > depth or (line[:1] in "|^~>" and not self.trouble[kind])):
                self.head_of[i] = head
                left -= 1
            elif self.trouble[kind]:
                head, depth, left = i, indent, _MOST_CONTEXT
            else:
                head = -1

    def _fold_kinds(self) -> None:
        members: dict[int, list[int]] = defaultdict(list)
        for i, kind in enumerate(self.kinds.of):
            if kind >= 0 and self.result.of[i] == KEPT and not self.failing[i] and i not in self.head_of:
                members[kind].append(i)
        most = 3 if len(self.text) >= _MEDIUM else 6
        listed = "short test summary info" in self.text
        budget = len(self.text) * _VALUES_SHARE
        folded_heads: set[int] = set()
        for kind, where in sorted(members.items(), key=lambda item: len(item[1])):
            first = self.lines[where[0]]
            least = 1 if len(first) >= _LONG_LINE else most
            if len(where) <= least:
                continue
            trouble = self.trouble[kind]
            named = trouble and listed and _RESULT.search(first) is not None
            keep = self._exemplars(where, trouble)
            gone = [i for i in where if i not in keep]
            template = self.kinds.templates[kind]
            values = None if named else self._values(kind, where)
            if values is not None:
                cost = sum(len(values(i)) + 2 for i in gone)
                size = sum(len(self.lines[i]) for i in gone)
                if not trouble and (cost > budget or cost > size * _VALUE_SHARE or len(gone) > _MOST_VALUES):
                    values = None
                elif not trouble:
                    budget -= cost
            text = "failed or with errors, named in the summary" if named else f"“{short(template)}”"
            reason = self.result.reason(Why("repeated messages" if trouble else "lines of kinds already shown", text, values, "" if named else "× "))
            for i in gone:
                self.result.of[i] = reason
            if trouble:
                folded_heads.update(gone)
        excerpt = self.result.reason(Why("context of repeated messages", "lines of their context"))
        for i, head in self.head_of.items():
            if head in folded_heads and i not in self.wanted:
                self.result.of[i] = excerpt

    def _exemplars(self, where: list[int], trouble: bool) -> set[int]:
        """The lines of a kind that stay: the first (two when they tell of trouble), the wanted, the extreme ones."""
        keep = {*where[: 2 if trouble else 1], *(i for i in where if i in self.wanted)}
        if _QUANTITY.search(self.lines[where[0]]):
            amounts = [(_amount(found), i) for i in where if (found := _QUANTITY.search(self.lines[i]))]
            keep.add(max(amounts, key=lambda pair: pair[0])[1])
            keep.add(min(amounts, key=lambda pair: pair[0])[1])
        return keep

    def _values(self, kind: int, where: list[int]) -> Values | None:
        """How to read a line's varying names off it; None when only numbers vary, or nothing."""
        words = self.kinds.templates[kind].split(" ")
        places = [place for place, word in enumerate(words) if word == WILDCARD]
        rows = [self.lines[i].split() for i in (where[:10] + where[-10:])]
        varying = [p for p in places if len({row[p] for row in rows if p < len(row)}) > 1]
        names = [p for p in varying if not is_number(rows[0][p])] or (varying if self.trouble[kind] else [])
        if not names:
            return None
        lines = self.lines

        def values(i: int) -> str:
            row = lines[i].split()
            return " ".join(row[p].rstrip(":,;") for p in names if p < len(row))

        return values

    def _fold_repeats(self) -> None:
        of = self.result.of
        usable = [of[i] == KEPT and i not in self.wanted for i in range(len(of))]
        blocks: list[tuple[int, int, int]] = []
        for block in repeated_blocks(self.lines, usable):
            top = next((line for line in self.lines[block.source : block.source + 3] if line.strip()), "")
            end = block.source + block.end - block.start
            reason = self.result.reason(
                Why("repeated blocks", f"repeating lines {block.source + 1}–{end} (from “{short(top, 50)}”)")
            )
            of[block.start : block.end] = [reason] * (block.end - block.start)
            blocks.append((block.start, block.end, reason))
        self._fold_titles(blocks)

    def _fold_titles(self, blocks: list[tuple[int, int, int]]) -> None:
        """Titles of records that say the same: "ERROR at setup of test_x" between repeats of one and the same block."""
        titles: dict[int, list[int]] = defaultdict(list)
        for (_, end, reason), (start, _, following) in zip(blocks, blocks[1:], strict=False):
            if start - end == 1 and reason == following and end not in self.wanted:
                titles[self.kinds.of[end]].append(end)
        for kind, where in titles.items():
            values = self._values(kind, where) if kind >= 0 and len(where) > 3 else None
            if values is not None:
                reason = self.result.reason(
                    Why("repeated failures", f"“{short(self.kinds.templates[kind].strip('_ '))}”", values, "× ")
                )
                for i in where:
                    self.result.of[i] = reason

    def _fold_suites(self) -> None:
        """Headings of suites in which everything passed: each line above passed tests that are indented deeper."""
        of, lines = self.result.of, self.lines
        passed = {i for i, reason in enumerate(of) if reason != KEPT and self.result.reasons[reason].kind == "passed tests"}
        if not passed:
            return
        heading = self.result.reason(Why("headings of passed suites", "suite headings"))
        below: list[tuple[int, bool]] = []
        for i in range(len(lines) - 1, -1, -1):
            line = lines[i]
            body = line.lstrip()
            if not body:
                continue
            indent = len(line) - len(body)
            inner: bool | None = None
            while below and below[-1][0] > indent:
                inner = below.pop()[1] and inner is not False
            clean = i in passed or (inner is True and indent > 0 and i not in self.wanted and of[i] == KEPT and not is_trouble(line))
            if clean and i not in passed:
                of[i] = heading
            if below and below[-1][0] == indent:
                below[-1] = (indent, below[-1][1] and clean)
            else:
                below.append((indent, clean))

    def _fold_blanks(self) -> None:
        """Blank lines between left-out lines go with them."""
        of, lines = self.result.of, self.lines
        blank = self.result.reason(Why("blank lines", "blank lines"))
        start = -1
        for i, line in enumerate(lines):
            if line.strip():
                if of[i] != KEPT and start >= 0 and i > start + 1:
                    of[start + 1 : i] = [blank] * (i - start - 1)
                start = i if of[i] != KEPT else -1


def _amount(found: re.Match[str]) -> float:
    return float(found.group(1)) * _UNIT.get(found.group(2), 1.0)
