"""The books as Prometheus wants them: sums of all workers together since the year began (UTC).

They come from the file, so they outlive the processes. Years end before the books forget their first days: a counter
never falls but to nothing, which is what a reset looks like.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

import headroom
from headroom.ledger.histograms import Histogram
from headroom.ledger.reading import Reading
from headroom.ledger.schema import CLASSES, Measure
from headroom.ledger.tallies import Who
from headroom.ledger.totals import Totals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_TIMES = {
    Measure.ADDED: ("headroom_added_latency_seconds", "Time that the proxy added to a request."),
    Measure.FIRST_BYTE: ("headroom_time_to_first_byte_seconds", "Time from a request to the first byte of its reply."),
}
_BILLS = ("billed", "passthrough")


def exposition(reading: Reading, paused: bool, now: float | None = None) -> bytes:
    """All metrics in the text format."""
    registry = CollectorRegistry()
    registry.register(_Collector(reading, paused, time.time() if now is None else now))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, reading: Reading, paused: bool, now: float) -> None:
        self._reading, self._paused = reading, paused
        self._since = datetime(datetime.fromtimestamp(now, timezone.utc).year, 1, 1, tzinfo=timezone.utc).timestamp()

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("headroom_build", "Which version this is.", value={"version": headroom.__version__})
        yield GaugeMetricFamily("headroom_paused", "1 while nothing new is shortened.", value=float(self._paused))
        tallies = self._reading.tallies(self._since)
        yield from _requests(tallies)
        yield from _bills(tallies)
        yield from _sums(self._reading.summary(self._since))
        histograms = self._reading.histograms(self._since)
        yield from (_seconds(*about, histograms[measure]) for measure, about in _TIMES.items())
        yield from _saved(histograms[Measure.SAVED])


def _requests(tallies: Mapping[Who, Totals]) -> Iterator[Metric]:
    requests = CounterMetricFamily("headroom_requests", "Requests to models.", labels=Who._fields)
    errors = CounterMetricFamily("headroom_request_errors", "Requests that failed, wherever.", labels=Who._fields)
    for who, totals in tallies.items():
        requests.add_metric(who, totals.counts["requests"])
        errors.add_metric(who, totals.counts["errors"])
    yield requests
    yield errors


def _bills(tallies: Mapping[Who, Totals]) -> Iterator[Metric]:
    """What was billed, and what would have been: `passthrough` less `billed` is what was saved."""
    tokens = CounterMetricFamily(
        "headroom_tokens", "Tokens as they were billed, or would have been.", labels=["model", "bill", "class"]
    )
    dollars = CounterMetricFamily(
        "headroom_cost_dollars", "What these cost, where prices are known.", labels=["model", "bill"]
    )
    for bill in _BILLS:
        sums: dict[str, dict[str, float]] = {}
        for who, totals in tallies.items():
            side = totals.billed if bill == "billed" else totals.came
            of_model = sums.setdefault(who.model, {})
            for name, value in side.as_json().items():
                if value is not None:
                    of_model[name] = of_model.get(name, 0) + value
        for model, values in sums.items():
            for name in CLASSES:
                tokens.add_metric([model, bill, name], values[name])
            if "usd" in values:
                dollars.add_metric([model, bill], values["usd"])
    yield tokens
    yield dollars


def _sums(summary: Mapping[str, Any]) -> Iterator[Metric]:
    texts, retrievals, breaks = summary["texts"], summary["retrievals"], summary["cache_breakers"]
    unchanged = texts["looked_at"] - texts["changed"]
    yield _counter("conversations", "Conversations.", summary["conversations"])
    yield _counter("retrievals", "Times that a model asked for an original.", retrievals["count"])
    yield _counter("retrieved_tokens", "Tokens of what models asked for.", retrievals["tokens"])
    yield _counter("cache_breaks", "Requests in which a client broke its cache.", sum(b["requests"] for b in breaks))
    yield _counter("cache_break_tokens", "Tokens that were read again for it.", sum(b["tokens"] for b in breaks))
    yield _by("texts", "New texts.", "outcome", {"shortened": texts["changed"], "unchanged": unchanged})
    sizes = {"before": texts["tokens_before"], "after": texts["tokens_after"]}
    yield _by("text_tokens", "Tokens of new texts before and after.", "stage", sizes)
    yield _by("responses", "Requests by HTTP status.", "code", summary["statuses"])
    yield _by("reasons", "What became of requests and texts.", "reason", summary["reasons"])


def _counter(name: str, help: str, value: float) -> Metric:
    return CounterMetricFamily(f"headroom_{name}", help, value=value)


def _by(name: str, help: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"headroom_{name}", help, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _buckets(found: Histogram, divisor: float = 1) -> list[tuple[str, float]]:
    """Upper bounds as Prometheus writes them."""
    bounds = [(str(float(bound / divisor)), float(count)) for bound, count in found.cumulative()]
    return [*bounds, ("+Inf", float(found.count))]


def _seconds(name: str, help: str, found: Histogram) -> Metric:
    buckets = _buckets(found, 1_000)
    return HistogramMetricFamily(name, help, buckets=buckets, sum_value=found.total / 1_000)


def _saved(found: Histogram) -> Iterator[Metric]:
    """A histogram's sum must never fall: what some requests had more than they came with is counted by itself."""
    yield HistogramMetricFamily(
        "headroom_request_saved_tokens",
        "Input tokens that a treated request had less than it came with; 0 for those that had more.",
        buckets=_buckets(found),
        sum_value=sum(found.totals[1:]),
    )
    lost = "Input tokens that treated requests had more than they came with."
    yield _counter("request_lost_tokens", lost, -found.totals[0])
