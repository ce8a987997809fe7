"""JSON objects as providers stream them: one in each event's data, its parts missing, unknown, or in pieces.

What is read here is somebody else's: whatever has another type than expected counts as not there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from headroom.wire.sse import Event, written


class _Pieces(list[str]):
    """A string that is not whole yet."""


def json_object(event: Event) -> dict[str, Any]:
    """The object that an event carries; an empty one where it carries something else."""
    try:
        data = json.loads(event.data) if event.data else {}
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def with_object(event: Event, data: Mapping[str, Any]) -> Event:
    """The same event with this object; half of a surrogate pair stays the escape that it came as."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    text = text.encode("utf-8", "backslashreplace").decode()
    return Event(written(event.name, text), event.name, text)


def object_in(holder: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object under a key."""
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


def objects_in(holder: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects of the array under a key."""
    value = holder.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def number_in(holder: Mapping[str, Any], key: str, default: int = 0) -> int:
    """The whole number under a key."""
    value = holder.get(key)
    return value if isinstance(value, int) else default


def without(holder: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """All members but these."""
    return {key: value for key, value in holder.items() if key not in keys}


def grow(known: dict[str, Any], piece: Mapping[str, Any], growing: Collection[str]) -> None:
    """Adds a piece to what is known of an object and the objects right in it.

    Strings under `growing` keys go on, anything else is replaced.
    """
    for key, value in piece.items():
        if isinstance(value, dict):
            inner = known[key] = object_in(known, key)
            for name, part in value.items():
                _add(inner, name, part, growing)
        else:
            _add(known, key, value, growing)


def _add(known: dict[str, Any], key: str, value: Any, growing: Collection[str]) -> None:
    if isinstance(value, str) and key in growing:
        if not isinstance(known.get(key), _Pieces):
            known[key] = _Pieces()
        known[key].append(value)
    elif value is not None:
        known[key] = value


def grown(known: Mapping[str, Any]) -> dict[str, Any]:
    """What has grown, with whole strings."""
    return {key: _members(value) if isinstance(value, dict) else _whole(value) for key, value in known.items()}


def _members(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _whole(inner) for key, inner in value.items()}


def _whole(value: Any) -> Any:
    return "".join(value) if isinstance(value, _Pieces) else value
