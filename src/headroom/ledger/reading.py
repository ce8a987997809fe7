"""Reads the books: all numbers that /stats, the dashboard, the metrics and the commands show come from here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from heapq import nsmallest
from typing import Any

from headroom.errors import InputError
from headroom.ledger.findings import warnings_of
from headroom.ledger.histograms import Histogram
from headroom.ledger.lines import Lines
from headroom.ledger.names import number_of
from headroom.ledger.periods import HOUR, period
from headroom.ledger.retention import drawn_together
from headroom.ledger.schema import Measure, Named
from headroom.ledger.source import Source
from headroom.ledger.strategies import standings
from headroom.ledger.tallies import Who, tallies
from headroom.ledger.totals import NONE, Cost, Totals, usd
from headroom.ledger.view import Conversation, Texts, View

DIMENSIONS = ("tool", "type", "compressor", "model", "project", "client", "day", "conversation")
BUCKETS = ("hour", "day")
_OF_TEXTS = DIMENSIONS[:3]
_MOST_CONVERSATIONS = 100
_NO_PROJECT = -1


class Reading:
    """Looks into the books. `cost` prices a bill of a model under one of its tariffs, None where no price is known.

    Times are seconds since the epoch, None is as far as the books go. Raises StoreError where the books can't be read.
    """

    def __init__(self, source: Source, cost: Cost, counting: str = "", clock: Callable[[], float] = time.time) -> None:
        self._source, self._cost, self._counting, self._clock = source, cost, counting, clock

    def summary(
        self, since: float | None = None, until: float | None = None, project: str | None = None
    ) -> dict[str, Any]:
        """All there is to say about a period."""
        with self._view(since, until, project) as view:
            totals = view.totals().get(0, Totals(view.prices))
            texts = view.texts("reason")
            histograms, broken, first = view.histograms(), view.broken(), view.first_slot()
            counts, dry_run = totals.counts, totals.dry_run()
            return {
                "period": {
                    "since": view.period.since or (None if first is None else first * HOUR),
                    "until": view.period.until or round(self._clock()),
                },
                "requests": counts["requests"],
                "with_results": counts["with_results"],
                "conversations": view.conversation_count(),
                "errors": counts["errors"],
                "billed": totals.billed.as_json(),
                "passthrough": totals.came.as_json(),
                "saved": totals.saved(),
                "measured_requests": counts["measured"],
                "estimated_requests": counts["estimated"],
                "unpriced_models": sorted(totals.unpriced),
                "counting": self._counting,
                "texts": _texts(went for went, _ in texts.values()),
                "retrievals": {"count": counts["retrievals"], "tokens": counts["retrieved_tokens"]},
                "bytes": {"in": counts["bytes_in"], "forwarded": counts["bytes_forwarded"]},
                "latency": {
                    "added_ms": histograms[Measure.ADDED].shares(),
                    "first_byte_ms": histograms[Measure.FIRST_BYTE].shares(),
                },
                "cache_hit_rate": totals.billed.cache_hit_rate,
                "passthrough_cache_hit_rate": totals.came.cache_hit_rate,
                "reasons": dict(sorted(view.reasons(texts).items())),
                "statuses": dict(sorted(view.statuses().items())),
                "cache_breakers": [one._asdict() for one in broken],
                "warnings": [*warnings_of(view, totals, broken), *self._switched_off(view)],
                **({"dry_run": dry_run} if dry_run else {}),
            }

    def by(
        self, dimension: str, since: float | None = None, until: float | None = None, project: str | None = None
    ) -> list[dict[str, Any]]:
        """The sums of a period, apart by one of DIMENSIONS, those that saved most first; days in their order."""
        if dimension not in DIMENSIONS:
            raise InputError(f"{dimension!r} is none of {', '.join(DIMENSIONS)}")
        with self._view(since, until, project) as view:
            if dimension in _OF_TEXTS:
                named = [(view.names.get(key) or NONE, texts) for key, texts in view.texts(dimension).items()]
                return sorted((_texts_row(name, *texts) for name, texts in named), key=_by_net)
            if dimension == "day":
                return [{"name": _day(slot), **_money(totals)} for slot, totals in sorted(view.totals("day").items())]
            if dimension == "conversation":
                best = nsmallest(_MOST_CONVERSATIONS, view.conversations(), key=_by_bill)
                return [_conversation(one) for one in best]
            sums = view.totals(dimension).items()
            return sorted(({"name": view.names.get(key) or NONE, **_money(one)} for key, one in sums), key=_by_saved)

    def series(
        self, bucket: str, since: float | None = None, until: float | None = None, project: str | None = None
    ) -> list[dict[str, Any]]:
        """What was billed and saved over time, by "hour" or "day"; times without requests are left out."""
        if bucket not in BUCKETS:
            raise InputError(f"{bucket!r} is none of {', '.join(BUCKETS)}")
        with self._view(since, until, project) as view:
            return [_point(slot * HOUR, totals) for slot, totals in sorted(view.totals(bucket).items())]

    def conversations(
        self, since: float | None = None, until: float | None = None, project: str | None = None
    ) -> list[Conversation]:
        """The conversations that went on in a period, whole."""
        with self._view(since, until, project) as view:
            return view.conversations()

    def strategies(self) -> list[dict[str, Any]]:
        """How each compressor does on each tool's results, those first that save least."""
        with self._source.connection() as db:
            return [one.as_json() for one in standings(db, self._clock())]

    def histograms(
        self, since: float | None = None, until: float | None = None, project: str | None = None
    ) -> dict[Measure, Histogram]:
        """Latencies and savings of single requests."""
        with self._view(since, until, project) as view:
            return view.histograms()

    def tallies(self, since: float | None = None, until: float | None = None) -> dict[Who, Totals]:
        """The sums of a period, apart by model and client."""
        with self._view(since, until, None) as view:
            return tallies(view)

    def requests(self, limit: int = 100, before: int | None = None) -> list[dict[str, Any]]:
        """The last requests, those before one with an id, newest first."""
        with self._view(None, None, None) as view:
            return Lines(view).requests(limit, before)

    def request(self, id: int) -> dict[str, Any]:
        """One of them, with its texts and what was retrieved for it. Raises NotFound."""
        with self._view(None, None, None) as view:
            return Lines(view).request(id)

    def body(self, id: int) -> bytes | None:
        """A request itself as `bodies.packed` made it, where those are kept."""
        with self._view(None, None, None) as view:
            return Lines(view).body(id)

    def retrieval_log(self, limit: int = 100) -> list[dict[str, Any]]:
        """What models asked for last, newest first."""
        with self._view(None, None, None) as view:
            return Lines(view).retrievals(limit)

    def _switched_off(self, view: View) -> list[str]:
        return [one.words for one in standings(view.db, self._clock()) if one.off_until]

    @contextmanager
    def _view(self, since: float | None, until: float | None, project: str | None) -> Iterator[View]:
        with self._source.connection() as db:
            db.execute("BEGIN")  # all that follows sees the same moment
            try:
                number = None if project is None else number_of(db, Named.PROJECT, project) or _NO_PROJECT
                yield View(db, period(since, until, number, drawn_together(db)), self._cost)
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")


