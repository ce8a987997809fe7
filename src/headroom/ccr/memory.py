"""A store in memory: for tests, and for callers that want nothing on disk. Gone with the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from headroom.ccr.ids import digest, encoded, id_of
from headroom.errors import NotFound
from headroom.interfaces import Entry, Original


@dataclass(slots=True)
class _Kept:
    text: str
    fingerprint: bytes
    entry: Entry


class MemoryStore:
    """Keeps originals in a dict until purged; safe to share between threads."""

    name = "memory"

    def __init__(self, project: str = "default", *, clock: Callable[[], float] = time.time) -> None:
        self.project = project
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.RLock()

    def identify(self, text: str) -> str:
        return id_of(digest(encoded(text)), self._fingerprint)

    def _fingerprint(self, id: str) -> bytes | None:
        kept = self._kept.get(id)
        return kept.fingerprint if kept else None

    def put(self, text: str, *, tool: str = "", content_type: str = "") -> str:
        data = encoded(text)
        fingerprint = digest(data)
        now = self._clock()
        with self._lock:
            id = id_of(fingerprint, self._fingerprint)
            kept = self._kept.get(id)
            if kept is not None:
                kept.entry = replace(kept.entry, used=now)
            else:
                entry = Entry(id, self.project, len(data), len(data), now, now, False, tool, content_type)
                self._kept[id] = _Kept(text, fingerprint, entry)
        return id

    def put_many(self, originals: Sequence[Original]) -> list[str]:
        return [self.put(one.text, tool=one.tool, content_type=one.content_type) for one in originals]

    def get(self, id: str) -> str:
        with self._lock:
            kept = self._one(id)
            kept.entry = replace(kept.entry, used=self._clock())
            return kept.text

    def _one(self, id: str) -> _Kept:
        if id not in self._kept:
            raise NotFound(f"no original is kept under {id!r}")
        return self._kept[id]

    def pin(self, id: str) -> None:
        self._set_pinned(id, True)

    def unpin(self, id: str) -> None:
        self._set_pinned(id, False)

    def _set_pinned(self, id: str, pinned: bool) -> None:
        with self._lock:
            kept = self._one(id)
            kept.entry = replace(kept.entry, pinned=pinned)

    def entries(self, limit: int | None = None) -> list[Entry]:
        with self._lock:
            newest = sorted((kept.entry for kept in self._kept.values()), key=lambda e: (-e.created, e.id))
        return newest[:limit]

    def purge(self, ids: Iterable[str] | None = None, *, older_than: float | None = None) -> int:
        with self._lock:
            chosen = set(self._kept if ids is None else ids)
            limit = None if older_than is None else self._clock() - older_than
            gone = [i for i, k in self._kept.items() if i in chosen and (limit is None or k.entry.used < limit)]
            for id in gone:
                del self._kept[id]
        return len(gone)

    def close(self) -> None:
        """Nothing to release; the originals stay for as long as the object does."""
