"""Search results of grep, ripgrep and their kin: grouped by file, repeats folded, every distinct match kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from headroom.formats.search import forms as hits_form
from headroom.formats.search.counts import by_directory, from_directories, is_by_directory, is_count
from headroom.formats.search.hits import HIT_LINE, Hits, parse_flat, parse_headed
from headroom.formats.search.ripgrep_json import is_ripgrep_json, parse_ripgrep_json
from headroom.formats.search.selection import choose, selects
from headroom.formats.search.signs import search_likelihood
from headroom.interfaces import Sample
from headroom.marker import omitted, ranges_of
from headroom.model import Compressed, Context, Intent, Level, Omission
from headroom.text.encoded import cut_encoded
from headroom.text.lines import split_lines
from headroom.text.query import parse_query

_BEGINNING, _MIN_HITS, _LONG = 60, 0.3, 1_000
_COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]")
_FRAMES, _FIELDS = "begin and end records", "absolute_offset and submatches fields"


class Search:
    """Lossless: a path line for each file. Lossy, for large results: matches and context that repeat what is shown."""

    name = "search"
    content_type = "search"

    def sniff(self, sample: Sample, context: Context) -> float:
        if any("\x1b[" in line for line in sample.lines[:4]):
            sample = replace(sample, lines=tuple(_COLOUR.sub("", line) for line in sample.lines))
        return search_likelihood(sample, asked=context.intent is Intent.SEARCH)

    def compress(self, text: str, context: Context) -> Iterator[Compressed]:
        if hits_form.is_grouped(text) or is_by_directory(text):
            return
        beginning = text.split("\n", _BEGINNING)[:_BEGINNING]
        if is_ripgrep_json(beginning[0]):
            yield from self._json(text, context)
        elif "\x1b[" in text:
            yield from self._coloured(text, context)
        elif sum(map(is_count, beginning)) * 10 >= len(beginning) * 9:
            grouped = by_directory(text, _lines(text))
            if grouped is not None:
                yield Compressed(grouped, self.name, lossless=True)
        else:
            yield from self._plain(text, context)

    def decode(self, text: str) -> str:
        return from_directories(text) if is_by_directory(text) else hits_form.decode(text)

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original

    def _plain(self, text: str, context: Context) -> Iterator[Compressed]:
        lines = _lines(text)
        hits = _parse(text, lines)
        if hits is None:
            return
        selected = selects(hits, context)
        asked = _asked(text, lines, context) if selected else frozenset[int]()
        del lines  # the hits hold their text; a large result is not held twice
        whole = hits_form.encode(text, hits)
        if whole is not None:
            yield Compressed(whole, self.name, lossless=True)
        if selected:
            written, omissions = _select(hits, asked, context, selected)
            if omissions:
                yield Compressed(_ended(written, text), self.name, False, omissions)

    def _coloured(self, text: str, context: Context) -> Iterator[Compressed]:
        """What can be made of the text without its colours, which are declared as left out."""
        if context.level is Level.LOSSLESS:
            return
        clean, codes = _COLOUR.subn("", text)
        for form in self._plain(clean, context):
            written = f"{omitted(codes, 'colour codes')}\n{form.text}"
            left_out = (Omission("colour codes", codes, "items"), *form.omissions)
            yield Compressed(written, self.name, False, left_out)

    def _json(self, text: str, context: Context) -> Iterator[Compressed]:
        lines = _lines(text)
        records = parse_ripgrep_json(lines)
        if context.level is Level.LOSSLESS or not records.shown:
            return
        asked, selected = _asked(text, lines, context), selects(records.hits, context)
        written, omissions = _select(records.hits, asked, context, selected, "from rg --json")
        frames = ranges_of(index + 1 for index in records.frames)
        left_out = [Omission(_FIELDS, len(records.shown), "items", ranges_of(index + 1 for index in records.shown))]
        if frames:
            left_out.append(Omission(_FRAMES, len(records.frames), "lines", frames))
        note = omitted(len(records.frames), _FRAMES, kind=f"with the {_FIELDS} of all {len(records.shown)} matches")
        yield Compressed(_ended(f"{note}\n{written}", text), self.name, False, (*left_out, *omissions))


def _lines(text: str) -> list[str]:
    return split_lines(text.removesuffix("\n"))


def _ended(written: str, text: str) -> str:
    return written + "\n" if text.endswith("\n") else written


def _asked(text: str, lines: list[str], context: Context) -> frozenset[int]:
    return frozenset(parse_query(context.query).best(text, lines))


def _select(
    hits: Hits, asked: frozenset[int], context: Context, selected: bool, origin: str = ""
) -> tuple[str, tuple[Omission, ...]]:
    """The grouped form of what stays of a result (all of it unless `selected`), and the loss report."""
    notes = [origin] if origin else []
    markers: dict[int, str] = {}
    omissions: tuple[Omission, ...] = ()
    if selected:
        chosen = choose(hits, asked, context)
        hits.keep(chosen.stay)
        markers, omissions = chosen.markers, chosen.omissions
        if omissions:
            notes.append(f"{chosen.shown} of {chosen.matches} matches in {chosen.files} files shown")
            notes.append("similar = all its words stand in a shown match")
    paragraphs, folded = hits_form.write(hits, markers)
    written = "\n\n".join(paragraphs)
    if max(map(len, hits.rows), default=0) > _LONG:
        cut_lines, cuts = cut_encoded(written.split("\n"), parse_query(context.query))
        written = "\n".join(cut_lines)
        omissions += tuple(replace(cut, ranges=()) for cut in cuts)
    return f"{hits_form.grouped_header(hits, folded, '; '.join(notes))}\n{written}", omissions


def _parse(text: str, lines: list[str]) -> Hits | None:
    """The hits in the layout that the beginning shows, None where they are not a good part of the lines."""
    beginning = [line for line in lines[:_BEGINNING] if line]
    headed = sum(1 for line in beginning if line[:1].isdigit() and HIT_LINE.match(line)) * 2 > len(beginning)
    hits = parse_headed(lines) if headed else parse_flat(text, lines)
    return hits if hits.count() >= _MIN_HITS * sum(map(bool, lines)) else None


COMPRESSOR = Search()
