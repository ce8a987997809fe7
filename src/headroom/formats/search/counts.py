"""`path:7` counts and the directories they share: a directory line, then its `name:7` lines."""

from __future__ import annotations

import re
from itertools import groupby

_HEADER = "[matching lines per file, by directory: a directory, then its file:count]"
_COUNT = re.compile(r"(?!\d+(?:\.\d+){3}:)((?:[A-Za-z]:[\\/])?[^:\x00]*[\w\])}~]):[0-9]{1,9}")
_MIN_RUN = 3


def is_count(line: str) -> bool:
    """Whether a line says how many lines of a file match."""
    return line[-1:].isdigit() and _COUNT.fullmatch(line) is not None


def is_by_directory(text: str) -> bool:
    """Whether a text is in this form already."""
    return text.startswith(_HEADER)


def by_directory(text: str, lines: list[str]) -> str | None:
    """The counts below their directories, None where the text holds lines that could be taken for something else."""
    if any(not line or line.endswith("/") for line in lines):
        return None
    paragraphs: list[str] = []
    single: list[str] = []
    for directory, run in groupby(lines, key=lambda line: line[: line.rfind("/") + 1]):
        rows = list(run)
        if not directory or len(rows) < _MIN_RUN:
            single += rows
            continue
        if single:
            paragraphs.append("\n".join(single))
            single = []
        paragraphs.append("\n".join([directory, *(row[len(directory) :] for row in rows)]))
    if single:
        paragraphs.append("\n".join(single))
    return f"{_HEADER}\n" + "\n\n".join(paragraphs) + ("\n" if text.endswith("\n") else "")


def from_directories(text: str) -> str:
    """The counts as the tool printed them."""
    body = text.partition("\n")[2]
    final = "\n" if body.endswith("\n") else ""
    out: list[str] = []
    for paragraph in body.removesuffix("\n").split("\n\n"):
        first, *rest = paragraph.split("\n")
        out += [first + row for row in rest] if first.endswith("/") else [first, *rest]
    return "\n".join(out) + final
