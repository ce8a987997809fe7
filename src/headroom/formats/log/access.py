"""Web servers' access logs: requests by method and status, whatever path, referrer and user agent follow."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from headroom.formats.log.slots import Slot, number_slot

_REQUEST = re.compile(r"\"([A-Z]{3,10}) [^\"\n]*\" (\d{3}) (?:\d+|-)(?=\s|$)")
_PARTS = re.compile(r"\"[A-Z]{3,10} ([^\s?\"]*)[^\"\n]*\" \d{3} (\d+|-)(?=\s|$)")
_CLIENT = re.compile(r"\S+")


def request(line: str) -> tuple[str, str] | None:
    """Method and status of an access log line, None for any other line."""
    found = _REQUEST.search(line, 0, 4_000)
    return (found.group(1), found.group(2)) if found else None


def request_slots(lines: Sequence[str], indices: Sequence[int]) -> Iterator[Slot]:
    """The clients, paths without their query, and sizes of requests."""
    found = [_PARTS.search(lines[i]) for i in indices]
    clients = Counter(client.group() for i in indices if (client := _CLIENT.match(lines[i])))
    yield Slot("clients", "", clients)
    yield Slot("paths", "", Counter(part.group(1) for part in found if part))
    sized = [(part.group(2), i) for part, i in zip(found, indices, strict=True) if part and part.group(2) != "-"]
    if sized:
        yield number_slot("size", "", [size for size, _ in sized], [i for _, i in sized])
