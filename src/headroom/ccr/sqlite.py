"""The store on disk: one SQLite file for all projects and processes of a user.

Durability: WAL with synchronous=NORMAL. What `put` acknowledged survives kill -9 of this and every other process; after a
power failure the last moments before it may be missing, and a retrieval then says so. Retention: an original that nobody
used for 30 days goes, the least recently used ones go first when the cap is reached; pinned ones and those used within the
last 7 days never go by themselves. When that leaves no room, `put` refuses: better a block that isn't compressed than
a marker that leads nowhere.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import zstandard

from headroom.ccr.ids import decoded, digest, encoded, id_of, is_id
from headroom.errors import NotFound, StoreError
from headroom.interfaces import Entry, Original

_log = logging.getLogger("headroom.ccr")

SCHEMA = 1
DAY = 86_400.0
KEEP_AT_LEAST, KEEP_AT_MOST, CAP = 7 * DAY, 30 * DAY, 1 << 30
_HOUR = 3_600.0
_BUSY_SECONDS = 10.0
_LEVEL = 3
_TINY = 128  # bytes; below this a zstd frame gains nothing

_SCHEMA_SQL = (
    # The body comes last: SQLite then reads everything else of a row without touching its overflow pages.
    """CREATE TABLE originals (
        project TEXT NOT NULL, id TEXT NOT NULL, digest BLOB NOT NULL, created REAL NOT NULL, used REAL NOT NULL,
        pinned INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL, stored INTEGER NOT NULL, tool TEXT NOT NULL,
        content_type TEXT NOT NULL, packed INTEGER NOT NULL, body BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX by_id ON originals (project, id)",
    "CREATE INDEX by_use ON originals (pinned, used, stored)",
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO counters VALUES ('stored', 0), ('evicted', 0), ('expired', 0)",
    """CREATE TRIGGER added AFTER INSERT ON originals BEGIN
        UPDATE counters SET value = value + new.stored WHERE name = 'stored'; END""",
    """CREATE TRIGGER removed AFTER DELETE ON originals BEGIN
        UPDATE counters SET value = value - old.stored WHERE name = 'stored'; END""",
    f"PRAGMA user_version = {SCHEMA}",
)
_ENTRY = "id, project, size, stored, created, used, pinned, tool, content_type"


@dataclass(frozen=True, slots=True)
class Stats:
    """Bytes and counts of a store: of the project, then of the whole file (`cap`, `evicted` and `expired` are the file's)."""

    entries: int
    size: int
    stored: int
    pinned: int
    stored_in_file: int
    cap: int
    evicted: int
    expired: int


