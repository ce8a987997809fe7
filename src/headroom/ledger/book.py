"""The books of a process: takes requests in at once, and writes them down in a thread of its own.

A request is safe when its transaction is; kill -9 loses those that wait for theirs, and never a part of one. While the
file can't be written, requests are held in memory; beyond so many the oldest are lost, and counted.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from headroom.errors import StoreError
from headroom.ledger.bodies import packed
from headroom.ledger.record import Account, Bill, Record
from headroom.ledger.retention import Retention
from headroom.ledger.source import InMemory, Source, on_disk
from headroom.ledger.writing import Due, Writer

_log = logging.getLogger("headroom.ledger")
_PATIENCE = 5.0  # seconds to wait for who else writes
_MOST_WAITING = 10_000
_MOST_BYTES = 64_000_000  # of bodies that wait
_AT_ONCE, _AT_ONCE_SECONDS = 256, 0.1  # what is worked out for one transaction at most, and for how long
_PAUSE, _LONGEST_PAUSE = 0.25, 5.0  # seconds until the next try


class Listener(Protocol):
    """Is told of each request once it is booked, in the writer's thread."""

    def __call__(self, account: Account) -> None: ...

    def close(self) -> None: ...


class Ledger(Protocol):
    """Takes requests in at once and writes them down on the side; `Book` is one. Nothing of it raises."""

    def add(self, record: Record) -> None: ...

    def flush(self, timeout: float = ...) -> bool: ...

    def close(self, timeout: float = ...) -> None: ...

    def source(self) -> Source: ...