def _texts(sums: Iterable[Texts]) -> dict[str, int]:
    """What became of texts, those of dry runs aside."""
    looked_at, changed, before, after, _, _ = map(sum, zip(Texts(), *sums, strict=True))
    return {"looked_at": looked_at, "changed": changed, "tokens_before": before, "tokens_after": after}


def _texts_row(name: str, went: Texts, tried: Texts) -> dict[str, Any]:
    counts = {"texts": went.texts, "changed": went.changed}
    row = {"name": name, **counts, **_tokens(went.before, went.after, went.retrieved)}
    return {**row, "would_save_tokens": tried.before - tried.after} if tried.texts else row


def _tokens(before: int, after: int, retrieved: int) -> dict[str, int]:
    return {
        "tokens_before": before,
        "tokens_after": after,
        "tokens_saved": before - after,
        "retrieved_tokens": retrieved,
        "net_tokens": before - after - retrieved,
    }


def _money(totals: Totals) -> dict[str, Any]:
    saved, counts = totals.saved(), totals.counts
    return {
        "requests": counts["requests"],
        "billed_usd": usd(totals.billed.usd),
        "passthrough_usd": usd(totals.came.usd),
        "saved_usd": saved["usd"],
        "saved_percent": saved["percent"],
        **_tokens(counts["tokens_before"], counts["tokens_after"], counts["retrieved_tokens"]),
    }


def _conversation(one: Conversation) -> dict[str, Any]:
    about = {"group": one.group, "client": one.client, "project": one.project, "first": one.first, "last": one.last}
    return {"name": one.name, **about, **_money(one.totals)}


def _point(at: int, totals: Totals) -> dict[str, Any]:
    return {
        "at": at,
        "requests": totals.counts["requests"],
        "billed_usd": usd(totals.billed.usd),
        "passthrough_usd": usd(totals.came.usd),
        "saved_tokens": totals.saved()["tokens"],
        "cache_hit_rate": totals.billed.cache_hit_rate,
    }


def _day(slot: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(slot * HOUR))


def _by_bill(one: Conversation) -> tuple[float, float, str]:
    billed, came = one.totals.billed, one.totals.came
    return (billed.usd or 0.0) - (came.usd or 0.0), billed.weighted - came.weighted, one.name


def _by_net(row: dict[str, Any]) -> tuple[int, str]:
    return -row["net_tokens"], row["name"]


def _by_saved(row: dict[str, Any]) -> tuple[float, int, str]:
    return -(row["saved_usd"] or 0.0), -row["net_tokens"], row["name"]
