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
from itertools import compress, count, islice, pairwise, repeat, starmap
from operator import ne

_BRACES = re.compile(r"\{\d+\.\.\d+\}")
_RANGE = re.compile(r"(.*)\{(\d+)\.\.(\d+)\}(.*)", re.DOTALL)
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
_NO_DIGITS = dict.fromkeys(map(ord, "0123456789"))
_MIN_RUN, _LOOK_AHEAD = 5, 4_000


def to_tree(paths: Sequence[str], rests: Sequence[str] = (), mark: str = "") -> list[str] | None:
    """Lines for paths, each with the rest of its row; None where a path can't be told from the tree's own signs.

    `mark` separates the path from the rest, which begins with it or is empty.
    """
    if not are_plain(paths) or (mark and mark in "\n".join(paths)) or _BRACES.search("\n".join(rests)):
        return None
    return _fold_ranges(_written(paths, rests), mark)


def _written(paths: Sequence[str], rests: Sequence[str]) -> list[str]:
    """The lines of the tree: directories where several paths share them, below each its paths."""
    if not paths:
        return []
    known: dict[str, str] = {}
    folders = [known.setdefault(folder, folder) for folder in (path[: path.rfind("/") + 1] for path in paths)]
    starts = [0, *compress(count(1), map(ne, folders, islice(folders, 1, None)))]
    homes = [tuple(folders[start].split("/")[:-1]) for start in starts]
    commons = [0, *starmap(_common_depth, pairwise(homes)), 0]
    starts.append(len(paths))
    lines: list[str] = []
    stack: list[int] = []  # depths (in components) at which open directories end
    for run, home in enumerate(homes):
        while stack and stack[-1] > commons[run]:
            stack.pop()
        depth = stack[-1] if stack else 0
        for end in _opened(home, commons, starts, run, depth):
            lines.append(" " * len(stack) + "/".join(home[depth:end]) + "/")
            stack.append(end)
            depth = end
        start, end = starts[run], starts[run + 1]
        before = " " * len(stack) + "/".join((*home[depth:], ""))
        cut = len(folders[start])
        if rests:
            lines += [before + path[cut:] + rest for path, rest in zip(paths[start:end], rests[start:end], strict=True)]
        else:
            lines += [before + path[cut:] for path in paths[start:end]]
    return lines


def are_plain(paths: Sequence[str]) -> bool:
    """Whether all the paths can stand in a tree: `is_plain` of each, at one go."""
    joined = "\n".join(("", *paths, ""))
    signs = ("\n\n", "\n ", "\n>", "/\n", "/ ")
    single = joined.count("\n") == len(paths) + 1
    return single and not any(sign in joined for sign in signs) and not ("{" in joined and _BRACES.search(joined))


def is_plain(path: str) -> bool:
    """Whether a path can stand in a tree without being taken for one of its signs."""
    return bool(path) and path[0] not in " >" and path[-1] != "/" and "/ " not in path and not _BRACES.search(path)


def _common_depth(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many directories two homes share."""
    differ = map(ne, one, other)
    return next(compress(count(), differ), min(len(one), len(other)))


def _opened(home: tuple[str, ...], commons: Sequence[int], starts: Sequence[int], run: int, depth: int) -> list[int]:
    """The depths at which directories open before a run of paths of one home: those that a following path shares."""
    most = limit = len(home)
    ends: list[int] = []
    following = starts[run] + 1
    if starts[run + 1] > following and most > depth:
        ends.append(most)
    after = run + 1
    while limit > depth and after < len(commons) and starts[after] <= starts[run] + _LOOK_AHEAD:
        shared = min(commons[after], limit)
        if shared < limit or (shared == most and starts[after] == following):
            if shared > depth:
                ends.append(shared)
            limit = shared
        after += 1
    return sorted(set(ends))


def _fold_ranges(lines: list[str], mark: str) -> list[str]:
    """Runs of lines that differ in their last number only, which counts up by one, in one line."""
    out: list[str] = []
    shapes = map(str.translate, lines, repeat(_NO_DIGITS))
    ends = compress(count(1), starmap(ne, pairwise(shapes)))
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
