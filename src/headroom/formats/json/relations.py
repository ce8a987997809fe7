"""What one column says about another: values that are built from other values of the same row.

`forks_url` is `<url>/forks` in every row of a repository listing; written once, the column costs nothing. A template is
accepted only when it gives every value of its column back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headroom.formats.json.columns import Column
from headroom.formats.json.compact import MISSING, Missing, Ref

Parts = tuple[str, ...]  # literal, base, literal, base, …, literal
_MIN_TARGET, _MIN_COPY, _MIN_BASE, _MAX_BASES, _MAX_COLUMNS = 24, 4, 3, 6, 200  # what is short stands as it is
_MIN_SINGLE = 7  # characters; what is longer can be part of an address in a table of one row
_TEXTS, _STRINGS = frozenset((str, bytes, Ref, Missing)), frozenset((str, Missing))
_QUOTED = re.compile(r"(?:^|[._])(?:html_?url|web_?url|perma_?link)$", re.I)  # addresses that people open and pass on
_PART = re.compile(r"<([^<>]+)>")


def text_of(value: Any) -> str | None:
    """What a template puts in for a value; None for what cannot stand in one."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bytes:
        return str(value, "ascii")
    if kind is Ref:
        return value.key if value.key is not None else None
    return None


def shortened(name: str, beside: str) -> str:
    """A dotted name without the prefix it shares with the name `beside` it: `.b` beside `a.x` is `a.b`."""
    prefix = beside[: beside.rfind(".") + 1]
    return name[len(prefix) - 1 :] if len(prefix) > 1 and name.startswith(prefix) else name


def lengthened(name: str, beside: str) -> str:
    """The full name that `shortened` shortened."""
    return beside[: beside.rfind(".")] + name if name.startswith(".") else name


def template_text(parts: Parts, name: str) -> str:
    """A template of column `name` as it stands in the head: literals with `<names>` between them."""
    return "".join(part if i % 2 == 0 else f"<{shortened(part, name)}>" for i, part in enumerate(parts))


def read_template(text: str, name: str) -> Parts:
    """The parts of a template as `template_text` wrote them."""
    return tuple(part if i % 2 == 0 else lengthened(part, name) for i, part in enumerate(_PART.split(text)))


def fill(parts: Parts, row: dict[str, Any]) -> Any:
    """The value a template gives for a row (base name → value); MISSING where a base is missing."""
    out = []
    for i, part in enumerate(parts):
        if i % 2 == 0:
            out.append(part)
            continue
        text = text_of(row[part])
        if text is None:
            return MISSING
        out.append(text)
    return "".join(out)


@dataclass(frozen=True, slots=True)
class _Target:
    """A column of strings that may be built from others: how long they are, and its first and last row with one."""

    index: int
    values: Sequence[Any]
    mean: int
    first: int
    last: int


_Bases = list[tuple[str, str, int]]  # a column's texts in two rows, and its index


def templates(columns: Sequence[Column], literal: str) -> dict[int, Parts]:
    """Columns that are built from others, as index → template; never in a circle, never the one named `literal`.

    A single row shows what is an address of what, so there only addresses are built.
    """
    if not columns or len(columns) > _MAX_COLUMNS:
        return {}
    single = len(columns[0].values) == 1
    usable = [i for i, column in enumerate(columns) if _is_varied(column, single)]
    targets = [_target(columns, i) for i in usable if columns[i].name != literal and _is_target(columns[i], single)]
    found: dict[int, Parts] = {}
    needs: dict[int, set[int]] = {}
    probed: dict[tuple[int, int], _Bases] = {}
    # Longer values first, so that what they are built from still stands; of equal columns the first one stays.
    for target in sorted(targets, key=lambda target: (-target.mean, -target.index)):
        rows = target.first, target.last
        if rows not in probed:
            probed[rows] = _probed(columns, usable, *rows)
        parts = _explain(target, columns, probed[rows], needs)
        if parts is None:
            continue
        used = {p for p in parts if not isinstance(p, str)}
        reach = used.union(*[needs.get(i, ()) for i in used])
        found[target.index] = tuple(p if isinstance(p, str) else columns[p].name for p in parts)
        needs[target.index] = reach
        for i, below in needs.items():
            if target.index in below:
                needs[i] = below | reach
    return found


