"""What was sent, so that it is sent again: small rows under the keys of conversation prefixes.

The provider's cache outlives this process but not for long, so a pin is kept for a week after its conversation last
went on. Two processes that pin the same prefix agree, because the first row stays.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from headroom.ccr.database import PATIENCE, Database
from headroom.recent import Recent

SCHEMA = 1
KEEP = 7 * 86_400.0
_FRESH = 86_400.0  # a row that is younger is not worth to be written again
_MOST_RENEWED = 10_000
_HOUR = 3_600.0
_MOST_KEYS = 900  # SQLite's limit on parameters of one statement was 999 for long
_MOST_BYTES, _ROW = 32_000_000, 200  # in memory: of the rows, and what each adds
_SCHEMA_SQL = (
    "CREATE TABLE pins (key BLOB PRIMARY KEY, written REAL NOT NULL, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE INDEX by_age ON pins (written)",
)


class MemoryPins:
    """Pins of one process that wants nothing on disk: those that were used last."""

    def __init__(self) -> None:
        self._rows: Recent[bytes, bytes] = Recent(_MOST_BYTES)
        self._lock = threading.Lock()

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        with self._lock:
            return self._there(keys)

    def put_many(
        self, rows: Sequence[tuple[bytes, bytes]], over: bool = False, used: Sequence[bytes] = ()
    ) -> dict[bytes, bytes]:
        with self._lock:
            self._there(used)
            there = self._there([key for key, _ in rows])
            for key, value in rows:
                if over or key not in there:
                    self._rows.put(key, value, _ROW + len(value))
            return there

    def _there(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        return {key: row for key in keys if (row := self._rows.get(key)) is not None}


class SQLitePins:
    """Pins in one SQLite file for all processes of a user, waited for `patience` seconds. Raises StoreError."""

    def __init__(
        self, path: str | os.PathLike[str], clock: Callable[[], float] = time.time, patience: float = PATIENCE
    ) -> None:
        self._database = Database(path, _SCHEMA_SQL, SCHEMA, patience)
        self._clock = clock
        self._swept = float("-inf")
        self._renewed: Recent[bytes, float] = Recent(_MOST_RENEWED)  # by the last key in `used`: a conversation's first

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The rows there are under these keys."""
        with self._database.connection() as db:
            return _there(db, keys)

    def put_many(
        self, rows: Sequence[tuple[bytes, bytes]], over: bool = False, used: Sequence[bytes] = ()
    ) -> dict[bytes, bytes]:
        """Keeps these rows, durably against a crash of the process; a row that is there stays, unless put `over`.

        Gives the rows that were there.
        """
        now = self._clock()
        with self._database.transaction() as db:
            if used and now - (self._renewed.get(used[-1]) or 0.0) > _FRESH:
                self._renewed.put(used[-1], now)
                for some, marks in _portions(used):
                    db.execute(f"UPDATE pins SET written = ? WHERE key IN ({marks})", (now, *some))
            if now - self._swept > _HOUR:
                self._swept = now
                db.execute("DELETE FROM pins WHERE written < ?", (now - KEEP,))
            there = _there(db, [key for key, _ in rows])
            verb = "REPLACE" if over else "IGNORE"
            db.executemany(f"INSERT OR {verb} INTO pins VALUES (?, ?, ?)", [(key, now, value) for key, value in rows])
        return there

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._database.close()


def _there(db: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for some, marks in _portions(keys):
        found.update(db.execute(f"SELECT key, value FROM pins WHERE key IN ({marks})", some))
    return found


def _portions(keys: Sequence[bytes]) -> Iterator[tuple[Sequence[bytes], str]]:
    """The keys in as many portions as statements take, each with its parameter marks."""
    for at in range(0, len(keys), _MOST_KEYS):
        some = keys[at : at + _MOST_KEYS]
        yield some, ",".join("?" * len(some))
