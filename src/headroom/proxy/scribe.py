"""The books in a process of their own: counting tokens would take the time of requests, as one thread runs at a time.

It takes records in as they come and writes them when it can. It ends when nobody is left to hand it any, so what it was
handed is booked even where the proxy was killed (-9).
"""

from __future__ import annotations

import json
import logging
import mmap
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from heapq import heappop, heappush
from pathlib import Path
from typing import IO, Any

import msgspec

from headroom.ccr.database import PATIENCE
from headroom.ledger.book import Book
from headroom.ledger.counterfactual import Accounts
from headroom.ledger.record import Account, Record
from headroom.ledger.retention import Retention
from headroom.ledger.source import Source, on_disk
from headroom.ledger.standing import Standing
from headroom.proxy.telemetry import listener

_log = logging.getLogger("headroom.ledger")
_LENGTH = struct.Struct("<I")
_MOST_WAITING, _MOST_BYTES = 10_000, 64_000_000  # records, and bytes of their bodies, that wait to be handed over
_YES, _NO = b"1", b"0"
_FLUSH = b""  # instead of a record: say when all is written
_END_SECONDS, _AGAIN_SECONDS = 10.0, 1.0
_NICENESS = 10
# How long what one worker has booked may take to get here, while another one goes on; what comes meanwhile is written
# in one go.
_LATE_SECONDS = 0.2


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode
_PLAIN, _PICKLED = b"m", b"p"


def _packed(record: Record) -> bytes:
    try:
        return _PLAIN + _encode(record)
    except UnicodeEncodeError:  # a lone surrogate in a text
        return _PICKLED + pickle.dumps(record)


def _unpacked(message: bytes) -> Record:
    """It comes from the process that has started this one, and from nobody else."""
    if message[:1] == _PLAIN:
        return _decode(memoryview(message)[1:])
    record: Record = pickle.loads(message[1:])
    return record


class _Line:
    """The way to a scribe and back."""

    def __init__(self, said: IO[bytes], answers: IO[bytes], process: subprocess.Popen[bytes] | None) -> None:
        self._said, self._answers, self._process = said, answers, process

    def say(self, message: bytes) -> None:
        """Raises OSError where nobody is there any more."""
        self._said.write(_LENGTH.pack(len(message)))
        self._said.write(message)
        self._said.flush()

    def hear(self) -> bool:
        """Whether all is written that was said. Raises OSError where nobody is there any more."""
        if not (answer := self._answers.read(1)):
            raise OSError("it has ended without an answer")
        return answer == _YES

    def end(self) -> None:
        """Nothing more will be said; a process that was for this line alone has time to write what it has."""
        for side in (self._said, self._answers):
            with suppress(OSError):  # it has ended before
                side.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)


@dataclass(slots=True)
class _Question:
    """Whether all is written that was handed over before."""

    answered: threading.Event = field(default_factory=threading.Event)
    is_so: bool = False


