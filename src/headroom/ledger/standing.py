"""What the processes that book requests know together: where conversations stand, and how providers count.

Rows of conversations are written with the requests themselves, in one transaction (`book`); scales alone, and seldom.
"""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from headroom.errors import StoreError
from headroom.ledger.calibration import Scale
from headroom.ledger.rebilling import Known, known_after
from headroom.ledger.record import Account

STATEMENTS = (
    """CREATE TABLE standing (conversation TEXT PRIMARY KEY, at REAL NOT NULL, went REAL NOT NULL, other REAL NOT NULL,
        hidden REAL NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX standing_by_age ON standing (at)",
    "CREATE TABLE exchanges (key BLOB PRIMARY KEY, at REAL NOT NULL, tokens REAL NOT NULL) WITHOUT ROWID",
    """CREATE TABLE scales (model TEXT PRIMARY KEY, literal INTEGER NOT NULL, factor REAL NOT NULL,
        per_text REAL NOT NULL, samples INTEGER NOT NULL) WITHOUT ROWID""",
)
_KEEP, _KEEP_EXCHANGES = 86_400.0, 7 * 86_400.0  # seconds; no cache lasts that long
_ENOUGH = 64  # samples, on which a scale is worth as much as one on more
_INTO = """INSERT INTO standing VALUES (?, ?, ?, ?, ?) ON CONFLICT (conversation) DO UPDATE
    SET at = excluded.at, went = excluded.went, other = excluded.other, hidden = excluded.hidden
    WHERE excluded.at >= at"""
_FROM = "SELECT at, went, other, hidden FROM standing WHERE conversation = ?"
_SCALE_INTO = """INSERT INTO scales VALUES (?, ?, ?, ?, ?) ON CONFLICT (model) DO UPDATE
    SET literal = excluded.literal, factor = excluded.factor, per_text = excluded.per_text, samples = excluded.samples
    WHERE excluded.samples >= min(samples, ?)"""
_SCALE_FROM = "SELECT literal, factor, per_text FROM scales WHERE model = ?"


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

    def scale(self, model: str) -> Scale | None:
        """What was learnt of a model."""
        with suppress(StoreError), self._source.connection() as db:
            row = db.execute(_SCALE_FROM, (model,)).fetchone()
            return None if row is None else Scale(bool(row[0]), *row[1:])
        return None

    def keep_scale(self, model: str, scale: Scale, samples: int) -> None:
        """Keeps what was learnt of a model, unless it rests on much less than what is there."""
        with suppress(StoreError), self._source.transaction() as db:
            db.execute(_SCALE_INTO, (model, *scale, samples, _ENOUGH))


def book(db: sqlite3.Connection, account: Account) -> None:
    """Writes down where a request leaves its conversation; a later one that is there already stays."""
    if account.record.conversation:
        db.execute(_INTO, (account.record.conversation, *known_after(account)))


def forget(db: sqlite3.Connection, now: float) -> None:
    """Lets go of conversations that have not gone on for long, and of what took place in them."""
    db.execute("DELETE FROM standing WHERE at < ?", (now - _KEEP,))
    db.execute("DELETE FROM exchanges WHERE at < ?", (now - _KEEP_EXCHANGES,))
