"""Finds plug-ins: every module of a package that exposes the expected name. Adding one is adding its file."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from headroom.interfaces import Compressor, Dialect


def _instances(package: str, attribute: str) -> dict[str, Any]:
    root: ModuleType = importlib.import_module(package)
    modules = (importlib.import_module(f"{package}.{m.name}") for m in pkgutil.iter_modules(root.__path__))
    found = [getattr(m, attribute) for m in modules if hasattr(m, attribute)]
    return {plugin.name: plugin for plugin in sorted(found, key=lambda p: str(p.name))}


@cache
def compressors() -> dict[str, Compressor]:
    """All compressors by name, in alphabetical order."""
    return cast("dict[str, Compressor]", _instances("headroom.compressors", "COMPRESSOR"))


@cache
def dialects() -> dict[str, Dialect]:
    """All dialects by name, in alphabetical order."""
    return cast("dict[str, Dialect]", _instances("headroom.dialects", "DIALECT"))
