"""How a printed row is made from its cells: literal text, slots, padding.

A layout reads like a format string: `root {PID:>9} {TTY:<8} {COMMAND}`. `{NAME:<8}` pads with spaces to 8 characters
on the right, `{NAME:>8}` on the left, `{NAME:>*}` to the widest cell of its run of rows. A cell that is wider than its
slot pushes the rest of the row to the right, as printf does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter, methodcaller
from types import MappingProxyType
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")
Cells = tuple[str, ...]
Column = tuple[str, ...]

WIDEST = -1
SAMPLE = 240
_NO_WIDTHS: Mapping[str, int] = MappingProxyType({})
_SPEC = re.compile(r"\{\{|\}\}|\{([^{}:]+)(?::([<>])(\d+|\*))?\}")
_NOT_IN_NAMES = re.compile(r"[^\w.%#/@+\- ]+")


class Slot(NamedTuple):
    """A place for one cell. `width` is 0 for no padding, WIDEST for the widest cell of the run of rows it stands in."""

    name: str
    align: str = "<"
    width: int = 0

    def spec(self) -> str:
        if not self.width:
            return f"{{{self.name}}}"
        return f"{{{self.name}:{self.align}{'*' if self.width == WIDEST else self.width}}}"

    def pad(self, cell: str) -> str:
        return cell.rjust(self.width) if self.align == ">" else cell.ljust(self.width)


class Layout(NamedTuple):
    """`literals[0] slot literals[1] slot … literals[-1]`; several slots may show the same name's cell.

    `cut` says that the printed row has no spaces at its end.
    """

    literals: tuple[str, ...]
    slots: tuple[Slot, ...]
    cut: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The cells of a row, in order of their first slot."""
        return tuple(dict.fromkeys([slot.name for slot in self.slots]))

    def spec(self) -> str:
        """The layout as a format string; `parse` reads it back."""
        parts = [_escaped(self.literals[0])]
        for slot, literal in zip(self.slots, self.literals[1:], strict=True):
            parts += (slot.spec(), _escaped(literal))
        return "".join(parts)

    def printed(self, columns: Sequence[Sequence[str]], widest: Mapping[str, int] = _NO_WIDTHS) -> Iterator[str]:
        """The printed rows for columns of cells (by `names`, one at least); `widest` is needed for WIDEST slots."""
        parts = [_percent(self.literals[0])]
        for slot, literal in zip(self.slots, self.literals[1:], strict=True):
            width = widest.get(slot.name, 0) if slot.width == WIDEST else slot.width
            parts.append(f"%{'-' if slot.align == '<' else ''}{width}s" if width else "%s")
            parts.append(_percent(literal))
        by_name = dict(zip(self.names, columns, strict=True))
        rows = map("".join(parts).__mod__, zip(*[by_name[slot.name] for slot in self.slots], strict=True))
        return map(methodcaller("rstrip", " "), rows) if self.cut else rows

    @property
    def needs_widest(self) -> bool:
        return WIDEST in [slot.width for slot in self.slots]

    def widest(self, columns: Sequence[Sequence[str]]) -> dict[str, int]:
        """The widths of the WIDEST slots for a run of rows, given by columns."""
        wanted = {slot.name for slot in self.slots if slot.width == WIDEST}
        return {n: max(map(len, column)) for n, column in zip(self.names, columns, strict=True) if n in wanted}


def parse(spec: str, cut: bool = False) -> Layout:
    """The layout that a format string stands for."""
    literals, slots, literal, at = [], [], [], 0
    for match in _SPEC.finditer(spec):
        literal.append(spec[at : match.start()])
        at = match.end()
        if match[1] is None:
            literal.append(match[0][0])
            continue
        literals.append("".join(literal))
        literal = []
        width = WIDEST if match[3] == "*" else int(match[3] or 0)
        slots.append(Slot(match[1], match[2] or "<", width))
    literal.append(spec[at:])
    literals.append("".join(literal))
    return Layout(tuple(literals), tuple(slots), cut)


def clean_names(titles: Sequence[str], taken: frozenset[str] = frozenset()) -> list[str]:
    """Column titles as distinct slot names; a column without a title gets a letter."""
    out: list[str] = []
    seen = set(taken)
    for i, title in enumerate(titles):
        name = _NOT_IN_NAMES.sub("", title).strip()
        name = name if any(map(str.isalnum, name)) or len(name) == 1 else letters(i)
        base, n = name, 2
        while name in seen:
            name, n = f"{base}{n}", n + 1
        seen.add(name)
        out.append(name)
    return out


def letters(i: int) -> str:
    """0 → a, 25 → z, 26 → aa: short names for what has none."""
    name = ""
    i += 1
    while i:
        i, r = divmod(i - 1, 26)
        name = chr(97 + r) + name
    return name


def _escaped(literal: str) -> str:
    return literal.replace("{", "{{").replace("}", "}}")


def _percent(literal: str) -> str:
    return literal.replace("%", "%%")


def spread(count: int, most: int = SAMPLE) -> range:
    """At most `most` evenly spaced positions of `count`."""
    return range(0, count, max(1, -(-count // most)))


def most_frequent(values: Iterable[_T]) -> tuple[_T, int]:
    """The value that is met most often (the first one of several) and how often."""
    return max(Counter(values).items(), key=itemgetter(1))
