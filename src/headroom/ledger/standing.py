"""What the processes that book requests know together: where conversations stand, and how providers count.

Rows of conversations are written with the requests themselves, in one transaction (`book`); the rest alone, and seldom.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from headroom.errors import StoreError
from headroom.ledger.calibration import MOST_SAMPLES, Sample
from headroom.ledger.counting import Size
from headroom.ledger.rebilling import Known, known_after
from headroom.ledger.record import Account

STATEMENTS = (
    """CREATE TABLE standing (conversation TEXT PRIMARY KEY, at REAL NOT NULL, went REAL NOT NULL, other REAL NOT NULL,
        hidden REAL NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX standing_by_age ON standing (at)",
    "CREATE TABLE exchanges (key BLOB PRIMARY KEY, at REAL NOT NULL, tokens REAL NOT NULL) WITHOUT ROWID",
    """CREATE TABLE samples (id INTEGER PRIMARY KEY, model TEXT NOT NULL, decoded INTEGER NOT NULL,
        literal INTEGER NOT NULL, texts INTEGER NOT NULL, reported REAL NOT NULL)""",
    "CREATE INDEX samples_by_model ON samples (model, id)",
)
_KEEP, _KEEP_EXCHANGES = 86_400.0, 7 * 86_400.0  # seconds; no cache lasts that long
_INTO = """INSERT INTO standing VALUES (?, ?, ?, ?, ?) ON CONFLICT (conversation) DO UPDATE
    SET at = excluded.at, went = excluded.went, other = excluded.other, hidden = excluded.hidden
    WHERE excluded.at >= at"""
_FROM = "SELECT at, went, other, hidden FROM standing WHERE conversation = ?"
_SAMPLES_INTO = "INSERT INTO samples (model, decoded, literal, texts, reported) VALUES (?, ?, ?, ?, ?)"
_SAMPLES_FROM = "SELECT decoded, literal, texts, reported FROM samples WHERE model = ? ORDER BY id"
_SAMPLES_KEPT = """DELETE FROM samples WHERE model = ?1 AND id <=
    (SELECT id FROM samples WHERE model = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"""


class Source(Protocol):
    """The file; `source.Source` is one."""

    def connection(self) -> AbstractContextManager[sqlite3.Connection]: ...

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]: ...


class Standing:
    """A `counterfactual.Memory` in the file of the books; where that can't be used, nothing is known."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def known(self, conversation: str) -> Known | None:
        """Where a conversation stands."""
        with suppress(StoreError), self._source.connection() as db:
            row = db.execute(_FROM, (conversation,)).fetchone()
            return None if row is None else Known(*row)
        return None

    def exchange(self, key: bytes) -> float | None:
        """How many tokens were billed for an exchange."""
        with suppress(StoreError), self._source.connection() as db:
            row = db.execute("SELECT tokens FROM exchanges WHERE key = ?", (key,)).fetchone()
            return None if row is None else float(row[0])
        return None

    def keep_exchange(self, key: bytes, tokens: float, at: float) -> None:
        """Keeps how many tokens were billed for an exchange."""
        with suppress(StoreError), self._source.transaction() as db:
            db.execute("INSERT OR REPLACE INTO exchanges VALUES (?, ?, ?)", (key, at, tokens))

    def samples(self, model: str) -> list[Sample]:
        """The last samples of how a provider counts."""
        with suppress(StoreError), self._source.connection() as db:
            rows = db.execute(_SAMPLES_FROM, (model,)).fetchall()
            return [Sample(Size(*size), reported) for *size, reported in rows]
        return []

    def keep_samples(self, model: str, samples: Sequence[Sample]) -> None:
        """Keeps more of them, and lets go of the oldest."""
        with suppress(StoreError), self._source.transaction() as db:
            db.executemany(_SAMPLES_INTO, [(model, *size, reported) for size, reported in samples])
            db.execute(_SAMPLES_KEPT, (model, MOST_SAMPLES))


def book(db: sqlite3.Connection, account: Account) -> None:
    """Writes down where a request leaves its conversation; a later one that is there already stays."""
    if account.record.conversation:
        db.execute(_INTO, (account.record.conversation, *known_after(account)))


def forget(db: sqlite3.Connection, now: float) -> None:
    """Lets go of conversations that have not gone on for long, and of what took place in them."""
    db.execute("DELETE FROM standing WHERE at < ?", (now - _KEEP,))
    db.execute("DELETE FROM exchanges WHERE at < ?", (now - _KEEP_EXCHANGES,))
