"""Trees drawn with lines (`tree`) as indented names, and back: the branches follow from the indentation.

src                 src
├── app.py     →     app.py
└── lib              lib
    └── x.py          x.py
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Style:
    """How a tool draws: the stem of an open level, a branch, the last one, both again with something below them."""

    stem: str
    branch: str
    last: str
    parent: str = ""
    last_parent: str = ""

    def pattern(self) -> re.Pattern[str]:
        stem = self.stem
        stems = "|".join(map(re.escape, (stem, stem.replace(" ", "\xa0", 2), " " * len(stem))))
        branches = "|".join(re.escape(b) for b in (self.branch, self.last, self.parent, self.last_parent) if b)
        return re.compile(rf"((?:{stems})*)({branches})(.*)", re.DOTALL)


_STYLES = (
    _Style("│   ", "├── ", "└── "),  # tree, cargo tree, pipdeptree
    _Style("|   ", "|-- ", "`-- "),
    _Style("│ ", "├── ", "└── ", "├─┬ ", "└─┬ "),  # npm ls, pnpm list
    _Style("| ", "+-- ", "`-- ", "+-+ ", "`-+ "),
    _Style("|  ", "+- ", "\\- "),  # mvn dependency:tree
    _Style("|    ", "+--- ", "\\--- "),  # gradle dependencies
)
_PATTERNS = [style.pattern() for style in _STYLES]
DRAWN = re.compile("|".join(pattern.pattern.replace("(.*)", "") for pattern in _PATTERNS))
_FIRST = tuple({sign[0]: None for style in _STYLES for sign in (" ", style.stem, style.branch, style.last)})
_DEEPEST = 1_000
_SIZE = re.compile(r"\[ *(\S+)\]  (.*)", re.DOTALL)
_HEADER = re.compile(
    r'\[tree: the next (\d+) lines stand one blank deeper for each branch "([^"]+)"'
    r"(?:, the list being cut off inside levels ([\d ]+))?"
    r'(?:, the blank in "│.." is hard)?(?:, sizes were printed as "\[ {(\d+)}\]  ")?\]'
)
START = "[tree: the next "


def is_drawn(line: str) -> bool:
    """Whether a line begins with the stems and the branch of a drawn tree."""
    return line.startswith(_FIRST) and " " in line and DRAWN.match(line, 0, _DEEPEST) is not None


def encode(lines: Sequence[str]) -> list[str] | None:
    """The header and the indented lines for a run of drawn lines, or None where they can't be drawn again."""
    for style, pattern in zip(_STYLES, _PATTERNS, strict=True):
        found = [match for line in lines if (match := pattern.fullmatch(line))]
        if len(found) == len(lines):
            for cut in (False, True):
                coded = _indented(lines, found, style, _open_levels(found[-1], style) if cut else "")
                if decode(coded) == list(lines):
                    return coded
    return None


def _open_levels(last: re.Match[str], style: _Style) -> str:
    """The levels that the last line shows as going on, where a list was cut off."""
    size = len(style.stem)
    stems = [last[1][at : at + size] for at in range(0, len(last[1]), size)]
    levels = [i for i, stem in enumerate(stems) if stem.strip()]
    levels += [len(stems)] if last[2] in (style.branch, style.parent) else []
    return " ".join(map(str, levels))


def _indented(lines: Sequence[str], found: Sequence[re.Match[str]], style: _Style, cut: str) -> list[str]:
    depths = [len(match[1]) // len(style.stem) for match in found]
    names = [match[3] for match in found]
    hard = any("\xa0" in line for line in lines)
    sizes = [match for name in names if (match := _SIZE.fullmatch(name))]
    width = 0
    if len(sizes) == len(names):
        width = len(names[0]) - len(sizes[0][2]) - 4
        names = [f"{match[2]}  {match[1]}" for match in sizes]
    header = f'{START}{len(lines)} lines stand one blank deeper for each branch "{style.parent or style.branch}"'
    header += f", the list being cut off inside levels {cut}" if cut else ""
    header += ', the blank in "│.." is hard' if hard else ""
    header += f', sizes were printed as "[ {{{width}}}]  "' if width else ""
    return [header + "]", *[" " * depth + name for depth, name in zip(depths, names, strict=True)]]


def decode(coded: Sequence[str]) -> list[str]:
    """The drawn lines again."""
    match = _HEADER.fullmatch(coded[0])
    style = next((s for s in _STYLES if match and match[2] == (s.parent or s.branch)), None)
    if match is None or style is None:
        return list(coded)
    rows = [(len(line) - len(line.lstrip(" ")), line.lstrip(" ")) for line in coded[1:]]
    stem = style.stem.replace(" ", "\xa0", 2) if "is hard" in coded[0] else style.stem
    blank = " " * len(stem)
    width = int(match[4] or 0)
    open_ = set(map(int, (match[3] or "").split()))
    more = [level in open_ for level in range(max(open_, default=-1) + 1)]  # by depth: whether that level goes on
    out: list[str] = []
    below = -1  # the depth of the line that follows
    for depth, name in reversed(rows):
        more += [False] * (depth + 1 - len(more))
        stems = "".join(stem if on else blank for on in more[:depth])
        if width:
            name, _, size = name.rpartition("  ")
            name = f"[{size:>{width}}]  {name}"
        if style.parent and below > depth:
            branch = style.parent if more[depth] else style.last_parent
        else:
            branch = style.branch if more[depth] else style.last
        out.append(stems + branch + name)
        more[depth] = True
        del more[depth + 1 :]
        below = depth
    return out[::-1]
