"""Trees drawn with lines (`tree`) as indented names, and back: the branches follow from the indentation.

    src                 src
    ├── app.py     →     app.py
    └── lib              lib
        └── x.py          x.py
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_BRANCH = re.compile(r"((?:[│|](?:   |\xa0\xa0 )|    )*)(├── |└── |\|-- |`-- )(.*)", re.DOTALL)
_SIZE = re.compile(r"\[ *(\S+)\]  (.*)", re.DOTALL)
_HEADER = re.compile(r'\[tree: the next (\d+) lines stand one blank deeper for each branch "(\|-- |├── )"'
                     r'(?:, the blank in "│.." is hard)?(?:, sizes were printed as "\[ {(\d+)}\]  ")?\]')
START = "[tree: the next "


def encode(lines: Sequence[str]) -> list[str] | None:
    """The header and the indented lines for a run of drawn lines, or None where they can't be drawn again."""
    found = [_BRANCH.fullmatch(line) for line in lines]
    if not all(found):
        return None
    depths = [len(m[1]) // 4 for m in found if m]
    names = [m[3] for m in found if m]
    branch = "├── " if lines[0][len(found[0][1]) :][:1] in "├└" else "|-- "  # type: ignore[index]
    hard = any("\xa0" in line for line in lines)
    sizes = [_SIZE.fullmatch(name) for name in names]
    width = 0
    if all(sizes):
        width = len(names[0]) - len(sizes[0][2]) - 4  # type: ignore[index]
        names = [f"{m[2]}  {m[1]}" for m in sizes if m]
    header = START + f'{len(lines)} lines stand one blank deeper for each branch "{branch}"'
    header += ', the blank in "│.." is hard' if hard else ""
    header += f', sizes were printed as "[ {{{width}}}]  "' if width else ""
    out = [header + "]", *[" " * depth + name for depth, name in zip(depths, names, strict=True)]]
    return out if decode(out) == list(lines) else None


def decode(coded: Sequence[str]) -> list[str]:
    """The drawn lines again."""
    match = _HEADER.fullmatch(coded[0])
    if not match:
        return list(coded)
    rows = [(len(line) - len(line.lstrip(" ")), line.lstrip(" ")) for line in coded[1:]]
    branch, last = ("├── ", "└── ") if match[2] == "├── " else ("|-- ", "`-- ")
    bar = ("│\xa0\xa0 " if "hard" in coded[0] else "│   ") if branch[0] == "├" else "|   "
    width = int(match[3] or 0)
    more: list[bool] = []  # by depth: whether a later line continues that level
    out: list[str] = []
    for depth, name in reversed(rows):
        more += [False] * (depth + 1 - len(more))
        stem = "".join(bar if on else "    " for on in more[:depth])
        if width:
            name, _, size = name.rpartition("  ")
            name = f"[{size:>{width}}]  {name}"
        out.append(stem + (branch if more[depth] else last) + name)
        more[depth] = True
        del more[depth + 1 :]
    return out[::-1]