class SQLiteStore:
    """Originals in one SQLite file, seen from one project.

    The constructor touches nothing; the file (mode 0600) and its folder (0700) come with the first call. An object may be
    shared between threads, used across `fork`, and any number of processes may use the file. `cap` counts bytes as
    stored (compressed), over all projects. `on_evict(originals, bytes)` is called after originals made room for others.
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
    ) -> None:
        self.path = Path(path)
        self.project = _storable(project)
        self._cap, self._keep_at_least, self._keep_at_most = cap, keep_at_least, keep_at_most
        self._on_evict, self._clock = on_evict, clock
        self._db: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._swept = float("-inf")
        _OPEN.add(self)

    # Reading

    def identify(self, text: str) -> str:
        """The id that `put` would give this text now."""
        fingerprint = digest(encoded(text))
        with self._connection() as db:
            return self._id(db, fingerprint)

    def get(self, id: str) -> str:
        """The original, byte for byte. Raises NotFound, and StoreError rather than returning anything else."""
        with self._connection() as db:
            row = self._row(db, "rowid, digest, used, packed, body", id)
            if row is None:
                raise self._not_found(id)
            rowid, fingerprint, used, packed, body = row
            self._touch(db, rowid, used)
        data = _unpacked(body) if packed else bytes(body)
        if data is None or digest(data) != fingerprint:
            raise StoreError(f"the original {id!r} in {self.path} is damaged; run the command again")
        return decoded(data)

    def entries(self, limit: int | None = None) -> list[Entry]:
        """The project's originals without their texts, newest first."""
        with self._connection() as db:
            rows = db.execute(
                f"SELECT {_ENTRY} FROM originals WHERE project = ? ORDER BY created DESC, id LIMIT ?",
                (self.project, -1 if limit is None else limit),
            ).fetchall()
        return [Entry(*row[:6], bool(row[6]), *row[7:]) for row in rows]

    def stats(self) -> Stats:
        """Counts and sizes, and how many originals went by themselves so far."""
        with self._connection() as db:
            own = db.execute(
                "SELECT count(*), total(size), total(stored), total(pinned) FROM originals WHERE project = ?", (self.project,)
            ).fetchone()
            counters = dict(db.execute("SELECT name, value FROM counters").fetchall())
        entries, size, stored, pinned = map(int, own)
        return Stats(
            entries, size, stored, pinned, counters["stored"], self._cap, counters["evicted"], counters["expired"]
        )

    # Writing

    def put(self, text: str, *, tool: str = "", content_type: str = "") -> str:
        """Keeps a text and returns its id; the text is durable then."""
        return self.put_many([Original(text, tool, content_type)])[0]

    def put_many(self, originals: Sequence[Original]) -> list[str]:
        """Keeps all of these texts in one transaction and returns their ids in order; where it raises, it kept none."""
        datas = [encoded(one.text) for one in originals]
        fingerprints = [digest(data) for data in datas]
        with self._connection() as db:
            found = [self._present(db, fingerprint) for fingerprint in fingerprints]
        if all(found):
            return [id for id in found if id]
        bodies = [b"" if id else _packed(data) for id, data in zip(found, datas, strict=True)]
        ids: list[str] = []
        with self._connection() as db, _transaction(db):
            for one, data, fingerprint, body in zip(originals, datas, fingerprints, bodies, strict=True):
                ids.append(self._insert(db, one, data, fingerprint, body))
            evicted, freed = self._make_room(db)
        if evicted:
            self._say(evicted, freed)
        return ids

    def _present(self, db: sqlite3.Connection, fingerprint: bytes) -> str | None:
        """The id of a text that is kept already, its last use noted."""
        id = self._id(db, fingerprint)
        row = self._row(db, "rowid, used", id)
        if row is not None:
            self._touch(db, *row)
        return id if row is not None else None

    def _insert(self, db: sqlite3.Connection, one: Original, data: bytes, fingerprint: bytes, body: bytes) -> str:
        id = self._id(db, fingerprint)
        if self._row(db, "rowid", id) is None:
            body = body or _packed(data)  # it was there a moment ago and another process purged it
            now = self._clock()
            packed = int(len(body) < len(data))
            tool, content_type = _storable(one.tool), _storable(one.content_type)
            db.execute(
                "INSERT INTO originals VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?)",
                (self.project, id, fingerprint, now, now, len(data), len(body), tool, content_type, packed, body),
            )
        return id

    def pin(self, id: str) -> None:
        """Protects an original from eviction and expiry."""
        self._set_pinned(id, 1)

    def unpin(self, id: str) -> None:
        """Takes the protection away again."""
        self._set_pinned(id, 0)

    def _set_pinned(self, id: str, pinned: int) -> None:
        with self._connection() as db, _transaction(db):
            sql = "UPDATE originals SET pinned = ? WHERE project = ? AND id = ?"
            changed = db.execute(sql, (pinned, self.project, _storable(id))).rowcount
        if not changed:
            raise self._not_found(id)

    def purge(self, ids: Iterable[str] | None = None, *, older_than: float | None = None) -> int:
        """Deletes originals of the project, pinned ones too, and overwrites them in the file; says how many.

        `ids` defaults to all; with `older_than` only those that were not used for so many seconds.
        """
        before = self._clock() - older_than if older_than is not None else float("inf")
        sql, values = "DELETE FROM originals WHERE project = ? AND used < ?", (self.project, before)
        with self._connection() as db:
            with _transaction(db):
                if ids is None:
                    gone = db.execute(sql, values).rowcount
                else:
                    gone = sum(db.execute(f"{sql} AND id = ?", (*values, _storable(id))).rowcount for id in ids)
            if gone:
                db.execute("PRAGMA incremental_vacuum").fetchall()
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return gone

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        with self._lock:
            self._disconnect()

    # Room

    def _make_room(self, db: sqlite3.Connection) -> tuple[int, int]:
        """Inside a transaction: expires, evicts down to the cap, or refuses. Returns what was evicted: originals, bytes."""
        now = self._clock()
        if now - self._swept > _HOUR:
            self._swept = now
            limit = now - max(self._keep_at_most, self._keep_at_least)
            expired = db.execute("DELETE FROM originals WHERE pinned = 0 AND used < ?", (limit,)).rowcount
            _count(db, "expired", expired)
        stored: int = db.execute("SELECT value FROM counters WHERE name = 'stored'").fetchone()[0]
        if stored <= self._cap:
            return 0, 0
        over, gone, freed = stored - self._cap, [], 0
        evictable = "SELECT rowid, stored FROM originals WHERE pinned = 0 AND used <= ? ORDER BY used, rowid"
        for rowid, size in db.execute(evictable, (now - self._keep_at_least,)):
            gone.append((rowid,))
            freed += size
            if freed >= over:
                break
        else:
            raise StoreError(
                f"the store {self.path} is full: its {self._cap} bytes hold originals that are pinned or were used within "
                f"{self._keep_at_least / DAY:g} days; raise the cap or run `headroom store purge`"
            )
        db.executemany("DELETE FROM originals WHERE rowid = ?", gone)
        _count(db, "evicted", len(gone))
        return len(gone), freed

    def _say(self, evicted: int, freed: int) -> None:
        _log.warning("%s reached its cap of %d bytes: evicted %d originals (%d bytes)", self.path, self._cap, evicted, freed)
        if self._on_evict is not None:
            self._on_evict(evicted, freed)

    # Rows

    def _id(self, db: sqlite3.Connection, fingerprint: bytes) -> str:
        def kept(id: str) -> bytes | None:
            row = self._row(db, "digest", id)
            return None if row is None else bytes(row[0])

        return id_of(fingerprint, kept)

    def _row(self, db: sqlite3.Connection, columns: str, id: str) -> tuple[object, ...] | None:
        if not is_id(id):
            return None
        sql = f"SELECT {columns} FROM originals WHERE project = ? AND id = ?"
        row: tuple[object, ...] | None = db.execute(sql, (self.project, id)).fetchone()
        return row

    def _touch(self, db: sqlite3.Connection, rowid: object, used: object) -> None:
        """Notes a use, at most once an hour: a read should not cost a write. Must run under `_connection`."""
        now = self._clock()
        if isinstance(used, float) and now - used > _HOUR:
            with _transaction(db):
                db.execute("UPDATE originals SET used = max(used, ?) WHERE rowid = ?", (now, rowid))

    def _not_found(self, id: str) -> NotFound:
        return NotFound(f"no original is kept under {id!r} in the project {self.project!r}")

    # The file

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """The open connection, alone for this thread; every failure of the file comes out as a StoreError."""
        with self._lock:
            try:
                if self._db is None:
                    self._db = _opened(self.path)
                yield self._db
            except (sqlite3.Error, OSError) as error:
                self._disconnect()
                raise StoreError(_explained(self.path, error)) from error

    def _disconnect(self) -> None:
        if self._db is not None:
            db, self._db = self._db, None
            db.close()


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its -wal and -shm files the mode of the database, so that has to be right from the start.
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name == "posix" and os.fstat(handle).st_mode & 0o077:
            os.fchmod(handle, 0o600)
    finally:
        os.close(handle)
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        _patiently(lambda: db.execute("PRAGMA journal_mode = WAL").fetchone())
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA secure_delete = ON")
    if version == 0:
        with _transaction(db):
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _SCHEMA_SQL:
                    db.execute(statement)
                version = SCHEMA
    if version != SCHEMA:
        raise StoreError(
            f"the store {path} was written by a newer Headroom (its schema is {version}, this one knows {SCHEMA}): "
            "upgrade Headroom, or set HEADROOM_HOME to another folder"
        )


