"""What the proxy tells of its books: /stats and below. Asked for in a thread: books can be large."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from headroom.errors import InputError, NotFound
from headroom.ledger.comparison import compared
from headroom.ledger.inspection import bodies, inspected
from headroom.ledger.periods import moment
from headroom.ledger.reading import Reading
from headroom.proxy.engine import Engine

ROOT = "/stats"
_FLUSH_SECONDS = 2.0
_MOST_LINES = 1_000
_NUMBER = re.compile(r"[0-9]{1,18}")
_MINUTE = 60.0

Query = Mapping[str, str]
_Asked = Callable[[Reading, Query], dict[str, Any]]


class Figures:
    """Answers questions about the books."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lists: Mapping[str, _Asked] = {
            "": lambda reading, query: reading.summary(**_period(query)),
            "series": _series,
            "requests": _requests,
            "retrievals": lambda reading, query: {"retrievals": reading.retrieval_log(_limit(query))},
            "strategies": lambda reading, query: {"strategies": reading.strategies()},
            "holdout": lambda reading, query: compared(reading.conversations(**_period(query))),
        }

    async def tell(self, path: str, query: Query) -> dict[str, Any]:
        """What stands under a path below ROOT. Raises InputError, NotFound and StoreError."""
        return await asyncio.to_thread(self._told, path.strip("/").split("/"), query)

    async def edition(self) -> str:
        """What stays the same as long as nothing new is booked, for a minute at most: by then a period has moved on."""
        return await asyncio.to_thread(self._edition)

    def _edition(self) -> str:
        self._flush()
        (newest,) = self._engine.reading.requests(1) or ({"id": 0},)
        return f"{newest['id']}-{int(time.time() // _MINUTE)}-{int(self._engine.switch.paused)}"

    def _told(self, path: list[str], query: Query) -> dict[str, Any]:
        self._flush()
        reading = self._engine.reading
        if len(path) == 1 and path[0] in self._lists:
            return self._lists[path[0]](reading, query)
        if len(path) == 2 and path[0] == "by":
            return {"by": path[1], "rows": reading.by(path[1], **_period(query))}
        if len(path) == 2 and path[0] == "requests" and _NUMBER.fullmatch(path[1]):
            return self._request(reading, int(path[1]))
        raise NotFound(f"there is nothing under {ROOT}/{'/'.join(path)}")

    def _flush(self) -> None:
        """What was answered before a question is part of the answer."""
        self._engine.ledger.flush(_FLUSH_SECONDS)

    def _request(self, reading: Reading, id: int) -> dict[str, Any]:
        """One request, with itself where whole ones are kept."""
        request, kept = inspected(reading, id, self._engine.store_of, self._engine.prefixes), bodies(reading, id)
        texts = kept._asdict().items() if kept else ()
        return {**request, **{name: body.decode("utf-8", "replace") for name, body in texts}}


def _period(query: Query) -> dict[str, Any]:
    now = time.time()
    since, until = (moment(query.get(name, "all"), now) for name in ("since", "until"))
    return {"since": since, "until": until, "project": query.get("project")}


def _series(reading: Reading, query: Query) -> dict[str, Any]:
    bucket = query.get("bucket", "day")
    return {"bucket": bucket, "points": reading.series(bucket, **_period(query))}


def _requests(reading: Reading, query: Query) -> dict[str, Any]:
    before = _whole(query, "before", 0)
    return {"requests": reading.requests(_limit(query), before or None)}


def _limit(query: Query) -> int:
    return min(_whole(query, "limit", 100), _MOST_LINES)


def _whole(query: Query, name: str, otherwise: int) -> int:
    value = query.get(name)
    if value is None:
        return otherwise
    if not _NUMBER.fullmatch(value):
        raise InputError(f"`{name}` must be a whole number, not {value!r}")
    return int(value)
