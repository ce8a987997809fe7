"""Puts requests into the books: rows and sums of many at once, in one transaction."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from headroom.ledger import standing, strategies
from headroom.ledger.names import Names, storable
from headroom.ledger.record import Account
from headroom.ledger.retention import HOUR, Retention, draw_together, fit_bodies, trim
from headroom.ledger.schema import COUNTS, GROUPS, REQUEST, TEXT, Counted, Lost, Named
from headroom.ledger.source import Source
from headroom.ledger.sums import Added, Entry, Origin

_TIDY_REQUESTS, _TIDY_SECONDS = 1_000, 3_600.0
_LONGEST_KEY = 100
_INTO_REQUESTS = f"INSERT INTO requests VALUES ({', '.join('?' * len(REQUEST))})"
_INTO_TEXTS = f"INSERT INTO texts VALUES ({', '.join('?' * len(TEXT))})"
_INTO_RETRIEVALS = "INSERT INTO retrievals VALUES (?, ?, ?, ?, ?)"
_INTO_CONVERSATIONS = """INSERT INTO conversations (first, last, grp, project, client, name)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE
    SET first = min(first, excluded.first), last = max(last, excluded.last), grp = min(grp, excluded.grp)"""
_ORIGIN = "SELECT tool, type, compressor FROM texts WHERE original = ? ORDER BY request DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Due:
    """A request that is to be booked. `body` is the request itself, packed, where that is to be kept."""

    account: Account
    body: bytes = b""
    not_compared: bool = False


class Writer:
    """Writes to the books; for one thread."""

    def __init__(self, source: Source, retention: Retention, clock: Callable[[], float] = time.time) -> None:
        self._source, self._retention, self._clock = source, retention, clock
        self._names = Names()
        self._since_tidied = 0
        self._tidied = float("-inf")

    def write(self, due: Sequence[Due], lost: int = 0) -> None:
        """Books all of these, or none and raises. `lost` is how many could not be booked before."""
        try:
            with self._source.transaction() as db:
                self._names.begin(db)
                self._book(db, due, lost)
        except BaseException:
            self._names.forget()
            raise
        self._since_tidied += len(due)

    def tidy(self) -> bool:
        """Lets go of what is old, now and then, a part at a time; says whether there is more."""
        now = self._clock()
        if self._since_tidied < _TIDY_REQUESTS and now - self._tidied < _TIDY_SECONDS:
            return False
        self._since_tidied, self._tidied = 0, now  # also where it fails: it is tried again as late
        with self._source.transaction() as db:
            draw_together(db, self._retention, now)
            standing.forget(db, now)
            more = trim(db, self._retention, now)
        if more:
            self._tidied = float("-inf")
        return more

    def _book(self, db: sqlite3.Connection, due: Sequence[Due], lost: int) -> None:
        (last,) = db.execute("SELECT max(id) FROM requests").fetchone()
        entries = [
            Entry(one.account, id, self._conversation(db, one.account), self._names, one.not_compared)
            for id, one in enumerate(due, (last or 0) + 1)
        ]
        db.executemany(_INTO_REQUESTS, [entry.request_row() for entry in entries])
        db.executemany(_INTO_TEXTS, [row for entry in entries for row in entry.text_rows()])
        db.executemany(_INTO_RETRIEVALS, [row for entry in entries for row in entry.retrieval_rows()])
        self._keep_bodies(db, [(entry.id, one.body) for entry, one in zip(entries, due, strict=True) if one.body])
        added = Added()
        for entry in entries:
            entry.add_to(added, partial(_origin, db))
            strategies.book(db, entry.account.record, [(one.id, tokens) for one, tokens in entry.retrieved])
            standing.book(db, entry.account)
        if lost:
            place = int(self._clock() // HOUR), self._names.of(Named.PROJECT, "")
            added.add(COUNTS, (*place, Counted.LOST, Lost.NOT_BOOKED), (lost, 0))
        for table, rows in added.rows.items():
            db.executemany(table.addition, [(*keys, *values) for keys, values in rows.items()])

    def _conversation(self, db: sqlite3.Connection, account: Account) -> int:
        """The number of a request's conversation, which is now known to have come as far as this."""
        record = account.record
        if not record.conversation:
            return 0
        key, at = storable(record.conversation, _LONGEST_KEY), int(record.at * 1_000)
        project = self._names.of(Named.PROJECT, record.project)
        client = self._names.of(Named.CLIENT, record.client)
        db.execute(_INTO_CONVERSATIONS, (at, at, GROUPS.index(record.group), project, client, key))
        (id,) = db.execute("SELECT id FROM conversations WHERE name = ?", (key,)).fetchone()
        return int(id)

    def _keep_bodies(self, db: sqlite3.Connection, bodies: Sequence[tuple[int, bytes]]) -> None:
        if bodies:
            db.executemany("INSERT INTO bodies VALUES (?, ?, ?)", [(id, len(body), body) for id, body in bodies])
        if bodies or not self._retention.bodies:
            fit_bodies(db, self._retention.bodies)


def _origin(db: sqlite3.Connection, original: str) -> Origin | None:
    """What the text was of which a part is asked for, as far as it was booked."""
    row: Origin | None = db.execute(_ORIGIN, (storable(original, _LONGEST_KEY),)).fetchone()
    return row
