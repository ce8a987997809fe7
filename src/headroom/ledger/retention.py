"""How long the books keep what: rows go first, sums are drawn together by day, and go after a year."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from headroom.ledger.names import drop_unused
from headroom.ledger.schema import BY_SLOT, HOURS_A_DAY

HOUR, DAY = 3_600, 86_400
HOURLY_DAYS = 8  # for which sums are kept by the hour
_AT_ONCE = 2_000  # rows that go in one transaction: others are not kept waiting for long
_OF_REQUESTS = ("texts", "retrievals", "bodies")


@dataclass(frozen=True, slots=True)
class Retention:
    """`requests` of at most so many `days` are kept one by one, sums for `sums_days`.

    `bodies` is for how many bytes, compressed, the requests themselves are kept: 0 keeps none.
    """

    requests: int = 100_000
    days: float = 30
    sums_days: float = 400
    bodies: int = 0


def trim(db: sqlite3.Connection, retention: Retention, now: float) -> bool:
    """Inside a transaction: lets the oldest requests go; says whether more of them have to."""
    (newest,) = db.execute("SELECT max(id) FROM requests").fetchone()
    oldest = db.execute("SELECT id, at FROM requests ORDER BY id LIMIT ?", (_AT_ONCE,)).fetchall()
    first_kept = (newest or 0) - retention.requests + 1
    too_old = (now - retention.days * DAY) * 1_000
    gone = 0
    for id, at in oldest:
        if id >= first_kept and at >= too_old:
            break
        gone += 1
    if gone:
        _drop_up_to(db, oldest[gone - 1][0])
    return gone == _AT_ONCE


def _drop_up_to(db: sqlite3.Connection, last: int) -> None:
    db.execute("DELETE FROM requests WHERE id <= ?", (last,))
    for table in _OF_REQUESTS:
        db.execute(f"DELETE FROM {table} WHERE request <= ?", (last,))


def fit_bodies(db: sqlite3.Connection, most: int) -> None:
    """Inside a transaction: lets the oldest bodies go until the others fit."""
    (size,) = db.execute("SELECT total(size) FROM bodies").fetchone()
    while size > most:
        request, freed = db.execute("SELECT request, size FROM bodies ORDER BY request LIMIT 1").fetchone()
        db.execute("DELETE FROM bodies WHERE request = ?", (request,))
        size -= freed


def draw_together(db: sqlite3.Connection, retention: Retention, now: float) -> None:
    """Inside a transaction, once a day: sums of days gone by become one row each, those of last year go."""
    today = int(now // DAY)
    before = (today - HOURLY_DAYS) * HOURS_A_DAY
    since = drawn_together(db)
    if before <= since:
        return
    kept = int(today - retention.sums_days) * HOURS_A_DAY
    for table in BY_SLOT:
        for statement in table.drawing_together:
            db.execute(statement, (since, before))
        db.execute(f"DELETE FROM {table.name} WHERE slot < ?", (kept,))
    old = "SELECT id FROM conversations WHERE last < ?"
    db.execute(f"DELETE FROM conversation_sums WHERE conversation IN ({old})", (kept * HOUR * 1_000,))
    db.execute("DELETE FROM conversations WHERE last < ?", (kept * HOUR * 1_000,))
    db.execute("UPDATE meta SET value = ? WHERE name = 'drawn_together'", (before,))
    drop_unused(db)


def drawn_together(db: sqlite3.Connection) -> int:
    """The first slot from which on sums are kept by the hour."""
    (slot,) = db.execute("SELECT value FROM meta WHERE name = 'drawn_together'").fetchone()
    return int(slot)