class Book:
    """Books requests in a file, or in memory without a path.

    `account` says what a request cost and would have cost; it runs in the writer's thread. The object may be made
    before processes are forked: each writes what it has added itself. Once it is made, nothing here raises.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        account: Callable[[Record], Account],
        retention: Retention | None = None,
        clock: Callable[[], float] = time.time,
        told: Listener | None = None,
    ) -> None:
        self._told = told
        self.path = None if path is None else Path(path).absolute()
        self._account, self._retention, self._clock = account, retention or Retention(), clock
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        """With nothing to do. In a forked process again: its parent writes what it has taken in."""
        self._source: Source = InMemory() if self.path is None else on_disk(self.path, _PATIENCE)
        self._writer = Writer(self._source, self._retention, self._clock)
        self._changed = threading.Condition()
        self._waiting: deque[Record] = deque()
        self._bytes = 0
        self._due: list[Due] = []
        self._lost = 0  # and not yet counted in the file
        self._added = self._settled = 0
        self._thread: threading.Thread | None = None
        self._closing = self._failing = self._complained = False

    def source(self) -> Source:
        """Where to read what is booked, beside the writer."""
        return self._source if self.path is None else on_disk(self.path, _PATIENCE)

    def add(self, record: Record) -> None:
        """Takes a request in. Waits for nothing."""
        with self._changed:
            if self._bytes + len(record.came) > _MOST_BYTES:
                record = replace(record, came=b"")
            if len(self._waiting) >= _MOST_WAITING:
                self._bytes -= len(self._waiting.popleft().came)
                self._lose(1)
            self._waiting.append(record)
            self._bytes += len(record.came)
            self._added += 1
            if self._thread is None:
                self._closing = False
                self._thread = threading.Thread(target=self._run, name="headroom-ledger", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait_for_room(self, size: int) -> None:
        """Waits until a record of this size can be taken in whole, if it can be at all."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._has_room(size))

    def _has_room(self, size: int) -> bool:
        return self._bytes + size <= _MOST_BYTES and len(self._waiting) < _MOST_WAITING

    def flush(self, timeout: float = _PATIENCE) -> bool:
        """Waits until all that was added before is in the file; says whether it is."""
        with self._changed:
            wanted = self._added
            return self._changed.wait_for(lambda: self._settled >= wanted, timeout) and not self._lost

    def close(self, timeout: float = 2 * _PATIENCE) -> None:
        """Writes what can be written and gives the file back; a later `add` opens it again."""
        with self._changed:
            self._closing, thread = True, self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join(timeout)
        if self._told is not None:
            self._told.close()
        self._source.close()

    def _run(self) -> None:
        """The writer's thread, until the book is closed."""
        pause = _PAUSE
        while self._has_work():
            last_time = self._closing
            self._prepare()
            if self._is_written():
                pause = _PAUSE
                self._tidy()
                continue
            with self._changed:
                if last_time:
                    self._lose(len(self._due) + len(self._waiting))
                    self._due.clear()
                    self._waiting.clear()
                self._changed.wait_for(lambda: self._closing, pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _has_work(self) -> bool:
        """Waits for something to write; False where nothing will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._due or self._closing)
            if self._waiting or self._due:
                return True
            self._thread = None
            if self._lost:
                _log.warning("%d requests were not booked", self._lost)
            return False

    def _prepare(self) -> None:
        """Works out what requests have cost that wait; as many as are soon done."""
        until = time.monotonic() + _AT_ONCE_SECONDS
        for _ in range(_AT_ONCE):
            with self._changed:
                if not self._waiting:
                    return
                record = self._waiting.popleft()
                self._bytes -= len(record.came)
                self._changed.notify_all()
            self._due.append(self._worked_out(record))
            if time.monotonic() > until:
                return

    def _worked_out(self, record: Record) -> Due:
        stripped = bool(record.edits) and not record.came
        bare, body = replace(record, came=b"", edits=(), held=b""), b""
        try:
            body = packed(record) if self._retention.bodies and record.came else b""
            account = self._account(bare if stripped else record)
        except Exception:
            if not self._complained:
                _log.exception("of some requests only the bill is booked")
            self._complained = True
            return Due(_billed_alone(bare), body, not_compared=True)
        return Due(replace(account, record=bare), body, stripped)

    def _is_written(self) -> bool:
        """Writes what is due; says whether the file takes it."""
        try:
            self._write(self._due)
        except StoreError as error:
            self._hold(error)
            return False
        except Exception:
            _log.exception("requests are booked one by one, without those that can't be")
            return self._is_written_singly()
        if self._failing:
            self._failing = False
            _log.warning("requests are booked again")
        return True

    def _is_written_singly(self) -> bool:
        for one in [*self._due]:
            try:
                self._write([one])
            except StoreError as error:
                self._hold(error)
                return False
            except Exception:
                with self._changed:
                    del self._due[0]
                    self._lose(1)
        return True

    def _write(self, due: list[Due]) -> None:
        """Writes some of what is due, and how many were lost."""
        lost, done = self._lost, len(due)
        self._writer.write(due, lost)
        self._tell(due)
        with self._changed:
            del self._due[:done]
            self._lost -= lost
            self._settle(done)

    def _tell(self, due: list[Due]) -> None:
        """Passes on what was booked; what goes wrong there is no matter of the books."""
        if self._told is None:
            return
        for one in due:
            try:
                self._told(one.account)
            except Exception as error:
                _log.warning("a request was booked but not exported: %s", error)

    def _hold(self, error: StoreError) -> None:
        """Holds what is due in memory, as much as there is room for."""
        if not self._failing:
            self._failing = True
            _log.warning("requests wait to be booked: %s", error)
        with self._changed:
            over = max(0, len(self._due) - _MOST_WAITING)
            del self._due[:over]
            self._lose(over)

    def _lose(self, count: int) -> None:
        self._lost += count
        self._settle(count)

    def _settle(self, count: int) -> None:
        self._settled += count
        self._changed.notify_all()

    def _tidy(self) -> None:
        """Lets go of what is old, as long as nobody waits."""
        try:
            while not self._waiting and self._writer.tidy():
                pass
        except Exception as error:
            _log.warning("the ledger keeps what is old for now: %s", error)


def _billed_alone(record: Record) -> Account:
    """What the provider says, where nothing can be said about the request as it came."""
    bill = Bill()
    for leg in record.legs:
        whole_write = leg.cache_write - leg.cache_write_1h
        bill = bill.plus(Bill(leg.input, leg.cache_read, whole_write, leg.cache_write_1h, leg.output))
    return Account(record, bill, bill, any(leg.reported for leg in record.legs))


_all: weakref.WeakSet[Book] = weakref.WeakSet()


def _after_fork() -> None:
    for book in list(_all):
        book._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
