"""Extracts of written texts: which sentences stay, and the text with a marker at the place of each gap.

Several texts that belong together (the passages of one search result) are weighed as one: what one of them says needs
no repeating in the next, and where one answers the question the others can do with less.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log2

from headroom.formats.prose.addresses import with_short_addresses
from headroom.formats.prose.passages import label_of, questions_of
from headroom.formats.prose.sentences import Piece, is_reference, pieces_of, reads_like_prose, sentence_count
from headroom.formats.prose.worth import Worth, could_answer, repeats_in
from headroom.marker import omitted
from headroom.model import Context, Intent, Level, Omission
from headroom.text.lines import sample, split_lines
from headroom.text.query import parse_query

_MANY, _PER_DOUBLING, _MOST_DOUBLINGS = 12_000, 0.12, 4.0
_TABLE_SIGNS, _LONG_TABLE = ("|", "+"), 600
_MIN_GAP = 80  # characters: a shorter gap costs as much as its marker
_SURE, _MAX_ANSWERS = 0.6, 12
_LITTLE_RELEVANT = 0.4  # of the best match
_MIN_PASSAGES, _MIN_SENTENCES, _MIN_CHARS = 3, 4, 320
# A string in a list that is named like the answer to a search, or a key of one of its records.
_PASSAGE_PATH = re.compile(
    r"(?:\.(?:results?|passages?|chunks|documents?|docs|matches|hits|contexts?|sources|snippets|nodes)|\$)"
    r"(?:\[\d+\])+(?:\.\w+)*\Z"
)
_ALARM = re.compile(
    r"\W{0,6}(?:\w+ ){0,2}(?:error|warning|fatal|failed|failure|exception|caution|danger|deprecated)\b", re.IGNORECASE
)
_LITTLE, _REST = "those that say least for their length", "the rest of long code and tables"


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of the sentences' characters that stays: `plain`, or where the question tells what matters."""

    plain: float
    asked: float

    def within(self, share: float, of_many: float) -> Shares:
        """What stays of them where there are many passages, and no more than a share."""
        return Shares(min(self.plain * of_many, share), min(self.asked * of_many, share))


_RETRIEVED = {Level.BALANCED: Shares(0.57, 0.38), Level.AGGRESSIVE: Shares(0.36, 0.28)}
_UNKNOWN = {Level.BALANCED: Shares(0.86, 0.70), Level.AGGRESSIVE: Shares(0.50, 0.40)}
_READ = Shares(0.82, 0.78)  # a file that is read may be edited next


@dataclass(frozen=True, slots=True)
class Extract:
    """A text with markers for what is missing, and what that is (line ranges of the text itself)."""

    text: str
    omissions: tuple[Omission, ...]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """All pieces of all texts, which of them stay, the earlier pieces that others repeat, and the passages' names."""

    pieces: list[Piece]
    kept: list[bool]
    source: dict[int, int]
    names: dict[int, str]
    coded: Callable[[str], str]

    def block(self, i: int, stop: int) -> tuple[int, str]:
        """The kept piece at `i`, a long table with its rest and in a shorter form; and where the next piece begins."""
        pieces, end = self.pieces, i + 1
        if pieces[i].free or pieces[i].text.lstrip()[:1] not in _TABLE_SIGNS:
            return end, pieces[i].text
        if end < stop and pieces[end].folds and self.kept[end]:
            end += 1
        text = "\n".join([p.text for p in pieces[i:end]])
        return end, self.coded(text) if len(text) >= _LONG_TABLE else text

    def shown_before(self, i: int) -> bool:
        """Whether the piece repeats one that stays."""
        return i in self.source and self.kept[self.source[i]]


def written(texts: Sequence[str]) -> list[bool]:
    """Which of the texts are long enough and language enough for an extract."""
    return [len(t) >= _MIN_CHARS and reads_like_prose(sample(t).filled) > 0 for t in texts]