def _is_varied(column: Column, single: bool) -> bool:
    """Whether a column holds texts that differ; in a single row, one that is long enough."""
    if not column.kinds <= _TEXTS or "<" in column.name or ">" in column.name:
        return False
    if Ref in column.kinds and any(type(v) is Ref and v.key is None for v in column.values):
        return False
    first = column.values[0]
    return column.values.count(first) < len(column.values) or (single and len(text_of(first) or "") > _MIN_SINGLE)


def _is_target(column: Column, single: bool) -> bool:
    if single and not (type(column.values[0]) is str and "://" in column.values[0]):
        return False
    return column.kinds <= _STRINGS and not _QUOTED.search(column.name)


def _target(columns: Sequence[Column], index: int) -> _Target:
    values = columns[index].values
    if Missing not in columns[index].kinds:
        return _Target(index, values, sum(map(len, values)) // len(values), 0, len(values) - 1)
    rows = [i for i, value in enumerate(values) if value is not MISSING]
    return _Target(index, values, sum([len(values[i]) for i in rows]) // len(rows), rows[0], rows[-1])


def _probed(columns: Sequence[Column], usable: list[int], first: int, last: int) -> _Bases:
    """What a value in both rows can be built from, the longest first."""
    texts = [(text_of(columns[i].values[first]), text_of(columns[i].values[last]), i) for i in usable]
    found = [(a, b, i) for a, b, i in texts if a and b]
    found = [(a, b, i) for a, b, i in found if len(a) >= _MIN_BASE or len(b) >= _MIN_BASE or a.isdigit()]
    return sorted(found, key=lambda base: (-len(base[0]), base[2]))


def _explain(
    target: _Target, columns: Sequence[Column], bases: _Bases, needs: dict[int, set[int]]
) -> list[str | int] | None:
    """The parts that a column is built from in every row: literals and indexes of columns that don't need it."""
    if target.mean < _MIN_COPY:
        return None
    first, last = target.values[target.first], target.values[target.last]
    near = [(a, b, i) for a, b, i in bases if a in first and b in last and i != target.index]
    near = [base for base in near if target.index not in needs.get(base[2], ())]
    for start in range(min(len(near), _MAX_BASES)):
        parts = _greedy(first, last, near[start:])
        if parts is None or ((len(parts) > 3 or parts[0] or parts[-1]) and target.mean < _MIN_TARGET):
            continue
        if _holds(parts, columns, target.values):
            return parts
    return None


def _greedy(first: str, last: str, near: Sequence[tuple[str, str, int]]) -> list[str | int] | None:
    """Parts that give both probes, found by putting the longest base into what is still literal."""
    parts: list[str | int] = [first]
    for a, b, i in near:
        for at, part in enumerate(parts):
            where = _whole(a, part) if isinstance(part, str) else -1
            if where >= 0 and isinstance(part, str):
                parts[at : at + 1] = [part[:where], i, part[where + len(a) :]]
                break
        else:
            continue
        made = _made(parts, {i: b for _, b, i in near})
        if made == last:
            return None if any("<" in p or ">" in p for p in parts if isinstance(p, str)) else parts
        if len(parts) > 9:
            return None
    return None


def _whole(word: str, text: str) -> int:
    """Where `word` stands in `text` between characters that are no part of a word, -1 if nowhere."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not (at and text[at - 1].isalnum() and word[0].isalnum()) and not text[end : end + 1].isalnum():
            return at
        at = text.find(word, at + 1)
    return -1


def _made(parts: Sequence[str | int], by: dict[int, str]) -> str:
    return "".join(p if isinstance(p, str) else by[p] for p in parts)


def _holds(parts: Sequence[str | int], columns: Sequence[Column], wanted: Sequence[Any]) -> bool:
    """Whether the parts give the wanted value in each row, and nothing where it is missing."""
    bases = [columns[p] for p in parts if not isinstance(p, str)]
    form = "".join(p.replace("%", "%%") if isinstance(p, str) else "%s" for p in parts)
    rows = zip(*[base.values if base.kinds == {str} else map(text_of, base.values) for base in bases], strict=True)
    return all(
        None in have if want is MISSING else None not in have and form % have == want
        for want, have in zip(wanted, rows, strict=True)
    )
