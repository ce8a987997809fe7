"""Requests themselves, packed: what came, and what was changed in it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import zstandard

from headroom.ledger.record import Record
from headroom.wire.spans import Span
from headroom.wire.splice import Edit, splice

_LEVEL = 3


class Bodies(NamedTuple):
    """A request as it came, and as it went on."""

    came: bytes
    sent: bytes


def packed(record: Record) -> bytes:
    """A request's bodies as the ledger keeps them."""
    edits = [(start, end, replacement) for (start, end), replacement in record.edits]
    return zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode((record.came, edits)))


def unpacked(data: bytes) -> Bodies:
    """What `packed` was given."""
    came, edits = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(data))
    return Bodies(came, splice(came, [Edit(Span(start, end), replacement) for start, end, replacement in edits]))
