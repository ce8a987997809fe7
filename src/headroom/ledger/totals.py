"""Sums of requests in money: what was billed, and what would have been for the requests as they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import add, mul
from typing import Any

from headroom.ledger.record import Bill, Group
from headroom.ledger.schema import CLASSES, FIGURES, GROUPS

NONE = "none"  # what nothing has a name for
Cost = Callable[[str, int, Bill], "float | None"]

_COUNTED = FIGURES[: -2 * len(CLASSES)]
_BILLED, _CAME = slice(len(_COUNTED), -len(CLASSES)), slice(-len(CLASSES), None)
_OF_TEXTS = ("tokens_before", "tokens_after", "with_results")
# What classes of tokens cost compared with each other, roughly, where no price is known.
_WEIGHTS = (1.0, 0.1, 1.25, 2.0, 5.0)


class Prices:
    """What tokens cost, asked for once for each model and tariff: a bill is the sum of its parts."""

    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        self._known: dict[tuple[str, int], list[float] | None] = {}

    def __call__(self, model: str, band: int, thousandths: Sequence[int]) -> float | None:
        """Dollars for so many thousandths of tokens by class."""
        if (model, band) not in self._known:
            millions = [self._cost(model, band, Bill(**{name: 1e6})) for name in CLASSES]
            known = [usd / 1e9 for usd in millions if usd is not None]
            self._known[model, band] = known if len(known) == len(CLASSES) else None
        prices = self._known[model, band]
        return None if prices is None else sum(map(mul, prices, thousandths))


class Side:
    """Tokens by class, and what those cost for which a price is known; None where for none."""

    def __init__(self) -> None:
        self._thousandths = [0] * len(CLASSES)
        self.usd: float | None = None

    def add(self, thousandths: Sequence[int], usd: float | None) -> None:
        self._thousandths = [*map(add, self._thousandths, thousandths)]
        if usd is not None:
            self.usd = (self.usd or 0.0) + usd

    @property
    def bill(self) -> Bill:
        return Bill(*(tokens / 1_000 for tokens in self._thousandths))

    @property
    def weighted(self) -> float:
        return float(sum(map(mul, _WEIGHTS, self._thousandths))) / 1_000

    @property
    def cache_hit_rate(self) -> float | None:
        bill = self.bill
        return round(bill.cache_read / bill.read, 4) if bill.read else None

    def as_json(self) -> dict[str, Any]:
        tokens = {name: round(one / 1_000) for name, one in zip(CLASSES, self._thousandths, strict=True)}
        return {**tokens, "usd": usd(self.usd)}


class Totals:
    """What requests come to. Those of dry runs went as they came; what they would have been is `would`."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._went, self._tried = [0] * len(_COUNTED), [0] * len(_COUNTED)
        self.billed, self.came, self.dry_billed, self.would = Side(), Side(), Side(), Side()
        self.unpriced: set[str] = set()

    def add(self, model: str, group: int, band: int, band_came: int, figures: Sequence[int]) -> None:
        """Adds a row of FIGURES."""
        billed, came = figures[_BILLED], figures[_CAME]
        prices = self._priced(model, band, billed), self._priced(model, band_came, came)
        self.billed.add(billed, prices[0])
        if GROUPS[group] is Group.DRY_RUN:
            self._tried = [*map(add, self._tried, figures)]
            self.came.add(billed, prices[0])
            self.dry_billed.add(billed, prices[0])
            self.would.add(came, prices[1])
        else:
            self._went = [*map(add, self._went, figures)]
            self.came.add(came, prices[1])

    def _priced(self, model: str, band: int, thousandths: Sequence[int]) -> float | None:
        usd = self._prices(model, band, thousandths)
        if usd is None and any(thousandths):
            self.unpriced.add(model or NONE)
        return usd

    @property
    def counts(self) -> dict[str, int]:
        """All figures but the bills; of texts those that went on so."""
        all_of_them = zip(_COUNTED, map(add, self._went, self._tried), strict=True)
        went = dict(zip(_COUNTED, self._went, strict=True))
        return {**dict(all_of_them), **{name: went[name] for name in _OF_TEXTS}}

    def saved(self) -> dict[str, Any]:
        """What the difference is: tokens that were not read, money, and how much of the bill that is."""
        return difference(self.billed, self.came)

    def dry_run(self) -> dict[str, Any] | None:
        """What would have been saved, where it was only tried."""
        tried = dict(zip(_COUNTED, self._tried, strict=True))
        if not tried["requests"]:
            return None
        return {
            "requests": tried["requests"],
            "billed": self.dry_billed.as_json(),
            "would_be": self.would.as_json(),
            "would_save": difference(self.would, self.dry_billed),
            "tokens_before": tried["tokens_before"],
            "tokens_after": tried["tokens_after"],
        }


def difference(billed: Side, came: Side) -> dict[str, Any]:
    """What the one is less than the other."""
    if billed.usd is None or came.usd is None:
        return {"tokens": _fewer(billed, came), "usd": None, "percent": percent(came.weighted, billed.weighted)}
    return {
        "tokens": _fewer(billed, came),
        "usd": usd(came.usd - billed.usd),
        "percent": percent(came.usd, billed.usd),
    }


def _fewer(billed: Side, came: Side) -> int:
    return round(came.bill.read - billed.bill.read)


def percent(before: float, after: float) -> float | None:
    """By how much it has become less."""
    return round(100 * (1 - after / before), 2) if before else None


def usd(value: float | None) -> float | None:
    """Money to a ten-thousandth of a cent."""
    return None if value is None else round(value, 6)
