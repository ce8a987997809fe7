"""What each compressor really saves on each tool's results, and which are switched off because they don't.

A use is a text that a form with omissions was sent of. What the model then had to ask for is taken off what it saved,
and so is the same text where the agent soon got it a second time in the same conversation: it ran the call again. Who
has saved nothing over the last 50 uses is switched off for a week, then tried anew, and for twice as long each time.

Texts are told by their ids, which are hashes: a second result that differs by a time of day counts as another text.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from threading import Thread
from typing import Any, Protocol

from headroom.errors import StoreError
from headroom.ledger.names import storable
from headroom.ledger.record import Group, Record, Text
from headroom.marker import plural
from headroom.model import Reason

_log = logging.getLogger("headroom.ledger")

STATEMENTS = (
    """CREATE TABLE uses (text INTEGER, compressor TEXT, tool TEXT NOT NULL, conversation TEXT NOT NULL,
        original TEXT NOT NULL, age INTEGER NOT NULL, saved INTEGER NOT NULL, lost INTEGER NOT NULL,
        PRIMARY KEY (text, compressor)) WITHOUT ROWID""",
    "CREATE INDEX uses_by_original ON uses (original)",
    "CREATE INDEX uses_by_conversation ON uses (conversation)",
    "CREATE INDEX uses_by_strategy ON uses (compressor, tool)",
    """CREATE TABLE strategies (compressor TEXT, tool TEXT, until REAL NOT NULL, times INTEGER NOT NULL,
        saved INTEGER NOT NULL, lost INTEGER NOT NULL, PRIMARY KEY (compressor, tool)) WITHOUT ROWID""",
)
USES = 50
_SOON = 8  # requests of a conversation in which the same text again is one that was read again
_DAY = 86_400.0
_PAUSE, _LONGEST_PAUSE = 7 * _DAY, 56 * _DAY
_MOST_TEXTS = 20_000
_REFRESHED = 60.0  # seconds after which it is looked again who is switched off
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a compressor does on a tool's results, in tokens over its last uses.

    Of one that is switched off, `off_until` when, these are those that it was for; `times` is how often that happened.
    """

    compressor: str
    tool: str
    uses: int
    saved: int
    lost: int
    off_until: float | None = None
    times: int = 0

    @property
    def name(self) -> str:
        return named(self.compressor, self.tool)

    @property
    def net(self) -> int:
        return self.saved - self.lost

    @property
    def words(self) -> str:
        """What there is to say of it."""
        over = f"over its last {plural(self.uses, 'uses')}: {self.saved:,} tokens saved, {self.lost:,} read after all"
        return f"{self.name} {'is switched off, ' if self.off_until else ''}{over}"

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {"name": self.name, **asdict(self), "net": self.net, "words": self.words}


def named(compressor: str, tool: str) -> str:
    """What a strategy is called."""
    return f"{compressor}:{tool}"


def book(db: sqlite3.Connection, record: Record, retrieved: Iterable[tuple[str, int]]) -> None:
    """Inside a transaction: takes a request in. `retrieved` are ids of originals with the tokens of what was given."""
    if record.group is not Group.TREATED:
        return
    conversation = _short(record.conversation)
    if conversation:
        db.execute("UPDATE uses SET age = age + 1 WHERE conversation = ? AND age <= ?", (conversation, _SOON))
    changed: set[tuple[str, str]] = set()
    for text in record.texts:
        changed |= _used(db, conversation, text) if _left_something_out(text) else set()
    for original, tokens in retrieved:
        changed |= _lost(db, _asked_for(db, conversation, original), tokens)
    for compressor, tool in sorted(changed):
        _judge(db, compressor, tool, record.at)


def _left_something_out(text: Text) -> bool:
    report = text.report
    return report.reason is Reason.COMPRESSED and not report.lossless and report.id is not None


def _used(db: sqlite3.Connection, conversation: str, text: Text) -> set[tuple[str, str]]:
    """Notes a use of every compressor that had a part in a form, or that one was in vain before; says of which."""
    report, tool = text.report, _short(text.tool)
    known = _known(db, conversation, str(report.id))
    if known is not None:  # what is saved on it now would not have been there to be read
        db.execute("UPDATE uses SET age = 0 WHERE text = ?", (known,))
        return _lost(db, known, report.tokens_after)
    (last,) = db.execute("SELECT max(text) FROM uses").fetchone()
    number, saved = (last or 0) + 1, report.tokens_before - report.tokens_after
    strategies = {(compressor, tool) for compressor in report.compressor.split("+")}
    db.executemany(
        "INSERT INTO uses VALUES (?, ?, ?, ?, ?, 0, ?, 0)",
        [(number, *strategy, conversation, report.id, saved) for strategy in strategies],
    )
    db.execute("DELETE FROM uses WHERE text <= ?", (number - _MOST_TEXTS,))
    return strategies


