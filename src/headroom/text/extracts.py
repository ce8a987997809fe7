"""Extracts: which pieces of a text stay, and the text with a marker at the place of each gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headroom.marker import omitted
from headroom.model import Compressed, Omission
from headroom.text.passages import label_of
from headroom.text.sentences import Piece
from headroom.text.worth import Worth

_MIN_GAP = 80  # characters: a shorter gap costs as much as its marker
_SURE, _MAX_ANSWERS = 0.6, 12


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of the sentences' characters that stays: `plain`, or where the question tells what matters."""

    plain: float
    asked: float


def chosen_pieces(pieces: Sequence[Piece], worth: Worth, share: float) -> list[bool]:
    """Which pieces stay: fixed ones, the floor, then sentences by worth until `share` of their characters is reached."""
    chosen = [not p.free and i not in worth.source for i, p in enumerate(pieces)]
    free = [i for i, p in enumerate(pieces) if p.free and i not in worth.source]
    left = share * sum(len(p.text) for p in pieces if p.free)
    floor = _floor(pieces, free, worth)
    for i in (*floor, *sorted(free, key=lambda i: (-worth.density[i], i))):
        if not chosen[i] and (left > 0 or i in floor):
            chosen[i] = True
            left -= len(pieces[i].text)
    _close_small_gaps(pieces, chosen, worth.source)
    return chosen


def _floor(pieces: Sequence[Piece], free: Sequence[int], worth: Worth) -> dict[int, None]:
    """The first and the last sentence of the text, and what answers the question with its neighbours."""
    floor: dict[int, None] = dict.fromkeys((free[0], free[-1]))
    answers = sorted((i for i in free if worth.match[i] >= _SURE), key=lambda i: (-worth.match[i], i))[:_MAX_ANSWERS]
    if not worth.asked:
        return floor | dict.fromkeys(answers)
    for i in answers:
        for near in (i, i - 1, i + 1):
            if 0 <= near < len(pieces) and pieces[near].free and pieces[near].passage == pieces[i].passage:
                floor[near] = None
    return {i: None for i in floor if i not in worth.source}


def _close_small_gaps(pieces: Sequence[Piece], chosen: list[bool], source: dict[int, int]) -> None:
    """Keeps what is shorter than the marker that would stand for it; shows the source of what refers to it."""
    i = 0
    while i < len(pieces):
        j = i
        size = 0
        while j < len(pieces) and (not chosen[j] or (j > i and not pieces[j].text)):
            size += len(pieces[j].text) + 1
            j += 1
        if i < j and size < _MIN_GAP:
            chosen[i:j] = [True] * (j - i)
        i = max(j, i + 1)


def rendered(name: str, pieces: Sequence[Piece], chosen: Sequence[bool], source: dict[int, int]) -> Compressed:
    """The extract. Each run of missing pieces is one marker at its place; blank lines inside a gap go with it."""
    many_lines = pieces[-1].last > 0
    headers = _headers(pieces)
    out: list[str] = []
    lost: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    i = 0
    while i < len(pieces):
        if chosen[i]:
            out.append(_joint(pieces, i, out) + pieces[i].text)
            i += 1
            continue
        j = _gap_end(pieces, chosen, source, i)
        gone = [k for k in range(i, j) if not chosen[k]]
        unit, count = _counted(pieces, gone)
        where = (pieces[gone[0]].line + 1, pieces[gone[-1]].last + 1)
        again = all(k in source and chosen[source[k]] for k in gone)
        kind = _same_as(pieces, gone, source, headers) if again else ""
        mark = omitted(count, unit, (where,) if many_lines else (), kind)
        out.append(_joint(pieces, i, out) + mark)
        if pieces[j - 1].text == "":
            out.append("\n")
        elif j < len(pieces) and pieces[j].inline:
            out.append(" ")
        reported = ("repeated" if again else "sentences that say least for their length", unit)
        lost.setdefault(reported, []).append((count, *where))
        i = j
    omissions = tuple(
        Omission(kind, sum(n for n, _, _ in gaps), unit, tuple((a, b) for _, a, b in gaps))
        for (kind, unit), gaps in lost.items()
    )
    return Compressed("".join(out), name, False, omissions)


def _joint(pieces: Sequence[Piece], i: int, out: list[str]) -> str:
    """What stands between a piece and what was written before it."""
    return "" if not out or pieces[i].inline else "\n"


def _gap_end(pieces: Sequence[Piece], chosen: Sequence[bool], source: dict[int, int], i: int) -> int:
    """The end of the gap that opens at `i`: over blank lines, of one unit, of repeats or of other sentences."""
    shown = i in source and chosen[source[i]]
    j = end = i + 1
    while j < len(pieces):
        if not chosen[j]:
            if pieces[j].free != pieces[i].free or (j in source and chosen[source[j]]) != shown:
                break
            end = j + 1
        elif pieces[j].text or pieces[j].free:
            break
        elif end == j:
            end = j + 1
        j += 1
    return end


def _counted(pieces: Sequence[Piece], gone: Sequence[int]) -> tuple[str, int]:
    if pieces[gone[0]].free:
        return "sentences", len(gone)
    return "lines", sum(pieces[k].last - pieces[k].line + 1 for k in gone)


def _headers(pieces: Sequence[Piece]) -> dict[int, str]:
    """The header of each passage."""
    headers: dict[int, str] = {}
    for p in pieces:
        if p.passage and not p.free and p.passage not in headers:
            headers[p.passage] = p.text
    return headers


def _same_as(pieces: Sequence[Piece], gone: Sequence[int], source: dict[int, int], headers: dict[int, str]) -> str:
    """Where the repeated text is shown: the passages by name, nearest words otherwise."""
    shown = sorted({pieces[source[k]].passage for k in gone})
    names = [label_of(headers[p]) for p in shown if p in headers and p != pieces[gone[0]].passage]
    return f"same as in {', '.join(names)}" if names and len(names) == len(shown) <= 3 else "the same as shown above"
