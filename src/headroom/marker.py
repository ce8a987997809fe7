"""The only place that knows what a marker looks like.

Two forms. In place, where something was left out: `[… 812 lines (41–852): passed tests …]`. Once per compressed block,
at its end: a line that says that the original is intact and which call returns which part of it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

RETRIEVE_TOOL = "headroom_retrieve"
RETRIEVE_COMMAND = "headroom retrieve"

_FOOTER_START = "[headroom: "
_FOOTER = re.compile(r"\[headroom: [^\n]*?\bid=\\?\"([0-9a-z]{6,64})\\?\"")
_LINE_RANGES = re.compile(r"(\[… \d+ (?:(?:line|sentence)s? \(|of lines ))([\d–, ]+)(\)|: | …)")
_RANGES = re.compile(r"(\[… \d+ (?:\w+ \(|of lines ))([\d–, ]+)(\)|: | …)")
_ONE = {
    "lines": "line",
    "rows": "row",
    "characters": "character",
    "items": "item",
    "sentences": "sentence",
    "traces": "trace",
    "lines of this form": "line of this form",
}


def plural(count: int, unit: str) -> str:
    """`count` with its unit: "1 line", "812 lines"."""
    return f"{count} {_ONE.get(unit, unit) if count == 1 else unit}"


def span(first: int, last: int) -> str:
    """A 1-based inclusive range: "41–852", or "41" for one position."""
    return str(first) if first == last else f"{first}–{last}"


def omitted(count: int, unit: str = "lines", ranges: Sequence[tuple[int, int]] = (), kind: str = "") -> str:
    """The in-place marker for `count` units left out at `ranges` (1-based, inclusive), and of what kind they were."""
    where = f" ({', '.join(span(a, b) for a, b in ranges)})" if ranges else ""
    return f"[… {plural(count, unit)}{where}{f': {kind}' if kind else ''} …]"


def omitted_among(count: int, first: int, last: int, kind: str = "") -> str:
    """The in-place marker for `count` lines scattered among the lines `first` to `last`, others of which are shown."""
    return f"[… {count} of lines {span(first, last)}{f': {kind}' if kind else ''} …]"


def repeats(count: int, ranges: Sequence[tuple[int, int]], source: str, terse: bool = False) -> str:
    """The in-place marker for lines that stand elsewhere in the conversation: `source` says where."""
    return omitted(count, "lines", ranges, source if terse else f"same as {source}")


def footer(id: str, path: str = "", brief: bool = False, tool: str = "") -> str:
    """The block's closing line: the original is intact, its id, the call that returns parts of it.

    The brief form names no call: for blocks that leave out only what stands elsewhere in the conversation. `tool` is
    one of the client's own that the call goes to, where the model has no `headroom_retrieve`.
    """
    inside = f', path="{path}"' if path else ""
    if brief:
        return f'{_FOOTER_START}original kept, id="{id}"{inside}]'
    if tool:
        return f"{_FOOTER_START}original kept, {command_call(tool, id, path, '--lines= or --query=')}]"
    return f'{_FOOTER_START}original kept, {RETRIEVE_TOOL}(id="{id}"{inside}, lines= or query=)]'


def command_call(tool: str, id: str, path: str, selectors: str) -> str:
    """In words, the call of a client's own tool that returns parts of an original: it is given a command."""
    inside = f" --path={shlex.quote(path)}" if path else ""
    return f'call {tool}({RETRIEVE_COMMAND} id="{id}"{inside} {selectors})'


def explains(text: str) -> bool:
    """Whether a compressed text closes with a line that names the call which fetches originals."""
    return f"{RETRIEVE_TOOL}(id=" in text or f"{RETRIEVE_COMMAND} id=" in text


def shift_lines(text: str, by: int) -> str:
    """The text with its markers' line ranges moved: it stands `by` lines further down in the original."""
    if not by:
        return text

    def moved(found: re.Match[str]) -> str:
        ranges = re.sub(r"\d+", lambda n: str(int(n[0]) + by), found[2])
        return found[1] + ranges + found[3]

    return _LINE_RANGES.sub(moved, text)


def place(text: str, path: str) -> str:
    """The text with its in-place markers saying under which JSON path of the original their ranges count."""
    return _RANGES.sub(lambda found: f"{found[1]}{found[2]} of {path}{found[3]}", text) if path else text


def looks_marked(text: str) -> bool:
    """Whether a text that was not compressed holds something that reads like an in-place marker."""
    return "[… " in text


def has_footer(text: str) -> bool:
    """Whether a text was compressed by Headroom before (so that it is left alone)."""
    return _FOOTER_START in text and _FOOTER.search(text) is not None


def footer_ids(text: str) -> list[str]:
    """The ids that stand in the closing lines of a text, in order."""
    return _FOOTER.findall(text)


def ranges_of(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Sorted positions as inclusive ranges: 1, 2, 3, 7 → (1, 3), (7, 7)."""
    out: list[tuple[int, int]] = []
    start = last = -2
    for n in numbers:
        if n == last + 1:
            last = n
            continue
        if last >= 0:
            out.append((start, last))
        start = last = n
    if last >= 0:
        out.append((start, last))
    return tuple(out)
