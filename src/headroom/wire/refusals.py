"""What providers, and servers that speak like them, say with an error status."""

from __future__ import annotations

import json
from typing import Any


def refusal(status: int, body: bytes) -> dict[str, Any]:
    """What a provider said with an error status, as an object with an `error` object."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, list) and said:
        said = said[0]
    said = said if isinstance(said, dict) else {}
    error = said.get("error")
    if not isinstance(error, dict):
        text = error if isinstance(error, str) else said.get("message")
        error = {"message": text if isinstance(text, str) else f"the upstream refused to go on ({status})"}
    return {**said, "error": error}
