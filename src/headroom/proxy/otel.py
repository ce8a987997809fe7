"""Requests as OpenTelemetry has them: a span for each, and the instruments of `metrics`. Figures and names, no texts.

Where they go, and whether at all, the standard variables say (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_RESOURCE_ATTRIBUTES …).
Imported only where the extra `otel` is installed.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

import headroom
from headroom.ledger.histograms import BOUNDS, measured
from headroom.ledger.names import storable
from headroom.ledger.record import Account, Group
from headroom.ledger.schema import CLASSES, Measure
from headroom.ledger.sums import bands, is_error
from headroom.ledger.tallies import MOST, OTHER
from headroom.ledger.totals import NONE, Cost

_LONGEST = 200
_CLOSING_SECONDS = 3.0
_CHAT = frozenset(("messages", "chat", "responses", "generate"))
_PROVIDERS = {"gemini": "gcp.gemini", "chatgpt": "openai"}  # who is called otherwise by the conventions
_MILLI, _NANO = 1e-3, 1_000_000_000

Attributes = dict[str, "str | bool | int | float | list[str]"]


class Telemetry:
    """Tells of requests what the books have of them."""

    def __init__(self, meters: MeterProvider, tracers: TracerProvider, cost: Cost) -> None:
        self._meters, self._tracers, self._cost = meters, tracers, cost
        self._tracer = tracers.get_tracer("headroom", headroom.__version__)
        self._instruments = _Instruments(meters)
        self._names: dict[str, set[str]] = {"model": set(), "client": set()}

    def __call__(self, account: Account) -> None:
        tried: Attributes = {}
        if account.record.group is Group.DRY_RUN:  # it went as it came; the other bill is what was only tried
            tried = {"headroom.tokens_would_save": round(account.billed.read - account.passthrough.read)}
            account = replace(account, passthrough=account.billed)
        model, client = self._bounded("model", _model(account)), self._bounded("client", account.record.client)
        read, would_be = bands(account)
        costs = self._cost(model, read, account.billed), self._cost(model, would_be, account.passthrough)
        self._instruments.add(account, model, client, costs)
        self._span(account, {**_conventional(account), **_own(account, costs), **tried})

    def close(self) -> None:
        """Sends what there is, and ends; does not wait for long where nobody takes it."""
        ending = [Thread(target=one.shutdown, daemon=True) for one in (self._tracers, self._meters)]
        for thread in ending:
            thread.start()
        until = time.monotonic() + _CLOSING_SECONDS
        for thread in ending:
            thread.join(max(0.0, until - time.monotonic()))

    def _bounded(self, kind: str, name: str) -> str:
        """The name, unless there are too many already: each makes further series."""
        known = self._names[kind]
        if len(known) < MOST:
            known.add(name)
        return name if name in known else OTHER

    def _span(self, account: Account, attributes: Attributes) -> None:
        record = account.record
        end = int(record.at * _NANO)
        start = end - int(record.ms_total * _MILLI * _NANO)
        name = f"{attributes['gen_ai.operation.name']} {attributes['gen_ai.request.model']}".strip()
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes, start_time=start)
        if is_error(record):
            span.set_attribute("error.type", str(record.status) if record.status >= 400 else record.reasons[-1])
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)


class _Instruments:
    """Those of `metrics`, and two that the GenAI conventions ask for."""

    def __init__(self, meters: MeterProvider) -> None:
        meter = meters.get_meter("headroom", headroom.__version__)
        self._requests = meter.create_counter("headroom.requests", "{request}", "Requests to models.")
        self._errors = meter.create_counter("headroom.request.errors", "{request}", "Requests that failed, wherever.")
        self._tokens = meter.create_counter("headroom.tokens", "{token}", "As billed, and as they would have been.")
        self._cost = meter.create_counter("headroom.cost", "{USD}", "What these cost, where prices are known.")
        self._texts = meter.create_counter("headroom.texts", "{text}", "New texts, by what became of them.")
        self._text_tokens = meter.create_counter("headroom.text.tokens", "{token}", "Of new texts, before and after.")
        self._retrievals = meter.create_counter("headroom.retrievals", "{call}", "A model asked for an original.")
        self._retrieved = meter.create_counter("headroom.retrieved.tokens", "{token}", "Of what models asked for.")
        self._lost = meter.create_counter("headroom.request.lost_tokens", "{token}", "More than a request came with.")

        def histogram(name: str, unit: str, help: str, measure: Measure, scale: float) -> Histogram:
            bounds = [bound * scale for bound in BOUNDS[measure]]
            return meter.create_histogram(name, unit, help, explicit_bucket_boundaries_advisory=bounds)

        of_times = "s", "Time that the proxy added.", Measure.ADDED, _MILLI
        of_first = "s", "Time to the first byte of the reply.", Measure.FIRST_BYTE, _MILLI
        of_saved = "{token}", "Fewer than a treated request came with.", Measure.SAVED, 1.0
        self._measured: dict[Measure, tuple[Histogram, float]] = {
            Measure.ADDED: (histogram("headroom.added_latency", *of_times), _MILLI),
            Measure.FIRST_BYTE: (histogram("headroom.time_to_first_byte", *of_first), _MILLI),
            Measure.SAVED: (histogram("headroom.request.saved_tokens", *of_saved), 1.0),
        }
        self._usage = meter.create_histogram("gen_ai.client.token.usage", "{token}", "Tokens of a request.")
        self._duration = meter.create_histogram("gen_ai.client.operation.duration", "s", "How long a request took.")

    def add(self, account: Account, model: str, client: str, costs: tuple[float | None, float | None]) -> None:
        """Adds a request."""
        record = account.record
        who: Attributes = {"gen_ai.response.model": storable(model, _LONGEST), "headroom.client": client}
        self._requests.add(1, {**who, "http.response.status_code": record.status})
        self._errors.add(int(is_error(record)), who)
        self._retrievals.add(len(record.retrieved))
        self._retrieved.add(account.retrieved_tokens)
        for text in record.texts:
            before, after = text.report.tokens_before, text.report.tokens_after
            self._texts.add(1, {"headroom.reason": text.report.reason.value})
            self._text_tokens.add(before, {"headroom.stage": "before"})
            self._text_tokens.add(after, {"headroom.stage": "after"})
        self._add_bills(account, who["gen_ai.response.model"], costs)
        for measure, value in measured(account):
            instrument, scale = self._measured[measure]
            instrument.record(max(0.0, value) * scale)
            if measure is Measure.SAVED:
                self._lost.add(max(0.0, -value))
        self._add_conventional(account, who["gen_ai.response.model"])

    def _add_bills(self, account: Account, model: object, costs: tuple[float | None, float | None]) -> None:
        sides = ("billed", account.billed, costs[0]), ("passthrough", account.passthrough, costs[1])
        for side, bill, cost in sides:
            about: Attributes = {"gen_ai.response.model": str(model), "headroom.bill": side}
            for name in CLASSES:
                self._tokens.add(getattr(bill, name), {**about, "headroom.class": name})
            if cost is not None:
                self._cost.add(cost, about)

    def _add_conventional(self, account: Account, model: object) -> None:
        about = {**_operation(account), "gen_ai.response.model": str(model)}
        for kind, tokens in (("input", account.billed.read), ("output", account.billed.output)):
            self._usage.record(tokens, {**about, "gen_ai.token.type": kind})
        if account.record.ms_total:
            self._duration.record(account.record.ms_total * _MILLI, about)


def _model(account: Account) -> str:
    record = account.record
    return next((leg.model for leg in reversed(record.legs) if leg.model), record.model) or NONE


def _operation(account: Account) -> Attributes:
    record = account.record
    return {
        "gen_ai.operation.name": "chat" if record.endpoint in _CHAT else record.endpoint,
        "gen_ai.provider.name": _PROVIDERS.get(record.upstream, record.upstream),
    }


def _conventional(account: Account) -> Attributes:
    """What the conventions have names for."""
    record, billed = account.record, account.billed
    return {
        **_operation(account),
        "gen_ai.request.model": storable(record.model, _LONGEST),
        "gen_ai.response.model": storable(_model(account), _LONGEST),
        "gen_ai.usage.input_tokens": round(billed.read),
        "gen_ai.usage.cache_read.input_tokens": round(billed.cache_read),
        "gen_ai.usage.cache_creation.input_tokens": round(billed.cache_write + billed.cache_write_1h),
        "gen_ai.usage.output_tokens": round(billed.output),
        "gen_ai.conversation.id": record.conversation,
        "http.response.status_code": record.status,
    }


def _own(account: Account, costs: tuple[float | None, float | None]) -> Attributes:
    record = account.record
    found: Attributes = {
        "headroom.tokens_saved": round(account.passthrough.read - account.billed.read),
        "headroom.measured": account.measured,
        "headroom.project": storable(record.project, _LONGEST),
        "headroom.client": storable(record.client, _LONGEST),
        "headroom.group": record.group.value,
        "headroom.reasons": list(record.reasons),
        "headroom.texts": len(record.texts),
        "headroom.texts.shortened": sum(text.report.tokens_after < text.report.tokens_before for text in record.texts),
        "headroom.retrievals": len(record.retrieved),
        "headroom.retrieved_tokens": account.retrieved_tokens,
        "headroom.added_latency": record.ms_added * _MILLI,
        "headroom.time_to_first_byte": record.ms_first_byte * _MILLI,
    }
    billed, passthrough = costs
    if billed is not None:
        found["headroom.cost_usd"] = billed
    if billed is not None and passthrough is not None:
        found["headroom.saved_usd"] = passthrough - billed
    return found


class Exporting:
    """A `Telemetry` to where the standard variables say, begun by the process and in the thread that has to tell."""

    def __init__(self, begin: Callable[[], Telemetry]) -> None:
        self._begin = begin
        self._begun: tuple[int, Telemetry] | None = None

    def __call__(self, account: Account) -> None:
        if self._begun is None or self._begun[0] != os.getpid():
            self._begun = os.getpid(), self._begin()
        self._begun[1](account)

    def close(self) -> None:
        """Ends it; it begins anew with the next request."""
        begun, self._begun = self._begun, None
        if begun is not None and begun[0] == os.getpid():
            begun[1].close()


def telemetry(cost: Cost) -> Telemetry:
    """One that exports over OTLP/HTTP."""
    resource = _resource()
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    for processor in _processors():
        tracers.add_span_processor(processor)
    return Telemetry(MeterProvider([*_readers()], resource=resource, shutdown_on_exit=False), tracers, cost)


def _resource() -> Resource:
    """What variables say of this process goes before what is known of it."""
    own = {
        "service.name": "headroom",
        "service.version": headroom.__version__,
        "service.instance.id": str(uuid.uuid4()),  # each worker sums up by itself
    }
    said = OTELResourceDetector().detect()
    return Resource.create().merge(Resource(own)).merge(said)


def _processors() -> Iterator[SpanProcessor]:
    if os.environ.get("OTEL_TRACES_EXPORTER") != "none":
        yield BatchSpanProcessor(OTLPSpanExporter())


def _readers() -> Iterator[MetricReader]:
    if os.environ.get("OTEL_METRICS_EXPORTER") != "none":
        yield PeriodicExportingMetricReader(OTLPMetricExporter())
