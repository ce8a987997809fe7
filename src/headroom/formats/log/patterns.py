"""Lines written as the number of a pattern and the words that vary: the same text, to the byte, in fewer tokens.

The form says how to read itself, lists the patterns, then gives every line in its place: `~3 17 root` is pattern 3 with
"17" and "root" in its gaps. Lines without a pattern stand as they are. The sign is one that the text does not use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

from headroom.formats.log.templates import kinds, parts, shapes

_SIGNS = "~^§¤¦¬"
_HEAD = re.compile(
    r"\[log without loss: a line (.)N a b … is pattern N with a, b … in the places of its (.); "
    r"(\d+) patterns, then the lines\]\n"
)
_LEAST_LINES, _LEAST_GAIN = 3, 24


def encode(text: str) -> str | None:
    """The text as patterns and lines; None where no sign is free or too few lines have a pattern."""
    sign = next((sign for sign in _SIGNS if sign not in text), None)
    if sign is None:
        return None
    lines = text.split("\n")
    patterns: list[str] = []
    out = list(lines)
    for group in _groups(text):
        rows = [parts(lines[i]) for i in group]
        varying = [n for n, column in enumerate(zip(*rows, strict=True)) if column.count(column[0]) != len(column)]
        if not _pays(rows[0], varying, len(group)):
            continue
        gapped = list(rows[0])
        for n in varying:
            gapped[n] = sign
        patterns.append("".join(gapped))
        number = f"{sign}{len(patterns)}"
        for i, row in zip(group, rows, strict=True):
            out[i] = " ".join([number, *[row[n] for n in varying]])
    if not patterns:
        return None
    head = (
        f"[log without loss: a line {sign}N a b … is pattern N with a, b … in the places of its {sign}; "
        f"{len(patterns)} patterns, then the lines]"
    )
    return "\n".join([head, *patterns, *out])


def decode(form: str) -> str:
    """The text of a form. Raises ValueError for anything else."""
    head = _HEAD.match(form)
    if head is None or head[1] != head[2]:
        raise ValueError("not a log in patterns")
    sign, count = head[1], int(head[3])
    lines = form[head.end() :].split("\n")
    patterns = [pattern.split(sign) for pattern in lines[:count]]
    return "\n".join(_filled(line, sign, patterns) if line[:1] == sign else line for line in lines[count:])


def _filled(line: str, sign: str, patterns: Sequence[Sequence[str]]) -> str:
    number, *values = line[len(sign) :].split(" ")
    pieces = patterns[int(number) - 1]
    return "".join(chain.from_iterable(zip(pieces, (*values, ""), strict=True)))


def _groups(text: str) -> list[list[int]]:
    """Lines (indices) of the same words but for those that vary, with the same blanks and punctuation between them."""
    found = shapes(text)
    members = [list(chain.from_iterable(layouts)) for layouts in found.values()]
    skeletons = [tuple(parts(shape)[::2]) for shape in found]
    groups: list[list[int]] = []
    for group in kinds([(None, shape) for shape in found]):
        alike: dict[tuple[str, ...], list[int]] = {}
        for n in group:
            alike.setdefault(skeletons[n], []).extend(members[n])
        groups += (sorted(indices) for indices in alike.values())
    return sorted((group for group in groups if len(group) >= _LEAST_LINES), key=lambda group: group[0])


def _pays(row: Sequence[str], varying: Sequence[int], count: int) -> bool:
    """Whether what the pattern says once is worth more than what its number costs on every line."""
    constant = sum(map(len, row)) - sum(len(row[n]) + 1 for n in varying)
    return (constant - 4) * count > constant + len(varying) + _LEAST_GAIN
