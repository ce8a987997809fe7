"""Server-Sent Events without any I/O: bytes in, events out, in whatever pieces the bytes arrive.

The format is WHATWG HTML's "Server-sent events" (https://html.spec.whatwg.org/multipage/server-sent-events.html).
Unlike there, comments and other events without data are events too, so that no byte of a stream is lost.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(r"\r\n|\r|\n")
# A line's end with another one right behind it. A last "\r" is none yet: the "\n" that belongs to it may follow.
_BLANK_LINE = re.compile(rb"(?:\n|\r(?!\n))(?:\n|\r\n|\r(?=[^\n]))")
# What nearly all events look like. Only where they end is said differently by lines that end otherwise.
_USUAL = re.compile(rb"(?:event: ?([^\r\n]*)\n)?data: ?([^\r\n]*)\n\n")
_REACH = 2  # bytes of it that can be there before the one that completes it


class Event(NamedTuple):
    """One event: its bytes with the blank line that ends it, its name and its data ("" where it has none)."""

    raw: bytes
    name: str
    data: str


class EventReader:
    """Cuts a stream into events; all `raw` in a row with `rest()` behind them are what was fed, byte for byte."""

    def __init__(self) -> None:
        # The end of a line, which is what comes before an event, and then the bytes of one that isn't complete.
        self._held = bytearray(b"\n")
        self._searched = 0
        self._mark = _BOM

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that are complete with this chunk."""
        self._held += chunk
        if _BLANK_LINE.search(self._held, self._searched) is None:
            self._searched = max(0, len(self._held) - _REACH)
            return []
        held = bytes(self._held)
        events = []
        start = 1
        while event := self._next(held, start):
            events.append(event)
            start += len(event.raw)
        del self._held[: start - 1]
        self._searched = max(0, len(self._held) - _REACH)
        return events

    def rest(self) -> bytes:
        """What was fed after the last event; `parsed` reads it where a stream ends without its blank line."""
        return bytes(self._held[1:])

    def _next(self, held: bytes, start: int) -> Event | None:
        """The event that begins there; None where it isn't complete."""
        if usual := _USUAL.match(held, start):
            self._mark = b""
            raw, name, data = usual.group(0, 1, 2)
            return Event(raw, (name or b"").decode("utf-8", "replace"), data.decode("utf-8", "replace"))
        found = _BLANK_LINE.search(held, start - 1)
        return self._event(held[start : found.end()]) if found else None

    def _event(self, raw: bytes) -> Event:
        mark, self._mark = self._mark, b""
        return parsed(raw.removeprefix(mark))._replace(raw=raw) if mark else parsed(raw)


def parsed(raw: bytes) -> Event:
    """The event that these bytes are, with or without its blank line. What isn't UTF-8 becomes U+FFFD."""
    name = b""
    data = []
    for line in raw.splitlines():
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return Event(raw, name.decode("utf-8", "replace"), b"\n".join(data).decode("utf-8", "replace"))


def written(name: str, data: str) -> bytes:
    """One event as providers write it; no name ("") writes no name. Raises ValueError for a name of several lines.

    The format knows one line end: "\\r\\n" and "\\r" in the data are read as "\\n". Lone surrogates become "?".
    """
    if _LINE_END.search(name):
        raise ValueError(f"an event name of several lines: {name!r}")
    named = [f"event: {name}"] if name else []
    lines = [*named, *(f"data: {line}" for line in _LINE_END.split(data)), "", ""]
    return "\n".join(lines).encode("utf-8", "replace")