def _patiently(step: Callable[[], object]) -> None:
    """Repeats a step while the file is locked: switching to WAL does not wait by itself."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            step()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. IMMEDIATE, so that a writer waits for its turn at the start and never fails in the middle."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _count(db: sqlite3.Connection, name: str, more: int) -> None:
    if more:
        db.execute("UPDATE counters SET value = value + ? WHERE name = ?", (more, name))


def _packed(data: bytes) -> bytes:
    """The smaller of a text and its zstd frame; equal sizes mean that it is the text."""
    if len(data) < _TINY:
        return data
    frame = zstandard.ZstdCompressor(level=_LEVEL).compress(data)
    return frame if len(frame) < len(data) else data


def _unpacked(body: bytes) -> bytes | None:
    try:
        return zstandard.ZstdDecompressor().decompress(body)
    except zstandard.ZstdError:
        return None


def _storable(text: str) -> str:
    """A string SQLite can hold: lone surrogates spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _explained(path: Path, error: Exception) -> str:
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return f"the store {path} is damaged ({error}): move the file away; a new one is made, what it held is lost"
    return f"the store {path} can't be used: {error}"


_OPEN: weakref.WeakSet[SQLiteStore] = weakref.WeakSet()
_forking: list[SQLiteStore] = []


def _before_fork() -> None:
    """A connection must not live on in a child (SQLite's locks don't): all are closed, and opened again when needed."""
    for store in sorted(_OPEN, key=id):
        store._lock.acquire()
        _forking.append(store)
        store._disconnect()


def _after_fork() -> None:
    while _forking:
        _forking.pop()._lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
