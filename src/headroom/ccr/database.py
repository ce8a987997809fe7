"""One SQLite file as this project uses it: private, opened late, safe with threads, forks and many processes.

Durability: WAL with synchronous=NORMAL. What a transaction committed survives kill -9 of this and every other process;
after a power failure the last moments before it may be missing. What the write-ahead log holds is taken over into the
file beside the work, since that waits for the disk; only where writes never pause does a transaction do it itself.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from headroom.errors import StoreError

PATIENCE = 10.0  # seconds to wait for who else uses a file
_LOG_BYTES = 8 << 20  # what a large write leaves of the write-ahead log
_TAKEN_OVER = 200  # transactions after which the log is taken over into the file
_LOG_PAGES = 4_000  # of the log, with which a transaction takes it over itself
_SCHEMA_ERRORS = ("no such table", "no such column", "malformed database schema")


class Database:
    """A lazily opened connection to `path`; every failure of the file comes out as a StoreError that names it.

    `schema` are the statements that make a new file, `version` the number it is marked with; a file with a higher
    number is refused. The file gets mode 0600, a folder made for it 0700. Who else has it locked is waited for
    `patience` seconds.
    """

    def __init__(
        self, path: str | os.PathLike[str], schema: Sequence[str], version: int, patience: float = PATIENCE
    ) -> None:
        self._db: sqlite3.Connection | None = None
        self.path = Path(path).absolute()
        self._schema, self._version, self._patience = schema, version, patience
        self._file: tuple[int, int] | None = None
        self._written = 0
        self._lock = threading.Lock()
        with _all_lock:
            _all.add(self)

    def __del__(self) -> None:
        self._disconnect()

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """The open connection, for this thread alone."""
        with self._lock:
            try:
                yield self._connected()
            except (sqlite3.Error, OSError) as error:
                self._disconnect()
                raise StoreError(self._explained(error)) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection inside a transaction: all or nothing, committed at the end."""
        with self.connection() as db, transaction(db):
            yield db
        self._written += 1
        if self._written % _TAKEN_OVER == 0:
            threading.Thread(target=_take_over, args=(self.path,), name="checkpoint", daemon=True).start()

    def close(self) -> None:
        """Closes the file; the next use opens it again."""
        with self._lock:
            self._disconnect()

    def _connected(self) -> sqlite3.Connection:
        if self._db is not None and self._file != _identity(self.path):
            self._disconnect()  # the file was deleted or replaced: what is written to the old one nobody finds
        if self._db is None:
            self._db = self._opened()
            self._file = _identity(self.path)
        return self._db

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _opened(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _making:
            self._make_private()
        db = sqlite3.connect(self.path, timeout=self._patience, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        return db

    def _make_private(self) -> None:
        """Sees to the file's mode: SQLite gives its -wal and -shm files the same, so it has to be right from the start.

        A file that is there is not opened for it: closing a handle gives up the locks that all connections of this
        process have on the file, and another process then deletes the log that they write to.
        """
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            if os.name == "posix" and os.stat(self.path).st_mode & 0o077:
                os.chmod(self.path, 0o600)

    def _prepare(self, db: sqlite3.Connection) -> None:
        version = _version(db)
        if version == 0:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            _patiently(lambda: db.execute("PRAGMA journal_mode = WAL").fetchone(), self._patience)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        db.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        db.execute("PRAGMA secure_delete = ON")  # what is purged is gone from the file, not only from its index
        if version == 0:
            with transaction(db):
                version = _version(db)  # another process may have been first
                if version == 0:
                    for statement in (*self._schema, f"PRAGMA user_version = {self._version}"):
                        db.execute(statement)
                    version = self._version
        if version != self._version:
            raise StoreError(
                f"{self.path} was written by a newer Headroom (its schema is {version}, this one knows "
                f"{self._version}): upgrade Headroom, or set HEADROOM_HOME to another folder"
            )

    def _explained(self, error: Exception) -> str:
        # A file that is malformed or no database raises this very class; its subclasses are about something else.
        if type(error) is sqlite3.DatabaseError or str(error).startswith(_SCHEMA_ERRORS):
            return f"{self.path} is damaged ({error}): move it away; a new file is made, what this one held is lost"
        return f"{self.path} can't be used: {error}"


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. IMMEDIATE, so that a writer waits for its turn at the start and never fails in the middle."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite ends it by itself when the disk is full
            db.execute("ROLLBACK")
        raise


@contextmanager
def without_waiting(db: sqlite3.Connection) -> Iterator[None]:
    """Inside, a lock that another process holds is an error at once."""
    (patience,) = db.execute("PRAGMA busy_timeout").fetchone()
    db.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        db.execute(f"PRAGMA busy_timeout = {patience}")


def shrink(db: sqlite3.Connection) -> None:
    """Gives the space of deleted rows back to the disk and takes their copies out of the write-ahead log."""
    db.executescript("PRAGMA incremental_vacuum")  # `execute` would stop after the first page
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _take_over(path: Path) -> None:
    """Copies what the write-ahead log holds into the file while others go on, and can start the log anew then."""
    address = f"{path.as_uri()}?mode=rw"  # which makes no file where there is none any more
    # What fails now is done the next time.
    with _taking_over, suppress(sqlite3.Error), closing(sqlite3.connect(address, timeout=0, uri=True)) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _version(db: sqlite3.Connection) -> int:
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _patiently(step: Callable[[], object], seconds: float) -> None:
    """Repeats a step while the file is locked: switching to WAL does not wait by itself."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            step()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


_all: weakref.WeakSet[Database] = weakref.WeakSet()
_all_lock = threading.Lock()
_making = threading.Lock()  # files: nobody here opens one that is being made
_held: list[Database] = []
_taking_over = threading.Lock()


def _before_fork() -> None:
    """Closes all connections (SQLite's locks don't pass to a child); parent and child open them again when needed."""
    _taking_over.acquire()
    _all_lock.acquire()
    for database in list(_all):
        database._lock.acquire()
        _held.append(database)
        database._disconnect()


def _after_fork() -> None:
    while _held:
        _held.pop()._lock.release()
    _all_lock.release()
    _taking_over.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
