"""What tokens cost: by the user's own file (`own_prices`), else by the package `genai-prices`, which is offline.

Where a price for caching is not known, Anthropic's rules hold for Claude (a read costs 0.1 of the input, a write 1.25,
one for an hour 2), and elsewhere nothing is gained or lost: it costs what the input does. Prices are today's.

Long prompts have tariffs of their own. A request's band is how many of `BANDS` its tokens exceed; the tariff is that of
the band's shortest prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, NamedTuple

from headroom.ledger import own_prices
from headroom.ledger.looked_up import looked_up
from headroom.ledger.own_prices import CLASSES, Given
from headroom.ledger.record import Bill

BANDS = (128_000, 200_000, 272_000)
_MILLION = 1e6
_CLAUDE = {"cache_read": 0.1, "cache_write": 1.25, "cache_write_1h": 2.0}
_MAKERS = "anthropic|amazon|meta|mistral|cohere|deepseek|openai|qwen|ai21"
_BEDROCK = re.compile(rf"(?:.*/)?(?:[a-z-]+\.)?(?:{_MAKERS})\.[^/]+")
_BEFORE_NAME = re.compile(r".*\bmodels/")
_VENDORS = {"xai": "x-ai", "vertex_ai": "google", "gemini": "google", "bedrock": "aws"}


class Price(NamedTuple):
    """US dollars for one token, by what it is charged as."""

    input: float
    cache_read: float
    cache_write: float
    cache_write_1h: float
    output: float


def price(model: str, band: int = 0, provider: str = "") -> Price | None:
    """What a model costs, named as a provider's replies do; None where that is not known.

    `provider` says who is meant where several sell one model under the same name. Raises InputError for a price file
    that can't be used.
    """
    today = datetime.now(timezone.utc).date().toordinal()
    return _price(model, band, provider, today, own_prices.state())


def cost(model: str, band: int, bill: Bill) -> float | None:
    """What a bill comes to in US dollars; None where the model's price is not known."""
    known = price(model, band)
    return None if known is None else sum(getattr(bill, name) * getattr(known, name) for name in CLASSES)


@lru_cache(maxsize=4_096)
def _price(model: str, band: int, provider: str, today: int, file: tuple[str, int, int]) -> Price | None:
    name = model.lower()
    known = own_prices.given(model) or looked_up(
        f"{provider} {name} {band}", today, lambda: _published(name, band, provider)
    )
    if known is None:
        return None
    rules = _CLAUDE if "claude" in model.lower() else {}
    return Price(*(known.get(name, known["input"] * rules.get(name, 1.0)) / _MILLION for name in CLASSES))


def _published(model: str, band: int, provider: str) -> Given | None:
    """What the package says, dollars for a million tokens."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - 0.15 s and 30 MB, for reports only

    snapshot, now = get_snapshot(), datetime.now(timezone.utc)
    for seller, name in _names(model, provider):
        try:
            _, found = snapshot.find_provider_model(name, None, seller, None)
        except LookupError:
            continue
        listed = vars(found.get_prices(now))
        known = {one: _in_band(listed[f"{one}_mtok"], band) for one in CLASSES if listed.get(f"{one}_mtok") is not None}
        if "input" in known and "output" in known:
            return known
    return None


def _names(model: str, provider: str) -> Iterator[tuple[str | None, str]]:
    """Under which names a model may be listed: by whom (None for whom the name tells), and how."""
    if provider:
        yield provider, model
    if _BEDROCK.fullmatch(model):
        yield "aws", model.rsplit("/", 1)[-1]
        return
    yield None, model
    vendor, slash, name = model.partition("/")
    if slash:
        yield "openrouter", model
        yield _VENDORS.get(vendor, vendor), name
        yield None, _BEFORE_NAME.sub("", model)


def _in_band(listed: Any, band: int) -> float:
    """The price of the shortest prompt in a band, where it depends on that."""
    tokens = BANDS[band - 1] + 1 if band else 0
    tiers = sorted((tier.start, tier.price) for tier in getattr(listed, "tiers", ()))
    reached = [at for start, at in tiers if tokens > start]
    return float(reached[-1] if reached else getattr(listed, "base", listed))
