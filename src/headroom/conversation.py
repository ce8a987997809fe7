"""What precedes a block: the user's question, what the model said since, and the lines that stand there already."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from headroom.interfaces import paged
from headroom.marker import explains, span
from headroom.model import Block, Role, ToolCall
from headroom.text.envelopes import Inner, view
from headroom.text.lines import split_lines
from headroom.text.numbering import address_offset, runs_of

_DIGIT_FIRST = re.compile(r"\n[^\S\n]{0,11}\d")
_MIN_LINES, _SEED_CHARS, _MOST_BACK, _NUMBERED_WITHIN = 3, 8, 200, 40
_LABEL, _TERSE_LABEL, _PATH_PARTS = 48, 32, 2
_REMEMBERED_CHARS = 65_536


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as its reader sees it: out of its `envelope`, in lines, and in `bare` ones without printed numbers.

    `offset` turns positions into the numbers that the reader sees. The lines belong to all who read the text.
    """

    text: str
    envelope: Inner | None
    lines: list[str]
    bare: list[str]
    offset: int


@dataclass(frozen=True, slots=True)
class Worth:
    """From how many characters on a run of lines is worth a reference: one of some lines, and one of fewer."""

    run: int
    line: int


class Repeat(NamedTuple):
    """Lines `start` to `end` of a text (0-based, end exclusive) that stand at `source_start` of an earlier result."""

    start: int
    end: int
    source: int
    source_start: int


@dataclass(slots=True)
class _Shown:
    """An earlier text: its lines without printed numbers (None where the reader can't see them), and its name."""

    lines: Sequence[str | None]
    offset: int
    name: str
    label: str


@dataclass(slots=True)
class Conversation:
    """State that grows block by block; the compressed form of a block may depend on this and on nothing later."""

    question: str = ""
    said: str = ""
    tool: str = ""  # the client's own through which the model asks for originals; empty: `headroom_retrieve`
    explained: bool = False  # an earlier closing line names the call that fetches originals
    told: set[int] = field(default_factory=set)  # the sources of which an earlier reference says what they were
    _pending: list[tuple[Block, str]] = field(default_factory=list)
    _shown: list[_Shown] = field(default_factory=list)
    _results: int = 0
    # All indexed texts' lines count on: a line's place here tells which text it stands in, and where.
    _index: dict[str | None, int] = field(default_factory=dict)
    _starts: list[int] = field(default_factory=list)
    _lines: int = 0

    def add(self, block: Block, shown: str) -> None:
        """Takes in a block in the form in which it stays visible."""
        self.explained = self.explained or (shown != block.text and explains(shown))
        if block.role is Role.USER:
            self.question, self.said = block.text, ""
        elif block.role is Role.ASSISTANT:
            self.said = block.text
        elif block.role is Role.TOOL or (block.role is Role.CALL and block.text.count("\n") >= _MIN_LINES):
            self._pending.append((block, shown))  # indexed only when a later result asks

    def _index_lines(self, block: Block, shown: str) -> None:
        seen = read(block.text)
        bare = seen.bare if shown == block.text else _visible(seen, shown)
        self._shown.append(_Shown(bare, seen.offset, self._name(block), _label(block.call)))
        self._starts.append(self._lines)
        self._index.update(zip(bare, range(self._lines, self._lines + len(bare)), strict=True))
        self._lines += len(bare)

    def _name(self, block: Block) -> str:
        if block.role is Role.CALL:
            return f"your {block.call.name} call"
        self._results += 1
        return f"tool result {self._results}"

    def repeats_in(self, seen: Reading, worth: Worth) -> list[Repeat]:
        """Maximal runs of lines that an earlier result shows, long enough to be worth a reference, in order."""
        for block, shown in self._pending:
            self._index_lines(block, shown)
        self._pending.clear()
        bare = seen.bare
        found: list[Repeat] = []
        done = passed = 0
        for i, place in [(i, place) for i, place in enumerate(map(self._index.get, bare)) if place is not None]:
            if i < passed or len(bare[i]) < _SEED_CHARS:
                continue
            run = self._extend(bare, i, place, done)
            if _worth_it(bare, run, worth):
                found.append(run)
                done = run.end
            passed = run.end
        return found

    def _extend(self, bare: list[str], i: int, place: int, floor: int) -> Repeat:
        source = bisect_right(self._starts, place) - 1
        j = place - self._starts[source]
        there = self._shown[source].lines
        start, back = i, j
        floor = max(floor, i - _MOST_BACK)
        while start > floor and back > 0 and there[back - 1] == bare[start - 1]:
            start, back = start - 1, back - 1
        end, ahead = i + 1, j + 1
        while end < len(bare) and ahead < len(there) and there[ahead] == bare[end]:
            end, ahead = end + 1, ahead + 1
        return Repeat(start, end, source, back)

    def source(self, repeat: Repeat, offset: int, in_full: bool = True, terse: bool = False) -> str:
        """Where repeated lines stand, in words; `offset` turns positions into the numbers that the reader sees.

        The first reference to a source says `in_full` what that was, later ones only which. A `terse` one has fewer
        words.
        """
        source = self._shown[repeat.source]
        first = repeat.source_start + 1 + source.offset
        last = first + repeat.end - repeat.start - 1
        label = _shortened(source.label, _TERSE_LABEL) if terse else source.label
        name = f"{source.name} ({label})" if in_full and label else source.name
        if terse:
            return f"in {name}" if first == repeat.start + 1 + offset else f"{span(first, last)} of {name}"
        return f"{f'line {first}' if first == last else f'lines {first}–{last}'} of {name}"


