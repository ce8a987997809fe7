"""Where the books are: in a file that all processes of a user share, or in memory."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from headroom.ccr.database import Database, transaction
from headroom.errors import StoreError
from headroom.ledger import standing, strategies
from headroom.ledger.schema import TABLES

LEDGER_FILE = "ledger.sqlite3"
VERSION = 1
_ALL = (*TABLES, *strategies.STATEMENTS, *standing.STATEMENTS)


class Source(Protocol):
    """Where the books are."""

    def connection(self) -> AbstractContextManager[sqlite3.Connection]: ...

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]: ...

    def close(self) -> None: ...


class InMemory:
    """Books of one process that wants nothing on disk, or empty ones where there are none yet."""

    def __init__(self) -> None:
        self._db: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._opened()
            except sqlite3.Error as error:
                raise StoreError(f"the ledger in memory can't be used: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self.connection() as db, transaction(db):
            yield db

    def close(self) -> None:
        """Nothing to give back: what it holds goes with it."""

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            for statement in _ALL:
                self._db.execute(statement)
        return self._db


def on_disk(path: str | os.PathLike[str], patience: float) -> Database:
    """The books in a file, which is made where there is none."""
    return Database(path, _ALL, VERSION, patience)
