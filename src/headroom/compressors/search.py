"""Search results of grep, ripgrep and their kin: grouped by file, repeats folded, every distinct match kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from headroom.interfaces import Sample
from headroom.model import Compressed, Context, Intent, Level
from headroom.text.hit_selection import choose
from headroom.text.hits import GAP, HIT_LINE, Hits, parse_flat, parse_headed
from headroom.text.hits_form import decode, encode, grouped_header, is_grouped, write
from headroom.text.lines import split_lines

_LARGE = 8_000
_MOST_HITS = 0.6
_MATCH = re.compile(r"((?:[A-Za-z]:[\\/])?(?![0-9:.\-]+[\s:T])[^\s:][^:]*?):[0-9]{1,9}:")
_CONTEXT = re.compile(r"[\-=][0-9]{1,9}[\-=]")
_BARE = re.compile(r"((?:[A-Za-z]:[\\/])?(?![0-9:.\-]+[\s:T])[^\s:]*(?:[/\\][^\s:]*|\.[A-Za-z]\w{0,9})):(?!//)")
_DIAGNOSTIC = re.compile(
    r".+?:[0-9]+:(?:[0-9]+:)? *(?:(?:fatal |internal |catastrophic )?(?:error|warning|note|info|remark|hint)\b|[A-Z]+[0-9]+\b)",
)
_NUMBERED = re.compile(r"([0-9]{1,9})[:\-=](?![0-9]{2}:[0-9]{2})")


class Search:
    """Lossless: a path line for each file. Lossy, for large results: matches and context that repeat what is shown."""

    name = "search"
    content_type = "search"

    def sniff(self, sample: Sample, context: Context) -> float:
        lines = [line for line in sample.lines if line and line != GAP]
        if len(lines) < 3:
            return 0.0
        asked = context.intent is Intent.SEARCH
        return max(_flat_score(lines, asked), _headed_score(lines, asked))

    def compress(self, text: str, context: Context) -> Iterator[Compressed]:
        if is_grouped(text):
            return
        lines = split_lines(text[:-1] if text.endswith("\n") else text)
        hits = _parse(text, lines)
        if hits is None:
            return
        whole = encode(text, hits)
        if whole is not None:
            yield Compressed(whole, self.name, lossless=True)
        if context.level is not Level.LOSSLESS and (
            len(text) > _LARGE or (context.level is Level.AGGRESSIVE and len(text) > _LARGE // 4)
        ):
            yield from self._selected(hits, text, lines, context)

    def _selected(self, hits: Hits, text: str, lines: list[str], context: Context) -> Iterator[Compressed]:
        chosen = choose(hits, text, lines, context)
        if chosen.omissions:
            paragraphs, folded = write(chosen.hits, chosen.markers)
            note = f"{chosen.shown} of {chosen.matches} matches in {chosen.files} files shown; similar = all its words stand in a shown match"
            body = "\n\n".join(paragraphs) + ("\n" if text.endswith("\n") else "")
            yield Compressed(f"{grouped_header(hits, folded, note)}\n{body}", self.name, False, chosen.omissions)

    def decode(self, text: str) -> str:
        return decode(text)

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _parse(text: str, lines: list[str]) -> Hits | None:
    """The layout that explains more of the lines, None where neither explains most of them."""
    flat = parse_flat(text, lines)
    written = sum(1 for line in lines if line)
    best = flat
    if flat.count() < _MOST_HITS * written:
        headed = parse_headed(lines)
        best = max(flat, headed, key=Hits.count)
    return best if best.count() and best.count() >= 0.3 * written else None


def _flat_score(lines: list[str], asked: bool) -> float:
    found = [_MATCH.match(line) for line in lines]
    paths = {match[1] for match in found if match}
    if sum(1 for line in lines if _DIAGNOSTIC.match(line)) * 8 > len(lines):
        return 0.0
    tails = tuple(paths)
    count = sum(1 for match, line in zip(found, lines, strict=True) if match or _is_context(line, paths, tails))
    likely = sum(1 for path in paths if "/" in path or "\\" in path or "." in path) * 2 >= len(paths)
    if paths and count >= _MOST_HITS * len(lines) and likely:
        return 0.95
    bare = sum(1 for line in lines if _BARE.match(line))
    if asked and bare >= _MOST_HITS * len(lines):
        return 0.8
    return 0.0


def _is_context(line: str, paths: set[str], tails: tuple[str, ...]) -> bool:
    found = _CONTEXT.search(line)
    return bool(found) and (line[: found.start()] in paths or line[: found.start()].endswith(tails))


def _headed_score(lines: list[str], asked: bool) -> float:
    last, count, heads, steps = -1, 0, 0, 0
    for line in lines:
        found = _NUMBERED.match(line)
        if not found:
            heads += 1
            last = -1
            continue
        if int(found[1]) <= last:
            return 0.0
        steps += last >= 0 and int(found[1]) > last + 1
        last = int(found[1])
        count += 1
    if count < _MOST_HITS * len(lines) and not (heads and count >= heads and asked):
        return 0.0
    if asked:
        return 0.9
    return 0.6 if steps * 3 >= count else 0.0


COMPRESSOR = Search()
__all__ = ["COMPRESSOR", "HIT_LINE", "Iterable", "Search"]
