"""Prices that were looked up today, in a small file: commands should not wait for the package's large table."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from headroom.ccr.default import data_folder
from headroom.ledger.own_prices import Given

FILE = "prices-cache.json"
_PACKAGE = "genai_prices"


def looked_up(key: str, today: int, look_up: Callable[[], Given | None]) -> Given | None:
    """What is known under a key since it was first looked up on this day with this table; a file that fails is none."""
    file, state = data_folder() / FILE, f"{today} {_table()}"
    known = _read(file, state)
    if key not in known:
        known[key] = look_up()
        _write(file, {"state": state, "prices": known})
    found: Given | None = known[key]
    return found


def _table() -> str:
    """Which table it is: another one has another place or time."""
    spec = find_spec(_PACKAGE)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    return f"{folder}:{(folder / 'data.py').stat().st_mtime_ns}" if folder else ""


def _read(file: Path, state: str) -> dict[str, Any]:
    with suppress(OSError, ValueError, AttributeError):
        kept = json.loads(file.read_bytes())
        if kept.get("state") == state and isinstance(kept.get("prices"), dict):
            prices: dict[str, Any] = kept["prices"]
            return prices
    return {}


def _write(file: Path, kept: dict[str, Any]) -> None:
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    with suppress(OSError):
        if file.parent.is_dir():  # where nothing is booked there is nothing to keep
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                json.dump(kept, out)
            fresh.replace(file)
