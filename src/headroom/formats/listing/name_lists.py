"""Lists of bare names, one a line (`ls`, `ls -R`, `git tag`), with several names on a line, and back.

    ./app:                 ./app: main.py views
    main.py
    views             →     views: home.py list.py user.py

    ./app/views:
    home.py
    …

Below a directory stand those inside it, one blank deeper; names with the same long ending share it behind braces.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

_TREE = "[directories: the next "
_FLAT = "[names: the next "
_HEADER = re.compile(
    r"\[(?:directories|names): the next (\d+) lines (?:hold (\d+) names|are one directory each)[^\n]*\]"
)
_RAW = ">"
_UNSAFE = re.compile(r"[\s{}\"]|^>")
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\{([^}]*)\}([^ ]*)|[^ ]+')
_MIN_ALIKE, _LONG, _MAX_NAME, _ROW = 3, 8, 200, 100
_MAX_RAW = 0.2


def is_coded(line: str) -> bool:
    """Whether a line is the header of such a list."""
    return line.startswith((_TREE, _FLAT))


def encode_names(lines: Sequence[str]) -> list[str] | None:
    """The header and the rows for lines of one name each; None where a line is none."""
    if not all(lines) or max(map(len, lines)) > _MAX_NAME:
        return None
    words = list(_grouped(lines))
    rows = [[words[0]]]
    size = len(words[0])
    for word in words[1:]:
        size += len(word) + 1
        if size > _ROW:
            rows.append([])
            size = len(word)
        rows[-1].append(word)
    said = f"lines hold {len(lines)} names that stood one a line{_braces(words)}]"
    return [f"{_FLAT}{len(rows)} {said}", *map(" ".join, rows)]


def encode_directories(lines: Sequence[str]) -> list[str] | None:
    """The header and one line for each directory of a recursive listing; None where that can't be read back."""
    blocks = "\n".join(lines).split("\n\n")
    split = [_headed(block) for block in blocks]
    if sum(part is None for part in split) > _MAX_RAW * len(split):
        return None
    out: list[str] = []
    words: list[str] = []
    open_: list[str] = []
    for block, part in zip(blocks, split, strict=True):
        if part is None:
            out += [_RAW, *(_RAW + line for line in block.split("\n"))]
            continue
        path, *names = part
        while open_ and not _is_inside(path, open_[-1]):
            open_.pop()
        shown = path[len(open_[-1]) + 1 :] if open_ else path
        grouped = list(_grouped(names))
        words += grouped
        out.append(" " * len(open_) + " ".join((f"{shown}:", *grouped)))
        open_.append(path)
    said = "lines are one directory each: its name, all names in it; one blank deeper stand those inside it"
    header = f"{_TREE}{len(out)} {said}{_braces(words)}]"
    return [header, *out] if decode([header, *out]) == list(lines) else None


def decode(coded: Sequence[str]) -> list[str]:
    """The lines that a header and its rows stand for. ValueError for others."""
    header = _HEADER.fullmatch(coded[0])
    if header is None:
        raise ValueError("not a list of names")
    if header[2]:
        return [name for row in coded[1:] for name in _names(row)]
    out: list[str] = []
    open_: list[str] = []
    for row in coded[1:]:
        if row.startswith(_RAW):
            out.append(row[1:])
            continue
        name = row.lstrip(" ")
        del open_[len(row) - len(name) :]
        shown, _, rest = name.partition(":")
        path = "/".join((open_[-1], shown)) if open_ else shown
        open_.append(path)
        out += (["", f"{path}:"] if out else [f"{path}:"]) + list(_names(rest))
    return out[1:] if coded[1:2] == [_RAW] else out


def size_of(header: str) -> int:
    """How many lines follow a header; 0 for another line."""
    match = _HEADER.fullmatch(header)
    return int(match[1]) if match else 0


def _headed(block: str) -> list[str] | None:
    """A block's path and names, None where it has no heading or one that can't be written on its line."""
    heading, *names = block.split("\n")
    if not heading.endswith(":") or heading[0] in f" {_RAW}" or ":" in heading[:-1] or not all(names):
        return None
    return [heading[:-1], *names]


def _is_inside(path: str, directory: str) -> bool:
    """Whether a path is that of an entry of the directory, and reads as one."""
    name = path[len(directory) + 1 :]
    return path.startswith(f"{directory}/") and "/" not in name and name[:1] not in ("", " ", _RAW)


def _grouped(names: Sequence[str]) -> Iterator[str]:
    """The names as words of a row, neighbours of the same long ending as one word in braces."""
    ends = _endings(names)
    if not any(ends):
        yield from map(_quoted, names)
        return
    at = 0
    for end, group in groupby(ends):
        alike = names[at : at + len(list(group))]
        at += len(alike)
        if end and len(alike) >= _MIN_ALIKE:
            yield f"{{{' '.join([name[: -len(end)] for name in alike])}}}{end}"
        else:
            yield from map(_quoted, alike)


def _endings(names: Sequence[str]) -> list[str]:
    """What each name may share with its neighbours: all behind its first dot where that is met often, else its last."""
    if len(names) < _MIN_ALIKE:
        return []
    whole = [_ending(name, name.find(".", 1)) for name in names]
    counts = Counter(whole)
    often = {end for end, n in counts.items() if n >= _MIN_ALIKE}
    if len(often) == len(counts):
        return whole
    return [end if end in often else _ending(name, name.rfind(".", 1)) for name, end in zip(names, whole, strict=True)]


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False) if _UNSAFE.search(name) else name


def _ending(name: str, at: int) -> str:
    """A name from the dot at `at` on, where that is long: a short one stays, for names are quoted as they are."""
    return name[at:] if 0 < at <= len(name) - _LONG and name[0] != "." and not _UNSAFE.search(name) else ""


def _names(row: str) -> Iterator[str]:
    for word in _WORD.finditer(row):
        if word[1] is not None:
            yield from (name + word[2] for name in word[1].split(" "))
        else:
            yield str(json.loads(word[0])) if word[0][0] == '"' else word[0]


def _braces(words: Sequence[str]) -> str:
    return "; {a b}.x stands for a.x b.x" if any(word[0] == "{" for word in words) else ""
