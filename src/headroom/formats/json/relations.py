"""What one column says about another: values that are built from other values of the same row.

`forks_url` is `<url>/forks` in every row of a repository listing; written once, the column costs nothing. A template is
accepted only when it gives every value of its column back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from headroom.formats.json.compact import MISSING, Missing, Ref

Parts = tuple[str, ...]  # literal, base, literal, base, …, literal
_MIN_TARGET, _MIN_COPY, _MIN_BASE, _MAX_BASES, _MAX_COLUMNS = 24, 4, 3, 6, 200  # what is short stands as it is
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


def templates(
    names: Sequence[str], columns: Sequence[Sequence[Any]], cells: Sequence[list[str]], literal: str
) -> dict[int, Parts]:
    """Columns that are built from others, as index → template; never in a circle, never the one named `literal`.

    `columns` holds their values and `cells` those as written. A single row shows what is an address of what, so there
    only addresses are built.
    """
    if not columns or len(columns) > _MAX_COLUMNS:
        return {}
    single = len(columns[0]) == 1
    texts = [_texts(values, written) for values, written in zip(columns, cells, strict=True)]
    usable = [i for i, t in enumerate(texts) if t is not None and "<" not in names[i] and ">" not in names[i]]
    varied = [i for i in usable if len(set(texts[i] or ())) > 1 or (single and len((texts[i] or [""])[0] or "") > 7)]
    targets = [
        i for i in varied if names[i] != literal and _is_target(columns[i], single) and not _QUOTED.search(names[i])
    ]
    found: dict[int, Parts] = {}
    needs: dict[int, set[int]] = {}
    # Longer values first, so that what they are built from still stands; of equal columns the first one stays.
    for target in sorted(targets, key=lambda i: (-_mean(texts[i]), -i)):
        bases = [i for i in varied if i != target and target not in needs.get(i, ()) and texts[i]]
        parts = _explain(texts, target, bases, names)
        if parts is None:
            continue
        used = {i for i in bases if names[i] in parts[1::2]}
        reach = set(used)
        for i in used:
            reach |= needs.get(i, set())
        found[target] = parts
        needs[target] = reach
        for i, below in needs.items():
            if target in below:
                needs[i] = below | reach
    return found


def _texts(values: Sequence[Any], written: list[str]) -> Sequence[str | None] | None:
    """The column as template texts, None for missing; no list when another kind of value stands in it."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return values
    if kinds == {bytes}:
        return written
    if not kinds <= {str, bytes, Ref, Missing}:
        return None
    out: list[str | None] = []
    for value in values:
        text = None if value is MISSING else text_of(value)
        if text is None and value is not MISSING:
            return None
        out.append(text)
    return out


def _is_target(values: Sequence[Any], single: bool) -> bool:
    if single:
        return type(values[0]) is str and "://" in values[0]
    return all(type(v) is str or v is MISSING for v in values)


def _mean(texts: Sequence[str | None] | None) -> int:
    some = [len(t) for t in texts or () if t is not None]
    return sum(some) // max(1, len(some))


def _explain(
    texts: Sequence[Sequence[str | None] | None], target: int, bases: Sequence[int], names: Sequence[str]
) -> Parts | None:
    column = texts[target] or ()
    rows = [i for i, t in enumerate(column) if t is not None]
    if not rows or _mean(column) < _MIN_COPY:
        return None
    probes = (rows[0], rows[-1])
    first, last = (column[p] or "" for p in probes)
    near: list[tuple[str, str, int]] = []
    for i in bases:
        base = texts[i] or ()
        a, b = base[probes[0]], base[probes[1]]
        if a and b and a in first and b in last and (len(a) >= _MIN_BASE or len(b) >= _MIN_BASE or a.isdigit()):
            near.append((a, b, i))
    near.sort(key=lambda n: (-len(n[0]), n[2]))
    for start in range(min(len(near), _MAX_BASES)):
        parts = _greedy(first, last, near[start:])
        if parts is None or ((len(parts) > 3 or parts[0] or parts[-1]) and _mean(column) < _MIN_TARGET):
            continue
        if _holds(parts, texts, target):
            return tuple(p if isinstance(p, str) else names[p] for p in parts)
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


def _holds(parts: Sequence[str | int], texts: Sequence[Sequence[str | None] | None], target: int) -> bool:
    bases = [p for p in parts if not isinstance(p, str)]
    literals = "".join(p.replace("%", "%%") if isinstance(p, str) else "%s" for p in parts)
    for want, *have in zip(texts[target] or (), *[texts[i] or () for i in bases], strict=True):
        if want is None:
            if None not in have:
                return False
        elif None in have or literals % tuple(have) != want:
            return False
    return True