def _worth_it(bare: list[str], run: Repeat, worth: Worth) -> bool:
    """Some lines of some length, or one that is long."""
    size = sum(map(len, bare[run.start : run.end]))
    return size >= (worth.run if run.end - run.start >= _MIN_LINES else worth.line)


def read(text: str) -> Reading:
    """How a text reads; one of ordinary size is remembered, because the next result asks what it shows."""
    return (_remembered if len(text) <= _REMEMBERED_CHARS else _read)(text)


def _read(text: str) -> Reading:
    seen, envelope = view(text)
    lines = split_lines(seen)
    return Reading(seen, envelope, lines, _bare_lines(seen, lines), address_offset(seen, lines))


_remembered = lru_cache(maxsize=4)(_read)


def _visible(seen: Reading, shown: str) -> list[str | None]:
    """The lines of a text without printed numbers, None for those that the form `shown` in its place leaves out."""
    form, _ = view(shown)
    lines = split_lines(form)
    if seen.bare is seen.lines:
        visible = set(lines)
        return [line if line in visible else None for line in seen.lines]
    visible = {*lines, *_bare_lines(form, lines)}
    both = zip(seen.bare, seen.lines, strict=True)
    return [bare if bare in visible or line in visible else None for bare, line in both]


def _bare_lines(text: str, lines: list[str]) -> list[str]:
    """The lines of a text without printed numbers."""
    runs = runs_of(text) if _DIGIT_FIRST.search(paged(lines[:_NUMBERED_WITHIN])) else ()
    if not runs:
        return lines
    out = list(lines)
    for run in runs:
        out[run.start : run.end] = run.bare(lines)
    return out


def _label(call: ToolCall) -> str:
    """What a call was, short: its name and the command, or the end of the path."""
    what = " ".join(call.command.split(None, _LABEL)) or "/".join(call.path.split("/")[-_PATH_PARTS:])
    what = _shortened(what, _LABEL)
    return f"{call.name}: {what}" if what and call.name else what or call.name


def _shortened(text: str, size: int) -> str:
    """The text, or so much of its beginning that it has `size` characters with an ellipsis."""
    return text if len(text) <= size else text[: size - 1] + "…"
