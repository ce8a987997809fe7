"""The books of this user."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from headroom.ccr.database import PATIENCE
from headroom.ccr.default import data_folder
from headroom.ledger.prices import cost
from headroom.ledger.reading import Reading
from headroom.ledger.source import LEDGER_FILE, InMemory, on_disk


def ledger_path() -> Path:
    """Where they are."""
    return data_folder() / LEDGER_FILE


def default_reading() -> Reading:
    """Reads them; empty ones where nothing was booked yet."""
    path = ledger_path()
    return Reading(on_disk(path, PATIENCE) if path.exists() else InMemory(), cost, counting())


def counting() -> str:
    """What tokens are counted by, where a provider doesn't say."""
    return "o200k_base" if find_spec("bpe_openai") else "estimate"
