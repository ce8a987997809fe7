"""Daily budgets: how many tokens each project has used today by the providers' count, for all processes together."""

from __future__ import annotations

import logging
import os
import threading
import time
from asyncio import get_running_loop
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

from headroom.ccr.database import Database
from headroom.errors import StoreError
from headroom.model import Usage
from headroom.proxy.endpoints import Endpoint, Kind

_log = logging.getLogger("headroom.proxy")
SCHEMA = 1
_SCHEMA_SQL = (
    "CREATE TABLE used (day TEXT NOT NULL, project TEXT NOT NULL, tokens INTEGER NOT NULL,"
    " PRIMARY KEY (day, project)) WITHOUT ROWID",
)
_ADD = "INSERT INTO used VALUES (?, ?, ?) ON CONFLICT (day, project) DO UPDATE SET tokens = tokens + excluded.tokens"


class UsedToday:
    """Tokens by project since midnight UTC, in a small SQLite file, or in memory where there is no path.

    What can't be written is written with what comes next; nothing here raises.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, patience: float = 1.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = None if path is None else Database(path, _SCHEMA_SQL, SCHEMA, patience)
        self._own: Counter[tuple[str, str]] = Counter()  # by day and project: what the file doesn't have
        self._clock = clock
        self._lock = threading.Lock()

    def add(self, project: str, tokens: int) -> None:
        """Counts tokens that a project has used just now."""
        day = _day(self._now())
        with self._lock:
            self._own = Counter({key: own for key, own in self._own.items() if key[0] == day})
            self._own[day, project] += tokens
            if self._database is None:
                return
            try:
                with self._database.transaction() as db:
                    db.execute("DELETE FROM used WHERE day < ?", (day,))
                    db.executemany(_ADD, [(*key, own) for key, own in self._own.items()])
                self._own.clear()
            except StoreError as error:
                _log.warning("what a project has used is kept in memory for now: %s", error)

    def by_project(self) -> dict[str, int]:
        """What each project has used today."""
        day = _day(self._now())
        with self._lock:
            used = Counter({project: own for (on, project), own in self._own.items() if on == day})
            if self._database is not None:
                try:
                    with self._database.connection() as db:
                        used.update(dict(db.execute("SELECT project, tokens FROM used WHERE day = ?", (day,))))
                except StoreError as error:
                    _log.warning("what projects have used can't be read: %s", error)
        return dict(used)

    def resets(self) -> tuple[str, int]:
        """When the day ends, and in how many seconds."""
        now = self._now()
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), timezone.utc)
        return f"{midnight:%Y-%m-%d %H:%M} UTC", int((midnight - now).total_seconds()) + 1

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), timezone.utc)


def _day(now: datetime) -> str:
    return f"{now:%Y-%m-%d}"


class Budgets:
    """Checks and books beside the event loop, one after the other: what was booked before is seen."""

    def __init__(self, used: UsedToday) -> None:
        self._used = used
        self._thread = ThreadPoolExecutor(1, "headroom-budgets")

    async def refusal(self, endpoint: Endpoint, project: str, most: int) -> str | None:
        """What to say to a request that would cost tokens of a project which has used up its `most`."""
        if not _costs(endpoint):
            return None
        used = (await self.by_project()).get(project, 0)
        if used < most:
            return None
        return (
            f"the daily budget of {most} tokens of the project {project!r} is used up ({used} counted); it starts"
            f" again at {self._used.resets()[0]}, or with a larger --daily-budget-tokens"
        )

    def seconds_left(self) -> int:
        """How long the day still is."""
        return self._used.resets()[1]

    async def by_project(self) -> dict[str, int]:
        """What each project has used today."""
        return await get_running_loop().run_in_executor(self._thread, self._used.by_project)

    async def report(self, most: int) -> dict[str, Any]:
        """How things stand, as plain values."""
        return {"tokens_per_day": most, "used": await self.by_project(), "resets": self._used.resets()[0]}

    def book(self, project: str, usage: Usage) -> None:
        """Counts what a reply has cost, cached tokens included. Doesn't wait."""
        if tokens := usage.input + usage.cache_read + usage.cache_write + usage.output:
            self._thread.submit(self._used.add, project, tokens)

    def close(self) -> None:
        """Waits for what is to be written."""
        self._thread.shutdown()


def _costs(endpoint: Endpoint) -> bool:
    """Whether requests of this kind make a model say something."""
    return endpoint.kind in (Kind.TURN, Kind.BATCH) or endpoint.name == "compact"
