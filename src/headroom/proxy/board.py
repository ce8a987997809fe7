"""The sums of several workers in memory that they share, so that any of them can tell the whole."""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from headroom.proxy.observe import Counters, Record

_PAGE = 1 << 16
_SLOT = 2 * _PAGE  # two pages a worker: one is read while the other is written
_LENGTH = struct.Struct("<I")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Counters, dec_hook=lambda kind, value: Counter(value)).decode


class Board:
    """Memory for `count` workers; made before they are forked."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._memory = mmap.mmap(-1, count * (_SLOT + 1))

    def ledger(self, worker: int) -> Posted:
        """The ledger of one of them, which goes on where the last process in its place has stopped."""
        return Posted(self, worker, self._read(worker) or Counters())

    def write(self, worker: int, counters: Counters) -> None:
        """Puts up what a worker has counted; what has become too large keeps its sums and loses its lines."""
        data = _encode(counters)
        if len(data) > _PAGE - _LENGTH.size:
            data = _encode(replace(counters, recent=[]))
        page = 1 - self._memory[self._flag(worker)]
        at = worker * _SLOT + page * _PAGE
        self._memory[at : at + _LENGTH.size + len(data)] = _LENGTH.pack(len(data)) + data
        self._memory[self._flag(worker)] = page

    def total(self) -> Counters:
        """What all have counted."""
        found = [counters for worker in range(self._count) if (counters := self._read(worker))]
        total = found[0] if found else Counters()
        for counters in found[1:]:
            total = total.plus(counters)
        return total

    def _flag(self, worker: int) -> int:
        return self._count * _SLOT + worker

    def _read(self, worker: int) -> Counters | None:
        at = worker * _SLOT + self._memory[self._flag(worker)] * _PAGE
        (length,) = _LENGTH.unpack_from(self._memory, at)
        start = at + _LENGTH.size
        with suppress(msgspec.MsgspecError):
            return _decode(self._memory[start : start + length]) if length else None
        return None


@dataclass
class Posted:
    """A worker's ledger."""

    board: Board
    worker: int
    own: Counters

    def add(self, record: Record) -> None:
        self.own.add(record)
        self.board.write(self.worker, self.own)

    def summary(self) -> dict[str, Any]:
        return self.board.total().summary()
