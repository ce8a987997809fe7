"""How surely lines are a table, a listing or a dump of records: shape only, a few dozen lines looked at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import inf

from headroom.formats.listing.drawing import DRAWN
from headroom.formats.table.delimited import MARKS, separator, splitter
from headroom.formats.table.layout import spread
from headroom.formats.table.regions import heads_table
from headroom.interfaces import Sample
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
# One look at the page for all: most texts are no listing of any kind.
_PAGE_LISTED = re.compile(rf"\n(?:{'|'.join(pattern.pattern for pattern, _ in _LISTED[1:])})", re.MULTILINE)
_BRANCHES = re.compile(r"\n[│|├└`+\\]")  # where trees are drawn, below their roots
_LOOKED_AT, _ROWS = 40, 40
_LEAST_MEASURED = 0.7 * 0.9 * 3  # numbers a line: of as many rows, in as many cells of three columns
_WORD_ENDS = bytes.maketrans(b"0123456789%+-.\t\n\v\f\r\x1c\x1d\x1e\x1f", b"0" * 14 + b" " * 9)
_DATA_FILE = re.compile(r"\.(?:csv|tsv|tab|psv|txt|log|out|md)\b", re.IGNORECASE)


def reads_source(context: Context) -> bool:
    """Whether the text is a file that its reader may want to edit: its lines are to be quoted, not re-encoded."""
    return context.intent is Intent.READ and not _DATA_FILE.search(context.call.path or context.call.command or ".txt")


def sure_table(sample: Sample) -> float:
    """Delimited fields, rows between bars, or cells under one another below titles or in clear gutters."""
    page, filled = sample.page, sample.filled
    if len(filled) < 4:
        return 0.0
    rest = spread(len(filled) - 6, _LOOKED_AT)
    filled = (*filled[:6], *filled[-(-6 // rest.step) * rest.step : rest.stop : rest.step])
    barred = sum([line.count("|") >= 2 for line in filled]) if page.count("|") >= len(filled) else 0
    if not page.isascii():
        barred = max(barred, sum([_boxed(line) for line in filled if not line.isascii()]))
    if barred >= 0.5 * len(filled):
        return 0.9 if barred >= 0.8 * len(filled) else 0.7
    return max(_sure_delimited(filled), _sure_aligned(filled, sample))


def _boxed(line: str) -> bool:
    """Whether a line is a row of cells between drawn bars."""
    bar = line.strip()[:1]
    return bar in ("│", "║", "┃") and line.rstrip()[-1:] == bar and line.count(bar) > 2


def _sure_delimited(lines: Sequence[str]) -> float:
    mark = separator(lines) if len(lines) >= 6 and _may_be_delimited(lines) else ""
    if not mark:
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


def _may_be_delimited(lines: Sequence[str]) -> bool:
    """Whether a mark stands in nine tenths of the lines: it does so in most of the first ones then."""
    others = len(lines) // 10
    head = "".join(lines[: 2 * others + 1])
    marks = [mark for mark in MARKS if head.count(mark) > others]
    return any(sum([mark in line for line in lines]) >= 0.9 * len(lines) for mark in marks)


def _sure_aligned(lines: Sequence[str], sample: Sample) -> float:
    rows: list[str] = []
    gapped = 0
    if sample.flush.count("  ") + sample.flush.count("\t") >= 0.5 * len(lines):
        rows = _gapped(lines[:_ROWS])
        gapped = len(rows) + len(_gapped(lines[_ROWS:]))
    if gapped >= 0.5 * len(lines) and any(map(heads_table, lines[:6])):
        return 0.9
    sure = _sure_gutters(rows) if gapped >= 0.7 * len(lines) else _sure_worded(lines)
    if _numbers(sample.page) >= _LEAST_MEASURED * len(lines):
        sure = max(sure, _sure_measured(lines))
    timed = sure and sum(map(bool, map(_TIME.match, lines))) > 0.3 * len(lines)
    return 0.0 if timed else sure


def _sure_worded(lines: Sequence[str]) -> float:
    """Lines of as many words of which some are always the same (`x on /y type z`), or of a name and a number."""
    others = len(lines) // 10
    if len(lines) < 8 or not _agree([line.count(" ") for line in lines[: 2 * others + 3]], others):
        return 0.0
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


def _agree(values: list[int], others: int) -> bool:
    """Whether all but at most `others` of the values are the same one."""
    return values.count(sorted(values)[len(values) // 2]) >= len(values) - others


def _numbers(page: str) -> float:
    """At most so many words of the page are numbers."""
    return page.encode().translate(_WORD_ENDS).count(b"0 ") + 1 if page.isascii() else inf


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


def _gapped(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if ("  " in line or "\t" in line) and _GAPPED.search(line.strip())]


def _sure_gutters(rows: Sequence[str]) -> float:
    """Rows with the same number of gaps under one another."""
    longest = max(rows, key=len)
    wide = len(longest)
    grid = "".join([row.ljust(wide) for row in rows])
    blank = (i for i, sign in enumerate(longest) if sign == " ")
    gutters = sum([grid[i::wide].count(" ") == len(rows) for i in blank])
    if gutters < 2:
        return 0.0
    counts = Counter([len(_GAPPED.findall(line.strip())) for line in rows])
    steady = counts.most_common(1)[0][1] >= 0.5 * len(rows)
    return (0.74 if gutters > 5 and len(rows) >= 20 else 0.65) if steady else 0.0


def sure_listing(sample: Sample) -> float:
    """Drawn trees, `ls -l` rows, git status, diffstat, du, or bare paths."""
    page, lines, filled = sample.page, sample.lines, sample.filled
    if len(filled) < 6:
        return 0.0
    filled = filled[:: spread(len(filled), _LOOKED_AT).step]
    shapes = _LISTED if _PAGE_LISTED.search(page) else _LISTED[:1] if _BRANCHES.search(sample.flush) else ()
    for pattern, share in shapes:
        if sum(map(bool, map(pattern.match, filled))) >= share * len(filled):
            return 0.95
    slashed = [line for line in filled if "/" in line] if page.count("/") >= 0.5 * len(filled) else []
    if len(slashed) >= 0.9 * len(filled):
        size, alike = Counter([len(line.split()) for line in filled]).most_common(1)[0]
        ends = sum(["/" in line.rsplit(None, 1)[-1] for line in slashed])
        if 1 < size <= 4 and alike >= 0.9 * len(filled) and ends >= 0.9 * len(filled):
            return 0.8
    words = [line for line in filled if " " not in line]  # no other line can be a name
    if len(words) < 0.8 * len(filled):
        return 0.0
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
