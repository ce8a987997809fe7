"""Lists of paths as an indented tree, in their order, and back: the directory is said once, names below it.

    src/app/
     main.py
     views/
      test_{1..12}.py
     settings.py

A line that ends in "/" opens a directory; `{1..12}` stands for twelve names that count up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

_BRACES = re.compile(r"\{\d+\.\.\d+\}")
_RANGE = re.compile(r"(.*)\{(\d+)\.\.(\d+)\}(.*)", re.DOTALL)
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
_MIN_RUN = 5


def to_tree(rows: Sequence[tuple[str, str]], mark: str = "") -> list[str] | None:
    """Lines for (path, rest of the row) pairs; None where a path can't be told from the tree's own signs.

    `mark` separates the path from the rest, which begins with it or is empty.
    """
    paths = [path for path, _ in rows]
    joined = "\n".join(paths)
    if not all(map(is_plain, paths)) or (mark and mark in joined):
        return None
    if any(_BRACES.search(rest) for _, rest in rows if rest):
        return None
    split = [path.split("/") for path in paths]
    commons = _common_depths(split)
    lines: list[str] = []
    stack: list[int] = []  # depths (in components) at which open directories end
    for i, parts in enumerate(split):
        shared = commons[i]
        while stack and stack[-1] > shared:
            stack.pop()
        depth = stack[-1] if stack else 0
        target = _opened(split, commons, i, depth) if commons[i + 1] > depth else ()
        for end in target:
            lines.append(" " * len(stack) + "/".join(parts[depth:end]) + "/")
            stack.append(end)
            depth = end
        lines.append(" " * len(stack) + "/".join(parts[depth:]) + rows[i][1])
    return _fold_ranges(lines, mark)


def is_plain(path: str) -> bool:
    """Whether a path can stand in a tree without being taken for one of its signs."""
    return bool(path) and path[0] not in " >" and path[-1] != "/" and "/ " not in path and not _BRACES.search(path)


def _common_depths(split: Sequence[list[str]]) -> list[int]:
    """For each path, how many directories it shares with the one before; one more entry (0) for the end."""
    out = [0]
    for a, b in pairwise(split):
        most = min(len(a), len(b)) - 1
        depth = 0
        while depth < most and a[depth] == b[depth]:
            depth += 1
        out.append(depth)
    out.append(0)
    return out


def _opened(split: Sequence[list[str]], commons: Sequence[int], i: int, depth: int) -> list[int]:
    """The depths at which directories open before path `i`: those that a following path still shares."""
    most = len(split[i]) - 1
    ends: list[int] = []
    limit = most
    j = i + 1
    while j < len(commons) and limit > depth:
        shared = min(commons[j], limit)
        if shared < limit or (j == i + 1 and shared == limit):
            if shared > depth:
                ends.append(shared)
            limit = shared
        j += 1
        if j - i > 4_000:
            break
    return sorted(set(ends))


def _fold_ranges(lines: list[str], mark: str) -> list[str]:
    """Runs of lines that differ in their last number only, which counts up by one, in one line."""
    out: list[str] = []
    first = last = ""
    head = tail = ""
    run: list[str] = []

    def close() -> None:
        if len(run) >= _MIN_RUN:
            out.append(f"{head}{{{first}..{last}}}{tail}")
        else:
            out.extend(run)
        run.clear()

    for line in lines:
        path, sign, rest = line.partition(mark) if mark else (line, "", "")
        match = _LAST_NUMBER.search(path) if sign or not line.endswith("/") else None
        if match is None or len(match[0]) > 15 or not match[0].isascii():
            close()
            out.append(line)
            continue
        number, before, after = match[0], path[: match.start()], path[match.end() :] + sign + rest
        if run and before == head and after == tail and number == str(int(last) + 1).zfill(len(last)):
            last = number
        else:
            close()
            first = last = number
            head, tail = before, after
        last = number
        run.append(line)
    close()
    return out


def from_tree(lines: Sequence[str], mark: str = "") -> list[str]:
    """The rows (path, then the rest) that `to_tree` wrote."""
    stack: list[str] = []
    out: list[str] = []
    for line in lines:
        name = line.lstrip(" ")
        depth = len(line) - len(name)
        del stack[depth:]
        prefix = "".join(stack)
        if name.endswith("/") and not (mark and mark in name):
            stack.append(name)
            continue
        match = _RANGE.fullmatch(name)
        if match:
            before, first, last, after = match.groups()
            out.extend(f"{prefix}{before}{str(n).zfill(len(first))}{after}" for n in range(int(first), int(last) + 1))
        else:
            out.append(prefix + name)
    return out
