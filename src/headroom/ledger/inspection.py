"""A request block by block: what came, and what went on in its place, from what is kept anyway."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from headroom.errors import HeadroomError
from headroom.interfaces import Store
from headroom.ledger.bodies import Bodies, unpacked
from headroom.ledger.reading import Reading
from headroom.prefixes import Prefixes


def inspected(reading: Reading, id: int, store_of: Callable[[str], Store], prefixes: Prefixes) -> dict[str, Any]:
    """`Reading.request` with each text as it came (`before`) and as it went on (`after`), None where that isn't kept.

    A text that went on as it came is kept nowhere. Raises NotFound.
    """
    request = reading.request(id)
    for text in request["texts"]:
        pin, path = text.pop("pin"), text.pop("path")
        text["before"] = _original(store_of(request["project"]), text["id"]) if text["id"] else None
        text["after"] = _form(prefixes, bytes.fromhex(pin), tuple(path[1:])) if pin else None
    return request


def bodies(reading: Reading, id: int) -> Bodies | None:
    """A request as it came and as it went on, where whole requests are kept."""
    body = reading.body(id)
    return None if body is None else unpacked(body)


def _original(store: Store, id: str) -> str | None:
    try:
        return store.get(id)
    except HeadroomError:  # it has gone, or can't be read: the figures are there all the same
        return None


def _form(prefixes: Prefixes, pin: bytes, path: tuple[str | int, ...]) -> str | None:
    turn = prefixes.turn(pin)
    literal = next((form.literal for form in turn.forms if form.path == path), None) if turn else None
    said = None if literal is None else json.loads(literal)
    return said if isinstance(said, str) else None
