"""What clients repeat of replies, compared with what they were shown: they trim the ends, some make parts of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def after(said: Any, shown: str) -> Any | None:
    """What a text, or a list of parts with texts, says after what was shown; None where it begins in another way.

    Nothing at all is an empty text.
    """
    if isinstance(said, list):
        return _parts_after(said, shown)
    said = "" if said is None else said
    if not isinstance(said, str):
        return None
    if said and said == shown.strip():
        return ""
    return next((said[len(start) :] for start in (shown, shown.lstrip()) if said.startswith(start)), None)


def _parts_after(parts: Sequence[Any], shown: str) -> list[Any] | None:
    for i, part in enumerate(parts):
        if not shown:
            return list(parts[i:])
        text = part.get("text") if isinstance(part, dict) else None
        if not isinstance(text, str) or not (text.startswith(shown) or shown.startswith(text)):
            return None
        if len(text) > len(shown):
            return [{**part, "text": text[len(shown) :]}, *parts[i + 1 :]]
        shown = shown[len(text) :]
    return None if shown else []
