"""How surely a text is a search result."""

from __future__ import annotations

import re
from collections.abc import Sequence

from headroom.formats.search.counts import is_count
from headroom.formats.search.hits import GAP
from headroom.formats.search.ripgrep_json import is_ripgrep_json
from headroom.interfaces import Sample

_MOST = 0.6
_ENOUGH, _PROBES, _LEAST_BARE, _LEAST_HEADED = 36, 12, 8, 3
_PROBE = re.compile(r"[:\-][0-9]+[:\-]|[0-9]+[:\-]|:[0-9]+$|^[\w.@+-]*/[\w.@+/-]+:.")
_MATCH = re.compile(r"((?:[A-Za-z]:[\\/])?[^\s:][^:]*?):[0-9]{1,9}:")
# The colons of a log line's time are not a path's: "[10.30 16" ":49:06", "[12/Mar/2024" ":10:00:01".
_HOUR_BEFORE, _MINUTES = re.compile(r"(?:^|\D)[0-9]{1,2}$"), re.compile(r":[0-9]{2}:[0-9]{2}(?![0-9])")
_YEAR_BEFORE, _TIME = re.compile(r"[0-9]{4}$"), re.compile(r":[0-9]{2}:[0-9]{2}:[0-9]{2}(?![0-9])")
_CONTEXT = re.compile(r"[\-=][0-9]{1,9}[\-=]")
_BARE = re.compile(r"((?:[A-Za-z]:[\\/])?(?![0-9:.\-]+[\s:T])[^\s:]*(?:[/\\][^\s:]*|\.[A-Za-z]\w{0,9})):(?!//|:)")
_DIAGNOSTIC = re.compile(r".+?:[0-9]+:(?:[0-9]+: \S| *(?:fatal |internal )?(?:error|warning|note|info|remark|hint)\b)")
_PATH = re.compile(r"(?:[A-Za-z]:[\\/])?[^\s:]+(?:[./\\][^\s:]*)")
_NUMBERED = re.compile(r"([0-9]{1,9})[:\-=](?![0-9]{2}:[0-9]{2})")
# The same on a sample's page: a number behind a path, numbers that begin lines.
_PLACE, _NUMBERS = re.compile(r":[0-9]{1,9}(?::|$)", re.MULTILINE), re.compile(r"\n[0-9]{1,9}[:\-=]")
_WORD_AFTER = re.compile(r"[0-9]+[:\-=].*[A-Za-z_]{2}")


def search_likelihood(sample: Sample, asked: bool) -> float:
    """From 0.0 to 1.0; `asked` says that the tool call was a search."""
    if is_ripgrep_json(sample.lines[0]):
        return 0.97
    lines = [line for line in sample.lines if line and line != GAP]
    if len(lines) < 3:
        return 0.0
    some = lines[:: max(1, len(lines) // _ENOUGH)]
    if not asked and not _may_be_hits(sample.page, len(some)):
        return 0.0
    probes = some[:: max(1, len(some) // _PROBES)]
    if not asked and sum(map(bool, map(_PROBE.search, probes))) * 3 < len(probes):
        return 0.0
    if sum(map(is_count, some)) * 10 >= len(some) * 9:
        return 0.95 if asked or len(some) >= 8 else 0.6
    return _flat(some, asked) or _headed(lines[:60], asked)


def _may_be_hits(page: str, count: int) -> bool:
    """Whether `count` lines of a page may be hits: places, or numbers, or paths in nearly all lines."""
    places = len(_PLACE.findall(page))
    if places and (places >= _MOST * count or places + len(_CONTEXT.findall(page)) >= _MOST * count):
        return True
    if len(_NUMBERS.findall(page)) >= _LEAST_HEADED:
        return True
    slashes = page.count("/") + page.count("\\")
    return slashes * 10 >= count * 9 and page.count(":") * 10 >= count * 9


def _flat(lines: Sequence[str], asked: bool) -> float:
    """Lines that begin with a path and a line number, or in an answer to a search with a path alone."""
    found = [_MATCH.match(line) for line in lines]
    paths = {match[1] for match in found if match and not _is_clock(match)}
    if paths:
        tails = tuple(paths)
        matches = sum(1 for match in found if match and match[1] in paths)
        count = matches + sum(1 for line in lines if _is_context(line, paths, tails))
        likely = sum(1 for path in paths if "/" in path or "\\" in path or "." in path) * 2 >= len(paths)
        if likely and count >= _MOST * len(lines):
            # compilers and linters point at lines the same way; what they say is another compressor's
            diagnostics = sum(1 for line in lines if _DIAGNOSTIC.match(line))
            return 0.95 if diagnostics * 8 <= len(lines) else 0.6 if asked else 0.0
    if not asked and sum(["/" in line or "\\" in line for line in lines]) * 10 < len(lines) * 9:
        return 0.0
    bare = [match[1] for line in lines if (match := _BARE.match(line))]
    if asked and len(bare) >= _MOST * len(lines):
        return 0.8
    # paths in folders that come back line after line
    folders = sum("/" in path or "\\" in path for path in bare)
    again = len(set(bare)) * 3 <= len(bare) * 2
    return 0.8 if again and len(bare) >= _LEAST_BARE and folders * 10 >= len(lines) * 9 else 0.0


def _is_clock(match: re.Match[str]) -> bool:
    line, end = match.string, match.end(1)
    if _MINUTES.match(line, end):
        return _HOUR_BEFORE.search(line[max(0, end - 3) : end]) is not None or (
            _TIME.match(line, end) is not None and _YEAR_BEFORE.search(line[:end]) is not None
        )
    return False


def _is_context(line: str, paths: set[str], tails: tuple[str, ...]) -> bool:
    found = _CONTEXT.search(line)
    return found is not None and (line[: found.start()] in paths or line[: found.start()].endswith(tails))


def _headed(lines: Sequence[str], asked: bool) -> float:
    """Numbered lines that rise, with leaps, below lines without a number."""
    last, count, leaps, falls = -1, 0, 0, 0
    heads: list[str] = []
    for line in lines:
        found = _NUMBERED.match(line)
        if not found:
            heads.append(line)
            last = -1
            continue
        number = int(found[1])
        falls += number <= last
        leaps += number > last + 1
        last = number
        count += 1
    if falls * 20 > count or count < _LEAST_HEADED:
        return 0.0
    if asked:
        return 0.9 if count >= len(heads) else 0.0
    if not heads:  # a search of one file: numbers that leap do not count the lines
        wordy = sum(1 for line in lines if _WORD_AFTER.match(line))
        return 0.9 if count >= _LEAST_BARE and leaps * 2 >= count and wordy * 2 >= count else 0.0
    # numbers alone may count anything
    paths = sum(1 for head in heads if _PATH.fullmatch(head))
    return 0.7 if paths * 4 >= len(heads) * 3 and count >= paths and leaps * 2 >= count else 0.0
