"""Prices of the user's own: a TOML file beside the configuration, in US dollars for a million tokens.

    ["my-model*"]
    input = 3.0
    cache_read = 0.3
    output = 15.0

The first table whose pattern fits a model's name holds. What caching costs may be left out.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from headroom.ccr.default import config_folder
from headroom.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PRICES_FILE = "prices.toml"
CLASSES = ("input", "cache_read", "cache_write", "cache_write_1h", "output")
_NEEDED = ("input", "output")
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

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
    try:
        text = file.read_bytes().decode()
        document = tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}:{error.object[: error.start].count(10) + 1}: not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line = place[1] if place and place[1] else text.count("\n") + 1
        raise InputError(f"{file}:{line}: not TOML: {_PLACE.sub('', str(error))}") from error
    for pattern, key, problem in _problems(document):
        where = f'["{pattern}"] {key}'.rstrip()
        raise InputError(f"{file}:{_line(text, pattern, key)}: {where}: {problem}")
    return tuple((pattern.lower(), prices) for pattern, prices in document.items())


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


def _line(text: str, pattern: str, key: str) -> int:
    """Where a key of a table stands, else where the table does."""
    table = re.compile(rf"""\s*\[?\s*["']?{re.escape(pattern)}["']?\s*[]=.]""")
    wanted = re.compile(rf"""(?:.*[\s{{,.])?["']?{re.escape(key)}["']?\s*=""")
    found, inside = 0, False
    for number, line in enumerate(text.split("\n"), 1):
        begins = bool(table.match(line))
        inside = begins or (inside and not line.lstrip().startswith("["))
        found = number if begins and not found else found
        if inside and key and wanted.match(line):
            return number
    return found or 1
