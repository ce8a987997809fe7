"""What was sent, so that it is sent again: small rows under the keys of conversation prefixes.

The provider's cache outlives this process but not for long, so a pin is kept for a week after it was written. Two
processes that pin the same prefix agree, because the first row stays.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from headroom.ccr.database import Database

SCHEMA = 1
KEEP = 7 * 86_400.0
_HOUR = 3_600.0
_MOST_KEYS = 900  # SQLite's limit on parameters of one statement was 999 for long
_SCHEMA_SQL = (
    "CREATE TABLE pins (key BLOB PRIMARY KEY, written REAL NOT NULL, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE INDEX by_age ON pins (written)",
)


class MemoryPins:
    """Pins of one process that wants nothing on disk."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        return {key: self._rows[key] for key in keys if key in self._rows}

    def put_many(self, rows: Sequence[tuple[bytes, bytes]], over: bool = False) -> None:
        for key, value in rows:
            if over or key not in self._rows:
                self._rows[key] = value


class SQLitePins:
    """Pins in one SQLite file for all processes of a user. Raises StoreError."""

    def __init__(self, path: str | os.PathLike[str], clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path, _SCHEMA_SQL, SCHEMA)
        self._clock = clock
        self._swept = float("-inf")

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The rows there are under these keys."""
        found: dict[bytes, bytes] = {}
        with self._database.connection() as db:
            for at in range(0, len(keys), _MOST_KEYS):
                some = keys[at : at + _MOST_KEYS]
                marks = ",".join("?" * len(some))
                found.update(db.execute(f"SELECT key, value FROM pins WHERE key IN ({marks})", some))
        return found

    def put_many(self, rows: Sequence[tuple[bytes, bytes]], over: bool = False) -> None:
        """Keeps these rows, durably against a crash of the process; a row that is there stays, unless put `over`."""
        now = self._clock()
        with self._database.transaction() as db:
            if now - self._swept > _HOUR:
                self._swept = now
                db.execute("DELETE FROM pins WHERE written < ?", (now - KEEP,))
            verb = "REPLACE" if over else "IGNORE"
            db.executemany(f"INSERT OR {verb} INTO pins VALUES (?, ?, ?)", [(key, now, value) for key, value in rows])

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._database.close()
