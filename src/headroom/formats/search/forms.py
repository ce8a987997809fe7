"""The grouped form of search results, and the way back.

Paragraphs separated by an empty line. A paragraph whose second line is a hit is a file: its path, then its hits
(`12:text` a match, `12-text` context, `12=text` the function around, `12,45:text` the same text on both lines). Any
other paragraph holds lines of the original as they were; an empty paragraph is an empty line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from headroom.formats.search.hits import GAP, HIT_LINE, Hit, Hits, with_gaps

_FLAT = "[search results grouped by file: a path, then its line:text"
_HEADED = "[search results, line:text"
_FOLDED = "; 12,45: = the same text on both lines"
_CONTEXT = "; line-text = context"
_FUNCTION = "; line=text = the function around"
_GAPS = '; "--" lines left out'
_ROOT_OF_ALL, _ROOT_WITHOUT_COLON = "context paths", "context paths of lines without a colon"
_ROOT = re.compile(rf'; ({_ROOT_OF_ALL}|{_ROOT_WITHOUT_COLON}) started with "(.*)"\]$')
_FOLDED_LINE = re.compile(r"[0-9]+,[0-9,]+[:\-=]")


def grouped_header(hits: Hits, folded: bool, note: str = "") -> str:
    """The line that declares the form, `note` at its end."""
    separators = {hit[2] for group in hits.groups for hit in group.hits}
    root_of = _ROOT_WITHOUT_COLON if hits.root_spares_colons else _ROOT_OF_ALL
    return "".join(
        (
            _HEADED if hits.headed else _FLAT,
            _FOLDED if folded else "",
            _CONTEXT if "-" in separators else "",
            _FUNCTION if "=" in separators else "",
            _GAPS if hits.gaps else "",
            f"; {note}" if note else "",
            f'; {root_of} started with "{hits.root}"' if hits.root else "",
            "]",
        )
    )


def is_grouped(text: str) -> bool:
    """Whether a text is in this form already."""
    return text.startswith((_FLAT, _HEADED))


def fold(hits: list[Hit]) -> list[str]:
    """The hits of one file as lines, matches with the same text as one line where their order stays recoverable."""
    numbers: dict[str, list[str]] = {}
    last = -1
    for _, number, separator, text in hits:
        if separator != ":" or not number or int(number) <= last:
            return [GAP if hit[2] == GAP else hit[1] + hit[2] + hit[3] for hit in hits]
        last = int(number)
        if text in numbers:
            numbers[text].append(number)
        else:
            numbers[text] = [number]
    return [f"{','.join(found)}:{text}" for text, found in numbers.items()]


def write(hits: Hits, markers: Mapping[int, str] | None = None) -> tuple[list[str], bool]:
    """The paragraphs of the grouped form, and whether any lines were folded.

    `markers` stand below the groups of their numbers.
    """
    out: list[str] = []
    current: list[str] = []
    folded = False

    def close() -> None:
        if current:
            out.append("\n".join(current))
            current.clear()

    for number, group in enumerate(hits.groups):
        note = markers.get(number, "") if markers else ""
        if hits.headed:
            rows = fold(group.hits)
            folded |= len(rows) < len(group.hits)
            head = [group.path] if group.hits and group.hits[0][0] != group.start else []
            out.append("\n".join([*head, *rows, *group.plain, *([note] if note else [])]))
            continue
        if len(group.hits) == 1 and not hits.gaps and not note and group.hits[0][2] == ":":
            lines = [_flat_line(group.path, group.hits[0], hits)]
        elif group.hits:
            rows = fold(group.hits)
            folded |= len(rows) < len(group.hits)
            close()
            out.append("\n".join([group.path, *rows, *([note] if note else [])]))
            continue
        else:
            lines = group.plain
        for line in lines:
            if not line or (current and HIT_LINE.match(line)):
                close()
            if line:
                current.append(line)
            else:
                out.append("")
    close()
    return out, folded


def _flat_line(path: str, hit: Hit, hits: Hits) -> str:
    _, number, separator, text = hit
    if separator == GAP:
        return GAP
    place = hits.root_of(separator, text) + path
    return f"{place}{separator}{number}{separator}{text}" if number else f"{place}{separator}{text}"


def encode(text: str, hits: Hits) -> str | None:
    """The whole text in grouped form, None where it could not be told from the original's own lines."""
    if hits.headed and any(_FOLDED_LINE.match(line) for group in hits.groups for line in group.plain):
        return None
    paragraphs, folded = write(hits)
    if hits.headed and not folded and not hits.gaps:
        return None
    return f"{grouped_header(hits, folded)}\n" + "\n\n".join(paragraphs) + ("\n" if text.endswith("\n") else "")


def decode(text: str) -> str:
    """The original of a text in grouped form."""
    head, _, body = text.partition("\n")
    final = "\n" if body.endswith("\n") else ""
    paragraphs = (body[:-1] if final else body).split("\n\n")
    gaps = _GAPS in head
    if head.startswith(_HEADED):
        return "\n\n".join("\n".join(_headed_lines(p.split("\n"), gaps)) for p in paragraphs) + final
    root = _ROOT.search(head)
    form = Hits([], False, root[2] if root else "", root is not None and root[1] == _ROOT_WITHOUT_COLON, gaps)
    rows = (row for p in paragraphs for row in _flat_rows(p.split("\n"), form))
    return "\n".join(with_gaps(rows, gaps)) + final


def _hits(lines: list[str]) -> list[Hit] | None:
    """Hits in source order, None where a line is none."""
    hits: list[Hit] = []
    folded = False
    for line in lines:
        found = HIT_LINE.match(line)
        if line == GAP:
            hits.append((0, "", GAP, ""))
        elif not found:
            return None
        elif found[1]:
            numbers = found[1].split(",")
            folded |= len(numbers) > 1
            hits.extend((0, number, found[2], found[4]) for number in numbers)
        else:
            hits.append((0, "", ":", found[4]))
    if folded:
        hits.sort(key=lambda hit: int(hit[1]))
    return hits


def _headed_lines(lines: list[str], gaps: bool) -> list[str]:
    first = 0 if HIT_LINE.match(lines[0]) else 1
    hits = _hits(lines[first:])
    if not hits:
        return lines
    rows = (("", number, number + separator + text if separator != GAP else GAP) for _, number, separator, text in hits)
    return [*lines[:first], *with_gaps(rows, gaps)]


def _flat_rows(lines: list[str], form: Hits) -> Iterator[tuple[str, str, str]]:
    if len(lines) < 2 or not HIT_LINE.match(lines[1]):
        yield from (("", "", line) for line in lines)
        return
    for hit in _hits(lines[1:]) or ():
        yield lines[0], hit[1], _flat_line(lines[0], hit, form)
