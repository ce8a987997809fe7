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
from collections.abc import Iterable, Sequence
from itertools import pairwise

_BRACES = re.compile(r"\{\d+\.\.\d+\}")
_RANGE = re.compile(r"(.*)\{(\d+)\.\.(\d+)\}(.*)", re.DOTALL)
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
_NO_DIGITS = dict.fromkeys(map(ord, "0123456789"))
_MIN_RUN = 5


def to_tree(rows: Iterable[tuple[str, str]], mark: str = "") -> list[str] | None:
    """Lines for (path, rest of the row) pairs; None where a path can't be told from the tree's own signs.

    `mark` separates the path from the rest, which begins with it or is empty.
    """
    paths: list[str] = []
    rests: list[str] = []
    for path, rest in rows:
        paths.append(path)
        rests.append(rest)
    if not are_plain(paths) or (mark and mark in "\n".join(paths)):
        return None
    if any(_BRACES.search(rest) for rest in rests if rest):
        return None
    homes = _homes(paths)
    commons = _common_depths(homes)
    lines: list[str] = []
    stack: list[int] = []  # depths (in components) at which open directories end
    for i, (path, rest) in enumerate(zip(paths, rests, strict=True)):
        shared, home = commons[i], homes[i]
        while stack and stack[-1] > shared:
            stack.pop()
        depth = stack[-1] if stack else 0
        if commons[i + 1] > depth:
            for end in _opened(homes, commons, i, depth):
                lines.append(" " * len(stack) + "/".join(home[depth:end]) + "/")
                stack.append(end)
                depth = end
        name = path[path.rfind("/") + 1 :]
        inside = "/".join((*home[depth:], name)) if depth < len(home) else name
        lines.append(" " * len(stack) + inside + rest)
    return _fold_ranges(lines, mark)


def are_plain(paths: Sequence[str]) -> bool:
    """Whether all the paths can stand in a tree: `is_plain` of each, at one go."""
    joined = "\n".join(("", *paths, ""))
    signs = ("\n\n", "\n ", "\n>", "/\n", "/ ")
    single = joined.count("\n") == len(paths) + 1
    return single and not any(sign in joined for sign in signs) and not ("{" in joined and _BRACES.search(joined))


def is_plain(path: str) -> bool:
    """Whether a path can stand in a tree without being taken for one of its signs."""
    return bool(path) and path[0] not in " >" and path[-1] != "/" and "/ " not in path and not _BRACES.search(path)


def _homes(paths: Sequence[str]) -> list[tuple[str, ...]]:
    """The directories of each path; those of paths in one directory are one object."""
    known: dict[str, tuple[str, ...]] = {}
    out: list[tuple[str, ...]] = []
    for path in paths:
        folder = path[: path.rfind("/") + 1]
        home = known.get(folder)
        if home is None:
            home = known[folder] = tuple(folder.split("/")[:-1])
        out.append(home)
    return out


def _common_depths(homes: Sequence[tuple[str, ...]]) -> list[int]:
    """For each path, how many directories it shares with the one before; one more entry (0) for the end."""
    out = [0]
    for a, b in pairwise(homes):
        depth = most = min(len(a), len(b))
        if a is not b:
            depth = next((i for i in range(most) if a[i] != b[i]), most)
        out.append(depth)
    out.append(0)
    return out


def _opened(homes: Sequence[tuple[str, ...]], commons: Sequence[int], i: int, depth: int) -> list[int]:
    """The depths at which directories open before path `i`: those that a following path still shares."""
    most = len(homes[i])
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
    shapes = "\n".join(lines).translate(_NO_DIGITS).split("\n")
    ends = [i for i, (a, b) in enumerate(pairwise(shapes), 1) if a != b]
    done = start = 0
    for end in (*ends, len(lines)):
        if end - start >= _MIN_RUN:
            out += lines[done:start]
            out += _folded(lines[start:end], mark)
            done = end
        start = end
    return out + lines[done:]


def _folded(lines: list[str], mark: str) -> list[str]:
    """The same for lines that differ in nothing but digits."""
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
        if not run or before != head or after != tail or number != str(int(last) + 1).zfill(len(last)):
            close()
            first = number
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
