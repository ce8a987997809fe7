"""Which store is used when the caller names none."""

from __future__ import annotations

import os
from functools import cache, lru_cache
from pathlib import Path

from platformdirs import user_config_path, user_data_path

from headroom.ccr.database import PATIENCE
from headroom.ccr.memory import MemoryStore
from headroom.ccr.sqlite import SQLiteStore
from headroom.errors import InputError
from headroom.interfaces import Store

STORE_FILE = "ccr.sqlite3"


def data_folder() -> Path:
    """Where Headroom keeps what it keeps: `HEADROOM_HOME`, else the platform's data folder."""
    return _home() or user_data_path("headroom", appauthor=False)


def config_folder() -> Path:
    """Where files are looked for that a user has written: `HEADROOM_HOME`, else the platform's folder for such."""
    return _home() or user_config_path("headroom", appauthor=False)


def _home() -> Path | None:
    home = os.environ.get("HEADROOM_HOME")
    return Path(home).expanduser() if home else None


def default_store(project: str = "default", patience: float = PATIENCE) -> Store:
    """The process's store for a project: on disk, or in memory where `HEADROOM_STORE=memory`. Raises InputError.

    `patience` is how many seconds a locked file is waited for.
    """
    kind = os.environ.get("HEADROOM_STORE") or "sqlite"
    if kind == "memory":
        return _in_memory(project)
    if kind == "sqlite":
        return _on_disk(data_folder() / STORE_FILE, project, patience)
    raise InputError(f"HEADROOM_STORE must be sqlite or memory, not {kind!r}")


@lru_cache(maxsize=64)  # each holds an open file; what falls out is closed once nobody uses it
def _on_disk(path: Path, project: str, patience: float) -> SQLiteStore:
    return SQLiteStore(path, project, patience=patience)


@cache
def _in_memory(project: str) -> MemoryStore:
    return MemoryStore(project)
