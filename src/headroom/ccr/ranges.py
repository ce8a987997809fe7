"""Ranges of lines or rows as a reader writes them, and pages of what they select."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headroom.errors import InputError

_RANGE = re.compile(r"(-?\d{1,12})(?:\+(\d{1,12}))?\s*(?:(?:-|–|\.\.|:|to)\s*(-?\d{1,12}|$))?")


@dataclass(frozen=True, slots=True)
class Range:
    """Addresses `first` to `last`, inclusive; of the first item only what follows its first `offset` characters."""

    first: int
    last: int
    offset: int = 0

    def __str__(self) -> str:
        start = f"{self.first}+{self.offset}" if self.offset else str(self.first)
        return start if self.last == self.first else f"{start}-{self.last}"


def parse_ranges(text: str, what: str, first: int, last: int) -> list[Range]:
    """Reads "41-852", "41–852", "41", "41-", "1-5,90-95", "7+8000-9" (from line 7, its character 8,000 on, to line 9).

    Ranges are cut to `first` … `last`, what there is. Raises InputError, naming the parameter `what`, for anything else
    and where nothing is left.
    """
    ranges = []
    for part in text.strip().strip("[]()").split(","):
        found = _RANGE.fullmatch(part.strip())
        if not found:
            raise InputError(f'{what}={text!r} is not a range; write for example {what}="41-852" or {what}="1-5,90-95"')
        start = int(found[1])
        end = start if found[3] is None else int(found[3]) if found[3] else last
        if found[3] and end < start:
            raise InputError(f"{what}={text!r}: {end} is before {start}")
        if start <= last and end >= first:
            ranges.append(Range(max(start, first), min(end, last), int(found[2] or 0) if start >= first else 0))
    if not ranges:
        there = f"{what} {first} to {last}" if last >= first else f"no {what}"
        raise InputError(f"there is nothing at {what} {text}; the original has {there}")
    return ranges


def spelled(ranges: Iterable[Range]) -> str:
    """Ranges in the form that `parse_ranges` reads."""
    return ",".join(map(str, ranges))


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the selected items (the last one may be cut), their addresses, and the ranges still to come."""

    parts: tuple[str, ...]
    shown: tuple[Range, ...]
    rest: tuple[Range, ...]


def page(items: Sequence[str], first: int, ranges: Sequence[Range], limit: int | None, characters: int | None) -> Page:
    """The next items of `ranges` that fit in `limit` items and `characters`; at least one, cut where it is too long.

    `first` is the address of the first item. The pages' parts, one below the other, are the whole selection: a cut item
    goes on in the next page.
    """
    parts: list[str] = []
    shown: list[Range] = []
    most = sys.maxsize if limit is None else max(limit, 1)
    room = sys.maxsize if characters is None else characters
    for number, one in enumerate(ranges):
        at, offset = one.first, one.offset
        if characters is None and not offset:
            taken = items[at - first : min(one.last, at + most - len(parts) - 1) - first + 1]
            parts += taken
            at += len(taken)
        while at <= one.last and len(parts) < most:
            text = items[at - first][offset:] if offset else items[at - first]
            if len(text) > room and parts:
                break
            cut = max(room, 1) if len(text) > max(room, 1) else None
            parts.append(text[:cut])
            if cut is not None:
                shown.append(Range(one.first, at, one.offset))
                return Page(tuple(parts), tuple(shown), (Range(at, one.last, offset + cut), *ranges[number + 1 :]))
            room -= len(text) + 1
            at, offset = at + 1, 0
        if at > one.first:
            shown.append(Range(one.first, at - 1, one.offset))
        if at <= one.last:
            return Page(tuple(parts), tuple(shown), (Range(at, one.last, offset), *ranges[number + 1 :]))
    return Page(tuple(parts), tuple(shown), ())