def extracts(
    texts: Sequence[str],
    names: Sequence[str],
    context: Context,
    share: float | None = None,
    retrieved: bool = False,
    least: float = 0.0,
) -> list[Extract | None]:
    """An extract of each text, None where nothing can go; `names` says what to call each text in the others' markers.

    `share` lowers the part of the sentences that stays, `retrieved` says that the texts are surely many passages,
    `least` how many characters must be able to go for extracts to be worth it. Nothing at level `lossless`. Linear in
    the texts.
    """
    if context.level is Level.LOSSLESS:
        return [None] * len(texts)
    pieces: list[Piece] = []
    spans, called = [], {}
    for text, name in zip(texts, names, strict=True):
        first, passage = len(pieces), pieces[-1].passage + 1 if pieces else 0
        called[passage] = name
        pieces += pieces_of(split_lines(text), passage)
        spans.append((first, len(pieces)))
    question, own = questions_of(context.query, texts[0])
    retrieved = (
        retrieved or bool(own) or pieces[-1].passage >= max(_MIN_PASSAGES, len(texts)) or _are_passages(names, context)
    )
    if not retrieved and any("://" in text for text in texts):  # a list of links may be what was looked for
        for p in pieces:
            p.free = p.free and not is_reference(p.text, linked=True)
    nothing: list[Extract | None] = [None] * len(texts)
    if sum([p.free for p in pieces]) < _MIN_SENTENCES:
        return nothing
    shares = _READ if context.intent is Intent.READ else (_RETRIEVED if retrieved else _UNKNOWN)[context.level]
    shares = shares.within(1.0 if share is None else share, _of_many(pieces) if retrieved else 1.0)
    source, asks = repeats_in(pieces), parse_query(question)
    highest = _highest_share(pieces, source, retrieved, least)
    if shares.asked > highest or (shares.plain > highest and not could_answer(asks, texts)):
        return nothing
    worth = Worth.of(pieces, source, asks, parse_query(own))
    stays = shares.asked if worth.asked else shares.plain
    if stays > highest:
        return nothing
    kept = _kept(pieces, worth, stays)
    if context.level is Level.AGGRESSIVE or (retrieved and worth.relevance):
        _fold_blocks(pieces, kept, worth)
    called = _passage_names(pieces, called) if source else {}
    chosen = _Chosen(pieces, kept, source, called, _table_coder(context))
    return [None if all(kept[a:b]) else _rendered(chosen, a, b) for a, b in spans]


def _of_many(pieces: Sequence[Piece]) -> float:
    """The part of the usual share that stays of these passages: of many characters, each matters less."""
    size = sum([len(p.text) for p in pieces])
    doublings = min(max(log2(max(size, 1) / _MANY), 0.0), _MOST_DOUBLINGS)
    return 1.0 - _PER_DOUBLING * doublings


def _highest_share(pieces: Sequence[Piece], source: dict[int, int], retrieved: bool, least: float) -> float:
    """How much of the sentences may stay for `least` characters to go, whichever sentences those are.

    Repeats can go as well, and long tables and the code of passages can become shorter.
    """
    said = sum([len(p.text) for p in pieces if p.free])
    others = sum([len(p.text) for p in pieces if p.folds and (retrieved or p.text.lstrip()[:1] in _TABLE_SIGNS)])
    others += sum([len(pieces[i].text) for i in source])
    return 1.0 - (least - others) / max(said, 1)


def _table_coder(context: Context) -> Callable[[str], str]:
    """A function that gives a table's lossless form, or the table itself where that is no shorter."""

    def coded(table: str) -> str:
        form = context.nested(table, context.path)
        return form.text if form is not None and form.lossless else table

    return coded


def _are_passages(paths: Sequence[str], context: Context) -> bool:
    """Whether the texts stand where the answers to a search stand in JSON."""
    return any(_PASSAGE_PATH.search(path) for path in (*paths[:_MIN_PASSAGES], context.path))


def _kept(pieces: Sequence[Piece], worth: Worth, share: float) -> list[bool]:
    """Which pieces stay: fixed ones, the floor, then sentences by worth up to a `share` of their characters."""
    kept = [not p.free and i not in worth.source for i, p in enumerate(pieces)]
    free = [i for i, p in enumerate(pieces) if p.free and i not in worth.source]
    left = share * sum(len(p.text) for p in pieces if p.free)
    floor = _floor(pieces, free, worth)
    for i in floor:
        kept[i] = True
        left -= len(pieces[i].text)
    density = worth.density()
    for i in sorted(free, key=lambda i: (-density[i], i)):
        if left <= 0:
            break
        if not kept[i]:
            kept[i] = True
            left -= len(pieces[i].text)
    _close_small_gaps(pieces, kept)
    return kept


def _floor(pieces: Sequence[Piece], free: Sequence[int], worth: Worth) -> list[int]:
    """The first and the last sentence, alarms, and what answers the question best with the sentences around it."""
    answers = sorted((i for i in free if worth.match[i] >= _SURE), key=lambda i: (-worth.match[i], i))[:_MAX_ANSWERS]
    floor = {free[0], free[-1], *answers, *(i for i in free if _ALARM.match(pieces[i].text))}
    if worth.asked:
        for i in answers:
            around = (k for k in (i - 1, i + 1) if 0 <= k < len(pieces))
            floor |= {k for k in around if pieces[k].free and pieces[k].passage == pieces[i].passage}
    return sorted(i for i in floor if i not in worth.source)


