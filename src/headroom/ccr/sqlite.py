"""The store on disk: one SQLite file for all projects and processes of a user.

Retention: an original that nobody used for 30 days goes, and the least recently used ones go first when the cap is
reached. Pinned ones and those used within the last 7 days never go by themselves. When that leaves no room, `put`
refuses: better a block that isn't compressed than a marker that leads nowhere.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import zstandard

from headroom.ccr.database import PATIENCE, Database, shrink, transaction, without_waiting
from headroom.ccr.ids import decoded, digest, encoded, id_of, is_id
from headroom.errors import NotFound, StoreError
from headroom.interfaces import Entry, Original

_log = logging.getLogger("headroom.ccr")

SCHEMA = 1
DAY = 86_400.0
KEEP_AT_LEAST, KEEP_AT_MOST, CAP = 7 * DAY, 30 * DAY, 1 << 30
_HOUR = 3_600.0
_LEVEL = 3
_TINY = 128  # bytes; below this a zstd frame gains nothing

_SCHEMA_SQL = (
    # The body comes last: SQLite then reads everything else of a row without touching its overflow pages.
    """CREATE TABLE originals (
        project TEXT NOT NULL, id TEXT NOT NULL, digest BLOB NOT NULL, created REAL NOT NULL, used REAL NOT NULL,
        pinned INTEGER NOT NULL, size INTEGER NOT NULL, stored INTEGER NOT NULL, tool TEXT NOT NULL,
        content_type TEXT NOT NULL, packed INTEGER NOT NULL, body BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX by_id ON originals (project, id)",
    "CREATE INDEX by_use ON originals (pinned, used, stored)",
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO counters VALUES ('stored', 0), ('evicted', 0), ('expired', 0)",
    """CREATE TRIGGER added AFTER INSERT ON originals BEGIN
        UPDATE counters SET value = value + new.stored WHERE name = 'stored'; END""",
    """CREATE TRIGGER removed AFTER DELETE ON originals BEGIN
        UPDATE counters SET value = value - old.stored WHERE name = 'stored'; END""",
)
_ENTRY = "id, project, size, stored, created, used, pinned, tool, content_type"


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts, and sizes in bytes: of the project, then of the whole file.

    `stored` is after compression; `evicted` and `expired` count the originals that went by themselves, ever.
    """

    entries: int
    pinned: int
    size: int
    stored: int
    stored_in_file: int
    cap: int
    evicted: int
    expired: int


class _Coming:
    """A text on its way into the file."""

    def __init__(self, original: Original) -> None:
        self.original = original
        self.data = encoded(original.text)
        self.digest = digest(self.data)
        self._body: bytes | None = None

    def pack(self) -> bytes:
        """A zstd frame of the data, or `data` itself where that is no smaller. Made once."""
        if self._body is None:
            frame = zstandard.ZstdCompressor(level=_LEVEL).compress(self.data) if len(self.data) >= _TINY else self.data
            self._body = frame if len(frame) < len(self.data) else self.data
        return self._body


class SQLiteStore:
    """Originals in one SQLite file, seen from one project.

    The constructor touches nothing; file and folder come with the first call. An object may be shared between threads
    and used across `fork`; any number of processes may use the file. `cap` counts bytes as stored, over all projects.
    `on_evict(originals, bytes)` is called when originals made room for others. Times are seconds;
    `patience` is for who else has the file locked.
    """

    name = "sqlite"

    def __init__(
        self,
        path: str | os.PathLike[str],
        project: str = "default",
        *,
        cap: int = CAP,
        keep_at_least: float = KEEP_AT_LEAST,
        keep_at_most: float = KEEP_AT_MOST,
        on_evict: Callable[[int, int], None] | None = None,
        clock: Callable[[], float] = time.time,
        patience: float = PATIENCE,
    ) -> None:
        self.project = _storable(project)
        self._database = Database(path, _SCHEMA_SQL, SCHEMA, patience)
        self._cap, self._keep_at_least, self._keep_at_most = cap, keep_at_least, max(keep_at_most, keep_at_least)
        self._on_evict, self._clock = on_evict, clock
        self._swept = float("-inf")

    @property
    def path(self) -> str:
        """Where the file is."""
        return str(self._database.path)

    def identify(self, text: str) -> str:
        """The id that `put` would give this text now."""
        fingerprint = digest(encoded(text))
        with self._database.connection() as db:
            return self._id(db, fingerprint)

    def put(self, text: str, *, tool: str = "", content_type: str = "") -> str:
        """Keeps a text and returns its id; the text is durable then."""
        return self.put_many([Original(text, tool, content_type)])[0]

    def put_many(self, originals: Sequence[Original]) -> list[str]:
        """Keeps all of these texts in one transaction and returns their ids in order; where it raises, it kept none."""
        coming = [_Coming(one) for one in originals]
        with self._database.connection() as db:
            found = [self._present(db, one.digest) for one in coming]
        if None not in found:
            return [id for id in found if id is not None]
        for one, id in zip(coming, found, strict=True):
            if id is None:
                one.pack()  # the costly part, outside of the transaction: nobody waits for it
        now = self._clock()
        with self._database.transaction() as db:
            ids = [self._placed(db, one, now) for one in coming]
            evicted, freed = self._make_room(db, now)
        if evicted:
            self._say(evicted, freed)
        return ids

    def get(self, id: str) -> str:
        """The original, byte for byte. Raises NotFound, and StoreError rather than returning anything else."""
        with self._database.connection() as db:
            row = self._row(db, "rowid, used, digest, packed, body", id)
            if row is None:
                raise self._not_found(id)
            rowid, used, fingerprint, packed, body = row
            self._note_use(db, rowid, used)
        try:
            data = zstandard.ZstdDecompressor().decompress(body) if packed else body
        except zstandard.ZstdError:
            data = b""
        if digest(data) != fingerprint:
            raise StoreError(f"the original {id} in {self.path} is damaged; run the command again")
        return decoded(data)

    def entries(self, limit: int | None = None) -> list[Entry]:
        """The project's originals without their texts, newest first."""
        with self._database.connection() as db:
            rows = db.execute(
                f"SELECT {_ENTRY} FROM originals WHERE project = ? ORDER BY created DESC, id LIMIT ?",
                (self.project, -1 if limit is None else limit),
            ).fetchall()
        return [_entry(row) for row in rows]

    def stats(self) -> Stats:
        """Counts and sizes, and how many originals went by themselves so far."""
        with self._database.connection() as db:
            own = db.execute(
                "SELECT count(*), total(pinned), total(size), total(stored) FROM originals WHERE project = ?",
                (self.project,),
            ).fetchone()
            counters = dict(db.execute("SELECT name, value FROM counters").fetchall())
        entries, pinned, size, stored = map(int, own)
        return Stats(
            entries, pinned, size, stored, counters["stored"], self._cap, counters["evicted"], counters["expired"]
        )

    def pin(self, id: str) -> None:
        """Protects an original from eviction and expiry."""
        self._set_pinned(id, 1)

    def unpin(self, id: str) -> None:
        """Takes the protection away again."""
        self._set_pinned(id, 0)

    def purge(self, ids: Iterable[str] | None = None, *, older_than: float | None = None) -> int:
        """Deletes originals of the project, pinned ones too, and overwrites them in the file; says how many.

        `ids` defaults to all; with `older_than` only those that were not used for so many seconds.
        """
        before = float("inf") if older_than is None else self._clock() - older_than
        sql, values = "DELETE FROM originals WHERE project = ? AND used < ?", (self.project, before)
        with self._database.connection() as db:
            with transaction(db):
                if ids is None:
                    gone = db.execute(sql, values).rowcount
                else:
                    gone = sum(db.execute(f"{sql} AND id = ?", (*values, _storable(id))).rowcount for id in ids)
            if gone:
                shrink(db)
        return gone

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._database.close()

    def _present(self, db: sqlite3.Connection, fingerprint: bytes) -> str | None:
        """The id of a text that is kept already, its use noted."""
        id = self._id(db, fingerprint)
        row = self._row(db, "rowid, used", id)
        if row is None:
            return None
        self._note_use(db, *row)
        return id

    def _placed(self, db: sqlite3.Connection, one: _Coming, now: float) -> str:
        """Inside a transaction: the id of a text that is there now, used `now`."""
        id = self._id(db, one.digest)
        row = self._row(db, "rowid", id)
        if row is not None:
            db.execute("UPDATE originals SET used = max(used, ?) WHERE rowid = ?", (now, *row))
            return id
        body = one.pack()
        about = (one.original.tool, one.original.content_type)
        sizes, packed = (len(one.data), len(body)), body is not one.data
        db.execute(
            "INSERT INTO originals VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?)",
            (self.project, id, one.digest, now, now, *sizes, *map(_storable, about), packed, body),
        )
        return id

    def _make_room(self, db: sqlite3.Connection, now: float) -> tuple[int, int]:
        """Inside a transaction: expires, evicts down to the cap, or refuses; how many originals and bytes went."""
        if now - self._swept > _HOUR:
            self._swept = now
            expire = "DELETE FROM originals WHERE pinned = 0 AND used < ?"
            _count(db, "expired", db.execute(expire, (now - self._keep_at_most,)).rowcount)
        over: int = db.execute("SELECT value FROM counters WHERE name = 'stored'").fetchone()[0] - self._cap
        if over <= 0:
            return 0, 0
        gone: list[tuple[int]] = []
        freed = 0
        idle = "SELECT rowid, stored FROM originals WHERE pinned = 0 AND used < ? ORDER BY used, rowid"
        for rowid, stored in db.execute(idle, (now - self._keep_at_least,)):
            gone.append((rowid,))
            freed += stored
            if freed >= over:
                break
        else:
            raise StoreError(
                f"{self.path} is full: its {self._cap} bytes hold originals that are pinned or were used within "
                f"{self._keep_at_least / DAY:g} days; raise the cap or run `headroom store purge`"
            )
        db.executemany("DELETE FROM originals WHERE rowid = ?", gone)
        _count(db, "evicted", len(gone))
        return len(gone), freed

    def _say(self, evicted: int, freed: int) -> None:
        _log.warning("%s reached its cap: evicted %d originals, %d bytes", self.path, evicted, freed)
        if self._on_evict is not None:
            self._on_evict(evicted, freed)

    def _set_pinned(self, id: str, pinned: int) -> None:
        with self._database.transaction() as db:
            sql = "UPDATE originals SET pinned = ? WHERE project = ? AND id = ?"
            changed = db.execute(sql, (pinned, self.project, _storable(id))).rowcount
        if not changed:
            raise self._not_found(id)

    def _id(self, db: sqlite3.Connection, fingerprint: bytes) -> str:
        def kept(id: str) -> bytes | None:
            row = self._row(db, "digest", id)
            return None if row is None else row[0]

        return id_of(fingerprint, kept)

    def _row(self, db: sqlite3.Connection, columns: str, id: str) -> tuple[Any, ...] | None:
        """Columns of one original; every lookup by id comes through here, so none leaves the project."""
        if not is_id(id):
            return None
        sql = f"SELECT {columns} FROM originals WHERE project = ? AND id = ?"
        row: tuple[Any, ...] | None = db.execute(sql, (self.project, id)).fetchone()
        return row

    def _note_use(self, db: sqlite3.Connection, rowid: int, used: float) -> None:
        """Refreshes the last use, at most once an hour, where it can: a read must not fail for want of a write."""
        now = self._clock()
        if now - used <= _HOUR:
            return
        with suppress(sqlite3.OperationalError), without_waiting(db), transaction(db):
            db.execute("UPDATE originals SET used = max(used, ?) WHERE rowid = ?", (now, rowid))

    def _not_found(self, id: str) -> NotFound:
        return NotFound(f"no original is kept under {id!r} in the project {self.project!r}")


def _count(db: sqlite3.Connection, counter: str, more: int) -> None:
    if more:
        db.execute("UPDATE counters SET value = value + ? WHERE name = ?", (more, counter))


def _entry(row: tuple[Any, ...]) -> Entry:
    id, project, size, stored, created, used, pinned, tool, content_type = row
    return Entry(id, project, size, stored, created, used, bool(pinned), tool, content_type)


def _storable(text: str) -> str:
    """A string SQLite can hold: lone surrogates spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()
