"""The tool `headroom_retrieve` as models see it: its definition, and what a call of it asks for."""

from __future__ import annotations

from typing import Any

from headroom.interfaces import Dialect
from headroom.marker import RETRIEVE_TOOL

_SELECTORS = ("id", "lines", "rows", "path", "query", "limit")
# Every request carries this definition: just what a model needs besides the closing line, which says how to call it.
_DESCRIPTION = "Shows what a shortened tool result left out."


def definition(dialect: Dialect) -> dict[str, Any]:
    """The tool in a dialect's shape, for a request's tool list."""
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in _SELECTORS[:-1]}}
    return dialect.tool_definition(RETRIEVE_TOOL, _DESCRIPTION, schema)


def selectors(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call as keywords of `retrieve_text`; what it doesn't know is passed over."""
    known = {name: arguments[name] for name in _SELECTORS if arguments.get(name) is not None}
    return {"id": "", **known}