def _fold_blocks(pieces: Sequence[Piece], kept: list[bool], worth: Worth) -> None:
    """Folds long code and tables to their heads where their passage has little to do with the question."""
    for i, piece in enumerate(pieces):
        related = max(2 * worth.match[i], worth.relevance.get(piece.passage, 0.0))
        if piece.folds and related < _LITTLE_RELEVANT:
            kept[i] = False


def _close_small_gaps(pieces: Sequence[Piece], kept: list[bool]) -> None:
    """Keeps what is shorter than the marker that would stand for it."""
    end = 0
    for i in [i for i, stays in enumerate(kept) if not stays]:
        if i < end:
            continue
        end, size = i, 0
        while end < len(pieces) and not kept[end] and pieces[end].passage == pieces[i].passage:
            size += len(pieces[end].text) + 1
            end += 1
        if size < _MIN_GAP:
            kept[i:end] = [True] * (end - i)


def _passage_names(pieces: Sequence[Piece], called: dict[int, str]) -> dict[int, str]:
    """What each passage is called in markers: by its printed header, or by the name of its text."""
    names = {passage: name for passage, name in called.items() if name}
    for p in pieces:
        if p.passage not in names and not p.free and p.text.strip():
            names[p.passage] = label_of(p.text)
    return names


def _rendered(chosen: _Chosen, start: int, stop: int) -> Extract:
    """One text. Each run of missing pieces is one marker at its place; blank lines inside a gap go with it."""
    pieces, kept = chosen.pieces, chosen.kept
    out: list[str] = []
    lost: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    i = start
    while i < stop:
        out.append("" if not out or pieces[i].inline else "\n")
        if kept[i]:
            end, shown = chosen.block(i, stop)
            out.append(shown)
            i = end
            continue
        end = _gap_end(chosen, i, stop)
        gone = [k for k in range(i, end) if not kept[k]]
        first, last = pieces[gone[0]].line + 1, pieces[gone[-1]].last + 1
        unit, count = _counted(pieces, gone)
        again = all(map(chosen.shown_before, gone))
        where = ((first, last),) if pieces[stop - 1].last else ()
        out.append(omitted(count, unit, where, _same_as(chosen, gone) if again else ""))
        if not pieces[end - 1].text and end < stop:
            out.append("\n")
        elif end < stop and pieces[end].inline:
            out.append(" ")
        kind = "repeated" if again else _LITTLE if unit == "sentences" else _REST
        lost.setdefault((kind, unit), []).append((count, first, last))
        i = end
    omissions = (
        Omission(kind, sum(n for n, _, _ in gaps), unit, _joined_ranges([(a, b) for _, a, b in gaps]))
        for (kind, unit), gaps in lost.items()
    )
    return Extract(with_short_addresses("".join(out)), tuple(omissions))


def _joined_ranges(ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ranges in order, those on the same line as one."""
    out: list[tuple[int, int]] = []
    for first, last in ranges:
        if out and first <= out[-1][1]:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))
    return tuple(out)


def _gap_end(chosen: _Chosen, start: int, stop: int) -> int:
    """The end of the gap that opens at `start`: sentences or lines, with the blank lines between them and after."""
    pieces, end = chosen.pieces, start + 1
    for at in range(start + 1, stop):
        if not chosen.kept[at] and pieces[at].free == pieces[start].free:
            end = at + 1
        elif not chosen.kept[at] or pieces[at].text.strip():
            break
    return end + 1 if end < stop and not pieces[end].inline and not pieces[end].text.strip() else end


def _counted(pieces: Sequence[Piece], gone: Sequence[int]) -> tuple[str, int]:
    """What is missing in a gap: sentences, or the lines of a block with blank ones between."""
    if pieces[gone[0]].free:
        return "sentences", sum(sentence_count(pieces[k].text) for k in gone)
    return "lines", pieces[gone[-1]].last - pieces[gone[0]].line + 1


def _same_as(chosen: _Chosen, gone: Sequence[int]) -> str:
    """Where repeated text is shown: the passages by name."""
    here = chosen.pieces[gone[0]].passage
    shown = sorted({chosen.pieces[chosen.source[k]].passage for k in gone})
    names = [chosen.names[p] for p in shown if p in chosen.names and p != here]
    return f"same as in {', '.join(names)}" if names and len(names) == len(shown) <= 3 else "the same as shown above"
