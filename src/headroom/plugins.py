"""Finds plug-ins: every module of a package that exposes the expected name. Adding one is adding its file."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from headroom.interfaces import Compressor, Dialect, ReplyFormat

_log = logging.getLogger("headroom")
_degraded: dict[str, str] = {}


def _instances(package: str, attribute: str) -> dict[str, Any]:
    return {plugin.name: plugin for plugin in sorted(_exposed(package, attribute), key=lambda p: str(p.name))}


def _exposed(package: str, attribute: str) -> Iterator[Any]:
    """What the package's modules expose. One that can't be loaded is left out and named in `degraded`."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        name = f"{package}.{module.name}"
        try:
            loaded = importlib.import_module(name)
        except ImportError as error:
            _log.warning("%s is not available: %s", name, error)
            _degraded[name] = str(error)
            continue
        if hasattr(loaded, attribute):
            yield getattr(loaded, attribute)


@cache
def compressors() -> dict[str, Compressor]:
    """All compressors by name, in alphabetical order."""
    return cast("dict[str, Compressor]", _instances("headroom.compressors", "COMPRESSOR"))


@cache
def dialects() -> dict[str, Dialect]:
    """All dialects by name, in alphabetical order."""
    return cast("dict[str, Dialect]", _instances("headroom.dialects", "DIALECT"))


@cache
def replies() -> dict[str, ReplyFormat]:
    """All reply formats by the name of their dialect, in alphabetical order."""
    return cast("dict[str, ReplyFormat]", _instances("headroom.replies", "REPLY"))


def degraded() -> dict[str, str]:
    """Plug-ins that could not be loaded so far, by module name, and why (a damaged or incomplete installation)."""
    return dict(_degraded)
