"""Ranges of lines or rows as a reader writes them, and pages of what they select."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from headroom.errors import InputError

_RANGE = re.compile(r"(-?\d{1,12})(?:\+(\d{1,12}))?\s*(?:(-|–|\.\.|:|to)\s*(-?\d{1,12})?)?")


@dataclass(frozen=True, slots=True)
class Range:
    """Addresses `first` to `last`, inclusive, `last` None for the end; the first item from its character `offset` on."""

    first: int
    last: int | None
    offset: int = 0

    def __str__(self) -> str:
        start = f"{self.first}+{self.offset}" if self.offset else str(self.first)
        return start if self.last == self.first else f"{start}-{'' if self.last is None else self.last}"


def parse_ranges(text: str, what: str) -> list[Range]:
    """Reads "41-852", "41–852", "41", "41-", "1-5,90-95" and "7+8000-9" (line 7 from its character 8,000 on).

    Raises InputError naming the parameter `what`.
    """
    ranges = []
    for part in text.strip().strip("[]()").split(","):
        found = _RANGE.fullmatch(part.strip())
        if not found:
            raise InputError(f'{what}={text!r} is not a range; write for example {what}="41-852" or {what}="1-5,90-95"')
        first = int(found[1])
        last = first if found[3] is None else int(found[4]) if found[4] else None
        if last is not None and last < first:
            raise InputError(f"{what}={text!r}: {last} is before {first}")
        ranges.append(Range(first, last, int(found[2] or 0)))
    return ranges


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the selected items, what joins to the text between them, and the ranges of those that are still to come."""

    parts: tuple[str, ...]
    shown: tuple[Range, ...]
    rest: tuple[Range, ...]


def page(items: Sequence[str], first: int, ranges: Sequence[Range], limit: int | None, characters: int | None) -> Page:
    """The next items of `ranges` that fit in `limit` items and `characters`; at least one, cut where it is too long.

    The first of `items` has the address `first`; ranges are cut to what there is.
    """
    parts: list[str] = []
    shown: list[Range] = []
    room = float("inf") if characters is None else max(characters, 1)
    left = len(items) if limit is None else max(limit, 1)
    end = first + len(items) - 1
    todo = [Range(max(r.first, first), end if r.last is None else min(r.last, end), r.offset) for r in ranges]
    while todo and left > 0 and room > 0:
        one = todo.pop(0)
        at, last, offset = one.first, one.last or 0, one.offset
        while at <= last and left > 0:
            text = items[at - first][offset:] if offset else items[at - first]
            if len(text) > room:
                if not parts:
                    parts.append(text[: int(room)])
                    shown.append(Range(at, at, offset))
                    offset += int(room)
                room = 0
                break
            parts.append(text)
            room -= len(text) + 1
            left -= 1
            at, offset = at + 1, 0
        if at > one.first and parts:
            shown.append(Range(one.first, at - 1, one.offset))
        if at <= last:
            todo.insert(0, Range(at, last, offset))
            break
    return Page(tuple(parts), tuple(shown), tuple(todo))
