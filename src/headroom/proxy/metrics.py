"""The books as Prometheus wants them: sums since they were begun, of all workers together."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CollectorRegistry, CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from headroom.ledger.histograms import Histogram
from headroom.ledger.reading import Reading
from headroom.ledger.schema import Measure

CONTENT_TYPE = CONTENT_TYPE_LATEST
_MS, _TOKENS = 1e-3, 1.0
_HISTOGRAMS = {
    Measure.ADDED: ("headroom_added_seconds", "Time that the proxy added to a request.", _MS),
    Measure.FIRST_BYTE: ("headroom_first_byte_seconds", "Time until the first byte of a reply.", _MS),
    Measure.SAVED: ("headroom_saved_tokens", "Input tokens that a request had less than it came with.", _TOKENS),
}
_CLASSES = ("input", "cache_read", "cache_write", "cache_write_1h", "output")


def exposition(reading: Reading) -> bytes:
    """All metrics in the text format."""
    registry = CollectorRegistry()
    registry.register(_Collector(reading))
    return generate_latest(registry)


class _Collector:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        summary = self._reading.summary()
        yield from _counters(summary)
        for measure, one in self._reading.histograms().items():
            yield _histogram(measure, one)


def _counters(summary: dict[str, object]) -> Iterator[Metric]:
    texts, retrievals = _numbers(summary["texts"]), _numbers(summary["retrievals"])
    for name, help, value in (
        ("requests", "Requests that were forwarded.", summary["requests"]),
        ("errors", "Requests that failed, wherever.", summary["errors"]),
        ("conversations", "Conversations.", summary["conversations"]),
        ("retrievals", "Times that a model asked for an original.", retrievals["count"]),
        ("retrieved_tokens", "Tokens of what models asked for.", retrievals["tokens"]),
        ("texts", "New texts that were looked at.", texts["looked_at"]),
        ("texts_changed", "Of these, shortened ones.", texts["changed"]),
    ):
        yield CounterMetricFamily(f"headroom_{name}", help, value=float(str(value)))
    for name, help, label in (
        ("replies", "Requests by HTTP status.", "status"),
        ("reasons", "What happened to requests and texts.", "reason"),
    ):
        family = CounterMetricFamily(f"headroom_{name}", help, labels=[label])
        for value, count in _numbers(summary["statuses" if label == "status" else "reasons"]).items():
            family.add_metric([value], count)
        yield family
    tokens = CounterMetricFamily("headroom_tokens", "Tokens by what they are charged as.", labels=["bill", "class"])
    dollars = CounterMetricFamily("headroom_cost_dollars", "What they cost, where prices are known.", labels=["bill"])
    for bill in ("billed", "passthrough"):
        found = _numbers(summary[bill])
        for name in _CLASSES:
            tokens.add_metric([bill, name], found[name])
        dollars.add_metric([bill], found.get("usd", 0.0))
    yield tokens
    yield dollars


def _numbers(given: object) -> dict[str, float]:
    return {str(name): float(value) for name, value in dict(given).items() if value is not None}  # type: ignore[call-overload]


def _histogram(measure: Measure, found: Histogram) -> Metric:
    name, help, unit = _HISTOGRAMS[measure]
    buckets = [(f"{bound * unit:g}", count) for bound, count in found.cumulative()]
    return HistogramMetricFamily(name, help, buckets=[*buckets, ("+Inf", found.count)], sum_value=found.total * unit)
