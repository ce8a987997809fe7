"""Names as small numbers: each stands in the ledger once."""

from __future__ import annotations

import sqlite3

from headroom.ledger.schema import CONVERSATION_SUMS, COUNTS, HISTOGRAMS, REQUEST_SUMS, TEXT_SUMS, Named

OTHERS = "others"
_LONGEST = 200
_MOST = 2_000  # of a kind; a client that makes up names must not fill the disk
_MOST_KNOWN = 20_000  # in memory: many that are too many may stand for one
_MOST_OF_KIND = {Named.BREAK: 200}
_KEPT_BY = (
    *((REQUEST_SUMS.name, column) for column in ("model", "project", "client", "upstream")),
    *((TEXT_SUMS.name, column) for column in ("project", "tool", "type", "compressor", "reason")),
    *(("requests", column) for column in ("model", "project", "client", "upstream", "endpoint", "dialect")),
    *(("texts", column) for column in ("tool", "type", "compressor", "reason", "role")),
    *(("conversations", column) for column in ("project", "client")),
    *((table, "project") for table in (COUNTS.name, HISTOGRAMS.name)),
    (COUNTS.name, "name"),
    (CONVERSATION_SUMS.name, "model"),
)


class Names:
    """The numbers that a process knows, inside one transaction after the other."""

    def __init__(self) -> None:
        self._known: dict[tuple[Named, str], int] = {}
        self._edition: int | None = None
        self._db: sqlite3.Connection | None = None

    def begin(self, db: sqlite3.Connection) -> None:
        """At the start of a transaction. What another file, or this one by now, numbers otherwise is forgotten."""
        (edition,) = db.execute("SELECT value FROM meta WHERE name = 'names'").fetchone()
        if edition != self._edition or len(self._known) > _MOST_KNOWN:
            self.forget()
            self._edition = edition
        self._db = db

    def forget(self) -> None:
        """After a transaction that failed: what it numbered is not in the file."""
        self._known.clear()
        self._edition = None

    def of(self, kind: Named, name: str) -> int:
        """The number of a name, which it gets now if it has none."""
        found = self._known.get((kind, name))
        if found is None:
            found = self._known[kind, name] = self._kept(kind, storable(name, _LONGEST))
        return found

    def _kept(self, kind: Named, name: str) -> int:
        assert self._db is not None
        found = number_of(self._db, kind, name)
        if found is not None:
            return found
        (count,) = self._db.execute("SELECT count(*) FROM names WHERE kind = ?", (kind,)).fetchone()
        if count >= _MOST_OF_KIND.get(kind, _MOST) and name != OTHERS:
            return self._kept(kind, OTHERS)
        added = self._db.execute("INSERT INTO names (kind, name) VALUES (?, ?)", (kind, name)).lastrowid
        assert added is not None
        return added


def number_of(db: sqlite3.Connection, kind: Named, name: str) -> int | None:
    """The number that a name has."""
    row = db.execute("SELECT id FROM names WHERE kind = ? AND name = ?", (kind, name)).fetchone()
    return None if row is None else int(row[0])


def names_of(db: sqlite3.Connection) -> dict[int, str]:
    """All names by number."""
    return dict(db.execute("SELECT id, name FROM names").fetchall())


def drop_unused(db: sqlite3.Connection) -> None:
    """Inside a transaction: forgets names that nothing in the books has any more."""
    used = " UNION ".join(f"SELECT {column} FROM {table}" for table, column in _KEPT_BY)
    if db.execute(f"DELETE FROM names WHERE id NOT IN ({used})").rowcount:
        db.execute("UPDATE meta SET value = random() WHERE name = 'names'")


def storable(text: str, longest: int) -> str:
    """A string that SQLite can hold, cut where it is long; lone surrogates and NULs spelled out."""
    return text[:longest].encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
