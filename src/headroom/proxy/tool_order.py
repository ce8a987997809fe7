"""The same tools in the same order: that in which they were first sent, by the client's own bytes of each.

Some clients list their tools in the order in which servers happened to answer, and each time the provider reads all
that follows again. The first order of a set of tools is pinned like everything that was sent, for all processes.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b

from headroom.ccr.retrieval_tool import definition
from headroom.errors import StoreError
from headroom.interfaces import Dialect, Pins
from headroom.recent import Recent
from headroom.wire.spans import Span, SpanError, decoded, elements, locate, members
from headroom.wire.splice import Edit, splice

_log = logging.getLogger("headroom.proxy")
_ID_BYTES = 8
_MOST_SETS = 1_000
_BREAKPOINT = b'"cache_control"'


class ToolOrder:
    """Remembers orders; safe to share between threads."""

    def __init__(self, pins: Pins) -> None:
        self._pins = pins
        self._orders: Recent[bytes, bytes] = Recent(_MOST_SETS)
        self._lock = threading.Lock()

    def restored(self, body: bytes, dialect: Dialect) -> bytes:
        """The body with its tools in their first order; the very same object where they stand in it.

        Where a breakpoint of the client's stands among them, or the first order can't be known, nothing is moved.
        """
        array = _tools(body, dialect)
        if array is None or _BREAKPOINT in body[array.start : array.end]:
            return body
        spans = elements(body, array)
        if len(spans) < 2:
            return body
        ids = [_hash(body[start:end], _ID_BYTES) for start, end in spans]
        try:
            first = self._first(dialect, ids)
        except StoreError as error:
            _log.warning("the order of tools is left as it is: %s", error)
            return body
        places = defaultdict(list)
        for place, id in enumerate(ids):
            places[id].append(place)
        moved = [(to, places[id].pop(0)) for to, id in enumerate(first)]
        return splice(body, [Edit(spans[to], body[slice(*spans[at])]) for to, at in moved if ids[to] != ids[at]])

    def _first(self, dialect: Dialect, ids: Sequence[bytes]) -> list[bytes]:
        """The order in which this set was sent first. Raises StoreError."""
        key = _hash(b"tools " + dialect.name.encode() + b"".join(sorted(ids)), 16)
        with self._lock:
            order = self._orders.get(key)
        if order is None:
            now = b"".join(ids)
            order = self._pins.put_many([(key, now)], used=[key]).get(key, now)
            with self._lock:
                self._orders.put(key, order)
        first = [order[at : at + _ID_BYTES] for at in range(0, len(order), _ID_BYTES)]
        return first if sorted(first) == sorted(ids) else list(ids)


def _tools(body: bytes, dialect: Dialect) -> Span | None:
    """The array that holds the client's tools, where its dialect has them."""
    span = next((member.span for member in members(body) if member.key == "tools"), None)
    if span is None:
        return None
    place = dialect.offer(decoded(body, span), definition(dialect))
    try:
        return None if place is None else locate(body, place[0], span)
    except SpanError:
        return None


def _hash(data: bytes, size: int) -> bytes:
    return blake2b(data, digest_size=size).digest()