def _known(db: sqlite3.Connection, conversation: str, original: str) -> int | None:
    """The number of the text that an earlier request of the conversation brought in, not long ago."""
    soon = "SELECT max(text) FROM uses WHERE original = ? AND conversation = ? AND age BETWEEN 1 AND ?"
    (text,) = db.execute(soon, (original, conversation, _SOON)).fetchone() if conversation else (None,)
    return None if text is None else int(text)


def _asked_for(db: sqlite3.Connection, conversation: str, original: str) -> int | None:
    """The number of the text of which a part was asked for: one of the same conversation, if there is one."""
    mine_first = "SELECT text FROM uses WHERE original = ? ORDER BY conversation = ? DESC, text DESC LIMIT 1"
    row = db.execute(mine_first, (_short(original), conversation)).fetchone()
    return None if row is None else int(row[0])


def _lost(db: sqlite3.Connection, text: int | None, tokens: int) -> set[tuple[str, str]]:
    """Takes tokens off what a text has saved; says whose work that was."""
    if text is None:
        return set()
    db.execute("UPDATE uses SET lost = lost + ? WHERE text = ?", (tokens, text))
    return set(db.execute("SELECT compressor, tool FROM uses WHERE text = ?", (text,)))


def _judge(db: sqlite3.Connection, compressor: str, tool: str, now: float) -> None:
    """Forgets all uses but the last ones; where these have saved nothing, the strategy is switched off."""
    mine = "compressor = ? AND tool = ?"
    newest = f"SELECT text, saved, lost FROM uses WHERE {mine} ORDER BY text DESC LIMIT {USES}"
    rows = db.execute(newest, (compressor, tool)).fetchall()
    if len(rows) < USES:
        return
    db.execute(f"DELETE FROM uses WHERE {mine} AND text < ?", (compressor, tool, rows[-1][0]))
    sums = sum(saved for _, saved, _ in rows), sum(lost for *_, lost in rows)
    if sums[0] > sums[1]:
        return
    row = db.execute(f"SELECT until, times FROM strategies WHERE {mine}", (compressor, tool)).fetchone()
    until, times = row or (0.0, 0)
    if until > now:
        return
    until = now + min(_PAUSE * 2**times, _LONGEST_PAUSE)
    db.execute("REPLACE INTO strategies VALUES (?, ?, ?, ?, ?, ?)", (compressor, tool, until, times + 1, *sums))
    db.execute(f"DELETE FROM uses WHERE {mine}", (compressor, tool))  # it starts anew when it is tried again


def switched_off(db: sqlite3.Connection, now: float) -> frozenset[str]:
    """The names of the strategies that are to leave nothing out now."""
    rows = db.execute("SELECT compressor, tool FROM strategies WHERE until > ?", (now,))
    return frozenset(named(*row) for row in rows)


def standings(db: sqlite3.Connection, now: float) -> list[Strategy]:
    """How all strategies do, those first that save least."""
    return sorted(_standings(db, now), key=lambda one: (one.net, one.name))


def _standings(db: sqlite3.Connection, now: float) -> Iterator[Strategy]:
    switched = {(row[0], row[1]): row[2:] for row in db.execute("SELECT * FROM strategies")}
    off = {strategy for strategy, (until, *_) in switched.items() if until > now}
    sums = "SELECT compressor, tool, count(*), sum(saved), sum(lost) FROM uses GROUP BY compressor, tool"
    for compressor, tool, uses, saved, lost in db.execute(sums):
        if (compressor, tool) not in off:
            times = switched.get((compressor, tool), (0.0, 0))[1]
            yield Strategy(compressor, tool, uses, saved, lost, times=times)
    for strategy in off:
        until, times, saved, lost = switched[strategy]
        yield Strategy(*strategy, USES, saved, lost, until, times)


def _short(name: str) -> str:
    return storable(name, _LONGEST_NAME)


class Books(Protocol):
    """Where the tables are."""

    def connection(self) -> AbstractContextManager[sqlite3.Connection]: ...


class SwitchedOff:
    """The names of the strategies that are to leave nothing out, as of a minute ago at most. Asking waits for nothing.

    Where the books can't be read, what was known holds.
    """

    def __init__(
        self, books: Books, clock: Callable[[], float] = time.time, since: Callable[[], float] = time.monotonic
    ) -> None:
        self._books, self._clock, self._since = books, clock, since
        self._names: frozenset[str] = frozenset()
        self._read = since()
        self.refresh()

    def __call__(self) -> frozenset[str]:
        now = self._since()
        if now - self._read > _REFRESHED:
            self._read = now
            Thread(target=self.refresh, name="headroom-strategies", daemon=True).start()
        return self._names

    def refresh(self) -> None:
        """Looks again."""
        try:
            with self._books.connection() as db:
                names = switched_off(db, self._clock())
        except StoreError as error:
            _log.warning("strategies stay as they are: %s", error)
            return
        for name in sorted(names - self._names):
            _log.warning("%s is switched off: the model read as much again as was saved", name)
        self._names = names