class Scribe:
    """A `Book` in a process of its own, which is started with the first record. Its methods are a book's.

    `is_told` says that OpenTelemetry is to be told of each request. The object may be made before processes are
    forked. Once it is made, nothing raises.
    """

    def __init__(self, path: str | os.PathLike[str], retention: Retention | None = None, is_told: bool = False) -> None:
        self.path = Path(path).absolute()
        self._retention, self._is_told = retention or Retention(), is_told
        self._doors: list[socket.socket] = []
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Record | _Question] = deque()
        self._bytes = self._lost = 0
        self._thread: threading.Thread | None = None
        self._line: _Line | None = None
        self._shared: subprocess.Popen[bytes] | None = None
        self._closing = False
        self._tried = float("-inf")

    def share(self, workers: int) -> None:
        """Starts one process for all workers, which are forked afterwards: conversations go from one to the other."""
        pairs = [socket.socketpair() for _ in range(workers)]
        theirs = [pair[1] for pair in pairs]
        self._shared = self._start([one.fileno() for one in theirs], subprocess.DEVNULL)
        for one in theirs:
            one.close()
        self._doors = [pair[0] for pair in pairs]
        self._taken = mmap.mmap(-1, workers)

    def enter(self, worker: int) -> None:
        """In a worker: takes its place at the shared process.

        Who comes after one that died has a process of its own: that one may have stopped in the middle of a word.
        """
        mine = None if self._taken[worker] else self._doors[worker]
        self._taken[worker] = 1
        for door in self._doors:
            if door is not mine:
                door.close()
        self._doors = []
        if mine is not None:
            self._line = _Line(mine.makefile("wb"), mine.makefile("rb"), None)
            mine.close()

    def source(self) -> Source:
        """Where to read what is booked."""
        return on_disk(self.path, PATIENCE)

    def add(self, record: Record) -> None:
        """Takes a request in. Waits for nothing."""
        with self._changed:
            if self._bytes + len(record.came) > _MOST_BYTES:
                record = replace(record, came=b"")
            if len(self._waiting) >= _MOST_WAITING:
                self._lost += 1
                return
            self._bytes += len(record.came)
            self._put(record)

    def flush(self, timeout: float = PATIENCE) -> bool:
        """Waits until all that was added before is in the file; says whether it is."""
        question = _Question()
        with self._changed:
            if self._line is None and self._thread is None:
                return True  # nobody was ever asked to write anything
            self._put(question)
        return question.answered.wait(timeout) and question.is_so

    def close(self, timeout: float = _END_SECONDS) -> None:
        """Hands over what waits and lets the scribe end; a later `add` starts another one."""
        with self._changed:
            self._closing, thread = True, self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join(timeout)

    def _put(self, one: Record | _Question) -> None:
        self._waiting.append(one)
        if self._thread is None:
            self._closing = False
            self._thread = threading.Thread(target=self._run, name="headroom-scribe", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        """Hands over until the books are closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    self._thread = None
                    break
                one = self._waiting.popleft()
                self._bytes -= len(one.came) if isinstance(one, Record) else 0
            try:
                is_done = self._is_handed_over(one)
            except Exception:
                _log.exception("a request can't be booked")
                is_done = False
            if isinstance(one, _Question):
                one.answered.set()
            elif not is_done:
                self._lost += 1
        self._hang_up()

    def _is_handed_over(self, one: Record | _Question) -> bool:
        """To the process, or to another one where it has ended."""
        message = _FLUSH if isinstance(one, _Question) else _packed(one)
        for _ in range(2):
            try:
                self._line = line = self._line or self._dialled()
                line.say(message)
                if isinstance(one, _Question):
                    one.is_so = line.hear()
                return True
            except OSError as error:
                _log.warning("the process that books requests has ended: %s", error)
                self._hang_up()
        return False

    def _dialled(self) -> _Line:
        """The line to a process of its own."""
        time.sleep(max(0.0, self._tried + _AGAIN_SECONDS - time.monotonic()))
        self._tried = time.monotonic()
        process = self._start([], subprocess.PIPE)
        if process.stdin is None or process.stdout is None:
            raise OSError("it has no pipes")
        return _Line(process.stdin, process.stdout, process)

    def _start(self, doors: list[int], pipes: int) -> subprocess.Popen[bytes]:
        told = {"path": str(self.path), "retention": asdict(self._retention), "is_told": self._is_told, "doors": doors}
        command = [sys.executable, "-m", __name__, json.dumps(told)]
        return subprocess.Popen(command, stdin=pipes, stdout=pipes, pass_fds=doors)

    def _hang_up(self) -> None:
        if self._lost:
            _log.warning("%d requests were not booked", self._lost)
            self._lost = 0
        line, self._line = self._line, None
        if line is not None:
            line.end()


def main() -> None:
    """The process itself."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # it ends with its lines, when the last record is written
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    told: dict[str, Any] = json.loads(sys.argv[1])
    accounts = Accounts(memory=Standing(on_disk(told["path"], PATIENCE)))
    retention, exporting = Retention(**told["retention"]), listener(told["is_told"])
    book = _InOrder(Book(told["path"], _AfterRequests(accounts), retention, told=exporting))
    doors = [socket.socket(fileno=door) for door in told["doors"]]
    lines: list[tuple[IO[bytes], IO[bytes]]] = [(door.makefile("rb"), door.makefile("wb")) for door in doors]
    lines = lines or [(sys.stdin.buffer, sys.stdout.buffer)]
    for door in doors:
        door.close()
    takers = [threading.Thread(target=_take_in, args=(book, *line)) for line in lines]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    book.close()


class _InOrder:
    """A book for several lines: what comes late over one of them still goes before what followed it elsewhere."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, Record]] = []
        self._number = 0
        self._hurry = 0
        threading.Thread(target=self._run, daemon=True).start()

    def add(self, record: Record, size: int) -> None:
        self._book.wait_for_room(size)
        with self._changed:
            self._number += 1
            heappush(self._waiting, (record.at, self._number, record))
            self._changed.notify_all()

    def flush(self) -> bool:
        """Writes all that has come."""
        with self._changed:
            self._hurry += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting)
            self._hurry -= 1
        return self._book.flush()

    def close(self) -> None:
        self.flush()
        self._book.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                wait = self._waiting[0][0] + _LATE_SECONDS - time.time()
                if wait > 0 and not self._hurry:
                    self._changed.wait(min(wait, _LATE_SECONDS))
                    continue
                self._book.add(heappop(self._waiting)[2])
                self._changed.notify_all()


class _AfterRequests:
    """Makes accounts when no request wants the processor, as far as the system can be told so."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._gave_way = False

    def __call__(self, record: Record) -> Account:
        if not self._gave_way and sys.platform == "linux":  # where niceness is a thread's
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        self._gave_way = True
        return self._accounts(record)


def _take_in(book: _InOrder, said: IO[bytes], answers: IO[bytes]) -> None:
    """Takes in what comes over a line until it ends."""
    while len(head := said.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        message = said.read(length)
        if len(message) < length:
            return  # who was writing it has gone in the middle
        if message == _FLUSH:
            done = book.flush()
            with suppress(OSError):
                answers.write(_YES if done else _NO)
                answers.flush()
        else:
            book.add(_unpacked(message), length)


_all: weakref.WeakSet[Scribe] = weakref.WeakSet()


def _after_fork() -> None:
    for scribe in list(_all):
        scribe._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

if __name__ == "__main__":
    main()
