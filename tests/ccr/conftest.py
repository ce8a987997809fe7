"""What the store tests share: a clock that stands still until it is moved, and texts that don't compress."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from headroom.ccr.sqlite import SQLiteStore


class Clock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += days * 86_400


def noise(seed: int, size: int = 10_000) -> str:
    """Hexadecimal noise: zstd halves it and no more, so that sizes in the store can be foretold."""
    return random.Random(seed).randbytes(size // 2).hex()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> SQLiteStore:
    return SQLiteStore(tmp_path / "home" / "ccr.sqlite3")
