"""What providers keep in their prompt caches: from how many tokens on, for how long, in which steps.

Sources: the providers' pages on prompt caching; models that are not named there get what most have.
"""

from __future__ import annotations

import re

_MOST_COMMON = 1_024
_MINIMUMS = (
    (re.compile(r"(?:opus|fable|mythos)-5"), 512),
    (re.compile(r"opus-4[.-][56]|haiku-4[.-]5"), 4_096),
    (re.compile(r"opus-4[.-]7|haiku-3|3[.-]5-haiku|3-haiku"), 2_048),
    (re.compile(r"gemini.*pro"), 4_096),
)
_SHORT, _LONG = 300.0, 3_600.0
_FOR_AN_HOUR = b'"1h"'
_STEP = 128  # in which OpenAI's automatic caches hit
_WRITERS = ("anthropic",)  # dialects in which what is put into the cache costs something


def minimum(model: str) -> int:
    """Tokens that a prompt must have to be cached."""
    name = model.lower()
    return next((least for pattern, least in _MINIMUMS if pattern.search(name)), _MOST_COMMON)


def lifetime(body: bytes) -> float:
    """Seconds that what a request reads or writes is kept for certain."""
    return _LONG if for_an_hour(body) else _SHORT


def for_an_hour(body: bytes) -> bool:
    """Whether a request asks for the cache that keeps an hour."""
    return _FOR_AN_HOUR in body


def writes(dialect: str) -> bool:
    """Whether writing to the cache is charged as such."""
    return dialect in _WRITERS


def step(dialect: str, read: int) -> int:
    """The steps in which a cache hit that is reported as `read` tokens can grow; 1 where there are none."""
    return _STEP if dialect.startswith("openai") and read % _STEP == 0 else 1
