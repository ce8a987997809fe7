"""Search results of grep, ripgrep and their kin: grouped by file, repeats folded, every distinct match kept."""

from __future__ import annotations

from collections.abc import Iterator

from headroom.interfaces import Sample
from headroom.marker import omitted, ranges_of
from headroom.model import Compressed, Context, Intent, Level, Omission
from headroom.text import hits_form
from headroom.text.hit_selection import choose
from headroom.text.hits import Hits, parse_flat, parse_headed
from headroom.text.hits_sniff import search_likelihood
from headroom.text.lines import split_lines
from headroom.text.match_counts import by_directory, from_directories, is_by_directory, is_count
from headroom.text.ripgrep_json import Records, is_ripgrep_json, parse_ripgrep_json

# What fits on a few screens is read whole: there the gain is lossless only.
_LARGE = 8_000
_MIN_HITS = 0.3
_JSON_FIELDS = "absolute_offset and submatches fields"


class Search:
    """Lossless: a path line for each file. Lossy, for large results: matches and context that repeat what is shown."""

    name = "search"
    content_type = "search"

    def sniff(self, sample: Sample, context: Context) -> float:
        return search_likelihood(sample, asked=context.intent is Intent.SEARCH)

    def compress(self, text: str, context: Context) -> Iterator[Compressed]:
        if hits_form.is_grouped(text) or is_by_directory(text):
            return
        lines = split_lines(text.removesuffix("\n"))
        if is_ripgrep_json(text[:200]):
            if context.level is not Level.LOSSLESS:
                yield self._json(text, lines, context)
        elif sum(map(is_count, lines)) * 10 >= len(lines) * 9:
            yield from self._counts(text, lines)
        else:
            yield from self._hits(text, lines, context)

    def decode(self, text: str) -> str:
        return from_directories(text) if is_by_directory(text) else hits_form.decode(text)

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original

    def _counts(self, text: str, lines: list[str]) -> Iterator[Compressed]:
        grouped = by_directory(text, lines)
        if grouped is not None:
            yield Compressed(grouped, self.name, lossless=True)

    def _hits(self, text: str, lines: list[str], context: Context) -> Iterator[Compressed]:
        hits = _parse(text, lines)
        if hits is None:
            return
        whole = hits_form.encode(text, hits)
        if whole is not None:
            yield Compressed(whole, self.name, lossless=True)
        if _selects(len(text), context.level):
            paragraphs, omissions, folded, note = _select(hits, text, lines, context)
            if omissions:
                form = hits_form.grouped_header(hits, folded, note)
                yield Compressed(_join(text, form, paragraphs), self.name, False, omissions)

    def _json(self, text: str, lines: list[str], context: Context) -> Compressed:
        records = parse_ripgrep_json(lines)
        hits = records.hits
        size = sum(len(hit[3]) + 8 for group in hits.groups for hit in group.hits)
        if _selects(size, context.level):
            paragraphs, omissions, folded, note = _select(hits, text, lines, context)
        else:
            paragraphs, folded = hits_form.write(hits)
            omissions, note = (), ""
        form = hits_form.grouped_header(hits, folded, "; ".join(filter(None, ("from rg --json", note))))
        marker = omitted(len(records.frames), "begin and end records", kind=f"with the {_JSON_FIELDS} of all matches")
        return Compressed(_join(text, f"{form}\n{marker}", paragraphs), self.name, False, (*_fields(records), *omissions))


def _fields(records: Records) -> tuple[Omission, ...]:
    return (
        Omission("begin and end records", len(records.frames), "lines", ranges_of(i + 1 for i in records.frames)),
        Omission(_JSON_FIELDS, len(records.shown), "items", ranges_of(i + 1 for i in records.shown)),
    )


def _selects(size: int, level: Level) -> bool:
    return level is not Level.LOSSLESS and size > (_LARGE if level is Level.BALANCED else _LARGE // 4)


def _select(hits: Hits, text: str, lines: list[str], context: Context) -> tuple[list[str], tuple[Omission, ...], bool, str]:
    chosen = choose(hits, text, lines, context)
    paragraphs, folded = hits_form.write(chosen.hits, chosen.markers)
    note = (
        f"{chosen.shown} of {chosen.matches} matches in {chosen.files} files shown; "
        "similar = all its words stand in a shown match"
    )
    return paragraphs, chosen.omissions, folded, note


def _join(text: str, head: str, paragraphs: list[str]) -> str:
    return f"{head}\n" + "\n\n".join(paragraphs) + ("\n" if text.endswith("\n") else "")


def _parse(text: str, lines: list[str]) -> Hits | None:
    """The layout that explains more of the lines, None where neither explains a good part of them."""
    flat = parse_flat(text, lines)
    written = sum(map(bool, lines))
    if flat.count() * 2 >= written:
        return flat
    best = max(flat, parse_headed(lines), key=Hits.count)
    return best if best.count() >= _MIN_HITS * written else None


COMPRESSOR = Search()
