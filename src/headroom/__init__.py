"""Headroom: context compression between AI agents and LLM providers. Reversible, local, never worse."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public name → module that defines it; loaded on first use so that `import headroom` costs next to nothing.
_HOME = {
    "compress": "api",
    "compress_text": "api",
    "retrieve": "api",
    "retrieval_tool": "api",
    "handle_tool_call": "api",
    "CompressResult": "api",
    "TextResult": "api",
    "Level": "model",
    "Role": "model",
    "MemoryStore": "ccr.memory",
    "SQLiteStore": "ccr.sqlite",
    "HeadroomError": "errors",
}

if TYPE_CHECKING:
    from headroom.api import (
        CompressResult,
        TextResult,
        compress,
        compress_text,
        handle_tool_call,
        retrieval_tool,
        retrieve,
    )
    from headroom.ccr.memory import MemoryStore
    from headroom.ccr.sqlite import SQLiteStore
    from headroom.errors import HeadroomError
    from headroom.model import Level, Role


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'headroom' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"headroom.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*_HOME, "__version__"]


__all__ = [
    "CompressResult",
    "HeadroomError",
    "Level",
    "MemoryStore",
    "Role",
    "SQLiteStore",
    "TextResult",
    "compress",
    "compress_text",
    "handle_tool_call",
    "retrieval_tool",
    "retrieve",
]
