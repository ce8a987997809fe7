"""Prices of the user's own: a TOML file beside the configuration, in US dollars for a million tokens.

    ["my-model*"]
    input = 3.0
    cache_read = 0.3
    output = 15.0

The first table whose pattern fits a model's name holds. What caching costs may be left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from headroom.ccr.default import config_folder
from headroom.errors import InputError
from headroom.toml_file import TomlFile

PRICES_FILE = "prices.toml"
CLASSES = ("input", "cache_read", "cache_write", "cache_write_1h", "output")
_NEEDED = ("input", "output")

Given = Mapping[str, float]


def given(model: str) -> Given | None:
    """What the user's file says of a model, dollars for a million tokens by class. Raises InputError for a bad file."""
    return next((prices for pattern, prices in prices_in(_file()) if fnmatchcase(model.lower(), pattern)), None)


def state(file: Path | None = None) -> tuple[str, int, int]:
    """What changes when the file does: its name, when it was written (0 where there is none), its size."""
    file = file or _file()
    try:
        there = file.stat()
    except OSError:
        return str(file), 0, 0
    return str(file), there.st_mtime_ns, there.st_size


def prices_in(file: Path) -> tuple[tuple[str, Given], ...]:
    """Patterns and prices of a file, in order; none where there is no file. Raises InputError."""
    _, changed, size = state(file)
    if not changed and os.environ.get("HEADROOM_PRICES"):
        raise InputError(f"{file}: there is no such file (HEADROOM_PRICES)")
    return _read(file, changed, size) if changed else ()


def _file() -> Path:
    return _named(os.environ.get("HEADROOM_PRICES"), os.environ.get("HEADROOM_HOME"))


@lru_cache(maxsize=4)  # to find the platform's folder takes longer than all the rest
def _named(file: str | None, home: str | None) -> Path:
    return Path(file).expanduser() if file else config_folder() / PRICES_FILE


@lru_cache(maxsize=4)
def _read(file: Path, changed: int, size: int) -> tuple[tuple[str, Given], ...]:
    found = TomlFile.read(file)
    for pattern, key, problem in _problems(found.tables):
        raise found.wrong(pattern, key, problem)
    return tuple((pattern.lower(), prices) for pattern, prices in found.tables.items())


def _problems(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What is wrong: pattern, key, and what with it."""
    for pattern, prices in document.items():
        if not isinstance(prices, dict):
            yield pattern, "", "this is the pattern of a model's name and has a table of prices"
            continue
        for key, price in prices.items():
            if key not in CLASSES:
                yield pattern, key, f"there is no price of this name; known: {', '.join(CLASSES)}"
            elif isinstance(price, bool) or not isinstance(price, (int, float)) or not 0 <= price < float("inf"):
                yield pattern, key, f"this is US dollars for a million tokens, not {price!r}"
        for key in _NEEDED:
            if key not in prices:
                yield pattern, "", f"{key} is missing"
