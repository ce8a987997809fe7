"""The grouped form of search results, and the way back.

Paragraphs separated by an empty line. A paragraph whose second line is a hit is a file: its path, then its hits
(`12:text` a match, `12-text` context, `12=text` the function around, `12,45:text` the same text on both lines). Any
other paragraph holds lines of the original as they were; an empty paragraph is an empty line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from operator import lt

from headroom.formats.search.hits import CONTEXT, FUNCTION, GAP, HIT_LINE, PLAIN, Hits, with_gaps

# number as written ("" where the tool printed none), separator, text
_Hit = tuple[str, str, str]

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
    root_of = _ROOT_WITHOUT_COLON if hits.root_spares_colons else _ROOT_OF_ALL
    return "".join(
        (
            _HEADED if hits.headed else _FLAT,
            _FOLDED if folded else "",
            _CONTEXT if CONTEXT in hits.signs else "",
            _FUNCTION if FUNCTION in hits.signs else "",
            _GAPS if hits.gaps else "",
            f"; {note}" if note else "",
            f'; {root_of} started with "{hits.root}"' if hits.root else "",
            "]",
        )
    )


def is_grouped(text: str) -> bool:
    """Whether a text is in this form already."""
    return text.startswith((_FLAT, _HEADED))


def fold(hits: Hits, group: int, start: int, end: int) -> list[str]:
    """The rows of one file, matches with the same text as one line where their order stays recoverable."""
    rows = hits.rows[start:end]
    if len(rows) < 2 or group in hits.distinct or not hits.are_matches(start, end) or 1 in hits.cuts[start:end]:
        return rows
    texts = hits.texts(start, end)
    if len(set(texts)) == len(texts):
        hits.distinct.add(group)
        return rows
    numbers = hits.numbers(start, end)
    counted = list(map(int, numbers))
    if not all(map(lt, counted, counted[1:])):
        return rows
    places: dict[str, list[str]] = {}
    for text, number in zip(texts, numbers, strict=True):
        places.setdefault(text, []).append(number)
    return [f"{','.join(found)}:{text}" for text, found in places.items()]


def write(hits: Hits, markers: Mapping[int, str] | None = None) -> tuple[list[str], bool]:
    """The paragraphs of the grouped form, and whether any lines were folded.

    `markers` stand below the groups of their numbers.
    """
    out: list[str] = []
    loose: list[str] = []  # lines that stand for themselves, up to the next file
    folded = False
    for group, (start, end, path) in enumerate(hits.groups()):
        note = [markers[group]] if markers and group in markers else []
        signs = hits.signs[start:end]
        if not hits.headed and PLAIN in signs:
            for line in hits.rows[start:end]:
                _add_loose(out, loose, line)
        elif not hits.headed and signs == b":" and not hits.gaps and not note:
            _add_loose(out, loose, f"{path}{':' if hits.cuts[start] > 1 else ''}{hits.rows[start]}")
        else:
            rows = fold(hits, group, start, end)
            folded |= len(rows) < end - start
            _close(out, loose)
            out.append("\n".join([path, *rows, *note] if path else [*rows, *note]))
    _close(out, loose)
    return out, folded


def _add_loose(out: list[str], loose: list[str], line: str) -> None:
    """Add a line to the paragraph of loose lines; one that would read as a hit there begins another."""
    if not line or (loose and HIT_LINE.match(line)):
        _close(out, loose)
    if line:
        loose.append(line)
    else:
        out.append("")


def _close(out: list[str], loose: list[str]) -> None:
    if loose:
        out.append("\n".join(loose))
        loose.clear()


def encode(text: str, hits: Hits) -> str | None:
    """The whole text in grouped form, None where it could not be told from the original's own lines."""
    if hits.headed and any(map(_FOLDED_LINE.match, hits.plain())):
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
    spares_colons = root is not None and root[1] == _ROOT_WITHOUT_COLON
    form = Hits(False, root=root[2] if root else "", root_spares_colons=spares_colons)
    rows = (row for p in paragraphs for row in _flat_rows(p.split("\n"), form))
    return "\n".join(with_gaps(rows, gaps)) + final


def _hits(lines: list[str]) -> list[_Hit] | None:
    """Hits in source order, None where a line is none."""
    hits: list[_Hit] = []
    folded = False
    for line in lines:
        found = HIT_LINE.match(line)
        if line == GAP:
            hits.append(("", GAP, ""))
        elif not found:
            return None
        elif found[1]:
            numbers = found[1].split(",")
            folded |= len(numbers) > 1
            hits.extend((number, found[2], found[4]) for number in numbers)
        else:
            hits.append(("", ":", found[4]))
    if folded:
        hits.sort(key=lambda hit: int(hit[0]))
    return hits


def _headed_lines(lines: list[str], gaps: bool) -> list[str]:
    first = 0 if HIT_LINE.match(lines[0]) else 1
    hits = _hits(lines[first:])
    if not hits:
        return lines
    rows = (("", number, number + separator + text if separator != GAP else GAP) for number, separator, text in hits)
    return [*lines[:first], *with_gaps(rows, gaps)]


def _flat_rows(lines: list[str], form: Hits) -> Iterator[tuple[str, str, str]]:
    if len(lines) < 2 or not HIT_LINE.match(lines[1]):
        yield from (("", "", line) for line in lines)
        return
    for hit in _hits(lines[1:]) or ():
        yield lines[0], hit[0], _flat_line(lines[0], hit, form)


def _flat_line(path: str, hit: _Hit, form: Hits) -> str:
    number, separator, text = hit
    if separator == GAP:
        return GAP
    rooted = separator in "-=" and not (form.root_spares_colons and ":" in text)
    place = form.root + path if rooted else path
    return f"{place}{separator}{number}{separator}{text}" if number else f"{place}{separator}{text}"
