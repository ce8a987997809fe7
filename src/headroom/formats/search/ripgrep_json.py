"""`rg --json` records as hits: begin and end records and the fields that only programs read are left out."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Literal

import msgspec

from headroom.formats.search.hits import Hits

_SEPARATORS: dict[str, str] = {"match": ":", "context": "-"}
_MOST_DIGITS = 9


class _Text(msgspec.Struct):
    text: str


class _Data(msgspec.Struct):
    path: _Text | None = None
    lines: _Text | None = None
    line_number: int | None = None


class _Record(msgspec.Struct):
    type: Literal["begin", "match", "context", "end", "summary"]
    data: _Data


@dataclass(frozen=True, slots=True)
class Records:
    """The hits, the lines (0-based) of begin and end records, and those of the records that became hits."""

    hits: Hits
    frames: list[int]
    shown: list[int]


def is_ripgrep_json(line: str) -> bool:
    """Whether a line is how `rg --json` begins a record."""
    return line.startswith(('{"type":"begin","data":{"path":', '{"type":"match","data":{"path":'))


def parse_ripgrep_json(lines: list[str]) -> Records:
    """Reads the records; what is none, or is not one line of text (bytes, multi-line matches), stays a plain line."""
    decoder = msgspec.json.Decoder(_Record)
    hits = Hits(headed=False)
    frames: list[int] = []
    shown: list[int] = []
    for index, line in enumerate(lines):
        record = _record(decoder, line)
        separator = _SEPARATORS.get(record.type, "") if record else ""
        data = record.data if record else None
        if record and record.type in ("begin", "end") and data and data.path:
            frames.append(index)
            continue
        hit = _hit(data, separator) if data and separator else None
        path = data.path.text if hit and data and data.path else ""
        if not hits.paths or hits.paths[-1] != path:
            hits.open(path)
        if hit:
            hits.add(*hit, ord(separator))
            shown.append(index)
        else:
            hits.add_plain((line,))
    framed = set(frames)
    hits.at = array("Q", [index for index in range(len(lines)) if index not in framed])
    return Records(hits, frames, shown)


def _record(decoder: msgspec.json.Decoder[_Record], line: str) -> _Record | None:
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None


def _hit(data: _Data, separator: str) -> tuple[str, int] | None:
    """The row of a one-line record, and where the text begins in it."""
    if data.lines is None or data.path is None or not data.path.text or "\n" in data.path.text:
        return None
    text = data.lines.text.removesuffix("\n")
    number = "" if data.line_number is None else str(data.line_number)
    if "\n" in text or len(number) > _MOST_DIGITS:
        return None
    return f"{number}{separator}{text}", len(number) + 1
