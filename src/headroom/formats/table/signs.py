"""How surely lines are a table, a listing or a dump of records: shape only, a few dozen lines looked at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from headroom.formats.listing.drawing import DRAWN
from headroom.formats.table.delimited import separator, splitter
from headroom.formats.table.layout import spread
from headroom.formats.table.regions import heads_table
from headroom.model import Context, Intent

_GAPPED = re.compile(r"\S(?: {2,}| *\t[ \t]*)\S")
_TIME = re.compile(r".{0,24}\d\d:\d\d:\d\d|\W{0,2}(?:TRACE|DEBUG|INFO|WARN|ERROR)\b")
_PATH_CHARS = re.compile(r"[^\s:()\[\]{}<>\"'`,;=|*]+")
_KEYED = re.compile(r"\s*[^\s:=|#>\-\[{(\"'][^:=|{}\[\]();]{0,40}?\s*(?::|=|\|)(?: |\t|$)")
_OPENER = re.compile(r"-\[ RECORD \d+ \]|\*{5,} \d+\. row \*{5,}|Handle 0x|(?:processor|Name|Package|Id|File|UUID)\s*:")
_LISTED = (
    (DRAWN, 0.5),
    (re.compile(r"[-dlcbpsD][-r][-w][-xsStT][-r][-w][-xsS][-r][-w][-xtT][.+@]?\s+\d+ "), 0.5),
    (re.compile(r"\t(?:modified|new file|deleted|renamed|typechange|both \w+):\s+\S|\t\S+$"), 0.4),
    (re.compile(r"(?:[ MTADRCU?!]{2} |[12u?!] [.MTADRCU]{2} [NS.][.CMU]{3} )\S"), 0.8),
    (re.compile(r" \S.*? \| +(?:\d+ [+-]+|Bin .*)$"), 0.5),
    (re.compile(r"\d[\d.,]*[KMGTPkB]?\t(?=.*[A-Za-z/])[^\t]+$"), 0.8),
)
_NAME = re.compile(r"(?=.*\w)[^\s\"'`{}<>|,;()\[\]=:]{1,80}(?:==[^\s=]{1,40})?")
_HEADED = re.compile(r"[^\s:()\[\]{}<>\"'`,;=|*]+:")
# One look for all: most texts are no listing of any kind.
_ANY_LISTED = re.compile("|".join(pattern.pattern for pattern, _ in _LISTED))
_LEAST_LISTED = min(share for _, share in _LISTED)
_LOOKED_AT = 40
_DATA_FILE = re.compile(r"\.(?:csv|tsv|tab|psv|txt|log|out|md)\b", re.IGNORECASE)


def reads_source(context: Context) -> bool:
    """Whether the text is a file that its reader may want to edit: its lines are to be quoted, not re-encoded."""
    return context.intent is Intent.READ and not _DATA_FILE.search(context.call.path or context.call.command or ".txt")


def sure_table(filled: Sequence[str]) -> float:
    """Delimited fields, rows between bars, or cells under one another below titles or in clear gutters."""
    if len(filled) < 4:
        return 0.0
    filled = [*filled[:6], *(filled[i] for i in spread(len(filled) - 6, _LOOKED_AT) if i > 5)]
    drawn = [line for line in filled if not line.isascii()]
    barred = max(sum([line.count("|") >= 2 for line in filled]), sum(map(_boxed, drawn)))
    if barred >= 0.5 * len(filled):
        return 0.9 if barred >= 0.8 * len(filled) else 0.7
    return max(_sure_delimited(filled), _sure_aligned(filled))


def _boxed(line: str) -> bool:
    """Whether a line is a row of cells between drawn bars."""
    bar = line.strip()[:1]
    return bar in ("│", "║", "┃") and line.rstrip()[-1:] == bar and line.count(bar) > 2


def _sure_delimited(lines: Sequence[str]) -> float:
    mark = separator(lines)
    if not mark or len(lines) < 6:
        return 0.0
    split = splitter(mark)
    rows = [split(line) for line in lines]
    wide = len(rows[0])
    tuples = all(line[:1] == "(" and line.rstrip(",;")[-1:] == ")" for line in lines)
    if not tuples and any(field[:1] == " " and mark == "," for row in rows[:8] for field in row[1:]):
        return 0.0  # ", " is how prose and code separate
    even = sum(len(row) == wide for row in rows) >= 0.9 * len(rows)
    if not even or (not tuples and any(line[:1] in "\t {}[(" for line in lines[:8])):
        return 0.0
    return 0.92 if wide > 2 else 0.8 if mark == "\t" else 0.6


def _sure_aligned(lines: Sequence[str]) -> float:
    bare = [line.strip() for line in lines]
    gapped = sum([_GAPPED.search(line) is not None for line in bare if "  " in line or "\t" in line])
    if gapped >= 0.5 * len(lines) and any(map(heads_table, lines[:6])):
        return 0.9
    sure = _sure_gutters(lines) if gapped >= 0.7 * len(lines) else _sure_worded(lines)
    sure = max(sure, _sure_measured(lines))
    timed = sure and sum(map(bool, map(_TIME.match, lines))) > 0.3 * len(lines)
    return 0.0 if timed else sure


def _sure_worded(lines: Sequence[str]) -> float:
    """Lines of as many words of which some are always the same (`x on /y type z`), or of a name and a number."""
    sizes = [line.count(" ") + 1 for line in lines]
    size, seen = Counter(sizes).most_common(1)[0]
    if size < 2 or seen < 8 or seen < 0.9 * len(lines):
        return 0.0
    rows = [line.split(" ") for line, words in zip(lines, sizes, strict=True) if words == size]
    columns = list(zip(*rows, strict=True))
    if size == 2:
        return 0.74 if len(lines) >= 20 and all(map(str.isdigit, columns[1])) else 0.0
    same = sum(column.count(column[0]) == seen for column in columns)
    return 0.85 if same > 1 else 0.74 if same and len(lines) >= 20 else 0.0


def _sure_measured(lines: Sequence[str]) -> float:
    """Rows of as many words of which most are numbers (vmstat, netstat -i, /proc files)."""
    words = [line.split() for line in lines]
    size, seen = Counter(map(len, words)).most_common(1)[0]
    if size < 4 or seen < 6 or seen < 0.7 * len(lines):
        return 0.0
    rows = [row for row in words if len(row) == size]
    measured = [c for c in zip(*rows, strict=True) if sum(map(_is_number, c)) >= 0.9 * seen]
    return 0.8 if 2 * len(measured) > size else 0.0


def _is_number(word: str) -> bool:
    return word.strip("-+%").replace(".", "", 1).isdigit()


def _sure_gutters(lines: Sequence[str]) -> float:
    """Rows with the same number of gaps under one another."""
    rows = [line for line in lines[:40] if _GAPPED.search(line.strip())]
    counts = Counter(len(_GAPPED.findall(line.strip())) for line in rows)
    steady = counts.most_common(1)[0][1] >= 0.5 * len(rows)
    wide = max(map(len, rows))
    gutters = sum(column.count(" ") == len(rows) for column in zip(*[row.ljust(wide) for row in rows], strict=True))
    return (0.74 if gutters > 5 and len(rows) >= 20 else 0.65) if steady and gutters >= 2 else 0.0


def sure_listing(lines: Sequence[str], filled: Sequence[str]) -> float:
    """Drawn trees, `ls -l` rows, git status, diffstat, du, or bare paths; `filled` are the lines that aren't blank."""
    if len(filled) < 6:
        return 0.0
    filled = [filled[i] for i in spread(len(filled), _LOOKED_AT)]
    if sum(map(bool, map(_ANY_LISTED.match, filled))) >= _LEAST_LISTED * len(filled):
        for pattern, share in _LISTED:
            if sum(map(bool, map(pattern.match, filled))) >= share * len(filled):
                return 0.95
    slashed = [line for line in filled if "/" in line]
    if len(slashed) >= 0.9 * len(filled):
        size, alike = Counter([len(line.split()) for line in filled]).most_common(1)[0]
        ends = sum(["/" in line.rsplit(None, 1)[-1] for line in slashed])
        if 1 < size <= 4 and alike >= 0.9 * len(filled) and ends >= 0.9 * len(filled):
            return 0.8
    words = [line for line in filled if " " not in line]  # no other line can be a name
    bare = sum(map(bool, map(_PATH_CHARS.fullmatch, words)))
    if bare >= 0.9 * len(filled) and len(slashed) >= 0.5 * len(filled):
        return 0.9
    if sum(map(bool, map(_NAME.fullmatch, words))) >= 0.95 * len(filled) and lines.count("") < 2:
        return 0.74
    headed = sum([_HEADED.fullmatch(line) is not None for line in lines if line[-1:] == ":"])
    if headed < 2:
        return 0.0
    after_blank = sum(_HEADED.fullmatch(b) is not None for a, b in pairwise(lines) if not a)
    named = bare + sum(map(bool, map(_HEADED.fullmatch, words)))
    return 0.9 if named >= 0.8 * len(filled) and after_blank >= 0.8 * lines.count("") - 1 else 0.0


def sure_records(filled: Sequence[str]) -> float:
    """Lines of keys and values in which the same keys come back."""
    if len(filled) < 12:
        return 0.0
    marked = (line for line in filled if ":" in line or "=" in line or "|" in line)
    keys = Counter([found[0] for found in map(_KEYED.match, marked) if found])
    if len(keys) < 3:
        return 0.0
    back = sum([n for n in keys.values() if n >= 2])
    if back < 0.15 * len(filled):
        return 0.0
    opened = sum(map(bool, map(_OPENER.match, filled))) >= 3
    if back >= (0.15 if opened else 0.6) * len(filled) and len(keys) >= 3:
        return 0.9 if opened else 0.7
    return 0.0
